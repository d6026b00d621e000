/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * New tasks: clone(2), clone3(2). Only threads of the calling process can be made; what asks for a process of its own (fork(2),
 * vfork(2), clone(2) without CLONE_THREAD) is told so, and the log says it once.
 */
#include <base/assert.h>
#include <base/bits.h>
#include <base/log.h>
#include <base/string.h>
#include <linux/signal.h>

#include "calls.h"
#include "scheduling.h"

/* linux/sched.h */
#define CLONE_EXIT_SIGNAL 0xffull
#define CLONE_NEWTIME 0x80ull
#define CLONE_VM 0x100ull
#define CLONE_FS 0x200ull
#define CLONE_FILES 0x400ull
#define CLONE_SIGHAND 0x800ull
#define CLONE_PIDFD 0x1000ull
#define CLONE_PARENT 0x8000ull
#define CLONE_THREAD 0x10000ull
#define CLONE_NEWNS 0x20000ull
#define CLONE_SETTLS 0x80000ull
#define CLONE_PARENT_SETTID 0x100000ull
#define CLONE_CHILD_CLEARTID 0x200000ull
#define CLONE_DETACHED 0x400000ull
#define CLONE_CHILD_SETTID 0x1000000ull
#define CLONE_NEWUSER 0x10000000ull
#define CLONE_NEWPID 0x20000000ull
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#define CLONE_INTO_CGROUP 0x200000000ull
#define CLONE_KNOWN (0xffffffffull | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)

enum { CLONE_ARGS_FIRST = 64, CLONE_ARGS_CGROUP = 88, NAMESPACE_LEVELS = 32 };

/** As clone3(2) takes it. */
struct clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
	uint64_t stack, stack_bytes, tls, set_tid, set_tid_count, cgroup;
};
static_assert(sizeof(struct clone_args) == CLONE_ARGS_CGROUP, "linux/sched.h: struct clone_args");

/* As Linux's copy_process(). */
static int check_flags(uint64_t flags)
{
	if ((flags & CLONE_NEWNS || flags & CLONE_NEWUSER) && flags & CLONE_FS)
		return -EINVAL;
	if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if (flags & CLONE_SIGHAND && !(flags & CLONE_VM))
		return -EINVAL;
	if (flags & CLONE_PARENT && process_current()->pid == 1)
		return -EINVAL;
	if (flags & CLONE_THREAD && flags & (CLONE_NEWUSER | CLONE_NEWPID))
		return -EINVAL;
	if (flags & CLONE_PIDFD && flags & (CLONE_DETACHED | CLONE_THREAD))
		return -EINVAL;
	return 0;
}

static long no_process(const char *call)
{
	static bool told; /* one per machine, like the log */

	if (!told)
		log_warning("%s: the program wants to start another process, which is not "
			    "available",
			    call);
	told = true;
	return -ENOSYS;
}

/* RLIMIT_NPROC counts the processes and threads of a user, but binds no root. */
static bool may_have_more(const struct process *process)
{
	return process->task_count < process->limits[RLIMIT_NPROC].current ||
	       !process->credentials.uid || is_capable(CAP_SYS_RESOURCE) ||
	       is_capable(CAP_SYS_ADMIN);
}

/* The new task goes on where this one is, with a result of 0. */
static void fill(struct task *task, const struct clone_args *args)
{
	const struct task *parent = task_current();

	task->start_regs = *user_regs();
	task->start_regs.rax = 0;
	task->start_regs.orig_rax = UINT64_MAX;
	if (args->stack)
		task->start_regs.rsp = args->stack + args->stack_bytes;
	task->user.fs_base = args->flags & CLONE_SETTLS ? args->tls : user_fs_base();
	task->user.gs_base = user_gs_base();
	fpu_store(task->user.fpu);
	task->user.saved = true;
	memcpy(task->name, parent->name, sizeof(task->name));
	task->blocked = parent->blocked;
	task->timer_slack_ns = parent->timer_slack_ns;
	task->thread.trace = parent->thread.trace;
	scheduling_inherit(task, parent);
	if (args->flags & CLONE_CHILD_SETTID)
		task->set_child_tid = args->child_tid;
	if (args->flags & CLONE_CHILD_CLEARTID)
		task->clear_child_tid = args->child_tid;
}

static long make_thread(const struct clone_args *args)
{
	struct process *process = process_current();

	if (task_current()->must_end)
		return -ERESTARTNOINTR;
	if (args->flags & CLONE_SETTLS && args->tls >= USER_MAX + PAGE_SIZE)
		return -EPERM;
	if (!may_have_more(process))
		return -EAGAIN;
	struct task *task = task_create(process);
	if (!task)
		return -ENOMEM;
	fill(task, args);
	int err = task_add(task);
	if (err) {
		task_destroy(task);
		return err;
	}
	const int tid = task->tid;
	if (args->flags & CLONE_PARENT_SETTID) {
		err = user_write(args->parent_tid, &tid, sizeof(tid));
		(void)err; /* as Linux */
	}
	task_start(task);
	return tid;
}

static long clone(const struct clone_args *args, const char *call)
{
	const uint64_t shared = CLONE_FS | CLONE_FILES;
	int err = check_flags(args->flags);

	if (err)
		return err;
	if (!(args->flags & CLONE_THREAD))
		return no_process(call);
	if ((args->flags & shared) != shared) {
		log_warning("%s: a thread with descriptors or directories of its own is not "
			    "available",
			    call);
		return -ENOSYS;
	}
	return make_thread(args);
}

long sys_clone(long flags, long stack, long parent_tid, long child_tid, long tls)
{
	const struct clone_args args = {
		.flags = (uint32_t)flags & ~CLONE_EXIT_SIGNAL,
		.pidfd = (uint64_t)parent_tid,
		.child_tid = (uint64_t)child_tid,
		.parent_tid = (uint64_t)parent_tid,
		.exit_signal = (uint64_t)flags & CLONE_EXIT_SIGNAL,
		.stack = (uint64_t)stack,
		.tls = (uint64_t)tls,
	};

	/* Both would be written to one place. */
	if (args.flags & CLONE_PIDFD && args.flags & CLONE_PARENT_SETTID)
		return -EINVAL;
	return clone(&args, "clone");
}

/* Later versions of the structure are longer; what we do not know must be zero. */
static int read_args(uintptr_t address, size_t bytes, struct clone_args *args)
{
	if (bytes < CLONE_ARGS_FIRST)
		return -EINVAL;
	if (bytes > PAGE_SIZE)
		return -E2BIG;
	memset(args, 0, sizeof(*args));
	if (user_read(args, address, min(bytes, sizeof(*args))))
		return -EFAULT;
	for (size_t at = sizeof(*args); at < bytes; at++) {
		uint8_t byte;

		if (user_read(&byte, address + at, 1))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	return 0;
}

static int check_args(const struct clone_args *args, size_t bytes)
{
	uint64_t flags = args->flags;

	if (args->set_tid_count > NAMESPACE_LEVELS || !args->set_tid != !args->set_tid_count)
		return -EINVAL;
	if (args->exit_signal > SIGNAL_MAX)
		return -EINVAL;
	if (flags & CLONE_INTO_CGROUP && (args->cgroup > INT32_MAX || bytes < CLONE_ARGS_CGROUP))
		return -EINVAL;
	if (flags & ~CLONE_KNOWN || flags & (CLONE_DETACHED | CLONE_EXIT_SIGNAL) & ~CLONE_NEWTIME)
		return -EINVAL;
	if (flags & CLONE_SIGHAND && flags & CLONE_CLEAR_SIGHAND)
		return -EINVAL;
	if (flags & (CLONE_THREAD | CLONE_PARENT) && args->exit_signal)
		return -EINVAL;
	if (!args->stack != !args->stack_bytes)
		return -EINVAL;
	return args->stack && !range_fits(args->stack, args->stack_bytes, USER_MAX) ? -EINVAL : 0;
}

long sys_clone3(long address, long bytes)
{
	struct clone_args args;
	int err = read_args((uintptr_t)address, (size_t)bytes, &args);

	if (!err)
		err = check_args(&args, (size_t)bytes);
	if (err)
		return err;
	/* Only one level of ids is there, and choosing them is for checkpoints. */
	if (args.set_tid_count)
		return args.set_tid_count > 1 ? -EINVAL : -EPERM;
	return clone(&args, "clone3");
}

long sys_fork(void)
{
	return no_process("fork");
}

long sys_vfork(void)
{
	return no_process("vfork");
}
