/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pipes and FIFOs (pipe(7)): a byte stream between open files, with writes of up to PIPE_BUF bytes kept whole. Its memory is
 * taken page by page as it fills. Writing without a reader gives -EPIPE; SIGPIPE is the caller's. Thread context.
 */
#pragma once

#include <fs/file.h>

#undef PIPE_BUF /* <limits.h> of a host test */
enum { PIPE_BUF = 4096, PIPE_PAGES = 16 };
#define PIPE_BYTES_MAX 0x40000000u /* what an int can tell */

/** The two ends of a new pipe. `flags`: O_NONBLOCK; O_DIRECT: each write is a packet (pipe(7)). -ENOMEM. */
int must_check pipe_create(unsigned flags, struct file **reader, struct file **writer);

/** Opens a FIFO, blocking until there is another end as fifo(7) says. For the file systems' open. */
int must_check pipe_open(struct inode *inode, struct file *file);

/** F_GETPIPE_SZ and F_SETPIPE_SZ: bytes; -EBADF: not a pipe; -EBUSY: holds more than that; -EINVAL: too large. */
int must_check pipe_capacity(struct file *file);
int must_check pipe_set_capacity(struct file *file, uint32_t bytes);
