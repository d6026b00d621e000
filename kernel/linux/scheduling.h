/* SPDX-License-Identifier: BSD-3-Clause */
/* How tasks are scheduled (sched(7)). Any context. */
#pragma once

struct task;

/** Calls fn for each task that (which, who) means, as getpriority(2) has it, under a spinlock. Returns how many there are. */
unsigned scheduling_each_meant(int which, int who, void (*fn)(void *context, struct task *task),
			       void *context);

/** A new task's, from its maker's. */
void scheduling_inherit(struct task *task, const struct task *from);

/** Lets a task run at least with this priority, as long as others of that priority wait for its locks; 0: no more. */
void scheduling_lend(struct task *task, int priority);

/** The priority it runs with: 0, or that of a real-time policy or a waiter. */
int scheduling_priority(const struct task *task);
