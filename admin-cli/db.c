/* db - the database as a whole: made, checked, counted. */
#include "base/json.h"
#include "cli.h"
#include "store/noun.h"

enum err db_init_run(struct cli *c, const struct args *a)
{
	enum err e = cli_open(c, true);

	(void)a;
	for (int i = 0; i < 5 && (!e || e == ERR_RECOVER); i++) {
		if (e == ERR_RECOVER) {
			cli_close(c);
			e = cli_open(c, true);
		}
		e = e ? e : store_first_start(c->store);
		if (!e)
			break;
	}
	return e ? cli_fail(c, e, "%s: %s", c->cf.db_dir, err_text(e)) : ERR_OK;
}

/* Started by whoever waits too long in the database: no configuration, no output, nothing that could wait as well. */
enum err db_touch_run(struct cli *c, const struct args *a)
{
	c->said = true;
	return store_helper_main(arg(a, "home"), arg(a, "keyfile")) == 0 ? ERR_OK : ERR_IO;
}
