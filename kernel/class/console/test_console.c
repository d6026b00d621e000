/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim_console.h"
#include "tty_internal.h"

#include <base/errno.h>
#include <core/status.h>
#include <hal/cpu.h>
#include <mm/alloc.h>

#include "../../port/host/host.h"

#include <string.h>

static struct sim_console sim;
static struct thread thread;
static struct tty pristine;

static void pass_a_second(void)
{
	host_advance_time(1000000000);
}

static int start(void **state)
{
	struct tty *tty = tty_console();

	(void)state;
	cpu_set_thread(&thread);
	if (!pristine.group)
		pristine = *tty;
	mem_free(tty->ring);
	*tty = pristine;
	sim_console_install(&sim);
	tty_init();
	return 0;
}

static void output_without_a_console_is_dropped(void **state)
{
	(void)state;
	console_set_device(NULL);
	assert_false(console_present());
	assert_int_equal(console_write("abc", 3), 3);
	console_log("abc\n", 4);
	console_write_last("abc", 3);
	assert_true(console_flush());
	assert_int_equal(console_start_input(NULL, NULL), -ENODEV);
}

static void lost_device_is_used_no_more(void **state)
{
	struct console_device other = sim.device;

	(void)state;
	console_lose_device(&other);
	assert_true(console_present());
	console_lose_device(&sim.device);
	assert_false(console_present());
	assert_int_equal(console_write("abc", 3), 3);
	assert_int_equal(console_read(&other, 1), 0);
	console_pause_input();
	console_resume_input();
	assert_int_equal(sim.output_bytes, 0);
}

static void log_lines_end_in_cr_lf_on_a_terminal(void **state)
{
	(void)state;
	console_log("one\ntwo\n", 8);
	assert_string_equal(sim.output, "one\r\ntwo\r\n");
	console_write("raw\n", 4);
	assert_string_equal(sim.output, "one\r\ntwo\r\nraw\n");
}

static void log_gives_up_on_a_stuck_device(void **state)
{
	(void)state;
	sim.accepts = 5;
	console_log("one\ntwo\n", 8);
	assert_string_equal(sim.output, "one\r\n");
}

static void input_is_started_by_the_first_reader(void **state)
{
	char c;

	(void)state;
	assert_false(sim.started);
	assert_int_equal(tty_read(tty_console(), &c, 1, true), -EAGAIN);
	assert_true(sim.started);
	sim_console_type(&sim, "x\n", 2);
	assert_int_equal(tty_read(tty_console(), &c, 1, true), 1);
	assert_int_equal(c, 'x');
}

static void ignore_signal(int signal)
{
	(void)signal;
}

/* Keys that send signals must work for a program that never reads. */
static void input_of_a_told_terminal_is_started_with_the_signals(void **state)
{
	(void)state;
	tty_set_signal_hook(ignore_signal);
	assert_false(sim.started);
	tty_console()->early_input = true;
	tty_set_signal_hook(ignore_signal);
	assert_true(sim.started);
}

static void last_words_are_given_up_when_nothing_else_can_run(void **state)
{
	(void)state;
	sim.accepts = 2;
	sim.refused = pass_a_second;
	cpu_irq_disable();
	console_write_last("abc", 3);
	cpu_irq_enable();
	assert_string_equal(sim.output, "ab");
}

static void host_is_asked_for_input_once_if_it_said_that_it_knows(void **state)
{
	char c;

	(void)state;
	tty_console()->asks_for_input = true;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(tty_read(tty_console(), &c, 1, true), -EAGAIN);
	assert_string_equal(sim.output, INPUT_RECORD);
}

static void input_from_before_the_first_reader_is_read(void **state)
{
	char c;

	(void)state;
	sim_console_type(&sim, "x\n", 2);
	assert_int_equal(tty_read(tty_console(), &c, 1, true), 1);
	assert_int_equal(c, 'x');
}

static void reader_without_memory_gets_enomem(void **state)
{
	char c;

	(void)state;
	host_fail_allocation_after(0);
	assert_int_equal(tty_read(tty_console(), &c, 1, true), -ENOMEM);
	assert_int_equal(tty_read(tty_console(), &c, 1, true), -EAGAIN);
}

/* However much comes, and however slowly it is read, nothing is lost. */
static void device_is_paused_while_there_is_no_room(void **state)
{
	static uint8_t text[20000], seen[sizeof text];
	struct tty *tty = tty_console();
	size_t total = 0;

	(void)state;
	tty->stdin_pipe = true;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)('a' + i % 26);
	assert_int_equal(tty_read(tty, seen, 1, true), -EAGAIN);
	sim_console_type(&sim, text, sizeof text);
	assert_true(sim.paused);
	for (unsigned round = 0; total < sizeof text; round++) {
		ssize_t n = tty_read(tty, seen + total, 1 + round * 7 % 700, true);

		assert_true(n > 0);
		total += (size_t)n;
	}
	assert_memory_equal(seen, text, sizeof text);
	assert_false(sim.paused);
}

static void typed_lines_beyond_the_ring_wait_in_the_device(void **state)
{
	static char text[6000], line[100];
	struct tty *tty = tty_console();

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 60 == 59 ? '\n' : 'x';
	assert_int_equal(tty_read(tty, line, 1, true), -EAGAIN);
	sim_console_type(&sim, text, sizeof text);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(tty_read(tty, line, sizeof line, true), 60);
	assert_int_equal(tty_read(tty, line, sizeof line, true), -EAGAIN);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_without_a_console_is_dropped),
		TEST(lost_device_is_used_no_more),
		TEST(log_lines_end_in_cr_lf_on_a_terminal),
		TEST(log_gives_up_on_a_stuck_device),
		TEST(input_is_started_by_the_first_reader),
		TEST(input_of_a_told_terminal_is_started_with_the_signals),
		TEST(last_words_are_given_up_when_nothing_else_can_run),
		TEST(host_is_asked_for_input_once_if_it_said_that_it_knows),
		TEST(input_from_before_the_first_reader_is_read),
		TEST(reader_without_memory_gets_enomem),
		TEST(device_is_paused_while_there_is_no_room),
		TEST(typed_lines_beyond_the_ring_wait_in_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
