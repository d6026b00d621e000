/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pipes and FIFOs: a ring of bytes in pages that are taken as it fills. The bytes and their count are under the pipe's mutex.
 * Sleepers wait on one queue: `changes` counts, under the queue's spinlock, whatever could end a wait, so that who saw
 * nothing to do under the mutex sleeps only if nothing has happened since. Thread context.
 */
#include <fs/pipe.h>

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/user.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "internal.h"

enum { FIONREAD = 0x541b };

struct pipe {
	struct mutex lock;
	struct page **pages;       /* [lock] `slots` of them, NULL where none was needed yet */
	size_t slots;              /* [lock] a power of two */
	uint64_t head, tail;       /* [lock] bytes ever written, and read */
	unsigned readers, writers; /* [lock] open ends; O_RDWR is both */
	uint64_t reader_opens,
		writer_opens; /* [lock] ever: who waits for the other end must not miss a short one */
	struct spinlock wait_lock;
	struct waitq queue;
	uint64_t changes; /* [wait_lock] */
};

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
	pipe->slots = PIPE_PAGES;
	pipe->pages = mem_zalloc(PIPE_PAGES * sizeof *pipe->pages);
	if (!pipe->pages) {
		mem_free(pipe);
		return NULL;
	}
	mutex_init(&pipe->lock);
	spin_init(&pipe->wait_lock);
	waitq_init(&pipe->queue);
	return pipe;
}

static void free_pages(struct page **pages, size_t slots)
{
	for (size_t i = 0; i < slots; i++)
		if (pages[i])
			page_put(pages[i]);
	mem_free(pages);
}

static void pipe_free(struct pipe *pipe)
{
	free_pages(pipe->pages, pipe->slots);
	mem_free(pipe);
}

static size_t used(const struct pipe *pipe) REQUIRES(pipe->lock)
{
	return pipe->head - pipe->tail;
}

static size_t room(const struct pipe *pipe) REQUIRES(pipe->lock)
{
	return pipe->slots * PAGE_SIZE - used(pipe);
}

/* Waiting */

static void notify(struct pipe *pipe)
{
	spin_lock(&pipe->wait_lock);
	pipe->changes++;
	spin_unlock(&pipe->wait_lock);
	waitq_wake_all(&pipe->queue);
}

static uint64_t changes(struct pipe *pipe)
{
	uint64_t now;

	spin_lock(&pipe->wait_lock);
	now = pipe->changes;
	spin_unlock(&pipe->wait_lock);
	return now;
}

/* Releases the mutex, waits for a change, takes it again. 0 or -EINTR. */
static int wait_change(struct pipe *pipe) REQUIRES(pipe->lock)
{
	uint64_t seen = changes(pipe);
	int error = 0;

	mutex_unlock(&pipe->lock);
	spin_lock(&pipe->wait_lock);
	while (pipe->changes == seen && !error)
		error = waitq_wait(&pipe->queue, &pipe->wait_lock, TIME_NEVER, WAIT_INTERRUPTIBLE);
	spin_unlock(&pipe->wait_lock);
	mutex_lock(&pipe->lock);
	return error;
}

/* The ring */

/* The memory at a position and how much of it lies together; NULL: no memory. */
static uint8_t *ring_at(struct pipe *pipe, uint64_t position, size_t *bytes) REQUIRES(pipe->lock)
{
	struct page **slot = &pipe->pages[(position >> PAGE_SHIFT) & (pipe->slots - 1)];

	if (!*slot)
		*slot = page_alloc(0, PAGE_PLAIN);
	*bytes = min(*bytes, PAGE_SIZE - position % PAGE_SIZE);
	return *slot ? (uint8_t *)page_virt(*slot) + position % PAGE_SIZE : NULL;
}

static ssize_t take(struct pipe *pipe, struct uio *uio) REQUIRES(pipe->lock)
{
	size_t bytes, total = 0;
	ssize_t count;

	while (uio->left && used(pipe)) {
		bytes = min(uio->left, used(pipe));
		count = uio_put(uio, ring_at(pipe, pipe->tail, &bytes), bytes);
		if (count < 0)
			return total ? (ssize_t)total : count;
		pipe->tail += (size_t)count;
		total += (size_t)count;
		if ((size_t)count < bytes)
			break;
	}
	return (ssize_t)total;
}

static ssize_t give(struct pipe *pipe, struct uio *uio) REQUIRES(pipe->lock)
{
	size_t bytes, total = 0;
	ssize_t count;
	uint8_t *to;

	while (uio->left && room(pipe)) {
		bytes = min(uio->left, room(pipe));
		to = ring_at(pipe, pipe->head, &bytes);
		count = to ? uio_get(uio, to, bytes) : -ENOMEM;
		if (count < 0)
			return total ? (ssize_t)total : count;
		pipe->head += (size_t)count;
		total += (size_t)count;
		if ((size_t)count < bytes)
			break;
	}
	return (ssize_t)total;
}

/* Reading and writing */

static struct pipe *pipe_of(const struct file *file)
{
	return file->inode->pipe;
}

static ssize_t read_locked(struct pipe *pipe, struct uio *uio) REQUIRES(pipe->lock)
{
	int error;

	if (!uio->left)
		return 0;
	while (!used(pipe)) {
		if (!pipe->writers)
			return 0;
		if (uio->nonblocking)
			return -EAGAIN;
		error = wait_change(pipe);
		if (error)
			return error;
	}
	return take(pipe, uio);
}

static ssize_t pipe_read(struct file *file, struct uio *uio, uint64_t *position)
{
	struct pipe *pipe = pipe_of(file);
	ssize_t count;

	(void)position;
	mutex_lock(&pipe->lock);
	count = read_locked(pipe, uio);
	if (!used(pipe))
		pipe->head = pipe->tail = 0; /* short messages keep to one page */
	mutex_unlock(&pipe->lock);
	if (count > 0)
		notify(pipe);
	return count;
}

/* Until `wanted` bytes fit. */
static int wait_room(struct pipe *pipe, size_t wanted, bool nonblocking) REQUIRES(pipe->lock)
{
	int error;

	for (;;) {
		if (!pipe->readers)
			return -EPIPE;
		if (room(pipe) >= wanted)
			return 0;
		if (nonblocking)
			return -EAGAIN;
		error = wait_change(pipe);
		if (error)
			return error;
	}
}

static ssize_t write_locked(struct pipe *pipe, struct uio *uio) REQUIRES(pipe->lock)
{
	/* At most PIPE_BUF: all of it at once. More: whatever fits. */
	size_t wanted = uio->left <= PIPE_BUF ? uio->left : 1;
	ssize_t count, total = 0;

	while (uio->left) {
		count = wait_room(pipe, wanted, uio->nonblocking);
		if (!count)
			count = give(pipe, uio);
		if (count <= 0)
			return total ? total : count;
		total += count;
		notify(pipe);
		wanted = 1;
	}
	return total;
}

static ssize_t pipe_write(struct file *file, struct uio *uio, uint64_t *position)
{
	struct pipe *pipe = pipe_of(file);
	ssize_t count;

	(void)position;
	mutex_lock(&pipe->lock);
	count = write_locked(pipe, uio);
	mutex_unlock(&pipe->lock);
	return count;
}

static unsigned pipe_poll(struct file *file, struct waitq **queue)
{
	struct pipe *pipe = pipe_of(file);
	unsigned mode = file->flags & O_ACCMODE, events = 0;

	*queue = &pipe->queue;
	mutex_lock(&pipe->lock);
	if (mode != O_WRONLY) {
		if (used(pipe))
			events |= POLLIN | POLLRDNORM;
		if (!pipe->writers && pipe->writer_opens)
			events |= POLLHUP;
	}
	if (mode != O_RDONLY) {
		if (room(pipe) >= PIPE_BUF)
			events |= POLLOUT | POLLWRNORM;
		if (!pipe->readers)
			events |= POLLERR;
	}
	mutex_unlock(&pipe->lock);
	return events;
}

static long pipe_ioctl(struct file *file, unsigned cmd, uintptr_t arg)
{
	struct pipe *pipe = pipe_of(file);
	int bytes;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&pipe->lock);
	bytes = (int)used(pipe);
	mutex_unlock(&pipe->lock);
	return user_write(arg, &bytes, sizeof bytes);
}

/* Opening and closing */

static void release(struct file *file)
{
	struct inode *inode = file->inode;
	struct pipe *pipe = inode->pipe;
	unsigned mode = file->flags & O_ACCMODE;
	bool last;

	/* The inode's lock keeps a FIFO's pipe from being opened while it goes. */
	mutex_lock(&inode->fs->lock);
	mutex_lock(&pipe->lock);
	pipe->readers -= mode != O_WRONLY;
	pipe->writers -= mode != O_RDONLY;
	last = !pipe->readers && !pipe->writers;
	mutex_unlock(&pipe->lock);
	if (last)
		inode->pipe = NULL;
	mutex_unlock(&inode->fs->lock);
	if (last)
		pipe_free(pipe);
	else
		notify(pipe);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read,
	.write = pipe_write,
	.ioctl = pipe_ioctl,
	.poll = pipe_poll,
	.release = release,
};

/* The pipe of an inode, with this end counted, so that it stays. */
static struct pipe *join(struct inode *inode, unsigned mode)
{
	struct pipe *pipe;

	mutex_lock(&inode->fs->lock);
	if (!inode->pipe)
		inode->pipe = pipe_new();
	pipe = inode->pipe;
	if (pipe) {
		mutex_lock(&pipe->lock);
		pipe->readers += mode != O_WRONLY;
		pipe->reader_opens += mode != O_WRONLY;
		pipe->writers += mode != O_RDONLY;
		pipe->writer_opens += mode != O_RDONLY;
		mutex_unlock(&pipe->lock);
	}
	mutex_unlock(&inode->fs->lock);
	return pipe;
}

/* Until there is, or was, another end. */
static int wait_other_end(struct pipe *pipe, unsigned flags)
{
	unsigned mode = flags & O_ACCMODE;
	uint64_t *opens = mode == O_RDONLY ? &pipe->writer_opens : &pipe->reader_opens, seen;
	int error = 0;

	mutex_lock(&pipe->lock);
	seen = *opens;
	if (mode == O_RDWR || (mode == O_RDONLY ? pipe->writers : pipe->readers))
		error = 0;
	else if (flags & O_NONBLOCK)
		error = mode == O_RDONLY ? 0 : -ENXIO;
	else
		while (*opens == seen && !error)
			error = wait_change(pipe);
	mutex_unlock(&pipe->lock);
	return error;
}

int pipe_open(struct inode *inode, struct file *file)
{
	struct pipe *pipe;
	int error;

	if ((file->flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	pipe = join(inode, file->flags & O_ACCMODE);
	if (!pipe)
		return -ENOMEM;
	file->ops = &pipe_ops;
	notify(pipe);
	error = wait_other_end(pipe, file->flags);
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
	flags &= O_NONBLOCK;
	/* The first end must not wait for the second. */
	error = file_open_inode(inode, O_RDONLY | O_NONBLOCK, reader);
	if (error)
		goto out;
	(*reader)->flags = O_RDONLY | flags;
	error = file_open_inode(inode, O_WRONLY | flags, writer);
	if (error)
		file_put(*reader);
out:
	inode_put(inode); /* the files hold it */
	return error;
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
	bytes = (int)(pipe->slots * PAGE_SIZE);
	mutex_unlock(&pipe->lock);
	return bytes;
}

/* Moves what it holds to the start of a ring of another size. */
static int resize(struct pipe *pipe, size_t slots) REQUIRES(pipe->lock)
{
	struct pipe larger = { .slots = slots };
	struct uio uio;
	struct uio_segment segment;
	ssize_t count = 0;

	if (used(pipe) > slots * PAGE_SIZE)
		return -EBUSY;
	larger.pages = mem_zalloc(slots * sizeof *larger.pages);
	if (!larger.pages)
		return -ENOMEM;
	mutex_init(&larger.lock);
	mutex_lock(&larger.lock);
	for (uint64_t at = pipe->tail; at != pipe->head && count >= 0; at += (uint64_t)count) {
		size_t bytes = pipe->head - at;
		uint8_t *from = ring_at(pipe, at, &bytes);

		uio_init_kernel(&uio, &segment, from, bytes);
		count = give(&larger, &uio);
	}
	mutex_unlock(&larger.lock);
	if (count < 0) {
		free_pages(larger.pages, slots);
		return -ENOMEM;
	}
	free_pages(pipe->pages, pipe->slots);
	pipe->pages = larger.pages;
	pipe->slots = slots;
	pipe->head -= pipe->tail;
	pipe->tail = 0;
	return 0;
}

int pipe_set_capacity(struct file *file, uint64_t bytes)
{
	struct pipe *pipe;
	size_t slots = 1;
	int error;

	if (file->ops != &pipe_ops)
		return -EBADF;
	if (bytes > PIPE_PAGES_MAX * PAGE_SIZE)
		return bytes > INT32_MAX ? -EINVAL : -EPERM;
	while (slots * PAGE_SIZE < bytes)
		slots *= 2;
	pipe = pipe_of(file);
	mutex_lock(&pipe->lock);
	error = slots == pipe->slots ? 0 : resize(pipe, slots);
	mutex_unlock(&pipe->lock);
	notify(pipe);
	return error ? error : (int)(slots * PAGE_SIZE);
}
