/* SPDX-License-Identifier: BSD-3-Clause */
/* Options end at the program or at "--"; values are checked; both spellings work. */
#include "options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

static enum options_verdict parse(struct options *o, enum command command, ...)
{
	static char *words[WORDS_MAX];
	static char first[] = "run";
	va_list args;
	int count = 1;

	words[0] = first;
	va_start(args, command);
	while ((words[count] = va_arg(args, char *)))
		count++;
	va_end(args);
	return options_parse(o, command, count, words);
}

#define check_wrong(...)                                                                    \
	do {                                                                                \
		struct options wrong_;                                                      \
		assert_int_equal(parse(&wrong_, __VA_ARGS__, (char *)NULL), OPTIONS_WRONG); \
		options_free(&wrong_);                                                      \
	} while (0)

static void defaults_are_those_of_the_manual(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, COMMAND_RUN, "./hello", (char *)NULL), OPTIONS_GO);
	assert_int_equal(o.memory_bytes, 0);
	assert_int_equal(o.accel, ACCEL_AUTO);
	assert_int_equal(o.machine, MACHINE_MICROVM);
	assert_int_equal(o.timeout_ms, 0);
	assert_false(o.verbose || o.strace);
	assert_string_equal(o.args[0], "./hello");
	assert_null(o.args[1]);
	options_free(&o);
}

static void options_end_at_the_program(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, COMMAND_RUN, "-v", "prog", "-m", "--help", "--", (char *)NULL),
			 OPTIONS_GO);
	assert_true(o.verbose);
	assert_string_equal(o.args[0], "prog");
	assert_string_equal(o.args[1], "-m");
	assert_string_equal(o.args[2], "--help");
	assert_string_equal(o.args[3], "--");
	assert_null(o.args[4]);
	options_free(&o);
}

static void additions_may_follow_the_program(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, COMMAND_RUN, "prog", "--add", "a:/a", "--add=b:/b", "--add",
			       "none", "--add", "c:/c", (char *)NULL),
			 OPTIONS_GO);
	assert_int_equal(o.additions.count, 2);
	assert_string_equal(o.additions.items[0], "a:/a");
	assert_string_equal(o.additions.items[1], "b:/b");
	assert_string_equal(o.args[0], "prog");
	assert_string_equal(o.args[1], "--add");
	assert_string_equal(o.args[2], "none");
	options_free(&o);
	assert_int_equal(parse(&o, COMMAND_RUN, "--", "prog", "--add", "a:/a", (char *)NULL),
			 OPTIONS_GO);
	assert_int_equal(o.additions.count, 0);
	assert_string_equal(o.args[1], "--add");
	options_free(&o);
}

static void two_dashes_end_options(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, COMMAND_RUN, "-m", "64", "--", "--odd", "-v", (char *)NULL),
			 OPTIONS_GO);
	assert_int_equal(o.memory_bytes, 64 << 20);
	assert_false(o.verbose);
	assert_string_equal(o.args[0], "--odd");
	options_free(&o);
}

static void long_options_take_values_both_ways(void **state)
{
	struct options o;

	(void)state;
	assert_int_equal(parse(&o, COMMAND_RUN, "--memory=1G", "--machine", "q35", "--accel=tcg",
			       "--timeout", "1.5", "--env=A=b c", "-eB", "--add", "/a:/b", "p",
			       (char *)NULL),
			 OPTIONS_GO);
	assert_int_equal(o.memory_bytes, 1 << 30);
	assert_int_equal(o.machine, MACHINE_Q35);
	assert_int_equal(o.accel, ACCEL_TCG);
	assert_int_equal(o.timeout_ms, 1500);
	assert_int_equal(o.env.count, 2);
	assert_string_equal(o.env.items[0], "A=b c");
	assert_string_equal(o.env.items[1], "B");
	assert_string_equal(o.additions.items[0], "/a:/b");
	options_free(&o);
}

static void wrong_words_are_refused(void **state)
{
	(void)state;
	check_wrong(COMMAND_RUN, "-v");
	check_wrong(COMMAND_RUN, "--", "");
	check_wrong(COMMAND_RUN, "--nonsense", "p");
	check_wrong(COMMAND_RUN, "-m");
	check_wrong(COMMAND_RUN, "--strace=1", "p");
	check_wrong(COMMAND_RUN, "--accel=hvf", "p");
	check_wrong(COMMAND_RUN, "--machine=", "p");
	check_wrong(COMMAND_RUN, "-e", "=x", "p");
	check_wrong(COMMAND_RUN, "-e", "", "p");
	check_wrong(COMMAND_RUN, "--add", "a:b", "p");
	check_wrong(COMMAND_RUN, "--add=:/b", "p");
	check_wrong(COMMAND_RUN, "--rootfs=", "p");
	check_wrong(COMMAND_RUN, "--kernel-arg=", "p");
	check_wrong(COMMAND_RUN, "-o", "x.iso", "p");
	check_wrong(COMMAND_BUILD, "p");
	check_wrong(COMMAND_BUILD, "-o", "x.iso");
	check_wrong(COMMAND_BUILD, "-o", "x.iso", "-m", "64", "p");
}

static void memory_is_a_number_with_a_unit(void **state)
{
	uint64_t bytes;

	(void)state;
	assert_true(parse_memory("64", &bytes));
	assert_int_equal(bytes, 64 << 20);
	assert_true(parse_memory("64M", &bytes));
	assert_int_equal(bytes, 64 << 20);
	assert_true(parse_memory("65535k", &bytes));
	assert_int_equal(bytes, 64 << 20);
	assert_true(parse_memory("2T", &bytes));
	assert_int_equal(bytes, (uint64_t)2 << 40);
}

static void nonsense_memory_is_refused(void **state)
{
	static const char *const words[] = {
		"",
		"0",
		"-1",
		"+1",
		" 1",
		"1 ",
		"abc",
		"1.5",
		"M",
		"1MB",
		"1X",
		"0x10",
		"1e3",
		"99999999999999999999",
		"18446744073709551615",
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		assert_false(parse_memory(words[i], &bytes));
}

static void timeout_is_above_zero(void **state)
{
	static const char *const wrong[] = { "", "0", "-1", "x", "1s", "nan", "inf", "1e30" };
	uint64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_false(parse_timeout(wrong[i], &ms));
	assert_true(parse_timeout("0.0001", &ms));
	assert_int_equal(ms, 1);
	assert_true(parse_timeout("10", &ms));
	assert_int_equal(ms, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_manual),
		cmocka_unit_test(options_end_at_the_program),
		cmocka_unit_test(additions_may_follow_the_program),
		cmocka_unit_test(two_dashes_end_options),
		cmocka_unit_test(long_options_take_values_both_ways),
		cmocka_unit_test(wrong_words_are_refused),
		cmocka_unit_test(memory_is_a_number_with_a_unit),
		cmocka_unit_test(nonsense_memory_is_refused),
		cmocka_unit_test(timeout_is_above_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
