// SPDX-License-Identifier: GPL-2.0
/* See devices.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "devices.h"
#include "keep.h"

#define DETACH_S 30 /* that a guest has to finish with a device */

/* What it has now it shall have after a reboot. */
static void keep(struct lodge *l, const char *which, uint32_t domid)
{
	int err = keep_devices(l, domid);

	if (err)
		cmd_message("%s: after a reboot it will have what it had "
			    "before: %s",
			    which, strerror(-err));
}

int devices_attach(const char *which, struct device_spec *s)
{
	struct lodge_domain_info info;
	struct lodge *l = cmd_open();
	struct complaint c = { "" };
	int code = cmd_domain(l, which, &info);
	char name[8];

	if (*s->warning)
		cmd_message("%s", s->warning);
	if (!code && info.flags & LODGE_DOMAIN_CONTROL)
		code = cmd_fail(EXIT_REFUSED,
				"%s: it has the machine's devices themselves",
				which);
	if (!code) {
		code = device_attach(l, info.domid, s, &c);
		if (code)
			cmd_fail(code, "%s: %s", which, c.text);
	}
	if (!code) {
		keep(l, which, info.domid);
		device_name(&s->dev, name);
		if (s->dev.type == LODGE_DEVICE_BLOCK)
			puts(name);
		else
			printf("%s: lodge%u.%s\n", name, info.domid, name);
	}
	lodge_close(l);
	return code;
}

static bool parse_name(uint16_t type, const char *name, uint16_t *index)
{
	unsigned long n;

	if (type == LODGE_DEVICE_BLOCK && vdev_parse(name, index))
		return true;
	if (!cmd_number(name, LODGE_DEVICE_SLOTS - 1, &n))
		return false;
	*index = n;
	return true;
}

int devices_find(struct lodge *l, const char *which, uint16_t type,
		 const char *name, struct lodge_dev_device *d)
{
	struct lodge_domain_info info;
	int err, code = cmd_domain(l, which, &info);

	if (code)
		return code;
	*d = (struct lodge_dev_device){ .domid = info.domid, .type = type };
	if (!parse_name(type, name, &d->index))
		return cmd_usage("%s: not the name of a device", name);
	err = lodge_device(l, d);
	if (err == -ENOENT)
		return cmd_fail(EXIT_REFUSED, "%s: has no device %s", which,
				name);
	return err ? cmd_error(err, which) : EXIT_DONE;
}

/* --- detach --- */

static int detach(struct lodge *l, const char *which, const char *name,
		  struct lodge_dev_device *d, unsigned long seconds)
{
	int err;

	d->timeout = seconds * 1000;
	err = lodge_detach(l, d);
	if (err == -ETIMEDOUT)
		return cmd_fail(
			EXIT_TIMEOUT,
			"%s: still uses %s after %lu s; it will go when "
			"the guest has finished with it (-f: at once)",
			which, name, seconds);
	return err && err != -ENOENT ? cmd_error(err, which) : EXIT_DONE;
}

int devices_detach(const struct verb *verb, uint16_t type, int argc,
		   char **argv)
{
	unsigned long seconds = DETACH_S;
	bool force = false;
	const struct option_spec options[] = {
		OPT_FLAG('f', "force", &force,
			 "at once; what the guest has not finished is lost"),
		OPT_NUMBER('t', "timeout", "SECONDS", &seconds,
			   "how long to wait at most, 30 if not given"),
		{ 0 }
	};
	struct lodge_dev_device d;
	struct lodge *l;
	int code;

	cmd_options(verb, options, argc, argv, 2, 2);
	if (seconds > 100000)
		return cmd_usage("--timeout=%lu: too long", seconds);
	l = cmd_open();
	code = devices_find(l, argv[1], type, argv[2], &d);
	if (!code) {
		d.flags = force ? LODGE_DEV_FORCE : 0;
		code = detach(l, argv[1], argv[2], &d, seconds);
		keep(l, argv[1], d.domid);
	}
	lodge_close(l);
	return code;
}

/* --- limits --- */

static int read_limits(uint16_t type, int argc, char **argv,
		       struct lodge_dev_limit *limit)
{
	struct complaint c;
	char key[32], *equals;

	for (int i = 0; i < argc; i++) {
		equals = strchr(argv[i], '=');
		if (!equals || equals - argv[i] >= (long)sizeof(key))
			return cmd_usage("%s: not KEY=VALUE", argv[i]);
		snprintf(key, sizeof(key), "%.*s", (int)(equals - argv[i]),
			 argv[i]);
		switch (limit_parse(type, key, equals + 1, limit, &c)) {
		case 0:
			return cmd_usage("%s: not a limit", key);
		case -1:
			return cmd_usage("%s", c.text);
		}
	}
	return EXIT_DONE;
}

int devices_limit(const struct verb *verb, uint16_t type, int argc, char **argv)
{
	int n = cmd_options(verb, NULL, argc, argv, 3, -1), code, err;
	struct lodge *l = cmd_open();
	struct lodge_dev_device d;

	code = devices_find(l, argv[1], type, argv[2], &d);
	if (!code)
		code = read_limits(type, n - 2, argv + 3, &d.limit);
	if (!code) {
		err = lodge_limit(l, &d.limit);
		if (err)
			code = cmd_error(err, argv[1]);
		keep(l, argv[1], d.domid);
	}
	lodge_close(l);
	return code;
}

/* --- lists --- */

const char *devices_state(const struct lodge_dev_device *d)
{
	switch (d->back_state) {
	case LODGE_BACK_NONE:
		return "no driver";
	case LODGE_BACK_RUNS:
		return "connected";
	case LODGE_BACK_CLOSING:
		return "closing";
	case LODGE_BACK_FAILED:
		return "failed";
	default:
		return "waiting";
	}
}

int devices_list(const char *which, uint16_t type,
		 void (*show)(void *data, const char *name,
			      const struct lodge_dev_device *d),
		 void *data)
{
	struct lodge_dev_device d = { 0 };
	struct lodge_domain_info info = { 0 };
	struct lodge *l = cmd_open();
	int err = 0, code = EXIT_DONE;
	uint32_t only = 0;

	if (which) {
		code = cmd_domain(l, which, &info);
		only = d.domid = info.domid;
	}
	for (; !code && !(err = lodge_device_next(l, &d)); d.index++) {
		if (only && d.domid != only)
			break;
		if (d.type != type || lodge_info(l, d.domid, &info))
			continue;
		show(data, info.name, &d);
	}
	lodge_close(l);
	if (err == -ENOTTY)
		return cmd_fail(EXIT_FAILED,
				"this kernel has no devices for domains");
	if (err && err != -ENOENT)
		return cmd_error(err, "devices");
	return code;
}
