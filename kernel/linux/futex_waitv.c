/* SPDX-License-Identifier: BSD-3-Clause */
/* futex_waitv(2): waiting for several words at once. */
#include <core/time.h>
#include <mm/alloc.h>

#include "calls.h"
#include "futex_private.h"

enum { WAITERS_MAX = 128, FUTEX2_SIZE_U32 = 2, FUTEX2_PRIVATE = 128 };

struct linux_futex_waitv {
	uint64_t value, address;
	uint32_t flags, reserved;
};
_Static_assert(sizeof(struct linux_futex_waitv) == 24, "Linux's struct futex_waitv");

/* One word of the call. */
struct word {
	uintptr_t address;
	uint32_t expected;
	enum futex_sharing sharing;
	struct futex_waiter waiter;
};

struct wait_many {
	unsigned count;
	struct futex_deadline deadline;
	struct word *words;
};

static int read_word(uintptr_t at, struct word *out)
{
	struct linux_futex_waitv given;

	if (user_read(&given, at, sizeof(given)))
		return -EFAULT;
	if (given.flags & ~(uint32_t)(FUTEX2_SIZE_U32 | FUTEX2_PRIVATE) || given.reserved ||
	    !(given.flags & FUTEX2_SIZE_U32) || given.value > UINT32_MAX)
		return -EINVAL;
	*out = (struct word){
		.address = (uintptr_t)given.address,
		.expected = (uint32_t)given.value,
		.sharing = given.flags & FUTEX2_PRIVATE ? FUTEX_PRIVATE : FUTEX_SHARED,
		.waiter.bitset = FUTEX_BITSET_ANY,
	};
	return 0;
}

/* Takes the first `count` off again: the last one that somebody has woken, or `otherwise`. */
static int unqueue_all(struct wait_many *m, unsigned count, int otherwise)
{
	for (unsigned i = 0; i < count; i++)
		if (!futex_unqueue(&m->words[i].waiter))
			otherwise = (int)i;
	return otherwise;
}

static int sleep(const struct wait_many *m)
{
	struct waiter *waiters[WAITERS_MAX];

	for (unsigned i = 0; i < m->count; i++)
		waiters[i] = &m->words[i].waiter.waiter;
	return thread_wait(waiters, m->count, m->deadline.ns,
			   WAIT_INTERRUPTIBLE | m->deadline.clock);
}

static int wait_queued(struct wait_many *m)
{
	int err = 0;

	for (unsigned i = 0; i < m->count; i++) {
		struct word *word = &m->words[i];

		err = futex_queue(&word->waiter, word->address, word->expected);
		if (err)
			return unqueue_all(m, i, err);
	}
	return unqueue_all(m, m->count, sleep(m));
}

/* The index of a word at which somebody woke, or a negative errno. */
static int wait_many(struct wait_many *m)
{
	unsigned keys = 0;
	int result = 0;

	while (keys < m->count && !result) {
		struct word *word = &m->words[keys];

		result = futex_key_get(word->address, word->sharing, &word->waiter.key);
		keys += !result;
	}
	if (!result)
		result = wait_queued(m);
	while (keys--)
		futex_key_put(&m->words[keys].waiter.key);
	return result;
}

static int read_deadline(uintptr_t timeout, int clock, struct futex_deadline *out)
{
	*out = FUTEX_NO_DEADLINE;
	if (!timeout)
		return 0;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return -EINVAL;
	if (clock == CLOCK_REALTIME)
		out->clock = WAIT_WALL;
	return user_read_timespec(timeout, &out->ns);
}

long sys_futex_waitv(long waiters, long count, long flags, long timeout, long clock)
{
	struct wait_many m = { .count = (unsigned)count };

	if ((unsigned)flags || !m.count || m.count > WAITERS_MAX || !waiters)
		return -EINVAL;
	int result = read_deadline((uintptr_t)timeout, (int)clock, &m.deadline);
	if (result)
		return result;
	m.words = mem_alloc(m.count * sizeof(*m.words));
	if (!m.words)
		return -ENOMEM;
	for (unsigned i = 0; i < m.count && !result; i++)
		result = read_word((uintptr_t)waiters + i * sizeof(struct linux_futex_waitv),
				   &m.words[i]);
	if (!result)
		result = wait_many(&m);
	mem_free(m.words);
	return restartable(result);
}
