/* SPDX-License-Identifier: BSD-3-Clause */
/* eventfd(2): a counter that is a file. */
#include <fs/uio.h>
#include <mm/alloc.h>

#include "calls.h"

enum { EFD_SEMAPHORE = 1 };
enum { READABLE = POLLIN | POLLRDNORM, WRITABLE = POLLOUT | POLLWRNORM };
#define COUNT_MAX (UINT64_MAX - 1)

struct counter {
	struct spinlock lock;
	struct waitq queue;
	uint64_t count; /* [lock] */
	bool semaphore;
};

static int wait_for(struct counter *c, const struct uio *uio, unsigned events) REQUIRES(c->lock)
{
	if (uio->nonblocking)
		return -EAGAIN;
	return waitq_wait_events(&c->queue, &c->lock, events, TIME_NEVER, WAIT_INTERRUPTIBLE);
}

static ssize_t counter_read(struct file *file, struct uio *uio, uint64_t *position)
{
	struct counter *c = file->private;
	uint64_t value;
	int err = 0;

	(void)position;
	if (uio->left < sizeof(value))
		return -EINVAL;
	spin_lock(&c->lock);
	while (!c->count && !err)
		err = wait_for(c, uio, READABLE);
	value = c->semaphore && c->count ? 1 : c->count;
	if (!err)
		c->count -= value;
	spin_unlock(&c->lock);
	if (err)
		return err;
	waitq_wake_events(&c->queue, WRITABLE);
	return uio_put(uio, &value, sizeof(value));
}

static ssize_t counter_write(struct file *file, struct uio *uio, uint64_t *position)
{
	struct counter *c = file->private;
	uint64_t value;
	int err = 0;

	(void)position;
	if (uio->left != sizeof(value))
		return -EINVAL;
	ssize_t got = uio_get(uio, &value, sizeof(value));
	if (got != (ssize_t)sizeof(value))
		return got < 0 ? got : -EFAULT;
	if (value > COUNT_MAX)
		return -EINVAL;
	spin_lock(&c->lock);
	while (value > COUNT_MAX - c->count && !err)
		err = wait_for(c, uio, WRITABLE);
	if (!err)
		c->count += value;
	spin_unlock(&c->lock);
	if (err)
		return err;
	waitq_wake_events(&c->queue, READABLE);
	return sizeof(value);
}

static unsigned counter_poll(struct file *file, struct waitq **queue)
{
	struct counter *c = file->private;
	uint64_t count = __atomic_load_n(&c->count, __ATOMIC_RELAXED);

	*queue = &c->queue;
	return (count ? (unsigned)POLLIN : 0) | (count < COUNT_MAX ? (unsigned)POLLOUT : 0);
}

static void counter_release(struct file *file)
{
	mem_free(file->private);
}

static const struct file_ops counter_ops = {
	.name = "[eventfd]",
	.read = counter_read,
	.write = counter_write,
	.poll = counter_poll,
	.release = counter_release,
};

long sys_eventfd2(long initial, long flags)
{
	if ((int)flags & ~(EFD_SEMAPHORE | O_NONBLOCK | O_CLOEXEC))
		return -EINVAL;
	struct counter *c = mem_alloc(sizeof(*c));
	if (!c)
		return -ENOMEM;
	*c = (struct counter){ .count = (uint32_t)initial, .semaphore = flags & EFD_SEMAPHORE };
	spin_init(&c->lock);
	waitq_init(&c->queue);
	return install_new(&counter_ops, c, (unsigned)flags);
}

long sys_eventfd(long initial)
{
	return sys_eventfd2(initial, 0);
}
