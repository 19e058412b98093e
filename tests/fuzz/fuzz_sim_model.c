/* A scenario in the first line, client events in the others, time between them: whatever comes in, what the simulated model sends is JSON with a type. */
#include <assert.h>

#include "base/clock.h"
#include "tests/sim/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static size_t waiting;                           /* sent since the clock last moved: scripts may ask for hours of audio at once */

static void on_send(void *conn, struct span bytes, bool binary)
{
	struct json_object *o = NULL;

	waiting += bytes.n;
	(void)conn;
	if (binary || span_starts(bytes, SPAN("{\"type\":\"response.output_audio.delta\",\"delta\":")))
		return;                          /* scripted garbage */
	if (json_read(&o, bytes) == ERR_OK)
		assert(json_get_span(o, "type").p);
	else
		assert(!span_starts(bytes, SPAN("{\"type\":\"")) || !span_utf8(bytes));
	json_object_put(o);
}

static void on_close(void *conn, unsigned code, struct span reason)
{
	(void)conn;
	(void)code;
	(void)reason;
}

static void on_drop(void *conn)
{
	(void)conn;
}

static void on_hold(void *conn, bool reading, bool writing, int64_t ms)
{
	(void)conn;
	(void)reading;
	(void)writing;
	(void)ms;
}

static void on_fragment(void *conn, size_t bytes)
{
	(void)conn;
	(void)bytes;
}

static size_t backlog(void *conn)
{
	(void)conn;
	return waiting;
}

static const struct model_ops ops = { on_send, on_close, on_drop, on_hold, on_fragment, backlog };

static void pass(struct model_sess *s, int ticks)
{
	for (int i = 0; i < ticks && !s->dead; i++) {
		clock_move(100);
		waiting = 0;
		model_sess_tick(s, clock_ms());
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span rest = span_of(p, n), line;
	struct scenario *sc = NULL;
	static struct model m;
	struct model_sess *s;

	if (!span_cut(&rest, '\n', &line))
		line = SPAN("");
	clock_set(1000, 1790000000000);
	if (scenario_parse(&sc, line, NULL) && scenario_parse(&sc, SPAN("{\"turns\":[{\"replies\":[{\"say\":\"a\",\"calls\":[{\"name\":\"f\"}]},{\"say\":\"b\"}]}]}"), NULL))
		return 0;
	m.scenario = sc;
	m.sessions = 0;
	s = model_sess_new(&m, &ops, NULL, SPAN("gpt-realtime-2.1"));
	model_sess_open(s);
	for (unsigned k = 0; k < 60 && !s->dead && span_cut(&rest, '\n', &line); k++) {
		model_sess_message(s, line);
		pass(s, 3);
	}
	pass(s, 20);
	model_sess_free(s);
	scenario_free(sc);
	return 0;
}
