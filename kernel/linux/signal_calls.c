/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls about signals (signal(7) and the pages of each). */
#include <base/errno.h>
#include <core/time.h>
#include <linux/signal.h>

#include "calls.h"
#include "signal_frame.h"

enum { MASK_BYTES = 8 };
enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };
#define FLAGS_KNOWN                                                                       \
	((uint64_t)(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_RESTORER | SA_ONSTACK | \
		    SA_RESTART | SA_NODEFER | SA_RESETHAND))

static void set_action(struct process *process, int signo, const struct signal_action *action)
{
	struct signal_action *current = &process->handlers->actions[signo - 1];

	*current = *action;
	current->flags &= FLAGS_KNOWN;
	current->mask &= ~SIGNALS_UNBLOCKABLE;
	/* POSIX: what is pending is dropped when it becomes ignored, blocked or not. */
	if (signal_is_ignored(process, signo))
		signal_forget(process, signo);
}

long sys_rt_sigaction(long signo, long action, long old, long mask_bytes)
{
	struct process *process = process_current();
	struct signal_action new_action, old_action;
	int n = (int)signo;

	if (mask_bytes != MASK_BYTES || n < 1 || n > SIGNAL_MAX)
		return -EINVAL;
	if (action && (n == SIGKILL || n == SIGSTOP))
		return -EINVAL;
	if (action && user_read(&new_action, (uintptr_t)action, sizeof(new_action)))
		return -EFAULT;
	spin_lock(&process->handlers->lock);
	old_action = process->handlers->actions[n - 1];
	if (action)
		set_action(process, n, &new_action);
	spin_unlock(&process->handlers->lock);
	return old ? user_write((uintptr_t)old, &old_action, sizeof(old_action)) : 0;
}

long sys_rt_sigprocmask(long how, long set, long old, long mask_bytes)
{
	uint64_t blocked = task_current()->blocked, mask;

	how = (int)how;
	if (mask_bytes != MASK_BYTES)
		return -EINVAL;
	if (set) {
		if (user_read(&mask, (uintptr_t)set, sizeof(mask)))
			return -EFAULT;
		if (how == SIG_BLOCK)
			mask |= blocked;
		else if (how == SIG_UNBLOCK)
			mask = blocked & ~mask;
		else if (how != SIG_SETMASK)
			return -EINVAL;
		signal_set_blocked(mask);
	}
	return old ? user_write((uintptr_t)old, &blocked, sizeof(blocked)) : 0;
}

long sys_rt_sigpending(long set, long mask_bytes)
{
	struct task *task = task_current();
	uint64_t pending = (task->pending.set | task->process->pending.set) & task->blocked;

	if ((unsigned long)mask_bytes > MASK_BYTES)
		return -EINVAL;
	return user_write((uintptr_t)set, &pending, (size_t)mask_bytes);
}

static int write_info(uintptr_t address, const struct signal_info *info)
{
	int err = user_write(address, info, sizeof(*info));

	return err ? err : user_zero(address + sizeof(*info), SIGINFO_BYTES - sizeof(*info));
}

/* Waits until one of `set` is there to take, the deadline, or another signal. */
static int await_signal(uint64_t set, uint64_t deadline_ns, struct signal_info *info)
{
	struct task *task = task_current();
	int err = 0;

	task->awaited = set;
	while (!signal_take(set, info)) {
		if (err && signal_is_pending())
			break;
		if (time_now() >= deadline_ns) {
			err = -EAGAIN;
			break;
		}
		err = thread_sleep_until(deadline_ns, WAIT_INTERRUPTIBLE);
		/* At once: what comes from now on interrupts the next sleep. */
		if (err)
			thread_clear_interrupt();
	}
	task->awaited = 0;
	return info->signo ? 0 : err;
}

long sys_rt_sigtimedwait(long set, long info_address, long timeout, long mask_bytes)
{
	struct signal_info info = { 0 };
	uint64_t mask, ns;
	uint64_t deadline = TIME_NEVER;

	if (mask_bytes != MASK_BYTES)
		return -EINVAL;
	if (user_read(&mask, (uintptr_t)set, sizeof(mask)))
		return -EFAULT;
	if (timeout) {
		int err = user_read_timespec((uintptr_t)timeout, &ns);

		if (err)
			return err;
		deadline = deadline_after(ns);
	}
	int err = await_signal(mask & ~SIGNALS_UNBLOCKABLE, deadline, &info);
	if (err)
		return err;
	if (info_address && write_info((uintptr_t)info_address, &info))
		return -EFAULT;
	return info.signo;
}

struct signal_info signal_of_caller(int signo, int code)
{
	const struct process *process = process_current();

	return (struct signal_info){
		.signo = signo,
		.code = code,
		.sent = { .pid = process->pid, .uid = process->credentials.uid },
	};
}

struct group_send {
	const struct signal_info *info;
	int group; /* 0: all but the first process and the sender */
	int sender;
	int result;
};

static void send_to_member(void *context, struct process *process)
{
	struct group_send *send = context;
	bool member = send->group ? process->group == send->group
				  : process->pid != 1 && process->pid != send->sender;

	if (!member)
		return;
	if (send->result == -ESRCH)
		send->result = 0;
	if (send->info->signo) {
		int err = signal_send_process(process, send->info);

		if (err)
			send->result = err;
	}
}

long sys_kill(long pid, long signo)
{
	struct signal_info info = signal_of_caller((int)signo, SI_USER);
	struct process *process = process_current();

	if (info.signo < 0 || info.signo > SIGNAL_MAX)
		return -EINVAL;
	if ((int)pid > 0) {
		process = process_find((int)pid);
		if (!process)
			return -ESRCH;
		return info.signo ? signal_send_process(process, &info) : 0;
	}
	if ((int)pid == INT32_MIN)
		return -ESRCH;

	struct group_send send = {
		.info = &info,
		.group = (int)pid == 0    ? process->group
			 : (int)pid == -1 ? 0
					  : -(int)pid,
		.sender = process->pid,
		.result = -ESRCH,
	};
	process_each(send_to_member, &send);
	return send.result;
}

static long send_to_task(int group, int tid, struct signal_info *info)
{
	if (tid <= 0 || info->signo < 0 || info->signo > SIGNAL_MAX)
		return -EINVAL;

	struct task *task = task_find(NULL, tid);
	if (!task)
		return -ESRCH;
	int err = group && task->process->pid != group ? -ESRCH
		  : info->signo                        ? signal_send_task(task, info)
						       : 0;
	task_put(task);
	return err;
}

long sys_tkill(long tid, long signo)
{
	struct signal_info info = signal_of_caller((int)signo, SI_TKILL);

	return send_to_task(0, (int)tid, &info);
}

long sys_tgkill(long group, long tid, long signo)
{
	struct signal_info info = signal_of_caller((int)signo, SI_TKILL);

	return (int)group <= 0 ? -EINVAL : send_to_task((int)group, (int)tid, &info);
}

/* Only the kernel and kill() may say what a signal's code from them says. */
static int read_queued_info(long signo, long address, bool to_self, struct signal_info *info)
{
	if (user_read(info, (uintptr_t)address, sizeof(*info)))
		return -EFAULT;
	info->signo = (int)signo;
	return (info->code >= 0 || info->code == SI_TKILL) && !to_self ? -EPERM : 0;
}

long sys_rt_sigqueueinfo(long pid, long signo, long address)
{
	struct signal_info info;
	int err = read_queued_info(signo, address, (int)pid == process_current()->pid, &info);

	if (err)
		return err;
	if (info.signo < 0 || info.signo > SIGNAL_MAX)
		return -EINVAL;
	struct process *process = (int)pid > 0 ? process_find((int)pid) : NULL;
	if (!process)
		return -ESRCH;
	return info.signo ? signal_send_process(process, &info) : 0;
}

long sys_rt_tgsigqueueinfo(long group, long tid, long signo, long address)
{
	struct signal_info info;
	int err = read_queued_info(signo, address, (int)tid == task_current()->tid, &info);

	if (err)
		return err;
	return (int)group <= 0 ? -EINVAL : send_to_task((int)group, (int)tid, &info);
}

long sys_pause(void)
{
	signal_wait();
	return -ERESTARTNOHAND;
}

long sys_rt_sigsuspend(long set, long mask_bytes)
{
	uint64_t mask;

	if (mask_bytes != MASK_BYTES)
		return -EINVAL;
	if (user_read(&mask, (uintptr_t)set, sizeof(mask)))
		return -EFAULT;
	signal_set_temporary(mask);
	signal_wait();
	return -ERESTARTNOHAND;
}

int signal_stack_set(const struct signal_stack *stack, uint64_t pointer)
{
	uint32_t mode = (uint32_t)stack->flags & ~SS_AUTODISARM;

	if (signal_on_stack(pointer))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		task_current()->stack = (struct signal_stack){ .flags = stack->flags };
		return 0;
	}
	if (stack->bytes < SIGNAL_STACK_MIN)
		return -ENOMEM;
	task_current()->stack = *stack;
	task_current()->stack.pad = 0;
	return 0;
}

long sys_sigaltstack(long new_address, long old_address)
{
	uint64_t pointer = user_regs()->rsp;
	struct signal_stack old = task_current()->stack, new_stack;

	if (new_address) {
		if (user_read(&new_stack, (uintptr_t)new_address, sizeof(new_stack)))
			return -EFAULT;
		int err = signal_stack_set(&new_stack, pointer);
		if (err)
			return err;
	}
	if (!old_address)
		return 0;
	old.flags = (int32_t)((uint32_t)old.flags & SS_AUTODISARM) |
		    (!old.bytes                 ? SS_DISABLE
		     : signal_on_stack(pointer) ? SS_ONSTACK
						: 0);
	return user_write((uintptr_t)old_address, &old, sizeof(old));
}

long sys_restart_syscall(void)
{
	struct restart_state restart = task_current()->restart;

	task_current()->restart.fn = NULL;
	return restart.fn ? restart.fn(&restart) : -EINTR;
}
