/* SPDX-License-Identifier: BSD-3-Clause */
/* Sums for the Internet checksum (RFC 1071). Here because only the CPU's carry makes it one instruction a word. Any context. */
#pragma once

#include <base/types.h>

enum { SUM_BLOCK_BYTES = 64 };

/** Adds `count` blocks of memory, as words in the CPU's byte order, to a sum, with carries added at its lower end. */
uint64_t sum_blocks(const void *blocks, size_t count, uint64_t sum);
