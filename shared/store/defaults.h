/* defaults - the texts of a first start: what an agent says when nobody has told it more, and the three templates. */
#ifndef OFFHOOK_DEFAULTS_H
#define OFFHOOK_DEFAULTS_H

#include <stddef.h>

#define DEFAULT_NAME "default"            /* of the account and the agent of a first start */
#define DEFAULT_GREETING "Hello, how can I help you?"

extern const char default_instructions[];

struct default_template {
	const char *name, *description, *category, *instructions;
};
extern const struct default_template default_templates[];
extern const size_t default_templates_n;

#endif
