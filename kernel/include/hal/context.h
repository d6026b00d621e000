/* SPDX-License-Identifier: BSD-3-Clause */
/* The scheduler's view of a thread's registers. Interrupts are off in all of these. */
#pragma once

#include <base/types.h>

/** The stack of a thread that will call fn(arg) with interrupts off when first switched to; returns
 * its saved_sp. */
uintptr_t context_prepare(uintptr_t stack_top, void (*fn)(void *arg), void *arg);

/** Saves the kernel's registers on this stack and its pointer to *save_sp, and goes on with
 * another's. Returns when that is switched back. */
void context_switch(uintptr_t *save_sp, uintptr_t load_sp);
