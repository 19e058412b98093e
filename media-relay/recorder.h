/*
 * recorder - recordings on the disk: one thread that writes what sessions hand it, and the only one that touches the files. Nobody waits for it: when more than
 * RECORDER_BLOCKS wait there is no room, and what was not written is silence in the file, since every block says where it belongs.
 * File:   WAVE format 7, mu-law, 8000 samples a second, two channels. Its sizes are written with every block, so that it can be played as far as it goes, whatever
 *         happens to us. One that exists already is continued: what is missing before a block is silence, and nothing is overwritten.
 * Space:  below SPACE_LOW (store.h), looked at every 10 s where the recordings lie, no reel is opened and no room is given.
 */
#ifndef OFFHOOK_RECORDER_H
#define OFFHOOK_RECORDER_H

#include "base/err.h"
#include "base/span.h"
#include "media-relay/tape.h"

#define RECORDER_BLOCKS 2048             /* of 16 kB: a hundred calls and a disk that stands still for twenty seconds */
#define RECORDER_HEADER 58
#define RECORDER_MAX    ((uint64_t)1 << 31)      /* bytes of a file; many players know no more */

struct recorder;
struct reel;                             /* one file; belongs to the thread that opened it */

enum err recorder_start(struct recorder **out, const char *data_dir, unsigned blocks);
void recorder_stop(struct recorder *r);                          /* what waits is written, for at most 5 s; NULL is fine */

/* `path` is relative to the data directory; its folder is made. Nothing is written before the first block. ERR_FULL: the disk is nearly full. */
enum err reel_open(struct reel **out, struct recorder *r, struct span path);
/* Room for 2 * TAPE_BLOCK bytes, until reel_put. NULL: ERR_BUSY for now; ERR_FULL, or what went wrong with the file: for good. */
uint8_t *reel_room(struct reel *l, enum err *why);
void reel_put(struct reel *l, uint64_t at, size_t n);            /* n pairs of samples of it, for this position */
void reel_close(struct reel *l);                                 /* takes it; NULL is fine */

/* The header of a file of so many pairs. */
void recorder_header(uint8_t out[RECORDER_HEADER], uint32_t pairs);

#endif
