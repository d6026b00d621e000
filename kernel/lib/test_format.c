/* SPDX-License-Identifier: BSD-3-Clause */
/* format() against the C library's snprintf. */
#include <base/format.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The same call to both; the formats are constants of the calls below. */
#define same(...)                                                                \
	do {                                                                     \
		char ours[128], theirs[128];                                     \
		assert_int_equal(format(ours, sizeof(ours), __VA_ARGS__),        \
				 snprintf(theirs, sizeof(theirs), __VA_ARGS__)); \
		assert_string_equal(ours, theirs);                               \
	} while (0)

static void format_prints_integers_as_snprintf(void **state)
{
	(void)state;
	same("%d %i %u", 0, -1, 42u);
	same("%ld %lld %lu", INT64_MIN, (long long)INT64_MAX, UINT64_MAX);
	same("%x %X %o", 0xdeadbeefu, 0xdeadbeefu, 0777u);
	same("%#x %#X %#o %#x %#o", 255u, 255u, 8u, 0u, 0u);
	same("%lo", UINT64_MAX);
	same("%hhd %hd %hhu %hu", (signed char)-3, (short)-7, (unsigned char)200,
	     (unsigned short)60000);
	same("%zu %jd %td", (size_t)5, (intmax_t)-6, (ptrdiff_t)7);
}

static void format_honours_width_precision_and_flags(void **state)
{
	(void)state;
	same("[%5d] [%-5d] [%05d] [%+d] [% d]", 42, 42, 42, 42, 42);
	same("[%8.3d] [%.0d] [%-8.3d] [%+05d]", 7, 0, -7, 3);
	same("[%#10x] [%#010x] [%-#10x]", 255u, 255u, 255u);
	same("[%*d] [%-*d] [%.*d]", 6, 1, 6, 2, 3, 4);
	same("[%*d] [%.*d]", -6, 1, -1, 0);
	same("[%10s] [%-10s] [%.2s] [%5.1s]", "abc", "abc", "abc", "abc");
	same("[%c] [%3c] [%-3c]", 'x', 'y', 'z');
	same("100%% %s", "done");
}

static void format_prints_pointers_in_hexadecimal(void **state)
{
	(void)state;
	same("%p", (void *)0x1234abcd);
}

static void format_returns_whole_length_and_cuts(void **state)
{
	char buffer[8];

	(void)state;
	assert_int_equal(format(buffer, sizeof(buffer), "%s", "0123456789"), 10);
	assert_string_equal(buffer, "0123456");
	assert_int_equal(format(NULL, 0, "%d", 12345), 5);
	assert_int_equal(format(buffer, 1, "%d", 12345), 5);
	assert_string_equal(buffer, "");
}

static void format_takes_no_more_of_a_string_than_its_precision(void **state)
{
	char open_ended[3] = { 'a', 'b', 'c' }, buffer[8];

	(void)state;
	format(buffer, sizeof(buffer), "%.3s", open_ended);
	assert_string_equal(buffer, "abc");
}

static void format_survives_null_strings(void **state)
{
	const char *volatile none = NULL;
	char buffer[16];

	(void)state;
	format(buffer, sizeof(buffer), "%s", none);
	assert_string_equal(buffer, "(null)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_prints_integers_as_snprintf),
		cmocka_unit_test(format_honours_width_precision_and_flags),
		cmocka_unit_test(format_prints_pointers_in_hexadecimal),
		cmocka_unit_test(format_returns_whole_length_and_cuts),
		cmocka_unit_test(format_takes_no_more_of_a_string_than_its_precision),
		cmocka_unit_test(format_survives_null_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
