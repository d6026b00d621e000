/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the kernel image is. */
#pragma once

#include <stdint.h>

/** Its path, to be freed, and size; NULL after a report. */
char *kernel_file_find(uint64_t *bytes);

/** The path of the boot ROM beside the kernel image at `kernel`, to be freed; NULL: there is none. */
char *kernel_file_find_rom(const char *kernel);
