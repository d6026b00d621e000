/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are only counters: eventfd(2) and timerfd_create(2). */
#include <core/time.h>
#include <core/timer.h>
#include <fs/uio.h>
#include <mm/alloc.h>

#include "calls.h"
#include "clocks.h"

enum { EFD_SEMAPHORE = 1, TFD_TIMER_ABSTIME = 1, TFD_TIMER_CANCEL_ON_SET = 2 };
#define COUNT_MAX (UINT64_MAX - 1)

struct counter {
	struct spinlock lock;
	struct waitq queue;
	uint64_t count; /* [lock] */
	bool semaphore;
	/* of a timerfd */
	struct timer timer;
	int clock;
	uint64_t expires_ns, interval_ns; /* [lock] on time_now()'s clock; 0: not set */
};

static void nothing(struct timer *timer)
{
	(void)timer;
}

static struct counter *counter_create(void)
{
	struct counter *c = mem_zalloc(sizeof(*c));

	if (c) {
		spin_init(&c->lock);
		waitq_init(&c->queue);
		timer_init(&c->timer, nothing);
	}
	return c;
}

static void counter_release(struct file *file)
{
	struct counter *c = file->private;

	spin_lock(&c->lock);
	c->interval_ns = c->expires_ns = 0;
	spin_unlock(&c->lock);
	timer_cancel(&c->timer);
	mem_free(c);
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
		err = uio->nonblocking
			      ? -EAGAIN
			      : waitq_wait(&c->queue, &c->lock, TIME_NEVER, WAIT_INTERRUPTIBLE);
	value = c->semaphore && c->count ? 1 : c->count;
	if (!err)
		c->count -= value;
	spin_unlock(&c->lock);
	if (err)
		return err;
	waitq_wake_all(&c->queue);
	return uio_put(uio, &value, sizeof(value));
}

static ssize_t event_write(struct file *file, struct uio *uio, uint64_t *position)
{
	struct counter *c = file->private;
	uint64_t value;
	int err = 0;

	(void)position;
	if (uio->left < sizeof(value))
		return -EINVAL;
	ssize_t got = uio_get(uio, &value, sizeof(value));
	if (got != (ssize_t)sizeof(value))
		return got < 0 ? got : -EFAULT;
	if (value > COUNT_MAX)
		return -EINVAL;
	spin_lock(&c->lock);
	while (value > COUNT_MAX - c->count && !err)
		err = uio->nonblocking
			      ? -EAGAIN
			      : waitq_wait(&c->queue, &c->lock, TIME_NEVER, WAIT_INTERRUPTIBLE);
	if (!err)
		c->count += value;
	spin_unlock(&c->lock);
	if (err)
		return err;
	waitq_wake_all(&c->queue);
	return sizeof(value);
}

static unsigned event_poll(struct file *file, struct waitq **queue)
{
	struct counter *c = file->private;

	*queue = &c->queue;
	return (c->count ? POLLIN | POLLRDNORM : 0) |
	       (c->count < COUNT_MAX ? POLLOUT | POLLWRNORM : 0);
}

static unsigned timer_poll(struct file *file, struct waitq **queue)
{
	struct counter *c = file->private;

	*queue = &c->queue;
	return c->count ? POLLIN | POLLRDNORM : 0;
}

static int counter_getattr(struct file *file, struct inode_attr *out)
{
	(void)file;
	*out = (struct inode_attr){ .mode = 0600, .nlink = 1 };
	return 0;
}

static const struct file_ops event_ops = {
	.read = counter_read,
	.write = event_write,
	.poll = event_poll,
	.getattr = counter_getattr,
	.release = counter_release,
};

static const struct file_ops timer_ops = {
	.read = counter_read,
	.poll = timer_poll,
	.getattr = counter_getattr,
	.release = counter_release,
};

static long install(const struct file_ops *ops, struct counter *c, long flags)
{
	struct file *file = file_create(ops, O_RDWR | ((unsigned)flags & O_NONBLOCK), c);

	if (!file) {
		mem_free(c);
		return -ENOMEM;
	}
	int fd = fd_install(process_current()->files, file, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}

long sys_eventfd2(long initial, long flags)
{
	flags = (int)flags;
	if (flags & ~(long)(EFD_SEMAPHORE | O_NONBLOCK | O_CLOEXEC))
		return -EINVAL;
	struct counter *c = counter_create();
	if (!c)
		return -ENOMEM;
	c->count = (uint32_t)initial;
	c->semaphore = flags & EFD_SEMAPHORE;
	return install(&event_ops, c, flags);
}

long sys_eventfd(long initial)
{
	return sys_eventfd2(initial, 0);
}

/* --- timerfd --- */

/* Interrupt context. Expirations that came too close together are counted, not each of them served. */
static void timer_fire(struct timer *timer)
{
	struct counter *c = container_of(timer, struct counter, timer);
	uint64_t now = time_now(), times = 1;
	enum { INTERVAL_MIN_NS = 50000 };

	spin_lock(&c->lock);
	if (!c->expires_ns || now < c->expires_ns) {
		spin_unlock(&c->lock);
		return;
	}
	if (c->interval_ns) {
		times += (now - c->expires_ns) / c->interval_ns;
		c->expires_ns += times * c->interval_ns;
		timer_arm(&c->timer, max(c->expires_ns, now + INTERVAL_MIN_NS));
	} else {
		c->expires_ns = 0;
	}
	c->count += times;
	spin_unlock(&c->lock);
	waitq_wake_all(&c->queue);
}

long sys_timerfd_create(long clock, long flags)
{
	clock = (int)clock;
	flags = (int)flags;
	if (flags & ~(long)(O_NONBLOCK | O_CLOEXEC) ||
	    (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
	     clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM))
		return -EINVAL;
	struct counter *c = counter_create();
	if (!c)
		return -ENOMEM;
	c->clock = (int)clock;
	timer_init(&c->timer, timer_fire);
	return install(&timer_ops, c, flags);
}

struct timer_values {
	struct linux_timespec interval, value;
};

static long write_values(uintptr_t address, uint64_t left, uint64_t interval)
{
	int err = user_write_timespec(address, interval);

	return err ? err : user_write_timespec(address + sizeof(struct linux_timespec), left);
}

/* [c->lock] */
static uint64_t time_left(const struct counter *c)
{
	uint64_t now = time_now();

	return !c->expires_ns ? 0 : c->expires_ns > now ? c->expires_ns - now : 1;
}

/* The counter behind a timerfd, with a reference to its file. */
static int timer_file(long fd, struct file **file)
{
	*file = fd_file(fd);
	if (!*file)
		return -EBADF;
	if ((*file)->ops == &timer_ops)
		return 0;
	file_put(*file);
	return -EINVAL;
}

long sys_timerfd_settime(long fd, long flags, long address, long old_address)
{
	struct timer_values values;
	uint64_t value, interval;
	struct file *file;

	flags = (int)flags;
	if (flags & ~(long)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	if (user_read(&values, (uintptr_t)address, sizeof(values)))
		return -EFAULT;
	if (timespec_to_ns(&values.value, &value) || timespec_to_ns(&values.interval, &interval))
		return -EINVAL;
	int err = timer_file(fd, &file);
	if (err)
		return err;

	struct counter *c = file->private;
	if (value)
		value = flags & TFD_TIMER_ABSTIME
				? max(clock_deadline(c->clock, value), (uint64_t)1)
				: deadline_after(value);
	timer_cancel(&c->timer);
	spin_lock(&c->lock);
	uint64_t old_left = time_left(c), old_interval = c->interval_ns;
	c->expires_ns = value;
	c->interval_ns = interval;
	c->count = 0;
	if (value)
		timer_arm(&c->timer, value);
	spin_unlock(&c->lock);
	file_put(file);
	return old_address ? write_values((uintptr_t)old_address, old_left, old_interval) : 0;
}

long sys_timerfd_gettime(long fd, long address)
{
	struct file *file;
	int err = timer_file(fd, &file);

	if (err)
		return err;
	struct counter *c = file->private;
	spin_lock(&c->lock);
	uint64_t left = time_left(c), interval = c->interval_ns;
	spin_unlock(&c->lock);
	file_put(file);
	return write_values((uintptr_t)address, left, interval);
}
