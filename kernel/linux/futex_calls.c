/* SPDX-License-Identifier: BSD-3-Clause */
/* futex(2): the call's many operations, and what each makes of the arguments. */
#include <base/bits.h>
#include <core/time.h>

#include "calls.h"
#include "futex_private.h"

enum {
	FUTEX_WAIT,
	FUTEX_WAKE,
	FUTEX_FD,
	FUTEX_REQUEUE,
	FUTEX_CMP_REQUEUE,
	FUTEX_WAKE_OP,
	FUTEX_LOCK_PI,
	FUTEX_UNLOCK_PI,
	FUTEX_TRYLOCK_PI,
	FUTEX_WAIT_BITSET,
	FUTEX_WAKE_BITSET,
	FUTEX_WAIT_REQUEUE_PI,
	FUTEX_CMP_REQUEUE_PI,
	FUTEX_LOCK_PI2,
	FUTEX_PRIVATE_FLAG = 128,
	FUTEX_CLOCK_REALTIME = 256
};

/* The arguments, with what `operation` says about them. */
struct futex_call {
	uintptr_t address, second;
	int command;
	enum futex_sharing sharing;
	bool realtime;
	long value, timeout, third;
	struct futex_deadline deadline;
};

static bool takes_timeout(int command)
{
	return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET || command == FUTEX_LOCK_PI ||
	       command == FUTEX_LOCK_PI2 || command == FUTEX_WAIT_REQUEUE_PI;
}

/* FUTEX_WAIT's time is relative, the others' absolute. */
static int read_deadline(struct futex_call *c)
{
	uint64_t ns;

	c->deadline = FUTEX_NO_DEADLINE;
	if (!c->timeout || !takes_timeout(c->command))
		return 0;
	int err = user_read_timespec((uintptr_t)c->timeout, &ns);
	if (err)
		return err;
	if (c->command == FUTEX_WAIT)
		c->deadline.ns = deadline_after(ns);
	else
		c->deadline.ns = ns;
	if (c->realtime || c->command == FUTEX_LOCK_PI)
		c->deadline.clock = WAIT_WALL;
	return 0;
}

static long call_move(const struct futex_call *c)
{
	const uint32_t expected = (uint32_t)c->third;
	const struct futex_move move = {
		.from = c->address,
		.to = c->second,
		.sharing = c->sharing,
		.count = (unsigned)c->value,
		.limit = (unsigned)c->timeout,
		.expected = c->command == FUTEX_REQUEUE ? NULL : &expected,
	};

	if ((int)c->value < 0 || (int)c->timeout < 0)
		return -EINVAL;
	return c->command == FUTEX_CMP_REQUEUE_PI ? futex_move_to_lock(&move)
						  : futex_requeue(&move);
}

static long call_wake_operation(const struct futex_call *c)
{
	return futex_wake_operation(&(struct futex_wake_two){
		.first = c->address,
		.second = c->second,
		.sharing = c->sharing,
		.count = (unsigned)max((int)c->value, 1),
		.second_count = (unsigned)max((int)c->timeout, 1),
		.code = (uint32_t)c->third,
	});
}

static long call_lock(const struct futex_call *c)
{
	switch (c->command) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return futex_lock(c->address, c->sharing, c->deadline, FUTEX_LOCK_WAIT);
	case FUTEX_TRYLOCK_PI:
		return futex_lock(c->address, c->sharing, FUTEX_NO_DEADLINE, FUTEX_LOCK_TRY);
	case FUTEX_UNLOCK_PI:
		return futex_unlock(c->address, c->sharing);
	case FUTEX_WAIT_REQUEUE_PI:
		return futex_wait_for_lock(&(struct futex_wait_lock){
			.address = c->address,
			.second = c->second,
			.sharing = c->sharing,
			.expected = (uint32_t)c->value,
			.bitset = FUTEX_BITSET_ANY,
			.deadline = c->deadline,
		});
	default:
		return -ENOSYS;
	}
}

static long do_call(const struct futex_call *c)
{
	switch (c->command) {
	case FUTEX_WAIT:
		return futex_wait(c->address, c->sharing, (uint32_t)c->value, c->deadline,
				  FUTEX_BITSET_ANY);
	case FUTEX_WAIT_BITSET:
		return futex_wait(c->address, c->sharing, (uint32_t)c->value, c->deadline,
				  (uint32_t)c->third);
	case FUTEX_WAKE:
		return futex_wake(c->address, c->sharing, (int)c->value, FUTEX_BITSET_ANY);
	case FUTEX_WAKE_BITSET:
		return futex_wake(c->address, c->sharing, (int)c->value, (uint32_t)c->third);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_CMP_REQUEUE_PI:
		return call_move(c);
	case FUTEX_WAKE_OP:
		return call_wake_operation(c);
	default:
		return call_lock(c);
	}
}

long sys_futex(long address, long operation, long value, long timeout, long second, long third)
{
	struct futex_call c = {
		.address = (uintptr_t)address,
		.second = (uintptr_t)second,
		.command = (int)operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME),
		.sharing = operation & FUTEX_PRIVATE_FLAG ? FUTEX_PRIVATE : FUTEX_SHARED,
		.realtime = operation & FUTEX_CLOCK_REALTIME,
		.value = value,
		.timeout = timeout,
		.third = third,
	};
	int err = read_deadline(&c);

	if (err)
		return err;
	if (c.realtime && c.command != FUTEX_WAIT_BITSET && c.command != FUTEX_WAIT_REQUEUE_PI &&
	    c.command != FUTEX_LOCK_PI2)
		return -ENOSYS;
	return do_call(&c);
}
