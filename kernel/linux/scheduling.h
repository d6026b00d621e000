/* SPDX-License-Identifier: BSD-3-Clause */
/* How tasks are scheduled (sched(7)). Any context. */
#pragma once

struct task;

/** A new task's, from its maker's. */
void scheduling_inherit(struct task *task, const struct task *from);

/** Lets a task run at least with this priority, as long as others of that priority wait for its locks; 0: no more. */
void scheduling_lend(struct task *task, int priority);

/** The priority it runs with: 0, or that of a real-time policy or a waiter. */
int scheduling_priority(const struct task *task);
