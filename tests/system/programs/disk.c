// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks of domains by /dev/lodge, for tests of the drivers alone:
 *
 *   disk attach DOMID FILE [r|w [SERIAL [QUEUES]]]   prints the index
 *   disk detach DOMID INDEX [MILLISECONDS|force]
 *   disk limit DOMID INDEX BYTES OPERATIONS
 *   disk rescan DOMID INDEX
 *   disk show DOMID INDEX              states, error and counts, as JSON
 *
 * On an error it prints its name and the reason that there is; status 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <lodge/dev.h>
#include <lodge/io/bus.h>

static struct lodge_dev_device device = { .type = LODGE_DEVICE_BLOCK };
static int fd;

static int attach(int count, char **word)
{
	int read_only = count > 1 && *word[1] == 'r';

	device.index = LODGE_DEV_ANY_INDEX;
	device.flags = read_only ? LODGE_DEV_READ_ONLY : 0;
	device.fd = open(word[0], read_only ? O_RDONLY : O_RDWR);
	if (device.fd < 0)
		return -1;
	if (count > 2)
		snprintf(device.serial, sizeof(device.serial), "%s", word[2]);
	if (count > 3)
		device.queues = atoi(word[3]);
	if (ioctl(fd, LODGE_DEV_ATTACH, &device))
		return -1;
	printf("%u\n", device.index);
	return 0;
}

static int limit(char **word)
{
	struct lodge_dev_limit l = {
		.domid = device.domid,
		.type = LODGE_DEVICE_BLOCK,
		.index = device.index,
		.bytes = strtoull(word[0], NULL, 0),
		.operations = strtoull(word[1], NULL, 0),
	};

	return ioctl(fd, LODGE_DEV_LIMIT, &l);
}

static int show(void)
{
	int i;

	if (ioctl(fd, LODGE_DEV_DEVICE, &device))
		return -1;
	printf("{\"back\": %u, \"front\": %u, \"generation\": %u, "
	       "\"error\": %d, \"reason\": \"%s\", \"stat\": [",
	       device.back_state, device.front_state, device.generation,
	       device.error, device.reason);
	for (i = 0; i < LODGE_DEV_STATS; i++)
		printf("%s%llu", i ? ", " : "",
		       (unsigned long long)device.stat[i]);
	puts("]}");
	return 0;
}

static int run(const char *verb, int count, char **word)
{
	device.domid = atoi(word[0]);
	if (!strcmp(verb, "attach"))
		return attach(count - 1, word + 1);
	device.index = atoi(word[1]);
	if (!strcmp(verb, "show"))
		return show();
	if (!strcmp(verb, "rescan"))
		return ioctl(fd, LODGE_DEV_RESCAN, &device);
	if (!strcmp(verb, "limit") && count == 4)
		return limit(word + 2);
	if (strcmp(verb, "detach"))
		return errno = EINVAL, -1;
	device.timeout = count > 2 ? atoi(word[2]) : 10000;
	if (count > 2 && !strcmp(word[2], "force"))
		device.flags = LODGE_DEV_FORCE;
	return ioctl(fd, LODGE_DEV_DETACH, &device);
}

int main(int argc, char **argv)
{
	fd = open(LODGE_DEV, O_RDWR);
	if (fd < 0 || argc < 4)
		return 2;
	if (!run(argv[1], argc - 2, argv + 2))
		return 0;
	printf("%s %s\n", strerrorname_np(errno), device.reason);
	return 1;
}
