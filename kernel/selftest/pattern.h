/* SPDX-License-Identifier: BSD-3-Clause */
/* What a word of memory, or of a disk, should hold: a number made of its address. Any context. */
#pragma once

#include <base/types.h>

enum pattern { PATTERN_PLAIN, PATTERN_INVERTED };

/** For the word at `address`; all its bits change from one word to the next. */
static inline uint64_t pattern_at(uint64_t address, enum pattern pattern)
{
	uint64_t word = (address | 1) * 0x9e3779b97f4a7c15u; /* 2^64 by the golden ratio */

	return pattern == PATTERN_INVERTED ? ~word : word;
}

/** `bytes` a multiple of 8; `start` the address of the first word. */
void pattern_fill(uint64_t *words, size_t bytes, uint64_t start, enum pattern pattern);

/** The offset in bytes of the first word that is not what pattern_fill() has put there; `bytes`: all are. */
size_t pattern_find_bad(const uint64_t *words, size_t bytes, uint64_t start, enum pattern pattern);
