/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The serial console: messages of the hypervisor, output of all domains (line
 * by line with a name in front when there are several), input to the domain
 * in focus or, after three times Ctrl-], to the debug keys.
 */
#ifndef CORE_CONSOLE_H
#define CORE_CONSOLE_H

#include "types.h"

struct domain;
struct vcpu;

#define CONSOLE_INPUT_SIZE 1024
#define CONSOLE_LINE_SIZE 256
#define CONSOLE_KEPT_ORDER 2 /* frames for the output that is kept */

/* The last bytes of all that was written; protected by the console lock. */
struct output_ring {
	u8 *buf; /* NULL: nothing is kept */
	size_t size; /* bytes, a power of two */
	u64 end; /* position behind the last byte ever written */
};

/* Per domain; protected by the console lock. */
struct domain_console {
	struct output_ring kept; /* instead of going to the serial line */
	char line[CONSOLE_LINE_SIZE];
	unsigned int line_len;
	u8 input[CONSOLE_INPUT_SIZE];
	unsigned int in_head, in_tail; /* free-running */
};

/* Raw output of the hypervisor itself (printk). */
void console_write(const char *s, size_t n);
/* What is left of an unfinished line, when a domain ends. */
void console_domain_flush(struct domain *d);
/*
 * Keeps what d writes, instead of sending it out; 0 or -LODGE_ENOMEM. Once,
 * before it runs. _destroy: it will not write any more.
 */
int console_domain_keep(struct domain *d);
void console_domain_destroy(struct domain *d);
u64 console_frames(const struct domain *d);
/*
 * For the control domain: up to n bytes of what d (NULL: the hypervisor) wrote
 * from *position on, or from the first that is kept; returns their number.
 */
size_t console_kept_read(struct domain *d, u64 *position, void *buf, size_t n);
u64 console_kept_end(struct domain *d);
/* Types n bytes for d, as many as it has room for; returns their number. */
size_t console_domain_input(struct domain *d, const void *buf, size_t n);
/* LODGE_HC_CONSOLE_WRITE and _READ. */
s64 do_console_write(struct vcpu *v, gpa_t gpa, u64 len);
s64 do_console_read(struct vcpu *v, gpa_t gpa, u64 len);
/* Serial interrupt: a character has arrived. No locks held. */
void console_input(char c);
/* From now on write without taking locks (panic). */
void console_bust_lock(void);

/* A key typed while the debug keys have the focus. */
void debugkey_handle(char c);

#endif
