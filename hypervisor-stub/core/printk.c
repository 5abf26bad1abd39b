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
	bool left, zero, negative;
	int width;
	int precision; /* -1: none */
	unsigned int longs; /* l and ll are the same here */
};

static unsigned int panicking; /* processor's id + 1 */

static void put(struct out *o, char c)
{
	if (o->n + 1 < o->size)
		o->buf[o->n] = c;
	o->n++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
	size_t n;

	if (!s)
		s = "(null)";
	n = sp->precision >= 0 ? strnlen(s, sp->precision) : strlen(s);
	if (!sp->left)
		pad(o, ' ', sp->width - (int)n);
	for (size_t i = 0; i < n; i++)
		put(o, s[i]);
	if (sp->left)
		pad(o, ' ', sp->width - (int)n);
}

static void put_number(struct out *o, const struct spec *sp, u64 v,
		       unsigned int base, const char *digits)
{
	char tmp[20];
	int n = 0, used;

	do {
		tmp[n++] = digits[v % base];
		v /= base;
	} while (v);
	used = n + sp->negative;
	if (!sp->left && !sp->zero)
		pad(o, ' ', sp->width - used);
	if (sp->negative)
		put(o, '-');
	if (!sp->left && sp->zero)
		pad(o, '0', sp->width - used);
	while (n)
		put(o, tmp[--n]);
	if (sp->left)
		pad(o, ' ', sp->width - used);
}

static const char *parse_number(const char *f, int *v)
{
	*v = 0;
	while (*f >= '0' && *f <= '9')
		*v = *v * 10 + (*f++ - '0');
	return f;
}

static s64 signed_arg(const struct spec *sp, u64 raw)
{
	return sp->longs ? (s64)raw : (s32)raw;
}

int vsnprintk(char *buf, size_t size, const char *f, va_list ap)
{
	static const char lower[] = "0123456789abcdef";
	static const char upper[] = "0123456789ABCDEF";
	struct out o = { .buf = buf, .size = size };
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
		if (*f == '*') {
			sp.width = va_arg(ap, int);
			f++;
		} else {
			f = parse_number(f, &sp.width);
		}
		if (*f == '.') {
			if (*++f == '*') {
				sp.precision = va_arg(ap, int);
				f++;
			} else {
				f = parse_number(f, &sp.precision);
			}
		}
		for (; *f == 'l' || *f == 'z'; f++)
			sp.longs++;

		switch (*f) {
		case 'd':
		case 'i':
			v = sp.longs ? va_arg(ap, u64) : va_arg(ap, u32);
			s = signed_arg(&sp, v);
			sp.negative = s < 0;
			put_number(&o, &sp, s < 0 ? -(u64)s : (u64)s, 10,
				   lower);
			break;
		case 'u':
			v = sp.longs ? va_arg(ap, u64) : va_arg(ap, u32);
			put_number(&o, &sp, v, 10, lower);
			break;
		case 'x':
		case 'X':
			v = sp.longs ? va_arg(ap, u64) : va_arg(ap, u32);
			put_number(&o, &sp, v, 16, *f == 'x' ? lower : upper);
			break;
		case 'p':
			sp.zero = true;
			sp.width = 16;
			put_number(&o, &sp, (u64)va_arg(ap, void *), 16, lower);
			break;
		case 's':
			put_string(&o, &sp, va_arg(ap, const char *));
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
