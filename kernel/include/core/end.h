/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's end. */
#pragma once

#include <base/compiler.h>

/** Tells the host `status` (0 to 255, see <core/status.h>) and powers off. Any context, though in
 * thread context a slow console is waited for longer. */
_Noreturn void core_end(unsigned status);

/** Begins the report of a panic: from here on no interrupts, and messages whatever lock is held. A
 * panic within the report ends the machine without another. Any context. */
void core_panic_begin(void);

/** Who does that: set once by kernel/start. Before, core_end() resets the CPU. */
void core_set_end(void (*fn)(unsigned status));
