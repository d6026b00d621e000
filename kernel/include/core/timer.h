/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One-shot timers on the monotonic or the wall clock. Tickless: the hardware timer is set to the earliest deadline; where that
 * was cancelled, it fires once for nothing. A timer on the wall clock follows it when it is set.
 */
#pragma once

#include <base/compiler.h>
#include <base/rbtree.h>
#include <base/types.h>

enum timer_clock { TIMER_MONOTONIC, TIMER_WALL, TIMER_CLOCKS };

struct timer {
	struct rb_node node;
	uint64_t deadline_ns;            /* on its clock */
	void (*fn)(struct timer *timer); /* in interrupt context; may arm the timer again */
	bool armed;
	uint8_t cpu;   /* in whose queue it is, or was last */
	uint8_t clock; /* enum timer_clock */
};

void timer_init(struct timer *timer, void (*fn)(struct timer *timer));

/** Sets, or moves, the deadline; one in the past fires at once. Any context, but not two at the same time for one timer. */
void timer_arm_on(struct timer *timer, enum timer_clock clock, uint64_t deadline_ns);
static inline void timer_arm(struct timer *timer, uint64_t deadline_ns)
{
	timer_arm_on(timer, TIMER_MONOTONIC, deadline_ns);
}

/** True when it was armed and now is not; its function is not running when this returns. Any context but the timer's own
 * function. */
bool timer_cancel(struct timer *timer);

/** The clocks were set, or the cycle counter counts otherwise than before: sets the hardware timer anew. Any context. */
void timers_clock_changed(void);
