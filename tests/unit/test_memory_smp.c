// SPDX-License-Identifier: GPL-2.0
/*
 * Rule: frames are lost, given to two, or used too early by nobody, while
 * processors change, read, share and destroy the memory of domains all at the
 * same time. How: the frame allocator, the p2m and grace periods as they are,
 * with threads for processors, on a machine so small that it runs out of
 * memory. The first word of a frame names the life of the domain that has it:
 * so who looks at a frame knows whether it is still what it should be. Shadows
 * of the control domain are a table of what its p2m showed at some time.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <lodge/errno.h>

#include "../../hypervisor-stub/core/types.h"
/* On x86 these order as much as that; ThreadSanitizer must be told. */
#undef READ_ONCE
#undef WRITE_ONCE
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), v, __ATOMIC_RELEASE)
#define this_pcpu stack_pcpu /* not by the stack */
#include "../../hypervisor-stub/x86/pcpu.h"
#undef this_pcpu
static struct pcpu *this_pcpu(void);
#include "../../hypervisor-stub/core/domain.h"
#include "../../hypervisor-stub/core/frame.c"
#include "../../hypervisor-stub/core/p2m.c"
#include "../../hypervisor-stub/core/retire.c"

#define BASE 0x10000000UL
#define FRAMES 6144UL /* 24 MiB: less than all domains may have */
#define MAX_MFN ((BASE >> PAGE_SHIFT) + FRAMES)
#define CPUS 4
#define DOMAINS 3
#define SPAN 4096 /* pages of RAM that a domain may have */
#define FOREIGN SPAN /* first page that may be another's */
#define FOREIGN_SPAN 64
#define HELD 32 /* frames that a processor holds for longer */
#define SECONDS 3
#define PATIENCE 60 /* s more, until */
#define ENOUGH 10 /* of each operation have had an effect */

struct pcpu *pcpus[MAX_CPUS];
unsigned int pcpu_count = CPUS;
static __thread struct pcpu *own_pcpu;

static struct pcpu *this_pcpu(void)
{
	return own_pcpu;
}

/* Frames on their way back are counted for nobody here. */
struct domain *domain_find(u32 id)
{
	(void)id;
	return NULL;
}

/* Who destroys it has `life` for writing, all others for reading. */
static struct domain_model {
	pthread_rwlock_t life;
	struct p2m p2m;
	u64 tag;
} domains[DOMAINS];

static struct domain control; /* maps frames of others one to one */
static u64 tags; /* atomic */

#define SHADOWS 64

/* What vCPUs of the control domain reach. */
static struct {
	pthread_mutex_t lock;
	mpa_t shown[SHADOWS]; /* not long ago */
	mpa_t leaf[SHADOWS]; /* 0: none */
	u64 tag[SHADOWS];
} shadow = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct domain *domain_control(void)
{
	return &control;
}

void shadow_purge(struct domain *d)
{
	struct p2m_entry e;
	unsigned int i;

	pthread_mutex_lock(&shadow.lock);
	for (i = 0; i < SHADOWS; i++)
		if (!p2m_get(&d->p2m, shadow.leaf[i], &e))
			shadow.leaf[i] = 0;
	pthread_mutex_unlock(&shadow.lock);
}

struct held {
	mpa_t mpa; /* 0: none */
	u64 tag;
	bool shared; /* by p2m_share() as well */
};

enum op {
	POPULATE,
	POPULATE_LARGE,
	UNMAP,
	UNMAP_LARGE,
	READ,
	HOLD,
	SHARE,
	TOUCH,
	DROP,
	MAP_FOREIGN,
	UNMAP_FOREIGN,
	REPORT,
	REPORT_LARGE,
	DEMAND,
	DESTROY,
	OPS
};

static u64 done[OPS]; /* that had an effect; atomic */
static double end;

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* On a busy host, or slowly, until each operation has had an effect. */
static bool goes_on(void)
{
	double now = seconds_now();
	unsigned int i = 0;

	if (now < end)
		return true;
	while (i < OPS && __atomic_load_n(&done[i], __ATOMIC_RELAXED) > ENOUGH)
		i++;
	return i < OPS && now < end + PATIENCE;
}

static u64 *tag_of(mpa_t mpa)
{
	return mpa_to_virt(mpa & PAGE_MASK);
}

static void check_tag(mpa_t mpa, u64 tag)
{
	u64 found = __atomic_load_n(tag_of(mpa), __ATOMIC_RELAXED);

	if (found != tag) {
		print_error("frame %lx is of %lx, not %lx\n", mpa, found, tag);
		abort();
	}
}

/* --- what processors do; true: it had an effect --- */

/* New memory, with its tag; flags: P2M_REPORTED or 0 */
static bool give(struct domain_model *d, gpa_t gpa, unsigned int order,
		 u64 flags)
{
	mpa_t mpa = frame_alloc(order, 1 + (d - domains));
	u64 i;

	if (!mpa)
		return false;
	for (i = 0; i < 1UL << order; i++)
		__atomic_store_n(tag_of(mpa + (i << PAGE_SHIFT)), d->tag,
				 __ATOMIC_RELAXED);
	if (!p2m_map(&d->p2m, gpa, mpa, order, flags))
		return true;
	frame_free(mpa, order);
	return false;
}

static bool take(struct domain_model *d, gpa_t gpa, unsigned int order,
		 u64 kind)
{
	mpa_t mpa;

	if (p2m_unmap(&d->p2m, gpa, order, kind, &mpa))
		return false;
	if (mpa == INVALID_MPA)
		return true;
	check_tag(mpa, d->tag);
	frame_retire(mpa, order);
	return true;
}

/* What was found stays what it was, if not where it was, until it leaves. */
static bool read_some(struct domain_model *d, u64 r)
{
	mpa_t found[64];
	u64 i, n = 0;

	for (i = 0; i < ARRAY_SIZE(found); i++) {
		found[n] = p2m_lookup(&d->p2m, (r + i) % SPAN << PAGE_SHIFT);
		n += found[n] != INVALID_MPA;
	}
	if (r % 8 == 0)
		sched_yield();
	for (i = 0; i < n; i++)
		check_tag(found[i], d->tag);
	return n;
}

static bool hold(struct domain_model *d, gpa_t gpa, bool share, struct held *h)
{
	mpa_t mpa;

	if (h->mpa)
		return false;
	mpa = p2m_pin(&d->p2m, gpa);
	if (mpa == INVALID_MPA)
		return false;
	check_tag(mpa, d->tag);
	if (share && p2m_share(&control.p2m, mpa)) {
		frame_unref(mpa);
		return false;
	}
	if (share)
		WRITE_ONCE(shadow.shown[(mpa >> PAGE_SHIFT) % SHADOWS], mpa);
	*h = (struct held){ mpa, d->tag, share };
	return true;
}

/* It is what it was, even if the domain is no more. */
static bool drop(struct held *h)
{
	bool stale = false;

	if (!h->mpa)
		return false;
	check_tag(h->mpa, h->tag);
	if (h->shared && p2m_unshare(&control.p2m, h->mpa, &stale))
		abort();
	if (stale)
		shadow_purge(&control);
	frame_unref(h->mpa);
	h->mpa = 0;
	return true;
}

/* What a vCPU of the control domain reaches belongs to whom it belonged. */
static bool touch(u64 r)
{
	unsigned int i = r % SHADOWS;
	mpa_t mpa = READ_ONCE(shadow.shown[i]);
	struct p2m_entry e;
	bool found;

	pthread_mutex_lock(&shadow.lock);
	found = shadow.leaf[i];
	if (found) {
		check_tag(shadow.leaf[i], shadow.tag[i]);
	} else if (mpa && p2m_get(&control.p2m, mpa, &e)) {
		shadow.leaf[i] = mpa;
		shadow.tag[i] = __atomic_load_n(tag_of(mpa), __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&shadow.lock);
	return found;
}

static bool map_foreign(struct domain_model *d, gpa_t gpa, u64 r)
{
	struct domain_model *to = &domains[(r >> 8) % DOMAINS];
	gpa_t where = (FOREIGN + r % FOREIGN_SPAN) << PAGE_SHIFT;
	mpa_t mpa;
	bool good;

	if (to == d || pthread_rwlock_tryrdlock(&to->life))
		return false;
	mpa = p2m_pin(&d->p2m, gpa);
	good = mpa != INVALID_MPA && to->p2m.root &&
	       !p2m_map(&to->p2m, where, mpa, 0, P2M_FOREIGN);
	if (mpa != INVALID_MPA && !good)
		frame_unref(mpa);
	pthread_rwlock_unlock(&to->life);
	return good;
}

static bool unmap_foreign(struct domain_model *d, u64 r)
{
	mpa_t mpa;

	if (p2m_unmap(&d->p2m, (FOREIGN + r % FOREIGN_SPAN) << PAGE_SHIFT, 0,
		      P2M_FOREIGN, &mpa))
		return false;
	frame_unref(mpa);
	return true;
}

static bool demand(struct domain_model *d, gpa_t gpa)
{
	u64 size = p2m_reported(&d->p2m, gpa);

	if (!size)
		return false;
	return (size > PAGE_SIZE &&
		give(d, gpa & -size, LARGE_ORDER, P2M_REPORTED)) ||
	       give(d, gpa, 0, P2M_REPORTED);
}

static void free_memory(gpa_t gpa, const struct p2m_entry *e)
{
	if (e->flags & P2M_FOREIGN)
		frame_unref(e->mpa);
	else
		frame_retire(e->mpa, e->order);
}

static void end_domain(struct domain_model *d)
{
	p2m_for_each(&d->p2m, free_memory);
	p2m_destroy(&d->p2m);
}

/* Its next life begins at once, or when there is memory. */
static bool destroy(struct domain_model *d)
{
	if (pthread_rwlock_trywrlock(&d->life))
		return false;
	if (d->p2m.root)
		end_domain(d);
	d->tag = __atomic_add_fetch(&tags, 1, __ATOMIC_RELAXED) << 32;
	p2m_init(&d->p2m);
	pthread_rwlock_unlock(&d->life);
	return true;
}

static bool do_op(struct domain_model *d, enum op op, u64 r, struct held *h)
{
	gpa_t gpa = (r >> 16) % SPAN << PAGE_SHIFT;
	gpa_t large = gpa & ~(LARGE_SIZE - 1);

	switch (op) {
	case POPULATE:
		return give(d, gpa, 0, 0);
	case POPULATE_LARGE:
		return give(d, large, LARGE_ORDER, 0);
	case UNMAP:
		return take(d, gpa, 0, 0);
	case UNMAP_LARGE:
		return take(d, large, LARGE_ORDER, 0);
	case READ:
		return read_some(d, r >> 16);
	case HOLD:
		return hold(d, gpa, false, h);
	case SHARE:
		return hold(d, gpa, true, h);
	case TOUCH:
		return touch(r >> 16);
	case DROP:
		return drop(h);
	case MAP_FOREIGN:
		return map_foreign(d, gpa, r);
	case UNMAP_FOREIGN:
		return unmap_foreign(d, r);
	case REPORT:
		return take(d, gpa, 0, P2M_REPORTED);
	case REPORT_LARGE:
		return take(d, large, LARGE_ORDER, P2M_REPORTED);
	default:
		return demand(d, gpa);
	}
}

static void step(u64 r, struct held *held)
{
	struct domain_model *d = &domains[r % DOMAINS];
	enum op op = (r >> 40) % OPS;
	bool good;

	if (op == DESTROY) {
		good = (r >> 50) % 16 == 0 && destroy(d);
	} else {
		if (pthread_rwlock_tryrdlock(&d->life))
			return;
		good = d->p2m.root && do_op(d, op, r, &held[(r >> 32) % HELD]);
		pthread_rwlock_unlock(&d->life);
	}
	if (good)
		__atomic_fetch_add(&done[op], 1, __ATOMIC_RELAXED);
}

/* --- processors --- */

/* As on the way from and to a guest. */
static void enter_host(void)
{
	__atomic_store_n(&own_pcpu->mode, PCPU_HOST, __ATOMIC_SEQ_CST);
}

static void leave_host(void)
{
	frame_collect();
	__atomic_store_n(&own_pcpu->mode, PCPU_GUEST, __ATOMIC_SEQ_CST);
}

static void *processor(void *arg)
{
	struct held held[HELD] = { 0 };
	u64 r, n;

	own_pcpu = arg;
	r = own_pcpu->id + 1;
	while (goes_on()) {
		enter_host();
		for (n = 0; n < 64; n++) {
			r ^= r << 13;
			r ^= r >> 7;
			r ^= r << 17;
			step(r * 0x2545f4914f6cdd1dUL, held);
			if (r % 8 == 0)
				break;
		}
		leave_host();
	}
	enter_host();
	for (n = 0; n < HELD; n++)
		drop(&held[n]);
	leave_host();
	return NULL;
}

static void not_there(gpa_t gpa, const struct p2m_entry *e)
{
	fail_msg("frame %lx is shown, and nobody's", e->mpa);
}

static void collect_all(void)
{
	unsigned int i;

	while (frame_retired())
		for (i = 0; i < CPUS; i++) {
			own_pcpu = pcpus[i];
			enter_host();
			leave_host();
		}
}

static void test_storm(void **state)
{
	void *table = calloc(1, frame_table_size(MAX_MFN));
	void *ram =
		mmap((void *)BASE, FRAMES << PAGE_SHIFT, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	pthread_t thread[CPUS];
	u64 i;

	assert_ptr_equal(ram, (void *)BASE);
	frame_init(table, MAX_MFN);
	frame_add(BASE, BASE + (FRAMES << PAGE_SHIFT));
	for (i = 0; i < CPUS; i++) {
		pcpus[i] = calloc(1, sizeof(*pcpus[i]));
		pcpus[i]->id = i;
		pcpus[i]->mode = PCPU_GUEST;
	}
	own_pcpu = pcpus[0];
	assert_int_equal(p2m_init(&control.p2m), 0);
	for (i = 0; i < DOMAINS; i++) {
		pthread_rwlock_init(&domains[i].life, NULL);
		assert_true(destroy(&domains[i]));
	}

	end = seconds_now() + SECONDS;
	for (i = 0; i < CPUS; i++)
		pthread_create(&thread[i], NULL, processor, pcpus[i]);
	for (i = 0; i < CPUS; i++)
		pthread_join(thread[i], NULL);

	for (i = 0; i < DOMAINS; i++)
		if (domains[i].p2m.root)
			end_domain(&domains[i]);
	collect_all();
	for (i = 0; i < SHADOWS; i++)
		assert_false(shadow.leaf[i]);
	p2m_for_each(&control.p2m, not_there);
	p2m_destroy(&control.p2m);
	collect_all();
	assert_int_equal(frame_free_count(), FRAMES);
	for (i = 0; i < OPS; i++) {
		print_message("operation %lu: %lu\n", i, done[i]);
		assert_true(done[i] > ENOUGH);
	}
	/* All of it has merged. */
	for (i = 0; i < FRAMES >> LARGE_ORDER; i++)
		assert_int_not_equal(frame_alloc(LARGE_ORDER, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_storm) };

	return RUN(tests);
}
