/* SPDX-License-Identifier: BSD-3-Clause */
/* What futex.c, futex_lock.c and futex_robust.c share. Thread context. */
#pragma once

#include <core/thread.h>
#include <hal/user.h>
#include <linux/process.h>
#include <mm/vm_object.h>

#define FUTEX_TID_MASK 0x3fffffffu
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_WAITERS 0x80000000u

#define FUTEX_BITSET_ANY UINT32_MAX

enum futex_sharing {
	FUTEX_PRIVATE, /* the word is used by one space only */
	FUTEX_SHARED,  /* it may lie in shared memory */
};

/** What tells words apart: shared memory by its object, so that all who map it meet; private memory by its space. */
struct futex_key {
	const void *owner;
	uint64_t at;
	struct vm_object *object; /* [reference] NULL: private memory */
};

/** -EINVAL: not aligned; -EFAULT: not the program's memory. */
int must_check futex_key_get(uintptr_t address, enum futex_sharing sharing, struct futex_key *key);
void futex_key_put(const struct futex_key *key);

static inline bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
	return a->owner == b->owner && a->at == b->at;
}

struct futex_bucket {
	struct spinlock lock;
	struct list_node
		waiters; /* [lock] struct futex_waiter.link: highest priority first, then oldest */
};

/** One who waits, on its own stack. In a bucket for a wake-up, or on a lock's list for the lock. */
struct futex_waiter {
	struct list_node link;       /* [bucket->lock, or the locks' lock] */
	struct futex_bucket *bucket; /* [bucket->lock] NULL: it is in none any more */
	struct futex_key key;        /* [bucket->lock] */
	uint32_t bitset;
	int priority;
	struct task *task;
	struct waiter waiter;

	/* FUTEX_WAIT_REQUEUE_PI: the lock it wants once it is woken. */
	const struct futex_key *lock_key; /* NULL: it waits for a wake-up only */
	struct futex_lock *lock;          /* [the locks' lock] what it waits for */
	bool granted;                     /* [the locks' lock] the lock is its own now */
};

/** Until when: TIME_NEVER, or a time of time_now(), with WAIT_WALL of the wall clock. */
struct futex_deadline {
	uint64_t ns;
	enum wait_flags clock; /* WAIT_WALL or nothing */
};

#define FUTEX_NO_DEADLINE        \
	(struct futex_deadline)  \
	{                        \
		.ns = TIME_NEVER \
	}

struct futex_bucket *futex_bucket_of(const struct futex_key *key);

/** Wakes up to `count` waiters for a key whose bits meet `bitset`; how many it were. -EINVAL: they wait for a lock. */
int must_check futex_wake_key(const struct futex_key *key, unsigned count, uint32_t bitset);

/** Queues the current task if the word still is `expected`. -EAGAIN: it is not; -EFAULT. */
int must_check futex_queue(struct futex_waiter *w, uintptr_t address, uint32_t expected);

/** Sleeps until woken. 0, -ETIMEDOUT, -EINTR. */
int must_check futex_sleep(struct futex_waiter *w, struct futex_deadline deadline);

/** Takes a waiter out of its bucket; false: somebody else did. */
bool futex_unqueue(struct futex_waiter *w);

/** Makes a page of the program's there for words that are read or written under a lock. -EFAULT */
int must_check futex_fault_in(uintptr_t address, enum user_access access);

/* The operations of futex(2). Results are the call's. */

/** Until woken, the deadline or a signal. */
long futex_wait(uintptr_t address, enum futex_sharing sharing, uint32_t expected,
		struct futex_deadline deadline, uint32_t bitset);
long futex_wake(uintptr_t address, enum futex_sharing sharing, int count, uint32_t bitset);

/** FUTEX_WAKE_OP: changes the second word by `code`, wakes at the first, and at the second if its old value compares so. */
struct futex_wake_two {
	uintptr_t first, second;
	enum futex_sharing sharing;
	unsigned count, second_count;
	uint32_t code;
};
long futex_wake_operation(const struct futex_wake_two *request);

/** Wakes `count` who wait at `from`, and lets up to `limit` others wait at `to`. */
struct futex_move {
	uintptr_t from, to;
	enum futex_sharing sharing;
	unsigned count, limit;
	const uint32_t *expected; /* NULL: not looked at */
};
long futex_requeue(const struct futex_move *move);

/* Those with priority inheritance, futex_lock.c. */
enum futex_lock_try { FUTEX_LOCK_WAIT, FUTEX_LOCK_TRY };
long futex_lock(uintptr_t address, enum futex_sharing sharing, struct futex_deadline deadline,
		enum futex_lock_try mode);
long futex_unlock(uintptr_t address, enum futex_sharing sharing);

/** Whether somebody waits for such a lock at this word. */
bool futex_is_lock(const struct futex_key *key);

/** Waits for a wake-up at `address`, and then for the lock at `second`. */
struct futex_wait_lock {
	uintptr_t address, second;
	enum futex_sharing sharing;
	uint32_t expected, bitset;
	struct futex_deadline deadline;
};
long futex_wait_for_lock(const struct futex_wait_lock *request);

/** Gives the lock at `to` to one who waits at `from`, or lets it wait for that, and up to `limit` others with it. */
long futex_move_to_lock(const struct futex_move *move);
