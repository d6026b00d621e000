/* SPDX-License-Identifier: BSD-3-Clause */
/* The clocks that programs name by number (clock_gettime(2)). Any context but where noted. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** -EINVAL: no such clock. Thread context for CPU clocks. */
int must_check clock_read(int clock, uint64_t *ns);

bool clock_is_wall(int clock);
bool clock_is_cpu(int clock);
