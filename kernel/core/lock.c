/* SPDX-License-Identifier: BSD-3-Clause */
/* <core/lock.h>. Each CPU counts the spinlocks that it holds; with the last one interrupts are as
 * they were before the first. */
#include <core/lock.h>

#include "scheduler.h"

#include <base/assert.h>
#include <core/thread.h>
#include <hal/cpu.h>

struct context_may_sleep may_sleep;

static struct {
	unsigned depth;
	bool irqs_were_on;
} held[CPU_MAX];

void spin_lock(struct spinlock *lock) NO_THREAD_SAFETY_ANALYSIS
{
	bool were_on = cpu_irq_disable();
	unsigned cpu = cpu_index();

	if (held[cpu].depth++ == 0)
		held[cpu].irqs_were_on = were_on;
	while (__atomic_exchange_n(&lock->held, true, __ATOMIC_ACQUIRE)) {
		assert(CPU_MAX > 1); /* nobody else could ever release it */
		cpu_relax();
	}
}

void spin_unlock(struct spinlock *lock) NO_THREAD_SAFETY_ANALYSIS
{
	unsigned cpu = cpu_index();

	assert(lock->held);
	__atomic_store_n(&lock->held, false, __ATOMIC_RELEASE);
	if (--held[cpu].depth == 0 && held[cpu].irqs_were_on)
		cpu_irq_enable();
}

bool scheduler_in_interrupt(void)
{
	return held[cpu_index()].depth > 0 && !held[cpu_index()].irqs_were_on;
}

bool scheduler_swap_irqs_were_on(bool value)
{
	unsigned cpu = cpu_index();
	bool old = held[cpu].irqs_were_on;

	assert(held[cpu].depth == 1);
	held[cpu].irqs_were_on = value;
	return old;
}

void assert_may_sleep(void) NO_THREAD_SAFETY_ANALYSIS
{
	assert(held[cpu_index()].depth == 0 && cpu_irq_enabled());
}

void mutex_init(struct mutex *mutex)
{
	spin_init(&mutex->lock);
	mutex->owner = NULL;
	list_init(&mutex->waiters);
}

void mutex_lock(struct mutex *mutex) NO_THREAD_SAFETY_ANALYSIS
{
	struct thread *self = thread_current();

	assert_may_sleep();
	spin_lock(&mutex->lock);
	assert(mutex->owner != self);
	while (mutex->owner) {
		struct waiter waiter;
		struct waiter *waiters[] = { &waiter };
		int woken;

		waiter_init(&waiter);
		list_insert_before(&mutex->waiters, &waiter.link);
		spin_unlock(&mutex->lock);
		woken = thread_wait(waiters, 1, TIME_NEVER, WAIT_UNINTERRUPTIBLE);
		assert(!woken);
		spin_lock(&mutex->lock);
		list_remove(&waiter.link);
	}
	mutex->owner = self;
	spin_unlock(&mutex->lock);
}

void mutex_unlock(struct mutex *mutex) NO_THREAD_SAFETY_ANALYSIS
{
	spin_lock(&mutex->lock);
	assert(mutex->owner == thread_current());
	mutex->owner = NULL;
	if (!list_empty(&mutex->waiters)) {
		struct waiter *first = list_entry(mutex->waiters.next, struct waiter, link);

		first->wake(first);
	}
	spin_unlock(&mutex->lock);
}
