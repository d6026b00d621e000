/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's end. */
#pragma once

#include <base/compiler.h>

/** Tells the host `status` (0 to 255, see <core/status.h>) and powers off. Any context, though in
 * thread context a slow console is waited for longer. */
_Noreturn void core_end(unsigned status);

/** Who does that: set once by kernel/start. Before, core_end() resets the CPU. */
void core_set_end(void (*fn)(unsigned status));
