/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071), for lwIP. */
#include "internal.h"

#include <hal/sum.h>

static uint64_t add_carry(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

static uint64_t load(const uint8_t *from)
{
	uint64_t word;

	__builtin_memcpy(&word, from, sizeof word);
	return word;
}

/* Of fewer than eight bytes: halves of words may be added up anywhere, as long as what is first stays first. */
static uint64_t sum_of_rest(const uint8_t *at, size_t bytes)
{
	uint64_t sum = 0;
	uint32_t four;
	uint16_t two;

	if (bytes & 4) {
		__builtin_memcpy(&four, at, sizeof four);
		sum += four;
		at += sizeof four;
	}
	if (bytes & 2) {
		__builtin_memcpy(&two, at, sizeof two);
		sum += two;
		at += sizeof two;
	}
	return bytes & 1 ? sum + *at : sum;
}

static uint16_t fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	return (uint16_t)sum;
}

/** lwIP's: the sum, not inverted, in the byte order of the memory. */
uint16_t checksum_of(const void *data, int bytes)
{
	const uint8_t *at = data;
	size_t left = (size_t)bytes, blocks = left / SUM_BLOCK_BYTES;
	uint64_t sum = sum_blocks(at, blocks, 0);

	at += blocks * SUM_BLOCK_BYTES;
	for (left %= SUM_BLOCK_BYTES; left >= 8; left -= 8, at += 8)
		sum = add_carry(sum, load(at));
	return fold(add_carry(sum, sum_of_rest(at, left)));
}
