// SPDX-License-Identifier: GPL-2.0
/*
 * Reading a configuration: the file through libconfig, assignments of the
 * command line, then what can only be checked when all is known. Every mistake
 * is reported, with file and line, and nothing is done about it here.
 */
#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "config.h"
#include "config_key.h"
#include "cpus.h"

#define FILE_MAX (1 << 20) /* bytes */

/* Where the value of a key came from. */
static char *where_of(struct config_reader *r, const struct config_key *key)
{
	return r->where[key - config_keys];
}

static const char *where_named(struct config_reader *r, const char *name)
{
	return where_of(r, config_find_key(name));
}

static void take(struct config_reader *r, const struct config_key *key,
		 const struct config_value *v)
{
	snprintf(where_of(r, key), sizeof(r->where[0]), "%s", v->where);
	key->take(r, key, v);
}

static void unknown_key(struct config_reader *r, const char *where,
			const char *name)
{
	const char *nearest = config_nearest_key(name);

	if (nearest)
		config_error(r, where,
			     "found the key `%.40s`, expected perhaps `%s`",
			     name, nearest);
	else
		config_error(
			r, where,
			"found the key `%.40s`, expected one of name, memory, "
			"kernel and so on: see lodge.cfg(5)",
			name);
}

/*
 * The strings of a list; numbers become strings, anything else makes it no
 * list. The array is malloc()ed, and the strings that were numbers are at its
 * end.
 */
static void read_list(const config_setting_t *s, struct config_value *v)
{
	int n = config_setting_length(s);
	char(*numbers)[24] = NULL;

	v->list = calloc(n + 1, sizeof(*v->list) + sizeof(*numbers));
	numbers = (void *)(v->list + n + 1);
	v->type = VALUE_LIST;
	v->list_size = n;
	for (int i = 0; i < n; i++) {
		const config_setting_t *e = config_setting_get_elem(s, i);

		switch (config_setting_type(e)) {
		case CONFIG_TYPE_STRING:
			v->list[i] = config_setting_get_string(e);
			break;
		case CONFIG_TYPE_INT:
		case CONFIG_TYPE_INT64:
			sprintf(numbers[i], "%lld",
				config_setting_get_int64(e));
			v->list[i] = numbers[i];
			break;
		default:
			v->type = VALUE_OTHER;
			v->other = "a list with something in it that is "
				   "neither a string nor a number";
			return;
		}
	}
}

static void read_value(const config_setting_t *s, struct config_value *v)
{
	v->type = VALUE_OTHER;
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_STRING:
		v->type = VALUE_TEXT;
		v->text = config_setting_get_string(s);
		break;
	case CONFIG_TYPE_INT:
		v->type = VALUE_NUMBER;
		v->number = config_setting_get_int(s);
		break;
	case CONFIG_TYPE_INT64:
		v->type = VALUE_NUMBER;
		v->number = config_setting_get_int64(s);
		break;
	case CONFIG_TYPE_ARRAY:
	case CONFIG_TYPE_LIST:
		read_list(s, v);
		break;
	case CONFIG_TYPE_FLOAT:
		v->other = "a number with a fraction";
		break;
	case CONFIG_TYPE_BOOL:
		v->other = config_setting_get_bool(s) ? "true" : "false";
		break;
	default:
		v->other = "a group { }";
		break;
	}
}

/* All settings of a file or of a text. */
static void read_settings(struct config_reader *r, const config_t *c,
			  const char *path)
{
	const config_setting_t *root = config_root_setting(c);

	for (int i = 0; i < config_setting_length(root); i++) {
		const config_setting_t *s = config_setting_get_elem(root, i);
		struct config_value v = { .key = config_setting_name(s) };
		const struct config_key *key = config_find_key(v.key);
		char where[128];

		snprintf(where, sizeof(where), "%s:%u",
			 config_setting_source_file(s) ?: path,
			 config_setting_source_line(s));
		v.where = where;
		if (!key) {
			unknown_key(r, where, v.key);
			continue;
		}
		read_value(s, &v);
		take(r, key, &v);
		free(v.list);
	}
}

/* The line of a file, without blanks at its ends; "" if there is none. */
static void get_line(FILE *f, int number, char *line, int size)
{
	size_t n;

	*line = '\0';
	rewind(f);
	while (number-- > 0)
		if (!fgets(line, size, f))
			return;
	n = strcspn(line, "\n");
	while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	line[n] = '\0';
	memmove(line, line + strspn(line, " \t"), n + 1 - strspn(line, " \t"));
}

static void syntax_error(struct config_reader *r, const config_t *c,
			 const char *path, FILE *f)
{
	const char *file = config_error_file(c) ?: path;
	int number = config_error_line(c);
	char where[128], line[200];

	snprintf(where, sizeof(where), "%s:%d", file, number);
	get_line(f, number, line, sizeof(line));
	if (strcmp(config_error_text(c), "syntax error"))
		config_error(r, where, "found `%.60s`: %s", line,
			     config_error_text(c));
	else if (strchr(line, '\''))
		config_error(
			r, where,
			"found `%.60s`, expected KEY = VALUE, with strings in "
			"\"double quotes\"",
			line);
	else
		config_error(
			r, where,
			"found `%.60s`, expected KEY = VALUE here and at the "
			"end of the line before",
			line);
}

/* libconfig ends the process when it cannot read: so look first. */
static FILE *open_file(struct config_reader *r, const char *path)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (!f || fstat(fileno(f), &st)) {
		config_error(r, path, "%s", strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		config_error(r, path, "found no regular file, expected one");
	} else if (st.st_size > FILE_MAX) {
		config_error(r, path, "found %lld bytes, expected at most %d",
			     (long long)st.st_size, FILE_MAX);
	} else {
		return f;
	}
	if (f)
		fclose(f);
	return NULL;
}

static void read_file(struct config_reader *r, const char *path)
{
	FILE *f = open_file(r, path);
	config_t c;

	if (!f)
		return;
	config_init(&c);
	if (config_read(&c, f))
		read_settings(r, &c, path);
	else
		syntax_error(r, &c, path, f);
	config_destroy(&c);
	fclose(f);
}

/* A number, a string in quotes or a list is one; all else is text. */
static void read_assignment(struct config_reader *r, const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	struct config_value v = { .where = assignment };
	const struct config_key *key;
	char name[64], *text;
	config_t c;

	if (!equals || equals == assignment) {
		config_error(r, assignment, "expected KEY=VALUE");
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(equals - assignment),
		 assignment);
	key = config_find_key(name);
	if (!key) {
		unknown_key(r, assignment, name);
		return;
	}
	v.key = name;
	v.type = VALUE_TEXT;
	v.text = equals + 1;
	config_init(&c);
	if (asprintf(&text, "%s;", assignment) < 0)
		abort();
	if ((!key->wants_text || strchr("\"[(", *v.text)) &&
	    config_read_string(&c, text) &&
	    config_setting_length(config_root_setting(&c)) == 1)
		read_value(config_setting_get_elem(config_root_setting(&c), 0),
			   &v);
	take(r, key, &v);
	free(v.list);
	free(text);
	config_destroy(&c);
}

static void check_needed(struct config_reader *r, const char *path)
{
	static const char *const needed[] = { "name", "memory", "kernel" };

	for (unsigned int i = 0; i < 3; i++)
		if (!*where_named(r, needed[i]))
			config_error(r, path, "found no `%s`, expected one",
				     needed[i]);
}

static void check_together(struct config_reader *r)
{
	struct config *cfg = r->cfg;

	if (!*where_named(r, "maxmem"))
		cfg->maxmem = cfg->memory;
	else if (cfg->maxmem < cfg->memory)
		config_error(
			r, where_named(r, "maxmem"),
			"maxmem: found %llu, expected at least memory, which "
			"is %llu",
			(unsigned long long)cfg->maxmem,
			(unsigned long long)cfg->memory);
	if (!*where_named(r, "maxvcpus"))
		cfg->maxvcpus = cfg->vcpus;
	else if (cfg->maxvcpus < cfg->vcpus)
		config_error(
			r, where_named(r, "maxvcpus"),
			"maxvcpus: found %u, expected at least vcpus, which is %u",
			cfg->maxvcpus, cfg->vcpus);
}

/* cmdline, or root and extra: as xl, which takes cmdline alone if it is given. */
static void join_cmdline(struct config_reader *r, const char *path)
{
	struct config *cfg = r->cfg;
	const char *where = path;

	if (*where_named(r, "extra"))
		where = where_named(r, "extra");
	if (cfg->cmdline) {
		if (r->root || r->extra)
			config_error(
				r, where,
				"found root or extra beside cmdline, expected "
				"one of both ways");
		return;
	}
	if (asprintf(&cfg->cmdline, "%s%s%s%s", r->root ? "root=" : "",
		     r->root ?: "", r->root && r->extra ? " " : "",
		     r->extra ?: "") < 0)
		abort();
	if (strlen(cfg->cmdline) > 4095)
		config_error(
			r, where,
			"found a command line of %zu characters, expected at "
			"most 4095",
			strlen(cfg->cmdline));
}

static void set_defaults(struct config *cfg)
{
	*cfg = (struct config){
		.vcpus = 1,
		.weight = 256,
		.on_poweroff = ACTION_DESTROY,
		.on_reboot = ACTION_RESTART,
		.on_crash = ACTION_DESTROY,
	};
	for (unsigned int i = 0; i < LODGE_MAX_VCPUS; i++)
		cfg->cpus[i] = CPUS_ALL;
}

unsigned int config_load(struct config *cfg, const char *path, int count,
			 char *const assignments[], FILE *errors)
{
	struct config_reader r = { .cfg = cfg, .errors = errors };

	set_defaults(cfg);
	if (path)
		read_file(&r, path);
	/* What is missing in half a file says nothing. */
	if (!r.count) {
		for (int i = 0; i < count; i++)
			read_assignment(&r, assignments[i]);
		check_needed(&r, path ?: "command line");
	}
	if (!r.count)
		check_together(&r);
	join_cmdline(&r, path ?: "command line");
	free(r.root);
	free(r.extra);
	if (r.count)
		config_free(cfg);
	return r.count;
}

void config_free(struct config *cfg)
{
	free(cfg->kernel);
	free(cfg->ramdisk);
	free(cfg->cmdline);
	free(cfg->devices);
	*cfg = (struct config){ 0 };
}
