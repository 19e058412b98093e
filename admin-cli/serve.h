/*
 * serve - the parts of the supervisor. It opens the listening sockets, starts the parts of the product, starts again what dies, and ends them in
 * order. It never opens the store: what needs the store at start runs in a short child.
 *
 * The relay speaks to it over a pipe, one line each:
 *   ready                                            it takes calls
 *   draining                                         it takes no new calls: the next one is started beside it
 *   ended session=UUID call=CA... reason=R seconds=N      a call has ended
 */
#ifndef OFFHOOK_SERVE_H
#define OFFHOOK_SERVE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/proc.h"
#include "cli.h"

enum part { PART_RELAY, PART_WEBHOOK, PART_LIGHTTPD, PART_HOUSEKEEPING, PART_COUNT };

struct serve;
struct child {                                   /* one running process of a part */
	struct child *next;
	enum part part;
	pid_t pid;
	int64_t started_ms;
	int notify_fd;                           /* the pipe it writes lines to; -1: none */
	struct buf line;
	void (*line_read)(struct serve *s, struct child *c, struct span line);
	bool leaving;                            /* on its way out: another may take its place */
	bool told;                               /* by us: its end is no accident */
	bool fresh;                              /* started to take the place of another, which goes as soon as this one works */
};

enum listener { LISTEN_WEBHOOK, LISTEN_CONTROL, LISTEN_MEDIA, LISTEN_TLS, LISTEN_HTTP, LISTEN_HTTPS, LISTEN_COUNT };

struct serve {
	struct cli *cli;
	char *data_dir, *run_dir, *bin_dir, *conf_file, *share_dir, *lighttpd;      /* absolute paths */
	int sock[LISTEN_COUNT];                  /* -1: not wanted */
	unsigned http_port, https_port;
	char relay_listen[80], relay_tls_listen[80];      /* with the ports they really have; "" when not wanted */
	int lock_fd, signal_fd;

	struct child *children;
	unsigned wanted[PART_COUNT];
	int64_t next_start_ms[PART_COUNT];
	unsigned deaths[PART_COUNT];             /* quick ones in a row */
	pid_t prober;
	bool ready, had_terminal;
	bool renew;                              /* lighttpd is to be replaced once more */
	int stage;                               /* of stopping: row of the table in serve.c; -1: serving */
	int64_t stage_limit_ms, ended_ms;        /* when patience ends; when a call ended last */
};

/* serve_setup.c: what must hold before anything is started. Errors are told through cli_fail. */
enum err serve_setup(struct serve *s);
void serve_warn(const struct settings *cf);              /* what is allowed but dangerous; at the start, and when it is read again */
void serve_cleanup(struct serve *s);
bool serve_is_running(const char *run_dir);              /* does a supervisor hold the lock? */

/* serve_listen.c: ports first, as root where root is needed; then the sockets in the data directory, as its owner. */
enum err serve_listen_tcp(struct serve *s);
enum err serve_listen_unix(struct serve *s);

/* serve_part.c: processes. */
const char *part_name(enum part p);
enum err part_programs_check(struct serve *s);           /* every program that will be started can be */
enum err part_start(struct serve *s, enum part p, int64_t now_ms, bool fresh);
void parts_start_missing(struct serve *s, int64_t now_ms);
int64_t parts_next_ms(const struct serve *s);            /* when a part is due to be started; INT64_MAX: none */
void parts_reap(struct serve *s, int64_t now_ms);
void parts_signal(struct serve *s, enum part p, int sig);
bool parts_any(const struct serve *s, enum part p);
void parts_kill_all(struct serve *s);                    /* nothing of ours is left when it returns */
pid_t part_prober_start(struct serve *s);                /* a child that exits 0 as soon as every part answers */
enum err part_once(struct serve *s, const char *const *words);      /* `offhook WORDS`, waited for */
enum err part_lighttpd_check(struct serve *s);           /* would lighttpd start with this file? */

/* serve_renew.c: a new lighttpd beside the old one, on the same sockets. */
void renew_lighttpd(struct serve *s);
int64_t renew_step(struct serve *s, int64_t now_ms);     /* when it wants to be called again; INT64_MAX: never */

/* serve_notify.c: what is told to whom. */
void notify_read(struct serve *s, struct child *c);      /* lines of a part */
void notify_relay(struct serve *s, struct child *c, struct span line);
void notify_ready(struct serve *s);                      /* standard output, $NOTIFY_SOCKET, run/serve.json */
void notify_systemd(const char *state);

/* serve_log.c: lighttpd's words in our log. */
void serve_log_lighttpd(struct serve *s, struct child *c, struct span line);
void serve_log_masked(struct span text, struct buf *out);      /* with telephone numbers masked */

#endif
