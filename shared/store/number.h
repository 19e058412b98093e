/* number - a phone number of ours and who answers it. Key: E.164. */
#ifndef OFFHOOK_NUMBER_H
#define OFFHOOK_NUMBER_H

#include "store/page.h"
#include "store/record.h"

struct number {
	char *phone_number, *twilio_sid, *account, *agent;
	bool is_active;
	int64_t created_at, updated_at, version;
};

extern const struct record_type number_type;

enum err number_get(struct txn *t, struct span e164, struct number *out);

#endif
