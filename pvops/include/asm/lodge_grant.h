/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Grants for drivers: pages of this domain that others may use, and pages of
 * others that this one uses. <lodge/grant.h> has what lies beneath.
 */
#ifndef _ASM_X86_LODGE_GRANT_H
#define _ASM_X86_LODGE_GRANT_H

#include <linux/types.h>

struct page;

/*
 * Makes the table, once; may sleep. The bus has done it before it knows of a
 * device. 0 or an error.
 */
int lodge_grant_setup(void);

/* --- of this domain; any context --- */

/*
 * Lets domid use the page at this guest-physical address, for writing or only
 * for reading. Returns the reference, or 0 if there is none left.
 */
u32 lodge_grant(unsigned int domid, phys_addr_t page, bool write);
/* Free references beyond a quarter, for who can do with less for long. */
unsigned int lodge_grant_spare(void);
/* Takes it back and makes the reference free; false: it is in use, and stays. */
bool lodge_grant_try_end(u32 ref);
/*
 * Takes it back, now or as soon as nobody uses it, and then does put_page(page)
 * (NULL: nothing). What is in use until the end of time costs its page.
 */
void lodge_grant_end(u32 ref, struct page *page);

/* --- of others --- */

/*
 * One page, mapped for the kernel. Not in the control domain; may sleep. Returns
 * its address or an ERR_PTR.
 */
struct lodge_page_map {
	void *address;
	u64 gpa;
	u32 handle;
};

void *lodge_map_page(struct lodge_page_map *m, unsigned int domid, u32 ref,
		     bool write);
void lodge_unmap_page(struct lodge_page_map *m);

/*
 * Many pages, in the control domain alone. They have a struct page with a place
 * in the direct map, so that devices and the kernel can use them as any other;
 * nobody but the caller may hold on to them. May sleep.
 */
struct lodge_map {
	u32 ref; /* IN */
	bool write; /* IN */
	int status; /* OUT: 0 or an error; -ENOMEM, -ENOSPC: try later */
	u32 handle;
	struct page *page; /* OUT: NULL unless it is mapped */
};

/* Returns 0 if all were mapped, else an error of one that was not. */
int lodge_map_grants(unsigned int domid, struct lodge_map *map,
		     unsigned int count);
/* Those that are mapped; any context. */
void lodge_unmap_grants(struct lodge_map *map, unsigned int count);

#endif /* _ASM_X86_LODGE_GRANT_H */
