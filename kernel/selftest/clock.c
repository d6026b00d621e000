/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clock: it never goes back, the machine's other counters tell the same time, timers fire when they should. A virtual CPU may
 * lose its place at any instruction for any time, so nothing here fails for being late: what is compared was read together, as
 * far as that can be known, and is read again where it was not.
 */
#include "checks.h"

#include <base/bits.h>
#include <base/format.h>
#include <class/clock.h>
#include <core/thread.h>
#include <core/time.h>
#include <core/timer.h>
#include <hal/cpu.h>
#include <lib/muldiv.h>

#include "report.h"

enum {
	NAME_BYTES = 40,
	MONOTONIC_READS = 2000,
	TIMERS = 5,
	TIMER_SPINS_MIN = 1000, /* however late it is by the clock */
	ATTEMPTS = 64,          /* the rate is measured anew meanwhile, where it was a rough one */
	TOLERANCE_PPM = 10000,
	MILLION = 1000000,
};
#define TIMER_INTERVAL_NS (2 * NS_PER_MS)
#define TIMER_PATIENCE_NS (5 * NS_PER_S)
#define COMPARE_NS (10 * NS_PER_MS)
#define SANE_WALL_NS ((uint64_t)1577836800 * NS_PER_S) /* 2020-01-01 */

/* --- other counters --- */

/* A counter and the clock, read at one moment, give or take `doubt_ns`. */
struct moment {
	uint64_t ns, doubt_ns, ticks;
};

static bool read_moment(const struct clock_reference *reference, struct moment *out)
{
	struct clock_sample sample = { 0 };
	uint64_t before = time_now();
	bool there = reference->read(&sample);
	uint64_t after = time_now();

	*out = (struct moment){ .ns = before + (after - before) / 2,
				.doubt_ns = (after - before) / 2,
				.ticks = sample.ticks };
	return there;
}

/* The PIT may be counting for <core/time.h> already, and is not to be set anew then. */
static bool start_counter(const struct clock_reference *reference)
{
	struct clock_sample sample;

	if (reference == &clock_pit && reference->read(&sample))
		return true;
	return reference->start(&sample) && reference->read(&sample);
}

/* By how many nanoseconds the clock and the counter differ over an interval: modulo the counter's period. */
static uint64_t difference_ns(const struct clock_reference *reference, const struct moment *from,
			      const struct moment *to)
{
	uint64_t period = reference->period_ticks();
	uint64_t ticks = (to->ticks - from->ticks) & (period - 1);
	uint64_t expected = mul_div(to->ns - from->ns, reference->hz(), NS_PER_S) & (period - 1);
	uint64_t over = (ticks - expected) & (period - 1);

	return mul_div(min(over, period - over), NS_PER_S, reference->hz());
}

static bool agree(const struct clock_reference *reference, uint64_t *difference, uint64_t *elapsed)
{
	uint64_t tick_ns = NS_PER_S / reference->hz() + 1, allowed;
	struct moment from, to;

	if (!read_moment(reference, &from))
		return false;
	while (time_now() < from.ns + COMPARE_NS)
		cpu_relax();
	if (!read_moment(reference, &to))
		return false;
	*elapsed = to.ns - from.ns;
	*difference = difference_ns(reference, &from, &to);
	allowed = mul_div(*elapsed, TOLERANCE_PPM, MILLION) + from.doubt_ns + to.doubt_ns +
		  2 * tick_ns;
	return *difference <= allowed;
}

static void check_counter(const struct clock_reference *reference)
{
	uint64_t difference = 0, elapsed = 0;
	char check[NAME_BYTES];

	format(check, sizeof check, "clock and %s", reference->name);
	if (!start_counter(reference)) {
		report_skip(check, "there is none");
		return;
	}
	for (unsigned i = 0; i < ATTEMPTS; i++) {
		if (agree(reference, &difference, &elapsed)) {
			report_ok(check, "%lu ns apart in %lu us", difference, elapsed / NS_PER_US);
			return;
		}
	}
	report_fail(check, "%lu us apart in %lu us", difference / NS_PER_US, elapsed / NS_PER_US);
}

/* --- the clock itself --- */

/* False: it stands still, and whoever waits for it would do so for ever. */
static bool check_monotonic(void)
{
	uint64_t start = time_now(), last = start;

	for (unsigned i = 0; i < MONOTONIC_READS; i++) {
		uint64_t now = time_now();

		if (now < last) {
			report_fail("clock", "goes back, by %lu ns", last - now);
			return true;
		}
		last = now;
	}
	if (last == start) {
		report_fail("clock", "stands still");
		return false;
	}
	report_ok("clock", "%lu MHz, never back in %d readings",
		  NS_PER_S / max(time_from_cycles(MILLION), (uint64_t)1), MONOTONIC_READS);
	return true;
}

static void check_wall(void)
{
	uint64_t wall = time_wall();

	report_value("wall", "%lu", wall);
	if (wall < SANE_WALL_NS)
		report_skip("wall clock", "the machine has none");
	else
		report_ok("wall clock", "%lu s after 1970", wall / NS_PER_S);
}

/* --- timers --- */

struct alarm {
	struct timer timer;
	uint64_t fired_ns; /* atomic; 0: not yet */
};

static void fire(struct timer *timer)
{
	struct alarm *alarm = container_of(timer, struct alarm, timer);

	__atomic_store_n(&alarm->fired_ns, time_now(), __ATOMIC_RELEASE);
}

/* Without sleeping, which would not end where timers do not work. 0: it never fired. */
static uint64_t await_alarm(struct alarm *alarm, uint64_t deadline)
{
	uint64_t fired;

	for (unsigned spins = 0; !(fired = __atomic_load_n(&alarm->fired_ns, __ATOMIC_ACQUIRE));
	     spins++) {
		if (spins > TIMER_SPINS_MIN && time_now() > deadline + TIMER_PATIENCE_NS)
			break;
		cpu_relax();
	}
	return fired;
}

static bool check_timers(void)
{
	uint64_t latest = 0;

	for (unsigned i = 0; i < TIMERS; i++) {
		struct alarm alarm = { .fired_ns = 0 };
		uint64_t deadline = time_now() + TIMER_INTERVAL_NS;

		timer_init(&alarm.timer, fire);
		timer_arm(&alarm.timer, deadline);
		uint64_t fired = await_alarm(&alarm, deadline);
		timer_cancel(&alarm.timer);
		if (!fired) {
			report_fail("timer", "its interrupt does not come");
			return false;
		}
		if (fired < deadline) {
			report_fail("timer", "fires %lu ns early", deadline - fired);
			return true;
		}
		latest = max(latest, fired - deadline);
	}
	report_ok("timer", "%d interrupts, at most %lu us late", TIMERS, latest / NS_PER_US);
	return true;
}

static void check_sleep(void)
{
	uint64_t deadline = time_now() + TIMER_INTERVAL_NS;
	int error = thread_sleep_until(deadline, WAIT_UNINTERRUPTIBLE);
	uint64_t now = time_now();

	if (error || now < deadline)
		report_fail("sleep", "ends early");
	else
		report_ok("sleep", "%lu us late", (now - deadline) / NS_PER_US);
}

bool check_clock(void)
{
	static const struct clock_reference *const references[] = { &clock_pit, &clock_hpet,
								    &clock_pm_timer };

	if (!check_monotonic())
		return false;
	for (unsigned i = 0; i < countof(references); i++)
		check_counter(references[i]);
	if (!check_timers())
		return false;
	check_sleep();
	check_wall();
	return true;
}
