/* offhook-sim - the two peers of Offhook as programs: the phone network, and the model; or both and a relay's session in one. */
#include <stdio.h>
#include <string.h>

#include "model.h"
#include "phone.h"
#include "play.h"
#include "tool.h"
#include "version.h"

static const struct {
	const char *name, *help;
	int (*run)(int argc, char **argv);              /* the words after the name */
} programs[] = {
	{ "phone", "places calls as Twilio does: webhook, TwiML, media stream", phone_main },
	{ "tool",  "an HTTP tool that answers with what it was sent", tool_main },
	{ "play",  "plays whole calls in virtual time: phone, relay and model in one process", play_main },
	{ "model", "answers as the OpenAI Realtime API does: TLS, sessions, speech", model_main },
};
#define N_PROGRAMS (sizeof programs / sizeof *programs)

static void usage(FILE *to)
{
	fprintf(to, "usage: offhook-sim PROGRAM [OPTIONS]\n");
	for (size_t i = 0; i < N_PROGRAMS; i++)
		fprintf(to, "  %-8s %s\n", programs[i].name, programs[i].help);
	fprintf(to, "offhook-sim PROGRAM --help lists the options of each.\n");
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < N_PROGRAMS; i++)
		if (strcmp(argv[1], programs[i].name) == 0)
			return programs[i].run(argc - 2, argv + 2);
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
		usage(stdout);
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		printf("offhook-sim %s\n", OFFHOOK_VERSION);
		return 0;
	}
	if (argc > 1)
		fprintf(stderr, "offhook-sim: %s: no such program\n", argv[1]);
	usage(stderr);
	return 2;
}
