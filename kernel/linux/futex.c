/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Futexes (futex(2)). A waiter is queued before it reads the word: a change of the word that comes after that is followed by
 * a wake-up that finds it. One lock guards all queues; they are hashed so that a wake-up looks at few waiters. Words
 * are told apart by space and address, which is right for private ones and for all of a single process's.
 */
#include "futex.h"

#include <base/assert.h>
#include <base/list.h>
#include <core/time.h>

#include "calls.h"

enum {
	FUTEX_WAIT,
	FUTEX_WAKE,
	FUTEX_FD,
	FUTEX_REQUEUE,
	FUTEX_CMP_REQUEUE,
	FUTEX_WAKE_OP,
	FUTEX_WAIT_BITSET = 9,
	FUTEX_WAKE_BITSET,
	FUTEX_PRIVATE = 128,
	FUTEX_CLOCK_REALTIME = 256
};
enum { BUCKETS = 64, ROBUST_MAX = 2048 };
#define BITSET_ANY UINT32_MAX
#define FUTEX_TID_MASK 0x3fffffffu
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_WAITERS 0x80000000u

struct futex_waiter {
	struct list_node link; /* [futexes.lock] unlinked: woken */
	struct waitq queue;
	const struct space *space;
	uintptr_t address;
	uint32_t bitset;
};

/* The machine's futexes. Heads are set up when first used. */
static struct {
	struct spinlock lock;
	struct list_node heads[BUCKETS]; /* [lock] */
} futexes;

/* [futexes.lock] */
static struct list_node *bucket(const struct space *space, uintptr_t address)
{
	uint64_t hash = ((uint64_t)(uintptr_t)space ^ address >> 2) * 0x9e3779b97f4a7c15u;
	struct list_node *head = &futexes.heads[hash >> 58];

	static_assert(BUCKETS == 64, "six bits of the hash");
	if (!head->next)
		list_init(head);
	return head;
}

/* [futexes.lock] Wakes up to `count` waiters for `address` whose bits meet `bitset`. */
static unsigned wake(const struct space *space, uintptr_t address, unsigned count, uint32_t bitset)
{
	unsigned woken = 0;

	list_for_each(node, bucket(space, address)) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, link);

		if (woken >= count)
			break;
		if (w->space != space || w->address != address || !(w->bitset & bitset))
			continue;
		list_remove(&w->link);
		waitq_wake_all(&w->queue);
		woken++;
	}
	return woken;
}

void futex_wake_address(uintptr_t address, unsigned count)
{
	spin_lock(&futexes.lock);
	wake(process_current()->space, address, count, BITSET_ANY);
	spin_unlock(&futexes.lock);
}

/* Until woken, the deadline or a signal. The word must still be `expected` once the waiter is queued. */
static int wait(uintptr_t address, uint32_t expected, uint64_t deadline, uint32_t bitset)
{
	struct futex_waiter w = {
		.space = process_current()->space,
		.address = address,
		.bitset = bitset,
	};
	uint32_t value;

	waitq_init(&w.queue);
	spin_lock(&futexes.lock);
	list_insert_before(bucket(w.space, address), &w.link);
	spin_unlock(&futexes.lock);

	int err = user_read(&value, address, sizeof(value));
	if (!err && value != expected)
		err = -EAGAIN;

	spin_lock(&futexes.lock);
	while (!err && list_linked(&w.link))
		err = waitq_wait(&w.queue, &futexes.lock, deadline, WAIT_INTERRUPTIBLE);
	bool woken = !list_linked(&w.link);
	list_remove(&w.link);
	spin_unlock(&futexes.lock);
	return woken ? 0 : err;
}

static long restart_wait(struct restart_state *state)
{
	int err = wait(state->address, (uint32_t)state->value, state->deadline_ns,
		       (uint32_t)state->value_2);

	return err == -EINTR ? restart_by_block(*state) : err;
}

/* FUTEX_WAIT's time is relative, that of FUTEX_WAIT_BITSET absolute. */
static int read_deadline(int command, bool realtime, long timeout, uint64_t *deadline)
{
	uint64_t ns;

	*deadline = TIME_NEVER;
	if (!timeout)
		return 0;
	int err = user_read_timespec((uintptr_t)timeout, &ns);
	if (err)
		return err;
	if (command == FUTEX_WAIT) {
		*deadline = deadline_after(ns);
	} else {
		int64_t offset = realtime ? time_wall_offset() : 0;

		*deadline = offset > 0 && ns < (uint64_t)offset ? 0 : ns - (uint64_t)offset;
	}
	return 0;
}

static long futex_wait(uintptr_t address, int command, bool realtime, uint32_t expected,
		       long timeout, uint32_t bitset)
{
	uint64_t deadline;
	int err = read_deadline(command, realtime, timeout, &deadline);

	if (err || !bitset)
		return err ? err : -EINVAL;
	err = wait(address, expected, deadline, bitset);
	if (err != -EINTR)
		return err;
	if (deadline == TIME_NEVER)
		return -ERESTARTSYS;
	return restart_by_block((struct restart_state){
		.fn = restart_wait,
		.deadline_ns = deadline,
		.address = address,
		.value = expected,
		.value_2 = bitset,
	});
}

/* Wakes `count` and lets up to `limit` others wait for `to` instead. */
static long requeue(uintptr_t from, uintptr_t to, unsigned count, unsigned limit)
{
	const struct space *space = process_current()->space;
	unsigned moved = 0;

	spin_lock(&futexes.lock);
	unsigned woken = wake(space, from, count, BITSET_ANY);
	struct list_node *target = bucket(space, to);
	list_for_each(node, bucket(space, from)) {
		struct futex_waiter *w = list_entry(node, struct futex_waiter, link);

		if (moved >= limit || from == to)
			break;
		if (w->space != space || w->address != from)
			continue;
		list_remove(&w->link);
		w->address = to;
		list_insert_before(target, &w->link);
		moved++;
	}
	spin_unlock(&futexes.lock);
	return woken + moved;
}

static long cmp_requeue(uintptr_t from, uintptr_t to, long count, long limit, uint32_t expected)
{
	uint32_t value;

	if ((int)count < 0 || (int)limit < 0)
		return -EINVAL;
	if (user_read(&value, from, sizeof(value)))
		return -EFAULT;
	return value != expected ? -EAGAIN : requeue(from, to, (unsigned)count, (unsigned)limit);
}

/* FUTEX_WAKE_OP: an operation on the second word, and a comparison with its old value, packed into one number. */
static int apply_operation(uintptr_t address, uint32_t code, bool *holds)
{
	uint32_t operation = code >> 28 & 7, comparison = code >> 24 & 15;
	int32_t argument = (int32_t)(code << 8) >> 20, against = (int32_t)(code << 20) >> 20;
	int32_t old, value;

	if (code >> 31)
		argument = (int32_t)(1u << (argument & 31));
	if (user_read(&old, address, sizeof(old)))
		return -EFAULT;
	switch (operation) {
	case 0:
		value = argument;
		break;
	case 1:
		value = (int32_t)((uint32_t)old + (uint32_t)argument);
		break;
	case 2:
		value = old | argument;
		break;
	case 3:
		value = old & ~argument;
		break;
	case 4:
		value = old ^ argument;
		break;
	default:
		return -ENOSYS;
	}
	switch (comparison) {
	case 0:
		*holds = old == against;
		break;
	case 1:
		*holds = old != against;
		break;
	case 2:
		*holds = old < against;
		break;
	case 3:
		*holds = old <= against;
		break;
	case 4:
		*holds = old > against;
		break;
	case 5:
		*holds = old >= against;
		break;
	default:
		return -ENOSYS;
	}
	return user_write(address, &value, sizeof(value));
}

static long wake_operation(uintptr_t address, uintptr_t second, unsigned count,
			   unsigned second_count, uint32_t code)
{
	const struct space *space = process_current()->space;
	bool holds;
	int err = apply_operation(second, code, &holds);

	if (err)
		return err;
	spin_lock(&futexes.lock);
	unsigned woken = wake(space, address, count, BITSET_ANY);
	if (holds)
		woken += wake(space, second, second_count, BITSET_ANY);
	spin_unlock(&futexes.lock);
	return woken;
}

static long wake_bits(uintptr_t address, int count, uint32_t bitset)
{
	if (!bitset)
		return -EINVAL;
	spin_lock(&futexes.lock);
	/* As Linux: asked for none or fewer, it wakes one. */
	unsigned woken = wake(process_current()->space, address, count < 1 ? 1 : (unsigned)count,
			      bitset);
	spin_unlock(&futexes.lock);
	return woken;
}

long sys_futex(long address, long operation, long value, long timeout, long second, long third)
{
	int command = (int)operation & ~(FUTEX_PRIVATE | FUTEX_CLOCK_REALTIME);
	bool realtime = operation & FUTEX_CLOCK_REALTIME;
	uintptr_t word = (uintptr_t)address;

	bool has_second = command == FUTEX_REQUEUE || command == FUTEX_CMP_REQUEUE ||
			  command == FUTEX_WAKE_OP;

	if (word % sizeof(uint32_t) || (has_second && (uintptr_t)second % sizeof(uint32_t)))
		return -EINVAL;
	if (word >= USER_MAX)
		return -EFAULT;
	if (realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_WAIT)
		return -ENOSYS;
	switch (command) {
	case FUTEX_WAIT:
		return futex_wait(word, command, realtime, (uint32_t)value, timeout, BITSET_ANY);
	case FUTEX_WAIT_BITSET:
		return futex_wait(word, command, realtime, (uint32_t)value, timeout,
				  (uint32_t)third);
	case FUTEX_WAKE:
		return wake_bits(word, (int)value, BITSET_ANY);
	case FUTEX_WAKE_BITSET:
		return wake_bits(word, (int)value, (uint32_t)third);
	case FUTEX_REQUEUE:
		return (int)value < 0 || (int)timeout < 0
			       ? -EINVAL
			       : requeue(word, (uintptr_t)second, (unsigned)value,
					 (unsigned)timeout);
	case FUTEX_CMP_REQUEUE:
		return cmp_requeue(word, (uintptr_t)second, value, timeout, (uint32_t)third);
	case FUTEX_WAKE_OP:
		return wake_operation(word, (uintptr_t)second, (unsigned)value, (unsigned)timeout,
				      (uint32_t)third);
	default:
		return -ENOSYS; /* priority inheritance */
	}
}

/* --- robust lists (set_robust_list(2), linux/futex.h) --- */

struct robust_head {
	uint64_t next;
	int64_t word_offset;
	uint64_t pending;
};

long sys_set_robust_list(long head, long bytes)
{
	if (bytes != sizeof(struct robust_head))
		return -EINVAL;
	task_current()->robust_list = (uintptr_t)head;
	return 0;
}

long sys_get_robust_list(long tid, long head_address, long bytes_address)
{
	struct task *task = task_find(NULL, (int)tid ? (int)tid : task_current()->tid);
	const uint64_t bytes = sizeof(struct robust_head);

	if (!task)
		return -ESRCH;
	const uintptr_t list = task->robust_list;
	task_put(task);
	if (user_write((uintptr_t)bytes_address, &bytes, sizeof(bytes)) ||
	    user_write((uintptr_t)head_address, &list, sizeof(list)))
		return -EFAULT;
	return 0;
}

static int release_lock(const struct task *task, uintptr_t word)
{
	uint32_t value;

	if (word % sizeof(value) || user_read(&value, word, sizeof(value)))
		return -EFAULT;
	if ((value & FUTEX_TID_MASK) != (uint32_t)task->tid)
		return 0;
	uint32_t dead = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
	if (user_write(word, &dead, sizeof(dead)))
		return -EFAULT;
	if (value & FUTEX_WAITERS)
		futex_wake_address(word, 1);
	return 0;
}

void futex_release_robust(struct task *task)
{
	uintptr_t list = task->robust_list;
	struct robust_head head;

	if (!list || user_read(&head, list, sizeof(head)))
		return;
	uint64_t entry = head.next;
	/* The lowest bit says "priority inheritance". The list is the program's: it may be a circle. */
	for (int i = 0; i < ROBUST_MAX && (entry & ~(uint64_t)1) != list; i++) {
		uint64_t next;

		if (user_read(&next, entry & ~(uint64_t)1, sizeof(next)))
			return;
		if (entry != head.pending &&
		    release_lock(task, (entry & ~(uint64_t)1) + (uint64_t)head.word_offset))
			return;
		entry = next;
	}
	if (head.pending) {
		int err = release_lock(task,
				       (head.pending & ~(uint64_t)1) + (uint64_t)head.word_offset);
		(void)err;
	}
}
