// SPDX-License-Identifier: GPL-2.0
/*
 * The console: a boot console from the first line of C on, and hvc0, whose
 * input comes with an interrupt.
 *
 * Each hypercall takes what lies in one page, from and to the caller's own
 * buffer; there is no state and so no lock.
 */
#include <linux/console.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/mm.h>

#include "../../../drivers/tty/hvc/hvc_console.h"
#include "lodge.h"

#define HVC_COOKIE 0x4c6f6467 /* "Lodg" */
#define HVC_BUFFER 1024

/* Takes all of it, or what the hypervisor does not take is lost. */
static ssize_t console_put(const u8 *buf, size_t count)
{
	size_t done = 0;

	while (done < count) {
		const u8 *from = buf + done;
		size_t chunk = min(count - done,
				   PAGE_SIZE - offset_in_page(from));
		long ret = hc_console_write(lodge_pa(from), chunk);

		if (ret <= 0)
			break;
		done += ret;
	}
	return done;
}

static ssize_t hvc_put_chars(u32 vtermno, const u8 *buf, size_t count)
{
	return console_put(buf, count) ?: -EAGAIN;
}

static ssize_t hvc_get_chars(u32 vtermno, u8 *buf, size_t count)
{
	size_t chunk = min(count, PAGE_SIZE - offset_in_page(buf));

	return max(hc_console_read(lodge_pa(buf), chunk), 0L);
}

static const struct hv_ops hvc_ops = {
	.put_chars = hvc_put_chars,
	.get_chars = hvc_get_chars,
	.notifier_add = notifier_add_irq,
	.notifier_del = notifier_del_irq,
	.notifier_hangup = notifier_hangup_irq,
};

static int __init console_init_hvc(void)
{
	return lodge_guest() ? hvc_instantiate(HVC_COOKIE, 0, &hvc_ops) : 0;
}
console_initcall(console_init_hvc);

static int __init console_init_tty(void)
{
	int irq;

	if (!lodge_guest())
		return -ENODEV;
	irq = lodge_bind_virq(LODGE_VIRQ_CONSOLE);
	if (irq < 0) {
		pr_err("Lodge: binding the console interrupt: %d\n", irq);
		irq = 0;
	}
	return PTR_ERR_OR_ZERO(hvc_alloc(HVC_COOKIE, irq, &hvc_ops,
					 HVC_BUFFER));
}
device_initcall(console_init_tty);

static void boot_console_write(struct console *console, const char *text,
			       unsigned int count)
{
	console_put((const u8 *)text, count);
}

static struct console boot_console = {
	.name = "lodge",
	.write = boot_console_write,
	.flags = CON_PRINTBUFFER | CON_BOOT | CON_ANYTIME,
	.index = -1,
};

/* hvc0 is the console where the command line names none. */
void __init lodge_init_boot_console(void)
{
	register_console(&boot_console);
	add_preferred_console("hvc", 0, NULL);
}
