/* SPDX-License-Identifier: BSD-3-Clause */
#include <lib/muldiv.h>

#include <base/bits.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void mul_div_is_exact(void **state)
{
	(void)state;
	assert_int_equal(mul_div(0, 5, 7), 0);
	assert_int_equal(mul_div(UINT64_MAX, UINT64_MAX, UINT64_MAX), UINT64_MAX);
	assert_int_equal(mul_div(UINT64_MAX, 3, 4), UINT64_MAX / 4 * 3 + 2);
	assert_int_equal(mul_div(1000000007, 998244353, 1000000007), 998244353);
	assert_int_equal(mul_div(BIT64(63), 2, 1), UINT64_MAX);
	assert_int_equal(mul_div(BIT64(63) + 5, BIT64(63) - 1, BIT64(63) + 9), BIT64(63) - 5);
}

static void mul_div_agrees_with_the_compilers_division(void **state)
{
	uint64_t a = 0x9e3779b97f4a7c15, b = 0xbf58476d1ce4e5b9, c = 0x94d049bb133111eb;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		a = a * 6364136223846793005 + 1442695040888963407;
		b ^= a >> 7;
		c = (c << 5 | c >> 59) + a;
		uint64_t x = a >> (i % 61), y = b >> (i % 53), z = (c >> (i % 47)) | 1;
		unsigned __int128 wanted = (unsigned __int128)x * y / z;

		assert_int_equal(mul_div(x, y, z),
				 wanted > UINT64_MAX ? UINT64_MAX : (uint64_t)wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mul_div_is_exact),
		cmocka_unit_test(mul_div_agrees_with_the_compilers_division),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
