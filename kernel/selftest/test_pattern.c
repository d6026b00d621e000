/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns by address: what is wrong in memory is found, and where. */
#include "pattern.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { WORDS = 512, BYTES = WORDS * 8 };

static uint64_t words[WORDS];

static int setup(void **state)
{
	(void)state;
	pattern_fill(words, BYTES, 0x100000, PATTERN_PLAIN);
	return 0;
}

static void what_was_filled_is_found_good(void **state)
{
	(void)state;
	assert_int_equal(pattern_find_bad(words, BYTES, 0x100000, PATTERN_PLAIN), BYTES);
	pattern_fill(words, BYTES, 0x100000, PATTERN_INVERTED);
	assert_int_equal(pattern_find_bad(words, BYTES, 0x100000, PATTERN_INVERTED), BYTES);
}

static void each_bit_that_flips_is_found_at_its_place(void **state)
{
	(void)state;
	for (unsigned word = 0; word < WORDS; word += 73) {
		for (unsigned bit = 0; bit < 64; bit++) {
			words[word] ^= (uint64_t)1 << bit;
			assert_int_equal(pattern_find_bad(words, BYTES, 0x100000, PATTERN_PLAIN),
					 word * 8);
			words[word] ^= (uint64_t)1 << bit;
		}
	}
}

static void memory_of_another_address_is_found_bad(void **state)
{
	(void)state;
	for (unsigned shift = 3; shift < 46; shift++)
		assert_int_equal(pattern_find_bad(words, BYTES, 0x100000 ^ (uint64_t)1 << shift,
						  PATTERN_PLAIN),
				 0);
}

static void every_bit_is_once_set_and_once_clear(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORDS; i++)
		assert_true((pattern_at(i * 8, PATTERN_PLAIN) ^
			     pattern_at(i * 8, PATTERN_INVERTED)) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_filled_is_found_good, setup),
		cmocka_unit_test_setup(each_bit_that_flips_is_found_at_its_place, setup),
		cmocka_unit_test_setup(memory_of_another_address_is_found_bad, setup),
		cmocka_unit_test_setup(every_bit_is_once_set_and_once_clear, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
