/* SPDX-License-Identifier: BSD-3-Clause */
/* See <hal/sum.h>. */
#include <hal/sum.h>

#include <string.h>

uint64_t sum_blocks(const void *blocks, size_t count, uint64_t sum)
{
	const uint8_t *at = blocks;

	for (size_t left = count * SUM_BLOCK_BYTES; left; left -= sizeof sum, at += sizeof sum) {
		uint64_t word;

		memcpy(&word, at, sizeof word);
		sum += word;
		sum += sum < word;
	}
	return sum;
}
