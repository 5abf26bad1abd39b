/* SPDX-License-Identifier: MIT */
/*
 * Errors that hypercalls return, as negative numbers in rax. The values are
 * those of Linux on x86, so that a Linux guest can pass them on unchanged.
 */
#ifndef LODGE_ERRNO_H
#define LODGE_ERRNO_H

#define LODGE_EPERM 1 /* the caller may not do this */
#define LODGE_ENOENT 2 /* no such object */
#define LODGE_E2BIG 7 /* more than the documented maximum */
#define LODGE_EAGAIN 11 /* would have to wait; try again later */
#define LODGE_ENOMEM 12 /* the domain's or the machine's memory is used up */
#define LODGE_EFAULT 14 /* a guest-physical address is not RAM of the domain */
#define LODGE_EBUSY 16 /* the object is in use */
#define LODGE_EEXIST 17 /* the object exists already */
#define LODGE_EINVAL 22 /* an argument is out of its range or not aligned */
#define LODGE_ENOSPC 28 /* a table is full */
#define LODGE_ENOSYS 38 /* no such hypercall or operation */

#endif /* LODGE_ERRNO_H */
