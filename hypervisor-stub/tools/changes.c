// SPDX-License-Identifier: GPL-2.0
/* See changes.h. Knows nothing of printing, so that tests can ask it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "changes.h"
#include "words.h"

int snapshot_take(struct lodge *l, struct snapshot *s)
{
	struct lodge_domain_info d, *more;

	s->count = 0;
	s->d = NULL;
	lodge_for_each_domain(l, d) {
		more = realloc(s->d, (s->count + 1) * sizeof(d));
		if (!more) {
			snapshot_free(s);
			return -ENOMEM;
		}
		s->d = more;
		s->d[s->count++] = d;
	}
	return 0;
}

void snapshot_free(struct snapshot *s)
{
	free(s->d);
	*s = (struct snapshot){ 0 };
}

struct report {
	void (*fn)(const struct change *c, void *arg);
	void *arg;
	const struct lodge_domain_info *d;
};

static void tell(struct report *r, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void tell(struct report *r, const char *what, const char *fmt, ...)
{
	struct change c = { .what = what, .d = r->d };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c.detail, sizeof(c.detail), fmt, ap);
	va_end(ap);
	r->fn(&c, r->arg);
}

static bool paused(const struct lodge_domain_info *d)
{
	return d->flags & LODGE_DOMAIN_PAUSED;
}

static void tell_state(struct report *r, uint32_t before,
		       const struct lodge_domain_info *d)
{
	if (before < LODGE_DOMAIN_RUNNING && d->state >= LODGE_DOMAIN_RUNNING)
		tell(r, "started", "%s", "");
	if (before < LODGE_DOMAIN_ENDED && d->state == LODGE_DOMAIN_ENDED)
		tell(r, "ended", "%s%s%s", reason_word(d),
		     d->crash_reason[0] ? ": " : "", d->crash_reason);
}

static void tell_new(struct report *r, const struct lodge_domain_info *d)
{
	r->d = d;
	tell(r, "created", "%u vCPUs", d->vcpu_count);
	tell_state(r, LODGE_DOMAIN_BUILDING, d);
}

static void tell_same(struct report *r, const struct lodge_domain_info *a,
		      const struct lodge_domain_info *b)
{
	r->d = b;
	if (strcmp(a->name, b->name))
		tell(r, "renamed", "was %s", a->name);
	tell_state(r, a->state, b);
	if (paused(a) != paused(b) && b->state == LODGE_DOMAIN_RUNNING)
		tell(r, paused(b) ? "paused" : "unpaused", "%s", "");
	if (b->state != LODGE_DOMAIN_RUNNING)
		return;
	if (a->request.mem_target != b->request.mem_target)
		tell(r, "memory-wanted", "%llu frames",
		     (unsigned long long)b->request.mem_target);
	if (a->state == b->state && a->frames != b->frames)
		tell(r, "memory", "%llu frames", (unsigned long long)b->frames);
	if (a->vcpu_up != b->vcpu_up && a->vcpu_up)
		tell(r, "vcpus", "%u online", b->vcpu_up);
	if (a->weight != b->weight || a->cap != b->cap)
		tell(r, "scheduling", "weight %u, cap %u", b->weight, b->cap);
}

void snapshot_compare(const struct snapshot *old, const struct snapshot *new,
		      void (*fn)(const struct change *c, void *arg), void *arg)
{
	struct report r = { .fn = fn, .arg = arg };
	size_t i = 0, j = 0;

	while (i < old->count || j < new->count) {
		const struct lodge_domain_info *a = &old->d[i], *b = &new->d[j];

		if (j == new->count ||
		    (i < old->count && a->domid < b->domid)) {
			r.d = a;
			tell(&r, "gone", "%s", "");
			i++;
		} else if (i == old->count || b->domid < a->domid) {
			tell_new(&r, b);
			j++;
		} else {
			tell_same(&r, a, b);
			i++;
			j++;
		}
	}
}
