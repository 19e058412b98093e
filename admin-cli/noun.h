/* noun - what the files that change records share: a job on one noun, and `field=value` words. */
#ifndef OFFHOOK_CLI_NOUN_H
#define OFFHOOK_CLI_NOUN_H

#include "cli.h"
#include "store/noun.h"

#define VALUE_MAX ((size_t)1 << 20)

struct assign {                          /* one field=value word, @file read */
	const struct field *field;
	struct buf value;
};

struct job {                             /* what a transaction body is given; reset by job_begin as it may run several times */
	struct cli *cli;
	const struct noun *noun;
	struct span x;                   /* the record named on the command line */
	void *rec;
	struct json_object *json;        /* the record as printed */
	struct buf why;
	struct assign *set;
	size_t set_n;
	bool force;
	struct buf secret;               /* a secret that was made and is told once */
};

enum err job_init(struct job *j, struct cli *c, const char *noun, struct span x);
void job_begin(struct job *j);                                   /* first line of a body */
enum err job_run(struct job *j, enum cli_access access, enum err (*body)(struct txn *, void *));        /* tells what went wrong */
void job_fini(struct job *j);

enum err assigns_read(struct job *j, const struct args *a, bool create);  /* a->rest, and X of `create X`; unknown fields are ERR_USAGE with the nearest name */
enum err assigns_apply(struct job *j, void *rec);

/* "account/name" and the like: how an error names a record of the noun. */
void job_name(const struct job *j, struct buf *out);

#endif
