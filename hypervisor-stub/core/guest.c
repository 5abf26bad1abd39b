// SPDX-License-Identifier: GPL-2.0
/*
 * Access to guest memory. Guest-physical addresses come from hypercalls and
 * are hostile; each page is looked up in the p2m of the domain. Guest-virtual
 * access walks the current root's tables as the guest kernel would, and is
 * used only for iret frames and instruction bytes.
 */
#include "../x86/cpu.h"
#include "domain.h"
#include "frame.h"
#include "string.h"

void *guest_ptr(struct domain *d, gpa_t gpa, size_t n)
{
	mpa_t mpa;

	if (n > PAGE_SIZE || (gpa & ~PAGE_MASK) + n > PAGE_SIZE)
		return NULL;
	mpa = p2m_lookup(&d->p2m, gpa);
	return mpa == INVALID_MPA ? NULL : mpa_to_virt(mpa);
}

static size_t chunk(u64 addr, size_t n)
{
	return MIN(n, PAGE_SIZE - (addr & ~PAGE_MASK));
}

static int copy(struct domain *d, gpa_t gpa, void *buf, size_t n, bool to_guest)
{
	while (n) {
		size_t part = chunk(gpa, n);
		void *p = guest_ptr(d, gpa, part);

		if (!p && !memory_demand(d, gpa))
			p = guest_ptr(d, gpa, part);
		if (!p)
			return -LODGE_EFAULT;
		memcpy(to_guest ? p : buf, to_guest ? buf : p, part);
		buf = (char *)buf + part;
		gpa += part;
		n -= part;
	}
	return 0;
}

int copy_from_guest(struct domain *d, void *dst, gpa_t gpa, size_t n)
{
	return copy(d, gpa, dst, n, false);
}

int copy_to_guest(struct domain *d, gpa_t gpa, const void *src, size_t n)
{
	return copy(d, gpa, (void *)src, n, true);
}

int copy_from_guest_va(struct vcpu *v, void *dst, gva_t va, size_t n)
{
	/* Another processor that dumps v may see it go down. */
	const struct root *root = READ_ONCE(v->root);
	struct guest_walk w;

	while (n) {
		size_t part = chunk(va, n);
		const void *src;

		if (!is_canonical(va) || !root ||
		    !guest_walk(v->domain, root->gpa, va, &w))
			return -LODGE_EFAULT;
		src = guest_ptr(v->domain, w.gpa, part);
		if (!src)
			return -LODGE_EFAULT;
		memcpy(dst, src, part);
		dst = (char *)dst + part;
		va += part;
		n -= part;
	}
	return 0;
}
