/*
 * setup - everything a session needs to know of its call, made once by the store thread from call, agent, account, tools and settings,
 * so that the audio loop parses and builds no configuration. Read-only afterwards; the session owns it.
 */
#ifndef OFFHOOK_SETUP_H
#define OFFHOOK_SETUP_H

#include "base/buf.h"
#include "openai/session_config.h"       /* enum audio_format, enum dialect */
#include "openai/tool_list.h"
#include "settings.h"
#include "store/spend.h"
#include "store/store.h"
#include "store/tool.h"
#include "store/turn.h"

#define UPSTREAMS_MAX 2

struct call;

struct upstream {                     /* where a model is, and what to send it first */
	bool tls;
	char *host, *path;            /* path with ?model= */
	uint16_t port;
	char *key;                    /* never logged */
	char *organization, *project, *ca_file, *model, *transcription_model;
	enum dialect dialect;
	char *session_update;         /* the complete message: session_config_update() */
	char *continue_create;        /* response.create that goes on with an answer that broke off: session_config_continue() */
	char *greeted_update;         /* session_config_greeted(): sent when an uninterruptible greeting was heard; NULL when that appends nothing */
};

struct setup {
	char session_id[37], call_sid[35];
	char *agent_name, *caller_number, *called_number;
	struct upstream upstreams[UPSTREAMS_MAX];
	unsigned upstreams_n;
	enum audio_format in, out;    /* of the model's side */
	char *voice;                  /* what session.updated must confirm */
	char *greeting_create;        /* response.create message that makes the model say the greeting word for word; NULL: the caller speaks first */
	bool greeting_interruptible;
	bool resumed;                 /* the caller has talked to us before in this call: no greeting */
	bool vad, vad_interrupt, vad_create, transcription;
	bool resume_false_barge_in;
	int64_t barge_in_min_speech_ms;
	int64_t uplink_frames;        /* caller frames per append: 1.. */
	int64_t playout_lead_ms;      /* 0 = no pacing */
	int64_t idle_ms, max_call_ms; /* 0 = none */
	double max_call_cost;         /* NAN = none */
	struct budget budget;         /* what is left of the agent's day and the account's month, this call counted in */
	char *notices[NOTICES];       /* what is said when a limit is near, or reached: session_config_notice() */
	int64_t connected_at;         /* wall; FIELD_NULL_INT: no stream has come yet */
	bool keep_turns, keep_events; /* agent field store: not none */
	bool wordless;                /* ... metadata: turns and events without what was said */
	bool redact;                  /* ... without the numbers in it (redact.h) */
	bool record;                  /* the audio */
	int64_t turn_seq, event_seq;  /* first free numbers */
	struct turn *past;            /* of a call that comes back: its last turns, oldest first */
	size_t past_n;
	bool words_lost;              /* the caller was speaking, or had just spoken, and there is no turn of it; or none has words */
	int64_t started_at;           /* wall */
	/* What the record holds already (null counts as 0): totals go on from here when a call comes back. */
	int64_t turns, barge_ins, reconnects, usage[7];
	double cost;
	struct tool_set tools;        /* list is in session_update already, and gone */
	char *targets, *timezone;     /* transfer_targets of the agent (JSON); its time zone. NULL: none, the host's */
	char *voicemail;              /* what a mailbox is told; NULL: it is hung up on */
	char *note;                   /* why the transfer failed that the caller comes back from; NULL: none did */
	char *language;               /* the agent's, for the stored sentence; NULL: none in particular */
	uint8_t *prompt;              /* the operator's own, mu-law; NULL: the built-in one. prompt_load() */
	size_t prompt_n;
	char *twilio_auth_token;      /* of the call's account, NULL when it has none: for the signature of the upgrade; the worker takes it */
};

/* Store thread: inside a read transaction. ERR_NOTFOUND: no such call; ERR_DENIED: it has ended; ERR_VALUE with `why`: no model key, bad URL. */
enum err setup_load(struct setup **out, struct txn *t, const struct settings *cf, struct span session_id, struct buf *why);
void setup_free(struct setup *s);

/* The same without a store, for a call that is played: everything is lent, secrets are plain text. Templates and budgets are a store's. */
struct setup_given {
	const struct call *call;
	const struct agent *agent;
	const struct tool *tools;
	size_t tools_n;
	const struct turn *turns;         /* in order: what was said before this session had the call */
	struct event *events;
	size_t turns_n, events_n;
};
enum err setup_from(struct setup **out, const struct setup_given *g, const struct settings *cf, struct buf *why);

#endif
