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

/* Per domain; protected by the console lock. */
struct domain_console {
	char line[CONSOLE_LINE_SIZE];
	unsigned int line_len;
	u8 input[CONSOLE_INPUT_SIZE];
	unsigned int in_head, in_tail; /* free-running */
};

/* Raw output of the hypervisor itself (printk). */
void console_write(const char *s, size_t n);
/* What is left of an unfinished line, when a domain ends. */
void console_domain_flush(struct domain *d);
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
