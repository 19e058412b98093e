/* explain_words - what events, ends and Twilio's error codes mean to the person who asks. */
#include "explain.h"

static const struct explain_word events[] = {
	{ "call.announced",        EXPLAIN_PLAIN,   "the webhook announced the call, the model was dialled" },
	{ "call.announced_again",  EXPLAIN_PLAIN,   "the call was announced again: its webhook was repeated, or it came back to a new relay" },
	{ "call.ended",            EXPLAIN_PLAIN,   "the call ended: {reason}" },
	{ "stream.started",        EXPLAIN_PLAIN,   "Twilio's media stream began ({stream_sid})" },
	{ "stream.lost",           EXPLAIN_FINDING, "the media stream broke ({error}); the conversation was kept for the caller to come back" },
	{ "stream.error",          EXPLAIN_FINDING, "Twilio reported trouble with the stream: {error}" },
	{ "stream.stopped",        EXPLAIN_PLAIN,   "Twilio ended the stream" },
	{ "model.dial_failed",     EXPLAIN_FINDING, "dialling the model failed (upstream {upstream}, try {try}): {error}" },
	{ "model.connected",       EXPLAIN_PLAIN,   "the model was ready after {ms:s} (upstream {upstream})" },
	{ "model.lost",            EXPLAIN_FINDING, "the model connection was lost: {error}; another was dialled" },
	{ "model.failed",          EXPLAIN_FINDING, "no model could be reached, we gave up: {error}" },
	{ "error",                 EXPLAIN_FINDING, "the model complained: {error}" },
	{ "transcription.failed",  EXPLAIN_FINDING, "what the caller said could not be written down: {error}" },
	{ "input_audio_buffer.speech_started", EXPLAIN_QUIET, "the caller began to speak" },
	{ "input_audio_buffer.speech_stopped", EXPLAIN_QUIET, "the caller stopped" },
	{ "response.created",      EXPLAIN_QUIET,   "the model began an answer" },
	{ "response.done",         EXPLAIN_QUIET,   "the model's answer was done: {status}" },
	{ "barge_in",              EXPLAIN_FINDING, "the caller interrupted the agent: {heard_ms:s} of {came_ms:s} were heard" },
	{ "barge_in.held",         EXPLAIN_PLAIN,   "speech stopped the agent; whether it was one is not known yet" },
	{ "barge_in.confirmed",    EXPLAIN_QUIET,   "it was speech" },
	{ "barge_in.echo",         EXPLAIN_PLAIN,   "what seemed to be speech was the echo of the agent's own voice" },
	{ "barge_in.false",        EXPLAIN_FINDING, "a noise stopped the agent; the answer went on where the caller had stopped hearing it" },
	{ "dtmf",                  EXPLAIN_PLAIN,   "the caller pressed keys" },
	{ "limit.idle_asked",      EXPLAIN_FINDING, "nothing was said for {quiet_ms:s}: the agent asked whether the caller is there" },
	{ "limit.warned",          EXPLAIN_FINDING, "{limit}: most of it was used, the agent was told to come to an end" },
	{ "limit.reached",         EXPLAIN_FINDING, "{limit}: reached, the agent said goodbye" },
	{ "post_call.failed",      EXPLAIN_FINDING, "the message to post_call_url was given up after many tries: {error}" },
	{ "limit.called_off",      EXPLAIN_PLAIN,   "the caller spoke: the goodbye was called off" },
	{ "prompt.played",         EXPLAIN_FINDING, "the model was not there in time: a stored prompt was played" },
	{ "model.rebuilt",         EXPLAIN_FINDING, "the new connection was told the conversation so far ({turns} turns)" },
	{ "model.changed",         EXPLAIN_PLAIN,   "the model connection was changed at a quiet moment, before its time was over" },
	{ "tool.started",          EXPLAIN_QUIET,   "the tool {tool} was called" },
	{ "tool.done",             EXPLAIN_QUIET,   "the tool {tool} was done after {ms:s}" },
	{ "mcp.approved",          EXPLAIN_PLAIN,   "a call of an MCP server was approved" },
	{ "mcp.refused",           EXPLAIN_FINDING, "a call of an MCP server was refused by the agent's policy" },
	{ "mcp.done",              EXPLAIN_QUIET,   "a call of an MCP server was done" },
	{ "mcp.failed",            EXPLAIN_FINDING, "a call of an MCP server failed" },
	{ "mcp.unavailable",       EXPLAIN_FINDING, "an MCP server did not tell its tools: the agent was without them" },
	{ "message",               EXPLAIN_PLAIN,   "the agent took a message" },
	{ "digits.collected",      EXPLAIN_PLAIN,   "keys were collected for a tool" },
	{ "answered_by",           EXPLAIN_PLAIN,   "Twilio found out who answered (machine: {machine})" },
	{ "call.away",             EXPLAIN_PLAIN,   "the stream was closed on purpose, for: {for}" },
	{ "transfer.failed",       EXPLAIN_FINDING, "the transfer failed: {error}; the caller came back to the agent" },
	{ "ending.called_off",     EXPLAIN_PLAIN,   "the caller spoke: the end of the call was called off" },
	{ "recording.started",     EXPLAIN_PLAIN,   "the recording began: {file}" },
	{ "recording.none",        EXPLAIN_FINDING, "there is no recording: {error}" },
	{ "recording.gap",         EXPLAIN_FINDING, "{ms:s} of the recording are silence, since the disk did not keep up: {error}" },
	{ "recording.stopped",     EXPLAIN_FINDING, "the recording ended before the call: {error}" },
};

const struct explain_word *explain_event(struct span type)
{
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (span_is(type, events[i].type))
			return &events[i];
	return NULL;
}

static const struct { const char *reason, *text; } ends[] = {
	{ "caller_hangup",   "the caller hung up" },
	{ "agent_ended",     "the agent ended the call" },
	{ "transferred",     "the caller was transferred" },
	{ "idle",            "the caller said nothing for too long, and nothing when asked" },
	{ "max_duration",    "the longest time a call of this agent may take was over" },
	{ "max_cost",        "a limit on money was reached" },
	{ "operator",        "an operator ended it" },
	{ "no_agent",        "refused: no active agent for this number" },
	{ "number_inactive", "refused: the number is not active" },
	{ "database",        "the database failed" },
	{ "busy",            "refused: there was no room for one more call" },
	{ "model_failed",    "no model could be reached; the caller got the fallback number or an apology" },
	{ "stream_failed",   "the media stream failed and did not come back" },
	{ "relay_lost",      "the relay died, and the call was not continued by another" },
	{ "shutdown",        "Offhook was shut down" },
};

const char *explain_end(struct span reason)
{
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (span_is(reason, ends[i].reason))
			return ends[i].text;
	return NULL;
}

/* Source: Twilio's error dictionary, the numbers a voice application meets. */
static const struct explain_code codes[] = {
	{ 10001, "the Twilio account is not active", "look at the account's state in Twilio's console" },
	{ 10003, "Twilio rejected the call: account not active", "look at the account's state in Twilio's console" },
	{ 11100, "a URL is invalid", "check PUBLIC_URL and the number's VoiceUrl" },
	{ 11200, "our webhook answered with an error, or not in 15 s", "`offhook status`; 403 means a wrong signature: compare PUBLIC_URL and the auth token" },
	{ 11201, "the TCP connection to our webhook timed out", "check firewall and DNS of PUBLIC_URL" },
	{ 11202, "the TCP connection to our webhook was refused", "is lighttpd running and the port open?" },
	{ 11203, "our webhook took too long", "`offhook status`; check the disk and the load" },
	{ 11205, "no connection to our webhook", "check firewall, DNS and port of PUBLIC_URL" },
	{ 11206, "what answered spoke no HTTP", "PUBLIC_URL names a port that speaks TLS, or the other way round" },
	{ 11210, "the host name of our webhook is wrong", "check PUBLIC_URL" },
	{ 11215, "too many redirects", "the webhook's URL must be the final one" },
	{ 11220, "TLS to our webhook failed", "check the certificate of PUBLIC_URL" },
	{ 11235, "the certificate is for another name", "renew it for the host of PUBLIC_URL" },
	{ 11236, "the certificate has expired", "renew it, then send SIGHUP to `offhook serve`" },
	{ 11237, "the certificate is not trusted", "OFFHOOK_TLS_CERT must hold the whole chain" },
	{ 11251, "our webhook broke the HTTP protocol", "look at what stands in front of lighttpd" },
	{ 11750, "our TwiML was over 64 kB", "shorten the agent's notice" },
	{ 12100, "our TwiML was no XML", "something in front of lighttpd changed it" },
	{ 12101, "our TwiML's XML declaration was wrong", "something in front of lighttpd changed it" },
	{ 12102, "our TwiML's root was not <Response>", "something in front of lighttpd changed it" },
	{ 12200, "Twilio did not know a part of our TwiML", "check say_voice and say_language of the agent" },
	{ 12300, "our answer had a wrong Content-Type", "something in front of lighttpd changed it" },
	{ 15003, "a callback of ours answered with an error", "`offhook status`; 403 means a wrong signature" },
	{ 31900, "the stream failed for an unknown reason", "if it comes again, ask Twilio's support with the CallSid" },
	{ 31901, "nobody answered when Twilio opened the stream", "check routing and firewall of OFFHOOK_STREAM_URL (or PUBLIC_URL)" },
	{ 31902, "the connection for the stream was refused", "is the relay running, and its port open?" },
	{ 31903, "the stream's connection broke without a close", "a proxy's idle time-out, a restart or a crash: look at the relay's log at that time" },
	{ 31904, "the stream's host cannot be reached", "OFFHOOK_STREAM_URL must be a public address" },
	{ 31910, "TLS of the stream failed", "check port and certificate chain of OFFHOOK_STREAM_URL; a plain TCP tunnel does not do" },
	{ 31920, "the stream's WebSocket was not accepted", "check that wss://.../ws/realtime/ reaches the relay; 403 means a refused signature" },
	{ 31921, "we closed the stream", "nothing, when the agent ended the call" },
	{ 31922, "the stream's URL is not wss", "OFFHOOK_STREAM_URL must begin with wss://" },
	{ 31923, "the stream's URL is malformed", "check OFFHOOK_STREAM_URL" },
	{ 31924, "the stream broke the WebSocket protocol", "look for a proxy in between that rewrites frames" },
	{ 31930, "we read too slowly, and caller audio was dropped", "too many calls for this host, or a disk that stalls: look at offhook_frame_delay_seconds" },
	{ 31931, "more than ten minutes of our audio waited at Twilio", "OFFHOOK_PLAYOUT_LEAD_MS must not be 0" },
	{ 31940, "a stream connector is set up wrongly", "Offhook needs none: remove it" },
	{ 31941, "the stream asked for a track it cannot have", "something in front of lighttpd changed our TwiML" },
	{ 31942, "a stream connector is set up wrongly", "Offhook needs none: remove it" },
	{ 31950, "we sent a binary message", "report it as a bug of Offhook" },
	{ 31951, "we sent a message that Twilio did not understand", "report it as a bug of Offhook" },
	{ 31952, "a stream extension was not found", "Offhook needs none: remove it" },
	{ 31960, "the quota of a stream connector was used up", "Offhook needs none: remove it" },
};

static const struct explain_code *code_of(int64_t n)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].code == n)
			return &codes[i];
	return NULL;
}

static size_t digits_at(struct span s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

const struct explain_code *explain_twilio(struct span text)
{
	const struct explain_code *c = NULL;
	int64_t number;

	while (text.n && !c) {
		size_t n = digits_at(text);

		if (n == 5 && span_int(span_head(text, n), &number))
			c = code_of(number);
		text = span_skip(text, n ? n : 1);
	}
	return c;
}
