// SPDX-License-Identifier: GPL-2.0
/*
 * Walking a guest's page tables. They are hostile input: an entry may name
 * anything. Each table is looked up in the p2m, so whatever the entries say,
 * only RAM of the domain is ever read. Entries are read once.
 */
#include "../x86/cpu.h"
#include "domain.h"
#include "frame.h"

bool __hot guest_walk(struct domain *d, gpa_t root, gva_t va,
		      struct guest_walk *w)
{
	u64 perm = PTE_W | PTE_U;
	gpa_t table = root;
	int level;

	w->level = 0;
	w->bad = false;
	for (level = 4; level >= 1; level--) {
		mpa_t mpa = p2m_lookup(&d->p2m, table);
		u64 *ptr, e, size = pt_size(level);

		if (mpa == INVALID_MPA) {
			w->bad = true;
			return false;
		}
		ptr = (u64 *)mpa_to_virt(mpa & PAGE_MASK) + pt_index(va, level);
		e = READ_ONCE(*ptr);
		w->ptr[level] = ptr;
		w->entry[level] = e;
		if (!(e & PTE_P))
			return false;
		w->upper = perm;
		perm = pte_rights(perm, e);
		if (pte_is_leaf(e, level)) {
			w->level = level;
			w->perm = perm;
			w->gpa = (e & PTE_ADDR & ~(size - 1)) |
				 (va & (size - 1));
			return true;
		}
		if (e & PTE_PS) {
			w->bad = true; /* reserved at level 4 */
			return false;
		}
		table = e & PTE_ADDR;
	}
	return false;
}
