/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum. */
#include <base/types.h>

#include "include/arch/cc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LENGTH_MAX = 300, OFFSETS = 9 };

/* RFC 1071, as it is written there: 16 bits at a time, as they stand in memory. */
static uint16_t plain_sum(const uint8_t *at, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum += (uint32_t)at[i] << 8 * (i % 2);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* 0 and 0xffff are the same number. */
static unsigned one_zero(uint16_t sum)
{
	return sum == 0xffff ? 0 : sum;
}

static void check_all(const uint8_t *bytes)
{
	for (unsigned offset = 0; offset < OFFSETS; offset++)
		for (int length = 0; length <= LENGTH_MAX; length++)
			assert_int_equal(one_zero(checksum_of(bytes + offset, length)),
					 one_zero(plain_sum(bytes + offset, (size_t)length)));
}

static void sum_is_that_of_rfc_1071(void **state)
{
	uint8_t bytes[LENGTH_MAX + OFFSETS];
	uint32_t random = 1;

	(void)state;
	for (unsigned i = 0; i < sizeof bytes; i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(random >> 24);
	}
	check_all(bytes);
	memset(bytes, 0xff, sizeof bytes);
	check_all(bytes);
	memset(bytes, 0, sizeof bytes);
	check_all(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sum_is_that_of_rfc_1071),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
