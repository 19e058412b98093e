/* metric_list - every metric of the relay, declared once: id, name, kind, labels, help. Kinds: C counter, G gauge, H histogram (microseconds in, seconds out). */
#ifndef OFFHOOK_METRIC_LIST_H
#define OFFHOOK_METRIC_LIST_H

#define METRIC_LIST(X) \
	X(FRAMES_UP,       C, "offhook_frames_total",        "direction=\"caller_to_model\"", "20-ms frames carried") \
	X(FRAMES_DOWN,     C, "offhook_frames_total",        "direction=\"model_to_caller\"", "20-ms frames carried") \
	X(DELAY_UP,        H, "offhook_frame_delay_seconds", "direction=\"caller_to_model\"", "time of a frame in the relay") \
	X(DELAY_DOWN,      H, "offhook_frame_delay_seconds", "direction=\"model_to_caller\"", "time of a frame in the relay, pacing left out") \
	X(CONNECT,         H, "offhook_model_connect_seconds", "",                            "dial to session.updated") \
	X(FIRST_AUDIO,     H, "offhook_first_audio_seconds", "",                              "stream start to first audio sent") \
	X(TURN_LATENCY,    H, "offhook_turn_latency_seconds", "",                             "caller's last word to first audio heard") \
	X(BARGE_INS,       C, "offhook_barge_ins_total",     "",                              "answers cut by the caller") \
	X(RECONNECT_DROP,  C, "offhook_reconnects_total",    "reason=\"dropped\"",            "model connections replaced in mid-call") \
	X(RECONNECT_EXPIRED, C, "offhook_reconnects_total",  "reason=\"expired\"",            "model connections replaced in mid-call") \
	X(RECONNECT_FALLBACK, C, "offhook_reconnects_total", "reason=\"fallback\"",           "model connections replaced in mid-call") \
	X(CALLER_MALFORMED, C, "offhook_malformed_total",    "peer=\"twilio\"",               "messages that could not be read") \
	X(MODEL_MALFORMED, C, "offhook_malformed_total",     "peer=\"model\"",                "messages that could not be read") \
	X(MODEL_UNKNOWN,   C, "offhook_unknown_events_total", "",                             "model events of an unknown type") \
	X(FRAMES_DROPPED,  C, "offhook_frames_dropped_total", "",                             "caller frames dropped because the model was not ready for 10 s") \
	X(STREAMS_REFUSED, C, "offhook_streams_refused_total", "",                            "media sockets turned away: path, signature, token, no start") \
	X(RECORDING_LOST,  C, "offhook_recording_frames_lost_total", "",                      "20-ms frames of recordings that are silence because the disk was slow, full or broken") \
	X(STORE,           H, "offhook_store_seconds",       "",                              "time of one store transaction") \
	X(LOOPS,           C, "offhook_loop_turns_total",    "",                              "turns of the event loops; 50 a second and worker when idle")

enum metric {
#define X(id, kind, name, labels, help) M_##id,
	METRIC_LIST(X)
#undef X
	M_COUNT
};

#endif
