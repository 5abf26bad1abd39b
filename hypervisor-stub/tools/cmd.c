// SPDX-License-Identifier: GPL-2.0
/*
 * Options, messages and domain arguments of the verbs. The one state here is
 * which verb runs, for messages.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"

#define MAX_OPTIONS 24

static const char *verb_name; /* NULL: none was found yet */

static void print_help(const struct verb *verb,
		       const struct option_spec *options)
{
	const struct option_spec *o;
	char name[64];

	printf("Usage: lodge %s%s%s%s\n", verb->name,
	       options && options->name ? " [OPTION...]" : "",
	       verb->args && *verb->args ? " " : "", verb->args ?: "");
	printf("%s\n\n", verb->summary);
	for (o = options; o && o->name; o++) {
		snprintf(name, sizeof(name), "%c%c%s--%s%s%s",
			 o->letter ? '-' : ' ', o->letter ?: ' ',
			 o->letter ? ", " : "  ", o->name, o->arg ? "=" : "",
			 o->arg ?: "");
		printf("  %-24s  %s\n", name, o->help);
	}
	printf("  %-24s  %s\n", "-h, --help", "show this");
	if (verb->help)
		printf("\n%s", verb->help);
}

bool cmd_number(const char *text, unsigned long max, unsigned long *value)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*value = strtoul(text, &end, 10);
	return !*end && !errno && *value <= max;
}

static void take_option(const struct option_spec *o, const char *arg)
{
	switch (o->type) {
	case OPTION_FLAG:
		*(bool *)o->value = true;
		break;
	case OPTION_STRING:
		*(const char **)o->value = arg;
		break;
	case OPTION_NUMBER:
		if (!cmd_number(arg, -1UL, o->value))
			exit(cmd_usage("--%s=%s: not a number", o->name, arg));
		break;
	}
}

/* getopt_long()'s own form of the options; values are indices, from 256 on. */
static void prepare(const struct option_spec *options, struct option *longs,
		    char *letters)
{
	int i;

	for (i = 0; options && options[i].name; i++) {
		if (i == MAX_OPTIONS)
			abort();
		longs[i] = (struct option){ options[i].name,
					    options[i].arg ? 1 : 0, NULL,
					    256 + i };
		if (!options[i].letter)
			continue;
		*letters++ = options[i].letter;
		if (options[i].arg)
			*letters++ = ':';
	}
	longs[i++] = (struct option){ "help", 0, NULL, 'h' };
	longs[i] = (struct option){ 0 };
	strcpy(letters, "h");
}

int cmd_options(const struct verb *verb, const struct option_spec *options,
		int argc, char **argv, int min, int max)
{
	struct option longs[MAX_OPTIONS + 2];
	char letters[2 * MAX_OPTIONS + 4], title[64];
	const struct option_spec *o;
	int c, left;

	verb_name = verb->name;
	snprintf(title, sizeof(title), "lodge %s", verb->name);
	argv[0] = title; /* getopt_long() begins its messages with it */
	prepare(options, longs, letters);
	optind = 0; /* from the beginning, for a verb that runs another */
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
		if (c == 'h') {
			print_help(verb, options);
			exit(EXIT_DONE);
		}
		if (c == '?')
			exit(cmd_usage(NULL));
		for (o = options; c < 256 && o->letter != c; o++)
			;
		take_option(c < 256 ? o : options + c - 256, optarg);
	}
	argv[0] = (char *)verb->name;
	left = argc - optind;
	if (left < min)
		exit(cmd_usage("too few arguments; expected: %s", verb->args));
	if (max >= 0 && left > max)
		exit(cmd_usage("one argument too many: %s",
			       argv[optind + max]));
	memmove(argv + 1, argv + optind, (left + 1) * sizeof(*argv));
	return left;
}

static void message(const char *fmt, va_list ap)
{
	fflush(stdout);
	fprintf(stderr, "lodge%s%s: ", verb_name ? " " : "", verb_name ?: "");
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void cmd_message(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

int cmd_fail(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
	return code;
}

int cmd_usage(const char *fmt, ...)
{
	va_list ap;

	if (fmt) {
		va_start(ap, fmt);
		message(fmt, ap);
		va_end(ap);
	}
	if (verb_name)
		fprintf(stderr, "`lodge %s --help` shows what there is.\n",
			verb_name);
	else
		fputs("`lodge help` lists the verbs.\n", stderr);
	return EXIT_USAGE;
}

static const struct {
	int err;
	int code;
	const char *text;
} errors[] = {
	{ ENOENT, EXIT_NO_DOMAIN, "no such domain" },
	{ EEXIST, EXIT_REFUSED, "another domain has that name" },
	{ ENOMEM, EXIT_REFUSED, "not enough memory in the machine" },
	{ ENOSPC, EXIT_REFUSED, "more than the domain may have" },
	{ EBUSY, EXIT_REFUSED, "not possible in the state it is in" },
	{ EAGAIN, EXIT_REFUSED, "it is about to end" },
	{ EPERM, EXIT_REFUSED, "not permitted" },
	{ EINVAL, EXIT_REFUSED, "refused as invalid" },
};

const char *cmd_error_text(int err, int *code)
{
	if (err < 0)
		err = -err;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		if (errors[i].err == err) {
			*code = errors[i].code;
			return errors[i].text;
		}
	}
	*code = EXIT_FAILED;
	return strerror(err);
}

int cmd_error(int err, const char *what)
{
	const char *text;
	int code;

	text = cmd_error_text(err, &code);
	return cmd_fail(code, "%s: %s", what, text);
}

struct lodge *cmd_open(void)
{
	struct lodge *l;
	int err = lodge_open(&l);

	if (!err)
		return l;
	if (err == -ENOENT || err == -ENODEV || err == -ENXIO)
		cmd_message("%s: not there: this works in the control domain "
			    "of Lodge alone",
			    LODGE_DEV);
	else if (err == -EACCES || err == -EPERM)
		cmd_message("%s: only root may do this", LODGE_DEV);
	else
		cmd_message("%s: %s", LODGE_DEV, strerror(-err));
	exit(EXIT_FAILED);
}

int cmd_domain(struct lodge *l, const char *which,
	       struct lodge_domain_info *info)
{
	int err = lodge_find(l, which, info);

	return err ? cmd_error(err, which) : EXIT_DONE;
}

int cmd_for_domains(const struct verb *verb, int argc, char **argv,
		    int (*act)(struct lodge *l, uint32_t domid))
{
	struct lodge_domain_info info;
	int n, i, err, code, result = EXIT_DONE;
	struct lodge *l;

	n = cmd_options(verb, NULL, argc, argv, 1, -1);
	l = cmd_open();
	for (i = 1; i <= n; i++) {
		code = cmd_domain(l, argv[i], &info);
		if (!code) {
			err = act(l, info.domid);
			if (err)
				code = cmd_error(err, argv[i]);
		}
		if (!result)
			result = code;
	}
	lodge_close(l);
	return result;
}
