// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: BATCH runs 1 to 64 entries in order, each with its own result, from an
 * array that does not cross a page; BATCH, BLOCK, SHUTDOWN, VCPU DOWN and WAIT
 * are -EINVAL as entries. How: full batches, empty and oversized ones, nested
 * ones, arrays at the edges of pages and of memory, and an array that another
 * vCPU rewrites while it runs.
 */
#include "guest.h"

static struct lodge_batch *batch;

static void fill_batch(u64 count)
{
	u64 i;

	memset(batch, 0, PAGE_SIZE);
	for (i = 0; i < count; i++) {
		batch[i].number = LODGE_HC_VERSION;
		batch[i].result = -12345;
	}
}

static void test_good(void)
{
	u64 i;

	fill_batch(64);
	batch[3].number = 999;
	batch[5].number = LODGE_HC_VCPU;
	batch[5].arg[0] = LODGE_VCPU_IS_UP;
	batch[7].number = LODGE_HC_FILL;
	batch[7].arg[0] = 1UL << 63;
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 64), 0);
	for (i = 0; i < 64; i++) {
		s64 want = i == 3 ? -LODGE_ENOSYS :
			   i == 5 ? 1 :
			   i == 7 ? -LODGE_EINVAL :
				    (s64)start_info->version;

		CHECK(batch[i].result == want, "entry %lu: %ld, expected %ld",
		      i, (long)batch[i].result, (long)want);
	}
	/* Only so many as asked for. */
	fill_batch(64);
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 2), 0);
	CHECK(batch[1].result == start_info->version &&
		      batch[2].result == -12345,
	      "a batch of two wrote %ld", (long)batch[2].result);
	/* The last entry of a page. */
	fill_batch(64);
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(&batch[63]), 1), 0);
	CHECK_EQ(batch[63].result, start_info->version);
}

static void test_refused_entries(void)
{
	fill_batch(6);
	batch[0].number = LODGE_HC_BATCH;
	batch[0].arg[0] = gpa(batch);
	batch[0].arg[1] = 1;
	batch[1].number = LODGE_HC_BLOCK;
	batch[2].number = LODGE_HC_SHUTDOWN;
	batch[3].number = LODGE_HC_VCPU;
	batch[3].arg[0] = LODGE_VCPU_DOWN;
	batch[4].number = LODGE_HC_VCPU;
	batch[4].arg[0] = LODGE_VCPU_WAIT;
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 6), 0);
	CHECK_EQ(batch[0].result, -LODGE_EINVAL);
	CHECK_EQ(batch[1].result, -LODGE_EINVAL);
	CHECK_EQ(batch[2].result, -LODGE_EINVAL);
	CHECK_EQ(batch[3].result, -LODGE_EINVAL);
	CHECK_EQ(batch[4].result, -LODGE_EINVAL);
	CHECK_EQ(batch[5].result, start_info->version);
}

static void test_bad_calls(void)
{
	fill_batch(64);
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 0), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 65), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), -1UL), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 1UL << 32), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), (1UL << 58) + 1),
		 -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(&batch[60]), 5), -LODGE_EINVAL);
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(&batch[63]) + 8, 1), -LODGE_EINVAL);
	CHECK_ERR(hc(LODGE_HC_BATCH, ram_end, 1));
	CHECK_ERR(hc(LODGE_HC_BATCH, -64UL, 1));
	CHECK_EQ(batch[0].result, -12345);
}

/* Flush and fill in a batch, and results that point into the batch itself. */
static void test_work(void)
{
	fill_batch(4);
	batch[0].number = LODGE_HC_FLUSH;
	batch[0].arg[0] = LODGE_FLUSH_EVERYTHING;
	batch[1].number = LODGE_HC_CPUID;
	batch[1].arg[0] = LODGE_CPUID_BASE;
	batch[1].arg[2] = gpa(&batch[2]); /* overwrites the next entry */
	batch[3].number = LODGE_HC_LOAD_ROOT;
	batch[3].arg[0] = root_gpa;
	CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 4), 0);
	CHECK_EQ(batch[0].result, 0);
	CHECK_EQ(batch[1].result, 0);
	CHECK_EQ(batch[3].result, 0);
}

/* A batch that gives way in the middle leaves all registers as they were. */
static void test_registers(void)
{
	u64 a = LODGE_HC_BATCH, d = gpa(batch), s = 5, i;

	fill_batch(5);
	for (i = 0; i < 5; i++)
		batch[i].number = i % 2 ? LODGE_HC_YIELD : LODGE_HC_VERSION;
	asm volatile("int %[vector]"
		     : "+a"(a), "+D"(d), "+S"(s)
		     : [vector] "i"(LODGE_VEC_HYPERCALL)
		     : "memory", "cc");
	CHECK_EQ(a, 0);
	CHECK_EQ(d, gpa(batch));
	CHECK_EQ(s, 5);
	for (i = 0; i < 5; i++)
		CHECK_EQ(batch[i].result, i % 2 ? 0 : LODGE_ABI_VERSION);
}

static volatile bool stop;

static void rewrite(struct cpu *cpu, void *arg)
{
	volatile struct lodge_batch *b = arg;
	u64 n = 0;

	while (!stop) {
		static const u8 numbers[] = { LODGE_HC_BATCH, LODGE_HC_BLOCK,
					      LODGE_HC_SHUTDOWN, 200,
					      LODGE_HC_VERSION };

		b[1 + n % 62].number = numbers[n % 5];
		n++;
	}
}

/* The entries are copied before they are checked. */
static void test_race(void)
{
	u64 i, end = now() + 300000000;

	if (start_info->vcpu_count < 2)
		return;
	fill_batch(64);
	cpu_start(1, rewrite, batch);
	for (i = 0; now() < end; i++)
		CHECK_EQ(hc(LODGE_HC_BATCH, gpa(batch), 64), 0);
	stop = true;
	cpu_join(1);
	printf("  %lu batches raced\n", i);
}

void test_main(void)
{
	batch = alloc_page();
	test_good();
	test_refused_entries();
	test_bad_calls();
	test_work();
	test_registers();
	test_race();
}
