/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the verbs of the lodge command share: exit codes, messages, options,
 * and finding the domain that an argument names.
 *
 * A verb is a file verb_NAME.c that defines `const struct verb verb_NAME` and
 * has its line in verbs.h. It runs once in a process, so it may leave what it
 * allocated to the end of the process.
 */
#ifndef CMD_H
#define CMD_H

#include "liblodge.h"

/* Exit codes, documented in lodge(1) */
#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define EXIT_NO_DOMAIN 3
#define EXIT_REFUSED 4 /* by the hypervisor: no memory, busy, a limit */
#define EXIT_CONFIG 5 /* a configuration file or a kernel is bad */
#define EXIT_TIMEOUT 6

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))

#define PAGE_SIZE 4096ULL
#define FRAMES_PER_MIB 256ULL

struct verb {
	const char *name;
	const char *args; /* as shown by --help: "DOMAIN [MIB]" */
	const char *summary; /* one line, begins with a small letter */
	/* Returns the exit code. argv[0] is the verb. */
	int (*run)(int argc, char **argv);
	const char *help; /* further text of --help, or NULL */
};

#define X(name) extern const struct verb verb_##name;
#include "verbs.h"
#undef X
extern const struct verb *const verbs[]; /* ends with NULL */
/* NULL: there is none. */
const struct verb *cmd_find_verb(const char *name);

enum option_type {
	OPTION_FLAG, /* bool */
	OPTION_STRING, /* const char * */
	OPTION_NUMBER, /* unsigned long */
};

/* An option; letter 0: it has a long form alone. Lists end with { 0 }. */
struct option_spec {
	char letter;
	const char *name;
	const char *arg; /* what --help calls its argument, or NULL */
	const char *help;
	enum option_type type;
	void *value; /* set if the option is given */
};

#define OPT_FLAG(letter, name, value, help)                  \
	{                                                    \
		letter, name, NULL, help, OPTION_FLAG, value \
	}
#define OPT_STRING(letter, name, arg, value, help)            \
	{                                                     \
		letter, name, arg, help, OPTION_STRING, value \
	}
#define OPT_NUMBER(letter, name, arg, value, help)            \
	{                                                     \
		letter, name, arg, help, OPTION_NUMBER, value \
	}

/*
 * Takes the options (NULL: none) out of argv and returns how many arguments
 * are left, now argv[1] and so on; between min and max (-1: any number). Ends
 * the process on --help (0) and on mistakes (EXIT_USAGE).
 */
int cmd_options(const struct verb *verb, const struct option_spec *options,
		int argc, char **argv, int min, int max);

/* "lodge VERB: ..." on stderr. cmd_fail() returns `code`. */
void cmd_message(const char *fmt, ...) __printf(1, 2);
int cmd_fail(int code, const char *fmt, ...) __printf(2, 3);
/* For a mistake in the arguments; points to --help. Returns EXIT_USAGE. */
int cmd_usage(const char *fmt, ...) __printf(1, 2);
/*
 * "lodge VERB: WHAT: why" for an error (negative or positive) of liblodge.
 * Returns the exit code for it.
 */
int cmd_error(int err, const char *what);
/* The words alone; sets the exit code. */
const char *cmd_error_text(int err, int *code);

/* Opens /dev/lodge, or ends the process with a message. */
struct lodge *cmd_open(void);
/* The domain that `which` names, or a message; returns an exit code. */
int cmd_domain(struct lodge *l, const char *which,
	       struct lodge_domain_info *info);
/* A whole decimal number of at most max. */
bool cmd_number(const char *text, unsigned long max, unsigned long *value);

/* The verbs that do one thing to each domain named: pause, unpause, destroy. */
int cmd_for_domains(const struct verb *verb, int argc, char **argv,
		    int (*act)(struct lodge *l, uint32_t domid));

#endif
