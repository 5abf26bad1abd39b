// SPDX-License-Identifier: GPL-2.0
/*
 * Roots whose page was freed, and that the hypervisor has yet to drop.
 *
 * To drop one costs an entry into the hypervisor. But a process that goes is
 * mostly followed by one that comes, and its new root needs an entry anyway;
 * so roots are retired here, and dropped in one batch with that. Nothing
 * depends on the page of a retired root; only, it may be allocated for a
 * new top-level table, and must not be loaded before its old life has ended:
 * lodge_root_retired() says that, and the entry stub is not asked then.
 *
 * retired_lock protects the list. A root leaves it after it was dropped, and
 * is seen in it by anyone who got its page from the allocator; so the question
 * can be asked without the lock.
 */
#include <linux/kernel.h>
#include <linux/spinlock.h>

#include "lodge.h"

#define RETIRED_MAX 8

static DEFINE_RAW_SPINLOCK(retired_lock);
static phys_addr_t retired[RETIRED_MAX]; /* 0: none */
static unsigned int retired_count;
/* What is retired, then the root to load; a batch may not cross a page. */
static struct lodge_batch batch[RETIRED_MAX + 1] __aligned(1024);

/* Runs the batch for what is retired, and `more` entries that stand behind. */
static long drop_retired(unsigned int more)
{
	unsigned int i;
	long ret;

	lockdep_assert_held(&retired_lock);
	for (i = 0; i < retired_count; i++)
		batch[i] = (struct lodge_batch) {
			.number = LODGE_HC_DROP_ROOT,
			.arg = { retired[i] },
		};
	ret = hc_batch(__pa_symbol(batch), retired_count + more);
	for (i = 0; i < retired_count; i++) {
		WARN_ON_ONCE(batch[i].result == -EBUSY);
		WRITE_ONCE(retired[i], 0);
	}
	return ret;
}

void lodge_retire_root(phys_addr_t root)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&retired_lock, flags);
	if (retired_count == RETIRED_MAX) {
		drop_retired(0);
		retired_count = 0;
	}
	WRITE_ONCE(retired[retired_count++], root);
	raw_spin_unlock_irqrestore(&retired_lock, flags);
}

bool lodge_root_retired(phys_addr_t root)
{
	unsigned int i;

	for (i = 0; i < RETIRED_MAX; i++)
		if (READ_ONCE(retired[i]) == root)
			return true;
	return false;
}

long lodge_load_and_drop(phys_addr_t root)
{
	struct lodge_batch *load;
	long ret;

	raw_spin_lock(&retired_lock);
	load = &batch[retired_count];
	*load = (struct lodge_batch) {
		.number = LODGE_HC_LOAD_ROOT,
		.arg = { root },
	};
	ret = drop_retired(1);
	if (!ret)
		ret = load->result;
	retired_count = 0;
	raw_spin_unlock(&retired_lock);
	return ret;
}
