/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame that a signal handler finds on its stack (Linux: arch/x86/kernel/signal.c, asm/sigframe.h). */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <linux/abi.h>

/** AT_MINSIGSTKSZ: the most that a frame takes, whatever the stack's alignment. */
size_t signal_frame_bytes_max(void);

/** Whether `pointer` lies on the current task's alternate stack. */
bool signal_on_stack(uint64_t pointer);

/** Sets the current task's alternate stack, as sigaltstack(2) does with the stack pointer at `pointer`. -EPERM, -EINVAL, -ENOMEM. */
int must_check signal_stack_set(const struct signal_stack *stack, uint64_t pointer);
