/* SPDX-License-Identifier: BSD-3-Clause */
/* What a task says about itself to the kernel: prctl(2), arch_prctl(2). */
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
