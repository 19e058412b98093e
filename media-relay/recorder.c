/* recorder - the thread that writes recordings. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/proc.h"
#include "media-relay/recorder.h"
#include "store/store.h"

#define SPACE_MS 10000
#define STOP_MS  5000
#define KEPT     64                      /* free blocks */

struct job {
	struct job *next;
	struct reel *reel;
	uint64_t at;
	size_t n;                        /* pairs */
};

struct block {
	struct job job;                  /* first */
	uint8_t b[2 * TAPE_BLOCK];
};

struct reel {
	struct recorder *r;
	struct block *room;              /* given, not yet put */
	struct job over;
	atomic_int err;                  /* of the file: the reel is dead */
	/* the thread's own */
	char *path;
	int fd;                          /* -1: not opened yet */
	uint64_t end, shift;             /* pairs in the file; by how much positions are moved, so that nothing is overwritten */
};

struct recorder {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	struct job *first, **last;
	struct block *free;
	unsigned free_n, made, most;
	bool stopping, stopped;
	atomic_int space;
	/* the thread's own */
	char *data_dir;
	int64_t space_at;
	uint8_t silence[16384];
};

/* --- the file --- */

static uint8_t *le(uint8_t *p, uint32_t v, unsigned bytes)
{
	for (; bytes; bytes--, v >>= 8)
		*p++ = (uint8_t)v;
	return p;
}

static uint8_t *tag(uint8_t *p, const char name[4])
{
	memcpy(p, name, 4);
	return p + 4;
}

void recorder_header(uint8_t out[RECORDER_HEADER], uint32_t pairs)
{
	uint8_t *p = le(tag(out, "RIFF"), RECORDER_HEADER - 8 + 2 * pairs, 4);

	p = le(tag(tag(p, "WAVE"), "fmt "), 18, 4);
	p = le(le(p, 7, 2), 2, 2);                       /* mu-law, two channels */
	p = le(le(p, 8000, 4), 16000, 4);                /* samples, bytes a second */
	p = le(le(le(p, 2, 2), 8, 2), 0, 2);             /* bytes a pair, bits a sample, nothing more */
	p = le(le(tag(p, "fact"), 4, 4), pairs, 4);
	le(tag(p, "data"), 2 * pairs, 4);
}

static enum err write_at(int fd, const uint8_t *p, size_t n, uint64_t at)
{
	while (n) {
		ssize_t k = pwrite(fd, p, n, (off_t)at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_errno(errno);
		p += k;
		n -= (size_t)k;
		at += (uint64_t)k;
	}
	return ERR_OK;
}

static enum err write_pairs(struct reel *l, const uint8_t *p, size_t n)
{
	enum err e = write_at(l->fd, p, 2 * n, RECORDER_HEADER + 2 * l->end);

	if (!e)
		l->end += n;
	return e;
}

static enum err write_silence(struct reel *l, uint64_t upto)
{
	enum err e = ERR_OK;

	while (!e && l->end < upto) {
		size_t n = sizeof l->r->silence / 2;

		e = write_pairs(l, l->r->silence, upto - l->end < n ? (size_t)(upto - l->end) : n);
	}
	return e;
}

static enum err write_header(struct reel *l)
{
	uint8_t header[RECORDER_HEADER];

	recorder_header(header, (uint32_t)l->end);
	return write_at(l->fd, header, sizeof header, 0);
}

/* A relay that was killed may have left half a pair. A new file can be played at once. */
static enum err file_take(struct reel *l, uint64_t at)
{
	struct stat st;

	if (fstat(l->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return ERR_IO;
	if (st.st_size > RECORDER_HEADER)
		l->end = (uint64_t)(st.st_size - RECORDER_HEADER) / 2;
	l->shift = at < l->end ? l->end - at : 0;
	return write_header(l);
}

static enum err file_open(struct reel *l, uint64_t at)
{
	struct buf full = BUF_INIT;
	char *slash;
	enum err e;

	buf_printf(&full, "%s/%s", l->r->data_dir, l->path);
	slash = full.err ? NULL : strrchr(full.p, '/');
	if (slash)
		*slash = '\0';
	e = slash ? ERR_NOTFOUND : ERR_NOMEM;
	for (int try = 0; e == ERR_NOTFOUND && try < 2; try++) {         /* who deletes the last recording of a day takes the folder away */
		*slash = '\0';
		e = dir_make(full.p, 0750);
		*slash = '/';
		if (!e)
			l->fd = open(full.p, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
		if (!e)
			e = l->fd < 0 ? err_errno(errno) : file_take(l, at);
	}
	buf_fini(&full);
	return e;
}

static enum err block_write(struct block *b)
{
	struct reel *l = b->job.reel;
	enum err e = l->fd < 0 ? file_open(l, b->job.at) : ERR_OK;
	uint64_t at = b->job.at + l->shift;

	if (!e && RECORDER_HEADER + 2 * (at + b->job.n) > RECORDER_MAX)
		e = ERR_LIMIT;
	e = e ? e : fault("recorder.write") ? ERR_IO : write_silence(l, at);
	e = e ? e : write_pairs(l, b->b, b->job.n);
	return e ? e : write_header(l);
}

/* --- the thread --- */

static void block_back(struct recorder *r, struct block *b)
{
	pthread_mutex_lock(&r->lock);
	if (r->free_n < KEPT) {
		b->job.next = r->free ? &r->free->job : NULL;
		r->free = b;
		r->free_n++;
		b = NULL;
	} else {
		r->made--;
	}
	pthread_mutex_unlock(&r->lock);
	free(b);
}

static void reel_free(struct reel *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	free(l);
}

static void job_do(struct recorder *r, struct job *j)
{
	struct reel *l = j->reel;
	enum err e;

	if (j == &l->over) {
		reel_free(l);
		return;
	}
	e = atomic_load(&l->err) ? ERR_OK : block_write((struct block *)(void *)j);
	if (e) {
		atomic_store(&l->err, (int)e);
		log_warn("recorder.failed", "file=%s error=%s", log_q(span_z(l->path)), err_name(e));
	}
	block_back(r, (struct block *)(void *)j);
}

static void look_at_space(struct recorder *r, int64_t now)
{
	enum space_level level;

	if (now < r->space_at)
		return;
	r->space_at = now + SPACE_MS;
	if (fault("recorder.space"))
		atomic_store(&r->space, SPACE_LOW);
	else if (space_of(r->data_dir, &level) == ERR_OK)
		atomic_store(&r->space, (int)level);
}

static void wait_until(struct recorder *r, int64_t ms)
{
	struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000L };

	pthread_cond_timedwait(&r->wake, &r->lock, &ts);
}

/* All that waits; NULL and `over`: nothing will come any more. */
static struct job *jobs_take(struct recorder *r, bool *over)
{
	struct job *j;

	pthread_mutex_lock(&r->lock);
	if (!r->first && !r->stopping)
		wait_until(r, r->space_at);
	j = r->first;
	*over = !j && r->stopping;
	r->first = NULL;
	r->last = &r->first;
	pthread_mutex_unlock(&r->lock);
	return j;
}

static void *thread_main(void *arg)
{
	struct recorder *r = arg;
	bool over = false;

	while (!over) {
		struct job *next;

		for (struct job *j = jobs_take(r, &over); j; j = next) {
			next = j->next;
			job_do(r, j);
		}
		look_at_space(r, clock_ms());
	}
	pthread_mutex_lock(&r->lock);
	r->stopped = true;
	pthread_cond_signal(&r->done);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* --- what others call --- */

static void submit(struct recorder *r, struct job *j)
{
	pthread_mutex_lock(&r->lock);
	j->next = NULL;
	*r->last = j;
	r->last = &j->next;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

enum err reel_open(struct reel **out, struct recorder *r, struct span path)
{
	struct reel *l;

	if (atomic_load(&r->space) >= SPACE_LOW)
		return ERR_FULL;
	l = fault("reel.new") ? NULL : calloc(1, sizeof *l);
	if (!l)
		return ERR_NOMEM;
	l->r = r;
	l->fd = -1;
	l->over.reel = l;
	l->path = span_dup(path);
	if (!l->path) {
		free(l);
		return ERR_NOMEM;
	}
	*out = l;
	return ERR_OK;
}

/* A free one, or one more while there may be more. */
static struct block *block_take(struct recorder *r)
{
	struct block *b;
	bool more;

	pthread_mutex_lock(&r->lock);
	b = r->free;
	if (b) {
		r->free = (struct block *)(void *)b->job.next;
		r->free_n--;
	}
	more = !b && r->made < r->most;
	b = more ? malloc(sizeof *b) : b;
	r->made += more && b;
	pthread_mutex_unlock(&r->lock);
	return b;
}

uint8_t *reel_room(struct reel *l, enum err *why)
{
	*why = (enum err)atomic_load(&l->err);
	if (!*why && atomic_load(&l->r->space) >= SPACE_LOW)
		*why = ERR_FULL;
	if (*why)
		return NULL;
	if (!l->room)
		l->room = block_take(l->r);
	*why = l->room ? ERR_OK : ERR_BUSY;
	return l->room ? l->room->b : NULL;
}

void reel_put(struct reel *l, uint64_t at, size_t n)
{
	struct block *b = l->room;

	l->room = NULL;
	b->job = (struct job){ .reel = l, .at = at, .n = n };
	submit(l->r, &b->job);
}

void reel_close(struct reel *l)
{
	if (!l)
		return;
	if (l->room)
		block_back(l->r, l->room);
	submit(l->r, &l->over);
}

/* --- life --- */

static void recorder_free(struct recorder *r)
{
	while (r->free) {
		struct block *b = r->free;

		r->free = (struct block *)(void *)b->job.next;
		free(b);
	}
	pthread_cond_destroy(&r->wake);
	pthread_cond_destroy(&r->done);
	pthread_mutex_destroy(&r->lock);
	free(r->data_dir);
	free(r);
}

static struct recorder *recorder_new(const char *data_dir, unsigned blocks)
{
	struct recorder *r = calloc(1, sizeof *r);
	pthread_condattr_t at;

	if (!r)
		return NULL;
	r->last = &r->first;
	r->most = blocks;
	r->data_dir = span_dup(span_z(data_dir));
	memset(r->silence, AUDIO_SILENCE, sizeof r->silence);
	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&at);
	pthread_condattr_setclock(&at, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &at);
	pthread_cond_init(&r->done, &at);
	pthread_condattr_destroy(&at);
	return r;
}

enum err recorder_start(struct recorder **out, const char *data_dir, unsigned blocks)
{
	struct recorder *r = recorder_new(data_dir, blocks);
	enum err e = r && r->data_dir ? ERR_OK : ERR_NOMEM;

	if (!e)
		look_at_space(r, clock_ms());
	if (!e && pthread_create(&r->thread, NULL, thread_main, r) != 0)
		e = ERR_NOMEM;
	if (!e)
		*out = r;
	else if (r)
		recorder_free(r);
	return e;
}

/* A disk that does not answer keeps nobody: the thread is left behind with what it has in hand. */
void recorder_stop(struct recorder *r)
{
	struct timespec by;
	bool stopped;

	if (!r)
		return;
	clock_gettime(CLOCK_MONOTONIC, &by);
	by.tv_sec += STOP_MS / 1000;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->wake);
	while (!r->stopped && pthread_cond_timedwait(&r->done, &r->lock, &by) == 0)
		;
	stopped = r->stopped;
	pthread_mutex_unlock(&r->lock);
	if (!stopped) {
		log_error("recorder.stuck", "blocks=%u", r->made);
		pthread_detach(r->thread);
		return;
	}
	pthread_join(r->thread, NULL);
	recorder_free(r);
}
