/* SPDX-License-Identifier: GPL-2.0 */
/* Inside of the reading of configurations: a value, and the table of keys. */
#ifndef CONFIG_KEY_H
#define CONFIG_KEY_H

#include "config.h"

/* What is being read, and what was said about it. */
struct config_reader {
	struct config *cfg;
	FILE *errors;
	unsigned int count; /* of errors */
	/* not part of the result as they are */
	char *root, *extra;
	/* Where the value of a key came from, for messages; "" if nowhere */
	char where[32][128];
};

enum value_type { VALUE_TEXT, VALUE_NUMBER, VALUE_LIST, VALUE_OTHER };

/* A value as it was found. */
struct config_value {
	const char *where; /* "FILE:LINE" or "KEY=..." */
	const char *key;
	enum value_type type;
	const char *other; /* VALUE_OTHER: what it is, in words */
	const char *text; /* VALUE_TEXT */
	long long number; /* VALUE_NUMBER */
	const char **list; /* VALUE_LIST: strings, or numbers as text */
	unsigned int list_size;
};

/* A mistake. */
void config_error(struct config_reader *r, const char *where, const char *fmt,
		  ...) __attribute__((format(printf, 3, 4)));

struct config_key {
	const char *name;
	/* checks it and puts it into r->cfg */
	void (*take)(struct config_reader *r, const struct config_key *key,
		     const struct config_value *v);
	size_t offset; /* in struct config, where take() says so */
	long long min, max;
	const char *what; /* of which the number is, or what the text is */
	bool wants_text; /* KEY=VALUE is always taken as text */
};

extern const struct config_key config_keys[]; /* ends with name = NULL */

/* NULL: there is none. */
const struct config_key *config_find_key(const char *name);
/* One that a person may have meant; NULL: nothing is near. */
const char *config_nearest_key(const char *name);

#endif
