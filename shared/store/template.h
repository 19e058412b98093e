/* template - ready-made instructions. Key: id; unique name. First start makes sales, support and assistant. */
#ifndef OFFHOOK_TEMPLATE_H
#define OFFHOOK_TEMPLATE_H

#include "store/page.h"
#include "store/record.h"

struct template {
	char *id, *name, *description, *category, *instructions;
	bool is_active;
	int64_t created_at, updated_at, version;
};

extern const struct record_type template_type;

enum err template_get(struct txn *t, struct span id, struct template *out);
enum err template_by_name(struct txn *t, struct span name, struct template *out);

#endif
