/* phone_words - the agent's words beside its sound: read from the log of a simulated model, for people who watch one call. */
#include <fcntl.h>
#include <unistd.h>

#include "phone.h"

#define LINES_MAX ((size_t)4 << 20)

static void show(const struct call *c, struct span line)
{
	struct json_object *o = NULL, *event;
	struct span words;

	if (!memmem(line.p, line.n, "output_audio_transcript.done", 28) || json_read(&o, line) != ERR_OK)
		return;
	event = json_get(o, "event");
	words = json_get_span(event, "transcript");
	if (span_is(json_get_span(event, "type"), "response.output_audio_transcript.done") && words.n)
		phone_say(c, "agent", "\"" SPAN_FMT "\"", SPAN_ARG(words));
	json_object_put(o);
}

static size_t read_on(struct phone *ph, struct buf *b)
{
	int fd = open(ph->conf.agent_log, O_RDONLY | O_CLOEXEC);
	char *room;
	ssize_t n = 0;

	while (fd >= 0 && (room = buf_room(b, 65536)) && (n = pread(fd, room, 65536, ph->words_at + (off_t)b->n)) > 0)
		buf_wrote(b, (size_t)n);
	if (fd >= 0)
		close(fd);
	return b->err ? 0 : b->n;
}

/* What the log has had since the last look; a line that is not finished waits for the next. */
void phone_words(struct call *c, bool tell)
{
	struct phone *ph = c->ph;
	struct buf b = BUF_BOUND(LINES_MAX);
	struct span rest, line;
	const char *end;

	if (!ph->conf.agent_log || ph->n_calls > 1)
		return;
	if (read_on(ph, &b) && (end = memrchr(b.p, '\n', b.n))) {
		rest = span_of(b.p, (size_t)(end - b.p));
		ph->words_at += (off_t)rest.n + 1;
		while (tell && span_cut(&rest, '\n', &line))
			show(c, line);
	}
	buf_fini(&b);
}
