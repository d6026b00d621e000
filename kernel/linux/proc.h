/* SPDX-License-Identifier: BSD-3-Clause */
/* What the Linux layer shows below /proc. */
#pragma once

#include <base/compiler.h>

int must_check proc_register(void);

/** The part below /proc/self. */
int must_check proc_register_self(void);

/** The part below /proc/self that is about its tasks; before proc_register_self(), whose entries for tasks lie below. */
int must_check proc_register_tasks(void);
