/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens on the way back to user mode: faults become signals, signals run handlers or end the program, and system
 * calls that a signal interrupted are started again where signal(7) says so.
 */
#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <hal/user.h>
#include <linux/signal.h>

#include "calls.h"
#include "rseq.h"
#include "trace.h"

enum {
	TRAP_DIVIDE = 0,
	TRAP_DEBUG = 1,
	TRAP_BREAKPOINT = 3,
	TRAP_INVALID_OPCODE = 6,
	TRAP_SEGMENT = 11,
	TRAP_STACK = 12,
	TRAP_PAGE_FAULT = 14,
	TRAP_X87 = 16,
	TRAP_ALIGNMENT = 17,
	TRAP_SIMD = 19,
};
enum { SYSCALL_BYTES = 2, RESTART_SYSCALL = 219 };

/* A page that cannot be had for want of memory ends the program, wherever it was touched. */
static void out_of_memory(struct process *process)
{
	if (!process->out_of_memory) {
		process->out_of_memory = true;
		signal_post_process(process, SIGKILL);
	}
}

int user_page_fault(uintptr_t address, enum user_access access)
{
	if (!thread_current() || !thread_current()->user)
		return -EFAULT;

	struct task *task = task_current();
	int err = space_fault(task->process->space, address, access);
	if (err) {
		task->fault_errno = err;
		if (err == -ENOMEM)
			out_of_memory(task->process);
	}
	return err;
}

static struct signal_info page_fault_info(int err)
{
	switch (err) {
	case -EACCES:
		return (struct signal_info){ .signo = SIGSEGV, .code = SEGV_ACCERR };
	case -EIO:
	case -ENXIO:
		return (struct signal_info){ .signo = SIGBUS, .code = BUS_ADRERR };
	default:
		return (struct signal_info){ .signo = SIGSEGV, .code = SEGV_MAPERR };
	}
}

static struct signal_info fault_info(struct task *task, const struct user_fault *fault)
{
	switch (fault->trap) {
	case TRAP_DIVIDE:
		return (struct signal_info){ .signo = SIGFPE, .code = FPE_INTDIV };
	case TRAP_DEBUG:
		return (struct signal_info){ .signo = SIGTRAP, .code = TRAP_TRACE };
	case TRAP_BREAKPOINT:
		return (struct signal_info){ .signo = SIGTRAP, .code = SI_KERNEL };
	case TRAP_INVALID_OPCODE:
		return (struct signal_info){ .signo = SIGILL, .code = ILL_ILLOPN };
	case TRAP_SEGMENT:
	case TRAP_STACK:
		return (struct signal_info){ .signo = SIGBUS, .code = SI_KERNEL };
	case TRAP_PAGE_FAULT:
		return page_fault_info(task->fault_errno);
	case TRAP_X87:
	case TRAP_SIMD:
		return (struct signal_info){ .signo = SIGFPE,
					     .code = signal_fpe_code(fault->trap) };
	case TRAP_ALIGNMENT:
		return (struct signal_info){ .signo = SIGBUS, .code = BUS_ADRALN };
	default:
		return (struct signal_info){ .signo = SIGSEGV, .code = SI_KERNEL };
	}
}

void user_fault(const struct user_fault *fault)
{
	struct task *task = task_current();

	/* Nobody asked user_page_fault() about these: what is noted is of another fault, such as a copy's. */
	if (fault->trap == TRAP_PAGE_FAULT && fault->address >= USER_MAX)
		task->fault_errno = -EFAULT;
	struct signal_info info = fault_info(task, fault);

	task->fault_trap = fault->trap;
	task->fault_error_code = fault->error_code;
	if (fault->trap == TRAP_PAGE_FAULT) {
		bool killed = task->fault_errno == -ENOMEM;

		task->fault_address = fault->address;
		task->fault_errno = -EFAULT;
		if (killed)
			return;
	}
	if (info.code != SI_KERNEL)
		info.fault.address = fault->address;
	signal_force(&info);
}

/* Does what is left of an interrupted system call; `action` NULL: no handler will run. */
static void finish_call(struct user_regs *regs, const struct signal_action *action)
{
	bool again = true;

	if (regs->orig_rax == UINT64_MAX)
		return;
	switch (-(int64_t)regs->rax) {
	case ERESTARTNOINTR:
		break;
	case ERESTARTSYS:
		again = !action || action->flags & SA_RESTART;
		break;
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		again = !action;
		break;
	default:
		return;
	}
	if (again) {
		bool by_block = (int64_t)regs->rax == -ERESTART_RESTARTBLOCK;

		regs->rax = by_block ? (uint64_t)RESTART_SYSCALL : regs->orig_rax;
		regs->rip -= SYSCALL_BYTES;
	} else {
		regs->rax = (uint64_t)-EINTR;
	}
	regs->orig_rax = UINT64_MAX; /* done with, whatever other signals follow */
	user_regs_changed();
}

static bool is_fault(const struct signal_info *info)
{
	return info->code > 0 && info->code != SI_KERNEL &&
	       (info->signo == SIGSEGV || info->signo == SIGBUS || info->signo == SIGFPE ||
		info->signo == SIGILL || info->signo == SIGTRAP);
}

static _Noreturn void kill_program(const struct user_regs *regs, const struct signal_info *info)
{
	char buffer[12];
	const char *name = signal_name(info->signo, buffer);

	if (info->signo == SIGKILL && process_current()->out_of_memory)
		log_error("program killed by signal 9 (SIGKILL): out of memory; give the machine "
			  "more");
	else if (is_fault(info))
		log_error("program killed by signal %d (%s) at address 0x%llx, instruction 0x%llx",
			  info->signo, name, (unsigned long long)info->fault.address,
			  (unsigned long long)regs->rip);
	else if (info->code == SI_KERNEL &&
		 (BIT64(info->signo) & (BIT64(SIGSEGV) | BIT64(SIGBUS) | BIT64(SIGTRAP))))
		log_error("program killed by signal %d (%s), instruction 0x%llx", info->signo, name,
			  (unsigned long long)regs->rip);
	else
		log_error("program killed by signal %d (%s)", info->signo, name);
	process_exit((unsigned)info->signo);
}

/* Those that a terminal sends do not stop a process group that nobody could continue, as here and as on Linux. */
static bool is_ignored_stop(int signo)
{
	return signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

static void act_by_default(const struct user_regs *regs, const struct signal_info *info)
{
	if (info->signo == SIGSTOP) {
		log_warning("program stopped by SIGSTOP: only SIGCONT from one of its timers can "
			    "let it go on");
		signal_stop(process_current());
		signal_wait_while_stopped();
	} else if (!is_ignored_stop(info->signo)) {
		kill_program(regs, info);
	}
}

/* What is to be done with a signal; its disposition is reset where SA_RESETHAND asks for that. */
static struct signal_action take_action(struct process *process, int signo)
{
	spin_lock(&process->handlers->lock);
	struct signal_action *current = &process->handlers->actions[signo - 1];
	struct signal_action action = *current;
	if (signal_is_ignored(process, signo))
		action.handler = SIGNAL_IGNORE;
	else if (action.flags & SA_RESETHAND)
		current->handler = SIGNAL_DEFAULT;
	spin_unlock(&process->handlers->lock);
	return action;
}

static void run_handler(struct user_regs *regs, const struct signal_action *action,
			const struct signal_info *info)
{
	struct task *task = task_current();
	uint64_t mask = task->restore_blocked ? task->saved_blocked : task->blocked;

	finish_call(regs, action);
	rseq_interrupted(regs);
	if (signal_frame_push(regs, action, info, mask)) {
		const struct signal_info bad = { .signo = SIGSEGV, .code = SI_KERNEL };

		/* A handler of SIGSEGV whose frame does not fit would be tried for ever. */
		if (info->signo == SIGSEGV)
			kill_program(regs, info);
		signal_force(&bad);
		return;
	}
	task->restore_blocked = false;
	signal_set_blocked(task->blocked | action->mask |
			   (action->flags & SA_NODEFER ? 0 : signal_bit(info->signo)));
}

static void deliver(struct user_regs *regs)
{
	struct task *task = task_current();
	struct signal_info info;

	while (!task->must_end && signal_take(~task->blocked, &info)) {
		struct signal_action action = take_action(task->process, info.signo);

		if (task->thread.trace)
			trace_signal(&info);
		if (action.handler == SIGNAL_IGNORE)
			continue;
		if (action.handler != SIGNAL_DEFAULT)
			run_handler(regs, &action, &info);
		else
			act_by_default(regs, &info);
	}
	if (task->must_end)
		task_exit(0);
	finish_call(regs, NULL);
	if (task->restore_blocked) {
		task->restore_blocked = false;
		signal_set_blocked(task->saved_blocked);
	}
}

void user_work(struct user_regs *regs)
{
	struct thread *thread = thread_current();

	/* Restoring a mask may let through what it had blocked. */
	do {
		__atomic_store_n(&thread->user_work, 0, __ATOMIC_RELAXED);
		thread_clear_interrupt();
		signal_wait_while_stopped();
		rseq_interrupted(regs);
		deliver(regs);
	} while (__atomic_load_n(&thread->user_work, __ATOMIC_ACQUIRE));
}

long restart_by_block(struct restart_state state)
{
	struct task *task = task_current();

	task->restart = state;
	__atomic_store_n(&task->thread.user_work, 1, __ATOMIC_RELEASE);
	return -ERESTART_RESTARTBLOCK;
}
