/* SPDX-License-Identifier: BSD-3-Clause */
/* a * b / c without overflow between the two: the compiler's 128-bit division is a library function that the kernel does
 * not have. Pure, any context. */
#pragma once

#include <base/types.h>

/** Rounded down; UINT64_MAX where the result does not fit. `c` is not 0. */
uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c);
