// SPDX-License-Identifier: GPL-2.0
/*
 * See console.h. Input that the domain has no room for is kept, and no more is
 * read until it has taken that, so nothing is lost. What the domain writes is
 * passed on as it is: it is the business of the terminal.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "console.h"

#define DETACH 0x1d /* Ctrl-] */
#define RETRY_MS 50 /* when its input buffer is full */

struct session {
	struct lodge *l;
	uint32_t domid;
	uint64_t position; /* of its output */
	char input[256];
	size_t have; /* bytes in there that were not taken yet */
	bool detach, eof;
};

static volatile sig_atomic_t signalled;

static void on_signal(int sig)
{
	signalled = sig;
}

static int write_all(const char *buf, size_t n)
{
	while (n) {
		ssize_t done = write(STDOUT_FILENO, buf, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			buf += done;
			n -= done;
		}
	}
	return 0;
}

/* Everything that there is; 0 or an error. -ENOENT: the domain is gone. */
static int show_output(struct session *s)
{
	char buf[4000];
	ssize_t n;

	while ((n = lodge_console_read(s->l, s->domid, &s->position, buf,
				       sizeof(buf))) > 0) {
		int err = write_all(buf, n);

		if (err)
			return err;
	}
	/* While it is about to end, what it wrote waits for us. */
	return n == -EAGAIN ? 0 : n;
}

static void read_input(struct session *s)
{
	ssize_t n = read(STDIN_FILENO, s->input, sizeof(s->input));
	char *key;

	if (n <= 0) {
		s->eof = n == 0 || errno != EINTR;
		return;
	}
	key = memchr(s->input, DETACH, n);
	s->detach = key;
	s->have = key ? key - s->input : n;
}

static int pass_input(struct session *s)
{
	ssize_t n;

	if (!s->have)
		return 0;
	n = lodge_console_write(s->l, s->domid, s->input, s->have);
	if (n == -EBUSY || n == -EAGAIN || n == -ENOENT) { /* it has ended */
		s->have = 0;
		return 0;
	}
	if (n < 0)
		return n;
	s->have -= n;
	memmove(s->input, s->input + n, s->have);
	return 0;
}

static bool has_ended(struct session *s)
{
	struct lodge_domain_info d;

	return lodge_info(s->l, s->domid, &d) || d.state == LODGE_DOMAIN_ENDED;
}

static int wait_for_more(struct session *s, bool input)
{
	struct pollfd fds[] = {
		{ .fd = lodge_fd(s->l), .events = POLLIN },
		{ .fd = input && !s->have ? STDIN_FILENO : -1,
		  .events = POLLIN },
	};

	if (poll(fds, 2, s->have ? RETRY_MS : -1) < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[0].revents && lodge_wait(s->l, 0) < 0)
		return -EIO;
	if (fds[1].revents)
		read_input(s);
	return 0;
}

static int talk(struct session *s, const struct console_options *options)
{
	int err = 0;
	bool ended;

	while (!err && !signalled) {
		ended = has_ended(s); /* before the last of its output */
		err = show_output(s);
		if (ended)
			return !err || err == -ENOENT ? CONSOLE_ENDED : err;
		if (err == -ENOENT)
			return CONSOLE_ENDED;
		err = err ?: pass_input(s);
		if ((s->detach || s->eof) && !s->have)
			return err ?: CONSOLE_DETACHED;
		if (!err)
			err = wait_for_more(s, !options->output_only);
	}
	return err ?: CONSOLE_DETACHED;
}

static void catch_signals(struct sigaction *old, const int *signals, int n)
{
	const struct sigaction action = { .sa_handler = on_signal };

	signalled = 0;
	while (n--)
		sigaction(signals[n], &action, &old[n]);
}

int console_run(struct lodge *l, const struct lodge_domain_info *d,
		const struct console_options *options)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction old[4];
	struct termios saved, raw;
	struct session s = { .l = l, .domid = d->domid };
	bool terminal = !options->output_only &&
			!tcgetattr(STDIN_FILENO, &saved);
	int i, ret;

	if (!options->backlog)
		s.position = d->output;
	ret = lodge_watch(l, LODGE_DEV_WATCH_DOMAINS | LODGE_DEV_WATCH_OUTPUT);
	if (ret)
		return ret;
	catch_signals(old, signals, 4);
	if (terminal) {
		raw = saved;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	ret = talk(&s, options);
	if (terminal)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	for (i = 0; i < 4; i++)
		sigaction(signals[i], &old[i], NULL);
	lodge_watch(l, 0);
	return ret;
}
