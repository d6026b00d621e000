/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Signals: sending, waiting, and what happens on the way to user mode. A signal to a process is taken by one of its tasks
 * that does not block it; one to a task only by that. Standard signals are pending at most once, real-time ones queue.
 * signal_post_process() and signal_send_entry() in any context, as they need no memory; the rest in thread context, and
 * what is about the current task by the task itself.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <core/lock.h>
#include <linux/abi.h>
#include <linux/process.h>

static inline uint64_t signal_bit(int signo)
{
	return (uint64_t)1 << (signo - 1);
}

#define SIGNALS_UNBLOCKABLE (((uint64_t)1 << (SIGKILL - 1)) | ((uint64_t)1 << (SIGSTOP - 1)))

/** One signal in a queue. A timer owns its entry (`owner` set), others come from memory and go back there. */
struct queued_signal {
	struct list_node link;
	struct signal_info info;
	struct interval_timer *owner;
	int overrun_taken; /* of a timer's signal when it was taken last */
};

void signal_pending_init(struct signal_pending *pending);

/** What a signal that the current task sends carries: SI_USER, SI_TKILL. */
struct signal_info signal_of_caller(int signo, int code);

/** 0, also where the signal is ignored; -EAGAIN: a real-time signal for whose information there is no room. */
int must_check signal_send_process(struct process *process, const struct signal_info *info);
int must_check signal_send_task(struct task *task, const struct signal_info *info);

/** A standard signal of the kernel's own, which cannot fail. */
void signal_post_process(struct process *process, int signo);

/** Queues a timer's own entry; false: it is queued already. `task` NULL: to the process. */
bool signal_send_entry(struct process *process, struct task *task, struct queued_signal *entry);
void signal_remove_entry(struct process *process, struct queued_signal *entry);

/** A fault's signal to the current task: where it is blocked or ignored, the program dies of it. */
void signal_force(const struct signal_info *info);

/** Drops what is pending of one signal. Under process->handlers->lock. */
void signal_forget(struct process *process, int signo);

/** What a task that has been taken off its process leaves behind: its own signals are dropped, those of the process that
 * it may have been woken for go to others. Under process->handlers->lock. */
void signal_task_ends(struct task *task);

/** Makes a task end, wherever it is, at its next return to user mode. Under process->handlers->lock. */
void signal_end_task(struct task *task);

/** SIGSTOP: lets no task of the process come back to user mode until SIGCONT, or a signal that ends it. */
void signal_stop(struct process *process);

/** On the way to user mode: waits while the process is stopped. Thread context. */
void signal_wait_while_stopped(void);

/** Whether this disposition and number mean that nothing happens. Under process->handlers->lock. */
bool signal_is_ignored(const struct process *process, int signo);

/** Whether a signal is waiting that the current task does not block. */
bool signal_is_pending(void);

/** Whether one of `set` is waiting for the current task, blocked or not. */
bool signal_is_waiting(uint64_t set);

/** Changes the current task's mask (never SIGKILL, SIGSTOP). */
void signal_set_blocked(uint64_t blocked);

/** For calls with a mask of their own (ppoll, sigsuspend): from here until the call's end, or its handler's, this mask. */
void signal_set_temporary(uint64_t blocked);
/** Back to the mask before signal_set_temporary() unless `interrupted`: then the frame of the handler restores it. */
void signal_end_temporary(bool interrupted);

/** Takes the next signal of `set` off the queues of the current task and process; false: none. */
bool signal_take(uint64_t set, struct signal_info *info);

/** Waits, thread context, until signal_is_pending(). */
void signal_wait(void);

/** "SIGSEGV"; for real-time signals "SIGRTn" in `buffer`. */
const char *signal_name(int signo, char buffer[12]);

/** Builds the frame on the program's stack and points `regs` at the handler. `mask` is what rt_sigreturn restores.
 * -EFAULT: the stack cannot take it. */
int must_check signal_frame_push(struct user_regs *regs, const struct signal_action *action,
				 const struct signal_info *info, uint64_t mask);

/** The si_code of #MF and #XM from the current floating point state. */
int signal_fpe_code(unsigned trap);
