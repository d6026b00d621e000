/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071), eight bytes at a time, for lwIP. */
#include "internal.h"

#include <base/string.h>

static uint64_t add_carry(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

static inline uint64_t load(const uint8_t *from)
{
	uint64_t word;

	__builtin_memcpy(&word, from, sizeof word);
	return word;
}

/** Fewer than eight bytes. */
static uint64_t load_part(const uint8_t *from, size_t bytes)
{
	uint64_t word = 0;

	memcpy(&word, from, bytes);
	return word;
}

/** lwIP's: the sum, not inverted, in the byte order of the memory. */
uint16_t checksum_of(const void *data, int bytes)
{
	const uint8_t *at = data;
	size_t left = (size_t)bytes;
	uint64_t sum = 0;

	for (; left >= 32; left -= 32, at += 32) {
		sum = add_carry(sum, load(at));
		sum = add_carry(sum, load(at + 8));
		sum = add_carry(sum, load(at + 16));
		sum = add_carry(sum, load(at + 24));
	}
	for (; left >= 8; left -= 8, at += 8)
		sum = add_carry(sum, load(at));
	if (left)
		sum = add_carry(sum, load_part(at, left));
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 32) + (uint32_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	sum = (sum >> 16) + (uint16_t)sum;
	return (uint16_t)sum;
}
