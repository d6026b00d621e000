/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads and wait queues. A thread is a kernel stack with registers; one that runs a program's
 * code has a `struct user_context` and a `struct mmu` as well. The kernel is not preempted: a
 * thread runs until it waits, yields, or returns to user mode with its time slice used up or with a
 * thread of higher priority ready. Each CPU has a run queue; among threads of one priority the one
 * that has waited longest is next.
 *
 * Memory is the caller's: thread_init() takes the thread and its stack (mm/stack.h), and `ended` is
 * called, from another thread, when neither is in use any more.
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>
#include <core/lock.h>
#include <core/time.h>
#include <core/timer.h>
#include <hal/cpu.h>

struct mmu;
struct user_context;

enum thread_state { THREAD_NEW, THREAD_RUNNABLE, THREAD_RUNNING, THREAD_WAITING, THREAD_ENDED };

/** What the port does before user mode. */
enum thread_port_work {
	THREAD_RESTORE_ALL = 1, /* registers were changed: user_regs_changed() */
	THREAD_RESCHEDULE = 2,  /* others shall run */
};

enum { THREAD_PRIORITY_NORMAL = 0, THREAD_PRIORITY_MAX = 99 };
#define THREAD_SLICE_NS (4 * NS_PER_MS)
#define THREAD_SLICE_ENDLESS UINT32_MAX

struct thread {
	/* Read by the port's assembly: offsets are asserted there. */
	uintptr_t saved_sp;
	uintptr_t stack_top;
	uint32_t user_work; /* atomic; != 0: call user_work() before user mode */
	uint32_t port_work; /* atomic; enum thread_port_work */
	uint32_t trace;     /* != 0: system calls go through syscall_traced() */

	enum thread_state state; /* [run queue's lock] */
	struct list_node run_link;
	const char *name; /* lives as long as the thread */
	void *stack_base;
	struct mmu *mmu;           /* NULL: a kernel thread */
	struct user_context *user; /* NULL: a kernel thread */
	bool interrupted; /* atomic; an interruptible wait ends with -EINTR; see thread_interrupt()
			   */
	bool waits_interruptibly;    /* atomic */
	uint64_t run_cycles;         /* [run queue's lock] */
	uint32_t waits, preemptions; /* [run queue's lock] how often another took over */
	uint32_t slice_ns;           /* [run queue's lock] before its equals run, if they want to */
	uint8_t priority;            /* [run queue's lock] */
	bool keeps_place; /* [run queue's lock] preempted by its better: it comes before its equals */
	bool work_when_displaced; /* user_work is set when another thread's user state takes the place of
				     this one's, unless it was in a system call */
	void (*entry)(void *arg);
	void (*ended)(struct thread *thread);
	void *arg;
};

/** Prepares a thread that will call entry(arg) and end when that returns. */
void thread_init(struct thread *thread, const char *name, void *stack_base, size_t stack_bytes,
		 void (*entry)(void *arg), void *arg, void (*ended)(struct thread *thread));

/** Makes of the boot's code, on its stack, the first thread, which will be this CPU's idle thread.
 * Once. */
void threads_start(void *boot_stack, size_t stack_bytes);

/** What the idle thread does when its work at the start is done. */
_Noreturn void thread_idle(void);

/** Makes a new thread runnable. Any context. */
void thread_start(struct thread *thread);

/** Lets others of its priority run. Thread context. */
void thread_yield(void);

/** Priority (0, the normal one, to THREAD_PRIORITY_MAX: the higher runs) and time slice of a thread. Any context. */
void thread_set_scheduling(struct thread *thread, unsigned priority, uint32_t slice_ns);

/** Ends the current thread. */
_Noreturn void thread_exit(void);

/** Makes an interruptible wait of this thread, now or its next, end with -EINTR. Any context. Who
 * calls it sets what user_work() then finds; thread_clear_interrupt() is called by the thread
 * itself when it has dealt with it. */
void thread_interrupt(struct thread *thread);
void thread_clear_interrupt(void);

/* Wait queues */

struct waitq {
	struct spinlock lock;
	struct list_node waiters; /* [lock] struct waiter.link */
};

/** What a wake-up is about: poll(2)'s events (<fs/file.h>), or anything. */
#define WAKE_ANY UINT32_MAX

/** One entry in a queue. `wake` is called under the queue's lock, from any context, for each
 * wake-up about one of `events`; it must not sleep, nor change the queue. True: somebody goes on
 * because of it. Of the exclusive waiters only the first that says so is woken by an event. */
struct waiter {
	struct list_node link;
	bool (*wake)(struct waiter *waiter);
	struct thread *thread;
	uint32_t events; /* atomic */
	bool exclusive;
	bool woken; /* atomic */
};

void waitq_init(struct waitq *q);

#define TIME_NEVER UINT64_MAX

enum wait_flags {
	WAIT_UNINTERRUPTIBLE = 0,
	WAIT_INTERRUPTIBLE = 1,
	WAIT_EXCLUSIVE = 2, /* waitq_wait_events(): one such waiter is enough for an event */
	WAIT_WALL = 4,      /* the deadline is the wall clock's, and follows it when it is set */
};

/** Waits like a condition variable: releases `lock`, sleeps until woken, the deadline (time_now();
 * TIME_NEVER) or an interrupt, takes `lock` (not the queue's own) again. 0 (look at your condition
 * again), -ETIMEDOUT, -EINTR. Thread context. */
int must_check waitq_wait(struct waitq *q, struct spinlock *lock, uint64_t deadline_ns,
			  enum wait_flags flags) REQUIRES(lock);

/** The same for some events only (WAKE_ANY, or POLLIN and so on). */
int must_check waitq_wait_events(struct waitq *q, struct spinlock *lock, uint32_t events,
				 uint64_t deadline_ns, enum wait_flags flags) REQUIRES(lock);

/** Wakes all, whatever they wait for. Any context. */
void waitq_wake_all(struct waitq *q);

/** Tells of events (POLLIN and so on) that have come about: wakes who waits for one of them, all
 * but the exclusive ones (youngest first, as Linux), and the oldest of those. True: somebody goes
 * on because of it. Costs next to nothing where nobody waits. The change must be visible before.
 * Any context. */
bool waitq_wake_events(struct waitq *q, uint32_t events);

/* For waiting on several queues at once (poll): add a waiter to each, look at the conditions,
 * thread_wait(), remove them. */
void waiter_init(struct waiter *w); /* wakes the current thread, for any event */
void waitq_add(struct waitq *q, struct waiter *w);
void waitq_remove(struct waitq *q, struct waiter *w);

/** Sleeps until one of `count` waiters was woken, the deadline or an interrupt. 0, -ETIMEDOUT,
 * -EINTR. */
int must_check thread_wait(struct waiter *const *waiters, unsigned count, uint64_t deadline_ns,
			   enum wait_flags flags);

/** Sleeps until the deadline: 0; -EINTR if interruptible and interrupted. */
int must_check thread_sleep_until(uint64_t deadline_ns, enum wait_flags flags);

/** What ran on this CPU: nanoseconds in user or kernel mode (getrusage, CPU clocks) of a thread so
 * far. */
uint64_t thread_cpu_time_ns(const struct thread *thread);

static inline struct thread *thread_current(void)
{
	return cpu_thread();
}
