// SPDX-License-Identifier: GPL-2.0-only
/*
 * tally: what is in use of a machine, for a control domain without others: its
 * frames in all (free, its own, and the hypervisor's for it), its event ports
 * and the grants it maps. It waits until nothing changes any more, as what was
 * freed comes back after a moment; 1 if that takes longer than 20 s, or if
 * there are other domains.
 */
#include <fcntl.h>
#include <sys/ioctl.h>

#include <lodge/dev.h>

#include "check.h"

#define CONTROL 1 /* its number */
#define STEADY 25 /* looks that all say the same */
#define PAUSE_US 10000

struct tally {
	uint64_t frames, ports, maps;
};

static int fd;

static int control(uint32_t operation, uint32_t domid, void *buffer, size_t n)
{
	struct lodge_dev_control c = {
		.operation = operation,
		.domid = domid,
		.buffer = (uintptr_t)buffer,
		.size = n,
	};

	return ioctl(fd, LODGE_DEV_CONTROL, &c);
}

static uint64_t free_frames(void)
{
	struct lodge_machine_info m;

	check(!control(LODGE_CONTROL_MACHINE, 0, &m, sizeof(m)), "machine");
	return m.free_frames;
}

/* False if frames have moved meanwhile. */
static int take(struct tally *t)
{
	uint64_t before = free_frames();
	struct lodge_domain_info d;

	check(!control(LODGE_CONTROL_INFO, CONTROL, &d, sizeof(d)), "info");
	*t = (struct tally){
		.frames = before + d.frames + d.overhead,
		.ports = d.ports,
		.maps = d.maps,
	};
	return free_frames() == before;
}

int main(void)
{
	double end = seconds_now() + 20;
	struct lodge_domain_info other;
	struct tally last = { 0 }, t;
	int same = 0;

	fd = open(LODGE_DEV, O_RDWR);
	check(fd >= 0, LODGE_DEV);
	while (same < STEADY) {
		check(seconds_now() < end, "never the same for long");
		if (!take(&t))
			continue;
		same = memcmp(&t, &last, sizeof(t)) ? 0 : same + 1;
		last = t;
		usleep(PAUSE_US);
	}
	check(control(LODGE_CONTROL_INFO, CONTROL + 1, &other, sizeof(other)),
	      "domain %u is there", other.domid);
	printf("{ \"frames\": %lu, \"ports\": %lu, \"maps\": %lu }\n", t.frames,
	       t.ports, t.maps);
	return 0;
}
