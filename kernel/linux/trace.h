/* SPDX-License-Identifier: BSD-3-Clause */
/* The log of system calls (`strace=1`), in strace's form. */
#pragma once

#include <linux/abi.h>

void trace_signal(const struct signal_info *info);

/** `status` as wait(2) has it. */
void trace_exit(unsigned status);
