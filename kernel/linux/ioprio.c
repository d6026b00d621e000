/* SPDX-License-Identifier: BSD-3-Clause */
/* I/O priorities (ioprio_set(2)): kept and told. Requests are served as they come, so nothing else follows from them. */
#include <base/bits.h>

#include "calls.h"
#include "scheduling.h"

enum { WHO_PROCESS = 1, WHO_GROUP, WHO_USER };
enum { CLASS_NONE, CLASS_REALTIME, CLASS_BEST_EFFORT, CLASS_IDLE, CLASS_SHIFT = 13 };
enum { LEVEL_MASK = 7, LEVEL_NORMAL = 4 };

static int class_of(int priority)
{
	return priority >> CLASS_SHIFT;
}

static int check(int priority)
{
	switch (class_of(priority)) {
	case CLASS_REALTIME:
		return is_capable(CAP_SYS_ADMIN) || is_capable(CAP_SYS_NICE) ? 0 : -EPERM;
	case CLASS_BEST_EFFORT:
	case CLASS_IDLE:
		return 0;
	case CLASS_NONE:
		return priority & LEVEL_MASK ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

static void set(void *context, struct task *task)
{
	task->io_priority = *(const uint16_t *)context;
}

long sys_ioprio_set(long which, long who, long priority)
{
	uint16_t value = (uint16_t)priority;
	int err = (int)priority >> 16 ? -EINVAL : check((int)priority);

	which = (int)which;
	if (err)
		return err;
	if (which < WHO_PROCESS || which > WHO_USER)
		return -EINVAL;
	return scheduling_each_meant((int)which - WHO_PROCESS, (int)who, set, &value) ? 0 : -ESRCH;
}

struct best {
	int priority; /* -ESRCH: none yet */
	bool of_many;
};

/* Of several the most urgent one counts, and who never set any counts as an ordinary one. */
static void find_best(void *context, struct task *task)
{
	struct best *best = context;
	int priority = task->io_priority;

	if (best->of_many && class_of(priority) == CLASS_NONE)
		priority = CLASS_BEST_EFFORT << CLASS_SHIFT | LEVEL_NORMAL;
	if (best->priority < 0 || priority < best->priority)
		best->priority = priority;
}

long sys_ioprio_get(long which, long who)
{
	struct best best = { .priority = -ESRCH, .of_many = (int)which != WHO_PROCESS };

	which = (int)which;
	if (which < WHO_PROCESS || which > WHO_USER)
		return -EINVAL;
	scheduling_each_meant((int)which - WHO_PROCESS, (int)who, find_best, &best);
	return best.priority;
}
