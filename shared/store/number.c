#include "store/key.h"
#include "store/number.h"
#include "store/walk.h"

#define F(m, kind, flags, min, max, def, allowed, help) FIELD(struct number, m, kind, flags, min, max, def, allowed, help)

/* Order is the stored numbering: append only. */
static const struct field number_fields[] = {
	F(phone_number, FK_PHONE, FF_REQUIRED, 0, 0,   NULL,   NULL,      "E.164, +15550100"),
	F(twilio_sid,   FK_PLAIN, 0,           0, 64,  NULL,   NULL,      "Twilio's name of it, PN..."),
	F(account,      FK_REF,   0,           0, 100, NULL,   "account", "whose it is; none: the default account's"),
	F(agent,        FK_REF,   0,           0, 201, NULL,   "agent",   "who answers; none: the account's default agent"),
	F(is_active,    FK_PLAIN, 0,           0, 0,   "true", NULL,      "false: calls are not answered by an agent"),
	F(created_at,   FK_TIME,  FF_READONLY, 0, 0,   NULL,   NULL,      "when it was made"),
	F(updated_at,   FK_TIME,  FF_READONLY, 0, 0,   NULL,   NULL,      "when it was last changed"),
	F(version,      FK_PLAIN, FF_READONLY, 0, 0,   "1",    NULL,      "counts changes"),
};

const struct record_type number_type = {
	"number", T_NUMBER, number_fields, sizeof number_fields / sizeof *number_fields, sizeof(struct number), 1, "phone_number",
};

void number_agent_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span agent;

	if (!record_peek(&number_type, rec, offsetof(struct number, agent), &agent) || !key_id(&out->k[0], agent))
		return;
	key_bytes(&out->k[0], key);
	out->n = 1;
}

enum err number_get(struct txn *t, struct span e164, struct number *out)
{
	return e164.n == 0 || e164.n > KEY_TEXT_MAX ? ERR_NOTFOUND : record_get(t, &number_type, e164, out);
}
