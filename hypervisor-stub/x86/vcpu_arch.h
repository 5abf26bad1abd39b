/* SPDX-License-Identifier: GPL-2.0 */
/* The processor's side of a vCPU. */
#ifndef X86_VCPU_ARCH_H
#define X86_VCPU_ARCH_H

#include "../core/types.h"

#define AREA_IST_PAGES 4 /* NMI, #MC, #DB, #DF */

/*
 * The private pages of slot 256 (layout in entry.h). One set belongs to each
 * vCPU, and one to each processor for the time it is in the hypervisor.
 */
struct entry_area {
	u64 *l3; /* what slot 256 points to */
	u64 *l2, *l1;
	u64 *gdt; /* GDT, and the TSS in the page's second half */
	struct entry_cfg *cfg; /* read-only to the guest */
	void *vcpu_page;
	void *stack;
	void *ist[AREA_IST_PAGES];
};

#define LDT_PAGES 16
#define XCR0_X87 1UL
#define XCR0_SSE 2UL
#define XCR0_AVX 4UL

/* The values are known to stub_enter. */
enum segs_reload {
	RELOAD_NONE,
	RELOAD_LDT, /* LDTR alone: selectors keep what they have loaded */
	RELOAD_ALL, /* LDTR, selectors and bases */
};

struct vcpu_arch {
	struct entry_area area;
	unsigned int cache_next; /* slot of cfg.root to use next */

	void *fpu; /* XSAVE area, 64-byte aligned */
	u64 xcr0;

	u64 dr[4], dr7; /* as the guest set them */

	u64 *ldt[LDT_PAGES]; /* copies, mapped read-only in the area */
	u32 ldt_count; /* descriptors; 0: none loaded */

	/* Saved when another vCPU takes the processor. */
	u64 fs_base, gs_base;
	u16 ds, es, fs, gs;
	enum segs_reload segs_reload; /* by the next entry */
	bool segs_fresh; /* the fields above are newer than the processor */

	u64 cr0, cr4; /* what the guest believes */
	u64 tsc_aux;
	bool tsc_aux_valid; /* the processor has RDTSCP or RDPID */
	u64 pat;
	bool raw_if_seen; /* of vCPU 0: this domain was warned about cli, sti */
};

#endif
