/* SPDX-License-Identifier: BSD-3-Clause */
/* First lines are read as Linux and env read them. */
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *file, const char *interpreter, const char *argument)
{
	struct script s;

	assert_true(script_read(file, strlen(file), &s));
	assert_int_equal(!s.interpreter, !interpreter);
	assert_int_equal(!s.argument, !argument);
	if (interpreter)
		assert_string_equal(s.interpreter, interpreter);
	if (argument)
		assert_string_equal(s.argument, argument);
	script_free(&s);
}

static void first_line_is_split_once(void **state)
{
	struct script s;

	(void)state;
	check("#!/bin/sh", "/bin/sh", NULL);
	check("#!/bin/sh\necho", "/bin/sh", NULL);
	check("#! \t/bin/sh -e -u \t\n", "/bin/sh", "-e -u");
	check("#!\n", NULL, NULL);
	check("#!   ", NULL, NULL);
	assert_false(script_read("#", 1, &s));
	assert_false(script_read("\177ELF", 4, &s));
}

static void long_line_is_cut(void **state)
{
	char line[400];
	struct script s;

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "#!", 2);
	assert_true(script_read(line, sizeof line, &s));
	assert_int_equal(strlen(s.interpreter), 255 - 2);
	script_free(&s);
}

static void check_env(const char *argument, const char *command)
{
	char *got = script_env_command(argument);

	assert_int_equal(!got, !command);
	if (command)
		assert_string_equal(got, command);
	free(got);
}

static void command_of_env_is_found(void **state)
{
	(void)state;
	check_env(NULL, NULL);
	check_env("python3", "python3");
	check_env("-S python3 -u", "python3");
	check_env("-Spython3", "python3");
	check_env("-vS A=b -i perl -w", "perl");
	check_env("-S", NULL);
	check_env("-i", NULL);
	check_env("A=b", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_line_is_split_once),
		cmocka_unit_test(long_line_is_cut),
		cmocka_unit_test(command_of_env_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
