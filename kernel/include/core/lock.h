/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks. A spinlock keeps interrupts off while held, guards a few instructions, and nothing under
 * it may sleep, allocate by sleeping, or touch user memory. A mutex may be held across sleeping.
 * The order of locks is in docs/locking.md.
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>

struct thread;

struct CAPABILITY("spinlock") spinlock {
	bool held; /* atomic */
};

#define SPINLOCK_INIT \
	{             \
		false \
	}

static inline void spin_init(struct spinlock *lock)
{
	lock->held = false;
}

/** Any context. Nests with other spinlocks; interrupts come back on with the outermost release. */
void spin_lock(struct spinlock *lock) ACQUIRE(lock);
void spin_unlock(struct spinlock *lock) RELEASE(lock);

/** The pseudo-capability of thread context: see <base/compiler.h>. Has no state. */
struct CAPABILITY("context") context_may_sleep {
	char none;
};
extern struct context_may_sleep may_sleep;

/** Asserts that the caller is a thread with interrupts on and no spinlock held. */
void assert_may_sleep(void) ASSERT_CAPABILITY(may_sleep);

struct CAPABILITY("mutex") mutex {
	struct spinlock lock;
	struct thread *owner;     /* atomic; NULL: nobody */
	struct list_node waiters; /* [lock] struct waiter.link */
};

/** Thread context. Not recursive. */
void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex) ACQUIRE(mutex);
void mutex_unlock(struct mutex *mutex) RELEASE(mutex);
