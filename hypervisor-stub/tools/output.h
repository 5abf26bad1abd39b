/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What verbs print: rows of named values, as a table or as JSON. A verb fills
 * one struct output row by row and finishes it; it never formats by itself.
 *
 * Text that comes from a guest or a name is shown with everything but printable
 * ASCII replaced by '?' in tables, and escaped in JSON.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

enum value_kind { VALUE_TEXT, VALUE_NUMBER, VALUE_BOOL, VALUE_FRACTION };

#define OUTPUT_COLUMNS 32
#define OUTPUT_TEXT 512

/* One column: a heading for people, and a name for programs. */
struct column {
	const char *heading; /* NULL: in JSON alone */
	const char *name;
};

struct output {
	bool json;
	const struct column *columns;
	unsigned int count; /* of columns */
	unsigned int at; /* the next cell's column */
	char (*cell)[OUTPUT_TEXT]; /* rows times columns */
	bool *right; /* by column: numbers, that end below each other */
	size_t rows, room;
	struct json_object *array, *row;
};

/* Columns end with a NULL name. */
void output_begin(struct output *o, bool json, const struct column *columns);
/* The next cell of the row, from left to right. */
void output_text(struct output *o, const char *text);
void output_number(struct output *o, uint64_t number);
void output_fraction(struct output *o, double number, int digits);
void output_bool(struct output *o, bool value);
/* Prints the table, or the array of objects. */
void output_end(struct output *o);
/* Instead of it: prints nothing. */
void output_drop(struct output *o);

/* One object: lines of "what: value", or a JSON object. */
struct record {
	struct json_object *json; /* NULL: for people */
};

void record_begin(struct record *r, bool json);
/* heading NULL: in JSON alone. unit: behind the number for people, or NULL */
void record_text(struct record *r, const char *heading, const char *name,
		 const char *text);
void record_number(struct record *r, const char *heading, const char *name,
		   uint64_t number, const char *unit);
void record_bool(struct record *r, const char *heading, const char *name,
		 bool value);
/* A sub-object or array, owned by r from then on; JSON alone. */
void record_add(struct record *r, const char *name, struct json_object *value);
void record_end(struct record *r);

/* The printed form of text that cannot be trusted. */
const char *safe_text(const char *text, char *buf, size_t size);

#endif
