/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * assert() is always on and states our own invariants: never what came from outside, never want of
 * memory. A failure is a kernel panic (on the host: abort).
 */
#pragma once

#include <base/compiler.h>

#undef assert
#define assert(cond) (likely(cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__))

#ifndef static_assert
#define static_assert _Static_assert
#endif

_Noreturn void assert_failed(const char *condition, const char *file, int line);

/** Ends the machine with a report; the exit status is STATUS_PANIC (<core/status.h>). Any context.
 */
_Noreturn void panic(const char *fmt, ...) printf_like(1, 2);
