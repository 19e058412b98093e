/* Arguments of a call against a tool's schema: the schema, a newline, the arguments. What passes is an object, and passes again when written anew. */
#include <assert.h>

#include "base/json.h"
#include "media-relay/tools_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span rest = span_of(p, n), schema;
	struct json_object *args = NULL, *again = NULL;
	struct buf why = BUF_BOUND(4096), text = BUF_INIT;

	if (!span_cut(&rest, '\n', &schema))
		return 0;
	if (tools_check(rest, schema, &args, &why)) {
		assert(json_object_is_type(args, json_type_object) && !why.n);
		assert(json_write(&text, args) == ERR_OK);
		assert(tools_check(buf_span(&text), schema, &again, &why));
	} else {
		assert(!args && why.n);
	}
	json_object_put(args);
	json_object_put(again);
	buf_fini(&why);
	buf_fini(&text);
	return 0;
}
