/* SPDX-License-Identifier: BSD-3-Clause */
/* Division of a 128-bit product, a bit at a time. */
#include <lib/muldiv.h>

uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	uint64_t low = (uint64_t)product, rest = (uint64_t)(product >> 64);

	if (!rest)
		return low / c;
	if (rest >= c)
		return UINT64_MAX;
	for (unsigned bit = 0; bit < 64; bit++) {
		bool carry = rest >> 63;

		rest = rest << 1 | low >> 63;
		low <<= 1;
		if (carry || rest >= c) {
			rest -= c;
			low |= 1;
		}
	}
	return low;
}
