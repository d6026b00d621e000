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

/** Whether this is an open end of a pipe or FIFO. */
bool pipe_is(const struct file *file);

/* Moving data without the program's memory (splice(2)). `nonblocking` is about the pipe. What the other side is called for is under
 * the pipe's lock; it takes or gives less where it cannot more, and -errno counts only at first. */

/** Takes some of `data`: how much; `context` is the caller's. */
typedef ssize_t pipe_sink_fn(void *context, const void *data, size_t bytes);

/** Fills `data`: with how much; 0: there is no more. */
typedef ssize_t pipe_source_fn(void *context, void *data, size_t bytes);

/** Out of a pipe, once there is something: how much; 0: no writer is left; -EAGAIN, -EINTR, or what the sink says. */
ssize_t must_check pipe_drain(struct file *reader, size_t bytes, bool nonblocking,
			      pipe_sink_fn *sink, void *context);

/** Into a pipe, once there is room: how much; -EPIPE, -EAGAIN, -EINTR, -ENOMEM, or what the source says. */
ssize_t must_check pipe_fill(struct file *writer, size_t bytes, bool nonblocking,
			     pipe_source_fn *source, void *context);

/** From one pipe to another; by PIPE_COPY it stays in the first (tee(2)). -EINVAL: they are the same. */
enum pipe_move { PIPE_MOVE, PIPE_COPY };
ssize_t must_check pipe_pass(struct file *reader, struct file *writer, size_t bytes,
			     bool nonblocking, enum pipe_move how);
