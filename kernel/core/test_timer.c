/* SPDX-License-Identifier: BSD-3-Clause */
#include <core/timer.h>

#include <base/bits.h>
#include <core/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../port/host/host.h"
#include "../port/host/io.h"

static struct timer *fired[64];
static unsigned fired_count;

static void note(struct timer *timer)
{
	assert_false(timer->armed);
	fired[fired_count++] = timer;
}

static void note_and_rearm_in_the_past(struct timer *timer)
{
	note(timer);
	timer_arm(timer, 0);
}

static int setup(void **state)
{
	(void)state;
	/* A cancelled timer may have left the hardware set. */
	if (host_timer_deadline() != UINT64_MAX) {
		host_set_time(max(host_timer_deadline(), time_now()));
		host_timer_fire();
	}
	fired_count = 0;
	return 0;
}

/* Lets time pass to the timer's deadline and a little more. */
static void run_until(uint64_t ns)
{
	while (host_timer_deadline() <= ns) {
		if (host_timer_deadline() > time_now())
			host_set_time(host_timer_deadline());
		host_timer_fire();
	}
	host_set_time(ns);
}

static void timers_fire_in_order_of_their_deadlines(void **state)
{
	struct timer timers[4];
	static const unsigned delay[] = { 300, 100, 200, 100 };
	uint64_t start = time_now();

	(void)state;
	for (unsigned i = 0; i < countof(timers); i++) {
		timer_init(&timers[i], note);
		timer_arm(&timers[i], start + delay[i]);
	}
	run_until(start + 250);
	assert_int_equal(fired_count, 3);
	assert_ptr_equal(fired[0], &timers[1]);
	assert_ptr_equal(fired[1], &timers[3]);
	assert_ptr_equal(fired[2], &timers[2]);
	assert_true(timers[0].armed);
	assert_true(timer_cancel(&timers[0]));
}

static void timer_arm_sets_the_hardware_to_the_earliest(void **state)
{
	struct timer early, late;
	uint64_t start = time_now();

	(void)state;
	timer_init(&early, note);
	timer_init(&late, note);
	timer_arm(&late, start + 1000);
	assert_in_range(host_timer_deadline(), start + 1000, start + 1010);
	timer_arm(&early, start + 500);
	assert_in_range(host_timer_deadline(), start + 500, start + 510);
	run_until(start + 2000);
	assert_int_equal(fired_count, 2);
	assert_int_equal(host_timer_deadline(), UINT64_MAX);
}

static void timer_arm_moves_a_deadline(void **state)
{
	struct timer timer;
	uint64_t start = time_now();

	(void)state;
	timer_init(&timer, note);
	timer_arm(&timer, start + 100);
	timer_arm(&timer, start + 900);
	run_until(start + 500);
	assert_int_equal(fired_count, 0);
	run_until(start + 1000);
	assert_int_equal(fired_count, 1);
}

static void timer_cancel_tells_whether_it_was_armed(void **state)
{
	struct timer timer;
	uint64_t start = time_now();

	(void)state;
	timer_init(&timer, note);
	assert_false(timer_cancel(&timer));
	timer_arm(&timer, start + 100);
	assert_true(timer_cancel(&timer));
	assert_false(timer_cancel(&timer));
	run_until(start + 1000);
	assert_int_equal(fired_count, 0);
}

static void early_interrupts_set_the_timer_again(void **state)
{
	struct timer timer;
	uint64_t start = time_now();

	(void)state;
	timer_init(&timer, note);
	timer_arm(&timer, start + 1000);
	host_set_time(start + 400);
	host_timer_fire();
	assert_int_equal(fired_count, 0);
	assert_in_range(host_timer_deadline(), start + 1000, start + 1010);
	run_until(start + 1100);
	assert_int_equal(fired_count, 1);
}

static void a_timer_in_the_past_fires_at_once(void **state)
{
	struct timer timer;

	(void)state;
	timer_init(&timer, note);
	timer_arm(&timer, 0);
	assert_true(host_timer_deadline() <= time_now());
	host_timer_fire();
	assert_int_equal(fired_count, 1);
}

static void a_timer_that_rearms_itself_in_the_past_lets_others_run(void **state)
{
	struct timer timer;

	(void)state;
	timer_init(&timer, note_and_rearm_in_the_past);
	timer_arm(&timer, 0);
	host_timer_fire();
	assert_int_equal(fired_count, 1);
	host_advance_time(10);
	host_timer_fire();
	assert_int_equal(fired_count, 2);
	assert_true(timer_cancel(&timer));
}

static void many_timers_fire_sorted(void **state)
{
	struct timer timers[64];
	uint64_t start = time_now();

	(void)state;
	for (unsigned i = 0; i < countof(timers); i++) {
		timer_init(&timers[i], note);
		timer_arm(&timers[i], start + 1 + i * 37 % 64 * 10);
	}
	for (unsigned i = 0; i < countof(timers); i += 3)
		assert_true(timer_cancel(&timers[i]));
	run_until(start + 1000);
	assert_int_equal(fired_count, 64 - 22);
	for (unsigned i = 1; i < fired_count; i++)
		assert_true(fired[i - 1]->deadline_ns < fired[i]->deadline_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(timers_fire_in_order_of_their_deadlines, setup),
		cmocka_unit_test_setup(timer_arm_sets_the_hardware_to_the_earliest, setup),
		cmocka_unit_test_setup(timer_arm_moves_a_deadline, setup),
		cmocka_unit_test_setup(timer_cancel_tells_whether_it_was_armed, setup),
		cmocka_unit_test_setup(early_interrupts_set_the_timer_again, setup),
		cmocka_unit_test_setup(a_timer_in_the_past_fires_at_once, setup),
		cmocka_unit_test_setup(a_timer_that_rearms_itself_in_the_past_lets_others_run,
				       setup),
		cmocka_unit_test_setup(many_timers_fire_sorted, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
