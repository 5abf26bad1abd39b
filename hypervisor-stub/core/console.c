// SPDX-License-Identifier: GPL-2.0
/*
 * The serial console.
 *
 * Owns the line: who writes to it, and who gets what is typed. Everything is
 * under console_lock, the innermost lock of all, except the events that tell
 * a domain about input, which are sent after it is released.
 *
 * A domain's output goes out as it comes while there is one domain. With
 * several, it is collected into lines, each with "[name] " in front; only the
 * domain in focus, once somebody types, is shown at once, so that a shell can
 * be used. Nobody writes into another's unfinished line.
 *
 * Input goes to the domain in focus. Ctrl-] typed three times moves the focus
 * to the next domain, after the last one to the debug keys, then to the first
 * again. The focus is the domain's number, so nothing dangles when it ends.
 *
 * After console_bust_lock() nobody waits for the lock any more: a panic wants
 * out even if a stopped processor held it.
 */
#include <lodge/errno.h>
#include "console.h"
#include "domain.h"
#include "printk.h"
#include "string.h"
#include "../x86/platform.h"

#define ESCAPE 0x1d /* Ctrl-] */
#define ESCAPE_COUNT 3
#define MAX_TRANSFER 4096
#define CHUNK 256

static struct spinlock console_lock = SPINLOCK_INIT(LOCK_CONSOLE);
static bool busted;
static bool mid_line; /* the last character out was no newline */
static u32 line_owner; /* domain whose line that is; 0: the hypervisor's */
static bool interactive; /* something was typed */
static u32 focus = 1; /* domain id; 0: debug keys */
static unsigned int escapes; /* Ctrl-] in a row, held back */

static bool lock_console(void)
{
	if (READ_ONCE(busted))
		return false;
	spin_lock(&console_lock);
	return true;
}

static void unlock_console(bool locked)
{
	if (locked)
		spin_unlock(&console_lock);
}

void console_bust_lock(void)
{
	WRITE_ONCE(busted, true);
}

static void put(char c)
{
	if (c == '\n')
		serial_putc('\r');
	serial_putc(c);
	mid_line = c != '\n';
}

static void put_all(const char *s, size_t n)
{
	while (n--)
		put(*s++);
}

/* From now on owner writes. */
static void take_line(u32 owner)
{
	if (mid_line && line_owner != owner)
		put('\n');
	line_owner = owner;
}

void console_write(const char *s, size_t n)
{
	bool locked = lock_console();

	take_line(0);
	put_all(s, n);
	unlock_console(locked);
}

/* --- output of domains --- */

static void put_name(struct domain *d)
{
	put('[');
	put_all(d->name, strnlen(d->name, sizeof(d->name)));
	put_all("] ", 2);
}

/* What was held back; and its end, if no more is to come. */
static void flush_line(struct domain *d, bool end)
{
	struct domain_console *c = &d->console;

	if (!c->line_len)
		return;
	take_line(d->id);
	if (!mid_line)
		put_name(d);
	put_all(c->line, c->line_len);
	if (end)
		put('\n');
	c->line_len = 0;
}

static void put_buffered(struct domain *d, char ch)
{
	struct domain_console *c = &d->console;

	if (ch == '\r')
		return;
	if (ch != '\n')
		c->line[c->line_len++] = ch;
	else if (!c->line_len)
		c->line[c->line_len++] = ' '; /* keep empty lines */
	if (ch == '\n' || c->line_len == CONSOLE_LINE_SIZE)
		flush_line(d, true);
}

/* As it comes; the guest's own terminal driver has added the CRs. */
static void put_raw(struct domain *d, char ch, bool name)
{
	take_line(d->id);
	if (!mid_line && name && ch != '\r' && ch != '\n')
		put_name(d);
	serial_putc(ch);
	mid_line = ch != '\n' && (mid_line || ch != '\r');
}

static void console_domain_write(struct domain *d, const char *buf, size_t n)
{
	bool locked = lock_console();
	bool many = READ_ONCE(domain_count) > 1;
	bool raw = !many || (interactive && READ_ONCE(focus) == d->id);

	if (raw)
		flush_line(d, false);
	for (; n; n--, buf++) {
		if (raw)
			put_raw(d, *buf, many);
		else
			put_buffered(d, *buf);
	}
	unlock_console(locked);
}

void console_domain_flush(struct domain *d)
{
	bool locked = lock_console();

	flush_line(d, true);
	unlock_console(locked);
}

s64 do_console_write(struct vcpu *v, gpa_t gpa, u64 len)
{
	char buf[CHUNK];

	if (len > MAX_TRANSFER)
		return -LODGE_EINVAL;
	/* the line is slow: no more at a time, so that others get theirs */
	len = MIN(len, sizeof(buf));
	if (copy_from_guest(v->domain, buf, gpa, len))
		return -LODGE_EFAULT;
	console_domain_write(v->domain, buf, len);
	return len;
}

/* --- input --- */

static unsigned int take_input(struct domain_console *c, u8 *buf,
			       unsigned int max)
{
	bool locked = lock_console();
	unsigned int n = 0;

	while (n < max && c->in_tail != c->in_head)
		buf[n++] = c->input[c->in_tail++ % CONSOLE_INPUT_SIZE];
	unlock_console(locked);
	return n;
}

s64 do_console_read(struct vcpu *v, gpa_t gpa, u64 len)
{
	struct domain *d = v->domain;
	u8 buf[CHUNK];
	u64 done = 0;
	unsigned int n;

	if (len > MAX_TRANSFER)
		return -LODGE_EINVAL;
	do {
		/* Look at the target first, so that no input is lost. */
		n = MIN(len - done, sizeof(buf));
		if (n && (copy_from_guest(d, buf, gpa + done, n)))
			return done ? (s64)done : -LODGE_EFAULT;
		n = take_input(&d->console, buf, n);
		if (n && copy_to_guest(d, gpa + done, buf, n))
			return -LODGE_EFAULT;
		done += n;
	} while (n == sizeof(buf));
	return done;
}

static struct domain *find_focus(void)
{
	struct domain *d;

	list_for_each(d, &domain_list, link)
		if (d->id == focus && !domain_is_dying(d))
			return d;
	return NULL;
}

/* The first living domain after the focus, or none: the debug keys. */
static void move_focus(void)
{
	struct domain *d, *next = NULL;

	list_for_each(d, &domain_list, link)
		if (d->id > focus && !domain_is_dying(d) &&
		    (!next || d->id < next->id))
			next = d;
	focus = next ? next->id : 0;
	if (next)
		printk("lodge: console input goes to %s\n", next->name);
	else
		printk("lodge: console input goes to the debug keys, "
		       "h for help\n");
}

static void queue_input(struct domain *d, char ch)
{
	struct domain_console *c = &d->console;
	bool locked = lock_console();

	/* A full buffer drops what is new. */
	if (c->in_head - c->in_tail < CONSOLE_INPUT_SIZE)
		c->input[c->in_head++ % CONSOLE_INPUT_SIZE] = ch;
	unlock_console(locked);
}

/* focus and escapes are under domains_lock, which also keeps d alive. */
void console_input(char ch)
{
	struct domain *d;
	bool debug;

	spin_lock(&domains_lock);
	WRITE_ONCE(interactive, true);
	if (ch == ESCAPE && ++escapes < ESCAPE_COUNT) {
		/* held back until it is clear what it means */
		spin_unlock(&domains_lock);
		return;
	}
	if (ch == ESCAPE) {
		escapes = 0;
		move_focus();
		spin_unlock(&domains_lock);
		return;
	}
	d = find_focus();
	debug = !focus;
	for (; escapes; escapes--)
		if (d)
			queue_input(d, ESCAPE);
	if (d) {
		queue_input(d, ch);
		event_send_domain_virq(d, LODGE_VIRQ_CONSOLE);
	}
	spin_unlock(&domains_lock);
	if (debug)
		debugkey_handle(ch);
}
