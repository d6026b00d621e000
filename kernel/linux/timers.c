/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interval timers: the three of setitimer(2) with alarm(2), and those of timer_create(2). All are one kind: a deadline on
 * some clock, an interval, and a signal. A timer on a CPU clock is looked at again when its time could have been used
 * up at the earliest. What expires while its signal is still queued counts as an overrun. process->timers_lock is
 * held for the whole of each call.
 */
#include "timers.h"

#include <core/time.h>
#include <core/timer.h>
#include <linux/signal.h>
#include <mm/alloc.h>

#include "calls.h"
#include "clocks.h"

enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
enum { TIMERS_MAX = 8192, OVERRUN_MAX = INT32_MAX };
/* The least time between two expirations: a program must not keep the machine in its timer interrupt. */
#define INTERVAL_MIN_NS (50 * NS_PER_US)

struct interval_timer {
	struct list_node link; /* process->timers */
	struct timer timer;
	struct spinlock lock;
	struct process *process;
	struct task *cpu_task; /* [reference] of a thread's CPU clock; NULL: the process's */
	struct task *target;   /* [reference] SIGEV_THREAD_ID; NULL: the process */
	int clock, id, notify;
	bool of_wall; /* [lock] set to a time of the wall clock */
	uint64_t
		expires_ns; /* [lock] on the clock (wall clocks: on time_now()'s, unless of_wall); 0: not set */
	uint64_t interval_ns;       /* [lock] */
	uint64_t missed;            /* [lock] expirations that the last one came too late for */
	bool posts;                 /* setitimer's: a plain signal */
	struct queued_signal entry; /* its signal */
};

struct linux_sigevent {
	uint64_t value;
	int32_t signo, notify, tid, pad[11];
};
struct linux_itimerspec {
	struct linux_timespec interval, value;
};
struct linux_itimerval {
	struct linux_timeval interval, value;
};

/* What relative times are relative to. */
static uint64_t plain_now(const struct interval_timer *t)
{
	if (!clock_is_cpu(t->clock))
		return time_now();
	return t->cpu_task ? thread_cpu_time_ns(&t->cpu_task->thread)
			   : process_cpu_time_ns(t->process);
}

/* [t->lock] */
static uint64_t clock_now(const struct interval_timer *t)
{
	return t->of_wall ? time_wall() : plain_now(t);
}

/* [t->lock] */
static void arm(struct interval_timer *t)
{
	uint64_t deadline = t->expires_ns;

	if (clock_is_cpu(t->clock)) {
		uint64_t now = clock_now(t), left = deadline > now ? deadline - now : 0;

		deadline = deadline_after(max(left, INTERVAL_MIN_NS));
	}
	timer_arm_on(&t->timer, t->of_wall ? TIMER_WALL : TIMER_MONOTONIC, deadline);
}

static void notify(struct interval_timer *t)
{
	if (t->notify == SIGEV_NONE)
		return;
	if (t->posts) {
		signal_post_process(t->process, t->entry.info.signo);
		return;
	}
	int32_t *overrun = &t->entry.info.timer.overrun;
	uint64_t before = signal_send_entry(t->process, t->target, &t->entry)
				  ? 0
				  : (uint64_t)*overrun + 1;
	*overrun = (int32_t)min(before + t->missed, (uint64_t)OVERRUN_MAX);
}

/* [t->lock] Moves an interval timer on past `now`, counting what was missed. */
static void advance(struct interval_timer *t, uint64_t now)
{
	t->missed = 0;
	if (!t->interval_ns) {
		t->expires_ns = 0;
		return;
	}
	uint64_t missed = (now - t->expires_ns) / t->interval_ns;
	t->expires_ns += (missed + 1) * t->interval_ns;
	t->missed = missed;
	if (t->expires_ns < now + INTERVAL_MIN_NS)
		t->expires_ns = now + INTERVAL_MIN_NS;
	arm(t);
}

/* Interrupt context. */
static void fire(struct timer *timer)
{
	struct interval_timer *t = container_of(timer, struct interval_timer, timer);

	spin_lock(&t->lock);
	uint64_t now = clock_now(t);
	if (t->cpu_task && t->cpu_task->ended) {
		t->expires_ns = 0; /* its clock stands still */
	} else if (t->expires_ns && now < t->expires_ns) {
		arm(t); /* a CPU clock has run slower than the time, or the wall clock was set back */
	} else if (t->expires_ns) {
		advance(t, now);
		notify(t);
	}
	spin_unlock(&t->lock);
}

static struct interval_timer *create(int clock, int signo)
{
	struct interval_timer *t = mem_zalloc(sizeof(*t));

	if (!t)
		return NULL;
	timer_init(&t->timer, fire);
	spin_init(&t->lock);
	list_init(&t->link);
	list_init(&t->entry.link);
	t->process = process_current();
	t->clock = clock;
	t->entry.owner = t;
	t->entry.info.signo = signo;
	return t;
}

static void destroy(struct interval_timer *t)
{
	spin_lock(&t->lock);
	t->expires_ns = 0; /* so that a handler under way does not arm it again */
	spin_unlock(&t->lock);
	timer_cancel(&t->timer);
	signal_remove_entry(t->process, &t->entry);
	list_remove(&t->link);
	task_put(t->cpu_task);
	task_put(t->target);
	mem_free(t);
}

/* What is left, and the interval. */
static void get(struct interval_timer *t, uint64_t *left, uint64_t *interval)
{
	spin_lock(&t->lock);
	uint64_t now = t->expires_ns ? clock_now(t) : 0;
	*interval = t->interval_ns;
	*left = !t->expires_ns ? 0 : t->expires_ns > now ? t->expires_ns - now : 1;
	spin_unlock(&t->lock);
}

/* `expires` is on the timer's clock, 0 stops it. */
static void set(struct interval_timer *t, uint64_t expires, uint64_t interval, bool of_wall)
{
	timer_cancel(&t->timer);
	spin_lock(&t->lock);
	t->of_wall = of_wall;
	t->expires_ns = expires;
	t->interval_ns = interval;
	if (expires)
		arm(t);
	spin_unlock(&t->lock);
}

void timers_delete_created(struct process *process)
{
	list_for_each(node, &process->timers)
		destroy(list_entry(node, struct interval_timer, link));
}

void timers_destroy(struct process *process)
{
	timers_delete_created(process);
	for (int i = 0; i < INTERVAL_COUNT; i++)
		if (process->interval_timers[i])
			destroy(process->interval_timers[i]);
}

/* --- setitimer, alarm --- */

static struct interval_timer *interval_timer(int which)
{
	static const struct {
		int8_t clock, signo;
	} kinds[INTERVAL_COUNT] = {
		[INTERVAL_REAL] = { CLOCK_MONOTONIC, SIGALRM },
		[INTERVAL_VIRTUAL] = { CLOCK_PROCESS_CPUTIME_ID, SIGVTALRM },
		[INTERVAL_PROF] = { CLOCK_PROCESS_CPUTIME_ID, SIGPROF },
	};
	struct interval_timer **timer = &process_current()->interval_timers[which];

	if (!*timer) {
		*timer = create(kinds[which].clock, kinds[which].signo);
		if (*timer)
			(*timer)->posts = true;
	}
	return *timer;
}

static struct linux_timeval to_timeval(uint64_t ns)
{
	uint64_t us = (ns + NS_PER_US - 1) / NS_PER_US; /* what is left is not nothing */

	return (struct linux_timeval){ (int64_t)(us / 1000000), (int64_t)(us % 1000000) };
}

static int from_timeval(struct linux_timeval time, uint64_t *ns)
{
	const struct linux_timespec spec = { time.seconds, time.microseconds * 1000 };

	if (time.microseconds < 0 || time.microseconds >= 1000000)
		return -EINVAL;
	return timespec_to_ns(&spec, ns);
}

long sys_getitimer(long which, long address)
{
	struct process *process = process_current();
	struct linux_itimerval value = { 0 };
	uint64_t left, interval;

	which = (int)which;
	if (which < 0 || which >= INTERVAL_COUNT)
		return -EINVAL;
	mutex_lock(&process->timers_lock);
	if (process->interval_timers[which]) {
		get(process->interval_timers[which], &left, &interval);
		value = (struct linux_itimerval){ to_timeval(interval), to_timeval(left) };
	}
	mutex_unlock(&process->timers_lock);
	return user_write((uintptr_t)address, &value, sizeof(value));
}

/* Sets one of the three, to so much from now on. */
static int exchange(int which, uint64_t left, uint64_t interval, uint64_t *old_left,
		    uint64_t *old_interval)
{
	struct process *process = process_current();

	mutex_lock(&process->timers_lock);
	struct interval_timer *t = interval_timer(which);
	if (t) {
		get(t, old_left, old_interval);
		set(t, left ? min(plain_now(t), (uint64_t)INT64_MAX - left) + left : 0, interval,
		    false);
	}
	mutex_unlock(&process->timers_lock);
	return t ? 0 : -ENOMEM;
}

long sys_setitimer(long which, long address, long old_address)
{
	struct linux_itimerval value = { 0 };
	uint64_t left, interval, old_left, old_interval;

	which = (int)which;
	if (which < 0 || which >= INTERVAL_COUNT)
		return -EINVAL;
	if (address && user_read(&value, (uintptr_t)address, sizeof(value)))
		return -EFAULT;
	if (from_timeval(value.value, &left) || from_timeval(value.interval, &interval))
		return -EINVAL;
	int err = exchange((int)which, left, interval, &old_left, &old_interval);
	if (err || !old_address)
		return err;
	value = (struct linux_itimerval){ to_timeval(old_interval), to_timeval(old_left) };
	return user_write((uintptr_t)old_address, &value, sizeof(value));
}

long sys_alarm(long seconds)
{
	uint64_t left, interval, ns = (uint32_t)seconds * NS_PER_S;

	if (exchange(INTERVAL_REAL, ns, 0, &left, &interval))
		return 0;
	/* Rounded, but never to nothing. */
	return left ? (long)max((left + NS_PER_S / 2) / NS_PER_S, (uint64_t)1) : 0;
}

/* --- timer_create and its family --- */

static struct interval_timer *find(long id)
{
	list_for_each(node, &process_current()->timers) {
		struct interval_timer *t = list_entry(node, struct interval_timer, link);

		if (t->id == (int)id)
			return t;
	}
	return NULL;
}

static unsigned count_timers(void)
{
	unsigned n = 0;

	list_for_each(node, &process_current()->timers)
		n++;
	return n;
}

/* `*target` is a reference to the task that is to get the signal. */
static int check_event(const struct linux_sigevent *event, struct task **target)
{
	*target = NULL;
	if (event->notify == SIGEV_NONE)
		return 0;
	if (event->signo < 1 || event->signo > SIGNAL_MAX)
		return -EINVAL;
	if (event->notify == SIGEV_THREAD_ID) {
		*target = task_find(process_current(), event->tid);
		return *target ? 0 : -EINVAL;
	}
	return event->notify == SIGEV_SIGNAL || event->notify == SIGEV_THREAD ? 0 : -EINVAL;
}

/* Whose time a CPU clock counts, counted; the calling thread's own for CLOCK_THREAD_CPUTIME_ID. */
static struct task *cpu_clock_task(int clock)
{
	enum { CPU_CLOCK_THREAD = 4 };

	if (clock == CLOCK_THREAD_CPUTIME_ID)
		return task_get(task_current());
	if (clock >= 0 || !(clock & CPU_CLOCK_THREAD))
		return NULL;
	return ~(clock >> 3) ? task_find(process_current(), ~(clock >> 3))
			     : task_get(task_current());
}

static int add(int clock, const struct linux_sigevent *event, bool has_event, long id_address)
{
	struct process *process = process_current();
	struct task *target;
	int err = check_event(event, &target);

	if (err)
		return err;
	struct interval_timer *t = count_timers() < TIMERS_MAX ? create(clock, event->signo) : NULL;
	if (!t) {
		task_put(target);
		return -EAGAIN;
	}
	t->id = process->next_timer_id;
	t->notify = event->notify;
	t->target = target;
	t->cpu_task = cpu_clock_task(clock);
	t->entry.info.code = SI_TIMER;
	t->entry.info.timer.id = t->id;
	t->entry.info.timer.value = has_event ? event->value : (uint64_t)t->id;
	if (user_write((uintptr_t)id_address, &t->id, sizeof(t->id))) {
		destroy(t);
		return -EFAULT;
	}
	process->next_timer_id = (int)((unsigned)(t->id + 1) & INT32_MAX);
	list_insert_before(&process->timers, &t->link);
	return 0;
}

long sys_timer_create(long clock, long event_address, long id_address)
{
	struct process *process = process_current();
	struct linux_sigevent event = { .signo = SIGALRM, .notify = SIGEV_SIGNAL };
	uint64_t now;

	clock = (int)clock;
	if (clock_read((int)clock, &now) || clock == CLOCK_REALTIME_COARSE ||
	    clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_MONOTONIC_RAW)
		return -EINVAL;
	if (event_address && user_read(&event, (uintptr_t)event_address, sizeof(event)))
		return -EFAULT;
	mutex_lock(&process->timers_lock);
	int err = add((int)clock, &event, event_address, id_address);
	mutex_unlock(&process->timers_lock);
	return err;
}

static int write_itimerspec(long address, uint64_t left, uint64_t interval)
{
	int err = user_write_timespec((uintptr_t)address, interval);

	return err ? err
		   : user_write_timespec((uintptr_t)address + sizeof(struct linux_timespec), left);
}

/* What the calls below do to a timer that there is. */
struct timer_change {
	uint64_t value, interval, old_value, old_interval;
	bool absolute;
};

static void change(struct interval_timer *t, struct timer_change *c)
{
	uint64_t value = c->value;

	get(t, &c->old_value, &c->old_interval);
	if (value && !c->absolute)
		value = min(plain_now(t), (uint64_t)INT64_MAX - value) + value;
	set(t, value, c->interval, c->absolute && clock_is_wall(t->clock));
}

long sys_timer_settime(long id, long flags, long address, long old_address)
{
	struct process *process = process_current();
	struct timer_change c = { .absolute = flags & TIMER_ABSTIME };
	struct linux_itimerspec spec;

	if (!address)
		return -EINVAL;
	if (user_read(&spec, (uintptr_t)address, sizeof(spec)))
		return -EFAULT;
	if (timespec_to_ns(&spec.value, &c.value) || timespec_to_ns(&spec.interval, &c.interval))
		return -EINVAL;
	mutex_lock(&process->timers_lock);
	struct interval_timer *t = find(id);
	if (t)
		change(t, &c);
	mutex_unlock(&process->timers_lock);
	if (!t)
		return -EINVAL;
	return old_address ? write_itimerspec(old_address, c.old_value, c.old_interval) : 0;
}

long sys_timer_gettime(long id, long address)
{
	struct process *process = process_current();
	uint64_t left = 0, interval = 0;

	mutex_lock(&process->timers_lock);
	struct interval_timer *t = find(id);
	if (t)
		get(t, &left, &interval);
	mutex_unlock(&process->timers_lock);
	return t ? write_itimerspec(address, left, interval) : -EINVAL;
}

long sys_timer_getoverrun(long id)
{
	struct process *process = process_current();

	mutex_lock(&process->timers_lock);
	const struct interval_timer *t = find(id);
	int overrun = t ? t->entry.overrun_taken : -EINVAL;
	mutex_unlock(&process->timers_lock);
	return overrun;
}

long sys_timer_delete(long id)
{
	struct process *process = process_current();

	mutex_lock(&process->timers_lock);
	struct interval_timer *t = find(id);
	if (t)
		destroy(t);
	mutex_unlock(&process->timers_lock);
	return t ? 0 : -EINVAL;
}
