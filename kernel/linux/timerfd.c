/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * timerfd_create(2): a timer that is a file. It fires once; what an interval has added since is counted when somebody reads it
 * or asks for the time left, and only then does it go on. Times are the timer's own clock's, so that a wall clock may be set
 * under it; who asked for that is told: clock_was_set().
 */
#include <core/time.h>
#include <core/timer.h>
#include <fs/uio.h>
#include <mm/alloc.h>

#include "calls.h"
#include "clocks.h"

enum { TFD_TIMER_ABSTIME = 1, TFD_TIMER_CANCEL_ON_SET = 2 };

struct timerfd {
	struct spinlock lock;
	struct waitq queue;
	struct timer timer;
	int clock;
	bool of_wall;                      /* [lock] `expires_ns` is a wall clock's time */
	uint64_t expires_ns, interval_ns;  /* [lock] expires 0: not set */
	uint64_t ticks;                    /* [lock] expirations not yet read */
	bool expired;                      /* [lock] fired; an interval not counted yet */
	bool cancels_on_set, is_cancelled; /* [lock] */
	struct list_node link;             /* [wall_timers.lock] */
};

/* Those that were ever to be told when the wall clock is set: a machine has one. */
static struct {
	struct spinlock lock;
	struct list_node list; /* [lock] */
} wall_timers = { .list = { &wall_timers.list, &wall_timers.list } };

static uint64_t now_of(const struct timerfd *t)
{
	return t->of_wall ? time_wall() : time_now();
}

/* [t->lock] Sets the kernel's timer, if there is something to come. */
static void arm(struct timerfd *t)
{
	if (t->expires_ns && !t->expired)
		timer_arm_on(&t->timer, t->of_wall ? TIMER_WALL : TIMER_MONOTONIC, t->expires_ns);
}

/* Interrupt context. The kernel's timer is never cancelled, so it may come for nothing. */
static void fire(struct timer *timer)
{
	struct timerfd *t = container_of(timer, struct timerfd, timer);

	spin_lock(&t->lock);
	bool fires = t->expires_ns && !t->expired && now_of(t) >= t->expires_ns;
	if (fires) {
		t->expired = true;
		t->ticks++;
	} else {
		arm(t);
	}
	spin_unlock(&t->lock);
	if (fires)
		waitq_wake_events(&t->queue, POLLIN);
}

/* [t->lock] Counts what has passed since it fired, and goes on. */
static void catch_up(struct timerfd *t)
{
	if (!t->expired || !t->interval_ns)
		return;
	uint64_t times = (now_of(t) - t->expires_ns) / t->interval_ns;

	t->ticks += times;
	/* Both are below 2^63; a sum that is not would count as long past in arm(), and fire again and again. */
	t->expires_ns = min(t->expires_ns + (times + 1) * t->interval_ns, (uint64_t)INT64_MAX);
	t->expired = false;
	arm(t);
}

/* [t->lock] */
static uint64_t time_left(const struct timerfd *t)
{
	uint64_t now = now_of(t);

	if (!t->expires_ns || t->expired)
		return 0;
	return t->expires_ns > now ? t->expires_ns - now : 1;
}

static ssize_t timerfd_read(struct file *file, struct uio *uio, uint64_t *position)
{
	struct timerfd *t = file->private;
	uint64_t ticks;
	int err = 0;

	(void)position;
	if (uio->left < sizeof(ticks))
		return -EINVAL;
	spin_lock(&t->lock);
	while (!t->ticks && !t->is_cancelled && !err)
		err = uio->nonblocking
			      ? -EAGAIN
			      : waitq_wait(&t->queue, &t->lock, TIME_NEVER, WAIT_INTERRUPTIBLE);
	if (t->is_cancelled) {
		t->is_cancelled = false;
		t->ticks = 0;
		err = -ECANCELED;
	}
	if (!err)
		catch_up(t);
	ticks = t->ticks;
	if (!err)
		t->ticks = 0;
	spin_unlock(&t->lock);
	return err ? err : uio_put(uio, &ticks, sizeof(ticks));
}

static unsigned timerfd_poll(struct file *file, struct waitq **queue)
{
	struct timerfd *t = file->private;

	*queue = &t->queue;
	return t->ticks || t->is_cancelled ? POLLIN : 0;
}

static void timerfd_release(struct file *file)
{
	struct timerfd *t = file->private;

	spin_lock(&wall_timers.lock);
	list_remove(&t->link);
	spin_unlock(&wall_timers.lock);
	spin_lock(&t->lock);
	t->expires_ns = 0;
	spin_unlock(&t->lock);
	timer_cancel(&t->timer);
	mem_free(t);
}

static const struct file_ops timerfd_ops = {
	.name = "[timerfd]",
	.read = timerfd_read,
	.poll = timerfd_poll,
	.release = timerfd_release,
};

static void clock_was_set(void)
{
	spin_lock(&wall_timers.lock);
	list_for_each(node, &wall_timers.list) {
		struct timerfd *t = list_entry(node, struct timerfd, link);

		spin_lock(&t->lock);
		t->is_cancelled |= t->cancels_on_set;
		bool tells = t->is_cancelled;
		spin_unlock(&t->lock);
		if (tells)
			waitq_wake_events(&t->queue, POLLIN);
	}
	spin_unlock(&wall_timers.lock);
}

long sys_timerfd_create(long clock, long flags)
{
	clock = (int)clock;
	if ((int)flags & ~(O_NONBLOCK | O_CLOEXEC) ||
	    (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME &&
	     clock != CLOCK_REALTIME_ALARM && clock != CLOCK_BOOTTIME_ALARM))
		return -EINVAL;
	struct timerfd *t = mem_alloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct timerfd){ .clock = (int)clock };
	spin_init(&t->lock);
	waitq_init(&t->queue);
	timer_init(&t->timer, fire);
	list_init(&t->link);
	return install_new(&timerfd_ops, t, (unsigned)flags);
}

struct timer_values {
	struct linux_timespec interval, value;
};

static long write_values(uintptr_t address, uint64_t left, uint64_t interval)
{
	int err = user_write_timespec(address, interval);

	return err ? err : user_write_timespec(address + sizeof(struct linux_timespec), left);
}

/* The timer behind a descriptor, with a reference to its file. */
static int get_timer(long fd, struct file **file)
{
	*file = fd_file(fd);
	if (!*file)
		return -EBADF;
	if ((*file)->ops == &timerfd_ops)
		return 0;
	file_put(*file);
	return -EINVAL;
}

static void watch_wall(struct timerfd *t)
{
	time_set_wall_listener(clock_was_set);
	spin_lock(&wall_timers.lock);
	if (!list_linked(&t->link))
		list_insert_before(&wall_timers.list, &t->link);
	spin_unlock(&wall_timers.lock);
}

/* [t->lock] A relative time is not the wall clock's: that may be set meanwhile. */
static void set(struct timerfd *t, uint64_t value, uint64_t interval, unsigned flags)
{
	t->of_wall = flags & TFD_TIMER_ABSTIME && clock_is_wall(t->clock);
	if (value && !(flags & TFD_TIMER_ABSTIME))
		value += now_of(t);
	t->expires_ns = min(value, (uint64_t)INT64_MAX);
	t->interval_ns = interval;
	t->ticks = 0;
	t->expired = false;
	t->is_cancelled = false;
	t->cancels_on_set = t->of_wall && flags & TFD_TIMER_CANCEL_ON_SET;
	arm(t);
}

long sys_timerfd_settime(long fd, long flags, long address, long old_address)
{
	struct timer_values values;
	uint64_t value, interval;
	struct file *file;

	if ((int)flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	if (user_read(&values, (uintptr_t)address, sizeof(values)))
		return -EFAULT;
	if (timespec_to_ns(&values.value, &value) || timespec_to_ns(&values.interval, &interval))
		return -EINVAL;
	int err = get_timer(fd, &file);
	if (err)
		return err;

	struct timerfd *t = file->private;
	if (flags & TFD_TIMER_CANCEL_ON_SET && flags & TFD_TIMER_ABSTIME && clock_is_wall(t->clock))
		watch_wall(t);
	spin_lock(&t->lock);
	catch_up(t);
	uint64_t old_left = time_left(t), old_interval = t->interval_ns;
	set(t, value, interval, (unsigned)flags);
	spin_unlock(&t->lock);
	file_put(file);
	return old_address ? write_values((uintptr_t)old_address, old_left, old_interval) : 0;
}

long sys_timerfd_gettime(long fd, long address)
{
	struct file *file;
	int err = get_timer(fd, &file);

	if (err)
		return err;
	struct timerfd *t = file->private;
	spin_lock(&t->lock);
	catch_up(t);
	uint64_t left = time_left(t), interval = t->interval_ns;
	spin_unlock(&t->lock);
	file_put(file);
	return write_values((uintptr_t)address, left, interval);
}
