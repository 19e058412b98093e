/*
 * hook_world - what a webhook handler needs around it in a unit test: a store in a directory of its own, and a relay that says what it is told to say.
 * The handler runs in the test's thread, the relay in one beside it.
 */
#ifndef OFFHOOK_TEST_HOOK_WORLD_H
#define OFFHOOK_TEST_HOOK_WORLD_H

#include <ftw.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "control.h"
#include "fcgi-webhook/route.h"
#include "store/account.h"
#include "store/noun.h"
#include "store/number.h"

#define RELAY_ANSWERS 8

struct world {
	char dir[64], run[96], db[96], key[96], sock[96];      /* laid out as a data directory */
	struct hook h;
	struct answer a;
	/* the relay */
	pthread_t thread;
	pthread_mutex_t lock;
	int listen_fd, stop[2];
	const char *says[RELAY_ANSWERS];     /* one per question, the last one for ever; NULL: no answer at all */
	unsigned asked;
	char heard[RELAY_ANSWERS][512];
};

static inline const char *world_next(struct world *w, const char *line)
{
	unsigned last = 0, n;
	const char *says;

	pthread_mutex_lock(&w->lock);
	n = w->asked++;
	if (n < RELAY_ANSWERS)
		snprintf(w->heard[n], sizeof w->heard[n], "%s", line);
	while (last + 1 < RELAY_ANSWERS && w->says[last + 1])
		last++;
	says = w->says[n < last ? n : last];
	pthread_mutex_unlock(&w->lock);
	return says;
}

static inline void world_serve(struct world *w, int fd)
{
	char line[512] = "";
	ssize_t n = recv(fd, line, sizeof line - 1, 0);
	const char *says = n > 0 ? world_next(w, line) : NULL;

	if (says) {
		send(fd, says, strlen(says), MSG_NOSIGNAL);
		send(fd, "\n", 1, MSG_NOSIGNAL);
		close(fd);
	} else {
		close(fd);
	}
}

static inline void *world_relay(void *arg)
{
	struct world *w = arg;
	struct pollfd p[2] = { { .fd = w->listen_fd, .events = POLLIN }, { .fd = w->stop[0], .events = POLLIN } };

	while (poll(p, 2, -1) >= 0 && !p[1].revents) {
		int fd = accept(w->listen_fd, NULL, NULL);

		if (fd >= 0)
			world_serve(w, fd);
	}
	return NULL;
}

static inline void world_says(struct world *w, const char *first, const char *second)
{
	pthread_mutex_lock(&w->lock);
	memset(w->says, 0, sizeof w->says);
	memset(w->heard, 0, sizeof w->heard);
	w->says[0] = first;
	w->says[1] = second;
	w->asked = 0;
	pthread_mutex_unlock(&w->lock);
}

static inline void world_quiet(const char *line, void *arg)
{
	(void)line, (void)arg;
}

static inline int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);

	assert_non_null(w);
	log_to(world_quiet, NULL);
	snprintf(w->dir, sizeof w->dir, "/tmp/offhook-hook-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->db, sizeof w->db, "%s/db", w->dir);
	snprintf(w->key, sizeof w->key, "%s/secret.key", w->dir);
	snprintf(w->run, sizeof w->run, "%s/run", w->dir);
	snprintf(w->sock, sizeof w->sock, "%s/run/relay.sock", w->dir);
	assert_int_equal(dir_make(w->run, 0700), ERR_OK);
	w->h.cf.public_url = span_dup(SPAN("https://voice.example.net"));
	w->h.cf.stream_url = span_dup(SPAN("wss://voice.example.net"));
	w->h.cf.twilio_validate = span_dup(SPAN("off"));
	w->h.cf.relay_socket = span_dup(span_z(w->sock));
	w->h.store_options = (struct store_options){ .home = w->db, .key_file = w->key, .sentinel = true, .create = true };
	assert_int_equal(store_open(&w->h.store, &w->h.store_options), ERR_OK);
	assert_int_equal(store_first_start(w->h.store), ERR_OK);
	pthread_mutex_init(&w->lock, NULL);
	assert_int_equal(unix_listen(&w->listen_fd, w->sock, 0600), ERR_OK);
	assert_int_equal(pipe(w->stop), 0);
	assert_int_equal(pthread_create(&w->thread, NULL, world_relay, w), 0);
	world_says(w, "{\"ok\":true}", NULL);
	*state = w;
	return 0;
}

static inline int world_unlink(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st, (void)kind, (void)at;
	return remove(path);
}

static inline int world_teardown(void **state)
{
	struct world *w = *state;

	close(w->stop[1]);
	pthread_join(w->thread, NULL);
	close(w->stop[0]);
	close(w->listen_fd);
	db_close(&w->h);
	settings_fini(&w->h.cf);
	answer_fini(&w->a);
	answer_fini(&w->h.rescue);
	nftw(w->dir, world_unlink, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

/* One request through the router, as lighttpd would hand it over; the answer stays in w->a. */
struct ask {
	const char *method, *uri, *type, *body, *signature, *user;
};

static inline int world_ask(struct world *w, const struct ask *q)
{
	struct request r = { .method = span_z(q->method), .content_type = span_z(q->type), .signature = span_z(q->signature), .user = span_z(q->user),
			     .began_ms = clock_ms(), .body = span_z(q->body) };

	request_init(&r, span_z(q->uri));
	answer_fini(&w->a);
	w->a.status = 500;
	route_serve(&w->h, &r, &w->a);
	request_fini(&r);
	return w->a.status;
}

#define FORM_TYPE "application/x-www-form-urlencoded"

static inline int world_post(struct world *w, const char *uri, const char *body)
{
	return world_ask(w, &(struct ask){ "POST", uri, FORM_TYPE, body, NULL, NULL });
}

static inline bool world_said(struct world *w, const char *part)
{
	return strstr(buf_z(&w->a.body), part);
}

/* The value of an attribute of the answer. */
static inline void world_attr(struct world *w, const char *before, char *out, size_t cap)
{
	const char *at = strstr(buf_z(&w->a.body), before);
	size_t n = 0;

	assert_non_null(at);
	at += strlen(before);
	while (at[n] && at[n] != '"' && n + 1 < cap)
		n++;
	memcpy(out, at, n);
	out[n] = '\0';
}

/* --- records --- */

struct world_create {
	const struct noun *noun;
	void *rec;
	char key[64];
};

static inline enum err world_create_body(struct txn *t, void *arg)
{
	struct world_create *c = arg;
	struct buf why = BUF_INIT;
	enum err e = noun_create(t, c->noun, c->rec, &why);

	if (e)
		print_error("create %s: %s\n", c->noun->type->noun, buf_z(&why));
	buf_fini(&why);
	return e;
}

/* "name=x" ... NULL. The new record's first text member, which is its key, is left in `key`. */
static inline void world_create(struct world *w, const char *noun, char key[64], const char *const *fields)
{
	const struct noun *n = noun_find(span_z(noun));
	void *rec = calloc(1, n->type->size);
	struct world_create c = { .noun = n, .rec = rec };

	record_init(n->type, rec);
	for (; *fields; fields++) {
		struct span value = span_z(*fields), name;
		const struct field *f;

		span_cut(&value, '=', &name);
		f = field_find(n->type->fields, n->type->fields_n, name);
		assert_non_null(f);
		assert_int_equal(field_set_text(f, rec, value, NULL), ERR_OK);
	}
	assert_int_equal(store_txn(w->h.store, DURABLE, world_create_body, &c), ERR_OK);
	if (key)
		span_copy(key, 64, span_z(*(char **)rec));
	record_fini(n->type, rec);
	free(rec);
}
#define WORLD_CREATE(w, noun, key, ...) world_create(w, noun, key, (const char *const[]){ __VA_ARGS__, NULL })

struct world_call {
	struct span call_sid;
	const struct call *put;
	struct call got;
};

static inline enum err world_call_body(struct txn *t, void *arg)
{
	struct world_call *c = arg;

	if (c->put)
		return call_put(t, c->put);
	record_fini(&call_type, &c->got);
	c->got = (struct call){ 0 };
	return call_by_sid(t, c->call_sid, &c->got);
}

/* The call's record; the caller's to record_fini. Its status is NULL when there is none. */
static inline struct call world_call(struct world *w, const char *call_sid)
{
	struct world_call c = { .call_sid = span_z(call_sid) };
	enum err e = store_read(w->h.store, world_call_body, &c);

	assert_true(e == ERR_OK || e == ERR_NOTFOUND);
	return c.got;
}

static inline void world_put(struct world *w, const struct call *call)
{
	struct world_call c = { .put = call };

	assert_int_equal(store_txn(w->h.store, EVENTUAL, world_call_body, &c), ERR_OK);
}

#endif
