/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounds in the image, from the linker script. */
#pragma once

#include <base/types.h>

#define IMAGE_LINK_BASE ((uintptr_t)0x100000)

extern char image_start[], image_end[], text_end[], rodata_start[], relro_end[];
extern const uint64_t relr_start[], relr_end[];

/** Where the image runs minus where it lies in physical memory; 0 while identity mapped. */
extern uint64_t image_delta;

/** Needed by the compiler's stack protector. */
extern uintptr_t __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);
