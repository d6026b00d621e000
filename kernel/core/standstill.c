/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine may be stopped and go on later, or on another host from a snapshot. time_now() does not count that time, and goes on
 * whatever the cycle counter does; the wall clock is moved by what the machine's own has gone ahead.
 */
#include "clock.h"

#include <base/bits.h>
#include <core/timer.h>
#include <hal/cpu.h>

#define TOLD_TOLERANCE_NS \
	(10 * NS_PER_MS) /* and a little of the time since: two clocks agree within it */

enum { TOLD_DRIFT = 1024 }; /* two clocks may drift apart by this part of the time */

/* The machine's own clock, as if it had always gone with ours. 0: there is none, or it has begun anew. */
static uint64_t told_now(void) REQUIRES(the_clock.lock)
{
	uint64_t ns;

	if (!the_clock.machine || !the_clock.machine->told_ns || !the_clock.machine->told_ns(&ns))
		return 0;
	ns += the_clock.told_ahead;
	return ns >> 63 ? 0 : ns;
}

void clock_note_told(void) REQUIRES(the_clock.lock)
{
	uint64_t ns;

	if (the_clock.machine && the_clock.machine->told_ns && the_clock.machine->told_ns(&ns))
		the_clock.told_ahead = clock_now() - ns;
}

void time_mark(void)
{
	spin_lock(&the_clock.lock);
	if (clock_page.time.mult && !the_clock.now) {
		uint64_t cycles = cpu_cycles();
		struct time_rate rate = { clock_page.time.mult, clock_page.time.shift };

		clock_set_rate(cycles, clock_page_now(cycles), rate);
		clock_note_told();
	}
	spin_unlock(&the_clock.lock);
}

/* What the clock is set to where it goes on by the cycle counter. The counter may have begun anew, or be another host's, and the
 * machine's own clock know; or that counts the time of the snapshot as well, and the counter does not. */
static uint64_t counter_goes_on(uint64_t cycles, enum time_break kind) REQUIRES(the_clock.lock)
{
	uint64_t least = clock_page.time.base_ns, counted = clock_page_now(cycles),
		 told = told_now();
	bool counts = !the_clock.now && cycles >= clock_page.time.base_cycles;
	bool tells = told && told >= least;

	if (counts && (kind == TIME_PAUSED || !tells ||
		       counted <= told + TOLD_TOLERANCE_NS + (counted - least) / TOLD_DRIFT))
		return counted;
	/* It is not known for how long programs have run since the last mark. */
	return tells ? told : least + TIME_MARK_NS;
}

/* The host may be another, and its counter's frequency another: measured anew, while the old rate serves. */
static void measure_again(void) REQUIRES(the_clock.lock)
{
	const struct time_machine *machine = the_clock.machine;
	const struct clock_reference *reference;

	the_clock.calibration.reference = NULL;
	for (unsigned i = 0; !the_clock.calibration.reference && machine && machine->reference &&
			     (reference = machine->reference(i)) != NULL;
	     i++)
		calibration_start(&the_clock.calibration, reference);
}

static void go_on_by_counter(struct time_rate rate, enum time_break kind) REQUIRES(the_clock.lock)
{
	struct time_rate told = clock_told_rate();
	uint64_t cycles = cpu_cycles();
	uint64_t ns = the_clock.now ? max(clock_now(), the_clock.last_ns)
				    : counter_goes_on(cycles, kind);

	the_clock.now = NULL;
	the_clock.calibration.reference = NULL;
	if (told.mult)
		rate = told;
	if (!rate.mult) {
		rate = (struct time_rate){ clock_page.time.mult, clock_page.time.shift };
		measure_again();
	}
	clock_set_rate(cycles, ns, rate);
	if (!the_clock.calibration.reference)
		clock_settle();
	clock_plan_recheck();
}

/* By the machine's own clock alone, which the cycle counter cannot stand in for. */
static void go_on_by_machine(uint64_t (*now)(void), enum time_break kind) REQUIRES(the_clock.lock)
{
	uint64_t least = the_clock.now ? the_clock.last_ns : counter_goes_on(cpu_cycles(), kind);

	clock_write_begin();
	clock_page.time.usable = 0;
	clock_write_end();
	if (!the_clock.now || now() + the_clock.now_ahead < least)
		the_clock.now_ahead = least - now();
	the_clock.now = now;
	the_clock.last_ns = least;
}

static void go_on(enum time_break kind) REQUIRES(the_clock.lock)
{
	struct time_rate rate = { 0, 0 };
	uint64_t (*now)(void) = NULL;

	if (the_clock.machine && the_clock.machine->start)
		the_clock.machine->start(&rate, &now);
	if (now)
		go_on_by_machine(now, kind);
	else
		go_on_by_counter(rate, kind);
	clock_note_told();
}

void time_resume(enum time_break kind)
{
	bool moved = false;

	spin_lock(&the_clock.lock);
	if (clock_page.time.mult) {
		go_on(kind);
		moved = clock_follow_wall();
	} else if (cpu_cycles() < the_clock.boot_cycles) {
		the_clock.boot_cycles = cpu_cycles();
	}
	spin_unlock(&the_clock.lock);
	if (moved)
		clock_tell_wall();
	else
		timers_clock_changed();
}
