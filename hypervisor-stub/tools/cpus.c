// SPDX-License-Identifier: GPL-2.0
/* Sets of processors, from and to text. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "cpus.h"

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* A number below CPUS_MAX, or -1. */
static int take_number(const char **p)
{
	int n = 0;

	if (!isdigit((unsigned char)**p))
		return -1;
	for (; isdigit((unsigned char)**p); (*p)++) {
		n = n * 10 + **p - '0';
		if (n >= CPUS_MAX)
			return -1;
	}
	return n;
}

static uint64_t range(int first, int last)
{
	return CPUS_ALL >> (CPUS_MAX - 1 - last) & CPUS_ALL << first;
}

/* One member; leaves *p behind it. */
static int take_member(const char **p, uint64_t *set, struct complaint *c)
{
	const char *start = *p;
	bool without = **p == '^';
	int first, last;
	uint64_t bits;

	if (without)
		*p = skip_blanks(*p + 1);
	if (!strncmp(*p, "all", 3)) {
		*p += 3;
		bits = CPUS_ALL;
	} else {
		first = last = take_number(p);
		*p = skip_blanks(*p);
		if (first >= 0 && **p == '-') {
			*p = skip_blanks(*p + 1);
			last = take_number(p);
		}
		if (first < 0 || last < 0)
			return complain(
				c,
				"`%.20s`; expected processors from 0 to %d, "
				"as in \"0-3,^1\"",
				start, CPUS_MAX - 1);
		if (first > last)
			return complain(
				c, "`%d-%d`; expected the lower number first",
				first, last);
		bits = range(first, last);
	}
	if (without)
		*set &= ~bits;
	else
		*set |= bits;
	return 0;
}

int cpus_parse(const char *text, uint64_t *set, struct complaint *c)
{
	const char *p = text;

	*set = 0;
	do {
		p = skip_blanks(p);
		if (take_member(&p, set, c))
			return -1;
		p = skip_blanks(p);
	} while (*p++ == ',');
	if (p[-1])
		return complain(
			c,
			"`%.20s`; expected `,` and another processor, or the end",
			p - 1);
	if (!*set)
		return complain(c, "`%.60s`; expected at least one processor",
				text);
	return 0;
}

void cpus_format(uint64_t set, char text[CPUS_TEXT])
{
	char *p = text;
	int i, last;

	if (!set || set == CPUS_ALL) {
		strcpy(text, set ? "all" : "none");
		return;
	}
	for (i = 0; i < CPUS_MAX; i = last + 1) {
		last = i;
		if (!(set >> i & 1))
			continue;
		while (last + 1 < CPUS_MAX && set >> (last + 1) & 1)
			last++;
		p += sprintf(p, p > text ? ",%d" : "%d", i);
		if (last > i)
			p += sprintf(p, "-%d", last);
	}
}
