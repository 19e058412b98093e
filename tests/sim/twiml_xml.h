/* twiml_xml - well-formed XML 1.0 without document type and processing instructions: all that TwiML may be. Strict: the first fault ends it. */
#ifndef OFFHOOK_SIM_TWIML_XML_H
#define OFFHOOK_SIM_TWIML_XML_H

#include "base/buf.h"

struct xml_attr {
	char *name, *value;
	struct xml_attr *next;
};

struct xml {
	char *name;
	struct buf text;                  /* of its own, references resolved, children's left out */
	struct xml_attr *attrs;
	struct xml *kids, *next;          /* in the order of the document */
};

/* ERR_SYNTAX: *why says what and where. ERR_VALUE: a declaration that is not 1.0. */
enum err xml_read(struct xml **out, struct span doc, struct buf *why);
void xml_free(struct xml *x);
const char *xml_attr(const struct xml *x, const char *name);      /* NULL when absent */

#endif
