/* SPDX-License-Identifier: BSD-3-Clause */
/* Restartable sequences (linux/rseq.h). Thread context. */
#pragma once

struct task;
struct user_regs;

/** AT_RSEQ_FEATURE_SIZE and AT_RSEQ_ALIGN. */
enum { RSEQ_FEATURE_BYTES = 28, RSEQ_ALIGN = 32 };

/** The current task was displaced in user mode, or a signal's handler is about to run: whatever sequence it was in is over. */
void rseq_interrupted(struct user_regs *regs);

/** The task has no area any more: its program ends. */
void rseq_forget(struct task *task);
