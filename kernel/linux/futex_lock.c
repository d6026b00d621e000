/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Futexes that are locks with priority inheritance (futex(2), "Priority-inheritance futexes"): the word holds the owner's id,
 * and whoever cannot take it in user mode asks here. The owner hands it over when it unlocks or ends.
 */
#include <base/assert.h>
#include <mm/alloc.h>

#include "calls.h"
#include "futex.h"
#include "futex_record.h"

/* --- taking --- */

/* Who wants a lock: the current task, or one that is moved to it. */
struct attempt {
	uintptr_t address;
	const struct futex_key *key;
	struct futex_waiter *waiter;
	struct futex_lock **fresh; /* a record to be used; then NULL */
	bool only_tries;
	bool marks_waiters; /* others will wait for it at once */
};

/* The task whose id the word holds, counted. -EAGAIN: it has just ended; -ESRCH: there is none. */
static int find_owner(const struct attempt *a, uint32_t word, struct task **out)
{
	struct task *owner = task_find(NULL, (int)(word & FUTEX_TID_MASK));
	uint32_t now;

	*out = owner;
	if (owner && !owner->ended)
		return 0;
	task_put(owner);
	if (user_read_word(a->address, &now))
		return -EFAULT;
	return now != word ? -EAGAIN : -ESRCH;
}

/* Nobody owns it: 1 when it is ours. */
static int take_free(const struct attempt *a, uint32_t word)
{
	uint32_t seen = word;
	uint32_t mine = (word & FUTEX_OWNER_DIED) | (uint32_t)a->waiter->task->tid |
			(a->marks_waiters ? FUTEX_WAITERS : 0);

	if (user_compare_swap(a->address, &seen, mine))
		return -EFAULT;
	return seen == word ? 1 : -EAGAIN;
}

/* Makes sure that the owner will unlock by a call. */
static int mark_waited_for(uintptr_t address, uint32_t word)
{
	uint32_t seen = word;

	if (word & FUTEX_WAITERS)
		return 0;
	if (user_compare_swap(address, &seen, word | FUTEX_WAITERS))
		return -EFAULT;
	return seen == word ? 0 : -EAGAIN;
}

static int wait_behind_owner(const struct attempt *a, uint32_t word) REQUIRES(futex_records_lock)
{
	struct task *owner;
	int err = find_owner(a, word, &owner);

	if (err)
		return err;
	if (futex_record_closes_circle(owner, a->waiter->task))
		err = -EDEADLK;
	if (!err)
		err = mark_waited_for(a->address, word);
	if (!err) {
		futex_record_begin(*a->fresh, a->key, a->address, owner);
		futex_record_add(*a->fresh, a->waiter);
		*a->fresh = NULL;
	}
	task_put(owner);
	return err;
}

static int wait_behind_others(const struct attempt *a, struct futex_lock *lock, uint32_t word)
	REQUIRES(futex_records_lock)
{
	/* An owner that ends has freed the word before it serves those who wait. */
	bool agrees = word & FUTEX_TID_MASK ? (word & FUTEX_TID_MASK) == (uint32_t)lock->owner->tid
					    : (word & FUTEX_OWNER_DIED) != 0;

	if (!agrees)
		return -EINVAL;
	if (futex_record_closes_circle(lock->owner, a->waiter->task))
		return -EDEADLK;
	int err = mark_waited_for(a->address, word);
	if (!err)
		futex_record_add(lock, a->waiter);
	return err;
}

/* 1: it is the waiter's; 0: it waits. -EAGAIN: the word has changed meanwhile; -EFAULT: its page is not there; -EBUSY: it was
 * only to be tried; other errors are for the program. */
static int attempt(const struct attempt *a) REQUIRES(futex_records_lock)
{
	struct futex_lock *lock = futex_record_find(a->key);
	uint32_t word;

	if (user_read_word(a->address, &word))
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) == (uint32_t)a->waiter->task->tid)
		return -EDEADLK;
	if (!lock && !(word & FUTEX_TID_MASK))
		return take_free(a, word);
	if (a->only_tries)
		return -EBUSY;
	return lock ? wait_behind_others(a, lock, word) : wait_behind_owner(a, word);
}

/* As attempt(), again and again as long as that makes sense. */
static int attempt_until_clear(const struct attempt *a)
{
	for (;;) {
		spin_lock(&futex_records_lock);
		int result = attempt(a);
		spin_unlock(&futex_records_lock);
		if (result == -EFAULT && futex_fault_in(a->address, USER_ACCESS_WRITE))
			return -EFAULT;
		if (result != -EFAULT && result != -EAGAIN)
			return result;
	}
}

/* Sleeps until the lock is granted; on a time-out or signal the wish is withdrawn. */
static int await_grant(struct futex_waiter *w, struct futex_deadline deadline)
{
	struct futex_lock *spent = NULL;
	int err = futex_sleep(w, deadline);

	spin_lock(&futex_records_lock);
	if (w->granted)
		err = 0;
	else if (w->lock)
		spent = futex_record_remove(w);
	spin_unlock(&futex_records_lock);
	futex_record_destroy(spent);
	return err;
}

long futex_lock(uintptr_t address, enum futex_sharing sharing, struct futex_deadline deadline,
		enum futex_lock_try mode)
{
	struct futex_waiter w = { .task = task_current() };
	struct futex_lock *fresh = futex_record_create();
	struct attempt a = { .address = address,
			     .key = &w.key,
			     .waiter = &w,
			     .fresh = &fresh,
			     .only_tries = mode == FUTEX_LOCK_TRY };

	if (!fresh)
		return -ENOMEM;
	int err = futex_key_get(address, sharing, &w.key);
	if (err) {
		mem_free(fresh);
		return err;
	}
	list_init(&w.link);
	waiter_init(&w.waiter);
	err = attempt_until_clear(&a);
	mem_free(fresh);
	if (!err)
		err = await_grant(&w, deadline);
	futex_key_put(&w.key);
	if (err == -EINTR)
		return -ERESTARTNOINTR;
	if (err == -EBUSY)
		return -EWOULDBLOCK;
	return err < 0 ? err : 0;
}

/* --- handing over --- */

struct leftovers {
	struct futex_lock *lock;
	struct task *owner;
};

static void clear_leftovers(const struct leftovers *l)
{
	futex_record_destroy(l->lock);
	task_put(l->owner);
}

static int hand_over(struct futex_lock *lock, uintptr_t address, uint32_t word,
		     struct leftovers *left) REQUIRES(futex_records_lock)
{
	struct futex_waiter *w = futex_record_first(lock);
	uint32_t seen = word;

	if (lock->owner != task_current())
		return -EINVAL;
	if (user_compare_swap(address, &seen, (uint32_t)w->task->tid | FUTEX_WAITERS))
		return -EFAULT;
	if (seen != word)
		return (seen & FUTEX_TID_MASK) == (word & FUTEX_TID_MASK) ? -EAGAIN : -EINVAL;
	left->lock = futex_record_grant(lock, w, &left->owner);
	return 0;
}

static int unlock(uintptr_t address, const struct futex_key *key, struct leftovers *left)
	REQUIRES(futex_records_lock)
{
	struct futex_lock *lock = futex_record_find(key);
	uint32_t word, seen;

	if (user_read_word(address, &word))
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) != (uint32_t)task_current()->tid)
		return -EPERM;
	if (lock)
		return hand_over(lock, address, word, left);
	seen = word;
	if (user_compare_swap(address, &seen, 0))
		return -EFAULT;
	return seen == word ? 0 : -EAGAIN;
}

long futex_unlock(uintptr_t address, enum futex_sharing sharing)
{
	struct leftovers left = { NULL, NULL };
	struct futex_key key;
	uint32_t word;

	if (address % sizeof(word))
		return -EINVAL;
	if (user_read_word(address, &word))
		return -EFAULT;
	if ((word & FUTEX_TID_MASK) != (uint32_t)task_current()->tid)
		return -EPERM;
	int err = futex_key_get(address, sharing, &key);
	if (err)
		return err;
	do {
		spin_lock(&futex_records_lock);
		err = unlock(address, &key, &left);
		spin_unlock(&futex_records_lock);
		if (err == -EFAULT && !futex_fault_in(address, USER_ACCESS_WRITE))
			err = -EAGAIN;
	} while (err == -EAGAIN);
	clear_leftovers(&left);
	futex_key_put(&key);
	return err;
}

/* The word then says that its owner died; false: its page is not there. */
static bool write_heir(uintptr_t address, const struct task *heir)
{
	uint32_t word, seen;

	if (user_read_word(address, &seen))
		return false;
	do {
		word = seen;
		if (user_compare_swap(address, &seen,
				      (uint32_t)heir->tid | FUTEX_WAITERS | FUTEX_OWNER_DIED))
			return false;
	} while (seen != word);
	return true;
}

void futex_release_locks(struct task *task)
{
	bool unreachable = false;

	for (;;) {
		struct leftovers left = { NULL, NULL };
		uintptr_t missing = 0;

		spin_lock(&futex_records_lock);
		bool done = list_empty(&task->locks);
		if (!done) {
			struct futex_lock *lock = list_entry(task->locks.next, struct futex_lock,
							     owner_link);
			struct futex_waiter *heir = futex_record_first(lock);

			if (write_heir(lock->address, heir->task) || unreachable)
				left.lock = futex_record_grant(lock, heir, &left.owner);
			else
				missing = lock->address;
		}
		spin_unlock(&futex_records_lock);
		if (done)
			return;
		clear_leftovers(&left);
		/* A word that cannot be written is handed over all the same. */
		unreachable = missing && futex_fault_in(missing, USER_ACCESS_WRITE);
	}
}

/* --- FUTEX_WAIT_REQUEUE_PI, FUTEX_CMP_REQUEUE_PI --- */

static long wait_then_lock(struct futex_waiter *w, const struct futex_wait_lock *r)
{
	int err = futex_queue(w, r->address, r->expected);

	if (err)
		return err;
	err = futex_sleep(w, r->deadline);
	if (futex_unqueue(w))
		return err == -EINTR ? -ERESTARTNOINTR : err;

	struct futex_lock *spent = NULL;
	spin_lock(&futex_records_lock);
	if (w->granted)
		err = 0;
	else if (w->lock)
		spent = futex_record_remove(w);
	spin_unlock(&futex_records_lock);
	futex_record_destroy(spent);
	/* It has been moved on: the call as a whole would find its word changed. */
	return err == -EINTR ? -EWOULDBLOCK : err;
}

long futex_wait_for_lock(const struct futex_wait_lock *r)
{
	struct futex_waiter w = { .bitset = r->bitset };
	struct futex_key lock_key;

	if (r->address == r->second)
		return -EINVAL;
	long err = futex_key_get(r->second, r->sharing, &lock_key);
	if (err)
		return err;
	err = futex_key_get(r->address, r->sharing, &w.key);
	if (!err) {
		w.lock_key = &lock_key;
		err = futex_key_equal(&w.key, &lock_key) ? -EINVAL : wait_then_lock(&w, r);
		futex_key_put(&w.key);
	}
	futex_key_put(&lock_key);
	return err;
}

/* [bucket->lock] The one that is to be moved next. */
static struct futex_waiter *next_waiter(struct futex_bucket *bucket, const struct futex_key *key)
{
	list_for_each(node, &bucket->waiters) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, link);

		if (futex_key_equal(&w->key, key))
			return w;
	}
	return NULL;
}

/* [bucket->lock] Out of the bucket first, as both lists use one link; back to its place if it cannot have what it wants. */
static int move_one(struct futex_waiter *w, const struct attempt *a)
{
	struct list_node *next = w->link.next;

	list_remove(&w->link);
	spin_lock(&futex_records_lock);
	int result = attempt(a);
	if (result == 1) {
		w->granted = true;
		w->waiter.wake(&w->waiter);
	}
	spin_unlock(&futex_records_lock);
	if (result >= 0)
		__atomic_store_n(&w->bucket, NULL, __ATOMIC_RELEASE);
	else
		list_insert_before(next, &w->link);
	return result;
}

/* [bucket->lock] */
static int move_all(const struct futex_move *m, const struct futex_key *from,
		    const struct futex_key *to, struct futex_lock **fresh, unsigned *moved)
{
	struct futex_bucket *bucket = futex_bucket_of(from);
	struct futex_waiter *w;
	uint32_t value;

	if (user_read_word(m->from, &value))
		return -EFAULT;
	if (!*moved && value != *m->expected)
		return -EAGAIN;
	while (*moved < m->limit + m->count && (w = next_waiter(bucket, from))) {
		const struct attempt a = {
			.address = m->to,
			.key = to,
			.waiter = w,
			.fresh = fresh,
			.marks_waiters = m->limit > 0,
		};

		if (!w->lock_key || !futex_key_equal(w->lock_key, to))
			return -EINVAL;
		int result = move_one(w, &a);
		if (result < 0)
			return result == -EAGAIN ? -EBUSY : result;
		++*moved;
	}
	return 0;
}

static int move_keys(const struct futex_move *m, const struct futex_key *from,
		     const struct futex_key *to, struct futex_lock **fresh)
{
	struct futex_bucket *bucket = futex_bucket_of(from);
	unsigned moved = 0;
	int err;

	do {
		/* It may be in use, and the lock's waiters gone again while a page was fetched. */
		if (!*fresh)
			*fresh = futex_record_create();
		if (!*fresh) {
			err = -ENOMEM;
			break;
		}
		spin_lock(&bucket->lock);
		err = bucket->waiters.next ? move_all(m, from, to, fresh, &moved) : 0;
		spin_unlock(&bucket->lock);
		if (err == -EFAULT && !futex_fault_in(m->from, USER_ACCESS_READ) &&
		    !futex_fault_in(m->to, USER_ACCESS_WRITE))
			err = -EBUSY; /* now they are there */
	} while (err == -EBUSY);
	return err && !moved ? err : (int)moved;
}

long futex_move_to_lock(const struct futex_move *m)
{
	struct futex_key from, to;

	if (m->count != 1 || m->from == m->to)
		return -EINVAL;
	struct futex_lock *fresh = futex_record_create();
	if (!fresh)
		return -ENOMEM;
	long err = futex_key_get(m->from, m->sharing, &from);
	if (!err) {
		err = futex_key_get(m->to, m->sharing, &to);
		if (!err) {
			err = futex_key_equal(&from, &to) ? -EINVAL
							  : move_keys(m, &from, &to, &fresh);
			futex_key_put(&to);
		}
		futex_key_put(&from);
	}
	mem_free(fresh);
	return err;
}
