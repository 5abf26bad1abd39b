// SPDX-License-Identifier: GPL-2.0
/*
 * Events: from the upcall to a handler.
 *
 * Ports are of three sorts. Those of IPIs are dispatched right here and show
 * in the architecture's lines of /proc/interrupts. Per-vCPU virtual
 * interrupts have a port on each vCPU behind one per-CPU Linux interrupt. All
 * others are edge interrupts with the port as hardware number.
 *
 * A port is handled only on the vCPU that it is bound to, though the word that
 * it shares with others may be looked at on any: `bound` says which are ours.
 * A bit of it is changed with the port masked, or before the vCPU runs.
 *
 * binding_mutex protects making and closing ports. ports[] is written under
 * it and read without, by the upcall of the vCPU concerned, after `bound`; who
 * closes a port waits for all upcalls.
 */
#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/irqdomain.h>
#include <linux/mutex.h>
#include <linux/nmi.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>

#include <asm/hardirq.h>
#include <asm/idtentry.h>
#include <asm/irq.h>
#include <asm/irq_regs.h>
#include <asm/x86_init.h>

#include "lodge.h"

#define PERCPU_HWIRQ(virq) (LODGE_EVENT_PORTS + (virq))

enum port_sort {
	PORT_UNUSED,
	PORT_IPI,
	PORT_PERCPU,
	PORT_IRQ
};

struct port {
	enum port_sort sort : 8;
	u32 ipi : 8;
	u32 cpu : 16; /* that it is bound to */
	unsigned int irq;
};

static struct lodge_shared shared __aligned(PAGE_SIZE);
static struct port ports[LODGE_EVENT_PORTS];
static struct irq_domain *domain __ro_after_init;
static DEFINE_MUTEX(binding_mutex);

static DEFINE_PER_CPU(unsigned long, bound[LODGE_EVENT_WORDS]);
/* Port 0 is never used: 0 means none. */
static DEFINE_PER_CPU(unsigned int, ipi_port[LODGE_IPI_COUNT]);
static DEFINE_PER_CPU(unsigned int, virq_port[LODGE_VIRQ_COUNT]);

static unsigned long *pending_bits(void)
{
	return (unsigned long *)shared.pending;
}

static unsigned long *mask_bits(void)
{
	return (unsigned long *)shared.mask;
}

static void mask_port(unsigned int port)
{
	set_bit(port, mask_bits());
}

/*
 * The hypervisor sets the pending bit and then looks at the mask; we clear the
 * mask and then look at the pending bit. One of the two sees the other.
 */
static void unmask_port(unsigned int port)
{
	clear_bit(port, mask_bits());
	smp_mb__after_atomic(); /* as said above */
	if (test_bit(port, pending_bits()))
		hc_event(LODGE_EVENT_UNMASK, port, 0);
}

/* --- the upcall --- */

static void handle_ipi(enum lodge_ipi ipi)
{
	switch (ipi) {
	case LODGE_IPI_RESCHEDULE:
		inc_irq_stat(irq_resched_count);
		scheduler_ipi();
		break;
	case LODGE_IPI_CALL_FUNCTION:
		inc_irq_stat(irq_call_count);
		generic_smp_call_function_interrupt();
		break;
	case LODGE_IPI_CALL_FUNCTION_SINGLE:
		inc_irq_stat(irq_call_count);
		generic_smp_call_function_single_interrupt();
		break;
	case LODGE_IPI_IRQ_WORK:
		inc_irq_stat(apic_irq_work_irqs);
		irq_work_run();
		break;
	case LODGE_IPI_STOP:
		lodge_stop_this_vcpu();
		break;
	case LODGE_IPI_BACKTRACE:
		nmi_cpu_backtrace(get_irq_regs());
		break;
	default:
		break;
	}
}

static void handle_port(unsigned int port)
{
	const struct port info = READ_ONCE(ports[port]);

	switch (info.sort) {
	case PORT_IPI:
		clear_bit(port, pending_bits());
		handle_ipi(info.ipi);
		break;
	case PORT_PERCPU:
		clear_bit(port, pending_bits());
		generic_handle_irq(info.irq);
		break;
	case PORT_IRQ:
		generic_handle_irq(info.irq);
		break;
	default:
		mask_port(port);
		break;
	}
}

static void handle_word(unsigned int word)
{
	unsigned long bits;
	unsigned int bit;

	bits = READ_ONCE(shared.pending[word]) & ~READ_ONCE(shared.mask[word]) &
	       this_cpu_read(bound[word]);
	for_each_set_bit(bit, &bits, BITS_PER_LONG)
		handle_port(word * BITS_PER_LONG + bit);
}

DEFINE_IDTENTRY_SYSVEC(sysvec_lodge_callback)
{
	volatile struct lodge_vcpu_page *vcpu = vcpu_page();
	struct pt_regs *old_regs = set_irq_regs(regs);
	unsigned long selected;
	unsigned int word;

	inc_irq_stat(irq_hv_callback_count);
	do {
		/* The exchange also orders the store against it. */
		vcpu->pending = 0;
		selected = xchg(&vcpu->event_sel, 0);
		for_each_set_bit(word, &selected, LODGE_EVENT_WORDS)
			handle_word(word);
	} while (vcpu->pending);
	set_irq_regs(old_regs);
}

/* --- interrupt chips --- */

static void port_ack(struct irq_data *data)
{
	clear_bit(irqd_to_hwirq(data), pending_bits());
}

static void port_mask(struct irq_data *data)
{
	mask_port(irqd_to_hwirq(data));
}

static void port_unmask(struct irq_data *data)
{
	unmask_port(irqd_to_hwirq(data));
}

static int port_retrigger(struct irq_data *data)
{
	unsigned int port = irqd_to_hwirq(data);

	set_bit(port, pending_bits());
	return !hc_event(LODGE_EVENT_UNMASK, port, 0);
}

static int port_set_affinity(struct irq_data *data, const struct cpumask *mask,
			     bool force)
{
	unsigned int cpu = cpumask_first_and(mask, cpu_online_mask);
	unsigned int port = irqd_to_hwirq(data);
	bool masked;
	long ret;

	if (cpu >= nr_cpu_ids)
		return -EINVAL;

	masked = test_and_set_bit(port, mask_bits());
	ret = hc_event(LODGE_EVENT_BIND_VCPU, port, cpu);
	if (!ret) {
		clear_bit(port, per_cpu(bound, ports[port].cpu));
		ports[port].cpu = cpu;
		set_bit(port, per_cpu(bound, cpu));
		irq_data_update_effective_affinity(data, cpumask_of(cpu));
	}
	if (!masked)
		unmask_port(port);
	return ret;
}

struct irq_chip lodge_port_chip = {
	.name = "lodge-port",
	.irq_ack = port_ack,
	.irq_mask = port_mask,
	.irq_unmask = port_unmask,
	.irq_retrigger = port_retrigger,
	.irq_set_affinity = port_set_affinity,
};

static unsigned int this_cpu_port(struct irq_data *data)
{
	return this_cpu_read(virq_port[irqd_to_hwirq(data) - PERCPU_HWIRQ(0)]);
}

static void percpu_mask(struct irq_data *data)
{
	mask_port(this_cpu_port(data));
}

static void percpu_unmask(struct irq_data *data)
{
	unmask_port(this_cpu_port(data));
}

static struct irq_chip percpu_chip = {
	.name = "lodge-percpu",
	.irq_mask = percpu_mask,
	.irq_unmask = percpu_unmask,
};

static int map_irq(struct irq_domain *d, unsigned int irq, irq_hw_number_t hw)
{
	if (hw >= PERCPU_HWIRQ(0)) {
		irq_set_percpu_devid(irq);
		irq_set_chip_and_handler(irq, &percpu_chip,
					 handle_percpu_devid_irq);
	} else {
		irq_set_chip_and_handler(irq, &lodge_port_chip, handle_edge_irq);
		/* Else a new affinity waits for somebody who applies it. */
		irq_set_status_flags(irq, IRQ_MOVE_PCNTXT);
	}
	return 0;
}

static const struct irq_domain_ops domain_ops = {
	.map = map_irq,
};

/* --- binding --- */

static void use_port(unsigned int port, struct port info)
{
	WRITE_ONCE(ports[port], info);
	set_bit(port, per_cpu(bound, info.cpu));
}

/* To be closed after wait_for_upcalls(). */
static void unuse_port(unsigned int port)
{
	mask_port(port);
	clear_bit(port, per_cpu(bound, ports[port].cpu));
	WRITE_ONCE(ports[port], (struct port){ .sort = PORT_UNUSED });
}

/*
 * One may be on its way with what it has read of a port: it must not come to
 * an interrupt that is no more, nor mask a port that has another use.
 */
static void wait_for_upcalls(void)
{
	synchronize_rcu_expedited();
}

int lodge_bind_ipis(unsigned int cpu)
{
	unsigned int ipi;
	long port;

	guard(mutex)(&binding_mutex);
	if (per_cpu(ipi_port[LODGE_IPI_COUNT - 1], cpu)) {
		/* What came too late in its last life must not look pending */
		for (ipi = 0; ipi < LODGE_IPI_COUNT; ipi++)
			clear_bit(per_cpu(ipi_port[ipi], cpu), pending_bits());
		return 0;
	}

	for (ipi = 0; ipi < LODGE_IPI_COUNT; ipi++) {
		port = hc_event(LODGE_EVENT_BIND_IPI, cpu, 0);
		if (port < 0)
			return port;
		use_port(port, (struct port){
			.sort = PORT_IPI, .ipi = ipi, .cpu = cpu });
		per_cpu(ipi_port[ipi], cpu) = port;
		unmask_port(port);
	}
	return 0;
}

/*
 * An event that is still pending will be handled after what we did so far:
 * the handler clears the bit first.
 */
void lodge_send_ipi(unsigned int cpu, enum lodge_ipi ipi)
{
	unsigned int port = per_cpu(ipi_port[ipi], cpu);

	smp_mb(); /* what we did, before the test; as the handler's clear_bit */
	if (port && !test_bit(port, pending_bits()))
		hc_event(LODGE_EVENT_SEND, port, 0);
}

int lodge_percpu_virq_irq(unsigned int virq)
{
	unsigned int irq = irq_create_mapping(domain, PERCPU_HWIRQ(virq));

	return irq ?: -ENOMEM;
}

int lodge_bind_percpu_virq(unsigned int virq, unsigned int cpu)
{
	int irq = lodge_percpu_virq_irq(virq);
	long port;

	if (irq < 0 || per_cpu(virq_port[virq], cpu))
		return irq < 0 ? irq : 0;

	guard(mutex)(&binding_mutex);
	port = hc_event(LODGE_EVENT_BIND_VIRQ, virq, cpu);
	if (port < 0)
		return port;
	use_port(port, (struct port){
		.sort = PORT_PERCPU, .cpu = cpu, .irq = irq });
	per_cpu(virq_port[virq], cpu) = port;
	return 0;
}

unsigned int lodge_port_to_irq(unsigned int port)
{
	unsigned int irq;
	long status;

	guard(mutex)(&binding_mutex);
	if (port >= LODGE_EVENT_PORTS)
		return 0;
	if (ports[port].sort == PORT_IRQ)
		return ports[port].irq;
	status = hc_event(LODGE_EVENT_STATUS, port, 0);
	if (status <= 0 || ports[port].sort != PORT_UNUSED)
		return 0;
	irq = irq_create_mapping(domain, port);
	if (irq)
		use_port(port, (struct port){
			.sort = PORT_IRQ, .cpu = status >> 8, .irq = irq });
	return irq;
}
EXPORT_SYMBOL_GPL(lodge_port_to_irq);

const struct cpumask *lodge_place_irq(unsigned int irq, unsigned int nth)
{
	const struct cpumask *mask = cpu_online_mask;
	unsigned int cpu = cpumask_nth(nth % num_online_cpus(), mask);

	if (cpu < nr_cpu_ids)
		mask = cpumask_of(cpu);
	irq_set_affinity(irq, mask);
	return mask;
}
EXPORT_SYMBOL_GPL(lodge_place_irq);

void lodge_release_ports(const unsigned int *list, unsigned int count)
{
	unsigned int i;

	guard(mutex)(&binding_mutex);
	for (i = 0; i < count; i++)
		unuse_port(list[i]);
	wait_for_upcalls();
	for (i = 0; i < count; i++) {
		irq_dispose_mapping(irq_find_mapping(domain, list[i]));
		hc_event(LODGE_EVENT_CLOSE, list[i], 0);
	}
}

void lodge_release_port(unsigned int port)
{
	lodge_release_ports(&port, 1);
}
EXPORT_SYMBOL_GPL(lodge_release_port);

void lodge_attach_port(unsigned int port, unsigned int irq, unsigned int cpu)
{
	guard(mutex)(&binding_mutex);
	use_port(port, (struct port){
		.sort = PORT_IRQ, .cpu = cpu, .irq = irq });
}

void lodge_detach_port(unsigned int port)
{
	guard(mutex)(&binding_mutex);
	unuse_port(port);
	wait_for_upcalls();
	hc_event(LODGE_EVENT_CLOSE, port, 0);
}

int lodge_notify_port(unsigned int port)
{
	return hc_event(LODGE_EVENT_SEND, port, 0);
}
EXPORT_SYMBOL_GPL(lodge_notify_port);

long lodge_alloc_port(unsigned int domid)
{
	return hc_event(LODGE_EVENT_ALLOC, domid, 0);
}

long lodge_bind_port(unsigned int domid, unsigned int remote)
{
	return hc_event(LODGE_EVENT_BIND_REMOTE, domid, remote);
}

bool lodge_port_is_connected(unsigned int port)
{
	long status = hc_event(LODGE_EVENT_STATUS, port, 0);

	return status > 0 &&
	       LODGE_STATUS_KIND(status) == LODGE_PORT_INTERDOMAIN;
}

int lodge_bind_virq(unsigned int virq)
{
	long port = hc_event(LODGE_EVENT_BIND_VIRQ, virq, 0);
	unsigned int irq;

	if (port < 0)
		return port;
	irq = lodge_port_to_irq(port);
	if (!irq) {
		hc_event(LODGE_EVENT_CLOSE, port, 0);
		return -ENOMEM;
	}
	return irq;
}

struct lodge_request *lodge_request(void)
{
	return &shared.request;
}

void lodge_read_wall_base(struct timespec64 *ts)
{
	ts->tv_sec = shared.wall_sec;
	ts->tv_nsec = shared.wall_nsec;
}

/*
 * The vector must be taken before the rest get their default handlers, else
 * it would count as spurious.
 */
static void __init lodge_init_IRQ(void)
{
	lodge_set_double_fault_stack();
	sysvec_install(HYPERVISOR_CALLBACK_VECTOR, sysvec_lodge_callback);
	native_init_IRQ();

	domain = irq_domain_create_tree(NULL, &domain_ops, NULL);
	if (!domain)
		panic("Lodge: no memory for the event domain");
}

/* From init_platform: the wall clock is in the page as well. */
void __init lodge_init_events(void)
{
	if (hc_set_shared(__pa_symbol(&shared)))
		panic("Lodge: cannot register the shared page");
	x86_init.irqs.intr_init = lodge_init_IRQ;
}
