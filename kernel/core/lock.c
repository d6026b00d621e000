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

static bool take(struct mutex *mutex, struct thread *self)
{
	struct thread *nobody = NULL;

	return __atomic_compare_exchange_n(&mutex->owner, &nobody, self, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}

/* Links itself first and tries again then: who releases the mutex looks at the waiters after. */
static noinline void wait_for(struct mutex *mutex, struct thread *self) NO_THREAD_SAFETY_ANALYSIS
{
	struct waiter waiter;
	struct waiter *waiters[] = { &waiter };

	assert(mutex->owner != self);
	waiter_init(&waiter);
	spin_lock(&mutex->lock);
	list_insert_before(&mutex->waiters, &waiter.link);
	spin_unlock(&mutex->lock);
	while (!take(mutex, self)) {
		int woken = thread_wait(waiters, 1, TIME_NEVER, WAIT_UNINTERRUPTIBLE);

		assert(!woken);
		__atomic_store_n(&waiter.woken, false, __ATOMIC_SEQ_CST);
	}
	spin_lock(&mutex->lock);
	list_remove(&waiter.link);
	spin_unlock(&mutex->lock);
}

void mutex_lock(struct mutex *mutex) NO_THREAD_SAFETY_ANALYSIS
{
	struct thread *self = thread_current();

	assert_may_sleep();
	if (unlikely(!take(mutex, self)))
		wait_for(mutex, self);
}

static noinline void wake_first(struct mutex *mutex)
{
	spin_lock(&mutex->lock);
	if (!list_empty(&mutex->waiters)) {
		struct waiter *first = list_entry(mutex->waiters.next, struct waiter, link);

		first->wake(first);
	}
	spin_unlock(&mutex->lock);
}

void mutex_unlock(struct mutex *mutex) NO_THREAD_SAFETY_ANALYSIS
{
	struct thread *owner = __atomic_exchange_n(&mutex->owner, NULL, __ATOMIC_SEQ_CST);

	assert(owner == thread_current());
	if (unlikely(__atomic_load_n(&mutex->waiters.next, __ATOMIC_RELAXED) != &mutex->waiters))
		wake_first(mutex);
}
