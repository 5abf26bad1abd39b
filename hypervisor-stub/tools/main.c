// SPDX-License-Identifier: GPL-2.0
/* The lodge command: finds the verb and runs it. verbs.h lists all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"

static int unknown(const char *name)
{
	return cmd_usage("%s: there is no such verb", name);
}

static void list_verbs(FILE *f)
{
	fputs("Usage: lodge VERB [OPTION...] [ARGUMENT...]\n"
	      "Starts, watches and stops domains on Lodge.\n\n",
	      f);
	for (const struct verb *const *v = verbs; *v; v++)
		fprintf(f, "  %-14s  %s\n", (*v)->name, (*v)->summary);
	fputs("\n`lodge VERB --help` says more; DOMAIN is a number or a name.\n",
	      f);
}

static int help(const char *name)
{
	char help_option[] = "--help";
	const struct verb *v;

	if (!name) {
		list_verbs(stdout);
		return EXIT_DONE;
	}
	v = cmd_find_verb(name);
	if (!v)
		return unknown(name);
	return v->run(2, (char *[]){ (char *)name, help_option, NULL });
}

int main(int argc, char **argv)
{
	const struct verb *v;
	const char *name = argc > 1 ? argv[1] : NULL;

	if (!name) {
		list_verbs(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(name, "help") || !strcmp(name, "--help") ||
	    !strcmp(name, "-h"))
		return help(argc > 2 ? argv[2] : NULL);
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("lodge, for ABI %d.%d\n", LODGE_ABI_MAJOR,
		       LODGE_ABI_MINOR);
		return EXIT_DONE;
	}
	v = cmd_find_verb(name);
	if (!v)
		return unknown(name);
	return v->run(argc - 1, argv + 1);
}
