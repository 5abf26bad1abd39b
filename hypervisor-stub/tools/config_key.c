// SPDX-License-Identifier: GPL-2.0
/* The keys of a configuration, and how each takes its value. */
#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "config_key.h"
#include "cpus.h"

void config_error(struct config_reader *r, const char *where, const char *fmt,
		  ...)
{
	va_list ap;

	fprintf(r->errors, "%s: ", where);
	va_start(ap, fmt);
	vfprintf(r->errors, fmt, ap);
	va_end(ap);
	fputc('\n', r->errors);
	r->count++;
}

static void *field(struct config_reader *r, const struct config_key *key)
{
	return (char *)r->cfg + key->offset;
}

/* "found X, expected ..." for a value of a wrong type */
static void wrong_type(struct config_reader *r, const struct config_value *v,
		       const char *expected)
{
	switch (v->type) {
	case VALUE_TEXT:
		config_error(r, v->where, "%s: found \"%.60s\", expected %s",
			     v->key, v->text, expected);
		break;
	case VALUE_NUMBER:
		config_error(r, v->where,
			     "%s: found the number %lld, expected %s", v->key,
			     v->number, expected);
		break;
	case VALUE_LIST:
		config_error(r, v->where, "%s: found a list, expected %s",
			     v->key, expected);
		break;
	case VALUE_OTHER:
		config_error(r, v->where, "%s: found %s, expected %s", v->key,
			     v->other, expected);
		break;
	}
}

/* A number from min to max; `what` is its unit. */
static bool get_number(struct config_reader *r, const struct config_key *key,
		       const struct config_value *v, long long *n)
{
	char expected[96];

	snprintf(expected, sizeof(expected), "%s from %lld to %lld", key->what,
		 key->min, key->max);
	if (v->type != VALUE_NUMBER || v->number < key->min ||
	    v->number > key->max) {
		wrong_type(r, v, expected);
		return false;
	}
	*n = v->number;
	return true;
}

static void take_u64(struct config_reader *r, const struct config_key *key,
		     const struct config_value *v)
{
	long long n;

	if (get_number(r, key, v, &n))
		*(uint64_t *)field(r, key) = n;
}

static void take_uint(struct config_reader *r, const struct config_key *key,
		      const struct config_value *v)
{
	long long n;

	if (get_number(r, key, v, &n))
		*(unsigned int *)field(r, key) = n;
}

static bool get_text(struct config_reader *r, const struct config_key *key,
		     const struct config_value *v)
{
	if (v->type != VALUE_TEXT || (!*v->text && key->min)) {
		wrong_type(r, v, key->what);
		return false;
	}
	if (key->max && strlen(v->text) > (size_t)key->max) {
		config_error(r, v->where,
			     "%s: found %zu characters, expected at most %lld",
			     v->key, strlen(v->text), key->max);
		return false;
	}
	return true;
}

static void take_text(struct config_reader *r, const struct config_key *key,
		      const struct config_value *v)
{
	char **text = field(r, key);

	if (!get_text(r, key, v))
		return;
	free(*text);
	*text = strdup(v->text);
}

/* `root` and `extra` go to the end of the command line, as with xl. */
static void take_root(struct config_reader *r, const struct config_key *key,
		      const struct config_value *v)
{
	if (!get_text(r, key, v))
		return;
	free(r->root);
	r->root = strdup(v->text);
}

static void take_extra(struct config_reader *r, const struct config_key *key,
		       const struct config_value *v)
{
	if (!get_text(r, key, v))
		return;
	free(r->extra);
	r->extra = strdup(v->text);
}

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	if (!n || n >= LODGE_NAME_SIZE || *s == '-' ||
	    isdigit((unsigned char)*s))
		return false;
	for (; *s; s++)
		if (!isascii(*s) ||
		    (!isalnum((unsigned char)*s) && !strchr("._+-", *s)))
			return false;
	return true;
}

static void take_name(struct config_reader *r, const struct config_key *key,
		      const struct config_value *v)
{
	if (v->type != VALUE_TEXT || !is_name(v->text))
		wrong_type(r, v, key->what);
	else
		strcpy(r->cfg->name, v->text);
}

static const char *const actions[] = {
	[ACTION_DESTROY] = "destroy",
	[ACTION_RESTART] = "restart",
	[ACTION_PRESERVE] = "preserve",
	[ACTION_DUMP_DESTROY] = "coredump-destroy",
	[ACTION_DUMP_RESTART] = "coredump-restart",
};

const char *config_action_name(enum action action)
{
	return actions[action];
}

static void take_action(struct config_reader *r, const struct config_key *key,
			const struct config_value *v)
{
	enum action *action = field(r, key);

	if (v->type == VALUE_TEXT && !strcmp(v->text, "coredump")) {
		*action = ACTION_DUMP_DESTROY;
		return;
	}
	for (unsigned int i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (v->type == VALUE_TEXT && !strcmp(v->text, actions[i])) {
			*action = i;
			return;
		}
	}
	wrong_type(r, v, key->what);
}

/* A string or a number: for all vCPUs; a list: for each its own. */
static void take_cpus(struct config_reader *r, const struct config_key *key,
		      const struct config_value *v)
{
	uint64_t set = CPUS_ALL;
	struct complaint c;
	char number[24];
	const char *text;
	unsigned int i;

	snprintf(number, sizeof(number), "%lld", v->number);
	if (v->type == VALUE_OTHER ||
	    (v->type == VALUE_LIST && v->list_size > LODGE_MAX_VCPUS)) {
		wrong_type(r, v, key->what);
		return;
	}
	for (i = 0; i < LODGE_MAX_VCPUS; i++) {
		r->cfg->cpus[i] = v->type == VALUE_LIST ? CPUS_ALL : set;
		if (v->type == VALUE_LIST && i >= v->list_size)
			continue;
		if (v->type != VALUE_LIST && i)
			continue;
		text = v->type == VALUE_LIST ? v->list[i] :
		       v->type == VALUE_TEXT ? v->text :
					       number;
		if (cpus_parse(text, &set, &c)) {
			config_error(r, v->where, "%s: found %s", v->key,
				     c.text);
			return;
		}
		r->cfg->cpus[i] = set;
	}
}

/* Those of this type that an earlier assignment gave. */
static void drop_devices(struct config *cfg, uint16_t type)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < cfg->device_count; i++)
		if (cfg->devices[i].dev.type != type)
			cfg->devices[kept++] = cfg->devices[i];
	cfg->device_count = kept;
}

static bool is_taken(const struct config *cfg, const struct device_spec *s)
{
	for (unsigned int i = 0; i < cfg->device_count; i++)
		if (cfg->devices[i].dev.type == s->dev.type &&
		    cfg->devices[i].dev.index == s->dev.index &&
		    s->dev.index != LODGE_DEV_ANY_INDEX)
			return true;
	return false;
}

static void take_device(struct config_reader *r, const struct config_key *key,
			const struct config_value *v, const char *text)
{
	bool net = key->min == LODGE_DEVICE_NET;
	struct device_spec s, *more;
	struct config *cfg = r->cfg;
	struct complaint c;

	if (net ? vif_parse(text, &s, &c) : disk_parse(text, &s, &c)) {
		config_error(r, v->where, "%s: %s", v->key, c.text);
		return;
	}
	if (*s.warning)
		fprintf(r->errors, "%s: %s: %s\n", v->where, v->key, s.warning);
	if (is_taken(cfg, &s)) {
		config_error(r, v->where,
			     "%s: found \"%.60s\", whose name another one has",
			     v->key, text);
		return;
	}
	more = reallocarray(cfg->devices, cfg->device_count + 1,
			    sizeof(*cfg->devices));
	if (!more)
		abort();
	cfg->devices = more;
	cfg->devices[cfg->device_count++] = s;
}

/* A list of strings, or one string. */
static void take_devices(struct config_reader *r, const struct config_key *key,
			 const struct config_value *v)
{
	drop_devices(r->cfg, key->min);
	if (v->type == VALUE_TEXT) {
		take_device(r, key, v, v->text);
	} else if (v->type != VALUE_LIST || v->list_size > LODGE_DEVICE_SLOTS) {
		wrong_type(r, v, key->what);
	} else {
		for (unsigned int i = 0; i < v->list_size; i++)
			take_device(r, key, v, v->list[i]);
	}
}

#define OFFSET(f) offsetof(struct config, f)
#define WHAT_ACTION                                                \
	"\"destroy\", \"restart\", \"preserve\", \"coredump\" or " \
	"\"coredump-restart\""
#define MIB_MAX (1LL << 27) /* 2^47 bytes */

const struct config_key config_keys[] = {
	{ "name", take_name, 0, 0, 0,
	  "1 to 31 of A-Z a-z 0-9 . _ + -, not beginning with - or a digit",
	  true },
	{ "memory", take_u64, OFFSET(memory), 2, MIB_MAX, "MiB", false },
	{ "maxmem", take_u64, OFFSET(maxmem), 2, MIB_MAX, "MiB", false },
	{ "vcpus", take_uint, OFFSET(vcpus), 1, LODGE_MAX_VCPUS, "a number",
	  false },
	{ "maxvcpus", take_uint, OFFSET(maxvcpus), 1, LODGE_MAX_VCPUS,
	  "a number", false },
	{ "cpus", take_cpus, 0, 0, 0,
	  "processors, as \"0-3,^1\", or a list of that for each vCPU", true },
	{ "cpu_weight", take_uint, OFFSET(weight), 1, 65535, "a weight",
	  false },
	{ "cap", take_uint, OFFSET(cap), 0, 100 * CPUS_MAX,
	  "percent of a processor,", false },
	{ "kernel", take_text, OFFSET(kernel), 1, 0, "the path of a file",
	  true },
	{ "ramdisk", take_text, OFFSET(ramdisk), 1, 0, "the path of a file",
	  true },
	{ "cmdline", take_text, OFFSET(cmdline), 0, 4095, "a string", true },
	{ "root", take_root, 0, 1, 1024, "a string", true },
	{ "extra", take_extra, 0, 0, 4095, "a string", true },
	{ "on_poweroff", take_action, OFFSET(on_poweroff), 0, 0, WHAT_ACTION,
	  true },
	{ "on_reboot", take_action, OFFSET(on_reboot), 0, 0, WHAT_ACTION,
	  true },
	{ "on_crash", take_action, OFFSET(on_crash), 0, 0, WHAT_ACTION, true },
	{ "disk", take_devices, 0, LODGE_DEVICE_BLOCK, 0,
	  "a list of strings as \"TARGET,FORMAT,VDEV,ACCESS\"", true },
	{ "vif", take_devices, 0, LODGE_DEVICE_NET, 0,
	  "a list of strings as \"mac=...,bridge=...\"", true },
	{ NULL, NULL, 0, 0, 0, NULL, false },
};

const struct config_key *config_find_key(const char *name)
{
	for (const struct config_key *k = config_keys; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

#define WORD_MAX 24

/* Insertions, deletions and replacements that make b of a. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[WORD_MAX + 1], diagonal, above, least;
	size_t n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			above = row[j];
			least = above < row[j - 1] ? above : row[j - 1];
			if (diagonal < least + 1 && a[i - 1] == b[j - 1])
				row[j] = diagonal;
			else
				row[j] = (diagonal < least ? diagonal : least) +
					 1;
			diagonal = above;
		}
	}
	return row[m];
}

const char *config_nearest_key(const char *name)
{
	unsigned int least = strlen(name) / 3 + 2, d;
	const char *nearest = NULL;

	for (const struct config_key *k = config_keys; k->name; k++) {
		d = distance(name, k->name);
		if (d < least) {
			least = d;
			nearest = k->name;
		}
	}
	return nearest;
}
