/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Timers: per CPU a tree by deadline for each clock. The hardware timer is set when a timer comes before what it
 * is set to; it is not set back when that timer is cancelled, since an interrupt that finds nothing
 * to do is cheaper than a write to the timer for each time-out that does not happen.
 */
#include <core/timer.h>

#include <base/assert.h>
#include <base/bits.h>
#include <core/lock.h>
#include <core/time.h>
#include <hal/cpu.h>

#define NOT_SET UINT64_MAX

struct timer_base {
	struct rb_tree tree; /* by deadline; equal ones in the order of arming */
	struct timer *first; /* leftmost of tree */
	uint64_t expired_ns; /* timers up to here are being called; 0: none are */
};

static struct timer_queue {
	struct spinlock lock;
	struct timer_base bases[TIMER_CLOCKS]; /* [lock] */
	struct timer *running;                 /* [lock] its function is being called */
	uint64_t
		set_to_ns; /* [lock] what the hardware timer is set to, of time_now(); NOT_SET; 0: expire() is at work */
	bool started; /* [lock] */
} queues[CPU_MAX];

static struct timer *timer_of(struct rb_node *node)
{
	return node ? container_of(node, struct timer, node) : NULL;
}

static void insert(struct timer_base *base, struct timer *timer)
{
	struct rb_node **at = &base->tree.root, *parent = NULL;
	bool is_first = true;

	while (*at) {
		parent = *at;
		if (timer->deadline_ns < timer_of(parent)->deadline_ns) {
			at = &parent->left;
		} else {
			at = &parent->right;
			is_first = false;
		}
	}
	rb_insert(&base->tree, &timer->node, parent, at);
	if (is_first)
		base->first = timer;
	timer->armed = true;
}

static void remove(struct timer_queue *queue, struct timer *timer) REQUIRES(queue->lock)
{
	struct timer_base *base = &queue->bases[timer->clock];

	if (base->first == timer)
		base->first = timer_of(rb_next(&timer->node));
	rb_remove(&base->tree, &timer->node);
	timer->armed = false;
}

static uint64_t earliest_ns(const struct timer_queue *queue) REQUIRES(queue->lock)
{
	const struct timer *first = queue->bases[TIMER_MONOTONIC].first;
	const struct timer *first_of_wall = queue->bases[TIMER_WALL].first;
	uint64_t ns = first ? first->deadline_ns : NOT_SET;

	return unlikely(first_of_wall) ? min(ns, time_of_wall(first_of_wall->deadline_ns)) : ns;
}

/* Sets the hardware timer of this CPU, whose queue it is, if need be. */
static void program(struct timer_queue *queue) REQUIRES(queue->lock)
{
	uint64_t ns = earliest_ns(queue);

	if (ns >= queue->set_to_ns)
		return;
	queue->set_to_ns = ns;
	cpu_timer_arm(time_to_cycles(ns));
}

/* Calls the timers of one clock that are due at `now`. */
static void expire_base(struct timer_queue *queue, struct timer_base *base, uint64_t now)
	REQUIRES(queue->lock)
{
	base->expired_ns = now;
	while (base->first && base->first->deadline_ns <= now) {
		struct timer *timer = base->first;

		remove(queue, timer);
		queue->running = timer;
		spin_unlock(&queue->lock);
		timer->fn(timer);
		spin_lock(&queue->lock);
		queue->running = NULL;
	}
	base->expired_ns = 0;
}

/* The timer's interrupt, perhaps early, perhaps for a timer that is cancelled. Timers armed by the
 * functions it calls wait for the next interrupt, so that one that re-arms itself in the past does
 * not keep the CPU here. */
static void expire(void)
{
	struct timer_queue *queue = &queues[cpu_index()];

	spin_lock(&queue->lock);
	queue->set_to_ns = 0; /* no programming by timer_arm() until the end */
	expire_base(queue, &queue->bases[TIMER_MONOTONIC], time_now());
	if (unlikely(queue->bases[TIMER_WALL].first))
		expire_base(queue, &queue->bases[TIMER_WALL], time_wall());
	queue->set_to_ns = NOT_SET;
	program(queue);
	spin_unlock(&queue->lock);
}

void timer_init(struct timer *timer, void (*fn)(struct timer *timer))
{
	*timer = (struct timer){ .fn = fn };
}

static void start(struct timer_queue *queue) REQUIRES(queue->lock)
{
	queue->started = true;
	queue->set_to_ns = NOT_SET;
	cpu_timer_set_handler(expire);
}

/* Takes it out of the queue it is in; its function has returned. */
static bool take(struct timer *timer)
{
	for (;;) {
		struct timer_queue *queue = &queues[timer->cpu];
		bool armed, running;

		spin_lock(&queue->lock);
		running = queue->running == timer && timer->cpu != cpu_index();
		armed = timer->armed;
		if (armed)
			remove(queue, timer);
		spin_unlock(&queue->lock);
		if (!running)
			return armed;
		cpu_relax();
	}
}

void timer_arm_on(struct timer *timer, enum timer_clock clock, uint64_t deadline_ns)
{
	struct timer_queue *queue;
	struct timer_base *base;

	assert(timer->fn);
	if (timer->armed)
		take(timer);
	bool irqs_on = cpu_irq_disable(); /* to stay on this CPU */

	timer->cpu = (uint8_t)cpu_index();
	timer->clock = (uint8_t)clock;
	queue = &queues[timer->cpu];
	base = &queue->bases[clock];
	spin_lock(&queue->lock);
	if (!queue->started)
		start(queue);
	timer->deadline_ns = base->expired_ns ? max(deadline_ns, base->expired_ns + 1)
					      : deadline_ns;
	insert(base, timer);
	program(queue);
	spin_unlock(&queue->lock);
	if (irqs_on)
		cpu_irq_enable();
}

bool timer_cancel(struct timer *timer)
{
	return take(timer);
}

void timers_clock_changed(void)
{
	struct timer_queue *queue = &queues[cpu_index()];

	spin_lock(&queue->lock);
	if (queue->started && queue->set_to_ns) {
		queue->set_to_ns = NOT_SET;
		program(queue);
	}
	spin_unlock(&queue->lock);
}
