// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: CONTROL is the control domain's alone, and does what control.h says.
 * How: makes domains of a few pages whose code, below, writes to its console
 * and then counts until a word in its memory tells it to end; looks at each
 * operation in each state, and finds every frame back when all are gone.
 */
#include <lodge/control.h>
#include <lodge/grant.h>
#include "guest.h"

#define ROOT 0x1000UL /* in a child; the three tables below it follow */
#define CODE 0x5000UL
#define MAIL 0x6000UL
#define FRAMES 16UL
#define WINDOW KMAP_BASE

/* What a child does with its page of mail. */
struct mail {
	volatile u64 order; /* 0: go on; n: SHUTDOWN(n - 1); CRASH */
	char text[8];
	volatile u64 count;
};

#define CRASH 9

#define hc_control(op, domid, buffer, ...)                           \
	hc(LODGE_HC_CONTROL, LODGE_CONTROL_##op, domid, gpa(buffer), \
	   ##__VA_ARGS__)

static u64 page[512] __attribute__((aligned(4096)));
static struct lodge_domain_info *const info = (void *)page;
static volatile u64 domain_events, output_events, control_events;

extern char child_code[], child_code_end[];
asm(".pushsection .text\n"
    "child_code:\n"
    "	mov $1, %eax\n" /* CONSOLE_WRITE */
    "	mov $0x6008, %edi\n"
    "	mov $3, %esi\n"
    "	int $0x82\n"
    "	movabs $0xffffffff80006000, %rbx\n"
    "1:	incq 16(%rbx)\n"
    "	mov (%rbx), %rdi\n"
    "	test %rdi, %rdi\n"
    "	jz 1b\n"
    "	cmp $9, %rdi\n"
    "	jne 2f\n"
    "	ud2\n"
    "2:	dec %rdi\n"
    "	mov $17, %eax\n" /* SHUTDOWN */
    "	int $0x82\n"
    "	jmp 1b\n"
    "child_code_end:\n"
    ".popsection\n");

static void on_domain(u64 port)
{
	domain_events++;
}

static void on_output(u64 port)
{
	output_events++;
}

static void on_control(u64 port)
{
	control_events++;
}

static s64 create(const char *name, u32 vcpus, u64 frames)
{
	struct lodge_control_create *c = (void *)page;

	memset(c, 0, sizeof(*c));
	memcpy(c->name, name, strlen(name) + 1);
	c->vcpus = vcpus;
	c->max_frames = c->target_frames = frames;
	c->vcpus_online = 1;
	return hc_control(CREATE, 0, c);
}

static s64 get_info(u32 domid)
{
	memset(info, 0, sizeof(*info));
	return hc_control(INFO, domid, info);
}

/* That are free, or in tables of ours, which grow as we see more of others. */
static u64 free_frames(void)
{
	struct lodge_machine_info *m = (void *)page;
	u64 ours;

	CHECK_EQ(get_info(start_info->domid), 0);
	ours = info->overhead;
	CHECK_EQ(hc_control(MACHINE, 0, m), 0);
	return m->free_frames + ours;
}

/* The same, when domains that have just ended have given back all. */
static u64 settled_frames(void)
{
	u64 frames, end;

	do {
		frames = free_frames();
		for (end = now() + 100000000UL; now() < end;)
			hc(LODGE_HC_YIELD);
	} while (free_frames() != frames);
	return frames;
}

static u32 state(u32 domid)
{
	if (get_info(domid) || info->domid != domid)
		return ~0U;
	return info->state;
}

static void wait_state(u32 domid, u32 want)
{
	u64 end = now() + 5000000000UL;

	while (state(domid) != want) {
		if (now() > end)
			test_error("d%u is %d, not %d", domid,
				   (int)state(domid), (int)want);
		hc(LODGE_HC_YIELD);
	}
}

static void destroy(u32 domid)
{
	CHECK_EQ(hc_control(DESTROY, domid, page), 0);
	wait_state(domid, ~0U);
}

/* Where a child's page is seen; map() again for another. */
static void *map(u32 domid, u64 where)
{
	page[0] = where;
	CHECK_EQ(hc_control(MAP, domid, page, 1), 1);
	map_page(root_gpa, WINDOW, page[0], PTE_KERNEL);
	flush_kernel(WINDOW, WINDOW + PAGE_SIZE);
	return (void *)WINDOW;
}

static void unmap(void)
{
	page[0] = *pte_of(root_gpa, WINDOW, 1, false) & PTE_ADDR;
	*pte_of(root_gpa, WINDOW, 1, false) = 0;
	flush_kernel(WINDOW, WINDOW + PAGE_SIZE);
	CHECK_EQ(hc_control(UNMAP, 0, page, 1), 1);
}

static void put(u32 domid, u64 where, u64 index, u64 value)
{
	((u64 *)map(domid, where))[index] = value;
	unmap();
}

static void load(u32 domid)
{
	struct mail *mail;

	CHECK_EQ(hc_control(POPULATE, domid, page, 0, FRAMES), FRAMES);
	put(domid, ROOT, 511, (ROOT + 0x1000) | PTE_KERNEL);
	put(domid, ROOT + 0x1000, 510, (ROOT + 0x2000) | PTE_KERNEL);
	put(domid, ROOT + 0x2000, 0, (ROOT + 0x3000) | PTE_KERNEL);
	put(domid, ROOT + 0x3000, CODE >> 12, CODE | PTE_KERNEL);
	put(domid, ROOT + 0x3000, MAIL >> 12, MAIL | PTE_KERNEL);
	memcpy(map(domid, CODE), child_code, child_code_end - child_code);
	unmap();
	mail = map(domid, MAIL);
	CHECK(!mail->order && !mail->count, "new memory is not empty");
	memcpy(mail->text, "hi\n", 4);
	unmap();
}

static s64 start(u32 domid, u64 rip, u64 root)
{
	struct lodge_control_start *s = (void *)page;

	memset(s, 0, sizeof(*s));
	s->rip = rip;
	s->root = root;
	return hc_control(START, domid, s);
}

static u32 run_child(const char *name)
{
	s64 domid = create(name, 2, FRAMES);

	if (domid <= 0)
		test_error("no domain: %ld", (long)domid);
	load(domid);
	CHECK_EQ(start(domid, KERNEL_BASE + CODE, ROOT), 0);
	return domid;
}

static void order(u32 domid, u64 what)
{
	struct mail *mail = map(domid, MAIL);

	mail->order = what;
	unmap();
}

static u64 count(u32 domid)
{
	u64 n = ((struct mail *)map(domid, MAIL))->count;

	unmap();
	return n;
}

static void wait_count(u32 domid, u64 above)
{
	u64 end = now() + 5000000000UL;

	while (count(domid) <= above) {
		if (now() > end)
			test_error("d%u does not run", domid);
		hc(LODGE_HC_YIELD);
	}
}

/* --- what is refused --- */

static void test_others(void)
{
	u64 op;

	for (op = 0; op < 64; op++)
		CHECK_EQ(hc(LODGE_HC_CONTROL, op, 1, gpa(page), 1, 1),
			 -LODGE_EPERM);
	CHECK_EQ(hc_event(BIND_VIRQ, LODGE_VIRQ_DOMAIN, 0), -LODGE_EPERM);
}

static void test_bad(void)
{
	static const char *const names[] = { "",    "1a", "-a",	  "a b",
					     "a/b", "a:", "\x1b", "~a" };
	struct lodge_control_create *c = (void *)page;
	u64 i;

	CHECK_EQ(hc(LODGE_HC_CONTROL, 23, 1, gpa(page)), -LODGE_ENOSYS);
	CHECK_EQ(hc(LODGE_HC_CONTROL, ~0UL, 1, gpa(page)), -LODGE_ENOSYS);
	for (i = 0; i < array_size(names); i++)
		CHECK_EQ(create(names[i], 1, 16), -LODGE_EINVAL);
	memset(c->name, 'a', sizeof(c->name));
	CHECK_EQ(hc_control(CREATE, 0, c), -LODGE_EINVAL);
	CHECK_EQ(create("a", 0, 16), -LODGE_EINVAL);
	CHECK_EQ(create("a", LODGE_MAX_VCPUS + 1, 16), -LODGE_EINVAL);
	CHECK_EQ(create("a", 1, 0), -LODGE_EINVAL);
	CHECK_EQ(create(start_info->name, 1, 16), -LODGE_EEXIST);
	CHECK_EQ(hc(LODGE_HC_CONTROL, LODGE_CONTROL_CREATE, 0, gpa(page) + 4),
		 -LODGE_EFAULT);
	CHECK_EQ(hc(LODGE_HC_CONTROL, LODGE_CONTROL_CREATE, 0,
		    gpa(page) + 4096 - 8),
		 -LODGE_EFAULT);
	CHECK_EQ(hc(LODGE_HC_CONTROL, LODGE_CONTROL_CREATE, 0, 1UL << 46),
		 -LODGE_EFAULT);
	for (i = LODGE_CONTROL_POPULATE; i <= LODGE_CONTROL_COUNTERS; i++)
		if (i != LODGE_CONTROL_UNMAP && i != LODGE_CONTROL_INFO)
			CHECK_EQ(hc(LODGE_HC_CONTROL, i, 0x7ffe, gpa(page), 1,
				    1),
				 -LODGE_ENOENT);
	CHECK_EQ(get_info(0x7ffe), -LODGE_ENOENT);
	CHECK_EQ(hc_control(PAUSE, start_info->domid, page), -LODGE_EPERM);
	CHECK_EQ(hc_control(DESTROY, start_info->domid, page), -LODGE_EPERM);
	page[0] = gpa(page);
	CHECK_EQ(hc_control(MAP, start_info->domid, page, 1), -LODGE_EPERM);
	CHECK_EQ(hc_control(UNMAP, 0, page, 1), -LODGE_ENOENT);
	page[0] = ~0UL;
	CHECK_EQ(hc_control(UNMAP, 0, page, 1), -LODGE_ENOENT);
	CHECK_EQ(hc_control(UNMAP, 0, page, 0), -LODGE_EINVAL);
	CHECK_EQ(hc_control(UNMAP, 0, page, 513), -LODGE_EINVAL);
}

/* What is told of ports that a domain has in use. */
static void test_ports(void)
{
	s64 port[3];
	u32 before, i;

	CHECK_EQ(get_info(start_info->domid), 0);
	before = info->ports;
	CHECK(before >= 2 && !info->maps, "%u ports, %u maps", before,
	      info->maps);
	for (i = 0; i < array_size(port); i++)
		port[i] = hc_event(ALLOC, LODGE_DOMID_SELF, 0);
	CHECK_EQ(get_info(start_info->domid), 0);
	CHECK_EQ(info->ports, before + array_size(port));
	for (i = 0; i < array_size(port); i++)
		CHECK_EQ(hc_event(CLOSE, port[i], 0), 0);
	CHECK_EQ(get_info(start_info->domid), 0);
	CHECK_EQ(info->ports, before);
}

/* DESTROY at the moment in which it ends by itself: it is gone all the same. */
static void test_destroy_ending(void)
{
	u32 round, domid;
	u64 end;
	s64 err;

	for (round = 0; round < 60; round++) {
		domid = run_child("ending");
		wait_count(domid, 0);
		order(domid, 1);
		for (end = now() + round * 2000; now() < end;)
			;
		do
			err = hc_control(DESTROY, domid, page);
		while (err == -LODGE_EBUSY);
		CHECK(!err || err == -LODGE_EAGAIN, "destroy: %ld", (long)err);
		wait_state(domid, ~0U);
	}
}

/* --- life of a domain --- */

static void test_building(void)
{
	s64 d = create("first", 2, FRAMES);

	CHECK(d > 0, "create: %ld", (long)d);
	CHECK_EQ(create("first", 2, FRAMES), -LODGE_EEXIST);
	CHECK_EQ(state(d), LODGE_DOMAIN_BUILDING);
	CHECK(info->vcpu_count == 2 && !info->vcpu_up && !info->frames &&
		      info->max_frames == FRAMES && info->weight == 256 &&
		      info->request.mem_target == FRAMES &&
		      info->request.vcpus == 1 && info->overhead > 20 &&
		      !strcmp(info->name, "first"),
	      "what is told about a new domain");
	CHECK_EQ(start(d, KERNEL_BASE, ROOT), -LODGE_EFAULT);
	CHECK_EQ(hc_control(POPULATE, d, page, 1, 1), -LODGE_EINVAL);
	CHECK_EQ(hc_control(POPULATE, d, page, 0, 0), -LODGE_EINVAL);
	CHECK_EQ(hc_control(POPULATE, d, page, ~0xfffUL, 1), -LODGE_EINVAL);
	page[0] = 0;
	CHECK_EQ(hc_control(MAP, d, page, 1), -LODGE_EFAULT);
	CHECK_EQ(hc_control(RAM, d, page, 0), -LODGE_ENOENT);
	CHECK_EQ(hc_control(POPULATE, d, page, 0x4000, FRAMES + 1), FRAMES);
	CHECK_EQ(hc_control(POPULATE, d, page, 0x4000, 1), -LODGE_EEXIST);
	CHECK_EQ(hc_control(POPULATE, d, page, 0, 1), -LODGE_ENOSPC);
	CHECK_EQ(hc_control(RAM, d, page, 0), 0);
	CHECK(page[0] == 0x4000 && page[1] == FRAMES, "RAM is %lx, %lu",
	      page[0], page[1]);
	CHECK_EQ(hc_control(RAM, d, page, 0x8000), 0);
	CHECK(page[0] == 0x8000 && page[1] == FRAMES - 4, "RAM is %lx, %lu",
	      page[0], page[1]);
	CHECK_EQ(hc_control(RAM, d, page, 0x4000 + FRAMES * 4096),
		 -LODGE_ENOENT);
	page[0] = 0x4008;
	CHECK_EQ(hc_control(MAP, d, page, 1), -LODGE_EINVAL);
	page[0] = 0x4000;
	page[1] = 0x5000;
	page[2] = 0;
	CHECK_EQ(hc_control(MAP, d, page, 3), 2);
	page[2] = page[0];
	page[3] = page[0];
	/* each as often as it was mapped */
	page[4] = page[5] = 0x4000;
	CHECK_EQ(hc(LODGE_HC_CONTROL, LODGE_CONTROL_MAP, d, gpa(&page[4]), 2),
		 2);
	CHECK(page[4] == page[2] && page[5] == page[2], "the same frame");
	CHECK_EQ(hc_control(UNMAP, 0, page, 6), 4);
	CHECK_EQ(hc_control(UNMAP, 0, page, 1), -LODGE_ENOENT);
	CHECK_EQ(start(d, 0x1000, 0x4000), -LODGE_EINVAL);
	CHECK_EQ(start(d, KERNEL_BASE, 0x4008), -LODGE_EINVAL);
	CHECK_EQ(hc_control(CONSOLE_WRITE, d, page, 1), -LODGE_EBUSY);
	CHECK_EQ(hc_control(VCPU, d, page, 2), -LODGE_ENOENT);
	destroy(d);
}

static void test_settings(u32 d)
{
	struct lodge_vcpu_info *v = (void *)page;
	struct lodge_counters *counters = (void *)page;

	CHECK_EQ(hc_control(SCHED, d, page, 512, 50), 0);
	CHECK_EQ(hc_control(SCHED, d, page, 0, 50), -LODGE_EINVAL);
	CHECK_EQ(hc_control(SCHED, d, page, 1UL << 32 | 256, 50),
		 -LODGE_EINVAL);
	CHECK_EQ(hc_control(SCHED, d, page, 256, 1UL << 32), -LODGE_EINVAL);
	CHECK_EQ(hc_control(PIN, d, page, 0, 0), -LODGE_EINVAL);
	CHECK_EQ(hc_control(PIN, d, page, 2, 1), -LODGE_ENOENT);
	CHECK_EQ(hc_control(PIN, d, page, 0, 1), 0);
	CHECK_EQ(hc_control(VCPU, d, v, 0), 0);
	CHECK(v->mask == 1 && v->ran && v->root == ROOT &&
		      v->state != LODGE_VCPU_STATE_OFFLINE,
	      "vCPU 0: mask %lx root %lx", v->mask, v->root);
	CHECK_EQ(hc_control(VCPU, d, v, 1), 0);
	CHECK_EQ(v->state, LODGE_VCPU_STATE_OFFLINE);
	CHECK_EQ(hc_control(MEMORY, d, page, 0, 8), -LODGE_EINVAL);
	CHECK_EQ(hc_control(MEMORY, d, page, 9, 8), -LODGE_EINVAL);
	CHECK_EQ(hc_control(MEMORY, d, page, 8, 2 * FRAMES), 0);
	CHECK_EQ(hc_control(VCPUS, d, page, 2), -LODGE_EINVAL);
	CHECK_EQ(hc_control(VCPUS, d, page, 7), -LODGE_EINVAL);
	CHECK_EQ(hc_control(VCPUS, d, page, 3), 0);
	CHECK_EQ(hc_control(REQUEST, d, page, 4), -LODGE_EINVAL);
	CHECK_EQ(hc_control(REQUEST, d, page, LODGE_REQUEST_REBOOT), 0);
	CHECK_EQ(hc_control(COUNTERS, d, page), 0);
	CHECK(counters->version == LODGE_COUNTERS_VERSION &&
		      counters->hypercall[LODGE_HC_CONSOLE_WRITE] == 1,
	      "counters");
	memset(page, 0, 32);
	memcpy(page, start_info->name, 8);
	CHECK_EQ(hc_control(RENAME, d, page), -LODGE_EEXIST);
	memcpy(page, "renamed", 8);
	CHECK_EQ(hc_control(RENAME, d, page), 0);
	CHECK_EQ(state(d), LODGE_DOMAIN_RUNNING);
	CHECK(!strcmp(info->name, "renamed") && info->weight == 512 &&
		      info->cap == 50 && info->request.mem_target == 8 &&
		      info->request.vcpus == 3 &&
		      info->max_frames == 2 * FRAMES && info->vcpu_up == 1,
	      "what was set");
	CHECK_EQ(hc_control(SCHED, d, page, 256, 0), 0);
	CHECK_EQ(hc_control(PIN, d, page, 0, ~0UL), 0);
}

/* The reference of a directory, as its operator and as its domain see it. */
static void test_devices(u32 d)
{
	const u64 self = (u64)start_info->domid << 32;
	volatile u64 *const devices = &shared.request.devices;
	const u64 before = control_events;

	CHECK_EQ(hc_control(DEVICES, d, page, LODGE_GRANT_REFS), -LODGE_EINVAL);
	CHECK_EQ(hc_control(DEVICES, d, page, ~0UL), -LODGE_EINVAL);
	CHECK_EQ(hc_control(DEVICES, d, page, 0), 0);
	CHECK_EQ(get_info(d), 0);
	CHECK_EQ(info->request.devices, self);
	CHECK_EQ(hc_control(DEVICES, d, page, LODGE_NO_DEVICES), 0);
	CHECK_EQ(get_info(d), 0);
	CHECK_EQ(info->request.devices, 0);

	CHECK_EQ(*devices, 0);
	CHECK_EQ(control_events, before);
	CHECK_EQ(hc_control(DEVICES, start_info->domid, page, 5), 0);
	CHECK_EQ(*devices, self | 5);
	CHECK_EQ(control_events, before + 1);
	CHECK_EQ(hc_control(DEVICES, start_info->domid, page, 5), 0);
	CHECK_EQ(control_events, before + 2);
	CHECK_EQ(hc_control(DEVICES, start_info->domid, page, LODGE_NO_DEVICES),
		 0);
	CHECK_EQ(*devices, 0);
}

static void test_console(u32 d)
{
	CHECK_EQ(hc_control(CONSOLE_READ, d, page, 4089), -LODGE_EINVAL);
	page[0] = 0;
	CHECK_EQ(hc_control(CONSOLE_READ, d, page, 2), 2);
	CHECK_EQ(page[0], 2);
	CHECK_EQ(hc_control(CONSOLE_READ, d, page, 100), 1);
	CHECK(*(char *)&page[1] == '\n' && page[0] == 3, "the third byte");
	CHECK_EQ(hc_control(CONSOLE_READ, d, page, 100), 0);
	page[0] = 1UL << 40; /* nonsense: all there is */
	CHECK_EQ(hc_control(CONSOLE_READ, d, page, 100), 3);
	((char *)&page[1])[3] = 0;
	CHECK(!strcmp((char *)&page[1], "hi\n"), "its text");
	CHECK_EQ(hc_control(CONSOLE_WRITE, d, page, 1000), 1000);
	CHECK_EQ(hc_control(CONSOLE_WRITE, d, page, 1000), 24);
	CHECK_EQ(hc_control(CONSOLE_WRITE, d, page, 1000), 0);
	CHECK_EQ(hc_control(CONSOLE_WRITE, d, page, 4097), -LODGE_EINVAL);
	page[0] = 0;
	CHECK(hc_control(CONSOLE_READ, 0, page, 4000) > 100,
	      "the hypervisor's own messages");
}

static void test_running(void)
{
	u32 d = run_child("second");
	u64 n;

	wait_count(d, 100);
	CHECK_EQ(state(d), LODGE_DOMAIN_RUNNING);
	CHECK(info->frames == FRAMES && info->output == 3 && info->cpu_time,
	      "what is told about a running domain");
	CHECK_EQ(start(d, KERNEL_BASE + CODE, ROOT), -LODGE_EBUSY);
	CHECK_EQ(hc_control(POPULATE, d, page, 0x100000, 1), -LODGE_EBUSY);
	CHECK_EQ(hc_control(DESTROY, d, page, 1), -LODGE_EBUSY);
	test_console(d);
	test_settings(d);
	test_devices(d);
	CHECK_EQ(hc_control(PAUSE, d, page), 0);
	CHECK_EQ(hc_control(PAUSE, d, page), 0);
	n = count(d);
	CHECK(state(d) == LODGE_DOMAIN_RUNNING &&
		      info->flags == LODGE_DOMAIN_PAUSED,
	      "paused");
	delay(20000000);
	CHECK_EQ(count(d), n);
	CHECK_EQ(hc_control(UNPAUSE, d, page), 0);
	wait_count(d, n + 100);
	CHECK_EQ(hc_control(UNPAUSE, d, page), 0);

	order(d, 1 + LODGE_SHUTDOWN_REBOOT);
	wait_state(d, LODGE_DOMAIN_ENDED);
	CHECK(info->reason == LODGE_SHUTDOWN_REBOOT && !info->crash_reason[0] &&
		      info->frames == FRAMES && !info->vcpu_up,
	      "what is told about an ended domain");
	CHECK(count(d) > n, "its memory is still there");
	CHECK_EQ(hc_control(VCPU, d, page, 0), 0);
	CHECK(((struct lodge_vcpu_info *)page)->rip > KERNEL_BASE + CODE,
	      "its registers are still there");
	CHECK_EQ(hc_control(PAUSE, d, page), -LODGE_EBUSY);
	CHECK_EQ(start(d, KERNEL_BASE + CODE, ROOT), -LODGE_EBUSY);
	CHECK_EQ(hc_control(DESTROY, d, page, 1), -LODGE_EBUSY);
	map(d, MAIL);
	n = ((struct mail *)WINDOW)->count;
	destroy(d);
	CHECK_EQ(((struct mail *)WINDOW)->count, n);
	unmap();
}

static void test_crash(void)
{
	u32 d = run_child("third");

	wait_count(d, 0);
	order(d, CRASH);
	wait_state(d, LODGE_DOMAIN_ENDED);
	CHECK(info->reason == LODGE_SHUTDOWN_CRASH && info->crash_reason[0],
	      "crashed, for no reason");
	destroy(d);
}

/* Ended at any moment, mapped or not; nothing stays behind. */
static void test_rounds(u64 rounds)
{
	u64 i, before = 0, end;
	s64 d;

	for (i = 0; i < rounds; i++) {
		if (i == 2) /* after the first ones all tables are there */
			before = settled_frames();
		d = i % 4 ? run_child("round") : create("round", 1 + i % 64, 9);
		if (d <= 0)
			test_error("round %lu: %ld", i, (long)d);
		if (i % 4 == 2)
			wait_count(d, 0);
		if (i % 4 == 3) {
			hc_control(PAUSE, d, page);
			map(d, CODE);
		}
		destroy(d);
		if (i % 4 == 3)
			unmap();
	}
	end = now() + 5000000000UL;
	while (free_frames() < before && now() < end)
		hc(LODGE_HC_YIELD);
	CHECK_EQ(free_frames(), before);
}

void test_main(void)
{
	if (!(start_info->flags & LODGE_START_CONTROL)) {
		test_others();
		return;
	}
	bind_virq(LODGE_VIRQ_DOMAIN, 0, on_domain);
	bind_virq(LODGE_VIRQ_OUTPUT, 0, on_output);
	bind_virq(LODGE_VIRQ_CONTROL, 0, on_control);
	irq_on();
	test_bad();
	test_ports();
	test_building();
	test_destroy_ending();
	test_running();
	test_crash();
	test_rounds(arg_u64("rounds", 60));
	CHECK(domain_events > 10 && output_events >= 2,
	      "%lu events of domains, %lu of output", domain_events,
	      output_events);
}
