/* play_relay - the one relay of a played call: shared by play_relay.c, which runs it, and play_parts.c, which reads what the file says of it. */
#ifndef OFFHOOK_SIM_PLAY_RELAY_H
#define OFFHOOK_SIM_PLAY_RELAY_H

#include "media-relay/session.h"
#include "play_store.h"

enum act { ACT_KILL, ACT_REPLACE, ACT_HANGUP };

struct happening {                       /* of the member `relay` */
	char *what, *word;
	int64_t at_ms, ms;
	enum act act;
	bool done;
};

struct reply {                           /* of a tool */
	int64_t ms, status;
	char *body, *error;
};

struct hand {                            /* the answers of a tool by script: the n-th is for the n-th call, the last goes on */
	struct reply *replies;
	size_t n, next;
};

struct ask {                             /* a tool that was called and has not answered */
	struct ask *next;
	uint64_t ticket;
	int64_t due_ms, status;
	const char *error;
	char *body;
};

struct play_relay {
	struct settings settings;
	struct agent agent;
	struct tool *tools;
	struct hand *hands;
	struct happening *happenings;
	size_t tools_n, happenings_n;
	/* the process */
	struct session_ops ops;
	struct session *session;
	bool down, gone, loads, loaded;          /* loads: the store has been asked */
	unsigned saves;                          /* outcomes that are not confirmed */
	int64_t up_ms, tick_ms;
	struct play_conn *leg[LEGS];             /* those of the model */
	struct play_stream *caller;
	struct buf room[LEGS];
	bool starved[LEGS];
	struct ask *asks;
};

/* play_parts: agent, tools, settings, happenings */
enum err play_parts_read(struct play *p, struct buf *why);
void play_parts_free(struct play_relay *r);

#endif
