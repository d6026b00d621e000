/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scheduling as programs ask for it (sched(7)): SCHED_FIFO and SCHED_RR run by priority before all others; among the others the
 * nice value gives the length of the time slice. SCHED_DEADLINE is refused as if all of the CPU's time were promised.
 * Also membarrier(2) and getcpu(2).
 */
#include "scheduling.h"

#include <base/assert.h>
#include <base/string.h>
#include <core/time.h>
#include <hal/cpu.h>

#include "calls.h"

enum { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5, SCHED_DEADLINE = 6 };
enum { SCHED_RESET_ON_FORK = 0x40000000, PRIORITY_MAX = 99 };
enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };
enum { NICE_MIN = -20, NICE_MAX = 19, NICE_STEPS = 5 };
#define SLICE_RR_NS (100 * NS_PER_MS)

/* Guards struct task_scheduling of all tasks. */
static struct spinlock lock;

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_policy(int policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE ||
	       is_realtime(policy);
}

static int limit_nice(int nice)
{
	return nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
}

/* Doubled or halved every five steps: 64 ms at -20, 4 ms at 0, 1/3 ms at 19 (Linux's weights change faster). */
static uint32_t slice_ns(const struct task_scheduling *s)
{
	uint64_t ns = THREAD_SLICE_NS;
	int nice = s->policy == SCHED_IDLE ? NICE_MAX : s->nice;

	if (s->policy == SCHED_FIFO)
		return THREAD_SLICE_ENDLESS;
	if (s->policy == SCHED_RR)
		return (uint32_t)SLICE_RR_NS;
	for (; nice <= -NICE_STEPS; nice += NICE_STEPS)
		ns *= 2;
	for (; nice >= NICE_STEPS; nice -= NICE_STEPS)
		ns /= 2;
	return (uint32_t)(ns - (int64_t)ns * nice / (2 * NICE_STEPS));
}

int scheduling_priority(const struct task *task)
{
	return max(task->scheduling.priority, task->scheduling.lent);
}

static void apply(struct task *task) REQUIRES(lock)
{
	thread_set_scheduling(&task->thread, (unsigned)scheduling_priority(task),
			      slice_ns(&task->scheduling));
}

void scheduling_lend(struct task *task, int priority)
{
	spin_lock(&lock);
	task->scheduling.lent = priority;
	apply(task);
	spin_unlock(&lock);
}

void scheduling_inherit(struct task *task, const struct task *from)
{
	spin_lock(&lock);
	struct task_scheduling *s = &task->scheduling;
	*s = from->scheduling;
	s->lent = 0;
	task->io_priority = from->io_priority;
	if (s->resets_on_fork) {
		int nice = is_realtime(s->policy) ? 0 : max(s->nice, 0);

		*s = (struct task_scheduling){ .policy = SCHED_OTHER, .nice = nice };
	}
	apply(task);
	spin_unlock(&lock);
}

/* --- changes --- */

/* Counted; 0 is the caller. */
static struct task *find_task(long pid)
{
	return task_find(NULL, (int)pid ? (int)pid : task_current()->tid);
}

static bool may_be_nice(const struct process *process, int nice)
{
	return is_capable(CAP_SYS_NICE) ||
	       20 - (uint64_t)(int64_t)nice <= process->limits[RLIMIT_NICE].current;
}

/* Without CAP_SYS_NICE only down, or as far as the limits say. */
static bool may_change(const struct task_scheduling *from, const struct task_scheduling *to)
{
	const struct process *process = process_current();
	uint64_t limit = process->limits[RLIMIT_RTPRIO].current;

	if (is_capable(CAP_SYS_NICE))
		return true;
	if (!is_realtime(to->policy) && to->nice < from->nice && !may_be_nice(process, to->nice))
		return false;
	if (is_realtime(to->policy) && to->policy != from->policy && !limit)
		return false;
	return to->priority <= from->priority || (uint64_t)to->priority <= limit;
}

/* What sched_setscheduler(2) and the like may say of a task. */
struct change {
	int policy, priority, nice;
	bool keeps_policy, keeps_nice, resets_on_fork;
};

static int change_task(struct task *task, const struct change *c)
{
	int err = 0;

	spin_lock(&lock);
	struct task_scheduling to = task->scheduling;
	if (!c->keeps_policy) {
		to.policy = c->policy;
		to.resets_on_fork = c->resets_on_fork;
	}
	to.priority = c->priority;
	if (!c->keeps_nice && !is_realtime(to.policy))
		to.nice = c->nice;
	if (!is_policy(to.policy) || to.priority < 0 || to.priority > PRIORITY_MAX ||
	    is_realtime(to.policy) != (to.priority != 0))
		err = -EINVAL;
	else if (!may_change(&task->scheduling, &to))
		err = -EPERM;
	if (!err) {
		task->scheduling = to;
		apply(task);
	}
	spin_unlock(&lock);
	return err;
}

static long set_scheduler(long pid, struct change *c, long param_address)
{
	int32_t priority;

	if ((int)pid < 0 || !param_address)
		return -EINVAL;
	if (user_read(&priority, (uintptr_t)param_address, sizeof(priority)))
		return -EFAULT;
	struct task *task = find_task(pid);
	if (!task)
		return -ESRCH;
	c->priority = priority;
	c->keeps_nice = true;
	int err = change_task(task, c);
	task_put(task);
	return err;
}

long sys_sched_setscheduler(long pid, long policy, long param_address)
{
	struct change c = {
		.policy = (int)policy & ~SCHED_RESET_ON_FORK,
		.resets_on_fork = policy & SCHED_RESET_ON_FORK,
	};

	return (int)policy < 0 ? -EINVAL : set_scheduler(pid, &c, param_address);
}

long sys_sched_setparam(long pid, long param_address)
{
	struct change c = { .keeps_policy = true };

	return set_scheduler(pid, &c, param_address);
}

/* A copy of what a task has. -ESRCH */
static int read_scheduling(long pid, struct task_scheduling *out)
{
	struct task *task = (int)pid < 0 ? NULL : find_task(pid);

	if (!task)
		return (int)pid < 0 ? -EINVAL : -ESRCH;
	spin_lock(&lock);
	*out = task->scheduling;
	spin_unlock(&lock);
	task_put(task);
	return 0;
}

long sys_sched_getscheduler(long pid)
{
	struct task_scheduling s;
	int err = read_scheduling(pid, &s);

	return err ? err : s.policy | (s.resets_on_fork ? SCHED_RESET_ON_FORK : 0);
}

long sys_sched_getparam(long pid, long address)
{
	struct task_scheduling s;
	int err = address ? read_scheduling(pid, &s) : -EINVAL;

	return err ? err : user_write((uintptr_t)address, &s.priority, sizeof(int32_t));
}

long sys_sched_get_priority_max(long policy)
{
	if ((int)policy == SCHED_DEADLINE)
		return 0;
	return !is_policy((int)policy) ? -EINVAL : is_realtime((int)policy) ? PRIORITY_MAX : 0;
}

long sys_sched_get_priority_min(long policy)
{
	if ((int)policy == SCHED_DEADLINE)
		return 0;
	return !is_policy((int)policy) ? -EINVAL : is_realtime((int)policy) ? 1 : 0;
}

long sys_sched_rr_get_interval(long pid, long address)
{
	struct task_scheduling s;
	int err = read_scheduling(pid, &s);

	if (err)
		return err;
	return user_write_timespec((uintptr_t)address, s.policy == SCHED_FIFO ? 0 : slice_ns(&s));
}

/* --- sched_getattr, sched_setattr: the structure grows with Linux's versions --- */

struct sched_attributes {
	uint32_t bytes, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t utilisation_min, utilisation_max;
};
enum { ATTRIBUTES_FIRST = 48, UTILISATION_MAX = 1024 };
enum {
	FLAG_RESET_ON_FORK = 1,
	FLAG_KEEP_POLICY = 8,
	FLAG_KEEP_PARAMETERS = 16,
	FLAGS_KNOWN = 0x7f
};

long sys_sched_getattr(long pid, long address, long bytes, long flags)
{
	struct task_scheduling s;
	size_t size = (uint32_t)bytes;

	if (!address || size > PAGE_SIZE || size < ATTRIBUTES_FIRST || (int)flags)
		return -EINVAL;
	int err = read_scheduling(pid, &s);
	if (err)
		return err;
	const struct sched_attributes attributes = {
		.bytes = (uint32_t)min(size, sizeof(attributes)),
		.policy = (uint32_t)s.policy,
		.flags = s.resets_on_fork ? FLAG_RESET_ON_FORK : 0,
		.nice = is_realtime(s.policy) ? 0 : s.nice,
		.priority = (uint32_t)s.priority,
		.utilisation_max = UTILISATION_MAX,
	};
	return user_write((uintptr_t)address, &attributes, attributes.bytes);
}

static int too_big(uintptr_t address)
{
	const uint32_t bytes = sizeof(struct sched_attributes);

	return user_write(address, &bytes, sizeof(bytes)) ? -EFAULT : -E2BIG;
}

static int read_attributes(uintptr_t address, struct sched_attributes *a)
{
	uint32_t bytes;

	memset(a, 0, sizeof(*a));
	if (user_read(&bytes, address, sizeof(bytes)))
		return -EFAULT;
	if (!bytes)
		bytes = ATTRIBUTES_FIRST;
	if (bytes < ATTRIBUTES_FIRST || bytes > PAGE_SIZE)
		return too_big(address);
	if (user_read(a, address, min((size_t)bytes, sizeof(*a))))
		return -EFAULT;
	for (size_t at = sizeof(*a); at < bytes; at++) {
		uint8_t byte;

		if (user_read(&byte, address + at, 1))
			return -EFAULT;
		if (byte)
			return too_big(address);
	}
	return 0;
}

long sys_sched_setattr(long pid, long address, long flags)
{
	struct sched_attributes a;

	if (!address || (int)pid < 0 || (int)flags)
		return -EINVAL;
	int err = read_attributes((uintptr_t)address, &a);
	if (err)
		return err;
	if ((int)a.policy < 0 || a.flags & ~(uint64_t)FLAGS_KNOWN)
		return -EINVAL;
	struct task *task = find_task(pid);
	if (!task)
		return -ESRCH;
	const struct change c = {
		.policy = (int)a.policy,
		.priority = (int)min(a.priority, (uint32_t)INT32_MAX),
		.nice = limit_nice(a.nice),
		.keeps_policy = a.flags & FLAG_KEEP_POLICY,
		.keeps_nice = a.flags & FLAG_KEEP_PARAMETERS,
		.resets_on_fork = a.flags & FLAG_RESET_ON_FORK,
	};
	err = a.policy == SCHED_DEADLINE ? -EBUSY : change_task(task, &c);
	task_put(task);
	return err;
}

/* --- nice values --- */

unsigned scheduling_each_meant(int which, int who, void (*fn)(void *context, struct task *task),
			       void *context)
{
	struct process *process = process_current();
	unsigned count = 0;

	if (which == PRIO_PROCESS) {
		struct task *task = find_task(who);

		if (!task)
			return 0;
		fn(context, task);
		task_put(task);
		return 1;
	}
	if (who && who != (which == PRIO_PGRP ? process->group : (int)process->credentials.uid))
		return 0;
	spin_lock(&process->handlers->lock);
	list_for_each(node, &process->tasks) {
		fn(context, list_entry(node, struct task, link));
		count++;
	}
	spin_unlock(&process->handlers->lock);
	return count;
}

static void find_highest(void *context, struct task *task)
{
	int *highest = context;

	/* The call's own encoding: never negative. */
	*highest = max(*highest, 20 - task->scheduling.nice);
}

long sys_getpriority(long which, long who)
{
	int highest = -ESRCH;

	which = (int)which;
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	scheduling_each_meant((int)which, (int)who, find_highest, &highest);
	return highest;
}

struct renice {
	int nice, err;
};

static void renice(void *context, struct task *task)
{
	struct renice *r = context;

	if (r->nice < task->scheduling.nice && !may_be_nice(process_current(), r->nice)) {
		r->err = -EACCES;
		return;
	}
	spin_lock(&lock);
	task->scheduling.nice = r->nice;
	apply(task);
	spin_unlock(&lock);
}

long sys_setpriority(long which, long who, long nice)
{
	struct renice r = { .nice = limit_nice((int)nice) };

	which = (int)which;
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	return scheduling_each_meant((int)which, (int)who, renice, &r) ? r.err : -ESRCH;
}

/* --- CPUs --- */

static bool task_exists(long pid)
{
	struct task *task = (int)pid < 0 ? NULL : find_task(pid);

	task_put(task);
	return task;
}

long sys_sched_yield(void)
{
	thread_yield();
	return 0;
}

long sys_sched_getaffinity(long pid, long bytes, long address)
{
	const uint64_t mask = BIT64(CPU_MAX) - 1;

	if ((unsigned)bytes < sizeof(mask) || (unsigned)bytes % sizeof(mask))
		return -EINVAL;
	if (!task_exists(pid))
		return -ESRCH;
	return user_write((uintptr_t)address, &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}

/* With one CPU there is one choice. */
long sys_sched_setaffinity(long pid, long bytes, long address)
{
	uint64_t mask = 0;

	static_assert(CPU_MAX == 1, "with more CPUs each task needs a mask");
	if (user_read(&mask, (uintptr_t)address, min((size_t)(unsigned)bytes, sizeof(mask))))
		return -EFAULT;
	if (!task_exists(pid))
		return -ESRCH;
	return mask & (BIT64(CPU_MAX) - 1) ? 0 : -EINVAL;
}

long sys_getcpu(long cpu_address, long node_address, long cache)
{
	const uint32_t cpu = cpu_index(), node = 0;

	(void)cache;
	if (cpu_address && user_write((uintptr_t)cpu_address, &cpu, sizeof(cpu)))
		return -EFAULT;
	if (node_address && user_write((uintptr_t)node_address, &node, sizeof(node)))
		return -EFAULT;
	return 0;
}

/* One CPU: whoever asks has seen all the memory there is to see, and runs while no other thread does. A restartable sequence
 * of another thread ends when that is displaced by the caller. */
long sys_membarrier(long command, long flags, long cpu)
{
	enum {
		QUERY,
		GLOBAL = 1,
		GLOBAL_EXPEDITED = 2,
		REGISTER_GLOBAL_EXPEDITED = 4,
		PRIVATE_EXPEDITED = 8,
		REGISTER_PRIVATE_EXPEDITED = 16,
		PRIVATE_EXPEDITED_SYNC_CORE = 32,
		REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64,
		PRIVATE_EXPEDITED_RSEQ = 128,
		REGISTER_PRIVATE_EXPEDITED_RSEQ = 256,
		REGISTERED_SHIFT = 1,
		REGISTRATIONS = REGISTER_GLOBAL_EXPEDITED | REGISTER_PRIVATE_EXPEDITED |
				REGISTER_PRIVATE_EXPEDITED_SYNC_CORE |
				REGISTER_PRIVATE_EXPEDITED_RSEQ,
		NEED_REGISTRATION = PRIVATE_EXPEDITED | PRIVATE_EXPEDITED_SYNC_CORE |
				    PRIVATE_EXPEDITED_RSEQ,
		KNOWN = GLOBAL | GLOBAL_EXPEDITED | REGISTRATIONS | NEED_REGISTRATION,
		FLAG_CPU = 1,
	};
	struct process *process = process_current();

	(void)cpu;
	static_assert(CPU_MAX == 1, "with more CPUs this needs interrupts between them");
	command = (int)command;
	if ((int)flags && ((int)command != PRIVATE_EXPEDITED_RSEQ || (int)flags != FLAG_CPU))
		return -EINVAL;
	if (command == QUERY)
		return KNOWN;
	if (command < 0 || !is_pow2((uint64_t)command) || command & ~(long)KNOWN)
		return -EINVAL;
	if (command & REGISTRATIONS)
		process->barriers |= (unsigned)command;
	if (command & NEED_REGISTRATION &&
	    !(process->barriers & (unsigned)command << REGISTERED_SHIFT))
		return -EPERM;
	return 0;
}
