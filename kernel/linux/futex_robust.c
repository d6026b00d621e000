/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Robust lists (set_robust_list(2), linux/futex.h): a thread tells where it links the locks that it holds; when it ends, each
 * is marked as its owner's being dead.
 */
#include "futex.h"

#include "calls.h"
#include "futex_private.h"

enum { ROBUST_MAX = 2048, ENTRY_IS_PI = 1 };

struct robust_head {
	uint64_t next;
	int64_t word_offset;
	uint64_t pending; /* an entry that is being linked or taken off */
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

/* `entry` as the list has it: an address, and whether the lock has priority inheritance. */
static int release_lock(const struct task *task, const struct robust_head *head, uint64_t entry)
{
	uintptr_t word = (entry & ~(uint64_t)ENTRY_IS_PI) + (uint64_t)head->word_offset;
	bool pi = entry & ENTRY_IS_PI;
	uint32_t value, seen;

	if (user_read_word(word, &seen))
		return -EFAULT;
	/* The owner had freed it, but not yet woken anybody. */
	if (entry == head->pending && !pi && !seen) {
		futex_wake_address(word, 1);
		return 0;
	}
	do {
		value = seen;
		if ((value & FUTEX_TID_MASK) != (uint32_t)task->tid)
			return 0;
		if (user_compare_swap(word, &seen, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return -EFAULT;
	} while (seen != value);
	/* Those who wait for a lock with priority inheritance are served by futex_release_locks(). */
	if (!pi && value & FUTEX_WAITERS)
		futex_wake_address(word, 1);
	return 0;
}

void futex_release_robust(struct task *task)
{
	uintptr_t list = task->robust_list;
	struct robust_head head;

	task->robust_list = 0;
	if (!list || user_read(&head, list, sizeof(head)))
		return;
	uint64_t entry = head.next;
	/* The list is the program's: it may be a circle. */
	for (int i = 0; i < ROBUST_MAX && (entry & ~(uint64_t)ENTRY_IS_PI) != list; i++) {
		uint64_t next;

		if (user_read(&next, entry & ~(uint64_t)ENTRY_IS_PI, sizeof(next)))
			return;
		if (entry != head.pending && release_lock(task, &head, entry))
			return;
		entry = next;
	}
	if (head.pending) {
		int err = release_lock(task, &head, head.pending);
		(void)err; /* it was the last */
	}
}
