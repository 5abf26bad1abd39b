/* SPDX-License-Identifier: MIT */
/*
 * liblodge: control of Lodge's domains from a program of the control domain,
 * over /dev/lodge. One function for each operation of lodge/control.h; the
 * structures are those of that header, which says what they mean.
 *
 * Functions return 0, or a count where that is said, or -errno; the errors of
 * an operation are those in lodge/control.h. There is no state but in struct
 * lodge. Any number of threads may use one handle; lodge_target() and
 * lodge_watch() change it for all of them.
 */
#ifndef LIBLODGE_H
#define LIBLODGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <lodge/abi.h>
#include <lodge/control.h>
#include <lodge/dev.h>
#include <lodge/hypercall.h>

struct lodge;

/* -ENOENT: this is no control domain; -EACCES, -EPERM: not root; -ENOMEM. */
int lodge_open(struct lodge **l);
/* Destroys domains created here and not started. What is mapped stays. */
void lodge_close(struct lodge *l);
/* For poll(): readable when lodge_wait() would not wait. */
int lodge_fd(const struct lodge *l);

/* Finding domains */

/* The domain of that very number. */
int lodge_info(struct lodge *l, uint32_t domid, struct lodge_domain_info *info);
/* The domain of the lowest number not below domid; -ENOENT: there is none. */
int lodge_next(struct lodge *l, uint32_t domid, struct lodge_domain_info *info);
/* By number, or by name. */
int lodge_find(struct lodge *l, const char *which,
	       struct lodge_domain_info *info);

/*
 * Each domain there is, by number; `info` is a struct, not a pointer. Ends
 * early on an error, as nothing can be told about domains then.
 */
#define lodge_for_each_domain(l, info)                                  \
	for ((info).domid = 0; !lodge_next((l), (info).domid, &(info)); \
	     (info).domid++)

int lodge_machine(struct lodge *l, struct lodge_machine_info *info);
int lodge_counters(struct lodge *l, uint32_t domid,
		   struct lodge_counters *counters);

/* Life of a domain */

int lodge_create(struct lodge *l, const struct lodge_control_create *create,
		 uint32_t *domid);
/* Returns the number of frames done, at least 1. */
ssize_t lodge_populate(struct lodge *l, uint32_t domid, uint64_t gpa,
		       uint64_t frames);
int lodge_start(struct lodge *l, uint32_t domid,
		const struct lodge_control_start *start);
int lodge_pause(struct lodge *l, uint32_t domid);
int lodge_unpause(struct lodge *l, uint32_t domid);
int lodge_destroy(struct lodge *l, uint32_t domid);
/* Only if it was never started; otherwise -EBUSY. */
int lodge_destroy_unstarted(struct lodge *l, uint32_t domid);
/* bits: LODGE_REQUEST_* */
int lodge_request(struct lodge *l, uint32_t domid, uint64_t bits);
int lodge_rename(struct lodge *l, uint32_t domid, const char *name);

/* What it may use */

/* weight 1 to 65535; cap in percent of a processor, 0: none */
int lodge_sched(struct lodge *l, uint32_t domid, uint32_t weight, uint32_t cap);
/* cpus: a bit for each processor that it may run on */
int lodge_pin(struct lodge *l, uint32_t domid, uint32_t vcpu, uint64_t cpus);
int lodge_memory(struct lodge *l, uint32_t domid, uint64_t target_frames,
		 uint64_t max_frames);
/* online: a bit for each vCPU */
int lodge_vcpus(struct lodge *l, uint32_t domid, uint64_t online);

/*
 * Its devices; lodge/dev.h says what each takes and returns. A device is named
 * by domid, type and index. lodge_device_next() is for going through them.
 */
int lodge_attach(struct lodge *l, struct lodge_dev_device *d);
int lodge_detach(struct lodge *l, struct lodge_dev_device *d);
int lodge_device(struct lodge *l, struct lodge_dev_device *d);
/* The first at or after (domid, type, index); -ENOENT: there is no more. */
int lodge_device_next(struct lodge *l, struct lodge_dev_device *d);
int lodge_limit(struct lodge *l, const struct lodge_dev_limit *limit);
int lodge_rescan(struct lodge *l, struct lodge_dev_device *d);

/* Looking into it */

int lodge_vcpu(struct lodge *l, uint32_t domid, uint32_t vcpu,
	       struct lodge_vcpu_info *info);
/*
 * The first piece of RAM at or above gpa; -ENOENT: there is no more. Pieces
 * are not merged: two in a row may touch.
 */
int lodge_ram(struct lodge *l, uint32_t domid, uint64_t gpa,
	      struct lodge_ram *ram);
/*
 * Output from *position on, which is advanced to behind what is returned.
 * Returns the number of bytes; 0: no more now.
 */
ssize_t lodge_console_read(struct lodge *l, uint32_t domid, uint64_t *position,
			   void *data, size_t size);
/* Returns how many were taken; 0: its buffer is full. */
ssize_t lodge_console_write(struct lodge *l, uint32_t domid, const void *data,
			    size_t size);
int lodge_debug_key(struct lodge *l, char key);

/*
 * Its memory: choose the domain, once for each handle (-EBUSY: chosen before),
 * then map pieces of its RAM, whole pages. lodge_map() takes prot as mmap()
 * does; -ENXIO: part of it is no RAM. The pages stay until lodge_unmap(), also
 * when the domain ends.
 */
int lodge_target(struct lodge *l, uint32_t domid);
int lodge_map(struct lodge *l, uint64_t gpa, size_t size, int prot,
	      void **where);
void lodge_unmap(struct lodge *l, void *where, size_t size);

/*
 * Waiting. lodge_watch() says for what: LODGE_DEV_WATCH_DOMAINS (a domain has
 * changed its state), LODGE_DEV_WATCH_OUTPUT (one has written to its console).
 * lodge_wait() then waits for that and returns what of it has happened, as the
 * same bits; 0: nothing in timeout_ms (-1: for ever). Both have happened when
 * the watch begins: so watch first, look, then wait. -EINTR: a signal.
 */
int lodge_watch(struct lodge *l, unsigned int what);
int lodge_wait(struct lodge *l, int timeout_ms);

#endif
