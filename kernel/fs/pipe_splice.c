/* SPDX-License-Identifier: BSD-3-Clause */
/* Pipes as the one side of splice(2) and tee(2). Thread context. */
#include "pipe_private.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/pages.h>

/* Takes `bytes` off the oldest slot. */
static void consume(struct pipe *pipe, size_t bytes) REQUIRES(pipe->lock)
{
	struct slot *slot = pipe_slot(pipe, pipe->tail);

	slot->offset += (uint32_t)bytes;
	slot->bytes -= (uint32_t)bytes;
	if (slot->bytes)
		return;
	pipe_give_page(pipe, slot->page);
	pipe->tail++;
}

/* Until there is something to read. 1: there is; 0: there will be nothing. */
static int wait_readable(struct pipe *pipe, bool nonblocking) REQUIRES(pipe->lock)
{
	int error;

	while (pipe_is_empty(pipe)) {
		if (!pipe->writers)
			return 0;
		if (nonblocking)
			return -EAGAIN;
		error = pipe_wait(pipe, PIPE_READABLE);
		if (error)
			return error;
	}
	return 1;
}

static int wait_writable(struct pipe *pipe, bool nonblocking) REQUIRES(pipe->lock)
{
	int error;

	for (;;) {
		if (!pipe->readers)
			return -EPIPE;
		if (!pipe_is_full(pipe))
			return 0;
		if (nonblocking)
			return -EAGAIN;
		error = pipe_wait(pipe, PIPE_WRITABLE);
		if (error)
			return error;
	}
}

static ssize_t drain_locked(struct pipe *pipe, size_t bytes, pipe_sink_fn *sink, void *context)
	REQUIRES(pipe->lock)
{
	ssize_t total = 0;

	while (bytes && !pipe_is_empty(pipe)) {
		const struct slot *slot = pipe_slot(pipe, pipe->tail);
		size_t step = min(bytes, (size_t)slot->bytes);
		const char *data = (const char *)page_virt(slot->page) + slot->offset;
		ssize_t count = sink(context, data, step);

		if (count < 0)
			return total ? total : count;
		consume(pipe, (size_t)count);
		total += count;
		bytes -= (size_t)count;
		if ((size_t)count < step)
			break;
	}
	return total;
}

ssize_t pipe_drain(struct file *reader, size_t bytes, bool nonblocking, pipe_sink_fn *sink,
		   void *context)
{
	struct pipe *pipe = pipe_of(reader);
	bool was_full, is_full;
	ssize_t count;

	mutex_lock(&pipe->lock);
	count = wait_readable(pipe, nonblocking);
	was_full = pipe_is_full(pipe);
	if (count > 0)
		count = drain_locked(pipe, bytes, sink, context);
	is_full = pipe_is_full(pipe);
	mutex_unlock(&pipe->lock);
	if (was_full && !is_full)
		pipe_wake_writers(pipe);
	return count;
}

static ssize_t fill_slot(struct pipe *pipe, size_t bytes, pipe_source_fn *source, void *context)
	REQUIRES(pipe->lock)
{
	struct page *page = pipe_take_page(pipe);
	ssize_t count;

	if (!page)
		return -ENOMEM;
	count = source(context, page_virt(page), min(bytes, PAGE_SIZE));
	if (count <= 0)
		pipe_give_page(pipe, page);
	else
		*pipe_slot(pipe, pipe->head++) = (struct slot){ .page = page,
								.bytes = (uint32_t)count };
	return count;
}

static ssize_t fill_locked(struct pipe *pipe, size_t bytes, pipe_source_fn *source, void *context)
	REQUIRES(pipe->lock)
{
	ssize_t total = 0;

	while (bytes && !pipe_is_full(pipe)) {
		size_t step = min(bytes, PAGE_SIZE);
		ssize_t count = fill_slot(pipe, step, source, context);

		if (count < 0)
			return total ? total : count;
		total += count;
		bytes -= (size_t)count;
		if ((size_t)count < step)
			break;
	}
	return total;
}

ssize_t pipe_fill(struct file *writer, size_t bytes, bool nonblocking, pipe_source_fn *source,
		  void *context)
{
	struct pipe *pipe = pipe_of(writer);
	ssize_t count;

	mutex_lock(&pipe->lock);
	count = wait_writable(pipe, nonblocking);
	if (!count)
		count = fill_locked(pipe, bytes, source, context);
	mutex_unlock(&pipe->lock);
	if (count > 0)
		pipe_wake_readers(pipe);
	return count;
}

/* --- from pipe to pipe --- */

/* The other pipe's end, for the functions above: copies, as a page may yet be added to. */
struct passing {
	struct pipe *from;
	unsigned next; /* the slot that is copied */
	size_t offset; /* within it */
};

static ssize_t pass_out(void *context, void *data, size_t bytes) NO_THREAD_SAFETY_ANALYSIS
{
	struct passing *p = context;
	size_t done = 0;

	while (done < bytes && p->next != p->from->head) {
		const struct slot *slot = pipe_slot(p->from, p->next);
		size_t step = min(bytes - done, slot->bytes - p->offset);

		memcpy((char *)data + done,
		       (const char *)page_virt(slot->page) + slot->offset + p->offset, step);
		done += step;
		p->offset += step;
		if (p->offset < slot->bytes)
			continue;
		p->offset = 0;
		p->next++;
	}
	return (ssize_t)done;
}

/* What was copied goes. */
static void consume_passed(struct pipe *pipe, size_t bytes) REQUIRES(pipe->lock)
{
	while (bytes) {
		size_t step = min(bytes, (size_t)pipe_slot(pipe, pipe->tail)->bytes);

		consume(pipe, step);
		bytes -= step;
	}
}

/* Both mutexes, in an order that all keep to. */
static void lock_both(struct pipe *a, struct pipe *b) NO_THREAD_SAFETY_ANALYSIS
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	mutex_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_both(struct pipe *a, struct pipe *b) NO_THREAD_SAFETY_ANALYSIS
{
	mutex_unlock(&a->lock);
	mutex_unlock(&b->lock);
}

/* One attempt, once both pipes seem ready. -EAGAIN: they no longer are. */
static ssize_t pass_ready(struct pipe *from, struct pipe *to, size_t bytes,
			  enum pipe_move how) NO_THREAD_SAFETY_ANALYSIS
{
	struct passing p = { .from = from };
	bool was_full;
	ssize_t count;

	lock_both(from, to);
	p.next = from->tail;
	was_full = pipe_is_full(from);
	if (pipe_is_empty(from))
		count = from->writers ? -EAGAIN : 0;
	else if (!to->readers)
		count = -EPIPE;
	else
		count = pipe_is_full(to) ? -EAGAIN : fill_locked(to, bytes, pass_out, &p);
	if (count > 0 && how == PIPE_MOVE)
		consume_passed(from, (size_t)count);
	unlock_both(from, to);
	if (count <= 0)
		return count;
	if (was_full && how == PIPE_MOVE)
		pipe_wake_writers(from);
	pipe_wake_readers(to);
	return count;
}

ssize_t pipe_pass(struct file *reader, struct file *writer, size_t bytes, bool nonblocking,
		  enum pipe_move how)
{
	struct pipe *from = pipe_of(reader), *to = pipe_of(writer);
	ssize_t count;

	if (from == to)
		return -EINVAL;
	for (;;) {
		mutex_lock(&from->lock);
		count = wait_readable(from, nonblocking);
		mutex_unlock(&from->lock);
		if (count <= 0)
			return count;
		mutex_lock(&to->lock);
		count = wait_writable(to, nonblocking);
		mutex_unlock(&to->lock);
		if (count < 0)
			return count;
		count = pass_ready(from, to, bytes, how);
		if (count != -EAGAIN || nonblocking)
			return count;
	}
}
