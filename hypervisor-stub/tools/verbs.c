// SPDX-License-Identifier: GPL-2.0
/* The table of verbs; verbs.h lists them. */
#include <string.h>
#include "cmd.h"

const struct verb *const verbs[] = {
#define X(name) &verb_##name,
#include "verbs.h"
#undef X
	NULL
};

const struct verb *cmd_find_verb(const char *name)
{
	for (const struct verb *const *v = verbs; *v; v++)
		if (!strcmp((*v)->name, name))
			return *v;
	return NULL;
}
