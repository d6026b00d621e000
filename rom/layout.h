/* SPDX-License-Identifier: BSD-3-Clause */
/* What the ROM leaves in the first 640 KiB for the kernel, for C and assembly. */
#pragma once

#define STACK_TOP 0x8000
#define START_INFO 0x8000   /* struct start_data, and behind it the command line */
#define LOW_END 0xa0000     /* what is from here ... */
#define HIGH_START 0x100000 /* ... to here is not memory, whatever the map says */
