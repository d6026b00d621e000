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
	struct list_node scheduled; /* [lock] struct poller.link */
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

void poller_schedule(struct poller *poller)
{
	if (__atomic_exchange_n(&poller->scheduled, true, __ATOMIC_ACQ_REL))
		return;
	spin_lock(&poll.lock);
	list_insert_before(&poll.scheduled, &poller->link);
	spin_unlock(&poll.lock);
	if (interrupts_a_program())
		poller->patience = PATIENCE;
	if (__atomic_exchange_n(&poll.waits, false, __ATOMIC_SEQ_CST))
		poll.waiter.wake(&poll.waiter);
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

static void schedule_again(struct poller *poller)
{
	spin_lock(&poll.lock);
	list_insert_before(&poll.scheduled, &poller->link);
	spin_unlock(&poll.lock);
}

static unsigned poll_one(struct poller *poller) REQUIRES(net_mutex)
{
	unsigned found = poller->ops->poll(poller, BUDGET);

	if (found >= BUDGET || (found && poller->patience)) {
		schedule_again(poller);
		return found;
	}
	if (!found && poller->patience)
		poller->patience--;
	/* In this order: an interrupt from here on schedules it again. */
	__atomic_store_n(&poller->scheduled, false, __ATOMIC_SEQ_CST);
	if (!poller->ops->rearm(poller))
		poller_schedule(poller);
	return found;
}

static unsigned poll_round(void)
{
	struct list_node pollers, *node;
	unsigned found = 0;

	mutex_lock(&net_mutex);
	take_scheduled(&pollers);
	while ((node = list_pop_front(&pollers)) != NULL)
		found += poll_one(list_entry(node, struct poller, link));
	if (netdev_upper())
		netdev_upper()->polled();
	mutex_unlock(&net_mutex);
	return found;
}

bool netdev_poll_now(void)
{
	return !nothing_scheduled() && poll_round();
}

void poller_stop(struct poller *poller)
{
	spin_lock(&poll.lock);
	list_remove(&poller->link);
	/* Nobody puts it there again. */
	__atomic_store_n(&poller->scheduled, true, __ATOMIC_RELEASE);
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

static int start_thread(void) REQUIRES(net_mutex)
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

int poller_start(struct poller *poller)
{
	list_init(&poller->link);
	return start_thread();
}
