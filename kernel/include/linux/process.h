/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Processes and tasks. A `struct process` is a thread group: what its threads share. A `struct task` is one thread of it,
 * and embeds the kernel's thread. The first process, 1, is the program; the machine ends with it.
 *
 * A process lives until its last task has ended. Fields without a mark are set before the first task runs, or by one task at
 * a time; [signals] means under process->handlers->lock, [ids] under the table's, [task] only by the task itself.
 *
 * A task is counted: by its thread while that runs, by its process if it is the leader (whose id stays taken when it has
 * ended), and by whoever has found it with task_find().
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/rbtree.h>
#include <base/types.h>
#include <core/lock.h>
#include <core/thread.h>
#include <fs/file.h>
#include <fs/path.h>
#include <hal/user.h>
#include <linux/abi.h>
#include <mm/space.h>

struct interval_timer;

/** Dispositions; shared by tasks, and by processes made with CLONE_SIGHAND. Its lock guards the pending queues and masks of
 * all of them as well. */
struct signal_handlers {
	struct spinlock lock;
	uint32_t refs;                            /* atomic */
	struct signal_action actions[SIGNAL_MAX]; /* [lock] of signal n at n - 1 */
	struct waitq readers;                     /* of signalfds; woken under `lock` */
};

/** Signals that wait: a bit per number, and what they carry. A bit without an entry carries nothing: the kernel posted it, or
 * there was no memory. */
struct signal_pending {
	uint64_t set;
	uint64_t of_kernel;     /* of `set`, what signal_post_process() put there */
	struct list_node queue; /* struct queued_signal.link, oldest first */
};

struct credentials {
	uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
	uint64_t effective, permitted, inheritable, bounding, ambient; /* capabilities */
	uint32_t secure_bits;
	uint32_t group_count;
	uint32_t *groups; /* [owned] */
	bool no_new_privileges;
};

enum { INTERVAL_REAL, INTERVAL_VIRTUAL, INTERVAL_PROF, INTERVAL_COUNT };

/** Where the parts of a program lie, for /proc. */
struct program_layout {
	uintptr_t args_start, args_end, env_start, env_end;
	uintptr_t code_start, code_end, data_start, data_end, stack_start;
	uintptr_t auxv_start, auxv_end;
};

/** What tasks have used, for getrusage(2). */
struct task_usage {
	uint64_t cpu_ns, waits, preemptions;
};

struct process {
	struct list_node link;   /* [process table] */
	struct list_node tasks;  /* [signals] struct task.link; those that have not ended */
	unsigned task_count;     /* [signals] of them */
	struct waitq task_ended; /* woken when there is one less */
	struct task *leader;     /* [reference] whose id is `pid` */
	struct task *sole;       /* [signals] that wants to be the only one: execve(2) */
	bool stopped;            /* [signals] by SIGSTOP: no task enters user mode */
	struct waitq continued;  /* woken when that is over */
	int pid, parent_pid, group, session;

	struct space *space;
	struct fd_table *files;
	struct path_context paths;
	struct file *exe;

	struct signal_handlers *handlers;
	struct signal_pending pending; /* [signals] of the process as a whole */
	unsigned queued_signals;       /* [signals] against RLIMIT_SIGPENDING */
	bool out_of_memory;            /* reported as the reason of its end */
	unsigned exit_status;          /* as wait(2) has it */

	struct resource_limit limits[RLIMIT_COUNT];
	struct credentials credentials;
	struct mutex groups_lock; /* for credentials.groups, group_count */
	struct mutex timers_lock;
	struct interval_timer
		*interval_timers[INTERVAL_COUNT]; /* [timers_lock] made when first set */
	struct list_node timers;                  /* [timers_lock] struct interval_timer.link */
	int next_timer_id;                        /* [timers_lock] */

	struct program_layout layout;

	uint64_t start_ns;
	struct task_usage ended_usage; /* [signals] of tasks that are gone */
	unsigned personality;
	bool not_dumpable, keep_capabilities, child_subreaper;
	int parent_death_signal;
	unsigned barriers;      /* membarrier(2): what is registered */
	int16_t oom_adjustment; /* /proc/self/oom_score_adj */
};

/** How an interrupted system call goes on after SIGCONT or an ignored signal (restart_syscall(2)). */
struct restart_state {
	long (*fn)(struct restart_state *restart);
	uint64_t deadline_ns;
	enum wait_flags deadline_clock; /* WAIT_WALL or nothing */
	uintptr_t address, address_2;
	uint64_t value, value_2;
};

/** How a task asks to be scheduled (sched(7)). */
struct task_scheduling {
	int policy, nice, priority; /* `priority` 0 but for SCHED_FIFO and SCHED_RR */
	int lent;                   /* the highest priority of those who wait for its locks */
	bool resets_on_fork;
};

/** Where a task announces restartable sequences (rseq(2)). */
struct task_rseq {
	uintptr_t address; /* 0: nowhere */
	uint32_t bytes, signature;
};

enum { TASK_NAME_BYTES = 16 };

struct task {
	struct thread thread;
	struct user_context user;
	struct process *process;
	struct list_node link;  /* [signals] process->tasks */
	struct rb_node id_node; /* [ids] */
	int tid;                /* [ids] */
	uint32_t refs;          /* atomic */
	bool ended;    /* [signals] it runs no more program code: nobody sends it signals */
	bool must_end; /* [signals] at its next return to user mode */
	bool stands;   /* [signals] it waits for its stopped process to go on */
	struct user_regs start_regs; /* what it enters user mode with */
	char name[TASK_NAME_BYTES];  /* PR_SET_NAME, comm */
	void *user_fpu_memory;       /* [owned] what user.fpu lies in */

	uint64_t blocked;       /* [signals] */
	uint64_t saved_blocked; /* [task] to restore after sigsuspend, ppoll, ... */
	bool restore_blocked;   /* [task] */
	uint64_t awaited;       /* [signals] by sigtimedwait: wake for these though blocked */
	struct signal_pending pending; /* [signals] for this task alone */
	struct signal_stack stack;     /* [task] sigaltstack(2) */
	struct restart_state restart;  /* [task] */

	int fault_errno; /* [task] why the last page fault was not resolved */
	uint64_t fault_trap, fault_error_code, fault_address; /* [task] for the signal frame */

	uintptr_t set_child_tid;   /* where it writes its id when it starts */
	uintptr_t clear_child_tid; /* [task] */
	uintptr_t robust_list;     /* [task] */
	struct list_node
		locks; /* futex_lock.c's: those with priority inheritance that others wait for */
	struct futex_lock *waits_for; /* futex_lock.c's */
	uint64_t timer_slack_ns;
	struct task_scheduling scheduling; /* scheduling.c's */
	uint16_t io_priority;              /* ioprio_set(2) */
	struct task_rseq rseq;             /* [task] */
};

/** Of the running thread, which must be a program's. */
static inline struct task *task_current(void)
{
	return container_of(thread_current(), struct task, thread);
}

static inline struct process *process_current(void)
{
	return task_current()->process;
}

/** The first process and its task, which will enter user mode with task->start_regs: without a space, in the root
 * directory, with the console as descriptors 0 to 2. -ENOMEM, or what opening the console says. */
int must_check process_create_first(struct task **out);

/** Lets a task run whose process has a space. */
void task_start(struct task *task);

/** Undoes process_create_first() of a process that has not run. */
void process_destroy_first(struct task *task);

/** A task for `process`, not on any list, with a reference for its thread; task->start_regs and user state are the caller's to
 * fill. NULL: no memory. */
struct task *task_create(struct process *process);

/** Gives a task its id and makes it one of its process, where others see it. -EAGAIN: no id is left, or the process
 * is about to have one task only. */
int must_check task_add(struct task *task);

/** Undoes task_create() of a task that was not added. */
void task_destroy(struct task *task);

/** The last reference frees it. Thread context. */
struct task *task_get(struct task *task);
void task_put(struct task *task);

/** The process with this pid (0: the current one); NULL: none. Not counted: it ends only by its own tasks. */
struct process *process_find(int pid);

/** Calls fn for every process, under the table's lock. */
void process_each(void (*fn)(void *context, struct process *process), void *context);

/** The task with this id in a process (any, where `process` is NULL), counted for the caller, who puts it; NULL: none. A
 * leader that has ended is still found. */
struct task *must_check task_find(struct process *process, int tid);

/** The task of a process with the lowest id from `from` on, counted; NULL: no more. */
struct task *must_check task_next(const struct process *process, int from);

/** How many tasks there are in the machine, and how many there can be (threads-max of proc(5)). */
unsigned tasks_count(void);
unsigned tasks_max(void);

/** Of one task, and of all of a process, those that have ended included. Any context. */
struct task_usage task_usage(const struct task *task);
struct task_usage process_usage(const struct process *process);

/** CPU time of all tasks of a process. Any context. */
uint64_t process_cpu_time_ns(const struct process *process);

/** Tells those who wait in user mode for the end of the current task, or for its program's: clear_child_tid, robust futexes. */
void task_release_user_state(struct task *task);

/** Ends the current process (exit_group, or a fatal signal; `status` as wait(2) has it), or only the current task. */
_Noreturn void process_exit(unsigned status);
_Noreturn void task_exit(unsigned status);

/** For execve(2). Ends all other tasks of the process and waits for that; then the current one is the leader,
 * with the process's id, whichever it was before. -EAGAIN: another task is at it, or the process ends. */
int must_check process_end_other_tasks(void);
