/* SPDX-License-Identifier: BSD-3-Clause */
/* Records are found however the output is cut; everything else comes through unchanged. */
#include "console.h"

#include <core/status.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define END(n) STATUS_RECORD_BEGIN n STATUS_RECORD_END

/* Feeds `in` in pieces of `piece` bytes; checks text and status. */
static void check_pieces(const char *in, size_t piece, const char *text, int status)
{
	struct record_parser p;
	struct text out = { 0 };

	record_init(&p);
	for (size_t at = 0; at < strlen(in); at += piece)
		record_feed(&p, in + at, strnlen(in + at, piece), &out);
	assert_int_equal(record_finish(&p, &out), status);
	assert_string_equal(text_get(&out), text);
	text_free(&out);
}

static void check(const char *in, const char *text, int status)
{
	for (size_t piece = 1; piece <= strlen(in) + 1; piece++)
		check_pieces(in, piece, text, status);
}

static void record_at_the_end_is_the_status(void **state)
{
	(void)state;
	check("hello\n" END("0"), "hello\n", 0);
	check(END("7"), "", 7);
	check(END("255"), "", 255);
}

static void no_record_is_no_status(void **state)
{
	(void)state;
	check("", "", -1);
	check("hello\n", "hello\n", -1);
}

static void record_with_text_behind_is_text(void **state)
{
	(void)state;
	check(END("3") "\n", END("3") "\n", -1);
	check("a" END("3") "b" END("4"), "a" END("3") "b", 4);
	check(END("1") END("2"), END("1"), 2);
}

static void what_only_looks_like_a_record_is_text(void **state)
{
	static const char *const texts[] = {
		"\033",
		"\033_",
		"\033[1m",
		END(""),
		END("256"),
		END("1000"),
		END("-1"),
		END("x"),
		STATUS_RECORD_BEGIN "1",
		STATUS_RECORD_BEGIN "1\033",
		"\033_capuchin;exit=1\033x",
		"\033_other;exit=1\033\\",
		"\033\033\033",
		"\033_capuchin;inpu",
		"\033_capuchin;",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		check(texts[i], texts[i], -1);
}

static void failed_candidate_may_hide_the_beginning_of_a_record(void **state)
{
	(void)state;
	check("\033" END("5"), "\033", 5);
	check("\033_capuchin;exit=1\033"
	      "_capuchin;exit=6\033\\",
	      "\033_capuchin;exit=1", 6);
	check("\033_capuchin;ex" END("9"), "\033_capuchin;ex", 9);
}

static void first_input_record_is_taken_out(void **state)
{
	struct record_parser p;
	struct text out = { 0 };

	(void)state;
	record_init(&p);
	record_feed(&p, "a", 1, &out);
	assert_false(p.input_wanted);
	record_feed(&p, INPUT_RECORD "b", sizeof INPUT_RECORD, &out);
	assert_true(p.input_wanted);
	assert_string_equal(text_get(&out), "ab");
	text_free(&out);
	check("a" INPUT_RECORD "b" INPUT_RECORD END("1"), "ab" INPUT_RECORD, 1);
}

static void random_output_comes_through(void **state)
{
	static const char alphabet[] = "\033_\\capuchin;exit=0123456789;input";
	char in[400];

	(void)state;
	srand(1);
	for (unsigned round = 0; round < 2000; round++) {
		struct record_parser p;
		struct text out = { 0 };

		for (size_t i = 0; i < sizeof in; i++)
			in[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
		record_init(&p);
		record_feed(&p, in, sizeof in, &out);
		if (record_finish(&p, &out) < 0 && !p.input_wanted) {
			assert_int_equal(out.bytes, sizeof in);
			assert_memory_equal(out.data, in, sizeof in);
		}
		text_free(&out);
	}
}

/* What the machine's terminal does with framed input. */
static size_t unframe(const struct text *framed, char *out, bool *ended)
{
	size_t bytes = 0;

	*ended = false;
	for (size_t i = 0; i < framed->bytes && !*ended; i++) {
		if (framed->data[i] != 0x10)
			out[bytes++] = framed->data[i];
		else if (framed->data[++i] == 0x10)
			out[bytes++] = 0x10;
		else
			*ended = framed->data[i] == 0x04;
	}
	return bytes;
}

static void framed_input_carries_all_values_and_the_end(void **state)
{
	char all[512], back[512];
	struct text framed = { 0 };
	bool ended;

	(void)state;
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (char)(i < 256 ? i : 0x10);
	frame_input(all, sizeof all, &framed);
	assert_int_equal(framed.bytes, sizeof all + 257);
	assert_int_equal(unframe(&framed, back, &ended), sizeof all);
	assert_memory_equal(back, all, sizeof all);
	assert_false(ended);
	frame_end_of_file(&framed);
	assert_int_equal(unframe(&framed, back, &ended), sizeof all);
	assert_true(ended);
	text_free(&framed);
}

static void three_interrupts_within_a_second_are_seen(void **state)
{
	struct typed_interrupts t = { 0 };

	(void)state;
	assert_true(typed_interrupts_feed(&t, "\003\003\003", 3, 5));
	t = (struct typed_interrupts){ 0 };
	assert_false(typed_interrupts_feed(&t, "\003", 1, 1000));
	assert_false(typed_interrupts_feed(&t, "\003", 1, 1400));
	assert_true(typed_interrupts_feed(&t, "\003", 1, 1999));
}

static void slow_or_interrupted_interrupts_are_not(void **state)
{
	struct typed_interrupts t = { 0 };

	(void)state;
	assert_false(typed_interrupts_feed(&t, "\003", 1, 0));
	assert_false(typed_interrupts_feed(&t, "\003", 1, 900));
	assert_false(typed_interrupts_feed(&t, "\003", 1, 1800));
	assert_false(typed_interrupts_feed(&t, "\003", 1, 2700));
	assert_true(typed_interrupts_feed(&t, "\003", 1, 2750) ||
		    typed_interrupts_feed(&t, "\003", 1, 2760));
	t = (struct typed_interrupts){ 0 };
	assert_false(typed_interrupts_feed(&t, "\003\003x\003", 4, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_at_the_end_is_the_status),
		cmocka_unit_test(no_record_is_no_status),
		cmocka_unit_test(record_with_text_behind_is_text),
		cmocka_unit_test(what_only_looks_like_a_record_is_text),
		cmocka_unit_test(failed_candidate_may_hide_the_beginning_of_a_record),
		cmocka_unit_test(first_input_record_is_taken_out),
		cmocka_unit_test(random_output_comes_through),
		cmocka_unit_test(framed_input_carries_all_values_and_the_end),
		cmocka_unit_test(three_interrupts_within_a_second_are_seen),
		cmocka_unit_test(slow_or_interrupted_interrupts_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
