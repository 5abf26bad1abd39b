/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the control domain's bus share. */
#ifndef _LODGE_BACKENDS_BUS_H
#define _LODGE_BACKENDS_BUS_H

#include "backend.h"

struct lodge_request;

/* lodge_backend.flags: bits */
#define BACKEND_BROKEN 0 /* by the front-end; `error` says how */
#define BACKEND_CLOSING 1 /* the operator detaches it */
#define BACKEND_CLOSED 2 /* and the front-end has finished */

/* Over the lists of domains, devices and drivers. Before backend.mutex. */
extern struct mutex lodge_backends_mutex;
/* Woken after each sweep. */
extern struct wait_queue_head lodge_backends_wait;
extern struct workqueue_struct *lodge_backends_wq;

/* bus.c: a device and its driver. With lodge_backends_mutex, all but check(). */
struct lodge_backend *lodge_backend_new(const struct lodge_dev_device *spec);
/* Opens it with the driver of its type. -ENODEV: there is none. */
int lodge_backend_open(struct lodge_backend *b);
/* Ends whatever it does. Nothing calls a driver for it afterwards. */
void lodge_backend_end(struct lodge_backend *b);
void lodge_backend_check(struct lodge_backend *b);

/* bus_domain.c: domains, their directories and devices. */
struct lodge_backend *lodge_backend_find(unsigned int domid, unsigned int type,
					 unsigned int index);
/* The first at or after this in the order of domain, type and index. */
struct lodge_backend *lodge_backend_next(unsigned int domid, unsigned int type,
					 unsigned int index);
int lodge_backend_add(struct lodge_backend *b);
void lodge_backend_remove(struct lodge_backend *b);
/* Removes devices that have closed, and those of domains that have ended. */
void lodge_backend_sweep(void);
void lodge_backend_sweep_later(void);
void lodge_backend_for_all(void (*fn)(struct lodge_backend *b, void *data),
			   void *data);

#endif /* _LODGE_BACKENDS_BUS_H */
