/* SPDX-License-Identifier: BSD-3-Clause */
#include "program_stack.h"

#include <base/bits.h>
#include <base/errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOP ((uintptr_t)0x7ffffffff000)
enum { LIMIT = 2 << 20 };

static char *arg_list[] = { "prog", "a", "b c", "", NULL };
static char *env_list[] = { "A=1", "HOME=/", NULL };
static const struct auxv_entry auxv[] = { { AT_PAGESZ, 4096 }, { AT_ENTRY, 0x401000 } };

static struct program_stack stack;
static char *image;

static void build(char *const *args, char *const *env, size_t slack)
{
	stack = (struct program_stack){
		.args = args,
		.env = env,
		.path = "/bin/prog",
		.platform = "x86_64",
		.auxv = auxv,
		.auxv_count = countof(auxv),
		.top = TOP,
		.slack_bytes = slack,
	};
	memset(stack.random, 0x5a, sizeof(stack.random));
	assert_int_equal(program_stack_measure(&stack, LIMIT), 0);
	/* Of exactly the size told, so that ASan sees every byte too many. */
	image = malloc(stack.bytes);
	memset(image, 0xff, stack.bytes);
	program_stack_fill(&stack, image);
}

static uint64_t word(size_t index)
{
	uint64_t value;

	memcpy(&value, image + index * sizeof(value), sizeof(value));
	return value;
}

/* What the program would see at one of its addresses. */
static const char *at(uint64_t address)
{
	assert_true(address >= stack.pointer && address < TOP);
	return image + (address - stack.pointer);
}

static uint64_t auxv_value(size_t index, uint64_t type)
{
	for (; word(index) != AT_NULL; index += 2)
		if (word(index) == type)
			return word(index + 1);
	fail_msg("no auxv entry %lu", type);
	return 0;
}

static void stack_holds_arguments_environment_and_auxv(void **state)
{
	(void)state;
	build(arg_list, env_list, 0);
	assert_int_equal(word(0), 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(at(word(1 + i)), arg_list[i]);
	assert_int_equal(word(5), 0);
	assert_string_equal(at(word(6)), "A=1");
	assert_string_equal(at(word(7)), "HOME=/");
	assert_int_equal(word(8), 0);
	assert_int_equal(word(9), AT_PAGESZ);
	assert_int_equal(auxv_value(9, AT_ENTRY), 0x401000);
	assert_string_equal(at(auxv_value(9, AT_EXECFN)), "/bin/prog");
	assert_string_equal(at(auxv_value(9, AT_PLATFORM)), "x86_64");
	assert_memory_equal(at(auxv_value(9, AT_RANDOM)), stack.random, 16);
	free(image);
}

static void stack_pointer_is_aligned_whatever_the_strings(void **state)
{
	(void)state;
	for (size_t slack = 0; slack < 64; slack++) {
		char text[65] = { 0 };
		char *args[] = { "x", text, NULL };

		memset(text, 'y', slack);
		build(args, env_list, slack * 7);
		assert_int_equal(stack.pointer % 16, 0);
		assert_int_equal(stack.pointer + stack.bytes, TOP);
		free(image);
	}
}

/* As /proc/self/cmdline and environ read them: one behind the other, in order. */
static void strings_lie_together_as_linux_has_them(void **state)
{
	static const char args_text[] = "prog\0a\0b c\0";
	static const char env_text[] = "A=1\0HOME=/";

	(void)state;
	build(arg_list, env_list, 100);
	assert_int_equal(stack.args_end - stack.args_start, sizeof(args_text));
	assert_memory_equal(at(stack.args_start), args_text, sizeof(args_text));
	assert_int_equal(stack.env_start, stack.args_end);
	assert_memory_equal(at(stack.env_start), env_text, sizeof(env_text));
	/* Behind them the program's path, and a word of zeros. */
	assert_string_equal(at(stack.env_end), "/bin/prog");
	assert_int_equal(stack.env_end + sizeof("/bin/prog") + 8, TOP);
	assert_int_equal(word(stack.bytes / 8 - 1), 0);
	assert_int_equal(stack.auxv_end - stack.auxv_start, (countof(auxv) + 4) * 16);
	free(image);
}

static void no_arguments_and_no_environment_will_do(void **state)
{
	char *none[] = { NULL };

	(void)state;
	build(none, none, 0);
	assert_int_equal(word(0), 0);
	assert_int_equal(word(1), 0);
	assert_int_equal(word(2), 0);
	assert_int_equal(word(3), AT_PAGESZ);
	free(image);
}

static int measure_with(char *const *args, size_t limit)
{
	stack = (struct program_stack){
		.args = args,
		.env = env_list,
		.path = "/p",
		.platform = "x86_64",
		.top = TOP,
	};
	return program_stack_measure(&stack, limit);
}

static void too_long_a_string_is_refused(void **state)
{
	char *text = malloc(131073);
	char *args[] = { text, NULL };

	(void)state;
	memset(text, 'z', 131072);
	text[131072] = 0;
	assert_int_equal(measure_with(args, LIMIT), -E2BIG);
	text[131071] = 0;
	assert_int_equal(measure_with(args, LIMIT), 0);
	assert_int_equal(measure_with(args, 131000), -E2BIG);
	free(text);
}

static void too_many_strings_are_refused(void **state)
{
	enum { MANY = 250000 };
	char **args = calloc(MANY + 1, sizeof(*args));

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		args[i] = "";
	assert_int_equal(measure_with(args, LIMIT), -E2BIG);
	args[200000] = NULL;
	assert_int_equal(measure_with(args, LIMIT), 0);
	free(args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stack_holds_arguments_environment_and_auxv),
		cmocka_unit_test(stack_pointer_is_aligned_whatever_the_strings),
		cmocka_unit_test(strings_lie_together_as_linux_has_them),
		cmocka_unit_test(no_arguments_and_no_environment_will_do),
		cmocka_unit_test(too_long_a_string_is_refused),
		cmocka_unit_test(too_many_strings_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
