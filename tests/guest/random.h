/* SPDX-License-Identifier: BSD-3-Clause */
/* For programs that do the same random things everywhere and say what came of each: Linux tells what is right. */
#pragma once

#include <stdint.h>

static uint64_t random_state;

static inline void random_seed(uint64_t seed)
{
	random_state = seed * 0x9e3779b97f4a7c15 + 1;
}

/** A number below the limit. */
static inline unsigned random_below(unsigned limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 33) % limit;
}
