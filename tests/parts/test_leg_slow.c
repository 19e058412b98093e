/*
 * test_leg_slow - peers that do not do their part: who does not read must not cost memory, who says nothing must not stay for ever, and whoever
 * shows life, in whatever way, must not be cut off. Also what becomes of the calls of a relay that was killed.
 */
#include "relay_world.h"

#define MB ((size_t)1 << 20)

static size_t resident(pid_t pid)
{
	struct buf b = BUF_BOUND(4096);
	char path[64];
	unsigned long all = 0, pages = 0;

	snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
	assert_int_equal(file_read(&b, path), ERR_OK);
	sscanf(buf_z(&b), "%lu %lu", &all, &pages);
	buf_fini(&b);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void talking(struct relay_world *w, struct phone_call *c, struct peer *model, struct peer *phone)
{
	struct buf b = BUF_BOUND((size_t)1 << 20);
	char said[64];

	call_make(w, c);
	announce(w, c, said);
	assert_string_equal(said, "ok");
	model_ready(w, model);
	phone_connect(w, phone, c, c->token[0]);
	assert_true(phone_media(phone, c, 0));
	assert_true(peer_message(model, 3000, &b));
	buf_fini(&b);
}

/* As many frames as the peer takes within the time; a peer that has stopped reading makes them fewer. */
static size_t flood(struct peer *p, const char *text, size_t n, int ms)
{
	int64_t until = peer_ms() + ms;
	size_t sent = 0;

	fd_nonblock(p->fd, true);
	while (peer_ms() < until) {
		ssize_t w = send(p->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (w < (ssize_t)n && w > 0)             /* the rest of a frame that was begun */
			peer_write(p, text + w, n - (size_t)w);
		else if (w < 0)
			poll(NULL, 0, 1);
		sent += w > 0 ? n : 0;
	}
	fd_nonblock(p->fd, false);
	return sent;
}

/* One frame, ready to be sent again and again. */
static void frame_of(struct peer *from, const char *text, struct buf *out)
{
	struct peer tape = { .masks = from->masks };
	int pair[2];
	char piece[65536];
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	tape.fd = pair[0];
	assert_true(peer_text(&tape, text));
	n = recv(pair[1], piece, sizeof piece, 0);
	buf_add(out, span_of(piece, (size_t)n));
	close(pair[0]);
	close(pair[1]);
}

static void a_phone_that_does_not_read_costs_no_memory(void **state)
{
	struct relay_world w;
	struct phone_call c;
	struct peer model, phone;
	struct buf delta = BUF_INIT, text = BUF_INIT;
	uint8_t audio[2000] = { 0 };
	size_t before, after, sent;

	(void)state;
	world_begin(&w, NULL, true);
	setenv("OFFHOOK_PLAYOUT_LEAD_MS", "0", 1);           /* as fast as it comes */
	relay_start(&w);
	talking(&w, &c, &model, &phone);
	assert_true(model_answer_begin(&model, "resp_1", "item_1"));
	buf_addz(&text, "{\"type\":\"response.output_audio.delta\",\"event_id\":\"e\",\"response_id\":\"resp_1\",\"item_id\":\"item_1\",\"output_index\":0,"
			"\"content_index\":0,\"delta\":\"");
	b64_encode(buf_room(&text, B64_ENCODED(sizeof audio)), audio, sizeof audio);
	buf_wrote(&text, B64_ENCODED(sizeof audio));
	buf_addz(&text, "\"}");
	frame_of(&model, buf_z(&text), &delta);
	before = resident(w.pid);
	sent = flood(&model, delta.p, delta.n, 6000);
	after = resident(w.pid);
	print_message("model sent %zu MB, the relay grew by %zu KB\n", sent / MB, (after - before) / 1024);
	assert_true(sent > 8 * MB);
	assert_true(after < before + 24 * MB);               /* ten minutes of audio that wait, a queue and the kernel's share */
	assert_int_equal(active_calls(&w), 1);
	buf_fini(&text);
	buf_fini(&delta);
	peer_close(&model);
	peer_close(&phone);
	unsetenv("OFFHOOK_PLAYOUT_LEAD_MS");
	world_end(&w);
}

static void a_model_that_does_not_read_costs_no_memory_and_not_the_call(void **state)
{
	struct relay_world w;
	struct phone_call c;
	struct peer model, phone;
	struct buf media = BUF_INIT;
	char text[600], b64[B64_ENCODED(160) + 1] = "";
	uint8_t audio[160] = { 7 };
	size_t before, after, sent;

	(void)state;
	world_begin(&w, NULL, true);
	relay_start(&w);
	talking(&w, &c, &model, &phone);
	b64_encode(b64, audio, sizeof audio);
	snprintf(text, sizeof text, "{\"event\":\"media\",\"sequenceNumber\":\"3\",\"media\":{\"track\":\"inbound\",\"chunk\":\"2\",\"timestamp\":\"20\","
		 "\"payload\":\"%s\"},\"streamSid\":\"%s\"}", b64, c.stream);
	frame_of(&phone, text, &media);
	before = resident(w.pid);
	sent = flood(&phone, media.p, media.n, 6000);
	after = resident(w.pid);
	print_message("phone sent %zu MB, the relay grew by %zu KB\n", sent / MB, (after - before) / 1024);
	assert_true(sent > 8 * MB);
	assert_true(after < before + 16 * MB);
	assert_int_equal(active_calls(&w), 1);
	assert_int_equal(peer_closed(&phone, 100), -1);
	buf_fini(&media);
	peer_close(&model);
	peer_close(&phone);
	world_end(&w);
}

/* --- half a minute of silence, several kinds at once --- */

struct silence {
	struct relay_world w, killed;
	struct phone_call door, quiet, alive, orphan[2];
	struct peer half_line, half_head, door_phone, quiet_model, quiet_phone, alive_model, alive_phone, orphan_phone, orphan_model;
	int64_t begun;
};

/* A relay dies with a call that talks and one that waits; another is started at once. */
static void orphans_make(struct silence *s)
{
	struct peer model;
	char said[64];

	world_begin(&s->killed, NULL, true);
	relay_start(&s->killed);
	talking(&s->killed, &s->orphan[0], &s->orphan_model, &s->orphan_phone);
	call_make(&s->killed, &s->orphan[1]);
	announce(&s->killed, &s->orphan[1], said);
	assert_string_equal(said, "ok");
	model_ready(&s->killed, &model);
	poll(NULL, 0, 300);                                  /* what it has claimed is written */
	peer_close(&model);
	kill(s->killed.pid, SIGKILL);
	assert_int_equal(relay_wait(s->killed.pid, 5000), 128 + SIGKILL);
	world_environment(&s->killed);
	relay_start(&s->killed);
}

static void silence_begin(struct silence *s)
{
	orphans_make(s);
	world_begin(&s->w, NULL, true);
	relay_start(&s->w);
	talking(&s->w, &s->quiet, &s->quiet_model, &s->quiet_phone);
	talking(&s->w, &s->alive, &s->alive_model, &s->alive_phone);
	assert_true(model_greets(&s->quiet_model) && model_greets(&s->alive_model));
	call_make(&s->w, &s->door);
	assert_true(peer_dial(&s->door_phone, s->w.media_port, 0));
	assert_int_equal(peer_ask(&s->door_phone, s->door.path, NULL), 101);
	assert_true(peer_dial(&s->half_line, s->w.media_port, 0) && peer_write(&s->half_line, "GET /hea", 8));
	assert_true(peer_dial(&s->half_head, s->w.media_port, 0) && peer_write(&s->half_head, "GET /healthz HTTP/1.1\r\nhost: x\r\n", 33));
	s->begun = peer_ms();
}

/* `alive`: pings are not answered on either side, but audio comes. */
static void show_life(struct silence *s, unsigned nth)
{
	struct buf b = BUF_BOUND((size_t)1 << 20);
	int op;

	assert_true(phone_media(&s->alive_phone, &s->alive, nth));
	assert_true(peer_text(&s->alive_model, "{\"type\":\"rate_limits.updated\",\"event_id\":\"e9\",\"rate_limits\":[]}"));
	while ((op = peer_next(&s->alive_model, 1, true, &b)) != OP_NOTHING)
		assert_true(op != OP_EOF && op != OP_CLOSE);
	while ((op = peer_next(&s->alive_phone, 1, true, &b)) != OP_NOTHING)
		assert_true(op != OP_EOF && op != OP_CLOSE);
	buf_fini(&b);
}

static bool gone_now(struct peer *p)
{
	struct buf b = BUF_BOUND((size_t)1 << 20);
	int op;

	while ((op = peer_next(p, 0, true, &b)) >= 0)
		;
	buf_fini(&b);
	return op == OP_EOF;
}

static void silent_peers_are_given_up_and_living_ones_are_kept(void **state)
{
	struct silence *s = calloc(1, sizeof *s);
	int64_t door_ms = 0, phone_ms = 0, model_ms = 0, line_ms = 0, head_ms = 0, now;
	unsigned nth = 1;

	(void)state;
	silence_begin(s);
	while ((now = peer_ms() - s->begun) < 36000) {
		show_life(s, nth++);
		if (!line_ms && gone_now(&s->half_line))
			line_ms = now;
		if (!head_ms && gone_now(&s->half_head))
			head_ms = now;
		if (!door_ms && peer_closed(&s->door_phone, 0) == 1008)
			door_ms = now;
		if (!phone_ms && gone_now(&s->quiet_phone))
			phone_ms = now;
		if (!model_ms && gone_now(&s->quiet_model))
			model_ms = now;
		poll(NULL, 0, 200);
	}
	print_message("no start: closed after %.1f s; no pong: phone %.1f s, model %.1f s\n", (double)door_ms / 1000, (double)phone_ms / 1000,
		      (double)model_ms / 1000);
	assert_in_range(line_ms, 4000, 7000);
	assert_in_range(head_ms, 4000, 7000);
	assert_in_range(door_ms, 9500, 12500);
	assert_in_range(phone_ms, 29000, 33000);
	assert_in_range(model_ms, 29000, 33000);
	soon(8000, call_ended_as(&s->killed, &s->orphan[0], "relay_lost"));
	soon(3000, call_ended_as(&s->killed, &s->orphan[1], "stream_failed"));
	peer_close(&s->half_line);
	peer_close(&s->half_head);
	peer_close(&s->door_phone);
	peer_close(&s->quiet_model);
	peer_close(&s->quiet_phone);
	peer_close(&s->alive_model);
	peer_close(&s->alive_phone);
	peer_close(&s->orphan_model);
	peer_close(&s->orphan_phone);
	world_end(&s->w);
	world_end(&s->killed);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_phone_that_does_not_read_costs_no_memory),
		cmocka_unit_test(a_model_that_does_not_read_costs_no_memory_and_not_the_call),
		cmocka_unit_test(silent_peers_are_given_up_and_living_ones_are_kept),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
