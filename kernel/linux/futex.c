/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Futexes (futex(2)): waiting for a word to change, and waking. The word is read under the lock of its bucket, by which a
 * waiter is either queued before a waker looks, or sees the new value. No fault can be resolved under that lock: where the
 * page is not there, everything is let go, the page is fetched, and it begins again.
 */
#include "futex.h"

#include <base/assert.h>
#include <base/bits.h>
#include <core/time.h>

#include "calls.h"
#include "futex_private.h"
#include "scheduling.h"

enum { BUCKET_BITS = 8 };

/* The machine's. Lists are set up when first used. */
static struct futex_bucket buckets[1 << BUCKET_BITS];

/* --- keys and buckets --- */

int futex_key_get(uintptr_t address, enum futex_sharing sharing, struct futex_key *key)
{
	struct space *space = process_current()->space;
	uint64_t page;

	*key = (struct futex_key){ .owner = space, .at = address };
	if (address % sizeof(uint32_t))
		return -EINVAL;
	if (address >= USER_MAX)
		return -EFAULT;
	if (sharing == FUTEX_PRIVATE)
		return 0;
	int err = space_shared_object(space, address, &key->object, &page);
	if (key->object) {
		key->owner = key->object;
		key->at = (page << PAGE_SHIFT) + address % PAGE_SIZE;
	}
	return err;
}

void futex_key_put(const struct futex_key *key)
{
	if (key->object)
		key->object->ops->put(key->object);
}

struct futex_bucket *futex_bucket_of(const struct futex_key *key)
{
	uint64_t hash = ((uint64_t)(uintptr_t)key->owner ^ key->at >> 2) * 0x9e3779b97f4a7c15u;

	return &buckets[hash >> (64 - BUCKET_BITS)];
}

static void lock_bucket(struct futex_bucket *bucket) ACQUIRE(bucket->lock)
{
	spin_lock(&bucket->lock);
	if (!bucket->waiters.next)
		list_init(&bucket->waiters);
}

/* Two of them, perhaps one twice, always in the same order. */
static void lock_both(struct futex_bucket *a, struct futex_bucket *b) NO_THREAD_SAFETY_ANALYSIS
{
	lock_bucket(a < b ? a : b);
	if (a != b)
		lock_bucket(a < b ? b : a);
}

static void unlock_both(struct futex_bucket *a, struct futex_bucket *b) NO_THREAD_SAFETY_ANALYSIS
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

int futex_fault_in(uintptr_t address, enum user_access access)
{
	return user_page_fault(address, access) ? -EFAULT : 0;
}

/* --- waiting --- */

/* [bucket->lock] */
static void enqueue(struct futex_bucket *bucket, struct futex_waiter *w)
{
	struct list_node *at = &bucket->waiters;

	while (at->prev != &bucket->waiters &&
	       list_entry(at->prev, struct futex_waiter, link)->priority < w->priority)
		at = at->prev;
	list_insert_before(at, &w->link);
	w->bucket = bucket;
}

int futex_queue(struct futex_waiter *w, uintptr_t address, uint32_t expected)
{
	struct futex_bucket *bucket = futex_bucket_of(&w->key);
	uint32_t value;

	w->task = task_current();
	w->priority = scheduling_priority(w->task);
	waiter_init(&w->waiter);
	for (;;) {
		lock_bucket(bucket);
		int err = user_read_word(address, &value);
		if (!err && value == expected)
			enqueue(bucket, w);
		spin_unlock(&bucket->lock);
		if (!err)
			return value == expected ? 0 : -EAGAIN;
		if (futex_fault_in(address, USER_ACCESS_READ))
			return -EFAULT;
	}
}

int futex_sleep(struct futex_waiter *w, struct futex_deadline deadline)
{
	struct waiter *waiters[] = { &w->waiter };

	return thread_wait(waiters, 1, deadline.ns, WAIT_INTERRUPTIBLE | deadline.clock);
}

bool futex_unqueue(struct futex_waiter *w)
{
	struct futex_bucket *bucket;
	bool queued = false;

	/* It may be moved to another bucket while we wait for the lock of this one. */
	while (!queued && (bucket = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE))) {
		spin_lock(&bucket->lock);
		if (w->bucket == bucket) {
			list_remove(&w->link);
			w->bucket = NULL;
			queued = true;
		}
		spin_unlock(&bucket->lock);
	}
	return queued;
}

/* Until woken, the deadline or a signal. */
static int wait(uintptr_t address, enum futex_sharing sharing, uint32_t expected,
		struct futex_deadline deadline, uint32_t bitset)
{
	struct futex_waiter w = { .bitset = bitset };
	int err = futex_key_get(address, sharing, &w.key);

	if (err)
		return err;
	err = futex_queue(&w, address, expected);
	if (!err) {
		err = futex_sleep(&w, deadline);
		if (!futex_unqueue(&w))
			err = 0;
	}
	futex_key_put(&w.key);
	return err;
}

static long restart_wait(struct restart_state *state)
{
	const struct futex_deadline deadline = { state->deadline_ns, state->deadline_clock };
	int err = wait(state->address, (enum futex_sharing)state->address_2, (uint32_t)state->value,
		       deadline, (uint32_t)state->value_2);

	return err == -EINTR ? restart_by_block(*state) : err;
}

long futex_wait(uintptr_t address, enum futex_sharing sharing, uint32_t expected,
		struct futex_deadline deadline, uint32_t bitset)
{
	if (!bitset)
		return -EINVAL;
	int err = wait(address, sharing, expected, deadline, bitset);
	if (err != -EINTR)
		return err;
	if (deadline.ns == TIME_NEVER)
		return -ERESTARTSYS;
	return restart_by_block((struct restart_state){
		.fn = restart_wait,
		.deadline_ns = deadline.ns,
		.deadline_clock = deadline.clock,
		.address = address,
		.address_2 = sharing,
		.value = expected,
		.value_2 = bitset,
	});
}

/* --- waking --- */

/* [bucket->lock] The waiter is gone as soon as it finds itself in no bucket. */
static void wake_waiter(struct futex_waiter *w)
{
	list_remove(&w->link);
	w->waiter.wake(&w->waiter);
	__atomic_store_n(&w->bucket, NULL, __ATOMIC_RELEASE);
}

/* [bucket->lock] */
static int wake_in(struct futex_bucket *bucket, const struct futex_key *key, unsigned count,
		   uint32_t bitset)
{
	unsigned woken = 0;

	list_for_each(node, &bucket->waiters) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, link);

		if (woken >= count)
			break;
		if (!futex_key_equal(&w->key, key))
			continue;
		if (w->lock_key)
			return -EINVAL;
		if (!(w->bitset & bitset))
			continue;
		wake_waiter(w);
		woken++;
	}
	return (int)woken;
}

int futex_wake_key(const struct futex_key *key, unsigned count, uint32_t bitset)
{
	struct futex_bucket *bucket = futex_bucket_of(key);

	lock_bucket(bucket);
	int woken = wake_in(bucket, key, count, bitset);
	spin_unlock(&bucket->lock);
	return woken;
}

long futex_wake(uintptr_t address, enum futex_sharing sharing, int count, uint32_t bitset)
{
	struct futex_key key;

	if (!bitset)
		return -EINVAL;
	int err = futex_key_get(address, sharing, &key);
	if (err)
		return err;
	/* As Linux: asked for none or fewer, it wakes one. */
	int woken = futex_wake_key(&key, count < 1 ? 1 : (unsigned)count, bitset);
	if (!woken && futex_is_lock(&key))
		woken = -EINVAL;
	futex_key_put(&key);
	return woken;
}

void futex_wake_address(uintptr_t address, unsigned count)
{
	long woken = futex_wake(address, FUTEX_SHARED, (int)count, FUTEX_BITSET_ANY);

	(void)woken; /* the address is the program's own affair */
}

/* --- moving waiters to another word --- */

/* [both locks] Wakes some, moves others; *moved is how many. */
static int requeue_in(const struct futex_key *from, const struct futex_key *to,
		      const struct futex_move *move, unsigned *moved)
{
	struct futex_bucket *source = futex_bucket_of(from), *target = futex_bucket_of(to);
	int woken = wake_in(source, from, move->count, FUTEX_BITSET_ANY);

	if (woken < 0)
		return woken;
	list_for_each(node, &source->waiters) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, link);

		if (*moved >= move->limit)
			break;
		if (!futex_key_equal(&w->key, from))
			continue;
		if (w->lock_key)
			return -EINVAL;
		if (source != target) {
			list_remove(&w->link);
			enqueue(target, w);
		}
		w->key = *to;
		if (to->object)
			to->object->ops->get(to->object);
		++*moved;
	}
	return woken + (int)*moved;
}

static int requeue_keys(const struct futex_key *from, const struct futex_key *to,
			const struct futex_move *move)
{
	struct futex_bucket *source = futex_bucket_of(from), *target = futex_bucket_of(to);
	unsigned moved = 0;
	int result;

	for (;;) {
		uint32_t value = 0;

		lock_both(source, target);
		result = move->expected ? user_read_word(move->from, &value) : 0;
		bool unread = result;
		if (!result && move->expected && value != *move->expected)
			result = -EAGAIN;
		if (!result)
			result = requeue_in(from, to, move, &moved);
		unlock_both(source, target);
		if (!unread)
			break;
		if (futex_fault_in(move->from, USER_ACCESS_READ))
			return -EFAULT;
	}
	/* The references of those who do not wait there any more. */
	while (moved--)
		futex_key_put(from);
	return result;
}

long futex_requeue(const struct futex_move *move)
{
	struct futex_key from, to;
	int err = futex_key_get(move->from, move->sharing, &from);

	if (err)
		return err;
	err = futex_key_get(move->to, move->sharing, &to);
	if (!err) {
		err = requeue_keys(&from, &to, move);
		futex_key_put(&to);
	}
	futex_key_put(&from);
	return err;
}

/* --- FUTEX_WAKE_OP: an operation on the second word, and a comparison with its old value, packed into one number --- */

static bool operate(uint32_t code, int32_t old, int32_t *value)
{
	int32_t argument = (int32_t)(code << 8) >> 20;

	if (code >> 31)
		argument = (int32_t)(1u << (argument & 31));
	switch (code >> 28 & 7) {
	case 0:
		*value = argument;
		return true;
	case 1:
		*value = (int32_t)((uint32_t)old + (uint32_t)argument);
		return true;
	case 2:
		*value = old | argument;
		return true;
	case 3:
		*value = old & ~argument;
		return true;
	case 4:
		*value = old ^ argument;
		return true;
	default:
		return false;
	}
}

/* Whether the comparison holds, or -ENOSYS. */
static int compare(uint32_t code, int32_t old)
{
	int32_t against = (int32_t)(code << 20) >> 20;

	switch (code >> 24 & 15) {
	case 0:
		return old == against;
	case 1:
		return old != against;
	case 2:
		return old < against;
	case 3:
		return old <= against;
	case 4:
		return old > against;
	case 5:
		return old >= against;
	default:
		return -ENOSYS;
	}
}

/* [no fault is resolved] */
static int change_word(uintptr_t address, uint32_t code, int32_t *old)
{
	uint32_t seen, before;
	int32_t value;
	int err = user_read_word(address, &seen);

	do {
		before = seen;
		if (!err && !operate(code, (int32_t)before, &value))
			err = -ENOSYS;
		if (!err)
			err = user_compare_swap(address, &seen, (uint32_t)value);
	} while (!err && seen != before);
	*old = (int32_t)before;
	return err;
}

static int wake_two(const struct futex_wake_two *o, const struct futex_key *first,
		    const struct futex_key *second)
{
	struct futex_bucket *a = futex_bucket_of(first), *b = futex_bucket_of(second);
	int32_t old;

	for (;;) {
		lock_both(a, b);
		int err = change_word(o->second, o->code, &old);
		int holds = err ? err : compare(o->code, old);
		int woken = holds < 0 ? holds : wake_in(a, first, o->count, FUTEX_BITSET_ANY);
		int more = woken >= 0 && holds > 0
				   ? wake_in(b, second, o->second_count, FUTEX_BITSET_ANY)
				   : 0;
		unlock_both(a, b);
		if (err != -EFAULT)
			return woken < 0 ? woken : more < 0 ? more : woken + more;
		if (futex_fault_in(o->second, USER_ACCESS_WRITE))
			return -EFAULT;
	}
}

long futex_wake_operation(const struct futex_wake_two *o)
{
	struct futex_key first, second;
	int err = futex_key_get(o->first, o->sharing, &first);

	if (err)
		return err;
	err = futex_key_get(o->second, o->sharing, &second);
	if (!err) {
		err = wake_two(o, &first, &second);
		futex_key_put(&second);
	}
	futex_key_put(&first);
	return err;
}
