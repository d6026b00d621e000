/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory a machine gets, and whether that is enough. */
#pragma once

#include "options.h"
#include "program.h"

#include <base/compiler.h>

/** What a machine has at least where the options do not say how much. */
#define MEMORY_DEFAULT ((uint64_t)128 << 20)

#include <stdint.h>

/** Without -m the machine has what programs are content with, besides a large image. */
void memory_choose(struct options *o, uint64_t image_bytes);

/** Whether kernel, image (0: it is on a disk) and the program's own memory fit. 0 or a negative errno, reported. */
must_check int memory_check(const struct options *o, const struct program *p, uint64_t kernel_bytes,
			    uint64_t image_bytes);
