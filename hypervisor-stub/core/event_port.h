/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The entries of a port table, between event.c (ports, and what concerns one
 * domain) and channel.c (what concerns two).
 */
#ifndef CORE_EVENT_PORT_H
#define CORE_EVENT_PORT_H

#include "domain.h"

/* An entry as the word that is read and written at once. */
union port_word {
	struct event_port port;
	u64 word;
};

static inline struct event_port port_read(struct domain *d, u64 port)
{
	union port_word *w = (union port_word *)&d->ports[port];

	return (union port_word){ .word = __atomic_load_n(&w->word,
							  __ATOMIC_ACQUIRE) }
		.port;
}

/* Lock: d's ports_lock. */
static inline void port_write(struct domain *d, u64 port, struct event_port p)
{
	union port_word *w = (union port_word *)&d->ports[port];
	union port_word entry = { .port = p };

	__atomic_store_n(&w->word, entry.word, __ATOMIC_RELEASE);
}

/* A free port made into p, with clean bits; or -ENOSPC. Lock: ports_lock. */
s64 port_bind(struct domain *d, struct event_port p);
/* Frees a port, and only in d. Lock: ports_lock. */
void port_free(struct domain *d, u64 port);
/* Sets port, which is p, pending. d has a shared page and is no dead domain. */
void port_send(struct domain *d, u64 port, struct event_port p);

/* --- channel.c: handlers of the operations, with no lock held --- */
s64 channel_alloc(struct domain *d, u64 domid);
s64 channel_bind(struct domain *d, u64 domid, u64 port);
/* SEND on a port that is UNBOUND or INTERDOMAIN. */
s64 channel_send(struct domain *d, u64 port, struct event_port p);
/* CLOSE of any port. */
s64 channel_close(struct domain *d, u64 port);
/* d dies: nobody finds it any more. */
void channel_close_all(struct domain *d);

#endif
