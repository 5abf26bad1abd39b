/* SPDX-License-Identifier: GPL-2.0 */
/* Loop devices: block devices over files. Tests link another one. */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * A loop device over `file`, which is called `path`; it goes by itself when
 * nobody has it open any more. block_size 0: 512. Its descriptor, or -errno.
 */
int loop_make(int file, const char *path, bool read_only,
	      unsigned int block_size);
/*
 * The next loop device over the file that `st` describes, from number *number
 * on, which becomes its number; a descriptor that cannot be written to, or
 * -ENOENT.
 */
int loop_next(const struct stat *st, unsigned int *number);
/* Is there one over that file? */
bool loop_is_over(const struct stat *st);
/* Can it be written to, through the loop device? */
bool loop_writes(int loop);
unsigned int loop_block_size(int loop);
/* The file has another size now; the loop device learns it. 0 or -errno. */
int loop_resize(int loop);

#endif
