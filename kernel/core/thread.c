/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The scheduler: a run queue per CPU, by priority, first in first out among equals. The boot's own
 * thread becomes the CPU's idle thread. A run queue's lock is held across the switch and released by whoever comes out of
 * it.
 */
#include <core/thread.h>

#include "scheduler.h"

#include <base/assert.h>
#include <base/errno.h>
#include <core/resume.h>
#include <core/time.h>
#include <hal/context.h>
#include <hal/cpu.h>
#include <hal/memory.h>
#include <hal/user.h>

struct run_queue {
	struct spinlock lock;
	struct list_node ready;    /* [lock] struct thread.run_link, highest priority first */
	struct thread idle;        /* the boot's thread */
	struct thread *ended;      /* [lock] waits for somebody else's stack to be reported from */
	struct thread *user_owner; /* [lock] whose user state is in the CPU */
	uint64_t switched_at_cycles; /* [lock] */
	struct timer slice;
	bool slice_armed; /* [lock] */
};

static struct run_queue run_queues[CPU_MAX];

static struct run_queue *run_queue(void)
{
	return &run_queues[cpu_index()];
}

static struct thread *thread_of(struct list_node *node)
{
	return list_entry(node, struct thread, run_link);
}

static void reschedule(struct thread *running)
{
	__atomic_fetch_or(&running->port_work, THREAD_RESCHEDULE, __ATOMIC_RELAXED);
}

/** Behind its equals; before them if it did not give up its place. */
static void enqueue(struct run_queue *rq, struct thread *thread)
{
	struct list_node *at = &rq->ready;

	if (thread->priority || thread->keeps_place) {
		unsigned above = thread->priority + (thread->keeps_place ? 1u : 0u);

		for (at = rq->ready.next; at != &rq->ready && thread_of(at)->priority >= above;)
			at = at->next;
	}
	thread->keeps_place = false;
	list_insert_before(at, &thread->run_link);
}

/* Switching */

static void save_user_state(struct thread *thread)
{
	struct user_context *user = thread->user;

	user->fs_base = user_fs_base();
	user->gs_base = user_gs_base();
	fpu_store(user->fpu);
	user->saved = true;
	if (thread->work_when_displaced &&
	    ((const struct user_regs *)thread->stack_top - 1)->orig_rax == UINT64_MAX)
		__atomic_store_n(&thread->user_work, 1, __ATOMIC_RELAXED);
}

static void load_user_state(struct thread *thread)
{
	struct user_context *user = thread->user;

	user_set_fs_base(user->fs_base);
	user_set_gs_base(user->gs_base);
	if (!user->saved || fpu_load(user->fpu))
		fpu_reset();
}

static void change_user_owner(struct run_queue *rq, struct thread *next)
{
	if (!next->user || rq->user_owner == next)
		return;
	if (rq->user_owner)
		save_user_state(rq->user_owner);
	rq->user_owner = next;
	load_user_state(next);
}

/** A running user thread is interrupted for equals that wait. A kernel thread is not preempted
 * anyway. */
static void arm_slice(struct run_queue *rq, const struct thread *running)
{
	if (rq->slice_armed || !running->user || list_empty(&rq->ready) ||
	    running->slice_ns == THREAD_SLICE_ENDLESS)
		return;
	rq->slice_armed = true;
	timer_arm(&rq->slice, time_now() + running->slice_ns);
}

/** The timer may have been set for an earlier thread: who came after gets what is left of its own slice. */
static void slice_over(struct timer *timer)
{
	struct run_queue *rq = container_of(timer, struct run_queue, slice);
	struct thread *running = thread_current();
	uint64_t ran = time_from_cycles(cpu_cycles() - rq->switched_at_cycles);

	rq->slice_armed = false;
	if (!running->user || list_empty(&rq->ready) || running->slice_ns == THREAD_SLICE_ENDLESS)
		return;
	if (ran < running->slice_ns) {
		rq->slice_armed = true;
		timer_arm(timer, time_now() + running->slice_ns - ran);
		return;
	}
	running->keeps_place = false;
	reschedule(running);
}

/** After a switch, on the new stack: lets go of the queue. Returns a thread that has ended, or NULL. */
static struct thread *finish_switch(struct run_queue *rq) NO_THREAD_SAFETY_ANALYSIS
{
	struct thread *ended = rq->ended;

	rq->ended = NULL;
	spin_unlock(&rq->lock);
	return ended;
}

static void report_end(struct thread *ended)
{
	if (ended && ended->ended)
		ended->ended(ended);
}

static void begin(void *arg)
{
	struct thread *thread = arg;
	struct thread *ended = finish_switch(run_queue());

	cpu_irq_enable();
	report_end(ended);
	thread->entry(thread->arg);
	thread_exit();
}

static void account(struct run_queue *rq, struct thread *thread)
{
	uint64_t now = cpu_cycles();

	/* A machine that was resumed may count from 0 again. */
	if (likely(now > rq->switched_at_cycles))
		thread->run_cycles += now - rq->switched_at_cycles;
	rq->switched_at_cycles = now;
}

/** Goes on with the next thread; the current one's state says why it stops. Returns when it runs
 * again, with the queue unlocked. */
static void switch_away(struct run_queue *rq) NO_THREAD_SAFETY_ANALYSIS
{
	struct thread *self = thread_current();
	struct list_node *first = list_pop_front(&rq->ready);
	struct thread *next = first ? thread_of(first) : &rq->idle;
	bool irqs_were_on;

	account(rq, self);
	if (next != self && self->state == THREAD_RUNNABLE)
		self->preemptions++;
	else if (next != self)
		self->waits++;
	next->state = THREAD_RUNNING;
	arm_slice(rq, next);
	if (next == self) {
		spin_unlock(&rq->lock);
		return;
	}
	change_user_owner(rq, next);
	if (next->mmu)
		mmu_activate(next->mmu);
	cpu_set_thread(next);
	irqs_were_on = scheduler_swap_irqs_were_on(false);
	context_switch(&self->saved_sp, next->saved_sp);
	rq = run_queue();
	scheduler_swap_irqs_were_on(irqs_were_on);
	report_end(finish_switch(rq));
}

/* Life */

void threads_start(void *boot_stack, size_t stack_bytes)
{
	struct run_queue *rq = run_queue();

	spin_init(&rq->lock);
	list_init(&rq->ready);
	timer_init(&rq->slice, slice_over);
	/* Not thread_init(): this stack is in use. */
	rq->idle = (struct thread){ .name = "idle",
				    .stack_base = boot_stack,
				    .stack_top = (uintptr_t)boot_stack + stack_bytes,
				    .state = THREAD_RUNNING };
	list_init(&rq->idle.run_link);
	rq->switched_at_cycles = cpu_cycles();
	cpu_set_thread(&rq->idle);
}

bool scheduler_is_idle(void)
{
	return thread_current() == &run_queue()->idle;
}

void thread_idle(void)
{
	struct run_queue *rq = run_queue();

	assert(scheduler_is_idle());
	for (;;) {
		if (list_empty(&rq->ready))
			resume_watch();
		cpu_irq_disable();
		if (list_empty(&rq->ready))
			cpu_wait_for_interrupt();
		cpu_irq_enable();
		resume_idle_ended();
		thread_yield();
	}
}

void thread_init(struct thread *thread, const char *name, void *stack_base, size_t stack_bytes,
		 void (*entry)(void *arg), void *arg, void (*ended)(struct thread *thread))
{
	*thread = (struct thread){ .name = name,
				   .stack_base = stack_base,
				   .stack_top = (uintptr_t)stack_base + stack_bytes,
				   .slice_ns = THREAD_SLICE_NS,
				   .entry = entry,
				   .arg = arg,
				   .ended = ended };
	list_init(&thread->run_link);
	thread->saved_sp = context_prepare(thread->stack_top, begin, thread);
}

static void make_runnable(struct thread *thread)
{
	struct run_queue *rq = run_queue();
	struct thread *running = thread_current();

	spin_lock(&rq->lock);
	if (thread->state == THREAD_NEW || thread->state == THREAD_WAITING) {
		thread->state = THREAD_RUNNABLE;
		enqueue(rq, thread);
		if (thread->priority > running->priority) {
			running->keeps_place = true;
			reschedule(running);
		} else if (thread->priority == running->priority) {
			if (scheduler_in_interrupt() && running->slice_ns != THREAD_SLICE_ENDLESS)
				reschedule(running);
			else
				arm_slice(rq, running);
		}
	}
	spin_unlock(&rq->lock);
}

void thread_start(struct thread *thread)
{
	assert(thread->state == THREAD_NEW);
	make_runnable(thread);
}

void thread_yield(void) NO_THREAD_SAFETY_ANALYSIS
{
	struct run_queue *rq = run_queue();
	struct thread *self = thread_current();

	spin_lock(&rq->lock);
	__atomic_fetch_and(&self->port_work, ~(uint32_t)THREAD_RESCHEDULE, __ATOMIC_RELAXED);
	self->state = THREAD_RUNNABLE;
	if (self != &rq->idle)
		enqueue(rq, self);
	switch_away(rq);
}

void thread_set_scheduling(struct thread *thread, unsigned priority, uint32_t slice_ns)
{
	struct run_queue *rq = run_queue();

	assert(priority <= THREAD_PRIORITY_MAX);
	spin_lock(&rq->lock);
	bool raised = priority > thread->priority;
	thread->priority = (uint8_t)priority;
	thread->slice_ns = slice_ns;
	if (list_linked(&thread->run_link)) {
		list_remove(&thread->run_link);
		thread->keeps_place = raised;
		enqueue(rq, thread);
	}
	if (!list_empty(&rq->ready) &&
	    thread_of(rq->ready.next)->priority > thread_current()->priority)
		reschedule(thread_current());
	spin_unlock(&rq->lock);
}

void thread_exit(void) NO_THREAD_SAFETY_ANALYSIS
{
	struct run_queue *rq = run_queue();
	struct thread *self = thread_current();

	assert(self != &rq->idle);
	spin_lock(&rq->lock);
	self->state = THREAD_ENDED;
	if (rq->user_owner == self)
		rq->user_owner = NULL;
	rq->ended = self;
	switch_away(rq);
	panic("an ended thread ran");
}

uint64_t thread_cpu_time_ns(const struct thread *thread)
{
	struct run_queue *rq = run_queue();
	uint64_t cycles;

	spin_lock(&rq->lock);
	cycles = thread->run_cycles;
	if (thread->state == THREAD_RUNNING)
		cycles += cpu_cycles() - rq->switched_at_cycles;
	spin_unlock(&rq->lock);
	return time_from_cycles(cycles);
}

/* Waiting */

void thread_interrupt(struct thread *thread)
{
	bool waits;

	__atomic_store_n(&thread->interrupted, true, __ATOMIC_RELEASE);
	waits = __atomic_load_n(&thread->waits_interruptibly, __ATOMIC_ACQUIRE);
	if (waits)
		make_runnable(thread);
}

void thread_clear_interrupt(void)
{
	thread_current()->interrupted = false;
}

struct wait_timer {
	struct timer timer;
	struct thread *thread;
};

static void wait_over(struct timer *timer)
{
	make_runnable(container_of(timer, struct wait_timer, timer)->thread);
}

static bool any_woken(struct waiter *const *waiters, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (__atomic_load_n(&waiters[i]->woken, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

/** 0: go on sleeping; 1: woken; -EINTR. */
static int wait_result(struct waiter *const *waiters, unsigned count)
{
	const struct thread *self = thread_current();

	if (any_woken(waiters, count))
		return 1;
	return self->waits_interruptibly && self->interrupted ? -EINTR : 0;
}

/** The boot's thread waits while there is no other: until the next interrupt. Unlocks the queue. */
static void wait_idle(struct run_queue *rq, struct waiter *const *waiters,
		      unsigned count) NO_THREAD_SAFETY_ANALYSIS
{
	spin_unlock(&rq->lock);
	cpu_irq_disable();
	if (!wait_result(waiters, count) && list_empty(&rq->ready))
		cpu_wait_for_interrupt();
	cpu_irq_enable();
	resume_idle_ended();
}

static bool is_over(uint64_t deadline_ns, enum wait_flags flags)
{
	return deadline_ns != TIME_NEVER &&
	       (flags & WAIT_WALL ? time_wall() : time_now()) >= deadline_ns;
}

static int sleep_until(struct waiter *const *waiters, unsigned count, uint64_t deadline_ns,
		       enum wait_flags flags) NO_THREAD_SAFETY_ANALYSIS
{
	struct run_queue *rq;
	int result;

	for (;;) {
		rq = run_queue();
		spin_lock(&rq->lock);
		result = wait_result(waiters, count);
		if (result) {
			spin_unlock(&rq->lock);
			return result < 0 ? result : 0;
		}
		if (is_over(deadline_ns, flags)) {
			spin_unlock(&rq->lock);
			return -ETIMEDOUT;
		}
		if (thread_current() == &rq->idle && list_empty(&rq->ready)) {
			wait_idle(rq, waiters, count);
			continue;
		}
		thread_current()->state = THREAD_WAITING;
		switch_away(rq);
	}
}

int thread_wait(struct waiter *const *waiters, unsigned count, uint64_t deadline_ns,
		enum wait_flags flags)
{
	struct thread *self = thread_current();
	struct wait_timer timeout = { .thread = self };
	int result;

	assert_may_sleep();
	self->waits_interruptibly = flags & WAIT_INTERRUPTIBLE;
	if (deadline_ns != TIME_NEVER) {
		timer_init(&timeout.timer, wait_over);
		timer_arm_on(&timeout.timer, flags & WAIT_WALL ? TIMER_WALL : TIMER_MONOTONIC,
			     deadline_ns);
	}
	result = sleep_until(waiters, count, deadline_ns, flags);
	if (deadline_ns != TIME_NEVER)
		timer_cancel(&timeout.timer);
	self->waits_interruptibly = false;
	return result;
}

int thread_sleep_until(uint64_t deadline_ns, enum wait_flags flags)
{
	int result = thread_wait(NULL, 0, deadline_ns, flags);

	return result == -ETIMEDOUT ? 0 : result;
}

static bool wake_thread(struct waiter *waiter)
{
	__atomic_store_n(&waiter->woken, true, __ATOMIC_RELEASE);
	make_runnable(waiter->thread);
	return true;
}

void waiter_init(struct waiter *w)
{
	list_init(&w->link);
	w->wake = wake_thread;
	w->thread = thread_current();
	w->events = WAKE_ANY;
	w->exclusive = false;
	w->woken = false;
}

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock);
	list_init(&q->waiters);
}

void waitq_add(struct waitq *q, struct waiter *w)
{
	spin_lock(&q->lock);
	if (w->exclusive)
		list_insert_before(&q->waiters, &w->link);
	else
		list_insert_after(&q->waiters, &w->link);
	spin_unlock(&q->lock);
	/* Linked before the condition is looked at; pairs with the fence in waitq_wake_events(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void waitq_remove(struct waitq *q, struct waiter *w)
{
	spin_lock(&q->lock);
	list_remove(&w->link);
	spin_unlock(&q->lock);
}

int waitq_wait_events(struct waitq *q, struct spinlock *lock, uint32_t events, uint64_t deadline_ns,
		      enum wait_flags flags) NO_THREAD_SAFETY_ANALYSIS
{
	struct waiter waiter;
	struct waiter *waiters[] = { &waiter };
	int result;

	waiter_init(&waiter);
	waiter.events = events;
	waiter.exclusive = flags & WAIT_EXCLUSIVE;
	waitq_add(q, &waiter);
	spin_unlock(lock);
	result = thread_wait(waiters, 1, deadline_ns, flags);
	waitq_remove(q, &waiter);
	spin_lock(lock);
	return waiter.woken ? 0 : result; /* a wake-up that came late is not lost either */
}

int waitq_wait(struct waitq *q, struct spinlock *lock, uint64_t deadline_ns, enum wait_flags flags)
{
	return waitq_wait_events(q, lock, WAKE_ANY, deadline_ns, flags);
}

void waitq_wake_all(struct waitq *q)
{
	spin_lock(&q->lock);
	list_for_each(node, &q->waiters) {
		struct waiter *waiter = list_entry(node, struct waiter, link);

		if (!waiter->woken)
			waiter->wake(waiter);
	}
	spin_unlock(&q->lock);
}

static bool wake_for(struct waitq *q, uint32_t events)
{
	bool any = false, taken = false;

	spin_lock(&q->lock);
	list_for_each(node, &q->waiters) {
		struct waiter *waiter = list_entry(node, struct waiter, link);

		if (waiter->woken || (taken && waiter->exclusive) ||
		    !(__atomic_load_n(&waiter->events, __ATOMIC_RELAXED) & events))
			continue;
		if (!waiter->wake(waiter))
			continue;
		any = true;
		taken |= waiter->exclusive;
	}
	spin_unlock(&q->lock);
	return any;
}

bool waitq_wake_events(struct waitq *q, uint32_t events)
{
	/* Who is not linked yet will look at the condition after this; pairs with waitq_add(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&q->waiters.next, __ATOMIC_RELAXED) != &q->waiters &&
	       wake_for(q, events);
}
