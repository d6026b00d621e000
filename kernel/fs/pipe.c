/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pipes and FIFOs: a ring of slots, a page at most each, as in Linux: what fits, what a write's edge wakes and what packets are
 * follows from that. Everything is under the pipe's mutex; who waits queues up before letting go of it, and who changes
 * something wakes after. Thread context.
 */
#include "pipe_private.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/user.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "internal.h"

enum { FIONREAD = 0x541b };

/* Of the pipes without a name. Its lock guards their inodes' `pipe`. */
static struct filesystem pipe_filesystem = {
	.type = "pipefs",
	.device = 13,
	.magic = 0x50495045,
	.lock.waiters = { &pipe_filesystem.lock.waiters, &pipe_filesystem.lock.waiters },
};

static struct pipe *pipe_new(void)
{
	struct pipe *pipe = mem_zalloc(sizeof *pipe);

	if (!pipe)
		return NULL;
	pipe->slot_count = PIPE_PAGES;
	pipe->slots = mem_zalloc(PIPE_PAGES * sizeof *pipe->slots);
	if (!pipe->slots) {
		mem_free(pipe);
		return NULL;
	}
	mutex_init(&pipe->lock);
	for (unsigned mode = 0; mode < countof(pipe->queues); mode++)
		waitq_init(&pipe->queues[mode]);
	return pipe;
}

/* Pages */

struct page *pipe_take_page(struct pipe *pipe) REQUIRES(pipe->lock)
{
	for (unsigned i = 0; i < PIPE_SPARES; i++) {
		struct page *page = pipe->spares[i];

		pipe->spares[i] = NULL;
		if (page)
			return page;
	}
	return page_alloc(0, PAGE_PLAIN);
}

void pipe_give_page(struct pipe *pipe, struct page *page) REQUIRES(pipe->lock)
{
	for (unsigned i = 0; i < PIPE_SPARES; i++) {
		if (!pipe->spares[i]) {
			pipe->spares[i] = page;
			return;
		}
	}
	page_put(page);
}

static void pipe_free(struct pipe *pipe) NO_THREAD_SAFETY_ANALYSIS
{
	for (; !pipe_is_empty(pipe); pipe->tail++)
		page_put(pipe_slot(pipe, pipe->tail)->page);
	for (unsigned i = 0; i < PIPE_SPARES; i++)
		if (pipe->spares[i])
			page_put(pipe->spares[i]);
	mem_free(pipe->slots);
	mem_free(pipe);
}

/* As on Linux, who waits with one end is not told what is news for the other. */
void pipe_wake_readers(struct pipe *pipe)
{
	waitq_wake_events(&pipe->queues[O_RDONLY], PIPE_READABLE);
	waitq_wake_events(&pipe->queues[O_RDWR], PIPE_READABLE);
}

void pipe_wake_writers(struct pipe *pipe)
{
	waitq_wake_events(&pipe->queues[O_WRONLY], PIPE_WRITABLE);
	waitq_wake_events(&pipe->queues[O_RDWR], PIPE_WRITABLE);
}

static void wake_all(struct pipe *pipe)
{
	for (unsigned mode = 0; mode < countof(pipe->queues); mode++)
		waitq_wake_all(&pipe->queues[mode]);
}

int pipe_wait(struct pipe *pipe, uint32_t events) REQUIRES(pipe->lock)
{
	struct waitq *queue = &pipe->queues[events == PIPE_WRITABLE ? O_WRONLY : O_RDONLY];
	struct waiter waiter;
	struct waiter *waiters[] = { &waiter };
	int error;

	waiter_init(&waiter);
	waiter.events = events;
	waitq_add(queue, &waiter);
	mutex_unlock(&pipe->lock);
	error = thread_wait(waiters, 1, TIME_NEVER, WAIT_INTERRUPTIBLE);
	waitq_remove(queue, &waiter);
	mutex_lock(&pipe->lock);
	return error;
}

/* Reading */

/* Takes bytes of the oldest slot, all of them or what the reader wants; -EFAULT leaves it as it is. */
static ssize_t take_slot(struct pipe *pipe, struct uio *uio) REQUIRES(pipe->lock)
{
	struct slot *slot = pipe_slot(pipe, pipe->tail);
	size_t bytes = min(uio->left, (size_t)slot->bytes);
	ssize_t count = uio_put(uio, (uint8_t *)page_virt(slot->page) + slot->offset, bytes);

	if (count != (ssize_t)bytes)
		return -EFAULT;
	slot->offset += (uint32_t)bytes;
	slot->bytes -= (uint32_t)bytes;
	if (!slot->bytes || slot->packet) {
		pipe_give_page(pipe, slot->page);
		pipe->tail++;
	}
	return count;
}

static ssize_t take(struct pipe *pipe, struct uio *uio) REQUIRES(pipe->lock)
{
	ssize_t count, total = 0;
	bool packet = false;

	while (uio->left && !pipe_is_empty(pipe) && !packet) {
		packet = pipe_slot(pipe, pipe->tail)->packet;
		count = take_slot(pipe, uio);
		if (count < 0)
			return total ? total : count;
		total += count;
	}
	return total;
}

static ssize_t read_locked(struct pipe *pipe, struct uio *uio) REQUIRES(pipe->lock)
{
	int error;

	if (!uio->left)
		return 0;
	while (pipe_is_empty(pipe)) {
		if (!pipe->writers)
			return 0;
		if (uio->nonblocking)
			return -EAGAIN;
		error = pipe_wait(pipe, PIPE_READABLE);
		if (error)
			return error;
	}
	return take(pipe, uio);
}

static ssize_t pipe_read(struct file *file, struct uio *uio, uint64_t *position)
{
	struct pipe *pipe = pipe_of(file);
	bool was_full, is_full_now;
	ssize_t count;

	(void)position;
	mutex_lock(&pipe->lock);
	was_full = pipe_is_full(pipe);
	count = read_locked(pipe, uio);
	is_full_now = pipe_is_full(pipe);
	mutex_unlock(&pipe->lock);
	if (was_full && !is_full_now)
		pipe_wake_writers(pipe);
	return count;
}

/* Writing */

/* Small writes share a page: adds what is over whole pages to the last slot, if it fits there. */
static ssize_t merge(struct pipe *pipe, struct uio *uio) REQUIRES(pipe->lock)
{
	size_t bytes = uio->left % PAGE_SIZE;
	struct slot *last = pipe_slot(pipe, pipe->head - 1);
	ssize_t count;

	if (!bytes || pipe_is_empty(pipe) || last->packet ||
	    last->offset + last->bytes + bytes > PAGE_SIZE)
		return 0;
	count = uio_get(uio, (uint8_t *)page_virt(last->page) + last->offset + last->bytes, bytes);
	if (count != (ssize_t)bytes)
		return -EFAULT;
	last->bytes += (uint32_t)bytes;
	return count;
}

/* Fills one more slot. */
static ssize_t append(struct pipe *pipe, struct uio *uio, bool packet) REQUIRES(pipe->lock)
{
	struct page *page = pipe_take_page(pipe);
	size_t bytes = min(uio->left, PAGE_SIZE);
	ssize_t count;

	if (!page)
		return -ENOMEM;
	count = uio_get(uio, page_virt(page), bytes);
	if (count != (ssize_t)bytes) {
		pipe_give_page(pipe, page);
		return -EFAULT;
	}
	*pipe_slot(pipe, pipe->head++) = (struct slot){ .page = page,
							.bytes = (uint32_t)bytes,
							.packet = packet };
	return count;
}

/* The next page, when there is room for it. */
static ssize_t give(struct pipe *pipe, struct uio *uio, bool packet) REQUIRES(pipe->lock)
{
	int error;

	for (;;) {
		if (!pipe->readers)
			return -EPIPE;
		if (!pipe_is_full(pipe))
			return append(pipe, uio, packet);
		if (uio->nonblocking)
			return -EAGAIN;
		pipe_wake_readers(pipe);
		error = pipe_wait(pipe, PIPE_WRITABLE);
		if (error)
			return error;
	}
}

static ssize_t write_locked(struct pipe *pipe, struct uio *uio, bool packet) REQUIRES(pipe->lock)
{
	ssize_t total, count;

	if (!pipe->readers)
		return -EPIPE;
	total = merge(pipe, uio);
	if (total < 0)
		return total;
	while (uio->left) {
		count = give(pipe, uio, packet);
		if (count < 0)
			return total ? total : count;
		total += count;
	}
	return total;
}

static ssize_t pipe_write(struct file *file, struct uio *uio, uint64_t *position)
{
	struct pipe *pipe = pipe_of(file);
	ssize_t count;

	(void)position;
	if (!uio->left)
		return 0;
	mutex_lock(&pipe->lock);
	count = write_locked(pipe, uio, file->flags & O_DIRECT);
	mutex_unlock(&pipe->lock);
	/* As Linux: every attempt to write is an edge for who polls. */
	pipe_wake_readers(pipe);
	return count;
}

/* Without the lock: a change that comes after this wakes. */
static unsigned pipe_poll(struct file *file, struct waitq **queue)
{
	struct pipe *pipe = pipe_of(file);
	unsigned mode = file->flags & O_ACCMODE, events = 0;

	*queue = &pipe->queues[mode];
	if (mode != O_WRONLY) {
		if (!pipe_is_empty(pipe))
			events |= PIPE_READABLE;
		if (!pipe->writers && pipe->writer_opens != (uintptr_t)file->private)
			events |= POLLHUP;
	}
	if (mode != O_RDONLY) {
		if (!pipe_is_full(pipe))
			events |= PIPE_WRITABLE;
		if (!pipe->readers)
			events |= POLLERR;
	}
	return events;
}

static long pipe_ioctl(struct file *file, unsigned cmd, uintptr_t arg)
{
	struct pipe *pipe = pipe_of(file);
	int bytes = 0;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&pipe->lock);
	for (unsigned i = pipe->tail; i != pipe->head; i++)
		bytes += (int)pipe_slot(pipe, i)->bytes;
	mutex_unlock(&pipe->lock);
	return user_write(arg, &bytes, sizeof bytes);
}

/* Opening and closing */

static void release(struct file *file)
{
	struct inode *inode = file->inode;
	struct pipe *pipe = inode->pipe;
	unsigned mode = file->flags & O_ACCMODE;
	bool last, alone;

	/* The inode's lock keeps a FIFO's pipe from being opened while it goes. */
	mutex_lock(&inode->fs->lock);
	mutex_lock(&pipe->lock);
	pipe->readers -= mode != O_WRONLY;
	pipe->writers -= mode != O_RDONLY;
	last = !pipe->readers && !pipe->writers;
	alone = !pipe->readers || !pipe->writers;
	mutex_unlock(&pipe->lock);
	if (last)
		inode->pipe = NULL;
	mutex_unlock(&inode->fs->lock);
	if (last)
		pipe_free(pipe);
	else if (alone)
		wake_all(pipe);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
	.release = release,
};

/* Counts a new end; whether others may have waited for one. */
static bool add_end(struct pipe *pipe, unsigned mode) REQUIRES(pipe->lock)
{
	bool reads = mode != O_WRONLY, writes = mode != O_RDONLY;
	bool first = (reads && !pipe->readers) || (writes && !pipe->writers);

	pipe->readers += reads;
	pipe->reader_opens += reads;
	pipe->writers += writes;
	pipe->writer_opens += writes;
	return first;
}

/* Joins the inode's pipe, so that it stays. -ENXIO: would have to wait for a reader. */
static int join(struct inode *inode, unsigned flags)
{
	unsigned mode = flags & O_ACCMODE;
	struct pipe *pipe = inode->pipe;
	bool first;

	if (mode == O_WRONLY && flags & O_NONBLOCK && !(pipe && pipe->readers))
		return -ENXIO;
	if (!pipe)
		pipe = pipe_new();
	if (!pipe)
		return -ENOMEM;
	inode->pipe = pipe;
	mutex_lock(&pipe->lock);
	first = add_end(pipe, mode);
	mutex_unlock(&pipe->lock);
	if (first)
		wake_all(pipe);
	return 0;
}

/* Until there is, or was, another end. */
static int wait_other_end(struct pipe *pipe, struct file *file)
{
	unsigned mode = file->flags & O_ACCMODE;
	uintptr_t *opens = mode == O_RDONLY ? &pipe->writer_opens : &pipe->reader_opens, seen;
	int error = 0;

	mutex_lock(&pipe->lock);
	seen = *opens;
	if (mode == O_RDWR || (mode == O_RDONLY ? pipe->writers : pipe->readers))
		error = 0;
	else if (file->flags & O_NONBLOCK)
		file->private = (void *)seen; /* no POLLHUP before a writer has come and gone */
	else
		while (*opens == seen && !error)
			error = pipe_wait(pipe, WAKE_ANY);
	mutex_unlock(&pipe->lock);
	return error;
}

int pipe_open(struct inode *inode, struct file *file)
{
	int error;

	if ((file->flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	mutex_lock(&inode->fs->lock);
	error = join(inode, file->flags);
	mutex_unlock(&inode->fs->lock);
	if (error)
		return error;
	file->ops = &pipe_ops;
	error = wait_other_end(inode->pipe, file);
	if (error)
		release(file);
	return error;
}

static int pipe_getattr(struct inode *inode, struct inode_attr *out)
{
	*out = (struct inode_attr){ .ino = inode->ino, .mode = inode->mode, .nlink = 1 };
	return 0;
}

static void pipe_destroy(struct inode *inode)
{
	mem_free(inode);
}

static const struct inode_ops pipe_inode_ops = { .getattr = pipe_getattr, .destroy = pipe_destroy };

static struct inode *pipe_inode(void)
{
	static uint64_t ino; /* of the machine's pipes; atomic */
	struct inode *inode = mem_alloc(sizeof *inode);

	if (!inode)
		return NULL;
	inode_init(inode, &pipe_inode_ops, &pipe_filesystem, S_IFIFO | 0600);
	inode->ino = __atomic_add_fetch(&ino, 1, __ATOMIC_RELAXED);
	return inode;
}

int pipe_create(unsigned flags, struct file **reader, struct file **writer)
{
	struct inode *inode = pipe_inode();
	int error;

	if (!inode)
		return -ENOMEM;
	flags &= O_NONBLOCK | O_DIRECT;
	/* The first end must not wait for the second. */
	error = file_open_inode(inode, O_RDONLY | O_NONBLOCK, reader);
	if (error)
		goto out;
	(*reader)->flags = O_RDONLY | flags;
	(*reader)->private = NULL;
	error = file_open_inode(inode, O_WRONLY | flags, writer);
	if (error)
		file_put(*reader);
out:
	inode_put(inode); /* the files hold it */
	return error;
}

bool pipe_is(const struct file *file)
{
	return file->ops == &pipe_ops;
}

/* Capacity */

int pipe_capacity(struct file *file)
{
	struct pipe *pipe;
	int bytes;

	if (file->ops != &pipe_ops)
		return -EBADF;
	pipe = pipe_of(file);
	mutex_lock(&pipe->lock);
	bytes = (int)(pipe->slot_count * PAGE_SIZE);
	mutex_unlock(&pipe->lock);
	return bytes;
}

/* Moves what it holds to the start of a ring of another size. */
static int resize(struct pipe *pipe, unsigned count) REQUIRES(pipe->lock)
{
	unsigned used = pipe->head - pipe->tail;
	struct slot *slots;

	if (used > count)
		return -EBUSY;
	slots = mem_zalloc(count * sizeof *slots);
	if (!slots)
		return -ENOMEM;
	for (unsigned i = 0; i < used; i++)
		slots[i] = *pipe_slot(pipe, pipe->tail + i);
	mem_free(pipe->slots);
	pipe->slots = slots;
	pipe->slot_count = count;
	pipe->tail = 0;
	pipe->head = used;
	return 0;
}

int pipe_set_capacity(struct file *file, uint32_t bytes)
{
	struct pipe *pipe;
	unsigned count = 1;
	int error;

	if (file->ops != &pipe_ops)
		return -EBADF;
	if (bytes > PIPE_BYTES_MAX)
		return -EINVAL;
	while (count * PAGE_SIZE < bytes)
		count *= 2;
	pipe = pipe_of(file);
	mutex_lock(&pipe->lock);
	error = count == pipe->slot_count ? 0 : resize(pipe, count);
	mutex_unlock(&pipe->lock);
	if (error)
		return error;
	waitq_wake_events(&pipe->queues[O_WRONLY], WAKE_ANY);
	waitq_wake_events(&pipe->queues[O_RDWR], WAKE_ANY);
	return (int)(count * PAGE_SIZE);
}
