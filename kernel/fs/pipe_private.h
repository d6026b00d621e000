/* SPDX-License-Identifier: BSD-3-Clause */
/* What pipe.c and pipe_splice.c share. */
#pragma once

#include <base/compiler.h>
#include <core/lock.h>
#include <core/thread.h>
#include <fs/pipe.h>

struct page;

enum { PIPE_SPARES = 2 };
enum { PIPE_READABLE = POLLIN | POLLRDNORM, PIPE_WRITABLE = POLLOUT | POLLWRNORM };

struct slot {
	struct page *page;
	uint32_t offset, bytes;
	bool packet; /* of a write with O_DIRECT: read at once, or lost */
};

struct pipe {
	struct mutex lock;
	struct slot *slots;               /* [lock] */
	unsigned slot_count;              /* [lock] a power of two */
	unsigned head, tail;              /* [lock] slots ever filled, and emptied */
	struct page *spares[PIPE_SPARES]; /* [lock] for the next write; NULL: none */
	unsigned readers, writers;        /* [lock] open ends; O_RDWR is both */
	uintptr_t reader_opens,
		writer_opens; /* [lock] ever: who waits for the other end must not miss a short one */
	struct waitq queues[3]; /* by O_RDONLY, O_WRONLY, O_RDWR: who waits with such an end */
};

static inline struct pipe *pipe_of(const struct file *file)
{
	return file->inode->pipe;
}

static inline bool pipe_is_empty(const struct pipe *pipe)
{
	return pipe->head == pipe->tail;
}

static inline bool pipe_is_full(const struct pipe *pipe)
{
	return pipe->head - pipe->tail >= pipe->slot_count;
}

static inline struct slot *pipe_slot(struct pipe *pipe, unsigned number) REQUIRES(pipe->lock)
{
	return &pipe->slots[number & (pipe->slot_count - 1)];
}

/** A page to fill, with whatever is in it; NULL: no memory. And back. */
struct page *pipe_take_page(struct pipe *pipe) REQUIRES(pipe->lock);
void pipe_give_page(struct pipe *pipe, struct page *page) REQUIRES(pipe->lock);

/** Says that there is something to read, room to write. */
void pipe_wake_readers(struct pipe *pipe);
void pipe_wake_writers(struct pipe *pipe);

/** Releases the mutex, waits for a change, takes it again. 0 or -EINTR. */
int must_check pipe_wait(struct pipe *pipe, uint32_t events) REQUIRES(pipe->lock);
