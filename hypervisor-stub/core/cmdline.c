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
	return c && strchr(" \t\n\r", c);
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

/* The whole of text as a number, decimal or with 0x, up to max. */
static bool parse_number(const char *text, u64 max, u64 *value)
{
	static const char digits[] = "00112233445566778899aAbBcCdDeEfF";
	const char *hex = after(text, "0x"), *at;
	unsigned int base = hex ? 16 : 10, digit;
	u64 v = 0;

	if (hex)
		text = hex;
	if (!*text)
		return false;
	for (; *text; text++) {
		at = strchr(digits, *text);
		digit = at ? (at - digits) / 2 : base;
		if (digit >= base || digit > max || v > (max - digit) / base)
			return false;
		v = v * base + digit;
	}
	*value = v;
	return true;
}

bool name_is_valid(const char *name)
{
	const char *at = name;

	for (; *at; at++) {
		char small = *at | 0x20;

		if (!(small >= 'a' && small <= 'z') && !strchr("._+", *at) &&
		    (at == name || !strchr("0123456789-", *at)))
			return false;
	}
	return at != name;
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
	size_t where; /* of the u32 in struct domain_config */
} domain_keys[] = {
#define FIELD(name) offsetof(struct domain_config, name)
	[KEY_KERNEL] = { "kernel=", 0, 0xffff, FIELD(kernel) },
	[KEY_INITRD] = { "initrd=", 0, 0xffff, FIELD(initrd) },
	[KEY_MEM] = { "mem=", 1, MEM_MIB_MAX, FIELD(mem_mib) },
	[KEY_VCPUS] = { "vcpus=", 1, LODGE_MAX_VCPUS, FIELD(vcpus) },
	[KEY_NAME] = { "name=", 0, 0, FIELD(name) },
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
	*(u32 *)((char *)d + domain_keys[key].where) = n;
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
	bool control = d == &c->control;
	unsigned int index = control ? c->domain_count : d - c->domain;

	if (!d->name[0] && control)
		str_copy(d->name, "control", sizeof(d->name));
	if (!d->name[0])
		snprintk(d->name, sizeof(d->name), "d%u", index + 1);
	if (!control && c->has_control && !strcmp(d->name, c->control.name))
		fail(d, "another domain has this name", "");
	for (unsigned int i = 0; i < index; i++)
		if (!strcmp(d->name, c->domain[i].name))
			fail(d, "another domain has this name", "");
}

static void parse_domain(struct cmdline *c, struct domain_config *d,
			 struct reader *r, char *text)
{
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

static void add_domain(struct cmdline *c, struct reader *r, char *text)
{
	if (c->domain_count == CMDLINE_MAX_DOMAINS) {
		printk("cmdline: more than %u domains, ignored: %.64s\n",
		       CMDLINE_MAX_DOMAINS, text);
		c->unknown_count++;
		return;
	}
	parse_domain(c, &c->domain[c->domain_count++], r, text);
}

static void add_control(struct cmdline *c, struct reader *r, char *text)
{
	if (c->has_control) {
		fail(&c->control, "given twice", "");
		printk("cmdline: a second control domain\n");
		return;
	}
	c->has_control = true;
	parse_domain(c, &c->control, r, text);
}

/* Any option but these two; false if it is not understood. */
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
	const char *value;

	memset(c, 0, sizeof(*c));
	while (next_word(&r)) {
		value = after(r.word, "domain=");
		if (value) {
			add_domain(c, &r, r.word + (value - r.word));
			continue;
		}
		value = after(r.word, "control=");
		if (value) {
			add_control(c, &r, r.word + (value - r.word));
			continue;
		}
		if (r.too_long || r.open_quote || !parse_option(c, r.word)) {
			printk("cmdline: not understood: %.64s\n", r.word);
			c->unknown_count++;
		}
	}
}
