/* SPDX-License-Identifier: BSD-3-Clause */
/* What is plain goes onto the kernel's command line, everything else into files. */
#include "cmdline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define DEFAULTS "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/"

struct fixture {
	struct options options;
	struct program program;
	struct streams streams;
	struct cmdline made;
	char *args[8];
};

static void make(struct fixture *f, enum command command, const char *guest_path, ...)
{
	va_list args;
	size_t count = 0;

	*f = (struct fixture){ .options.command = command,
			       .streams.known = command == COMMAND_RUN };
	va_start(args, guest_path);
	while ((f->args[count] = va_arg(args, char *)))
		count++;
	va_end(args);
	f->options.args = f->args;
	f->program.guest_path = (char *)(uintptr_t)guest_path;
}

/* Makes the line; frees the options. */
static const char *line(struct fixture *f)
{
	cmdline_make(&f->made, &f->options, &f->program, &f->streams);
	options_free(&f->options);
	return text_get(&f->made.line);
}

static void plain_words_are_on_the_line(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, COMMAND_RUN, "/home/u/hello", "./hello", "a", "b c", "--x=1", NULL);
	assert_string_equal(line(&f),
			    "init=/home/u/hello argv0=./hello stdin=pipe stdout=pipe " DEFAULTS
			    " -- a \"b c\" --x=1");
	assert_int_equal(f.made.args_file.bytes + f.made.env_file.bytes, 0);
	cmdline_free(&f.made);
}

static void program_named_by_its_path_needs_no_argv0(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, COMMAND_RUN, "/bin/hello", "/bin/hello", NULL);
	f.options.strace = f.options.verbose = true;
	strings_add(&f.options.kernel_args, "nosmap");
	f.streams.terminal = true;
	assert_string_equal(
		line(&f),
		"init=/bin/hello stdin=tty stdout=pipe strace=1 loglevel=7 nosmap " DEFAULTS);
	cmdline_free(&f.made);
}

static void check_args_in_file(const char *argument)
{
	struct fixture f;
	char expected[256];
	size_t bytes = 2 + strlen(argument) + 1;

	make(&f, COMMAND_RUN, "/p", "p", argument, NULL);
	assert_non_null(strstr(line(&f), " args=/.capuchin/args "));
	assert_null(strstr(text_get(&f.made.line), "argv0="));
	assert_null(strstr(text_get(&f.made.line), " -- "));
	memcpy(expected, "p", 2);
	memcpy(expected + 2, argument, bytes - 2);
	assert_int_equal(f.made.args_file.bytes, bytes);
	assert_memory_equal(f.made.args_file.data, expected, bytes);
	cmdline_free(&f.made);
}

static void unusual_arguments_are_in_a_file(void **state)
{
	static const char *const arguments[] = {
		"", "a\"b", "a\nb", "a\tb", "\\", "k=v", "pci=off", "rw", "--", "caf\303\251",
	};

	(void)state;
	for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
		check_args_in_file(arguments[i]);
}

static void check_env_in_file(const char *variable)
{
	struct fixture f;

	make(&f, COMMAND_RUN, "/p", "/p", NULL);
	strings_add(&f.options.env, variable);
	assert_non_null(strstr(line(&f), " env=/.capuchin/env"));
	assert_null(strstr(text_get(&f.made.line), "PATH="));
	assert_non_null(memmem(f.made.env_file.data, f.made.env_file.bytes, variable,
			       strlen(variable) + 1));
	cmdline_free(&f.made);
}

static void variables_that_clash_are_in_a_file(void **state)
{
	static const char *const variables[] = {
		"init=x", "http_proxy=a", "a.b=c", "A=\"",  "A=\n",
		"A=",     "BOOT_IMAGE=x", "1A=b",  "A B=c",
	};

	(void)state;
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		check_env_in_file(variables[i]);
}

static void long_lines_go_to_files(void **state)
{
	struct fixture f;
	char argument[3000];

	(void)state;
	memset(argument, 'x', sizeof argument - 1);
	argument[sizeof argument - 1] = '\0';
	check_args_in_file("k=v");
	make(&f, COMMAND_RUN, "/p", "/p", argument, NULL);
	assert_true(strlen(line(&f)) < 1500);
	assert_true(f.made.args_file.bytes > sizeof argument);
	cmdline_free(&f.made);
	make(&f, COMMAND_RUN, "/p", "/p", NULL);
	strings_printf(&f.options.env, "A=%s", argument);
	assert_true(strlen(line(&f)) < 1500);
	assert_true(f.made.env_file.bytes > sizeof argument);
	cmdline_free(&f.made);
}

static void boot_loaders_get_bare_words_only(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, COMMAND_BUILD, "/srv/hello", "./hello", "a", NULL);
	assert_string_equal(line(&f), "init=/srv/hello args=/.capuchin/args " DEFAULTS);
	cmdline_free(&f.made);
	make(&f, COMMAND_BUILD, "/srv/it's $x", "/srv/it's $x", NULL);
	assert_int_equal(strncmp(line(&f), "init=/.capuchin/init args=", 26), 0);
	assert_true(f.made.init_link);
	cmdline_free(&f.made);
}

static void paths_that_need_it_are_linked(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, COMMAND_RUN, "/a b/p", "/a b/p", NULL);
	assert_non_null(strstr(line(&f), "\"init=/a b/p\""));
	assert_false(f.made.init_link);
	cmdline_free(&f.made);
	make(&f, COMMAND_RUN, "/a\"b", "/a\"b", NULL);
	assert_non_null(strstr(line(&f), "init=/.capuchin/init"));
	assert_true(f.made.init_link);
	cmdline_free(&f.made);
}

static void given_variables_replace_earlier_ones(void **state)
{
	struct strings env = { 0 }, given = { 0 };

	(void)state;
	setenv("CAPUCHIN_TEST_HERE", "here", 1);
	unsetenv("CAPUCHIN_TEST_GONE");
	strings_add(&given, "HOME=/root");
	strings_add(&given, "A=1");
	strings_add(&given, "CAPUCHIN_TEST_HERE");
	strings_add(&given, "CAPUCHIN_TEST_GONE");
	strings_add(&given, "A=2=3");
	environment_make(&env, &given, false);
	assert_int_equal(env.count, 4);
	assert_string_equal(env.items[1], "HOME=/root");
	assert_string_equal(env.items[2], "CAPUCHIN_TEST_HERE=here");
	assert_string_equal(env.items[3], "A=2=3");
	assert_null(env.items[4]);
	strings_free(&env);
	strings_free(&given);
}

static void start_comes_first_in_hexadecimal(void **state)
{
	struct fixture f;

	(void)state;
	make(&f, COMMAND_RUN, "/p", "/p", NULL);
	(void)line(&f);
	cmdline_add_start(&f.made, (const unsigned char *)"\000\377\012", 3);
	long long before = (long long)time(NULL), told;
	assert_int_equal(strncmp(text_get(&f.made.line), "seed=00ff0a wall=", 17), 0);
	assert_int_equal(sscanf(text_get(&f.made.line) + 17, "%lld", &told), 1);
	assert_true(told / 1000000000 >= before - 10 && told / 1000000000 <= before);
	assert_non_null(strstr(text_get(&f.made.line), " init=/p "));
	cmdline_free(&f.made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_words_are_on_the_line),
		cmocka_unit_test(program_named_by_its_path_needs_no_argv0),
		cmocka_unit_test(unusual_arguments_are_in_a_file),
		cmocka_unit_test(variables_that_clash_are_in_a_file),
		cmocka_unit_test(long_lines_go_to_files),
		cmocka_unit_test(boot_loaders_get_bare_words_only),
		cmocka_unit_test(paths_that_need_it_are_linked),
		cmocka_unit_test(given_variables_replace_earlier_ones),
		cmocka_unit_test(start_comes_first_in_hexadecimal),
	};

	unsetenv("TERM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
