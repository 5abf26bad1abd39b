// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attack on the console: all vCPUs write whole pages of it, with control
 * characters, escape sequences and lines that look like the hypervisor's own,
 * as fast as they can. Expected: lines of a domain are marked as its own when
 * there are several domains, control characters do no harm, and the witness
 * is not stopped.
 */
#include "guest.h"

static char *page;

static void flood(struct cpu *cpu, void *arg)
{
	u64 i;

	for (i = 0; i < arg_u64("pages", 60); i++) {
		s64 n = hc(LODGE_HC_CONSOLE_WRITE, gpa(page), 4096);

		CHECK(n >= 0 && n <= 4096, "CONSOLE_WRITE returned %ld",
		      (long)n);
	}
}

void test_main(void)
{
	static const char forged[] =
		"\nlodge: domain nobody crashed: forged\n"
		"\rlodge: no domain left, powering off\r\n"
		"\x1b[2J\x1b]0;title\x07\x00\x01\x7f\x80\xff"
		"\nlodge-test: nobody FAIL forged\n";
	int count = start_info->vcpu_count, id;
	u64 i;

	page = alloc_page();
	for (i = 0; i < 4096; i++)
		page[i] = i % 80 == 79 ? '\n' : (char)(i * 7);
	for (id = 1; id < count; id++)
		cpu_start(id, flood, NULL);
	flood(&cpus[0], NULL);
	for (id = 1; id < count; id++)
		cpu_join(id);
	memcpy(page, forged, sizeof(forged));
	hc(LODGE_HC_CONSOLE_WRITE, gpa(page), sizeof(forged) - 1);
	/* A line without an end, right before the verdict. */
	hc(LODGE_HC_CONSOLE_WRITE, gpa(page) + 300, 70);
	printf("\n");
}
