// SPDX-License-Identifier: GPL-2.0
/*
 * lodge create: builds and starts a domain, and leaves a monitor behind.
 *
 * Two processes do this. The child builds the domain, starts it and becomes
 * its monitor; the parent waits, so that what a person does to it happens to
 * both: the child dies with the parent, or by the signal that the parent
 * passes on, and then the kernel destroys what was not started. Before START
 * the child tells the parent the number over a socket, and after it asks
 * whether the domain is still wanted. If the answer does not come it destroys
 * the domain; if the question does not come the parent does. From the answer
 * on the child is a daemon. So whatever ends one of them, there is no moment in
 * which something could be left, or be left without its monitor. With -F there
 * is one process, and START is the moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "build.h"
#include "cmd.h"
#include "keep.h"
#include "monitor.h"

struct options {
	bool console, paused, foreground, dry_run, quiet;
};

static volatile int stop; /* a signal came */
static pid_t child;

static void on_signal(int number)
{
	stop = number;
	if (child > 0)
		kill(child, SIGTERM);
}

static void handle_signals(void (*handler)(int))
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = handler };

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		sigaction(numbers[i], &sa, NULL);
}

static void block_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(how, &set, NULL);
}

/* A path that means the same in another directory; or as it was. */
static void make_absolute(char **path)
{
	char *full = *path ? realpath(*path, NULL) : NULL;

	if (full) {
		free(*path);
		*path = full;
	}
}

static int read_config(struct config *cfg, int argc, char **argv)
{
	const char *path = argc && !strchr(argv[1], '=') ? argv[1] : NULL;
	int skip = path ? 2 : 1;

	if (config_load(cfg, path, argc + 1 - skip, argv + skip, stderr))
		return EXIT_CONFIG;
	make_absolute(&cfg->kernel);
	make_absolute(&cfg->ramdisk);
	for (unsigned int i = 0; i < cfg->device_count; i++)
		device_target_absolute(&cfg->devices[i]);
	return EXIT_DONE;
}

/* False if it has died. */
static bool tell(int parent, uint32_t domid)
{
	return send(parent, &domid, sizeof(domid), MSG_NOSIGNAL) > 0;
}

/* Signals are blocked when this returns EXIT_DONE. No parent: -1. */
static int build_and_start(const struct config *cfg, const struct options *o,
			   int parent, uint32_t *domid)
{
	unsigned int flags = (o->quiet ? 0 : BUILD_PROGRESS) |
			     (o->paused ? BUILD_PAUSED : 0);
	struct complaint c = { "" };
	struct build b;
	int code;

	code = build_prepare(&b, cfg, flags, &c);
	if (!code) {
		/* One that is pending ends this process now, or waits. */
		block_signals(SIG_BLOCK);
		*domid = b.domid;
		if (parent >= 0 && !tell(parent, b.domid)) {
			build_abandon(&b);
			return EXIT_FAILED;
		}
		keep_drop(b.domid); /* of one that had this number */
		code = build_start(&b, &c);
	}
	return code ? cmd_fail(code, "%s", c.text) : EXIT_DONE;
}

/* --- the monitor's surroundings --- */

static void pid_path(char path[128], const char *name)
{
	snprintf(path, 128, MONITOR_RUN "/%s.pid", name);
}

static void write_pid(const char *name)
{
	char path[128];
	FILE *f;

	mkdir(MONITOR_RUN, 0755);
	pid_path(path, name);
	f = fopen(path, "we");
	if (!f)
		return;
	fprintf(f, "%d\n", getpid());
	fclose(f);
}

/* Unless it is by now that of another monitor. */
static void remove_pid(const char *name)
{
	char path[128];
	int pid = 0;
	FILE *f;

	pid_path(path, name);
	f = fopen(path, "re");
	if (!f)
		return;
	if (fscanf(f, "%d", &pid) == 1 && pid == getpid())
		unlink(path);
	fclose(f);
}

static FILE *open_log(const char *name)
{
	char path[128];
	FILE *f;

	mkdir(MONITOR_LOG, 0755);
	snprintf(path, sizeof(path), MONITOR_LOG "/%s.log", name);
	f = fopen(path, "ae");
	return f ?: fopen("/dev/null", "we");
}

/* No terminal, no directory, no parent. */
static void become_daemon(FILE *log)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/"))
		cmd_message("/: %s", strerror(errno));
	dup2(null, STDIN_FILENO);
	dup2(fileno(log), STDOUT_FILENO);
	dup2(fileno(log), STDERR_FILENO);
}

static int watch_over(struct config *cfg, uint32_t domid, FILE *log)
{
	struct monitor m = {
		.cfg = cfg,
		.domid = domid,
		.log = log,
		.retries = MONITOR_RETRIES,
		.stop = &stop,
	};
	char name[LODGE_NAME_SIZE];
	sigset_t none;
	int code;

	sigemptyset(&none);
	m.mask = &none;

	code = lodge_open(&m.l);
	if (code) {
		monitor_log(&m, "%s: %s", LODGE_DEV, strerror(-code));
		return EXIT_FAILED;
	}
	strcpy(name, cfg->name);
	write_pid(name);
	monitor_log(&m, "started as domain %u", domid);
	code = monitor_run(&m);
	remove_pid(name);
	lodge_close(m.l);
	return code;
}

/* --- two processes --- */

/* Of what was killed half-way, and of no domain any more. */
static void settle_devices(const struct config *cfg)
{
	struct lodge *l;

	if (!cfg->device_count || lodge_open(&l))
		return;
	devices_settle(l);
	lodge_close(l);
}

static void destroy_again(uint32_t domid)
{
	struct lodge *l;

	if (lodge_open(&l))
		return;
	lodge_destroy(l, domid);
	lodge_close(l);
}

static int child_main(struct config *cfg, const struct options *o, int parent)
{
	uint32_t domid;
	FILE *log;
	char answer;
	int code;

	handle_signals(SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	code = build_and_start(cfg, o, parent, &domid);
	if (code)
		return code;
	if (!tell(parent, domid) || read(parent, &answer, 1) != 1) {
		destroy_again(domid);
		return EXIT_FAILED;
	}
	prctl(PR_SET_PDEATHSIG, 0);
	close(parent);
	handle_signals(SIG_IGN); /* what came so far was for create */
	block_signals(SIG_UNBLOCK);
	block_signals(SIG_BLOCK);
	handle_signals(on_signal);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	log = open_log(cfg->name);
	become_daemon(log);
	return watch_over(cfg, domid, log);
}

/* How the child ended, as an exit code. */
static int child_status(void)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return 128 + WTERMSIG(status);
}

/* What the child tells; false if it has died. */
static bool hear(int sock, uint32_t *domid)
{
	ssize_t n;

	do {
		n = read(sock, domid, sizeof(*domid));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(*domid);
}

/*
 * The child has started it (*domid), or an exit code. Signals are blocked from
 * the answer on: one that comes later finds that all has been done.
 */
static int parent_main(int sock, uint32_t *domid)
{
	bool built = hear(sock, domid);
	bool started = built && hear(sock, domid);
	int code;

	block_signals(SIG_BLOCK);
	if (started && !stop && send(sock, "", 1, MSG_NOSIGNAL) == 1)
		return EXIT_DONE;
	block_signals(SIG_UNBLOCK);
	close(sock); /* it is not wanted */
	code = child_status();
	if (built)
		destroy_again(*domid); /* if it was killed just then */
	return stop ? 128 + stop : code ?: EXIT_FAILED;
}

static int create_in_background(struct config *cfg, const struct options *o,
				uint32_t *domid)
{
	int sock[2], code;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock))
		return cmd_fail(EXIT_FAILED, "socketpair: %s", strerror(errno));
	block_signals(SIG_BLOCK);
	fflush(NULL);
	child = fork();
	if (child < 0)
		return cmd_fail(EXIT_FAILED, "fork: %s", strerror(errno));
	if (!child) {
		close(sock[0]);
		handle_signals(SIG_DFL);
		block_signals(SIG_UNBLOCK);
		exit(child_main(cfg, o, sock[1]));
	}
	close(sock[1]);
	handle_signals(on_signal);
	block_signals(SIG_UNBLOCK);
	code = parent_main(sock[0], domid);
	if (code)
		settle_devices(cfg);
	return code;
}

static int create_in_foreground(struct config *cfg, const struct options *o)
{
	uint32_t domid;
	int code = build_and_start(cfg, o, -1, &domid);

	if (code)
		return code;
	handle_signals(on_signal);
	return watch_over(cfg, domid, stderr);
}

/* --- the verb --- */

static int dry_run(const struct config *cfg)
{
	struct complaint c = { "" };
	int code = build_check(cfg, &c);

	if (code)
		return cmd_fail(code, "%s", c.text);
	printf("%s: %llu MiB, %u vCPUs; configuration, kernel and ramdisk are "
	       "good\n",
	       cfg->name, (unsigned long long)cfg->memory, cfg->vcpus);
	return EXIT_DONE;
}

static int attach(uint32_t domid)
{
	const struct verb *console = cmd_find_verb("console");
	char number[16], name[] = "console";

	snprintf(number, sizeof(number), "%u", domid);
	if (!console)
		return cmd_fail(EXIT_FAILED, "there is no verb `console`");
	return console->run(2, (char *[]){ name, number, NULL });
}

static int run(int argc, char **argv)
{
	struct options o = { 0 };
	const struct option_spec options[] = {
		OPT_FLAG('c', "console", &o.console,
			 "attach to its console, from the beginning"),
		OPT_FLAG('p', "paused", &o.paused,
			 "do not let it run until `lodge unpause`"),
		OPT_FLAG('F', "foreground", &o.foreground,
			 "stay, as its monitor; Ctrl-C ends the monitor alone"),
		OPT_FLAG('n', "dry-run", &o.dry_run,
			 "only check configuration, kernel and ramdisk"),
		OPT_FLAG('q', "quiet", &o.quiet, "show no progress"),
		{ 0 },
	};
	struct config cfg;
	uint32_t domid;
	int n, code;

	n = cmd_options(&verb_create, options, argc, argv, 1, -1);
	if (o.console && o.foreground)
		return cmd_usage("-c and -F: one of them, please");
	code = read_config(&cfg, n, argv);
	if (code)
		return code;
	if (o.dry_run)
		return dry_run(&cfg);
	lodge_close(cmd_open()); /* or says why not */
	if (o.foreground)
		return create_in_foreground(&cfg, &o);
	code = create_in_background(&cfg, &o, &domid);
	if (code)
		return code;
	if (o.console) {
		handle_signals(SIG_DFL);
		block_signals(SIG_UNBLOCK);
		return attach(domid);
	}
	printf("%s: domain %u\n", cfg.name, domid);
	return EXIT_DONE;
}

const struct verb verb_create = {
	.name = "create",
	.args = "FILE [KEY=VALUE...]",
	.summary = "build a domain from a configuration file and start it",
	.run = run,
	.help = "Without FILE all comes from KEY=VALUE. Keys, of which the "
		"first three must be\nthere; lodge.cfg(5) says what they mean:\n"
		"  name kernel memory ramdisk cmdline root extra maxmem vcpus "
		"maxvcpus cpus\n"
		"  cpu_weight cap on_poweroff on_reboot on_crash disk vif\n",
};
