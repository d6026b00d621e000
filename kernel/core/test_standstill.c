/* SPDX-License-Identifier: BSD-3-Clause */
/* Machines that are stopped and go on, here or on another host: what their cycle counter, own clock and wall clock do then is each
 * test's. */
#include <core/resume.h>
#include <core/timer.h>

#include <base/bits.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../port/host/host.h"
#include "../port/host/io.h"
#include "clock.h"

static struct {
	uint64_t ns;  /* since the machine was made, standstills not counted */
	uint64_t hz;  /* of the cycle counter; 0: nothing tells it */
	uint64_t ghz; /* what it is */
	int64_t cycles_ahead, told_ahead, wall_ahead;
	uint64_t grain;
	bool has_told, unstable;
	unsigned wall_told; /* calls of the listener */
} sim;

uint64_t cpu_cycles(void)
{
	return sim.ns * sim.ghz + (uint64_t)sim.cycles_ahead;
}

static uint64_t told(void)
{
	return sim.ns + (uint64_t)sim.told_ahead;
}

static bool told_ns(uint64_t *ns)
{
	*ns = told();
	return sim.has_told;
}

static void start(struct time_rate *rate, uint64_t (**now)(void))
{
	*rate = time_rate_from_hz(sim.ghz * 1000000000);
	if (sim.unstable)
		*now = told;
}

static bool wall(uint64_t *ns)
{
	*ns = sim.ns + (uint64_t)sim.wall_ahead;
	if (sim.grain)
		*ns -= *ns % sim.grain;
	return true;
}

static uint64_t wall_grain_ns(void)
{
	return sim.grain;
}

static const struct time_machine machine = {
	.start = start,
	.wall = wall,
	.wall_grain_ns = wall_grain_ns,
	.told_ns = told_ns,
};

static void wall_was_set(void)
{
	sim.wall_told++;
}

static int setup(void **state)
{
	(void)state;
	memset(&the_clock, 0, sizeof(the_clock));
	memset(&clock_page, 0, sizeof(clock_page));
	memset(&sim, 0, sizeof(sim));
	sim.ghz = 2;
	sim.ns = 1000;
	sim.has_told = true;
	sim.told_ahead = 77777;
	sim.wall_ahead = (int64_t)(1700000000 * NS_PER_S);
	time_set_machine(&machine, 2000); /* time 0 */
	time_set_wall_listener(wall_was_set);
	return 0;
}

static void expect(uint64_t value, uint64_t wanted)
{
	assert_in_range(value, wanted > 10 ? wanted - 10 : 0, wanted + 10);
}

/* Runs for ten seconds, with the last mark a moment ago. */
static void run_to_ten_seconds(void)
{
	time_wall();
	sim.ns += 10 * NS_PER_S - 1000 - NS_PER_S / 10;
	time_mark();
	sim.ns += NS_PER_S / 10;
	expect(time_now(), 10 * NS_PER_S - 1000);
}

static void time_goes_on_where_the_counter_does(void **state)
{
	(void)state;
	run_to_ten_seconds();
	sim.wall_ahead += (int64_t)(3600 * NS_PER_S); /* an hour as a file */
	time_resume(TIME_RESTORED);
	expect(time_now(), 10 * NS_PER_S - 1000);
	expect(time_wall(), 1700000000 * NS_PER_S + 3610 * NS_PER_S);
	assert_int_equal(sim.wall_told, 1);
	sim.ns += NS_PER_S;
	expect(time_now(), 11 * NS_PER_S - 1000);
}

static void time_goes_on_where_the_counter_begins_anew(void **state)
{
	(void)state;
	run_to_ten_seconds();
	sim.cycles_ahead = -(int64_t)(sim.ns * sim.ghz);
	time_resume(TIME_RESTORED);
	expect(time_now(), 10 * NS_PER_S - 1000);
	sim.ns += NS_PER_S;
	expect(time_now(), 11 * NS_PER_S - 1000);
}

static void time_goes_on_by_a_counter_that_is_far_ahead(void **state)
{
	(void)state;
	run_to_ten_seconds();
	sim.cycles_ahead = 1000000 * (int64_t)NS_PER_S;
	time_resume(TIME_RESTORED);
	expect(time_now(), 10 * NS_PER_S - 1000);
}

static void time_goes_on_at_another_rate(void **state)
{
	(void)state;
	run_to_ten_seconds();
	sim.cycles_ahead = -(int64_t)(sim.ns * sim.ghz); /* 3 GHz, and goes on at the same count */
	sim.ghz = 3;
	sim.cycles_ahead = -(int64_t)(sim.ns * 1);
	time_resume(TIME_RESTORED);
	expect(time_now(), 10 * NS_PER_S - 1000);
	sim.ns += NS_PER_S;
	expect(time_now(), 11 * NS_PER_S - 1000);
	assert_int_equal(clock_page.time.usable, 1);
}

static void time_does_not_count_what_only_the_machines_own_clock_counts(void **state)
{
	(void)state;
	run_to_ten_seconds();
	sim.told_ahead += 3600 * (int64_t)NS_PER_S;
	sim.wall_ahead += 3600 * (int64_t)NS_PER_S;
	time_resume(TIME_RESTORED);
	expect(time_now(), 10 * NS_PER_S - 1000);
	expect(time_wall(), 1700000000 * NS_PER_S + 3610 * NS_PER_S);
}

/* Programs may have seen it. */
static void time_does_not_go_back_after_a_pause_in_which_the_counter_went_on(void **state)
{
	(void)state;
	run_to_ten_seconds();
	sim.ns += 5 * NS_PER_S;
	sim.told_ahead -= 5 * (int64_t)NS_PER_S;
	expect(time_now(), 15 * NS_PER_S - 1000);
	time_resume(TIME_PAUSED);
	expect(time_now(), 15 * NS_PER_S - 1000);
	expect(time_wall(), 1700000000 * NS_PER_S + 15 * NS_PER_S);
	assert_int_equal(sim.wall_told, 0);
}

static void time_does_not_go_back_where_no_clock_went_on(void **state)
{
	(void)state;
	run_to_ten_seconds();
	uint64_t before = time_now();

	sim.cycles_ahead = -(int64_t)(sim.ns * sim.ghz);
	sim.told_ahead = -(int64_t)sim.ns;
	time_resume(TIME_RESTORED);
	assert_in_range(time_now(), before, before + TIME_MARK_NS);
}

static void time_goes_on_by_the_machines_clock_where_the_counter_is_no_longer_stable(void **state)
{
	(void)state;
	run_to_ten_seconds();
	sim.unstable = true;
	sim.told_ahead = 5;
	time_resume(TIME_PAUSED);
	expect(time_now(), 10 * NS_PER_S - 1000);
	assert_int_equal(clock_page.time.usable, 0);
	sim.ns += NS_PER_S;
	expect(time_now(), 11 * NS_PER_S - 1000);
	/* The clock is set back by its resume. */
	sim.told_ahead -= 100;
	time_resume(TIME_RESTORED);
	assert_true(time_now() >= 11 * NS_PER_S - 1000);
	/* And back: a host with a stable counter. */
	sim.unstable = false;
	time_resume(TIME_RESTORED);
	expect(time_now(), 11 * NS_PER_S - 1000);
	assert_int_equal(clock_page.time.usable, 1);
	sim.ns += NS_PER_S;
	expect(time_now(), 12 * NS_PER_S - 1000);
}

static void time_that_nobody_asked_for_starts_at_the_resume(void **state)
{
	(void)state;
	sim.cycles_ahead = -(int64_t)(sim.ns * sim.ghz);
	time_resume(TIME_RESTORED);
	expect(time_now(), 0);
}

static void wall_clock_that_a_program_set_keeps_its_distance(void **state)
{
	(void)state;
	run_to_ten_seconds();
	time_set_wall(50 * NS_PER_S);
	assert_int_equal(sim.wall_told, 1);
	sim.wall_ahead += 100 * (int64_t)NS_PER_S;
	time_resume(TIME_RESTORED);
	expect(time_wall(), 150 * NS_PER_S);
	assert_int_equal(sim.wall_told, 2);
}

static void wall_clock_of_whole_seconds_is_followed_within_one(void **state)
{
	(void)state;
	sim.grain = NS_PER_S;
	time_wall();
	for (unsigned i = 0; i < 100; i++) { /* whenever it is looked at, nothing has happened */
		sim.ns += TIME_MARK_NS;
		time_follow_wall();
	}
	assert_int_equal(sim.wall_told, 0);
	uint64_t before = time_wall();

	sim.wall_ahead += 60 * (int64_t)NS_PER_S;
	time_follow_wall();
	assert_int_equal(sim.wall_told, 1);
	assert_in_range(time_wall(), before + 60 * NS_PER_S - 6 * NS_PER_S / 10,
			before + 60 * NS_PER_S + 6 * NS_PER_S / 10);
	for (unsigned i = 0; i < 100; i++) {
		sim.ns += TIME_MARK_NS;
		time_follow_wall();
	}
	assert_int_equal(sim.wall_told, 1);
	sim.wall_ahead -= 30 * (int64_t)NS_PER_S;
	time_follow_wall();
	assert_int_equal(sim.wall_told, 2);
}

static unsigned fired;

static void fire(struct timer *timer)
{
	(void)timer;
	fired++;
}

static void timers_on_the_wall_clock_follow_it(void **state)
{
	struct timer early, late, monotonic;

	(void)state;
	fired = 0;
	timer_init(&early, fire);
	timer_init(&late, fire);
	timer_init(&monotonic, fire);
	timer_arm(&monotonic, 1000 * NS_PER_S);
	timer_arm_on(&late, TIMER_WALL, time_wall() + 200 * NS_PER_S);
	timer_arm_on(&early, TIMER_WALL, time_wall() + 100 * NS_PER_S);
	expect(host_timer_deadline(), cpu_cycles() + 100 * NS_PER_S * sim.ghz);
	time_set_wall(time_wall() + 150 * NS_PER_S);
	host_timer_fire();
	assert_int_equal(fired, 1);
	assert_false(early.armed);
	assert_in_range(host_timer_deadline(), cpu_cycles() + 49 * NS_PER_S * sim.ghz,
			cpu_cycles() + 51 * NS_PER_S * sim.ghz);
	time_set_wall(time_wall() - 100 * NS_PER_S);
	sim.ns += 149 * NS_PER_S;
	host_timer_fire();
	assert_int_equal(fired, 1);
	sim.ns += 2 * NS_PER_S;
	host_timer_fire();
	assert_int_equal(fired, 2);
	assert_true(timer_cancel(&monotonic));
	assert_false(timer_cancel(&late));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(time_goes_on_where_the_counter_does, setup),
		cmocka_unit_test_setup(time_goes_on_where_the_counter_begins_anew, setup),
		cmocka_unit_test_setup(time_goes_on_by_a_counter_that_is_far_ahead, setup),
		cmocka_unit_test_setup(time_goes_on_at_another_rate, setup),
		cmocka_unit_test_setup(time_does_not_count_what_only_the_machines_own_clock_counts,
				       setup),
		cmocka_unit_test_setup(
			time_does_not_go_back_after_a_pause_in_which_the_counter_went_on, setup),
		cmocka_unit_test_setup(time_does_not_go_back_where_no_clock_went_on, setup),
		cmocka_unit_test_setup(
			time_goes_on_by_the_machines_clock_where_the_counter_is_no_longer_stable,
			setup),
		cmocka_unit_test_setup(time_that_nobody_asked_for_starts_at_the_resume, setup),
		cmocka_unit_test_setup(wall_clock_that_a_program_set_keeps_its_distance, setup),
		cmocka_unit_test_setup(wall_clock_of_whole_seconds_is_followed_within_one, setup),
		cmocka_unit_test_setup(timers_on_the_wall_clock_follow_it, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
