// SPDX-License-Identifier: GPL-2.0
/*
 * The serial console.
 *
 * Owns the line: who writes to it, and who gets what is typed. Everything is
 * under console_lock, the innermost lock of all, except the events that tell
 * a domain about input, which are sent after it is released.
 *
 * A domain's output goes out as it comes while there is one domain here (those
 * that the control domain looks after write to a buffer instead). With several
 * of them it is collected into lines, each with "[name] " in front; only the
 * domain in focus, once somebody types, is shown at once, so that a shell can
 * be used. Nobody writes into another's unfinished line.
 *
 * What the hypervisor says is also kept, up to a size, for the control domain
 * to read; what domains say that the control domain looks after is kept and
 * not sent out. Input for those comes from the control domain, too.
 *
 * Input goes to the domain in focus. Ctrl-] typed three times moves the focus
 * to the next domain, after the last one to the debug keys, then to the first
 * again; the first two reach the domain, too. The focus is the domain's number,
 * so nothing dangles when it ends.
 *
 * After console_bust_lock() nobody waits for the lock any more: a panic wants
 * out even if a stopped processor held it.
 */
#include <lodge/errno.h>
#include "console.h"
#include "domain.h"
#include "frame.h"
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
static unsigned int escapes; /* Ctrl-] in a row */

#define LOG_SIZE 32768

static u8 log_buf[LOG_SIZE];
static struct output_ring hypervisor_log = { log_buf, LOG_SIZE, 0 };

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
	serial_putc(c); /* which adds the CRs */
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

/* --- what is kept --- */

static void keep(struct output_ring *r, const char *s, size_t n)
{
	while (n--)
		r->buf[r->end++ & (r->size - 1)] = *s++;
}

int console_domain_keep(struct domain *d)
{
	mpa_t mpa = frame_alloc(CONSOLE_KEPT_ORDER, FRAME_DOM_NONE);

	if (!mpa)
		return -LODGE_ENOMEM;
	d->console.kept = (struct output_ring){ mpa_to_virt(mpa),
						PAGE_SIZE << CONSOLE_KEPT_ORDER,
						0 };
	return 0;
}

void console_domain_destroy(struct domain *d)
{
	if (d->console.kept.buf)
		frame_free(virt_to_mpa(d->console.kept.buf),
			   CONSOLE_KEPT_ORDER);
	d->console.kept.buf = NULL;
}

u64 console_frames(const struct domain *d)
{
	return d->console.kept.buf ? 1 << CONSOLE_KEPT_ORDER : 0;
}

size_t console_kept_read(struct domain *d, u64 *position, void *buf, size_t n)
{
	struct output_ring *r = d ? &d->console.kept : &hypervisor_log;
	bool locked = lock_console();
	u8 *to = buf;
	size_t i;

	/* What is beyond the end was never written: begin anew. */
	if (*position > r->end || r->end - *position > r->size)
		*position = r->end - MIN(r->end, r->size);
	n = MIN(n, r->end - *position);
	for (i = 0; i < n; i++)
		to[i] = r->buf[(*position)++ & (r->size - 1)];
	unlock_console(locked);
	return n;
}

u64 console_kept_end(struct domain *d)
{
	const struct output_ring *r = d ? &d->console.kept : &hypervisor_log;

	return READ_ONCE(r->end);
}

void console_write(const char *s, size_t n)
{
	bool locked = lock_console();

	take_line(0);
	put_all(s, n);
	keep(&hypervisor_log, s, n);
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
	bool many = READ_ONCE(serial_domain_count) > 1;
	bool raw = !many || (interactive && READ_ONCE(focus) == d->id);

	if (d->console.kept.buf) {
		keep(&d->console.kept, buf, n);
		n = 0;
	}
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
	if (v->domain->held)
		domain_tell_control(LODGE_VIRQ_OUTPUT);
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
		if (d->id == focus && !domain_is_dying(d) && !d->held)
			return d;
	return NULL;
}

/* The first living domain after the focus, or none: the debug keys. */
static void move_focus(void)
{
	struct domain *d, *next = NULL;

	list_for_each(d, &domain_list, link)
		if (d->id > focus && !domain_is_dying(d) && !d->held &&
		    (!next || d->id < next->id))
			next = d;
	focus = next ? next->id : 0;
	if (next)
		printk("lodge: console input goes to %s\n", next->name);
	else
		printk("lodge: console input goes to the debug keys, "
		       "h for help\n");
}

size_t console_domain_input(struct domain *d, const void *buf, size_t n)
{
	struct domain_console *c = &d->console;
	bool locked = lock_console();
	size_t i;

	for (i = 0; i < n && c->in_head - c->in_tail < CONSOLE_INPUT_SIZE; i++)
		c->input[c->in_head++ % CONSOLE_INPUT_SIZE] =
			((const u8 *)buf)[i];
	unlock_console(locked);
	event_send_domain_virq(d, LODGE_VIRQ_CONSOLE);
	return i;
}

/* focus and escapes are under domains_lock, which also keeps d alive. */
void console_input(char ch)
{
	struct domain *d;
	bool debug;

	spin_lock(&domains_lock);
	WRITE_ONCE(interactive, true);
	escapes = ch == ESCAPE ? escapes + 1 : 0;
	d = find_focus();
	debug = !focus;
	if (escapes == ESCAPE_COUNT) {
		escapes = 0;
		move_focus();
	} else if (d) { /* what a full buffer has no room for is lost */
		console_domain_input(d, &ch, 1);
	}
	spin_unlock(&domains_lock);
	if (debug)
		debugkey_handle(ch);
}
