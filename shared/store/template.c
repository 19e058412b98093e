#include "store/key.h"
#include "store/template.h"
#include "store/walk.h"

#define F(m, kind, flags, min, max, def, allowed, help) FIELD(struct template, m, kind, flags, min, max, def, allowed, help)

/* Order is the stored numbering: append only. */
static const struct field template_fields[] = {
	F(id,           FK_PLAIN, FF_READONLY, 0, 20,    NULL,     NULL, "number of the template"),
	F(name,         FK_PLAIN, FF_REQUIRED, 1, 100,   NULL,     NULL, "unique name"),
	F(description,  FK_PLAIN, 0,           0, 1000,  NULL,     NULL, "what it is for, in one line"),
	F(category,     FK_WORD,  0,           0, 0,     "custom", "sales support assistant custom", "where it is listed"),
	F(instructions, FK_PLAIN, 0,           0, 65536, NULL,     NULL, "what the model is told; {name}, {date}, {time}, {timezone}, {caller_number}, {called_number} are filled in"),
	F(is_active,    FK_PLAIN, 0,           0, 0,     "true",   NULL, "false: not offered any more"),
	F(created_at,   FK_TIME,  FF_READONLY, 0, 0,     NULL,     NULL, "when it was made"),
	F(updated_at,   FK_TIME,  FF_READONLY, 0, 0,     NULL,     NULL, "when it was last changed"),
	F(version,      FK_PLAIN, FF_READONLY, 0, 0,     "1",      NULL, "counts changes"),
};

const struct record_type template_type = {
	"template", T_TEMPLATE, template_fields, sizeof template_fields / sizeof *template_fields, sizeof(struct template), 1, "id",
};

void template_name_key(struct span key, struct span rec, struct index_keys *out)
{
	struct span name;

	(void)key;
	if (!record_peek(&template_type, rec, offsetof(struct template, name), &name))
		return;
	key_text(&out->k[0], name);
	out->n = 1;
}

enum err template_get(struct txn *t, struct span id, struct template *out)
{
	struct key k = { .n = 0 };

	return key_id(&k, id) ? record_get(t, &template_type, key_span(&k), out) : ERR_NOTFOUND;
}

enum err template_by_name(struct txn *t, struct span name, struct template *out)
{
	struct key k = { .n = 0 };

	key_text(&k, name);
	return record_by_prefix(t, &template_type, X_TEMPLATE_NAME, &k, false, out);
}
