/* SPDX-License-Identifier: BSD-3-Clause */
#include <core/log.h>

#include <core/params.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char seen[8192];

static void sink(const char *bytes, size_t count)
{
	assert_int_equal(bytes[count - 1], '\n');
	assert_null(memchr(bytes, '\n', count - 1));
	strncat(seen, bytes, count);
}

static int setup(void **state)
{
	(void)state;
	log_set_sink(sink); /* empties what is kept */
	log_set_sink(NULL);
	log_set_level(LOG_ERROR);
	seen[0] = '\0';
	return 0;
}

static void log_keeps_messages_until_there_is_a_sink(void **state)
{
	(void)state;
	log_error("first %d", 1);
	log_warning("not shown");
	log_set_sink(sink);
	log_error("second");
	assert_string_equal(seen, "[capuchin] first 1\n[capuchin] second\n");
}

static void log_replays_only_what_the_level_shows(void **state)
{
	(void)state;
	log_set_level(LOG_DEBUG);
	log_debug("early");
	log_error("bad");
	log_set_level(LOG_ERROR);
	log_set_sink(sink);
	assert_string_equal(seen, "[capuchin] bad\n");
}

static void log_keeps_the_first_messages_and_counts_the_rest(void **state)
{
	(void)state;
	log_set_level(LOG_WARNING);
	for (int i = 0; i < 200; i++)
		log_error("message %03d", i);
	log_set_sink(sink);
	assert_non_null(strstr(seen, "message 000\n"));
	assert_null(strstr(seen, "message 199\n"));
	assert_non_null(strstr(seen, " early messages lost\n"));
}

static void log_cuts_long_lines(void **state)
{
	char text[400];

	(void)state;
	memset(text, 'x', sizeof(text));
	log_set_sink(sink);
	log_error("%.400s", text);
	assert_int_equal(strlen(seen), 255);
	assert_string_equal(seen + 250, "x...\n");
}

static void log_shows_no_control_characters(void **state)
{
	(void)state;
	log_set_sink(sink);
	log_error("a\033_b\nc\x7f");
	assert_string_equal(seen, "[capuchin] a?_b?c?\n");
}

static enum log_level level_of(const char *line)
{
	static char *memory[32];

	assert_true(params_memory_bytes(line, strlen(line)) <= sizeof(memory));
	params_parse(line, strlen(line), memory);
	log_read_params();
	return log_level();
}

static void log_level_comes_from_the_command_line(void **state)
{
	(void)state;
	assert_int_equal(level_of(""), LOG_ERROR);
	assert_int_equal(level_of("debug"), LOG_DEBUG);
	assert_int_equal(level_of("loglevel=5"), LOG_WARNING);
	assert_int_equal(level_of("loglevel=7"), LOG_INFO);
	assert_int_equal(level_of("loglevel=0"), LOG_ERROR);
	assert_int_equal(level_of("loglevel=99"), LOG_DEBUG);
	assert_int_equal(level_of("loglevel=x"), LOG_ERROR);
	assert_int_equal(level_of("debug quiet"), LOG_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(log_keeps_messages_until_there_is_a_sink, setup),
		cmocka_unit_test_setup(log_replays_only_what_the_level_shows, setup),
		cmocka_unit_test_setup(log_keeps_the_first_messages_and_counts_the_rest, setup),
		cmocka_unit_test_setup(log_cuts_long_lines, setup),
		cmocka_unit_test_setup(log_shows_no_control_characters, setup),
		cmocka_unit_test_setup(log_level_comes_from_the_command_line, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
