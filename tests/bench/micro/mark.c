// SPDX-License-Identifier: GPL-2.0-only
/*
 * The conversation with the runner on the host, over the console: a line
 * "lodge-bench: begin NAME" or "lodge-bench: end NAME ...", after which the
 * runner reads QEMU's own counts and answers with an empty line. Where the
 * console has no input, a pause stands in for the answer.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "bench.h"

#define ANSWER_MS 400

void read_counters(struct counters *c)
{
	/* Lines are "name value". */
	FILE *f = fopen("/sys/kernel/debug/lodge/counters", "r");

	c->count = 0;
	if (!f)
		return;
	while (c->count < 64 &&
	       fscanf(f, "%31s %" SCNu64, c->item[c->count].name,
		      &c->item[c->count].value) == 2)
		c->count++;
	fclose(f);
}

/* Input must not be echoed into the output, which the runner parses. */
static void quiet_terminal(void)
{
	struct termios t;

	if (tcgetattr(0, &t))
		return;
	t.c_lflag &= ~(ECHO | ECHONL);
	tcsetattr(0, TCSANOW, &t);
}

static void wait_for_answer(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	static int deaf;
	char line[256];

	if (deaf) {
		usleep(ANSWER_MS * 1000);
		return;
	}
	if (poll(&p, 1, 10 * ANSWER_MS) != 1 ||
	    read(0, line, sizeof(line)) <= 0) {
		deaf = 1;
		printf("lodge-bench: no answer\n");
		fflush(stdout);
	}
}

void mark_begin(const char *name)
{
	quiet_terminal();
	printf("lodge-bench: begin %s\n", name);
	fflush(stdout);
	wait_for_answer();
}

void mark_end(const char *name, const char *rest)
{
	printf("lodge-bench: end %s %s\n", name, rest);
	fflush(stdout);
	wait_for_answer();
}
