// SPDX-License-Identifier: GPL-2.0
/*
 * Messages, and the end of everything. printk() formats on its own stack and
 * hands the finished text to the console, whose lock is the last in the
 * order; so it may be called with any lock held but that one. The only state
 * is `panicking`: which processor panicked first. It alone talks from then on.
 */
#include "printk.h"
#include "console.h"
#include "string.h"
#include "../x86/pcpu.h"
#include "../x86/platform.h"

#define PRINTK_MAX 1024

/* Output of one formatting run; counts also what does not fit. */
struct out {
	char *buf;
	size_t size;
	size_t n;
};

struct spec {
	bool left, zero, is_long; /* l, ll and z are the same here */
	int width;
	int precision; /* -1: none */
};

static unsigned int panicking; /* processor's id + 1 */

static void put(struct out *o, char c)
{
	if (o->n + 1 < o->size)
		o->buf[o->n] = c;
	o->n++;
}

static void put_field(struct out *o, const struct spec *sp, const char *s,
		      int n)
{
	int fill = sp->width - n;

	for (; !sp->left && fill > 0; fill--)
		put(o, sp->zero ? '0' : ' ');
	while (n--)
		put(o, *s++);
	for (; fill > 0; fill--)
		put(o, ' ');
}

static void put_number(struct out *o, struct spec *sp, u64 v, unsigned int base,
		       bool negative)
{
	char text[21], *end = text + sizeof(text), *s = end;

	do {
		*--s = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (negative && sp->zero && !sp->left) {
		put(o, '-');
		sp->width--;
	} else if (negative) {
		*--s = '-';
	}
	put_field(o, sp, s, end - s);
}

static const char *parse_number(const char *f, int *v)
{
	for (*v = 0; *f >= '0' && *f <= '9'; f++)
		*v = *v * 10 + (*f - '0');
	return f;
}

int vsnprintk(char *buf, size_t size, const char *f, va_list ap)
{
	struct out o = { .buf = buf, .size = size };
	const char *text;
	struct spec sp;
	u64 v;
	s64 s;

	for (; *f; f++) {
		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		sp = (struct spec){ .precision = -1 };
		for (f++; *f == '-' || *f == '0'; f++) {
			sp.left |= *f == '-';
			sp.zero |= *f == '0';
		}
		f = parse_number(f, &sp.width);
		if (*f == '.')
			f = parse_number(f + 1, &sp.precision);
		for (; *f == 'l' || *f == 'z'; f++)
			sp.is_long = true;
		switch (*f) {
		case 'd':
			s = sp.is_long ? va_arg(ap, s64) : va_arg(ap, s32);
			put_number(&o, &sp, s < 0 ? -(u64)s : (u64)s, 10,
				   s < 0);
			break;
		case 'u':
		case 'x':
			v = sp.is_long ? va_arg(ap, u64) : va_arg(ap, u32);
			put_number(&o, &sp, v, *f == 'x' ? 16 : 10, false);
			break;
		case 'p':
			sp.zero = true;
			sp.width = 16;
			put_number(&o, &sp, (u64)va_arg(ap, void *), 16, false);
			break;
		case 's':
			text = va_arg(ap, const char *) ?: "(null)";
			put_field(&o, &sp, text, strnlen(text, sp.precision));
			break;
		case 'c':
			put(&o, (char)va_arg(ap, int));
			break;
		case '%':
			put(&o, '%');
			break;
		default: /* not ours: show it, and stop trusting ap */
			put(&o, '%');
			put(&o, '?');
			goto out;
		}
	}
out:
	if (size)
		buf[MIN(o.n, size - 1)] = '\0';
	return (int)o.n;
}

int snprintk(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintk(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

static void vprintk(const char *fmt, va_list ap)
{
	char buf[PRINTK_MAX];
	int n = vsnprintk(buf, sizeof(buf), fmt, ap);

	console_write(buf, MIN((size_t)n, sizeof(buf) - 1));
}

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
}

bool panic_started(void)
{
	return READ_ONCE(panicking) != 0;
}

void panic(const char *fmt, ...)
{
	unsigned int me = this_pcpu()->id + 1, first = 0;
	va_list ap;

	if (!__atomic_compare_exchange_n(&panicking, &first, me, false,
					 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		if (first == me) /* a panic while panicking */
			machine_fail();
		cpu_stop();
	}
	smp_stop_others();
	console_bust_lock();
	printk("\nlodge: panic on cpu %u: ", me - 1);
	va_start(ap, fmt);
	vprintk(fmt, ap);
	va_end(ap);
	printk("\n");
	machine_fail();
}
