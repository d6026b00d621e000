/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Polling. A device that wants it is on a list; rounds are done by the thread "net", which lets the others run between two of them,
 * and by any thread that would otherwise sleep (netdev_poll_now()).
 *
 * Whether a device's interrupts are on again after a round that found something depends on what the CPU does. While it is idle between
 * two packets, they are: a second round would find nothing. An interrupt that comes while a program runs was not needed, as that comes to
 * poll by itself: then the device stays on the list, and interrupts nobody, until some rounds have found nothing.
 */
#include "internal.h"

#include <base/assert.h>
#include <base/errno.h>
#include <core/thread.h>
#include <mm/alloc.h>
#include <mm/stack.h>

enum {
	BUDGET = 64,  /* packets of one device in a round */
	PATIENCE = 4, /* rounds that find nothing before interrupts come back at once */
};

/* One network in the machine. */
static struct {
	struct spinlock lock;
	struct list_node scheduled; /* [lock] struct netdev.poll_link */
	struct waiter waiter;       /* the thread's */
	bool waits;                 /* atomic: wake it */
	struct thread *thread;      /* [net_mutex] NULL: not started */
} poll = {
	.scheduled = { &poll.scheduled, &poll.scheduled },
};

static bool nothing_scheduled(void)
{
	return __atomic_load_n(&poll.scheduled.next, __ATOMIC_ACQUIRE) == &poll.scheduled;
}

static bool interrupts_a_program(void)
{
	return !cpu_irq_enabled() && thread_current()->user;
}

void netdev_schedule(struct netdev *dev)
{
	if (__atomic_exchange_n(&dev->scheduled, true, __ATOMIC_ACQ_REL))
		return;
	spin_lock(&poll.lock);
	list_insert_before(&poll.scheduled, &dev->poll_link);
	spin_unlock(&poll.lock);
	if (interrupts_a_program())
		dev->patience = PATIENCE;
	if (__atomic_exchange_n(&poll.waits, false, __ATOMIC_SEQ_CST))
		poll.waiter.wake(&poll.waiter);
}

void netdev_link_changed(struct netdev *dev)
{
	__atomic_store_n(&dev->state_changed, true, __ATOMIC_RELEASE);
	netdev_schedule(dev);
}

void netdev_failed(struct netdev *dev)
{
	__atomic_store_n(&dev->failed, true, __ATOMIC_RELEASE);
	netdev_link_changed(dev);
}

/* A round */

static void take_scheduled(struct list_node *out)
{
	list_init(out);
	spin_lock(&poll.lock);
	if (!list_empty(&poll.scheduled)) {
		list_insert_after(&poll.scheduled, out);
		list_remove(&poll.scheduled);
	}
	spin_unlock(&poll.lock);
}

static void schedule_again(struct netdev *dev)
{
	spin_lock(&poll.lock);
	list_insert_before(&poll.scheduled, &dev->poll_link);
	spin_unlock(&poll.lock);
}

static void tell_state(struct netdev *dev) REQUIRES(net_mutex)
{
	const struct netdev_upper *upper = netdev_upper();

	if (!netdev_usable(dev))
		netdev_drop_waiting(dev);
	if (upper)
		upper->link_changed(dev);
}

static unsigned poll_device(struct netdev *dev) REQUIRES(net_mutex)
{
	unsigned received = 0;

	if (!__atomic_load_n(&dev->failed, __ATOMIC_ACQUIRE))
		received = dev->ops->poll(dev, BUDGET);
	if (__atomic_exchange_n(&dev->state_changed, false, __ATOMIC_ACQ_REL))
		tell_state(dev);
	if (received >= BUDGET || (received && dev->patience)) {
		schedule_again(dev);
		return received;
	}
	if (!received && dev->patience)
		dev->patience--;
	/* In this order: an interrupt from here on schedules it again. */
	__atomic_store_n(&dev->scheduled, false, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&dev->failed, __ATOMIC_ACQUIRE) && !dev->ops->rearm(dev))
		netdev_schedule(dev);
	/* The flag may have been set while the device still counted as scheduled. */
	if (__atomic_load_n(&dev->state_changed, __ATOMIC_SEQ_CST))
		netdev_schedule(dev);
	return received;
}

static unsigned poll_round(void)
{
	struct list_node devices, *node;
	unsigned received = 0;

	mutex_lock(&net_mutex);
	take_scheduled(&devices);
	while ((node = list_pop_front(&devices)) != NULL)
		received += poll_device(list_entry(node, struct netdev, poll_link));
	if (netdev_upper())
		netdev_upper()->polled();
	mutex_unlock(&net_mutex);
	return received;
}

bool netdev_poll_now(void)
{
	return !nothing_scheduled() && poll_round();
}

void poll_forget(struct netdev *dev)
{
	spin_lock(&poll.lock);
	list_remove(&dev->poll_link);
	/* Nobody puts it there again. */
	__atomic_store_n(&dev->scheduled, true, __ATOMIC_RELEASE);
	spin_unlock(&poll.lock);
}

/* The thread */

static void wait_for_devices(void)
{
	struct waiter *waiters[] = { &poll.waiter };
	int woken;

	waiter_init(&poll.waiter);
	/* Before the list is looked at; pairs with netdev_schedule(). */
	__atomic_store_n(&poll.waits, true, __ATOMIC_SEQ_CST);
	if (nothing_scheduled()) {
		woken = thread_wait(waiters, 1, TIME_NEVER, WAIT_UNINTERRUPTIBLE);
		assert(!woken);
	}
	__atomic_store_n(&poll.waits, false, __ATOMIC_RELAXED);
}

static _Noreturn void run(void *arg)
{
	(void)arg;
	for (;;) {
		wait_for_devices();
		while (!nothing_scheduled()) {
			poll_round();
			if (!nothing_scheduled())
				thread_yield();
		}
	}
}

int poll_start(void)
{
	struct thread *thread;
	void *stack;

	if (poll.thread)
		return 0;
	thread = mem_alloc(sizeof *thread);
	stack = stack_create();
	if (!thread || !stack) {
		mem_free(thread);
		if (stack)
			stack_destroy(stack);
		return -ENOMEM;
	}
	thread_init(thread, "net", stack, STACK_BYTES, run, NULL, NULL);
	poll.thread = thread;
	thread_start(thread);
	return 0;
}

int netdev_start_polling(struct netdev *dev)
{
	list_init(&dev->link_node);
	list_init(&dev->poll_link);
	return poll_start();
}
