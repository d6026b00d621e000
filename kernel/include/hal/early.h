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

/** The command line, where it is short (boot_info.cmdline_bytes is at most EARLY_CMDLINE_BYTES): in reach before there are maps
 * of anything else. Not NUL-terminated. */
enum { EARLY_CMDLINE_BYTES = 512 };
extern char early_cmdline[EARLY_CMDLINE_BYTES];

/** Defined by kernel/start: the first function that runs at the kernel's final place, on the boot
 * stack, with interrupts off. `boot_error` is 0, or why boot_info is unusable. */
_Noreturn void kernel_main(int boot_error);

/** This CPU's own data and the interrupt tables. Once, before anything else of the port. */
void cpu_start(void);

/** What the CPU has beyond that, less what the parameters switch off: protection features, floating point, system calls. Once,
 * after params_parse(), and soon: an emulator translates anew what runs before and after. */
void cpu_start_features(void);
