/*
 * front - the doorman, on the main thread: accepts control connections and media connections, looks at the first line of each without taking it, and
 * hands the descriptor to the worker that owns the session. What does not finish its line within seconds is closed.
 */
#ifndef OFFHOOK_FRONT_H
#define OFFHOOK_FRONT_H

#include "base/err.h"
#include "base/span.h"

#define FRONT_LINE_MS   5000
#define FRONT_LINE_MAX  2048             /* a request line of ours is 60 bytes long */
#define FRONT_GUESTS    2048             /* connections whose line has not come yet */

enum front_verdict { FRONT_MORE, FRONT_BAD, FRONT_METHOD, FRONT_STREAM, FRONT_OTHER };

bool front_stream_id(struct span path, uint8_t id[16]);                      /* "/ws/realtime/UUID", the last slash optional */
enum front_verdict front_request(struct span head, uint8_t id[16]);          /* FRONT_STREAM sets id */
struct span front_refusal(enum front_verdict v);                             /* the HTTP answer to FRONT_BAD and FRONT_METHOD */

struct front;
struct pool;
enum err front_new(struct front **out, struct pool *p, int control_fd, int media_fd);      /* -1: none; the descriptors are the front's */
void front_run(struct front *f);         /* until front_stop */
void front_stop(struct front *f);        /* any thread: accepts nothing more, finishes the connections in hand */
void front_free(struct front *f);

#endif
