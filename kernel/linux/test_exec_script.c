/* SPDX-License-Identifier: BSD-3-Clause */
#include "exec_script.h"

#include <base/errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *line;

/* In memory of exactly its size, so that ASan sees every byte too many. */
static int setup(void **state)
{
	(void)state;
	line = malloc(SCRIPT_LINE_BYTES);
	return line ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(line);
	return 0;
}

static int parse(const char *text, char **path, char **argument)
{
	strncpy(line, text, SCRIPT_LINE_BYTES);
	return script_parse(line, path, argument);
}

static void expect(const char *text, const char *want_path, const char *want_argument)
{
	char *path, *argument;

	assert_int_equal(parse(text, &path, &argument), 0);
	assert_string_equal(path, want_path);
	if (want_argument)
		assert_string_equal(argument, want_argument);
	else
		assert_null(argument);
}

static void refuse(const char *text)
{
	char *path, *argument;

	assert_int_equal(parse(text, &path, &argument), -ENOEXEC);
}

static void script_names_its_interpreter(void **state)
{
	(void)state;
	expect("#!/bin/sh\necho\n", "/bin/sh", NULL);
	expect("#! \t /bin/sh \t\n", "/bin/sh", NULL);
	expect("#!/bin/sh", "/bin/sh", NULL);
	expect("#!sh\n", "sh", NULL);
}

static void script_gives_the_rest_of_the_line_as_one_argument(void **state)
{
	(void)state;
	expect("#!/usr/bin/env lua5.4\n", "/usr/bin/env", "lua5.4");
	expect("#!/usr/bin/env -S a b \t\nx", "/usr/bin/env", "-S a b");
	expect("#! /bin/awk\t-f", "/bin/awk", "-f");
}

static void script_without_an_interpreter_is_none(void **state)
{
	(void)state;
	refuse("#!\n/bin/sh\n");
	refuse("#!  \t \n");
}

static void script_is_refused_where_the_path_may_be_cut(void **state)
{
	char text[SCRIPT_LINE_BYTES + 1];

	(void)state;
	memset(text, 'p', sizeof text);
	text[0] = '#';
	text[1] = '!';
	text[SCRIPT_LINE_BYTES] = '\0';
	refuse(text);
	memset(text + 2, ' ', SCRIPT_LINE_BYTES - 2);
	refuse(text);
	text[SCRIPT_LINE_BYTES - 1] = '\n';
	refuse(text);
}

static void script_may_have_an_argument_that_is_cut(void **state)
{
	char text[SCRIPT_LINE_BYTES + 1], *path, *argument;

	(void)state;
	memset(text, 'a', sizeof text);
	memcpy(text, "#!/x ", 5);
	text[SCRIPT_LINE_BYTES] = '\0';
	assert_int_equal(parse(text, &path, &argument), 0);
	assert_string_equal(path, "/x");
	assert_int_equal(strlen(argument), SCRIPT_LINE_BYTES - 5 - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(script_names_its_interpreter, setup, teardown),
		cmocka_unit_test_setup_teardown(script_gives_the_rest_of_the_line_as_one_argument,
						setup, teardown),
		cmocka_unit_test_setup_teardown(script_without_an_interpreter_is_none, setup,
						teardown),
		cmocka_unit_test_setup_teardown(script_is_refused_where_the_path_may_be_cut, setup,
						teardown),
		cmocka_unit_test_setup_teardown(script_may_have_an_argument_that_is_cut, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
