/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel knows of a futex that is a lock with priority inheritance, while somebody waits for it: who owns it and who
 * waits. The owner runs with the priority of the highest that waits, directly or through other locks. One lock guards all
 * records; futex.c's bucket locks come before it, the scheduler's after.
 */
#pragma once

#include <core/lock.h>

#include "futex_private.h"

extern struct spinlock futex_records_lock;

/** A lock that somebody waits for. */
struct futex_lock {
	struct list_node link;       /* [futex_records_lock] */
	struct list_node owner_link; /* [futex_records_lock] of owner->locks */
	struct list_node waiters; /* [futex_records_lock] struct futex_waiter.link, oldest first */
	struct futex_key key;
	uintptr_t address;  /* of the word, in the space of its owner */
	struct task *owner; /* [reference] */
};

/** One that is in no use yet; NULL: no memory. */
struct futex_lock *futex_record_create(void);

/** Of one in use no more. Thread context, without any spinlock: the last reference to an object may take its time. */
void futex_record_destroy(struct futex_lock *lock);

/** NULL: nobody waits for it. */
struct futex_lock *futex_record_find(const struct futex_key *key) REQUIRES(futex_records_lock);

/** Puts a new one into use; a waiter must follow. */
void futex_record_begin(struct futex_lock *lock, const struct futex_key *key, uintptr_t address,
			struct task *owner) REQUIRES(futex_records_lock);

void futex_record_add(struct futex_lock *lock, struct futex_waiter *w) REQUIRES(futex_records_lock);

/** Returns the record where nobody waits any more: it is the caller's, to destroy. */
struct futex_lock *futex_record_remove(struct futex_waiter *w) REQUIRES(futex_records_lock);

/** The oldest waiter of the highest priority. */
struct futex_waiter *futex_record_first(const struct futex_lock *lock) REQUIRES(futex_records_lock);

/** Makes a waiter the owner, as its word says already, and wakes it. Returns the record as futex_record_remove() does;
 * *before is the reference to the owner before. */
struct futex_lock *futex_record_grant(struct futex_lock *lock, struct futex_waiter *w,
				      struct task **before) REQUIRES(futex_records_lock);

/** Whether `task` would wait for itself, if it waited for a lock of `owner`. */
bool futex_record_closes_circle(const struct task *owner, const struct task *task)
	REQUIRES(futex_records_lock);
