// SPDX-License-Identifier: GPL-2.0
/*
 * The machine of world.c: its other domain as the control domain. It is that
 * for the time of an operation alone, and what it has mapped then is taken
 * back when a world ends.
 */
#include <lodge/control.h>
#include "core/frame.h"
#include "world.h"

#define MAPPED_MAX 64

static mpa_t mapped[MAPPED_MAX]; /* in the peer; MAP and UNMAP of one page */
static unsigned int mapped_count;
u32 world_child;

struct domain *domain_control(void)
{
	return world_peer;
}

/* Unlike a real one it ends before the machine does. */
void __real_shadow_purge(struct domain *d);
void __wrap_shadow_purge(struct domain *d)
{
	if (d->shadow.kernel)
		__real_shadow_purge(d);
}

static void forget(gpa_t gpa, const struct p2m_entry *e)
{
	if (e->flags & P2M_FOREIGN && *frame_maps(e->mpa) == FRAME_SHOWN)
		check(p2m_forget(&world_peer->p2m, e->mpa, e->order));
}

u64 *world_peer_page(void)
{
	return guest_ptr(world_peer, 0, PAGE_SIZE);
}

u64 world_mapped(unsigned int i)
{
	return mapped_count ? mapped[i % mapped_count] : i;
}

void world_control(u64 op, u64 domid, gpa_t gpa, const u64 arg[2])
{
	const bool one = op == LODGE_CONTROL_MAP || op == LODGE_CONTROL_UNMAP;
	u64 *buffer = world_peer_page() + 256;
	u64 address = buffer[0], args[2] = { one ? 1 : arg[0], arg[1] };
	s64 ret;

	if (domain_is_dying(world_peer) ||
	    (op == LODGE_CONTROL_MAP && mapped_count == MAPPED_MAX))
		return;
	world_peer->privileged = true;
	ret = do_control(world_peer->vcpu[0], op, domid, one ? 2048 : gpa,
			 args);
	world_peer->privileged = false;
	if (op == LODGE_CONTROL_CREATE && ret > 0)
		world_child = ret;
	if (op == LODGE_CONTROL_MAP && ret == 1)
		mapped[mapped_count++] = buffer[0];
	if (op != LODGE_CONTROL_UNMAP || ret != 1)
		return;
	for (unsigned int i = 0; i < mapped_count; i++)
		if (mapped[i] == address) {
			mapped[i] = mapped[--mapped_count];
			return;
		}
	check(false); /* it was never mapped */
}

/* As the kernel of the control domain does it before its end. */
void world_control_end(void)
{
	const u64 none[2] = { 0, 0 };
	struct domain *child;

	check(!domain_is_dying(world_peer) || !mapped_count);
	while (mapped_count) {
		world_peer_page()[256] = mapped[0];
		world_control(LODGE_CONTROL_UNMAP, 0, 0, none);
	}
	p2m_for_each(&world_peer->p2m, forget);
	shadow_purge(world_peer);
	child = domain_get(world_child);
	if (child) {
		domain_destroy(child);
		domain_put(child);
	}
	world_child = 0;
}
