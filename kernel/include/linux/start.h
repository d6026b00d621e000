/* SPDX-License-Identifier: BSD-3-Clause */
/* The program's start, for kernel/start. */
#pragma once

#include <base/compiler.h>

/** After root_mount(), from a kernel thread: makes the first process, loads its program (`init=`, `argv0=`, `args=`, `env=`, see
 * docs) and runs it on a thread of its own. 0: it runs, and the caller has nothing left to do; a negative errno: it
 * cannot be run, and why has been logged. */
int must_check linux_start(void);
