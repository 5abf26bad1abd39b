// SPDX-License-Identifier: GPL-2.0
/* lodge destroy: end a domain at once and take everything back. */
#include <errno.h>
#include "cmd.h"

/* What ends already is taken away, too. */
static int destroy(struct lodge *l, uint32_t domid)
{
	int err = lodge_destroy(l, domid);

	return err == -EAGAIN ? 0 : err;
}

static int run(int argc, char **argv)
{
	return cmd_for_domains(&verb_destroy, argc, argv, destroy);
}

const struct verb verb_destroy = {
	.name = "destroy",
	.args = "DOMAIN...",
	.summary = "end a domain at once, without asking it",
	.run = run,
};
