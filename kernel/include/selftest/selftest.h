/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's test of itself and of the machine below it: `init=selftest` on the command line, in place of a program. It needs no
 * root image. What it looks at, its lines on the console and its parameters are in docs/selftest.md.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** Whether the command line asks for it. Any context, after params_parse(). */
bool selftest_wanted(void);

/** Runs it on a thread of its own, which ends the machine: status 0 where nothing failed, STATUS_SELFTEST_FAILED where something did.
 * Buses and the network have been started. -ENOMEM. Thread context. */
int must_check selftest_start(void);
