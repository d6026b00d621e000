/* SPDX-License-Identifier: BSD-3-Clause */
#include <core/params.h>

#include <base/bits.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void *memory;

/* Memory of exactly the size told, so that ASan sees every byte too many. */
static void parse_bytes(const char *line, size_t bytes)
{
	char *copy = malloc(bytes + 1);

	memcpy(copy, line, bytes);
	free(memory);
	memory = malloc(params_memory_bytes(copy, bytes));
	params_parse(copy, bytes, memory);
	free(copy);
}

static void parse(const char *line)
{
	parse_bytes(line, strlen(line));
}

static void expect_list(char *const *list, const char *const *wanted)
{
	for (; *wanted; list++, wanted++) {
		assert_non_null(*list);
		assert_string_equal(*list, *wanted);
	}
	assert_null(*list);
}

#define expect_args(...) expect_list(params_args(), (const char *const[]){ __VA_ARGS__, NULL })
#define expect_env(...) expect_list(params_env(), (const char *const[]){ __VA_ARGS__, NULL })

static void expect_no_args(void)
{
	assert_null(params_args()[0]);
}

static void params_are_empty_before_parsing(void **state)
{
	(void)state;
	assert_null(params_get("init"));
	assert_null(params_args()[0]);
	assert_null(params_env()[0]);
	assert_string_equal(params_line(), "");
}

static void params_get_returns_the_last_value(void **state)
{
	(void)state;
	parse("init=/a quiet  init=/b\tx=");
	assert_string_equal(params_get("init"), "/b");
	assert_string_equal(params_get("quiet"), "");
	assert_string_equal(params_get("x"), "");
	assert_null(params_get("ini"));
	assert_null(params_get("init2"));
}

static void params_treat_dash_and_underscore_alike(void **state)
{
	(void)state;
	parse("a-b_c=1");
	assert_string_equal(params_get("a_b-c"), "1");
}

static void params_flag_knows_off_values(void **state)
{
	(void)state;
	parse("a b=0 c=off d=n e=false f=1 g=yes h=no i=0 i");
	assert_true(params_flag("a"));
	assert_false(params_flag("b"));
	assert_false(params_flag("c"));
	assert_false(params_flag("d"));
	assert_false(params_flag("e"));
	assert_true(params_flag("f"));
	assert_true(params_flag("g"));
	assert_false(params_flag("h"));
	assert_true(params_flag("i"));
	assert_false(params_flag("j"));
}

static void params_number_reads_decimal_hex_and_suffixes(void **state)
{
	(void)state;
	parse("a=10 b=0x1F c=4K d=2g e=ten f=99999999999999999999 g= h=0xffffffffffffffff i=1k2 "
	      "j=0xffffffffffffffffk");
	assert_int_equal(params_number("a", 1), 10);
	assert_int_equal(params_number("b", 1), 31);
	assert_int_equal(params_number("c", 1), 4096);
	assert_int_equal(params_number("d", 1), (uint64_t)2 << 30);
	assert_int_equal(params_number("e", 7), 7);
	assert_int_equal(params_number("f", 7), 7);
	assert_int_equal(params_number("g", 7), 7);
	assert_int_equal(params_number("h", 7), UINT64_MAX);
	assert_int_equal(params_number("i", 7), 7);
	assert_int_equal(params_number("j", 7), 7);
	assert_int_equal(params_number("absent", 7), 7);
}

static void params_take_quotes_as_linux_does(void **state)
{
	(void)state;
	parse("a=\"b c\" \"d=e f\" g\"h i\"j k=\"l\"m -- \"x y\" \"\" z=\"1 2\" q\"r");
	assert_string_equal(params_get("a"), "b c");
	assert_string_equal(params_get("d"), "e f");
	assert_string_equal(params_get("g\"h i\"j"), "");
	assert_string_equal(params_get("k"), "l\"m");
	expect_args("x y", "", "z=1 2", "q\"r");
}

static void params_survive_unbalanced_quotes(void **state)
{
	(void)state;
	parse("\"");
	expect_no_args();
	parse("a=\"");
	assert_string_equal(params_get("a"), "");
	parse("init=/x \"a=b -- c d");
	assert_string_equal(params_get("init"), "/x");
	assert_string_equal(params_get("a"), "b -- c d");
	expect_no_args();
}

static void params_split_arguments_at_the_first_dashes(void **state)
{
	(void)state;
	parse("init=/x -- a --b -- init=/y");
	expect_args("a", "--b", "--", "init=/y");
	assert_string_equal(params_get("init"), "/x");
	parse("--");
	expect_no_args();
	parse("a --");
	expect_no_args();
	assert_string_equal(params_get("a"), "");
}

static void params_hand_unknown_settings_to_the_environment(void **state)
{
	(void)state;
	parse("HOME=/root init=/x PATH=/bin:/sbin 8250.nr_uarts=0 a.b=c quiet word =x HOME=/home "
	      "-- "
	      "X=y");
	expect_env("HOME=/home", "PATH=/bin:/sbin");
	expect_args("X=y");
}

static void params_keep_what_only_begins_alike(void **state)
{
	(void)state;
	parse("A=1 AB=2 A=3 INIT=4");
	expect_env("A=3", "AB=2", "INIT=4");
}

static void params_take_vmm_words_from_behind_the_arguments(void **state)
{
	(void)state;
	parse("init=/x -- ls -l pci=off virtio_mmio.device=4K@0xc0001000:5 root=/dev/vda rw "
	      "virtio_mmio.device=4K@0xc0002000:6");
	expect_args("ls", "-l");
	assert_string_equal(params_get("pci"), "off");
	assert_string_equal(params_get("root"), "/dev/vda");
	assert_string_equal(params_get("virtio_mmio.device"), "4K@0xc0002000:6");
	parse("init=/x -- a b virtio_mmio.device=4K@0xd0000000:5:0 tsi_hijack -- ");
	expect_args("a", "b");
	assert_true(params_flag("tsi_hijack"));
}

static void params_leave_arguments_that_only_look_like_a_vmm(void **state)
{
	(void)state;
	parse("init=/mount -- -o ro rw");
	expect_args("-o", "ro", "rw");
	parse("x -- root=/dev/vda --");
	expect_args("root=/dev/vda", "--");
	parse("x -- pci=off a");
	expect_args("pci=off", "a");
	parse("x -- virtio_mmio.device=rubbish");
	expect_args("virtio_mmio.device=rubbish");
}

static void count_value(void *context, const char *value)
{
	unsigned *sum = context;

	*sum = *sum * 10 + (unsigned)(*value - '0');
}

static void params_each_visits_values_in_order(void **state)
{
	unsigned sum = 0;

	(void)state;
	parse("d=1 d d=2 dd=9 d=3 -- d=4");
	params_each("d", count_value, &sum);
	assert_int_equal(sum, 123);
}

static void params_line_leaves_out_secrets(void **state)
{
	(void)state;
	parse("a seed=1234 b=\"c d\" seed=\"5 6\" -- seed=7");
	assert_string_equal(params_line(), "a  b=\"c d\"  -- seed=7");
	assert_string_equal(params_get("seed"), "5 6");
}

static void params_take_nul_bytes_as_spaces(void **state)
{
	(void)state;
	parse_bytes("a=1\0b=2\0\0\0", 10);
	assert_string_equal(params_get("a"), "1");
	assert_string_equal(params_get("b"), "2");
	assert_string_equal(params_line(), "a=1 b=2");
	parse_bytes("", 0);
	assert_string_equal(params_line(), "");
	params_parse(NULL, 0, memory);
	assert_string_equal(params_line(), "");
}

static void params_hold_long_lines(void **state)
{
	size_t bytes = 64 * 1024;
	char *line = malloc(bytes);

	(void)state;
	memset(line, 'a', bytes);
	memcpy(line, "init=", 5);
	parse_bytes(line, bytes);
	assert_int_equal(strlen(params_get("init")), bytes - 5);
	for (size_t i = 0; i < bytes; i += 4)
		memcpy(line + i, "A=1 ", 4);
	parse_bytes(line, bytes);
	expect_env("A=1");
	for (size_t i = 0; i < bytes; i += 8) {
		memcpy(line + i, "V0000=1 ", 8);
		for (unsigned digit = 0; digit < 4; digit++)
			line[i + 1 + digit] = (char)('A' + (i / 8 >> 4 * digit) % 16);
	}
	parse_bytes(line, bytes);
	size_t count = 0;

	while (params_env()[count])
		count++;
	assert_int_equal(count, bytes / 8);
	free(line);
}

static void params_hold_what_padding_makes_look_long(void **state)
{
	char line[1024] = "";

	(void)state;
	for (size_t i = 0; i < 400; i += 2)
		memcpy(line + i, "a ", 2);
	parse_bytes(line, sizeof(line));
	assert_true(params_flag("a"));
}

static void params_early_flag_sees_what_params_flag_sees(void **state)
{
	static const char line[] = "a b=off nokaslr c=1 d d=0 -- e";

	(void)state;
	parse(line);
	for (const char *name = "a\0b\0nokaslr\0c\0d\0e\0f\0"; *name; name += strlen(name) + 1)
		assert_int_equal(params_early_flag(line, sizeof(line) - 1, name),
				 params_flag(name));
	assert_true(params_early_flag(line, sizeof(line) - 1, "nokaslr"));
	assert_false(params_early_flag(NULL, 0, "a"));
}

static int forget(void **state)
{
	(void)state;
	params_parse("", 0, memory = realloc(memory, params_memory_bytes("", 0)));
	free(memory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(params_are_empty_before_parsing),
		cmocka_unit_test(params_get_returns_the_last_value),
		cmocka_unit_test(params_treat_dash_and_underscore_alike),
		cmocka_unit_test(params_flag_knows_off_values),
		cmocka_unit_test(params_number_reads_decimal_hex_and_suffixes),
		cmocka_unit_test(params_take_quotes_as_linux_does),
		cmocka_unit_test(params_survive_unbalanced_quotes),
		cmocka_unit_test(params_split_arguments_at_the_first_dashes),
		cmocka_unit_test(params_hand_unknown_settings_to_the_environment),
		cmocka_unit_test(params_keep_what_only_begins_alike),
		cmocka_unit_test(params_take_vmm_words_from_behind_the_arguments),
		cmocka_unit_test(params_leave_arguments_that_only_look_like_a_vmm),
		cmocka_unit_test(params_each_visits_values_in_order),
		cmocka_unit_test(params_line_leaves_out_secrets),
		cmocka_unit_test(params_take_nul_bytes_as_spaces),
		cmocka_unit_test(params_hold_long_lines),
		cmocka_unit_test(params_hold_what_padding_makes_look_long),
		cmocka_unit_test(params_early_flag_sees_what_params_flag_sees),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
