/* clock - monotonic and wall time in milliseconds, which tests can set; RFC 3339; UUIDs and random bytes. */
#ifndef OFFHOOK_CLOCK_H
#define OFFHOOK_CLOCK_H

#include "buf.h"

int64_t clock_ms(void);                    /* monotonic; for deadlines and durations */
int64_t clock_us(void);                    /* the same clock, finer */
int64_t clock_wall_ms(void);               /* since 1970 UTC; for records */
void clock_set(int64_t mono_ms, int64_t wall_ms);    /* tests: time stands until moved */
void clock_move(int64_t ms);
void clock_real(void);

#define TIME_TEXT 25                       /* "2026-11-23T17:43:32.123Z" and a NUL */
void time_format(char out[TIME_TEXT], int64_t wall_ms);
bool time_parse(struct span s, int64_t *wall_ms);                      /* RFC 3339 with any offset and fraction, or a date alone (UTC midnight) */
bool time_since(struct span s, int64_t now_ms, int64_t *wall_ms);      /* time_parse, or "90s" "15m" "2h" "3d" "4w" ago */

enum err random_bytes(void *p, size_t n);
uint32_t random_below(uint32_t n);                     /* for jitter, not for secrets */
void random_below_seed(uint64_t seed);                 /* tests: this thread's numbers repeat from here */
#define UUID_TEXT 37
enum err uuid_new(char out[UUID_TEXT]);                /* version 4, lower case */
bool uuid_parse(struct span s, uint8_t out[16]);       /* 36 characters, either case */
void uuid_text(char out[UUID_TEXT], const uint8_t id[16]);

#endif
