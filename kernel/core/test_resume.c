/* SPDX-License-Identifier: BSD-3-Clause */
/* When the machine is looked at, and what follows. Clock, generator and scheduler are stand-ins that count. */
#include "resume.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../port/host/host.h"
#include "../port/host/io.h"

static struct {
	enum resume_change change;
	unsigned found, looked, renewed, followed, marked;
	int first_resumed, resumed; /* the first and the last enum time_break; -1: none */
	bool wall_known, idle;
	unsigned renewed_at_resume;
	bool interrupts; /* by which the same resume is told of, as soon as that can be */
} sim;

/* What the machine does between any two steps of what follows from a look. */
static void perhaps_interrupt(void)
{
	if (!sim.interrupts || !cpu_irq_enabled())
		return;
	sim.interrupts = false;
	sim.change = RESUME_PAUSED;
	resume_check();
}

void random_renew(void)
{
	perhaps_interrupt();
	sim.renewed++;
}

void time_resume(enum time_break kind)
{
	if (sim.resumed < 0)
		sim.first_resumed = (int)kind;
	sim.resumed = (int)kind;
	sim.renewed_at_resume = sim.renewed;
}

void time_follow_wall(void)
{
	sim.followed++;
}

void time_mark(void)
{
	sim.marked++;
}

bool time_wall_is_known(void)
{
	return sim.wall_known;
}

bool scheduler_is_idle(void)
{
	return sim.idle;
}

void timer_init(struct timer *timer, void (*fn)(struct timer *timer))
{
	*timer = (struct timer){ .fn = fn };
}

void timer_arm_on(struct timer *timer, enum timer_clock clock, uint64_t deadline_ns)
{
	assert_int_equal(clock, TIMER_MONOTONIC);
	timer->deadline_ns = deadline_ns;
	timer->armed = true;
}

static void find(void)
{
	sim.found++;
}

static enum resume_change sim_look(void)
{
	enum resume_change change = sim.change;

	sim.looked++;
	if (change != RESUME_UNKNOWN)
		sim.change = RESUME_NONE;
	return change;
}

static int setup(void **state)
{
	static const struct resume_machine machine = { .find = find, .look = sim_look };

	(void)state;
	memset(&sim, 0, sizeof(sim));
	memset(&watch, 0, sizeof(watch));
	sim.first_resumed = sim.resumed = -1;
	resume_set_machine(&machine);
	return 0;
}

static void fire(void)
{
	assert_true(watch.timer.armed);
	host_set_time(watch.timer.deadline_ns);
	watch.timer.armed = false;
	watch.timer.fn(&watch.timer);
}

static void nothing_is_looked_for_before_somebody_depends_on_it(void **state)
{
	(void)state;
	resume_check();
	resume_idle_ended();
	assert_int_equal(sim.found + sim.looked, 0);
	resume_watch();
	resume_watch();
	assert_int_equal(sim.found, 1);
	assert_false(watch.timer.armed); /* nobody knows the wall clock */
	resume_set_machine(NULL);
	resume_watch();
	assert_int_equal(sim.found, 1);
}

static void random_bytes_are_renewed_before_the_clock_after_a_snapshot(void **state)
{
	(void)state;
	resume_watch();
	sim.change = RESUME_RESTORED;
	resume_check();
	assert_int_equal(sim.renewed, 1);
	assert_int_equal(sim.renewed_at_resume, 1);
	assert_int_equal(sim.resumed, TIME_RESTORED);
	resume_check();
	assert_int_equal(sim.renewed, 1);
}

static void nothing_interrupts_what_follows_from_a_look(void **state)
{
	(void)state;
	resume_watch();
	sim.change = RESUME_RESTORED;
	sim.interrupts = true;
	resume_check();
	assert_int_equal(sim.first_resumed, TIME_RESTORED);
	assert_true(cpu_irq_enabled());
}

static void a_pause_renews_nothing(void **state)
{
	(void)state;
	resume_watch();
	sim.change = RESUME_PAUSED;
	resume_check();
	assert_int_equal(sim.renewed, 0);
	assert_int_equal(sim.resumed, TIME_PAUSED);
}

static void clocks_are_compared_where_nothing_tells(void **state)
{
	(void)state;
	sim.change = RESUME_UNKNOWN;
	sim.wall_known = true;
	resume_watch();
	fire();
	assert_int_equal(sim.followed, 1);
	assert_int_equal(sim.marked, 1);
	fire();
	assert_int_equal(sim.followed, 2);
	assert_int_equal(sim.resumed, -1);
}

static void an_idle_machine_is_not_woken_and_looks_when_it_wakes(void **state)
{
	(void)state;
	sim.wall_known = true;
	resume_watch();
	sim.idle = true;
	fire();
	assert_int_equal(sim.looked, 0);
	assert_false(watch.timer.armed);
	sim.change = RESUME_RESTORED;
	resume_idle_ended();
	assert_int_equal(sim.renewed, 1);
	assert_true(watch.timer.armed);
	resume_idle_ended(); /* it was short */
	assert_int_equal(sim.looked, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_is_looked_for_before_somebody_depends_on_it, setup),
		cmocka_unit_test_setup(random_bytes_are_renewed_before_the_clock_after_a_snapshot,
				       setup),
		cmocka_unit_test_setup(nothing_interrupts_what_follows_from_a_look, setup),
		cmocka_unit_test_setup(a_pause_renews_nothing, setup),
		cmocka_unit_test_setup(clocks_are_compared_where_nothing_tells, setup),
		cmocka_unit_test_setup(an_idle_machine_is_not_woken_and_looks_when_it_wakes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
