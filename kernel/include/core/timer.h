/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One-shot timers on the monotonic clock. Tickless: the hardware timer is set to the earliest deadline; where that was
 * cancelled, it fires once for nothing.
 */
#pragma once

#include <base/compiler.h>
#include <base/rbtree.h>
#include <base/types.h>

struct timer {
	struct rb_node node;
	uint64_t deadline_ns;
	void (*fn)(struct timer *timer); /* in interrupt context; may arm the timer again */
	bool armed;
	uint8_t cpu; /* in whose queue it is, or was last */
};

void timer_init(struct timer *timer, void (*fn)(struct timer *timer));

/** Sets, or moves, the deadline; one in the past fires at once. Any context, but not two at the same time for one timer. */
void timer_arm(struct timer *timer, uint64_t deadline_ns);

/** True when it was armed and now is not; its function is not running when this returns. Any context but the timer's own
 * function. */
bool timer_cancel(struct timer *timer);
