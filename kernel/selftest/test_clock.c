/* SPDX-License-Identifier: BSD-3-Clause */
/* The clock's checks on a simulated machine whose clock, counters and timers do as each test says. */
#include <class/clock.h>
#include <core/thread.h>
#include <core/time.h>
#include <core/timer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "report.h"

enum { HZ = 1000000, PERIOD = 65536, READ_NS = 500 };

static struct {
	uint64_t ns;          /* the true time */
	uint64_t clock_back;  /* the clock is this far behind, at every hundredth reading */
	unsigned clock_parts; /* the clock runs at so many hundredths of the true speed */
	bool no_counters;
	bool no_interrupts, early;
	unsigned
		preempt_every; /* the machine loses its place for long in each so manieth reading; 0: never */
	unsigned reads;
	struct timer *timer;
	uint64_t deadline;
	unsigned passed, failed, skipped;
	char first_failed[64];
} sim;

static uint64_t sim_clock(void)
{
	return sim.ns / 100 * sim.clock_parts;
}

static void pass_time(uint64_t ns)
{
	sim.ns += ns;
	if (!sim.timer || sim.no_interrupts)
		return;
	if (sim_clock() + (sim.early ? 1000000 : 0) >= sim.deadline) {
		struct timer *timer = sim.timer;

		sim.timer = NULL;
		timer->fn(timer);
	}
}

static uint64_t sim_time_now(void)
{
	sim.reads++;
	pass_time(READ_NS);
	if (sim.preempt_every && sim.reads % sim.preempt_every == 0)
		pass_time(30 * NS_PER_MS);
	return sim_clock() - (sim.reads % 100 == 99 ? sim.clock_back : 0);
}

static void sim_timer_arm(struct timer *timer, uint64_t deadline_ns)
{
	sim.timer = timer;
	sim.deadline = deadline_ns;
}

static bool sim_timer_cancel(struct timer *timer)
{
	(void)timer;
	sim.timer = NULL;
	return false;
}

static void sim_timer_init(struct timer *timer, void (*fn)(struct timer *timer))
{
	timer->fn = fn;
}

static int sim_sleep_until(uint64_t deadline_ns, enum wait_flags flags)
{
	(void)flags;
	while (sim_clock() < deadline_ns)
		pass_time(NS_PER_US);
	return 0;
}

static bool counter_read(struct clock_sample *out)
{
	pass_time(READ_NS);
	*out = (struct clock_sample){ .ticks = sim.ns * HZ / NS_PER_S % PERIOD };
	return !sim.no_counters;
}

static uint64_t counter_hz(void)
{
	return HZ;
}

static uint64_t counter_period(void)
{
	return PERIOD;
}

#define COUNTER(which)                                                                        \
	{                                                                                     \
		.name = which, .start = counter_read, .read = counter_read, .hz = counter_hz, \
		.period_ticks = counter_period                                                \
	}
static const struct clock_reference sim_pit = COUNTER("pit"), sim_hpet = COUNTER("hpet"),
				    sim_pm_timer = COUNTER("pm timer");

#define time_now sim_time_now
#define time_wall() (1800000000 * NS_PER_S)
#define time_from_cycles(cycles) (cycles)
#define timer_init sim_timer_init
#define timer_arm sim_timer_arm
#define timer_cancel sim_timer_cancel
#define thread_sleep_until sim_sleep_until
#define clock_pit sim_pit
#define clock_hpet sim_hpet
#define clock_pm_timer sim_pm_timer
#include "clock.c"

void report_ok(const char *check, const char *fmt, ...)
{
	(void)check;
	(void)fmt;
	sim.passed++;
}

void report_fail(const char *check, const char *fmt, ...)
{
	(void)fmt;
	if (!sim.failed++)
		strncpy(sim.first_failed, check, sizeof sim.first_failed - 1);
}

void report_skip(const char *check, const char *fmt, ...)
{
	(void)check;
	(void)fmt;
	sim.skipped++;
}

void report_value(const char *name, const char *fmt, ...)
{
	(void)name;
	(void)fmt;
}

static int setup(void **state)
{
	(void)state;
	memset(&sim, 0, sizeof sim);
	sim.clock_parts = 100;
	return 0;
}

static void good_clock_passes(void **state)
{
	(void)state;
	assert_true(check_clock());
	assert_int_equal(sim.failed, 0);
	assert_int_equal(sim.passed, 7);
}

static void good_clock_passes_on_a_machine_that_loses_its_place(void **state)
{
	(void)state;
	for (sim.preempt_every = 2; sim.preempt_every < 40; sim.preempt_every++) {
		assert_true(check_clock());
		assert_int_equal(sim.failed, 0);
	}
}

static void absent_counters_are_skipped(void **state)
{
	(void)state;
	sim.no_counters = true;
	assert_true(check_clock());
	assert_int_equal(sim.failed, 0);
	assert_int_equal(sim.skipped, 3);
}

static void clock_that_goes_back_is_told(void **state)
{
	(void)state;
	sim.clock_back = 10000;
	assert_true(check_clock());
	assert_string_equal(sim.first_failed, "clock");
}

static void clock_that_stands_still_ends_the_checks(void **state)
{
	(void)state;
	sim.clock_parts = 0;
	assert_false(check_clock());
	assert_string_equal(sim.first_failed, "clock");
	assert_int_equal(sim.passed, 0);
}

static void clock_at_another_speed_is_told_by_each_counter(void **state)
{
	static const unsigned speeds[] = { 50, 97, 103, 200 };

	for (unsigned i = 0; i < countof(speeds); i++) {
		setup(state);
		sim.clock_parts = speeds[i];
		assert_true(check_clock());
		assert_string_equal(sim.first_failed, "clock and pit");
		assert_int_equal(sim.failed, 3);
	}
}

static void timer_that_does_not_fire_ends_the_checks(void **state)
{
	(void)state;
	sim.no_interrupts = true;
	assert_false(check_clock());
	assert_string_equal(sim.first_failed, "timer");
	assert_int_equal(sim.failed, 1);
}

static void timer_that_fires_early_is_told(void **state)
{
	(void)state;
	sim.early = true;
	assert_true(check_clock());
	assert_string_equal(sim.first_failed, "timer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(good_clock_passes, setup),
		cmocka_unit_test_setup(good_clock_passes_on_a_machine_that_loses_its_place, setup),
		cmocka_unit_test_setup(absent_counters_are_skipped, setup),
		cmocka_unit_test_setup(clock_that_goes_back_is_told, setup),
		cmocka_unit_test_setup(clock_that_stands_still_ends_the_checks, setup),
		cmocka_unit_test_setup(clock_at_another_speed_is_told_by_each_counter, setup),
		cmocka_unit_test_setup(timer_that_does_not_fire_ends_the_checks, setup),
		cmocka_unit_test_setup(timer_that_fires_early_is_told, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
