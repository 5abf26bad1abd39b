// SPDX-License-Identifier: GPL-2.0
/* See words.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "words.h"

static const char *pick(const char *const *words, size_t n, uint32_t i)
{
	return i < n ? words[i] : "unknown";
}

const char *state_word(const struct lodge_domain_info *d)
{
	static const char *const words[] = {
		[LODGE_DOMAIN_BUILDING] = "building",
		[LODGE_DOMAIN_RUNNING] = "running",
		[LODGE_DOMAIN_ENDING] = "ending",
		[LODGE_DOMAIN_ENDED] = "ended",
	};

	if (d->state == LODGE_DOMAIN_RUNNING && d->flags & LODGE_DOMAIN_PAUSED)
		return "paused";
	if (d->state == LODGE_DOMAIN_ENDED && d->reason == LODGE_SHUTDOWN_CRASH)
		return "crashed";
	return pick(words, ARRAY_SIZE(words), d->state);
}

const char *reason_word(const struct lodge_domain_info *d)
{
	static const char *const words[] = {
		[LODGE_SHUTDOWN_POWEROFF] = "poweroff",
		[LODGE_SHUTDOWN_REBOOT] = "reboot",
		[LODGE_SHUTDOWN_CRASH] = "crash",
	};

	if (d->state < LODGE_DOMAIN_ENDING)
		return "";
	return pick(words, ARRAY_SIZE(words), d->reason);
}

const char *vcpu_state_word(uint32_t state)
{
	static const char *const words[] = {
		[LODGE_VCPU_STATE_OFFLINE] = "offline",
		[LODGE_VCPU_STATE_BLOCKED] = "blocked",
		[LODGE_VCPU_STATE_RUNNABLE] = "waits",
		[LODGE_VCPU_STATE_RUNNING] = "runs",
		[LODGE_VCPU_STATE_PARKED] = "capped",
		[LODGE_VCPU_STATE_PAUSED] = "paused",
	};

	return pick(words, ARRAY_SIZE(words), state);
}

bool parse_memory(const char *text, uint64_t *frames)
{
	static const char units[] = "kmgt";
	uint64_t kib = 1024;
	const char *unit;
	char *end;
	unsigned long n;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (*end) {
		unit = strchr(units, *end | 0x20);
		if (!unit || end[1])
			return false;
		kib = 1ULL << 10 * (unit - units);
	}
	if (errno || !n || n > (1ULL << 47) / 1024 / kib || n * kib % 4)
		return false;
	*frames = n * kib / 4;
	return true;
}

uint64_t first_vcpus(unsigned int n)
{
	return n >= 64 ? UINT64_MAX : (1ULL << n) - 1;
}
