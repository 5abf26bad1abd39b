// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/lodge: event channels and watches, which read() and poll() tell of.
 *
 * An interrupt makes something pending and disables itself. read() takes it
 * from the list and enables the interrupt: so whoever sends without end, a
 * guest or a console, costs one interrupt for each read and no more. Nothing
 * is lost, for an event that comes meanwhile stays pending in the shared page.
 *
 * A port belongs to one file and has an interrupt of its own; it is disabled
 * while the port is in the list. What is watched has one VIRQ for all files.
 * It stays disabled until one of the files reads; until then it is pending in
 * all of them, new ones too, for so a watch begins.
 *
 * Locks: a virq's for those who watch it, then the file's for its ports and
 * what is pending; interrupts are off under both. virq_mutex for binding.
 */
#include <linux/bitops.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dev.h"

#define READ_WORDS 32 /* taken at a time */
#define RELEASE_PORTS 64 /* likewise */

struct dev_port {
	struct dev_event event; /* its word is the port */
	struct list_head link; /* in dev_file.ports */
	struct dev_file *file;
	unsigned int irq;
	bool closed;
};

static struct dev_virq {
	const char *name;
	unsigned int virq;
	unsigned int irq; /* 0: not bound yet; never unbound */
	unsigned long disabled; /* bit 0 */
	spinlock_t lock;
	struct list_head watches;
} virqs[WATCH_COUNT] = {
	{
		.name = "lodge-domain",
		.virq = LODGE_VIRQ_DOMAIN,
		.lock = __SPIN_LOCK_UNLOCKED(virqs[0].lock),
		.watches = LIST_HEAD_INIT(virqs[0].watches),
	}, {
		.name = "lodge-output",
		.virq = LODGE_VIRQ_OUTPUT,
		.lock = __SPIN_LOCK_UNLOCKED(virqs[1].lock),
		.watches = LIST_HEAD_INIT(virqs[1].watches),
	},
};

static const u32 watch_words[WATCH_COUNT] = { LODGE_DEV_DOMAIN,
					      LODGE_DEV_OUTPUT };
static DEFINE_MUTEX(virq_mutex);

/* --- what is pending --- */

static void make_pending(struct dev_file *f, struct dev_event *e)
{
	lockdep_assert_held(&f->lock);
	if (list_empty(&e->pending))
		list_add_tail(&e->pending, &f->pending);
	wake_up_interruptible(&f->wait);
}

static struct dev_port *find_port(struct dev_file *f, unsigned long port)
{
	struct dev_port *p;

	lockdep_assert_held(&f->lock);
	list_for_each_entry(p, &f->ports, link)
		if (p->event.word == port)
			return p;
	return NULL;
}

static_assert(LODGE_DEV_OUTPUT == LODGE_DEV_DOMAIN + 1);

/* The number of a watch; WATCH_COUNT or more if the word is a port's. */
static unsigned int watch_number(u32 word)
{
	return word - watch_words[0];
}

/* An event was taken from the list: others may come. */
static void enable(struct dev_event *e)
{
	unsigned int i = watch_number(e->word);

	if (i >= WATCH_COUNT)
		enable_irq(container_of(e, struct dev_port, event)->irq);
	else if (test_and_clear_bit(0, &virqs[i].disabled))
		enable_irq(virqs[i].irq);
}

static size_t take(struct dev_file *f, u32 *words, size_t most)
{
	struct dev_event *e;
	size_t n = 0;

	spin_lock_irq(&f->lock);
	while (n < most && !list_empty(&f->pending)) {
		e = list_first_entry(&f->pending, struct dev_event, pending);
		list_del_init(&e->pending);
		words[n++] = e->word;
		enable(e);
	}
	spin_unlock_irq(&f->lock);
	return n;
}

/* Words that were taken and have not arrived. */
static void put_back(struct dev_file *f, const u32 *words, size_t count)
{
	struct dev_port *p;
	unsigned int i;

	spin_lock_irq(&f->lock);
	while (count--) {
		i = watch_number(words[count]);
		p = find_port(f, words[count]);
		if (i < WATCH_COUNT && !list_empty(&f->watch[i].link)) {
			make_pending(f, &f->watch[i].event);
		} else if (p && list_empty(&p->event.pending)) {
			disable_irq_nosync(p->irq);
			make_pending(f, &p->event);
		}
	}
	spin_unlock_irq(&f->lock);
}

/* --- ports --- */

static irqreturn_t port_interrupt(int irq, void *data)
{
	struct dev_port *p = data;
	struct dev_file *f = p->file;
	unsigned long flags;

	spin_lock_irqsave(&f->lock, flags);
	if (!p->closed && list_empty(&p->event.pending)) {
		disable_irq_nosync(irq);
		make_pending(f, &p->event);
	}
	spin_unlock_irqrestore(&f->lock, flags);
	return IRQ_HANDLED;
}

/* The port, which nobody else knows of yet, becomes an interrupt. */
static struct dev_port *new_port(struct dev_file *f, unsigned int port)
{
	struct dev_port *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	int err = -ENOMEM;

	if (!p)
		goto err_close;
	p->file = f;
	p->event.word = port;
	INIT_LIST_HEAD(&p->event.pending);
	INIT_LIST_HEAD(&p->link);
	p->irq = lodge_port_to_irq(port);
	if (!p->irq)
		goto err_free;
	/* One that is disabled is masked, so that it does not interrupt. */
	irq_set_status_flags(p->irq, IRQ_DISABLE_UNLAZY);
	err = request_irq(p->irq, port_interrupt, 0, "lodge-dev", p);
	if (err)
		goto err_release;
	return p;

err_release:
	lodge_release_port(port);
	kfree(p);
	return ERR_PTR(err);
err_free:
	kfree(p);
err_close:
	hc_event(LODGE_EVENT_CLOSE, port, 0);
	return ERR_PTR(err);
}

/* It has no interrupt any more, and is gone but for its number. */
static unsigned int stop_port(struct dev_port *p)
{
	struct dev_file *f = p->file;
	unsigned int port = p->event.word;

	spin_lock_irq(&f->lock);
	p->closed = true;
	list_del_init(&p->link);
	list_del_init(&p->event.pending);
	spin_unlock_irq(&f->lock);

	free_irq(p->irq, p);
	kfree(p);
	return port;
}

static void end_port(struct dev_port *p)
{
	lodge_release_port(stop_port(p));
}

static void end_all_ports(struct dev_file *f)
{
	unsigned int ports[RELEASE_PORTS], n = 0;
	struct dev_port *p, *next;

	list_for_each_entry_safe(p, next, &f->ports, link) {
		ports[n++] = stop_port(p);
		if (n == RELEASE_PORTS) {
			lodge_release_ports(ports, n);
			n = 0;
			cond_resched();
		}
	}
	if (n)
		lodge_release_ports(ports, n);
}

static long add_port(struct dev_file *f, void __user *arg,
		     unsigned int operation)
{
	struct lodge_dev_channel __user *user = arg;
	struct lodge_dev_channel c;
	struct dev_port *p;
	long port;

	if (copy_from_user(&c, user, sizeof(c)))
		return -EFAULT;
	port = hc_event(operation, c.domid,
			operation == LODGE_EVENT_BIND_REMOTE ? c.port : 0);
	if (port < 0)
		return port;
	p = new_port(f, port);
	if (IS_ERR(p))
		return PTR_ERR(p);
	if (put_user((u32)port, &user->port)) {
		end_port(p);
		return -EFAULT;
	}
	/* Only from now on another thread can name it. */
	spin_lock_irq(&f->lock);
	list_add(&p->link, &f->ports);
	spin_unlock_irq(&f->lock);
	return 0;
}

long lodge_dev_alloc(struct dev_file *f, void __user *arg)
{
	return add_port(f, arg, LODGE_EVENT_ALLOC);
}

long lodge_dev_bind(struct dev_file *f, void __user *arg)
{
	return add_port(f, arg, LODGE_EVENT_BIND_REMOTE);
}

long lodge_dev_notify(struct dev_file *f, unsigned long port)
{
	long ret = -ENOENT;

	spin_lock_irq(&f->lock);
	if (find_port(f, port))
		ret = lodge_notify_port(port);
	spin_unlock_irq(&f->lock);
	return ret;
}

long lodge_dev_close(struct dev_file *f, unsigned long port)
{
	struct dev_port *p;

	/* Of two who close it one finds it. */
	spin_lock_irq(&f->lock);
	p = find_port(f, port);
	if (p)
		list_del_init(&p->link);
	spin_unlock_irq(&f->lock);
	if (!p)
		return -ENOENT;
	end_port(p);
	return 0;
}

/* --- watches --- */

static irqreturn_t virq_interrupt(int irq, void *data)
{
	struct dev_virq *v = data;
	struct dev_watch *w;
	unsigned long flags;

	spin_lock_irqsave(&v->lock, flags);
	/* In this order: who clears the bit enables, and may be faster. */
	disable_irq_nosync(irq);
	set_bit(0, &v->disabled);
	list_for_each_entry(w, &v->watches, link) {
		spin_lock(&w->file->lock);
		make_pending(w->file, &w->event);
		spin_unlock(&w->file->lock);
	}
	spin_unlock_irqrestore(&v->lock, flags);
	return IRQ_HANDLED;
}

static int bind_virq(struct dev_virq *v)
{
	int irq, err = 0;

	mutex_lock(&virq_mutex);
	if (v->irq)
		goto out;
	irq = lodge_bind_virq(v->virq);
	if (irq < 0) {
		err = irq;
		goto out;
	}
	irq_set_status_flags(irq, IRQ_DISABLE_UNLAZY);
	err = request_irq(irq, virq_interrupt, 0, v->name, v);
	if (err)
		lodge_release_port(irqd_to_hwirq(irq_get_irq_data(irq)));
	else
		v->irq = irq;
out:
	mutex_unlock(&virq_mutex);
	return err;
}

static void begin_watch(struct dev_virq *v, struct dev_watch *w)
{
	spin_lock_irq(&v->lock);
	if (list_empty(&w->link)) {
		list_add(&w->link, &v->watches);
		spin_lock(&w->file->lock);
		make_pending(w->file, &w->event);
		spin_unlock(&w->file->lock);
	}
	spin_unlock_irq(&v->lock);
}

static void end_watch(struct dev_virq *v, struct dev_watch *w)
{
	spin_lock_irq(&v->lock);
	list_del_init(&w->link);
	spin_lock(&w->file->lock);
	list_del_init(&w->event.pending);
	spin_unlock(&w->file->lock);
	spin_unlock_irq(&v->lock);
}

long lodge_dev_watch(struct dev_file *f, unsigned long what)
{
	unsigned int i;
	int err;

	if (what >> WATCH_COUNT)
		return -EINVAL;
	for (i = 0; i < WATCH_COUNT; i++) {
		err = what & BIT(i) ? bind_virq(&virqs[i]) : 0;
		if (err)
			return err;
	}
	for (i = 0; i < WATCH_COUNT; i++) {
		if (what & BIT(i))
			begin_watch(&virqs[i], &f->watch[i]);
		else
			end_watch(&virqs[i], &f->watch[i]);
	}
	return 0;
}

/* --- the file --- */

ssize_t lodge_dev_read(struct file *file, char __user *buf, size_t size,
		       loff_t *position)
{
	struct dev_file *f = file->private_data;
	u32 words[READ_WORDS];
	size_t n, done = 0;
	int err;

	if (size % sizeof(u32))
		return -EINVAL;
	/* With an end, though ports that are read may be pending again. */
	size = min_t(size_t, size / sizeof(u32), LODGE_EVENT_PORTS);
	while (done < size) {
		n = take(f, words, min_t(size_t, size - done, READ_WORDS));
		if (copy_to_user(buf + done * sizeof(u32), words,
				 n * sizeof(u32))) {
			put_back(f, words, n);
			return done ? done * sizeof(u32) : -EFAULT;
		}
		done += n;
		if (n == READ_WORDS)
			continue;
		if (done)
			break;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(
			f->wait, !list_empty_careful(&f->pending));
		if (err)
			return err;
	}
	return done * sizeof(u32);
}

__poll_t lodge_dev_poll(struct file *file, poll_table *table)
{
	struct dev_file *f = file->private_data;

	poll_wait(file, &f->wait, table);
	return list_empty_careful(&f->pending) ? 0 : EPOLLIN | EPOLLRDNORM;
}

void lodge_dev_init_events(struct dev_file *f)
{
	unsigned int i;

	spin_lock_init(&f->lock);
	INIT_LIST_HEAD(&f->ports);
	INIT_LIST_HEAD(&f->pending);
	init_waitqueue_head(&f->wait);
	for (i = 0; i < WATCH_COUNT; i++) {
		f->watch[i].file = f;
		f->watch[i].event.word = watch_words[i];
		INIT_LIST_HEAD(&f->watch[i].event.pending);
		INIT_LIST_HEAD(&f->watch[i].link);
	}
}

void lodge_dev_end_events(struct dev_file *f)
{
	unsigned int i;

	for (i = 0; i < WATCH_COUNT; i++)
		end_watch(&virqs[i], &f->watch[i]);
	end_all_ports(f);
}
