/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A scatter list for one read or write: buffers of a program or of the kernel, consumed from the front.
 * Thread context, no spinlock held (user memory may fault).
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

struct uio_segment {
	uintptr_t base;
	size_t bytes;
};

struct uio {
	const struct uio_segment *segments;
	unsigned count;
	size_t offset;    /* consumed of segments[0] */
	size_t left;      /* bytes in all that remain */
	bool user;        /* addresses are the program's */
	bool nonblocking; /* O_NONBLOCK for this call */
	bool append;      /* O_APPEND for this call */
	bool no_restart;  /* set by who waits with a time limit: a signal ends the call for good */
};

/** One buffer of the kernel; `segment` must live as long as the uio. */
void uio_init_kernel(struct uio *uio, struct uio_segment *segment, void *base, size_t bytes);
void uio_init_user(struct uio *uio, const struct uio_segment *segments, unsigned count,
		   size_t total);

/** Copies into (out of) the described buffers and advances. -EFAULT when nothing was copied; a count, perhaps short, else. */
ssize_t must_check uio_put(struct uio *uio, const void *src, size_t bytes);
ssize_t must_check uio_get(struct uio *uio, void *dst, size_t bytes);
ssize_t must_check uio_put_zeros(struct uio *uio, size_t bytes);

/** Advances without copying; at most to the end. */
void uio_skip(struct uio *uio, size_t bytes);
