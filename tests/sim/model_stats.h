/* model_stats - what the simulated model counted, written as JSON. */
#ifndef OFFHOOK_SIM_MODEL_STATS_H
#define OFFHOOK_SIM_MODEL_STATS_H

#include "base/buf.h"
#include "pattern.h"

#define MODEL_COUNTERS(X) \
	X(connections) X(refused) X(active) X(peak_active) X(sessions) X(configured) X(updates) \
	X(client_events) X(server_events) X(bytes_in) X(bytes_out) X(audio_frames_in) X(audio_bytes_in) X(audio_bytes_out) X(early_audio) \
	X(errors) X(violations) X(speech_started) X(turns) \
	X(responses) X(responses_completed) X(responses_cancelled) X(responses_failed) X(responses_incomplete) \
	X(function_calls) X(function_outputs) X(mcp_calls) X(mcp_failed) X(mcp_approved) X(mcp_refused) X(items_created) X(items_deleted) X(truncates) X(faults) \
	X(pattern_frames) X(pattern_lost) X(pattern_doubled) X(pattern_reordered) X(pattern_corrupt) X(pattern_foreign) X(pattern_errors)

struct model_truncate {
	unsigned session;
	char item_id[40];
	uint32_t audio_end_ms, audio_ms;
	int64_t at_ms;                  /* CLOCK_MONOTONIC */
};

struct model_session_line {             /* one per session that has ended */
	unsigned session;
	uint32_t seed, first;
	uint64_t frames, lost, doubled, reordered, corrupt, foreign, silence_bytes, audio_frames_in, early_audio;
	uint64_t answer_frames;         /* pattern frames sent */
};

struct model_error_line {
	char code[48];
	uint64_t n;
};

struct model_stats {
#define X(name) uint64_t name;
	MODEL_COUNTERS(X)
#undef X
	struct model_truncate *cuts;
	struct model_session_line *lines;
	struct model_error_line codes[64];
	size_t n_cuts, n_lines, n_codes;
	struct pattern_delays delays;   /* caller to model, by the times in the frames */
};

void model_stats_fini(struct model_stats *st);
void model_stats_error(struct model_stats *st, const char *code);           /* also counts violations */
void model_stats_cut(struct model_stats *st, const struct model_truncate *cut);
void model_stats_line(struct model_stats *st, const struct model_session_line *l);
void model_stats_write(const struct model_stats *st, struct buf *out);

#endif
