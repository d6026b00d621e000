/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is known from the first moments: the boot information, and the console line that a failed
 * boot may use before there is anything else.
 */
#pragma once

#include <base/compiler.h>
#include <boot/info.h>

/** As the boot protocol gave it, cleaned. Valid from the kernel's first C function on. */
extern struct boot_info boot_info;

/** Defined by kernel/start: the first function that runs at the kernel's final place, on the boot
 * stack, with interrupts off. `boot_error` is 0, or why boot_info is unusable. */
_Noreturn void kernel_main(int boot_error);

/** Whether the CPU's optional features are to be used; called once, before anything else of the
 * port, with the whole command line in reach of params_flag(). */
void cpu_start(void);

/** The second step, when memory can be allocated: interrupt tables, protection features, floating
 * point. */
void cpu_start_features(void);
