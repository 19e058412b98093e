/* account - a Twilio account and a model key. Key: id (8-byte big-endian counter); unique name; found by Twilio SID too. First start makes `default`. */
#ifndef OFFHOOK_ACCOUNT_H
#define OFFHOOK_ACCOUNT_H

#include "store/page.h"
#include "store/record.h"

struct account {
	char *id;                         /* decimal text, as printed; every record has one, assigned by create */
	char *name;
	char *openai_api_key;             /* sealed */
	char *twilio_account_sid;
	char *twilio_auth_token;          /* sealed */
	char *default_agent;              /* agent id */
	char *fallback_number;
	bool is_active;
	int64_t created_at, updated_at, version;
	double max_month_cost;
};

extern const struct record_type account_type;

enum err account_get(struct txn *t, struct span id, struct account *out);
enum err account_by_name(struct txn *t, struct span name, struct account *out);
enum err account_by_sid(struct txn *t, struct span twilio_account_sid, struct account *out);
enum err account_default(struct txn *t, struct account *out);

#endif
