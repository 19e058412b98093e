#include "store/account.h"
#include "store/defaults.h"
#include "store/key.h"
#include "store/walk.h"

#define F(m, kind, flags, min, max, def, allowed, help) FIELD(struct account, m, kind, flags, min, max, def, allowed, help)

/* Order is the stored numbering: append only. */
static const struct field account_fields[] = {
	F(id,                 FK_PLAIN, FF_READONLY,  0, 20,   NULL,   NULL, "number of the account"),
	F(name,               FK_PLAIN, FF_REQUIRED,  1, 100,  NULL,   NULL, "unique name"),
	F(openai_api_key,     FK_PLAIN, FF_SECRET,    0, 500,  NULL,   NULL, "key of the model; none: the default account's"),
	F(twilio_account_sid, FK_PLAIN, 0,            0, 64,   NULL,   NULL, "Twilio's AccountSid, AC..."),
	F(twilio_auth_token,  FK_PLAIN, FF_SECRET,    0, 200,  NULL,   NULL, "Twilio's auth token: checks signatures, signs REST"),
	F(default_agent,      FK_REF,   0,            0, 100,  NULL,   "agent", "who answers numbers that name no agent"),
	F(fallback_number,    FK_PHONE, 0,            0, 0,    NULL,   NULL, "dialled when no agent can answer"),
	F(is_active,          FK_PLAIN, 0,            0, 0,    "true", NULL, "false: its numbers are not answered by its own default agent"),
	F(created_at,         FK_TIME,  FF_READONLY,  0, 0,    NULL,   NULL, "when it was made"),
	F(updated_at,         FK_TIME,  FF_READONLY,  0, 0,    NULL,   NULL, "when it was last changed"),
	F(version,            FK_PLAIN, FF_READONLY,  0, 0,    "1",    NULL, "counts changes"),
	F(max_month_cost,     FK_PLAIN, 0,            0, 1e7,  NULL,   NULL, "US dollars all its calls of a month (UTC) may cost; none: no limit"),
};

const struct record_type account_type = {
	"account", T_ACCOUNT, account_fields, sizeof account_fields / sizeof *account_fields, sizeof(struct account), 1, "id",
};

void account_name_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span name;

	(void)key;
	if (!record_peek(&account_type, rec, offsetof(struct account, name), &name))
		return;
	key_text(&out->k[0], name);
	out->n = 1;
}

void account_sid_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span sid;

	if (!record_peek(&account_type, rec, offsetof(struct account, twilio_account_sid), &sid))
		return;
	key_text(&out->k[0], sid);
	key_bytes(&out->k[0], key);
	out->n = 1;
}

enum err account_get(struct txn *t, struct span id, struct account *out)
{
	struct key k = { .n = 0 };

	return key_id(&k, id) ? record_get(t, &account_type, key_span(&k), out) : ERR_NOTFOUND;
}

static enum err account_by(struct txn *t, enum index x, struct span text, struct account *out)
{
	struct key k = { .n = 0 };

	if (!text.p)
		return ERR_NOTFOUND;
	key_text(&k, text);
	return record_by_prefix(t, &account_type, x, &k, false, out);
}

enum err account_by_name(struct txn *t, struct span name, struct account *out)
{
	return account_by(t, X_ACCOUNT_NAME, name, out);
}

enum err account_by_sid(struct txn *t, struct span twilio_account_sid, struct account *out)
{
	return account_by(t, X_ACCOUNT_SID, twilio_account_sid, out);
}

enum err account_default(struct txn *t, struct account *out)
{
	return account_by(t, X_ACCOUNT_NAME, SPAN(DEFAULT_NAME), out);
}
