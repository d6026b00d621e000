/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of the locks that somebody waits for, and the priorities that their owners are lent: see futex_record.h. */
#include "futex_record.h"

#include <mm/alloc.h>

#include "scheduling.h"

enum { HEAD_BITS = 6, CHAIN_MAX = 1024 };

/* The machine's. Heads are set up when first used. */
static struct {
	struct list_node heads[1 << HEAD_BITS]; /* [futex_records_lock] */
	unsigned count;                         /* [futex_records_lock] */
} records;

struct spinlock futex_records_lock;

static struct list_node *head_of(const struct futex_key *key)
{
	uint64_t hash = ((uint64_t)(uintptr_t)key->owner ^ key->at >> 2) * 0x9e3779b97f4a7c15u;
	struct list_node *head = &records.heads[hash >> (64 - HEAD_BITS)];

	if (!head->next)
		list_init(head);
	return head;
}

struct futex_lock *futex_record_find(const struct futex_key *key)
{
	list_for_each(node, head_of(key)) {
		struct futex_lock *lock = list_entry(node, struct futex_lock, link);

		if (futex_key_equal(&lock->key, key))
			return lock;
	}
	return NULL;
}

bool futex_is_lock(const struct futex_key *key)
{
	if (!__atomic_load_n(&records.count, __ATOMIC_RELAXED))
		return false;
	spin_lock(&futex_records_lock);
	bool found = futex_record_find(key);
	spin_unlock(&futex_records_lock);
	return found;
}

struct futex_waiter *futex_record_first(const struct futex_lock *lock)
{
	struct futex_waiter *first = NULL;

	list_for_each(node, &lock->waiters) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, link);

		if (!first || scheduling_priority(w->task) > scheduling_priority(first->task))
			first = w;
	}
	return first;
}

/* --- priorities --- */

static int highest_waiting(const struct task *task) REQUIRES(futex_records_lock)
{
	int highest = 0;

	list_for_each(node, &task->locks) {
		const struct futex_waiter *w = futex_record_first(
			list_entry(node, struct futex_lock, owner_link));

		if (w)
			highest = max(highest, scheduling_priority(w->task));
	}
	return highest;
}

/* What a task is lent depends on who waits for it; if that changes, so may it for the owner of what the task waits for. */
static void lend_along(struct task *task) REQUIRES(futex_records_lock)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		int priority = highest_waiting(task);

		if (priority == task->scheduling.lent)
			return;
		scheduling_lend(task, priority);
		if (!task->waits_for)
			return;
		task = task->waits_for->owner;
	}
}

bool futex_record_closes_circle(const struct task *owner, const struct task *task)
{
	for (int i = 0; i < CHAIN_MAX; i++) {
		if (owner == task)
			return true;
		if (!owner->waits_for)
			return false;
		owner = owner->waits_for->owner;
	}
	return true;
}

/* --- records --- */

struct futex_lock *futex_record_create(void)
{
	struct futex_lock *lock = mem_zalloc(sizeof(*lock));

	if (!lock)
		return NULL;
	list_init(&lock->link);
	list_init(&lock->owner_link);
	list_init(&lock->waiters);
	return lock;
}

void futex_record_destroy(struct futex_lock *lock)
{
	if (!lock)
		return;
	futex_key_put(&lock->key);
	task_put(lock->owner);
	mem_free(lock);
}

static void set_owner(struct futex_lock *lock, struct task *owner) REQUIRES(futex_records_lock)
{
	lock->owner = task_get(owner);
	list_remove(&lock->owner_link);
	list_insert_before(&owner->locks, &lock->owner_link);
}

void futex_record_add(struct futex_lock *lock, struct futex_waiter *w)
{
	list_insert_before(&lock->waiters, &w->link);
	w->lock = lock;
	w->task->waits_for = lock;
	lend_along(lock->owner);
}

struct futex_lock *futex_record_remove(struct futex_waiter *w)
{
	struct futex_lock *lock = w->lock;

	list_remove(&w->link);
	w->lock = NULL;
	w->task->waits_for = NULL;
	lend_along(lock->owner);
	if (!list_empty(&lock->waiters))
		return NULL;
	list_remove(&lock->link);
	list_remove(&lock->owner_link);
	records.count--;
	return lock;
}

struct futex_lock *futex_record_grant(struct futex_lock *lock, struct futex_waiter *w,
				      struct task **before)
{
	struct task *task = w->task;

	*before = lock->owner;
	list_remove(&lock->owner_link);
	lend_along(lock->owner);
	set_owner(lock, task);
	struct futex_lock *spent = futex_record_remove(w);
	lend_along(task);
	w->granted = true;
	w->waiter.wake(&w->waiter);
	return spent;
}

void futex_record_begin(struct futex_lock *lock, const struct futex_key *key, uintptr_t address,
			struct task *owner)
{
	lock->key = *key;
	if (key->object)
		key->object->ops->get(key->object);
	lock->address = address;
	set_owner(lock, owner);
	list_insert_before(head_of(key), &lock->link);
	records.count++;
}
