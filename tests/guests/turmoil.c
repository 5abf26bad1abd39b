// SPDX-License-Identifier: GPL-2.0-only
/*
 * Rule: frames go from one domain to the next by balloon, grants and death,
 * all at once on all processors, and none is lost, given to two, or shown
 * with what another wrote. How: three vCPUs of the control domain make, watch
 * and end children, each of its own few, while the children (turmoil.h)
 * release and populate RAM, and map, copy and pass on pages of one another.
 * A domain that is never started holds most of the machine's memory, so that
 * it runs out all the time. In the end the machine has as many free frames as
 * before.
 */
#include "lib/child.h"
#include "turmoil.h"

#define WORKERS 3
#define SLOTS 3 /* children of a worker */
#define CHILD_VCPUS 2
#define ROOM \
	(7 * (CHILD_FRAMES + 800)) /* frames for children, and what they need */
#define PATIENCE 30000000000UL /* ns */

enum slot_state {
	EMPTY,
	LIVE,
	ENDING, /* was told to end itself */
	GOING, /* is being destroyed */
};

struct slot {
	enum slot_state state;
	u32 domid;
	u64 until; /* it lives, or is waited for */
	bool paused;
	struct hand hand; /* that holds its mail, or nothing */
	struct mail *mail;
};

struct worker {
	struct hand hand;
	u64 seed;
	u64 grant_window; /* address of one page */
	struct slot slot[SLOTS];
};

static struct worker workers[WORKERS];
static volatile u32 live[WORKERS * SLOTS]; /* domids, or 0 */
static u64 end;
static struct mail total; /* what children have counted */
static volatile u64 started, discarded, looks, grants_seen;

static void *window(u64 n)
{
	return (void *)(KMAP_BASE + n * HAND_PAGES * PAGE_SIZE);
}

static volatile u32 *live_entry(struct worker *w, struct slot *s)
{
	return &live[(w - workers) * SLOTS + (s - w->slot)];
}

/* --- the end of a child --- */

static void add_counts(struct slot *s)
{
	u64 *to = (u64 *)total.count, i;

	for (i = 0; i < COUNTS; i++)
		__atomic_fetch_add(&to[i], s->mail->count[i], __ATOMIC_RELAXED);
}

/* A child has nothing to say unless it has found something. */
static void check_quiet(struct hand *h, u32 domid)
{
	struct lodge_domain_info *info = child_info(h, domid);
	s64 n;

	CHECK(info, "d%u is not there", domid);
	if (!info)
		return;
	CHECK(!info->crash_reason[0], "d%u crashed: %s", domid,
	      info->crash_reason);
	if (!info->output)
		return;
	h->page[0] = 0;
	n = hc_control(h, CONSOLE_READ, domid, 150);
	((char *)&h->page[1])[n > 0 ? n : 0] = 0;
	test_fail("d%u says: %s", domid, (char *)&h->page[1]);
}

static void let_go(struct slot *s)
{
	if (!s->hand.held)
		return;
	if (s->state != EMPTY && s->mail->magic) {
		CHECK_EQ(s->mail->magic, s->domid);
		add_counts(s);
	}
	child_let_go(&s->hand);
}

static void destroy(struct worker *w, struct slot *s)
{
	s64 err;

	do /* EAGAIN: it is about to end. */
		err = hc_control(&w->hand, DESTROY, s->domid);
	while (err == -LODGE_EAGAIN);
	CHECK_EQ(err, 0);
	s->state = GOING;
	s->until = now() + PATIENCE;
}

static void discard(struct worker *w, struct slot *s)
{
	let_go(s);
	CHECK_EQ(hc_control(&w->hand, DESTROY, s->domid, 1), 0);
	s->state = GOING;
	s->until = now() + PATIENCE;
	discarded++;
}

static void kill_child(struct worker *w, struct slot *s)
{
	u64 r = next_random(&w->seed);

	*live_entry(w, s) = 0;
	check_quiet(&w->hand, s->domid);
	if (r & 1) {
		if (r & 2) /* else its page outlives it */
			let_go(s);
		destroy(w, s);
		return;
	}
	if (s->paused)
		CHECK_EQ(hc_control(&w->hand, UNPAUSE, s->domid), 0);
	s->mail->order = 1 + (r >> 8) % 2; /* SHUTDOWN(POWEROFF or REBOOT) */
	s->state = ENDING;
	s->until = now() + PATIENCE;
}

static void see_end(struct worker *w, struct slot *s)
{
	struct lodge_domain_info *info = child_info(&w->hand, s->domid);

	if (now() > s->until)
		test_error("d%u does not %s", s->domid,
			   s->state == GOING ? "go" : "end itself");
	if (s->state == GOING && !info) {
		let_go(s);
		s->state = EMPTY;
	}
	if (s->state == ENDING && info && info->state == LODGE_DOMAIN_ENDED) {
		CHECK_EQ(info->reason, s->mail->order - 1);
		check_quiet(&w->hand, s->domid);
		destroy(w, s);
	}
}

/* --- its beginning --- */

/* As much as there is, in pieces; false: not all. */
static bool populate(struct worker *w, u32 domid, u64 at, u64 last)
{
	while (at < last) {
		u64 r = next_random(&w->seed), n = 1 + (r >> 8) % 900;
		s64 done;

		if (n > (last - at) / PAGE_SIZE || r % 4 == 0)
			n = (last - at) / PAGE_SIZE;
		done = hc_control(&w->hand, POPULATE, domid, at, n);
		if (done > 0)
			at += done * PAGE_SIZE;
		else if (done != -LODGE_EAGAIN)
			CHECK_EQ(done, -LODGE_ENOMEM);
		if (done == -LODGE_ENOMEM || r >> 32 % 64 == 0)
			return false;
		if (done < 0)
			hc(LODGE_HC_YIELD);
	}
	return true;
}

static void tell_peers(struct slot *s)
{
	u32 i;

	for (i = 0; i < array_size(live); i++)
		s->mail->peer[i] = live[i];
	s->mail->peer[i] = start_info->domid;
}

/* Everything but its start. */
static bool fill(struct worker *w, struct slot *s)
{
	/* The large piece first, so that it is one if there is any. */
	if (!populate(w, s->domid, LARGE_GPA, LARGE_GPA + SIZE_2M) ||
	    !populate(w, s->domid, 0, LARGE_GPA))
		return false;
	s->mail = child_hold(&s->hand, s->domid, CHILD_MAIL, 1);
	if (!s->mail)
		return false;
	CHECK(!s->mail->order && !s->mail->magic, "new memory is not empty");
	tell_peers(s);
	return child_load(&w->hand, s->domid, CHILD_FRAMES, CHILD_VCPUS,
			  "role=child");
}

static void build(struct worker *w, struct slot *s)
{
	char name[] = { 't', 'a' + (w - workers), 'a' + (s - w->slot), 0 };
	s64 domid = child_create(&w->hand, name, CHILD_VCPUS, CHILD_FRAMES);
	s64 err;

	if (domid < 0) {
		CHECK_EQ(domid, -LODGE_ENOMEM);
		return;
	}
	s->domid = domid;
	s->paused = false;
	if (!fill(w, s)) {
		discard(w, s);
		return;
	}
	err = child_start(&w->hand, s->domid);
	if (err) {
		CHECK_EQ(err, -LODGE_ENOMEM);
		discard(w, s);
		return;
	}
	started++;
	s->state = LIVE;
	s->until = now() + 200000000 + next_random(&w->seed) % 2000000000;
	*live_entry(w, s) = s->domid;
}

/* --- its life --- */

static void look(struct worker *w, struct slot *s)
{
	u64 r = next_random(&w->seed), n = 1 + r % 8, i;
	u64 *p = child_hold(&w->hand, s->domid,
			    SMALL_GPA + (r >> 8) % (512 - n) * PAGE_SIZE, n);

	if (!p)
		return;
	for (i = 0; i < n * 512; i += 64)
		CHECK(is_known(p[i]), "memory of d%u has %lx", s->domid, p[i]);
	child_let_go(&w->hand);
	looks++;
}

/* Maps one of those that it has granted just now, if any. */
static bool map_any(struct worker *w, struct slot *s, u64 first)
{
	struct lodge_grant_map *m = (void *)w->hand.page;
	u64 i;

	for (i = 0; i < SHARED; i++) {
		*m = (struct lodge_grant_map){ .domid = s->domid,
					       .ref = (first + i) % SHARED,
					       .flags = LODGE_GRANT_READ };
		CHECK_EQ(hc(LODGE_HC_GRANT, LODGE_GRANT_MAP, gpa(m), 1), 0);
		if (!m->status)
			return true;
		CHECK(may_fail(m->status), "map: %d", m->status);
	}
	return false;
}

static void use_grant(struct worker *w, struct slot *s)
{
	struct lodge_grant_map *m = (void *)w->hand.page;
	struct lodge_grant_unmap *u = (void *)w->hand.page;
	u64 r = next_random(&w->seed), *p = (u64 *)w->grant_window;
	u32 handle;

	if (!map_any(w, s, r))
		return;
	handle = m->handle;
	map_page(root_gpa, w->grant_window, m->gpa, PTE_KERNEL);
	CHECK(is_known(p[r >> 8 & 511]), "a grant of d%u shows %lx", s->domid,
	      p[r >> 8 & 511]);
	*pte_of(root_gpa, w->grant_window, 1, false) = 0;
	flush_kernel(w->grant_window, w->grant_window + PAGE_SIZE);
	u->handle = handle;
	CHECK_EQ(hc(LODGE_HC_GRANT, LODGE_GRANT_UNMAP, gpa(u), 1), 0);
	CHECK_EQ(u->status, 0);
	grants_seen++;
}

static void visit(struct worker *w, struct slot *s)
{
	s64 err;
	u64 r = next_random(&w->seed);

	if (now() > s->until) {
		kill_child(w, s);
		return;
	}
	tell_peers(s);
	if (s->paused) {
		CHECK_EQ(hc_control(&w->hand, UNPAUSE, s->domid), 0);
		s->paused = false;
	}
	switch (r % 16) {
	case 0:
		CHECK_EQ(hc_control(&w->hand, PAUSE, s->domid), 0);
		s->paused = true;
		break;
	case 1:
		r = CHILD_FRAMES - (r >> 8) % 600;
		err = hc_control(&w->hand, MEMORY, s->domid, r, r);
		CHECK(!err || err == -LODGE_ENOMEM, "MEMORY: %ld", err);
		break;
	case 2:
		look(w, s);
		break;
	case 3:
		use_grant(w, s);
		break;
	case 4:
		CHECK_EQ(hc_control(&w->hand, VCPU, s->domid, 1), 0);
		check_quiet(&w->hand, s->domid);
		break;
	default:
		hc(LODGE_HC_YIELD);
	}
}

static void step(struct worker *w, struct slot *s)
{
	if (s->state == EMPTY)
		build(w, s);
	else if (s->state == LIVE)
		visit(w, s);
	else
		see_end(w, s);
}

/* A host that has other things to do may need longer for some of each. */
static bool goes_on(void)
{
	bool seen = started > 10 && looks && grants_seen;

	return now() < end || (!seen && now() < end + PATIENCE);
}

static void work(struct cpu *cpu, void *arg)
{
	struct worker *w = arg;
	u64 n, left;

	for (n = 0; goes_on(); n++)
		step(w, &w->slot[n % SLOTS]);
	do {
		for (n = left = 0; n < SLOTS; n++) {
			struct slot *s = &w->slot[n];

			if (s->state == LIVE)
				kill_child(w, s);
			else if (s->state != EMPTY)
				see_end(w, s);
			left += s->state != EMPTY;
		}
		hc(LODGE_HC_YIELD);
	} while (left);
}

/* --- all of it --- */

static void init_workers(void)
{
	u64 i, n, at = 0;

	for (i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];

		w->seed = rdtsc() | 1;
		hand_init(&w->hand, (u64)window(at++));
		for (n = 0; n < SLOTS; n++)
			hand_init(&w->slot[n].hand, (u64)window(at++));
		w->grant_window = (u64)window(at++);
		pte_of(root_gpa, w->grant_window, 1, true);
	}
}

/* Takes what is more than children may have; never returned. */
static void take_rest(struct hand *h)
{
	u64 frames = child_free_frames(h) - ROOM, at = 0;
	s64 domid = child_create(h, "rest", 1, frames), n;

	if (domid < 0)
		test_error("no domain for the rest: %ld", domid);
	while (child_free_frames(h) > ROOM + 512) {
		n = hc_control(h, POPULATE, domid, at, 512);
		if (n <= 0)
			test_error("no memory for the rest: %ld", n);
		at += n * PAGE_SIZE;
	}
}

/* One child, so that what is made once is there. */
static void rehearse(struct worker *w)
{
	struct slot *s = &w->slot[0];

	while (s->state != LIVE)
		step(w, s);
	use_grant(w, s);
	look(w, s);
	kill_child(w, s);
	while (s->state != EMPTY)
		step(w, s);
}

static void run_control(void)
{
	struct hand *h = &workers[0].hand;
	u64 before, i;

	init_workers();
	take_rest(h);
	rehearse(&workers[0]);
	/* Its frames come back as processors come by. */
	for (end = now() + 500000000; now() < end;)
		hc(LODGE_HC_YIELD);
	before = child_free_frames(h);
	end = now() + arg_u64("seconds", 20) * 1000000000;
	for (i = 1; i < WORKERS; i++)
		cpu_start(i, work, &workers[i]);
	work(this_cpu(), &workers[0]);
	for (i = 1; i < WORKERS; i++)
		cpu_join(i);

	end = now() + PATIENCE;
	while (child_free_frames(h) != before && now() < end)
		hc(LODGE_HC_YIELD);
	CHECK_EQ(child_free_frames(h), before);
	CHECK(hc(LODGE_HC_DEBUG, LODGE_DEBUG_AUDIT) <= 0,
	      "the auditor found something");
	printf("%lu started, %lu discarded, %lu looks, %lu grants\n", started,
	       discarded, looks, grants_seen);
	for (i = 0; i < COUNTS; i++)
		printf("%s: %lu\n", count_names[i], total.count[i]);
	CHECK(started > 10 && looks && grants_seen,
	      "the control domain was idle");
	for (i = 0; i < COUNTS; i++)
		CHECK(total.count[i], "%s: none", count_names[i]);
}

void test_main(void)
{
	if (arg_is("role", "child"))
		run_child();
	child_init();
	run_control();
}
