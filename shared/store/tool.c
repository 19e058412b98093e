#include "store/tool.h"

#define F(m, kind, flags, min, max, def, allowed, help) FIELD(struct tool, m, kind, flags, min, max, def, allowed, help)
#define NO_ARGUMENTS "{\"type\":\"object\",\"properties\":{}}"

/* Order is the stored numbering: append only. */
static const struct field tool_fields[] = {
	F(name,        FK_PLAIN,  FF_REQUIRED, 1, 64,       NULL,         NULL, "what the model calls it: letters, digits, _ and -"),
	F(description, FK_PLAIN,  0,           0, 4000,     NULL,         NULL, "what it does and when to use it; the model reads this"),
	F(parameters,  FK_OBJECT, 0,           0, 65536,    NO_ARGUMENTS, NULL, "JSON schema of the arguments"),
	F(url,         FK_URL,    FF_REQUIRED, 0, 2000,     NULL,         "http https", "where it is called"),
	F(method,      FK_WORD,   0,           0, 0,        "POST",       "GET POST PUT PATCH DELETE", "how it is called"),
	F(headers,     FK_OBJECT, FF_SECRET,   0, 16384,    NULL,         NULL, "JSON object of further request headers"),
	F(timeout_ms,  FK_PLAIN,  0,           100, 120000, "10000",      NULL, "milliseconds until the model is told that it failed"),
	F(filler,      FK_PLAIN,  0,           0, 500,      NULL,         NULL, "spoken when it takes long; empty: nothing"),
	F(secret,      FK_PLAIN,  FF_SECRET,   0, 200,      NULL,         NULL, "signs the calls (X-Offhook-Signature); made at creation when not given"),
	F(created_at,  FK_TIME,   FF_READONLY, 0, 0,        NULL,         NULL, "when it was made"),
	F(updated_at,  FK_TIME,   FF_READONLY, 0, 0,        NULL,         NULL, "when it was last changed"),
	F(version,     FK_PLAIN,  FF_READONLY, 0, 0,        "1",          NULL, "counts changes"),
};

const struct record_type tool_type = {
	"tool", T_TOOL, tool_fields, sizeof tool_fields / sizeof *tool_fields, sizeof(struct tool), 1, "name",
};

const struct tool_builtin tool_builtins[] = {
	{ "end_call", "Hang up. Call this after you have said goodbye, when the caller has nothing more or wants to end the call.",
	  "{\"type\":\"object\",\"properties\":{\"reason\":{\"type\":\"string\",\"description\":\"Why the call ends, in a few words\"}},\"required\":[\"reason\"]}" },
	{ "transfer_call", "Hand the caller over to a person. Say whom you connect to before you call this.",
	  "{\"type\":\"object\",\"properties\":{\"target\":{\"type\":\"string\",\"description\":\"A name from the list of targets, or a number in E.164 form\"},"
	  "\"return_to_agent\":{\"type\":\"boolean\",\"description\":\"Take the caller back when nobody answers; true when left out\"},"
	  "\"summary\":{\"type\":\"string\",\"description\":\"Spoken to the person before the caller is put through: who calls and why\"}},"
	  "\"required\":[\"target\"]}" },
	{ "send_digits", "Press keys on the phone, for a menu or an extension.",
	  "{\"type\":\"object\",\"properties\":{\"digits\":{\"type\":\"string\",\"description\":\"0-9, * and #; w waits half a second\"}},\"required\":[\"digits\"]}" },
	{ "get_current_time", "The date and time now, where the agent is.", NO_ARGUMENTS },
	{ "take_message", "Store a message that the caller leaves. Read it back to the caller first.",
	  "{\"type\":\"object\",\"properties\":{\"message\":{\"type\":\"string\"},\"name\":{\"type\":\"string\",\"description\":\"Who called\"},"
	  "\"number\":{\"type\":\"string\",\"description\":\"Where to call back\"}},\"required\":[\"message\"]}" },
	{ "collect_digits", "Wait for keys that the caller presses, ended by # or a pause. Ask for them first. Use secret for card numbers and PINs: you will not see them.",
	  "{\"type\":\"object\",\"properties\":{\"max_digits\":{\"type\":\"integer\",\"description\":\"1 to 32; as many are enough\"},"
	  "\"secret\":{\"type\":\"boolean\",\"description\":\"Keep the digits, and all sound meanwhile, from the conversation\"},"
	  "\"deliver_to\":{\"type\":\"string\",\"description\":\"Name of the tool that is given the digits; needed with secret\"}}}" },
};
const size_t tool_builtins_n = sizeof tool_builtins / sizeof *tool_builtins;

enum err tool_get(struct txn *t, struct span name, struct tool *out)
{
	return name.n == 0 || name.n > 64 ? ERR_NOTFOUND : record_get(t, &tool_type, name, out);
}
