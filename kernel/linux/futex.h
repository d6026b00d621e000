/* SPDX-License-Identifier: BSD-3-Clause */
/* Futexes (futex(2)), for what else needs them: tasks that end. Thread context. */
#pragma once

#include <base/types.h>

struct task;

/** Wakes up to `count` waiters at a user address of the current process. */
void futex_wake_address(uintptr_t address, unsigned count);

/** Marks the locks on the current task's robust list as their owner's being dead, and wakes a waiter of each. */
void futex_release_robust(struct task *task);

/** Hands the locks with priority inheritance that the current task holds to who waits for them. */
void futex_release_locks(struct task *task);
