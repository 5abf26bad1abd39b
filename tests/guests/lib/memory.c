// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory: a page allocator that never frees, page tables, flushes, and
 * what the compiler expects of a C library. The allocator hands out the RAM
 * behind the image, around the start information and what it points to.
 */
#include "guest.h"

extern char utext_gpa[], utext_size[], udata_gpa[], udata_size[];
extern char image_end_gpa[];

struct lodge_start_info *start_info;
u64 ram_end;
static u64 next_free;

static bool touches(u64 page, u64 count, u64 base, u64 size)
{
	return base && page < base + size && page + count * PAGE_SIZE > base;
}

/* Returns the gpa of `count` free pages, or 0. */
static u64 take_pages(u64 count, u64 align)
{
	struct lodge_start_info *info = start_info;
	u64 si = gpa(info), page, seen;

	do {
		seen = __atomic_load_n(&next_free, __ATOMIC_RELAXED);
		page = seen ? seen : (u64)image_end_gpa;
		page = (page + align - 1) & -align;
		while (touches(page, count, si & -PAGE_SIZE, 2 * PAGE_SIZE) ||
		       touches(page, count, info->cmdline & -PAGE_SIZE,
			       2 * PAGE_SIZE) ||
		       touches(page, count, info->initrd, info->initrd_size))
			page += align;
		if (page + count * PAGE_SIZE > ram_end)
			return 0;
	} while (!__atomic_compare_exchange_n(
		&next_free, &seen, page + count * PAGE_SIZE, false,
		__ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return page;
}

void *try_alloc_page(void)
{
	u64 page = take_pages(1, PAGE_SIZE);

	return page ? memset(va(page), 0, PAGE_SIZE) : NULL;
}

void *alloc_pages(u64 count, u64 align)
{
	u64 page = take_pages(count, align);

	if (!page)
		test_error("the guest has no memory for %lu pages", count);
	return memset(va(page), 0, count * PAGE_SIZE);
}

void *alloc_page(void)
{
	return alloc_pages(1, PAGE_SIZE);
}

u64 pages_left(void)
{
	u64 at = next_free ? next_free : (u64)image_end_gpa;

	return at < ram_end ? (ram_end - at) / PAGE_SIZE : 0;
}

volatile u64 *pte_of(u64 root, u64 address, int level, bool make)
{
	volatile u64 *table = va(root), *entry;
	int at;

	for (at = 4;; at--) {
		entry = &table[address >> (12 + 9 * (at - 1)) & 511];
		if (at == level)
			return entry;
		if (!(*entry & PTE_P)) {
			if (!make)
				return NULL;
			*entry = gpa(alloc_page()) | PTE_USER;
		}
		table = va(*entry & PTE_ADDR);
	}
}

void map_page(u64 root, u64 address, u64 frame, u64 flags)
{
	*pte_of(root, address, 1, true) = frame | flags;
}

void map_2m(u64 root, u64 address, u64 frame, u64 flags)
{
	*pte_of(root, address, 2, true) = frame | flags | PTE_PS;
}

void map_user(u64 root)
{
	u64 i;

	for (i = 0; i < (u64)utext_size; i += PAGE_SIZE)
		map_page(root, USER_TEXT + i, (u64)utext_gpa + i,
			 PTE_P | PTE_U | PTE_A);
	for (i = 0; i < (u64)udata_size; i += PAGE_SIZE)
		map_page(root, USER_DATA + i, (u64)udata_gpa + i,
			 PTE_USER | PTE_NX);
	for (i = 1; i <= 16; i++)
		map_page(root, USER_STACK_TOP - i * PAGE_SIZE,
			 gpa(alloc_page()), PTE_USER | PTE_NX);
}

u64 new_root(void)
{
	u64 *table = alloc_page();
	int i;

	for (i = 256; i < 512; i++)
		table[i] = boot_root[i];
	map_user(gpa(table));
	return gpa(table);
}

s64 flush(u64 root, u64 start, u64 end)
{
	return hc(LODGE_HC_FLUSH, 0, root, start, end);
}

s64 flush_kernel(u64 start, u64 end)
{
	return hc(LODGE_HC_FLUSH, LODGE_FLUSH_KERNEL, 0, start, end);
}

s64 flush_all(u64 root)
{
	return hc(LODGE_HC_FLUSH, LODGE_FLUSH_ALL, root);
}

s64 load_root(u64 root)
{
	u64 miss;

	asm volatile("int %1"
		     : "=a"(miss)
		     : "i"(LODGE_VEC_LOAD_ROOT), "D"(root)
		     : "memory", "cc");
	return miss ? hc(LODGE_HC_LOAD_ROOT, root) : 0;
}

void *memset(void *p, int c, size_t n)
{
	void *at = p;

	asm volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(c) : "memory");
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *at = to;

	asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n)::"memory");
	return to;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return (u8)*a - (u8)*b;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* Copies the word after "name=" on the command line; "" if there is none. */
const char *arg_word(const char *name)
{
	static char word[64];
	size_t length = strlen(name), i;
	const char *s;

	word[0] = 0;
	if (!start_info || !start_info->cmdline)
		return word;
	for (s = va(start_info->cmdline); *s; s++) {
		for (i = 0; i < length && s[i] == name[i]; i++)
			;
		if (i == length && s[i] == '=') {
			s += length + 1;
			for (i = 0; s[i] && s[i] != ' ' && i < 63; i++)
				word[i] = s[i];
			word[i] = 0;
			return word;
		}
		while (*s && *s != ' ')
			s++;
		if (!*s)
			break;
	}
	return word;
}

bool arg_is(const char *name, const char *word)
{
	return !strcmp(arg_word(name), word);
}

u64 arg_u64(const char *name, u64 otherwise)
{
	const char *s = arg_word(name);
	u64 value = 0;

	if (!*s)
		return otherwise;
	if (s[0] == '0' && s[1] == 'x') {
		for (s += 2; *s; s++)
			value = value * 16 +
				(*s <= '9' ? *s - '0' : (*s | 32) - 'a' + 10);
		return value;
	}
	for (; *s >= '0' && *s <= '9'; s++)
		value = value * 10 + *s - '0';
	return value;
}
