/* offhook - the operator's program: the supervisor, and every command. */
#include "cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
