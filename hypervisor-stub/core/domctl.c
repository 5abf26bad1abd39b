// SPDX-License-Identifier: GPL-2.0
/*
 * Domain control: LODGE_HC_CONTROL, by which the control domain makes, watches
 * and ends the others. include/lodge/control.h says what each operation does.
 *
 * One operation is carried out at a time (control_lock), so those that look
 * first and change then need no more than that, and what they copy from and to
 * the caller passes through one buffer. No other domain ever takes that lock,
 * so whoever holds it may wait for them, in a pause or shootdown. Each
 * operation is short: what takes long is done in pieces.
 *
 * The domain that an operation is about was found alive, or ended, after this
 * processor came to the hypervisor, and so stays until it leaves (domain.c).
 */
#include <lodge/control.h>
#include "../x86/cpufeat.h"
#include "../x86/pcpu.h"
#include "../x86/platform.h"
#include "domain.h"
#include "frame.h"
#include "string.h"
#include "time.h"

#define MAPS_AT_ONCE 512

/* One call, as it goes from handler to handler. */
struct control {
	struct vcpu *v; /* the caller */
	struct domain *d; /* that it is about; NULL if it names none */
	u64 domid; /* as given */
	gpa_t gpa;
	u64 arg[2];
};

static struct spinlock control_lock = SPINLOCK_INIT(LOCK_CONTROL);
static bool busy; /* somebody has the lock: physdev_pause() may stop him */

/* Buffers of the caller, and what UNMAP has still to give back. control_lock */
static union {
	struct lodge_control_create create;
	struct lodge_control_start start;
	struct lodge_domain_info domain;
	struct lodge_vcpu_info vcpu;
	struct lodge_machine_info machine;
	struct lodge_counters counters;
	struct lodge_ram ram;
	char name[LODGE_NAME_SIZE];
	u64 address[MAPS_AT_ONCE];
	struct {
		struct lodge_console_read head;
		u8 data[PAGE_SIZE - sizeof(struct lodge_console_read)];
	} output;
	u8 input[PAGE_SIZE];
} buf;

static s64 take(struct control *c, size_t size)
{
	if (c->gpa & 7 || (c->gpa & ~PAGE_MASK) + size > PAGE_SIZE)
		return -LODGE_EFAULT;
	return copy_from_guest(c->v->domain, &buf, c->gpa, size);
}

static s64 give(struct control *c, size_t size)
{
	if (c->gpa & 7 || (c->gpa & ~PAGE_MASK) + size > PAGE_SIZE)
		return -LODGE_EFAULT;
	return copy_to_guest(c->v->domain, c->gpa, &buf, size);
}

/* --- names --- */

/* 0 if a domain may be given the name in the buffer. */
static s64 check_name(void)
{
	struct domain *d;
	s64 err = 0;

	if (strnlen(buf.name, LODGE_NAME_SIZE) == LODGE_NAME_SIZE ||
	    !name_is_valid(buf.name))
		return -LODGE_EINVAL;
	spin_lock(&domains_lock);
	list_for_each(d, &domain_list, link)
		if (!strcmp(d->name, buf.name))
			err = -LODGE_EEXIST;
	spin_unlock(&domains_lock);
	return err;
}

/* --- life --- */

static bool vcpus_are_good(u64 vcpus, u32 count)
{
	return vcpus & 1 && vcpus <= BIT(count - 1) * 2 - 1;
}

static s64 control_create(struct control *c)
{
	const struct lodge_control_create *in = &buf.create;
	struct domain *d;
	s64 err = take(c, sizeof(*in));

	err = err ?: check_name();
	if (err)
		return err;
	if (!in->vcpus || in->vcpus > LODGE_MAX_VCPUS || !in->max_frames ||
	    in->target_frames > in->max_frames || !in->target_frames ||
	    !vcpus_are_good(in->vcpus_online, in->vcpus))
		return -LODGE_EINVAL;
	d = domain_create(in->name, in->vcpus, in->max_frames, true);
	if (!d)
		return -LODGE_ENOMEM;
	request_send(d, 0, in->target_frames, in->vcpus_online);
	return d->id;
}

static s64 control_populate_ram(struct control *c)
{
	if (!c->arg[1] || c->arg[1] >= P2M_LIMIT >> PAGE_SHIFT)
		return -LODGE_EINVAL;
	return memory_populate(c->d, c->arg[0], c->arg[1]);
}

static s64 control_start(struct control *c)
{
	s64 err = take(c, sizeof(buf.start));

	if (err)
		return err;
	if (!is_kernel_va(buf.start.rip))
		return -LODGE_EINVAL;
	err = vcpu_set_start(c->d->vcpu[0], buf.start.rip, buf.start.root);
	if (err)
		return err;
	c->d->vcpu[0]->regs->rsi = buf.start.info;
	domain_start(c->d);
	return 0;
}

static s64 control_pause(struct control *c)
{
	sched_domain_pause(c->d);
	return 0;
}

static s64 control_unpause(struct control *c)
{
	sched_domain_unpause(c->d);
	return 0;
}

static s64 control_destroy(struct control *c)
{
	if (c->arg[0] == 1 && READ_ONCE(c->d->state) != DOMAIN_BUILDING)
		return -LODGE_EBUSY;
	return domain_destroy(c->d);
}

/* --- memory of others --- */

static s64 take_addresses(struct control *c)
{
	u64 n = c->arg[0];

	if (!n || n > MAPS_AT_ONCE)
		return -LODGE_EINVAL;
	return take(c, n * sizeof(u64));
}

static s64 control_map(struct control *c)
{
	s64 err = take_addresses(c);
	u64 i;

	for (i = 0; !err && i < c->arg[0]; i++) {
		mpa_t mpa = p2m_pin(&c->d->p2m, buf.address[i]);

		if (mpa == INVALID_MPA) {
			err = buf.address[i] & ~PAGE_MASK ? -LODGE_EINVAL :
							    -LODGE_EFAULT;
			break;
		}
		err = p2m_share(&c->v->domain->p2m, mpa);
		if (err) {
			frame_unref(mpa);
			break;
		}
		buf.address[i] = mpa;
	}
	if (!i)
		return err;
	give(c, i * sizeof(u64)); /* it was there a moment ago */
	return i;
}

static s64 control_unmap(struct control *c)
{
	s64 err = take_addresses(c);
	bool stale = false;
	u64 i, n;

	for (n = 0; !err && n < c->arg[0]; n += !err)
		err = p2m_unshare(&c->v->domain->p2m, buf.address[n], &stale);
	if (!n)
		return err;
	if (stale)
		shadow_flush_all(c->v);
	for (i = 0; i < n; i++)
		frame_unref(buf.address[i]);
	return n;
}

static s64 control_ram(struct control *c)
{
	struct lodge_ram *r = &buf.ram;
	s64 err;

	r->gpa = c->arg[0] & PAGE_MASK;
	r->frames = p2m_next_ram(&c->d->p2m, &r->gpa);
	if (!r->frames && r->gpa >= P2M_LIMIT)
		return -LODGE_ENOENT;
	err = give(c, sizeof(*r));
	return err ?: r->frames ? 0 : -LODGE_EAGAIN;
}

/* --- information --- */

/* Lock: domains_lock, so that all of d is there. */
static void describe(struct domain *d, struct lodge_domain_info *o)
{
	const u32 state = READ_ONCE(d->state); /* numbered as in the ABI */
	struct lodge_shared *s;
	struct sched_info sched;
	u32 i;

	*o = (struct lodge_domain_info){
		.domid = d->id,
		.state = state == DOMAIN_DEAD ? LODGE_DOMAIN_ENDING : state,
		.flags =
			(READ_ONCE(d->sched.paused) ? LODGE_DOMAIN_PAUSED : 0) |
			(d->privileged ? LODGE_DOMAIN_CONTROL : 0),
		.reason = READ_ONCE(d->shutdown_reason),
		.vcpu_count = d->vcpu_count,
		.weight = READ_ONCE(d->sched.weight),
		.cap = READ_ONCE(d->sched.cap),
		.frames = READ_ONCE(d->mem_frames),
		.max_frames = READ_ONCE(d->mem_max),
		.reported_frames = READ_ONCE(d->mem_reported),
		.overhead = domain_overhead(d),
		.created = d->created,
		.output = console_kept_end(d),
		.ports = READ_ONCE(d->port_count),
		.maps = READ_ONCE(d->grant_maps.count),
	};
	for (i = 0; i < d->vcpu_count; i++) {
		sched_info(d->vcpu[i], &sched);
		o->cpu_time += sched.ran;
		o->vcpu_up += sched.state != VCPU_OFFLINE;
	}
	str_copy(o->name, d->name, sizeof(o->name));
	str_copy(o->crash_reason, d->crash_reason, sizeof(o->crash_reason));
	spin_lock(&d->ports_lock);
	s = d->shared;
	if (s)
		o->request = s->request;
	o->request.bits = 0;
	o->request.mem_target = d->wanted.mem_target;
	o->request.vcpus = d->wanted.vcpus;
	o->request.devices = d->wanted.devices;
	spin_unlock(&d->ports_lock);
}

static s64 control_info(struct control *c)
{
	struct domain *d, *found = NULL;

	spin_lock(&domains_lock);
	list_for_each(d, &domain_list, link)
		if (d->id >= c->domid && (!found || d->id < found->id))
			found = d;
	if (found)
		describe(found, &buf.domain);
	spin_unlock(&domains_lock);
	return found ? give(c, sizeof(buf.domain)) : -LODGE_ENOENT;
}

_Static_assert(offsetof(struct lodge_vcpu_info, ss) + sizeof(u64) -
			       offsetof(struct lodge_vcpu_info, r15) ==
		       sizeof(struct regs),
	       "the same in both");

static s64 control_vcpu(struct control *c)
{
	struct lodge_vcpu_info *o = &buf.vcpu;
	struct sched_info sched;
	struct vcpu *v;

	if (c->arg[0] >= c->d->vcpu_count)
		return -LODGE_ENOENT;
	v = c->d->vcpu[c->arg[0]];
	sched_info(v, &sched);
	*o = (struct lodge_vcpu_info){
		.state = sched.state, /* the numbers are the same */
		.cpu = sched.cpu,
		.mask = sched.mask,
		.ran = sched.ran,
		.stolen = sched.stolen,
		.root = shadow_root_gpa(v),
		.cr2 = READ_ONCE(v->page->cr2),
		.ds = v->arch.ds,
		.es = v->arch.es,
		.fs = v->arch.fs,
		.gs = v->arch.gs,
		.fs_base = v->arch.fs_base,
		.gs_base = v->arch.gs_base,
		.kernel_gs_base = READ_ONCE(v->page->kernel_gs),
	};
	memcpy(&o->r15, v->regs, sizeof(*v->regs));
	return give(c, sizeof(*o));
}

static s64 control_counters(struct control *c)
{
	domain_counters(c->d, &buf.counters);
	return give(c, sizeof(buf.counters));
}

static s64 control_machine(struct control *c)
{
	buf.machine = (struct lodge_machine_info){
		.version = LODGE_ABI_VERSION,
		.features = LODGE_FEATURES,
		.cpus = pcpu_count,
		.frames = frame_total_count(),
		.free_frames = frame_free_count(),
		.spare_frames = frame_spare_count(),
		.uptime = time_now(),
		.log = console_kept_end(NULL),
		.tsc_khz = time_tsc_khz(),
		.debug = DEBUG_BUILD,
	};
	return give(c, sizeof(buf.machine));
}

static s64 control_debug_key(struct control *c)
{
	debugkey_handle(c->arg[0]);
	return 0;
}

/* --- settings --- */

static s64 control_request(struct control *c)
{
	if (c->arg[0] & ~(u64)(LODGE_REQUEST_POWEROFF | LODGE_REQUEST_REBOOT))
		return -LODGE_EINVAL;
	request_send(c->d, c->arg[0], 0, 0);
	return 0;
}

static s64 control_sched(struct control *c)
{
	if (c->arg[0] > SCHED_WEIGHT_MAX || c->arg[1] > SCHED_CAP_MAX)
		return -LODGE_EINVAL;
	return sched_domain_set(c->d, c->arg[0], c->arg[1]);
}

static s64 control_pin(struct control *c)
{
	if (c->arg[0] >= c->d->vcpu_count)
		return -LODGE_ENOENT;
	return sched_vcpu_pin(c->d->vcpu[c->arg[0]], c->arg[1]);
}

static s64 control_rename(struct control *c)
{
	s64 err = take(c, LODGE_NAME_SIZE);

	err = err ?: check_name();
	if (err)
		return err;
	spin_lock(&domains_lock);
	str_copy(c->d->name, buf.name, sizeof(c->d->name));
	spin_unlock(&domains_lock);
	domain_tell_control(LODGE_VIRQ_DOMAIN);
	return 0;
}

static s64 control_memory_set(struct control *c)
{
	if (!c->arg[0] || c->arg[0] > c->arg[1])
		return -LODGE_EINVAL;
	if (!memory_set_max(c->d, c->arg[1]))
		return -LODGE_ENOMEM;
	request_send(c->d, 0, c->arg[0], 0);
	return 0;
}

static s64 control_vcpus(struct control *c)
{
	if (!vcpus_are_good(c->arg[0], c->d->vcpu_count))
		return -LODGE_EINVAL;
	request_send(c->d, 0, 0, c->arg[0]);
	return 0;
}

static s64 control_devices(struct control *c)
{
	const u64 ref = c->arg[0];

	if (ref >= LODGE_GRANT_REFS && ref != LODGE_NO_DEVICES)
		return -LODGE_EINVAL;
	request_send_devices(c->d, ref == LODGE_NO_DEVICES ?
					   0 :
					   (u64)c->v->domain->id << 32 | ref);
	return 0;
}

/* --- consoles --- */

static s64 control_console_read(struct control *c)
{
	u64 n = c->arg[0], position;
	s64 err = take(c, sizeof(buf.output.head));

	if (n > sizeof(buf.output.data))
		return -LODGE_EINVAL;
	if (err)
		return err;
	position = buf.output.head.position;
	n = console_kept_read(c->d, &position, buf.output.data, n);
	buf.output.head.position = position;
	return give(c, sizeof(buf.output.head) + n) ?: (s64)n;
}

static s64 control_console_write(struct control *c)
{
	s64 err;

	if (c->arg[0] > PAGE_SIZE)
		return -LODGE_EINVAL;
	err = take(c, c->arg[0]);
	return err ?: (s64)console_domain_input(c->d, buf.input, c->arg[0]);
}

/* --- dispatch --- */

#define BUILDING BIT(DOMAIN_BUILDING)
#define RUNNING BIT(DOMAIN_RUNNING)
#define ALIVE (BUILDING | RUNNING)
#define ANY (ALIVE | BIT(DOMAIN_ENDED))

static const struct {
	s64 (*fn)(struct control *c);
	u8 states; /* in which a domain may be; 0: it is about none */
	bool own; /* the caller may name itself */
} operations[] = {
	[LODGE_CONTROL_CREATE] = { control_create, 0, false },
	[LODGE_CONTROL_POPULATE] = { control_populate_ram, BUILDING, false },
	[LODGE_CONTROL_MAP] = { control_map, ANY, false },
	[LODGE_CONTROL_UNMAP] = { control_unmap, 0, false },
	[LODGE_CONTROL_START] = { control_start, BUILDING, false },
	[LODGE_CONTROL_PAUSE] = { control_pause, ALIVE, false },
	[LODGE_CONTROL_UNPAUSE] = { control_unpause, ALIVE, false },
	[LODGE_CONTROL_DESTROY] = { control_destroy, ANY, false },
	[LODGE_CONTROL_REQUEST] = { control_request, ALIVE, true },
	[LODGE_CONTROL_INFO] = { control_info, 0, true },
	[LODGE_CONTROL_VCPU] = { control_vcpu, ANY, true },
	[LODGE_CONTROL_SCHED] = { control_sched, ALIVE, true },
	[LODGE_CONTROL_PIN] = { control_pin, ALIVE, true },
	[LODGE_CONTROL_RENAME] = { control_rename, ANY, true },
	[LODGE_CONTROL_MEMORY] = { control_memory_set, ALIVE, true },
	[LODGE_CONTROL_VCPUS] = { control_vcpus, ALIVE, true },
	[LODGE_CONTROL_RAM] = { control_ram, ANY, true },
	[LODGE_CONTROL_CONSOLE_READ] = { control_console_read, ANY, true },
	[LODGE_CONTROL_CONSOLE_WRITE] = { control_console_write, RUNNING,
					  false },
	[LODGE_CONTROL_COUNTERS] = { control_counters, ANY, true },
	[LODGE_CONTROL_DEBUG_KEY] = { control_debug_key, 0, true },
	[LODGE_CONTROL_MACHINE] = { control_machine, 0, true },
	[LODGE_CONTROL_DEVICES] = { control_devices, ALIVE, true },
};

/* Finds the domain, in a state where op can be done. */
static s64 find(struct control *c, u64 op)
{
	enum domain_state state;
	struct domain *d;
	s64 err = -LODGE_ENOENT;

	spin_lock(&domains_lock);
	list_for_each(d, &domain_list, link) {
		if (d->id != c->domid)
			continue;
		c->d = d;
		state = READ_ONCE(d->state);
		if (state == DOMAIN_DYING || state == DOMAIN_DEAD) {
			if (op == LODGE_CONTROL_DESTROY && c->arg[0] != 1)
				d->destroyed = true; /* it is not kept then */
			err = -LODGE_EAGAIN;
		} else if (d == c->v->domain && !operations[op].own)
			err = -LODGE_EPERM;
		else if (!(operations[op].states & BIT(state)) ||
			 (state == DOMAIN_BUILDING && !d->held))
			err = -LODGE_EBUSY; /* or the hypervisor builds it */
		else
			err = 0;
	}
	spin_unlock(&domains_lock);
	return err;
}

s64 do_control(struct vcpu *v, u64 op, u64 domid, gpa_t gpa, const u64 arg[2])
{
	struct control c = {
		.v = v, .domid = domid, .gpa = gpa, .arg = { arg[0], arg[1] }
	};
	s64 ret = 0;

	if (!v->domain->privileged)
		return -LODGE_EPERM;
	if (op >= ARRAY_SIZE(operations))
		return -LODGE_ENOSYS;
	while (__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))
		physdev_pause();
	spin_lock(&control_lock);
	if (operations[op].states &&
	    (domid || op != LODGE_CONTROL_CONSOLE_READ))
		ret = find(&c, op);
	ret = ret ?: operations[op].fn(&c);
	spin_unlock(&control_lock);
	__atomic_store_n(&busy, false, __ATOMIC_RELEASE);
	return ret;
}
