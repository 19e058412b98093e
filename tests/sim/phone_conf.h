/* phone_conf - the options of `offhook-sim phone`: one table reads them, checks them and prints the help. */
#ifndef OFFHOOK_SIM_PHONE_CONF_H
#define OFFHOOK_SIM_PHONE_CONF_H

#include "base/field.h"

#define PHONE_LIST_MAX 32

struct phone_list {
	const char *v[PHONE_LIST_MAX];        /* lent by argv */
	size_t n;
};

struct phone_conf {
	char *url, *public_url, *connect, *account, *token, *from, *to, *status_url, *ca;
	bool get;
	int64_t calls;
	double rate, limit;
	char *scenario, *speech, *speech_cache, *dial, *agent_log;
	double pattern, duration;
	int64_t quiet_ms, patience_ms, say_ms;
	char *save, *save_both;
	int64_t delay_ms, jitter_ms, seed;
	bool quiet, json, help;
	struct phone_list map, say;           /* options that may come more than once */
};

enum err phone_conf_defaults(struct phone_conf *c);              /* without the environment */
/* ERR_USAGE: `why` names the option. */
enum err phone_conf_read(struct phone_conf *c, int argc, char **argv, struct buf *why);
void phone_conf_fini(struct phone_conf *c);
void phone_conf_help(struct buf *out);

#endif
