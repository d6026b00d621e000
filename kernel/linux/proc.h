/* SPDX-License-Identifier: BSD-3-Clause */
/* What the Linux layer shows below /proc. */
#pragma once

#include <base/compiler.h>

int must_check proc_register(void);

/** The part below /proc/self. */
int must_check proc_register_self(void);
