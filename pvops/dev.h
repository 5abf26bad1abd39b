/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of /dev/lodge share: dev.c, dev_memory.c, dev_event.c. */
#ifndef _X86_LODGE_DEV_H
#define _X86_LODGE_DEV_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include <lodge/dev.h>

#include "lodge.h"

/* LODGE_DEV_WATCH_DOMAINS and _OUTPUT are the bits of these numbers. */
#define WATCH_COUNT 2

/* Something that read() returns: a port, or a watch. */
struct dev_event {
	struct list_head pending; /* in dev_file.pending, or empty */
	u32 word;
};

struct dev_watch {
	struct dev_event event;
	struct list_head link; /* among those that watch the same; or empty */
	struct dev_file *file;
};

/* An open file. */
struct dev_file {
	unsigned int target; /* domain whose memory is mapped; 0: none yet */
	spinlock_t lock; /* for ports and pending; taken by interrupts */
	struct list_head ports;
	struct list_head pending; /* dev_events, the oldest first */
	wait_queue_head_t wait; /* until something is pending */
	struct dev_watch watch[WATCH_COUNT];
};

/* dev_memory.c */
long lodge_dev_target(struct dev_file *f, unsigned long domid);
int lodge_dev_mmap(struct file *file, struct vm_area_struct *vma);

/* dev_event.c */
void lodge_dev_init_events(struct dev_file *f);
/* Nobody uses the file any more. */
void lodge_dev_end_events(struct dev_file *f);
/* These two take a struct lodge_dev_channel, and return 0 or an error. */
long lodge_dev_alloc(struct dev_file *f, void __user *arg);
long lodge_dev_bind(struct dev_file *f, void __user *arg);
long lodge_dev_notify(struct dev_file *f, unsigned long port);
long lodge_dev_close(struct dev_file *f, unsigned long port);
long lodge_dev_watch(struct dev_file *f, unsigned long what);
ssize_t lodge_dev_read(struct file *file, char __user *buf, size_t size,
		       loff_t *position);
__poll_t lodge_dev_poll(struct file *file, poll_table *table);

#endif /* _X86_LODGE_DEV_H */
