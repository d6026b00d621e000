/* SPDX-License-Identifier: BSD-3-Clause */
/* What a task says about itself to the kernel: prctl(2), arch_prctl(2), and scheduling (sched(7)). */
#include <base/assert.h>
#include <base/string.h>
#include <core/time.h>
#include <hal/cpu.h>

#include "calls.h"

enum {
	PR_SET_PDEATHSIG = 1,
	PR_GET_PDEATHSIG,
	PR_GET_DUMPABLE,
	PR_SET_DUMPABLE,
	PR_GET_KEEPCAPS = 7,
	PR_SET_KEEPCAPS,
	PR_SET_NAME = 15,
	PR_GET_NAME,
	PR_GET_SECCOMP = 21,
	PR_SET_SECCOMP,
	PR_CAPBSET_READ,
	PR_CAPBSET_DROP,
	PR_GET_TSC,
	PR_SET_TSC,
	PR_GET_SECUREBITS,
	PR_SET_SECUREBITS,
	PR_SET_TIMERSLACK,
	PR_GET_TIMERSLACK,
	PR_SET_CHILD_SUBREAPER = 36,
	PR_GET_CHILD_SUBREAPER,
	PR_SET_NO_NEW_PRIVS,
	PR_GET_NO_NEW_PRIVS,
	PR_GET_TID_ADDRESS,
	PR_SET_THP_DISABLE,
	PR_GET_THP_DISABLE,
	PR_CAP_AMBIENT = 47,
	PR_SET_VMA = 0x53564d41,
};
enum {
	PR_CAP_AMBIENT_IS_SET = 1,
	PR_CAP_AMBIENT_RAISE,
	PR_CAP_AMBIENT_LOWER,
	PR_CAP_AMBIENT_CLEAR_ALL
};
enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS };
enum { CAPABILITIES = 41, NOT_MINE = 1 << 16 };

static long set_name(long address)
{
	char name[TASK_NAME_BYTES] = { 0 };
	ssize_t length = user_read_string(name, (uintptr_t)address, sizeof(name));

	if (length < 0 && length != -ENAMETOOLONG)
		return length;
	name[sizeof(name) - 1] = 0;
	memcpy(task_current()->name, name, sizeof(name));
	return 0;
}

static long ambient(struct credentials *c, long operation, long capability)
{
	if (operation == PR_CAP_AMBIENT_CLEAR_ALL) {
		c->ambient = 0;
		return 0;
	}
	if (capability < 0 || capability >= CAPABILITIES)
		return -EINVAL;
	uint64_t bit = BIT64(capability);

	switch (operation) {
	case PR_CAP_AMBIENT_IS_SET:
		return (c->ambient & bit) != 0;
	case PR_CAP_AMBIENT_RAISE:
		if (!(c->permitted & c->inheritable & bit))
			return -EPERM;
		c->ambient |= bit;
		return 0;
	case PR_CAP_AMBIENT_LOWER:
		c->ambient &= ~bit;
		return 0;
	default:
		return -EINVAL;
	}
}

/* About rights; NOT_MINE: another option. */
static long control_rights(struct process *process, long option, long a, long b)
{
	struct credentials *c = &process->credentials;

	switch (option) {
	case PR_GET_KEEPCAPS:
		return process->keep_capabilities;
	case PR_SET_KEEPCAPS:
		if ((unsigned long)a > 1)
			return -EINVAL;
		process->keep_capabilities = a;
		return 0;
	case PR_CAPBSET_READ:
		return (unsigned long)a < CAPABILITIES ? (c->bounding & BIT64(a)) != 0 : -EINVAL;
	case PR_CAPBSET_DROP:
		if ((unsigned long)a >= CAPABILITIES)
			return -EINVAL;
		c->bounding &= ~BIT64(a);
		return 0;
	case PR_GET_SECUREBITS:
		return c->secure_bits;
	case PR_SET_SECUREBITS:
		if (a & ~0xffL)
			return -EPERM;
		c->secure_bits = (uint32_t)a;
		return 0;
	case PR_SET_NO_NEW_PRIVS:
		if (a != 1 || b)
			return -EINVAL;
		c->no_new_privileges = true;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return c->no_new_privileges;
	case PR_CAP_AMBIENT:
		return ambient(c, a, b);
	default:
		return NOT_MINE;
	}
}

static long control_process(struct process *process, long option, long a)
{
	switch (option) {
	case PR_SET_PDEATHSIG:
		if ((unsigned long)a > SIGNAL_MAX)
			return -EINVAL;
		process->parent_death_signal = (int)a;
		return 0;
	case PR_GET_PDEATHSIG:
		return user_write((uintptr_t)a, &process->parent_death_signal, sizeof(int));
	case PR_GET_DUMPABLE:
		return !process->not_dumpable;
	case PR_SET_DUMPABLE:
		if ((unsigned long)a > 1)
			return -EINVAL;
		process->not_dumpable = !a;
		return 0;
	case PR_SET_CHILD_SUBREAPER:
		process->child_subreaper = a;
		return 0;
	case PR_GET_CHILD_SUBREAPER: {
		const int value = process->child_subreaper;

		return user_write((uintptr_t)a, &value, sizeof(value));
	}
	case PR_GET_THP_DISABLE:
	case PR_GET_SECCOMP:
		return 0;
	case PR_SET_THP_DISABLE:
		return 0; /* there are no transparent huge pages */
	case PR_SET_VMA:
		return -EINVAL; /* as a Linux without CONFIG_ANON_VMA_NAME */
	default:
		return -EINVAL;
	}
}

long sys_prctl(long option, long a, long b, long c, long d)
{
	struct task *task = task_current();
	enum { TSC_ENABLE = 1 };

	(void)c, (void)d;
	option = (int)option;
	switch (option) {
	case PR_SET_NAME:
		return set_name(a);
	case PR_GET_NAME:
		return user_write((uintptr_t)a, task->name, sizeof(task->name));
	case PR_SET_TIMERSLACK:
		task->timer_slack_ns = a > 0 ? (uint64_t)a : 50 * NS_PER_US;
		return 0;
	case PR_GET_TIMERSLACK:
		return (long)task->timer_slack_ns;
	case PR_GET_TID_ADDRESS:
		return user_write((uintptr_t)a, &task->clear_child_tid, sizeof(uintptr_t));
	case PR_GET_TSC: {
		const int enabled = TSC_ENABLE;

		return user_write((uintptr_t)a, &enabled, sizeof(enabled));
	}
	case PR_SET_TSC:
		return (int)a == TSC_ENABLE ? 0 : -EINVAL;
	default:
		break;
	}
	long result = control_rights(task->process, option, a, b);
	return result == NOT_MINE ? control_process(task->process, option, a) : result;
}

long sys_arch_prctl(long code, long address)
{
	uint64_t base = (uint64_t)address;

	code = (int)code;
	switch (code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (base >= USER_MAX + PAGE_SIZE)
			return -EPERM;
		if (code == ARCH_SET_FS)
			user_set_fs_base(base);
		else
			user_set_gs_base(base);
		return 0;
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		base = code == ARCH_GET_FS ? user_fs_base() : user_gs_base();
		return user_write((uintptr_t)address, &base, sizeof(base));
	default:
		return -EINVAL;
	}
}

/* --- scheduling: every thread is SCHED_OTHER; what a program asks for is checked and has no effect --- */

enum { SCHED_OTHER, SCHED_FIFO, SCHED_RR, SCHED_BATCH, SCHED_IDLE = 5 };
enum { SCHED_RESET_ON_FORK = 0x40000000, PRIORITY_MAX = 99 };
enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };
enum { NICE_MIN = -20, NICE_MAX = 19 };

static bool task_exists(long pid)
{
	struct task *task = (int)pid ? task_find(NULL, (int)pid) : task_get(task_current());

	task_put(task);
	return task;
}

static bool is_realtime(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static bool is_policy(int policy)
{
	return policy == SCHED_OTHER || policy == SCHED_BATCH || policy == SCHED_IDLE ||
	       is_realtime(policy);
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
	if ((int)pid < 0 || !task_exists(pid))
		return -ESRCH;
	return user_write((uintptr_t)address, &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}

long sys_sched_setaffinity(long pid, long bytes, long address)
{
	uint64_t mask = 0;

	if ((int)pid < 0 || !task_exists(pid))
		return -ESRCH;
	if (user_read(&mask, (uintptr_t)address, min((size_t)(unsigned)bytes, sizeof(mask))))
		return -EFAULT;
	return mask & (BIT64(CPU_MAX) - 1) ? 0 : -EINVAL;
}

static int check_scheduler(long pid, int policy, long param_address)
{
	int32_t priority;

	if ((int)pid < 0 || !param_address)
		return -EINVAL;
	if (user_read(&priority, (uintptr_t)param_address, sizeof(priority)))
		return -EFAULT;
	if (!task_exists(pid))
		return -ESRCH;
	if (!is_policy(policy))
		return -EINVAL;
	if (is_realtime(policy))
		return priority < 1 || priority > PRIORITY_MAX ? -EINVAL : -EPERM;
	return priority ? -EINVAL : 0;
}

long sys_sched_setscheduler(long pid, long policy, long param_address)
{
	return check_scheduler(pid, (int)policy & ~SCHED_RESET_ON_FORK, param_address);
}

long sys_sched_setparam(long pid, long param_address)
{
	return check_scheduler(pid, SCHED_OTHER, param_address);
}

long sys_sched_getscheduler(long pid)
{
	return (int)pid < 0 ? -EINVAL : task_exists(pid) ? SCHED_OTHER : -ESRCH;
}

long sys_sched_getparam(long pid, long address)
{
	const int32_t priority = 0;

	if ((int)pid < 0 || !address)
		return -EINVAL;
	if (!task_exists(pid))
		return -ESRCH;
	return user_write((uintptr_t)address, &priority, sizeof(priority));
}

long sys_sched_get_priority_max(long policy)
{
	return !is_policy((int)policy) ? -EINVAL : is_realtime((int)policy) ? PRIORITY_MAX : 0;
}

long sys_sched_get_priority_min(long policy)
{
	return !is_policy((int)policy) ? -EINVAL : is_realtime((int)policy) ? 1 : 0;
}

long sys_sched_rr_get_interval(long pid, long address)
{
	if ((int)pid < 0)
		return -EINVAL;
	return task_exists(pid) ? user_write_timespec((uintptr_t)address, 0) : -ESRCH;
}

struct sched_attributes {
	uint32_t bytes, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

long sys_sched_getattr(long pid, long address, long bytes, long flags)
{
	const struct process *process = process_current();
	struct sched_attributes attributes = { .bytes = sizeof(attributes), .nice = process->nice };

	if (!address || (int)pid < 0 || (int)flags || (unsigned)bytes < sizeof(attributes))
		return -EINVAL;
	return task_exists(pid) ? user_write((uintptr_t)address, &attributes, sizeof(attributes))
				: -ESRCH;
}

long sys_sched_setattr(long pid, long address, long flags)
{
	struct sched_attributes attributes;

	if (!address || (int)pid < 0 || (int)flags)
		return -EINVAL;
	if (user_read(&attributes, (uintptr_t)address, sizeof(attributes)))
		return -EFAULT;
	if (attributes.bytes && attributes.bytes < sizeof(attributes))
		return -E2BIG;
	if (!task_exists(pid))
		return -ESRCH;
	if (!is_policy((int)attributes.policy))
		return -EINVAL;
	return is_realtime((int)attributes.policy) ? -EPERM : 0;
}

/* Whose nice value is meant: only the one process there is to ask about. */
static struct process *priority_target(long which, int who)
{
	struct process *process = process_current();

	switch (which) {
	case PRIO_PROCESS: {
		return task_exists(who) ? process : NULL;
	}
	case PRIO_PGRP:
		return !who || who == process->group ? process : NULL;
	default:
		return !who || (uint32_t)who == process->credentials.uid ? process : NULL;
	}
}

long sys_getpriority(long which, long who)
{
	which = (int)which;
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	const struct process *process = priority_target(which, (int)who);
	return process ? 20 - process->nice : -ESRCH; /* the call's own encoding: never negative */
}

long sys_setpriority(long which, long who, long nice)
{
	which = (int)which;
	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	struct process *process = priority_target(which, (int)who);
	if (!process)
		return -ESRCH;
	process->nice = (int)nice < NICE_MIN   ? NICE_MIN
			: (int)nice > NICE_MAX ? NICE_MAX
					       : (int)nice;
	return 0;
}

/* One CPU: whoever asks has seen all the memory there is to see. */
long sys_membarrier(long command, long flags, long cpu)
{
	enum {
		QUERY,
		GLOBAL = 1,
		GLOBAL_EXPEDITED = 2,
		REGISTER_GLOBAL_EXPEDITED = 4,
		PRIVATE_EXPEDITED = 8,
		REGISTER_PRIVATE_EXPEDITED = 16
	};
	const int known = GLOBAL | GLOBAL_EXPEDITED | REGISTER_GLOBAL_EXPEDITED |
			  PRIVATE_EXPEDITED | REGISTER_PRIVATE_EXPEDITED;

	(void)cpu;
	static_assert(CPU_MAX == 1, "with more CPUs this needs interrupts between them");
	command = (int)command;
	if ((int)flags)
		return -EINVAL;
	if (command == QUERY)
		return known;
	return command > 0 && is_pow2((uint64_t)command) && !(command & ~known) ? 0 : -EINVAL;
}
