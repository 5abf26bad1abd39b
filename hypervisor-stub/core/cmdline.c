// SPDX-License-Identifier: GPL-2.0
/*
 * The hypervisor's command line. Pure but for its messages: it reads text and
 * fills a struct cmdline, and knows nothing of modules or memory; fuzzed on
 * the host. The text comes from whoever boots the machine, so it is trusted
 * but may well be wrong: a mistake in one domain's description must neither
 * keep the others from starting nor pass unnoticed.
 *
 * Two steps: next_word() cuts the text into words and removes quotes and
 * escapes; then each word is an option. Within a domain's description commas
 * separate the keys, and append= takes all that is left.
 */
#include <lodge/abi.h>
#include "cmdline.h"
#include "printk.h"
#include "string.h"

#define WORD_SIZE 2048
#define MEM_MIB_MAX (1UL << 27) /* 128 TiB, what a p2m can hold */

struct cmdline cmdline;
const char *const cpuid_policy_names[] = { "auto", "host", "emulator" };

struct reader {
	const char *at, *end;
	char word[WORD_SIZE];
	bool too_long, open_quote; /* of this word */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Moves the next word, without its quotes, to r->word; false: no more. */
static bool next_word(struct reader *r)
{
	bool quoted = false;
	size_t n = 0;
	char c;

	r->too_long = false;
	while (r->at < r->end && is_blank(*r->at))
		r->at++;
	if (r->at == r->end)
		return false;
	while (r->at < r->end && (quoted || !is_blank(*r->at))) {
		c = *r->at++;
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c == '\\' && r->at < r->end)
			c = *r->at++;
		if (n < WORD_SIZE - 1)
			r->word[n++] = c;
		else
			r->too_long = true;
	}
	r->word[n] = '\0';
	r->open_quote = quoted;
	return true;
}

/* If text starts with key, returns what follows it. */
static const char *after(const char *text, const char *key)
{
	size_t n = strlen(key);

	return strncmp(text, key, n) ? NULL : text + n;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* The whole of text as a number, decimal or with 0x, up to max. */
static bool parse_number(const char *text, u64 max, u64 *value)
{
	const char *hex = after(text, "0x");
	unsigned int base = hex ? 16 : 10, digit;
	u64 v = 0;

	if (hex)
		text = hex;
	if (!*text)
		return false;
	for (; *text; text++) {
		digit = digit_value(*text);
		if (digit >= base || v > (max - digit) / base || digit > max)
			return false;
		v = v * base + digit;
	}
	*value = v;
	return true;
}

static bool name_is_valid(const char *name)
{
	if (!*name)
		return false;
	for (; *name; name++) {
		char c = *name;

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

/* Records the first thing that is wrong with d. */
static void fail(struct domain_config *d, const char *what, const char *arg)
{
	if (!d->error[0])
		snprintk(d->error, sizeof(d->error), "%s%.48s", what, arg);
}

/* Which keys a description has had, to find those given twice. */
enum domain_key { KEY_KERNEL, KEY_INITRD, KEY_MEM, KEY_VCPUS, KEY_NAME };

static const struct {
	const char *text;
	u64 min, max;
} domain_keys[] = {
	[KEY_KERNEL] = { "kernel=", 0, 0xffff },
	[KEY_INITRD] = { "initrd=", 0, 0xffff },
	[KEY_MEM] = { "mem=", 1, MEM_MIB_MAX },
	[KEY_VCPUS] = { "vcpus=", 1, LODGE_MAX_VCPUS },
	[KEY_NAME] = { "name=", 0, 0 },
};

static void set_key(struct domain_config *d, unsigned int key,
		    const char *value)
{
	u64 n = 0;

	if (key == KEY_NAME) {
		if (!str_copy(d->name, value, sizeof(d->name)) ||
		    !name_is_valid(d->name)) {
			d->name[0] = '\0';
			fail(d, "bad name ", value);
		}
		return;
	}
	if (!parse_number(value, domain_keys[key].max, &n) ||
	    n < domain_keys[key].min) {
		fail(d, "bad number in ",
		     value - strlen(domain_keys[key].text));
		return;
	}
	switch (key) {
	case KEY_KERNEL:
		d->kernel = n;
		break;
	case KEY_INITRD:
		d->initrd = n;
		break;
	case KEY_MEM:
		d->mem_mib = n;
		break;
	case KEY_VCPUS:
		d->vcpus = n;
		break;
	}
}

/* One key=value of a description; text is cut at the comma. */
static void parse_key(struct domain_config *d, const char *text,
		      unsigned int *seen)
{
	for (unsigned int key = 0; key < ARRAY_SIZE(domain_keys); key++) {
		const char *value = after(text, domain_keys[key].text);

		if (!value)
			continue;
		if (*seen & BIT(key))
			fail(d, "given twice: ", text);
		*seen |= BIT(key);
		set_key(d, key, value);
		return;
	}
	fail(d, "unknown key ", text);
}

static void parse_keys(struct domain_config *d, char *text)
{
	unsigned int seen = 0;
	const char *append;
	char *comma;

	while (*text) {
		append = after(text, "append=");
		if (append) {
			if (!str_copy(d->append, append, sizeof(d->append)))
				fail(d, "append= is too long", "");
			break;
		}
		comma = strchr(text, ',');
		if (comma)
			*comma = '\0';
		parse_key(d, text, &seen);
		if (!comma)
			break;
		text = comma + 1;
	}
	if (!(seen & BIT(KEY_KERNEL)))
		fail(d, "no kernel=", "");
}

static void check_name(struct cmdline *c, struct domain_config *d)
{
	unsigned int index = d - c->domain;

	if (!d->name[0])
		snprintk(d->name, sizeof(d->name), "d%u", index + 1);
	for (unsigned int i = 0; i < index; i++)
		if (!strcmp(d->name, c->domain[i].name))
			fail(d, "another domain has this name", "");
}

static void parse_domain(struct cmdline *c, struct reader *r, char *text)
{
	struct domain_config *d;

	if (c->domain_count == CMDLINE_MAX_DOMAINS) {
		printk("cmdline: more than %u domains, ignored: %.64s\n",
		       CMDLINE_MAX_DOMAINS, text);
		c->unknown_count++;
		return;
	}
	d = &c->domain[c->domain_count++];
	d->initrd = -1;
	d->vcpus = 1;
	if (r->too_long)
		fail(d, "description is too long", "");
	if (r->open_quote)
		fail(d, "quote is not closed", "");
	parse_keys(d, text);
	check_name(c, d);
	if (d->error[0])
		printk("cmdline: domain %s: %s\n", d->name, d->error);
}

static bool parse_cpuid(struct cmdline *c, const char *value)
{
	for (c->cpuid = 0; c->cpuid < CPUID_POLICIES; c->cpuid++)
		if (!strcmp(value, cpuid_policy_names[c->cpuid]))
			return true;
	c->cpuid = CPUID_AUTO;
	return false;
}

/* Any option but domain=; false if it is not understood. */
static bool parse_option(struct cmdline *c, const char *word)
{
	const char *value;
	u64 n;

	value = after(word, "cpuid=");
	if (value)
		return parse_cpuid(c, value);
	value = after(word, "seed=");
	if (value)
		return parse_number(value, ~0UL, &c->seed);
	value = after(word, "smp=");
	if (value) {
		if (!parse_number(value, 0xffff, &n))
			return false;
		c->smp = n;
		return true;
	}
	if (!strcmp(word, "debug-exit")) {
		c->debug_exit = true;
		return true;
	}
	return false;
}

void cmdline_parse(struct cmdline *c, const char *text, size_t size)
{
	struct reader r = { .at = text, .end = text + strnlen(text, size) };
	const char *domain;

	memset(c, 0, sizeof(*c));
	while (next_word(&r)) {
		domain = after(r.word, "domain=");
		if (domain) {
			parse_domain(c, &r, r.word + (domain - r.word));
			continue;
		}
		if (r.too_long || r.open_quote || !parse_option(c, r.word)) {
			printk("cmdline: not understood: %.64s\n", r.word);
			c->unknown_count++;
		}
	}
}
