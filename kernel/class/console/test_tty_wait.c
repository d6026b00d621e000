/* SPDX-License-Identifier: BSD-3-Clause */
/* What a terminal makes its readers and writers wait for: a thread of the program, and the test as
 * the world outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim_console.h"
#include "tty_internal.h"

#include <base/errno.h>
#include <core/time.h>
#include <mm/alloc.h>
#include <mm/stack.h>

#include "../../port/host/host.h"
#include "../../port/host/io.h"

#include <string.h>

enum { NOT_BACK = 12345 };
enum { POLL_IN = 1, POLL_OUT = 4, POLL_RDNORM = 64, POLL_WRNORM = 256 };

static struct sim_console sim;
static struct tty *tty;
static struct tty pristine;
static struct thread program;
static void *program_stack;
static char buffer[256];
static const char *text;
static size_t wanted;
static ssize_t result;

static int start_world(void **state)
{
	static char boot_stack[STACK_BYTES];

	(void)state;
	threads_start(boot_stack, sizeof boot_stack);
	tty = tty_console();
	pristine = *tty;
	return 0;
}

static int start(void **state)
{
	(void)state;
	mem_free(tty->ring);
	*tty = pristine;
	sim_console_install(&sim);
	tty_init();
	memset(buffer, 0, sizeof buffer);
	return 0;
}

static void do_read(void *arg)
{
	(void)arg;
	result = tty_read(tty, buffer, wanted, false);
}

static void do_write(void *arg)
{
	(void)arg;
	result = tty_write(tty, text, strlen(text), false);
}

static void ended(struct thread *thread)
{
	(void)thread;
	stack_destroy(program_stack);
}

/** Runs the program until it waits or has ended. */
static void run(void)
{
	thread_yield();
}

static void start_program(void (*fn)(void *arg))
{
	program_stack = stack_create();
	assert_non_null(program_stack);
	result = NOT_BACK;
	thread_init(&program, "program", program_stack, STACK_BYTES, fn, NULL, ended);
	thread_start(&program);
	run();
}

static void start_read(size_t count)
{
	wanted = count;
	start_program(do_read);
	assert_int_equal(result, NOT_BACK);
}

static void start_write(const char *what)
{
	text = what;
	start_program(do_write);
}

static void type(const char *keys)
{
	sim_console_type(&sim, keys, strlen(keys));
	run();
}

static void pass_ms(uint64_t ms)
{
	host_set_time(time_now() + ms * NS_PER_MS);
	if (host_timer_deadline() <= time_now())
		host_timer_fire();
	run();
}

static void set_raw(uint8_t vmin, uint8_t vtime)
{
	tty->termios.lflag &= ~(uint32_t)(LFLAG_ICANON | LFLAG_ECHO);
	tty->termios.cc[CC_VMIN] = vmin;
	tty->termios.cc[CC_VTIME] = vtime;
}

static void assert_result(ssize_t expected, const char *content)
{
	assert_int_equal(result, expected);
	assert_string_equal(buffer, content);
}

static void read_waits_for_a_line(void **state)
{
	(void)state;
	start_read(100);
	type("ab");
	assert_int_equal(result, NOT_BACK);
	type("c\n");
	assert_result(4, "abc\n");
}

static void read_ends_with_a_signal(void **state)
{
	(void)state;
	start_read(100);
	type("ab");
	thread_interrupt(&program);
	run();
	assert_result(-EINTR, "");
}

static void read_of_a_pipe_gets_what_there_is(void **state)
{
	(void)state;
	tty->stdin_pipe = true;
	start_read(100);
	type("ab");
	assert_result(2, "ab");
	start_read(100);
	type("\x10\x04");
	assert_int_equal(result, 0);
}

static void raw_read_waits_for_vmin_bytes(void **state)
{
	(void)state;
	set_raw(3, 0);
	start_read(100);
	type("ab");
	pass_ms(10000);
	assert_int_equal(result, NOT_BACK);
	type("cd");
	assert_result(4, "abcd");
}

static void raw_read_waits_for_no_more_than_it_wants(void **state)
{
	(void)state;
	set_raw(10, 0);
	start_read(2);
	type("abc");
	assert_result(2, "ab");
}

static void vtime_with_vmin_0_limits_the_wait_for_the_first_byte(void **state)
{
	(void)state;
	set_raw(0, 5);
	start_read(100);
	pass_ms(499);
	assert_int_equal(result, NOT_BACK);
	pass_ms(2);
	assert_result(0, "");
	start_read(100);
	type("a");
	assert_result(1, "a");
}

static void vtime_with_vmin_limits_the_wait_between_bytes(void **state)
{
	(void)state;
	set_raw(5, 2);
	start_read(100);
	pass_ms(10000);
	assert_int_equal(result, NOT_BACK);
	type("a");
	pass_ms(150);
	type("b");
	pass_ms(150);
	assert_int_equal(result, NOT_BACK);
	pass_ms(60);
	assert_result(2, "ab");
}

static void raw_read_keeps_what_came_before_a_signal(void **state)
{
	(void)state;
	set_raw(5, 0);
	start_read(100);
	type("ab");
	thread_interrupt(&program);
	run();
	assert_result(2, "ab");
}

static void write_waits_while_output_is_stopped(void **state)
{
	char c;

	(void)state;
	assert_int_equal(tty_read(tty, &c, 1, true), -EAGAIN);
	type("\x13");
	start_write("hello");
	assert_int_equal(result, NOT_BACK);
	assert_string_equal(sim.output, "");
	type("\x11");
	assert_int_equal(result, 5);
	assert_string_equal(sim.output, "hello");
}

static void write_waits_for_a_host_that_takes_nothing(void **state)
{
	(void)state;
	sim.accepts = 3;
	start_write("a\nbcdef");
	pass_ms(5);
	assert_int_equal(result, NOT_BACK);
	sim.accepts = SIZE_MAX;
	pass_ms(5);
	assert_int_equal(result, 7);
	assert_string_equal(sim.output, "a\r\nbcdef");
}

static void interrupted_write_says_how_much_went(void **state)
{
	(void)state;
	sim.accepts = 4;
	start_write("a\nbcdef");
	thread_interrupt(&program);
	run();
	assert_int_equal(result, 3);
	sim.accepts = 0;
	start_write("x");
	thread_interrupt(&program);
	run();
	assert_int_equal(result, -EINTR);
	assert_string_equal(sim.output, "a\r\nb");
}

static void device_without_interrupt_is_polled(void **state)
{
	(void)state;
	sim.no_interrupt = true;
	start_read(100);
	sim.started = false; /* it does not tell */
	type("ab\n");
	assert_int_equal(result, NOT_BACK);
	pass_ms(11);
	assert_result(3, "ab\n");
}

static void poll_wakes_nobody(void **state)
{
	struct waitq *queue = NULL;
	struct waiter waiter;

	(void)state;
	assert_int_equal(tty_poll(tty, &queue), POLL_OUT | POLL_WRNORM);
	waiter_init(&waiter);
	waitq_add(queue, &waiter);
	/* Who polls is in the queue, and would wake itself for ever. */
	tty_poll(tty, &queue);
	assert_false(waiter.woken);
	type("a\n");
	assert_true(waiter.woken);
	assert_int_equal(tty_poll(tty, &queue), POLL_IN | POLL_RDNORM | POLL_OUT | POLL_WRNORM);
	waitq_remove(queue, &waiter);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read_waits_for_a_line),
		TEST(read_ends_with_a_signal),
		TEST(read_of_a_pipe_gets_what_there_is),
		TEST(raw_read_waits_for_vmin_bytes),
		TEST(raw_read_waits_for_no_more_than_it_wants),
		TEST(vtime_with_vmin_0_limits_the_wait_for_the_first_byte),
		TEST(vtime_with_vmin_limits_the_wait_between_bytes),
		TEST(raw_read_keeps_what_came_before_a_signal),
		TEST(write_waits_while_output_is_stopped),
		TEST(write_waits_for_a_host_that_takes_nothing),
		TEST(interrupted_write_says_how_much_went),
		TEST(device_without_interrupt_is_polled),
		TEST(poll_wakes_nobody),
	};

	return cmocka_run_group_tests(tests, start_world, NULL);
}
