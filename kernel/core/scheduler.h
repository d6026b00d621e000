/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the locks and the scheduler. */
#pragma once

#include <base/types.h>

/** With a spinlock held: whether interrupts were off before, as they are in an interrupt handler.
 */
bool scheduler_in_interrupt(void);

/** Whether this CPU's idle thread is the current one. */
bool scheduler_is_idle(void);

/** The interrupt state that the one lock held (a run queue's) will give back belongs to a thread;
 * it is exchanged with the lock's holder. Returns the old one. */
bool scheduler_swap_irqs_were_on(bool value);
