// SPDX-License-Identifier: GPL-2.0
/* Tables, records, and JSON by json-c; see output.h. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "output.h"

static void *must(void *p)
{
	if (!p) {
		fputs("lodge: no memory\n", stderr);
		exit(1);
	}
	return p;
}

const char *safe_text(const char *text, char *buf, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && text[i]; i++)
		buf[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	buf[i] = '\0';
	return buf;
}

/* JSON must be UTF-8, which bytes of a guest may not be. */
static struct json_object *json_text(const char *text)
{
	char buf[OUTPUT_TEXT];

	return json_object_new_string(safe_text(text, buf, sizeof(buf)));
}

static void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* --- tables --- */

void output_begin(struct output *o, bool json, const struct column *columns)
{
	*o = (struct output){ .json = json, .columns = columns };
	while (columns[o->count].name)
		o->count++;
	o->right = must(calloc(o->count, sizeof(*o->right)));
	if (json)
		o->array = must(json_object_new_array());
}

/* Where the text of the next cell goes. */
static char *next_cell(struct output *o, bool right, struct json_object *value)
{
	unsigned int at = o->at;

	if (!at && o->json) {
		o->row = must(json_object_new_object());
		json_object_array_add(o->array, o->row);
	}
	if (!at && o->rows++ == o->room) {
		o->room = o->room ? 2 * o->room : 16;
		o->cell = must(realloc(o->cell,
				       o->room * o->count * sizeof(*o->cell)));
	}
	if (o->json)
		json_object_object_add(o->row, o->columns[at].name, value);
	else
		json_object_put(value);
	o->right[at] |= right;
	o->at = (at + 1) % o->count;
	return o->cell[(o->rows - 1) * o->count + at];
}

void output_text(struct output *o, const char *text)
{
	safe_text(text, next_cell(o, false, json_text(text)), OUTPUT_TEXT);
}

void output_number(struct output *o, uint64_t n)
{
	snprintf(next_cell(o, true, json_object_new_uint64(n)), OUTPUT_TEXT,
		 "%llu", (unsigned long long)n);
}

void output_fraction(struct output *o, double n, int digits)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*f", digits, n);
	strcpy(next_cell(o, true, json_object_new_double_s(n, text)), text);
}

void output_bool(struct output *o, bool value)
{
	strcpy(next_cell(o, false, json_object_new_boolean(value)),
	       value ? "yes" : "no");
}

static const char *text_of(const struct output *o, size_t row, unsigned int c)
{
	return row ? o->cell[(row - 1) * o->count + c] : o->columns[c].heading;
}

static void print_table(const struct output *o)
{
	int width[OUTPUT_COLUMNS] = { 0 };
	unsigned int c, last = 0;
	size_t row;

	for (row = 0; row <= o->rows; row++)
		for (c = 0; c < o->count; c++)
			if (o->columns[c].heading) {
				int n = strlen(text_of(o, row, c));

				width[c] = n > width[c] ? n : width[c];
				last = c;
			}
	for (row = 0; row <= o->rows; row++)
		for (c = 0; c < o->count; c++) {
			if (!o->columns[c].heading)
				continue;
			if (c == last && !o->right[c])
				width[c] = 0; /* no blanks at the end */
			printf("%*s%s", o->right[c] ? width[c] : -width[c],
			       text_of(o, row, c), c == last ? "\n" : "  ");
		}
}

void output_end(struct output *o)
{
	if (o->json)
		print_json(o->array);
	else
		print_table(o);
	free(o->cell);
	free(o->right);
}

void output_drop(struct output *o)
{
	json_object_put(o->array);
	free(o->cell);
	free(o->right);
}

/* --- records --- */

#define HEADING_WIDTH 22

void record_begin(struct record *r, bool json)
{
	r->json = json ? must(json_object_new_object()) : NULL;
}

static void line(const char *heading, const char *value, const char *unit)
{
	if (heading)
		printf("%-*s %s%s%s\n", HEADING_WIDTH, heading, value,
		       unit ? " " : "", unit ?: "");
}

void record_text(struct record *r, const char *heading, const char *name,
		 const char *text)
{
	char buf[OUTPUT_TEXT];

	if (r->json)
		json_object_object_add(r->json, name, json_text(text));
	else
		line(heading, safe_text(text, buf, sizeof(buf)), NULL);
}

void record_number(struct record *r, const char *heading, const char *name,
		   uint64_t n, const char *unit)
{
	char text[24];

	if (r->json) {
		json_object_object_add(r->json, name,
				       json_object_new_uint64(n));
		return;
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	line(heading, text, unit);
}

void record_bool(struct record *r, const char *heading, const char *name,
		 bool value)
{
	if (r->json)
		json_object_object_add(r->json, name,
				       json_object_new_boolean(value));
	else
		line(heading, value ? "yes" : "no", NULL);
}

void record_add(struct record *r, const char *name, struct json_object *value)
{
	if (r->json)
		json_object_object_add(r->json, name, value);
	else
		json_object_put(value);
}

void record_end(struct record *r)
{
	if (r->json)
		print_json(r->json);
}
