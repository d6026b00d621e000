/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clocks. Cycles become nanoseconds by a rate that is found at the first use: told by the user
 * (`tsc=` in kHz), by the machine, or measured by a reference counter that was started at boot, so
 * that usually enough time has passed already.
 *
 * A measured rate is rough at first (1.5 ms by a counter that ticks once a microsecond), and
 * refined when the time is asked for later: the interval then is longer, so the error smaller. The
 * rate changes, the time does not jump.
 *
 * Readers take no lock: the conversion lies in the time page, which is written under time.lock with
 * an odd sequence number.
 */
#include <core/time.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/log.h>
#include <core/lock.h>
#include <core/params.h>
#include <core/timer.h>
#include <hal/cpu.h>
#include <hal/memory.h>
#include <lib/muldiv.h>

#include "clock.h"

#define ROUGH_NS (1500 * NS_PER_US) /* shortest interval that gives a rate at all */
#define SETTLED_NS (40 * NS_PER_MS) /* good enough for programs to compute with */
#define FINAL_NS (1000 * NS_PER_MS) /* as good as it needs to be */
#define CENTURY_NS (100ull * 366 * 86400 * NS_PER_S)
#define GUESSED_HZ ((uint64_t)1000000000)

enum {
	CYCLES_HZ_MIN = 1000000, /* below this a machine is not believed */
	CYCLES_HZ_BITS = 36,
	INVERSE_SHIFT = 28,
};

struct core_clock the_clock;

union clock_page clock_page aligned(PAGE_SIZE);

struct time_rate time_rate_from_hz(uint64_t hz)
{
	struct time_rate rate = { 0, 32 };
	uint64_t mult;

	if (hz < CYCLES_HZ_MIN || hz >> CYCLES_HZ_BITS)
		return rate;
	/* The largest multiplier of 32 bits. */
	while ((mult = mul_div(NS_PER_S, BIT64(rate.shift), hz)) >> 32)
		rate.shift--;
	while (!(mult >> 31))
		mult = mul_div(NS_PER_S, BIT64(++rate.shift), hz);
	rate.mult = (uint32_t)mult;
	return rate;
}

static uint64_t ns_to_cycles(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * the_clock.inverse >> INVERSE_SHIFT);
}

uint64_t clock_page_now(uint64_t cycles)
{
	struct time_page now;
	uint32_t sequence;

	do {
		sequence = __atomic_load_n(&clock_page.time.sequence, __ATOMIC_ACQUIRE);
		now = clock_page.time;
		__atomic_thread_fence(
			__ATOMIC_ACQUIRE); /* pairs with that in clock_write_begin() */
	} while (unlikely(sequence & 1 || sequence != __atomic_load_n(&clock_page.time.sequence,
								      __ATOMIC_RELAXED)));
	/* A cycle counter that was set back must not send the clock ahead by centuries. */
	if (unlikely(cycles < now.base_cycles))
		return now.base_ns;
	return now.base_ns +
	       time_rate_ns((struct time_rate){ now.mult, now.shift }, cycles - now.base_cycles);
}

/* At `cycles` it is `ns`, and from there on time passes at this rate. */
void clock_set_rate(uint64_t cycles, uint64_t ns, struct time_rate rate) REQUIRES(the_clock.lock)
{
	clock_write_begin();
	clock_page.time.base_cycles = cycles;
	clock_page.time.base_ns = ns;
	clock_page.time.mult = rate.mult;
	clock_page.time.shift = rate.shift;
	clock_write_end();
	the_clock.inverse = mul_div(BIT64(rate.shift), BIT64(INVERSE_SHIFT), rate.mult);
}

uint64_t clock_now(void) REQUIRES(the_clock.lock)
{
	uint64_t ns;

	if (!the_clock.now)
		return clock_page_now(cpu_cycles());
	ns = the_clock.now() + the_clock.now_ahead;
	if (ns > the_clock.last_ns)
		the_clock.last_ns = ns;
	return the_clock.last_ns;
}

/* The rate is good enough for programs. */
void clock_settle(void) REQUIRES(the_clock.lock)
{
	if (the_clock.now || clock_page.time.usable)
		return;
	clock_find_wall();
	clock_write_begin();
	clock_page.time.usable = 1;
	clock_write_end();
}

/* Tries the reference that runs since boot, then all in turn. */
static struct time_rate measure_rate(void) REQUIRES(the_clock.lock)
{
	const struct time_machine *machine = the_clock.machine;
	struct time_rate rate = { 0, 0 };

	if (the_clock.calibration.reference)
		rate = time_rate_from_hz(calibration_measure(&the_clock.calibration, ROUGH_NS));
	for (unsigned i = 0; !rate.mult && machine && machine->reference; i++) {
		const struct clock_reference *reference = machine->reference(i);

		if (!reference)
			break;
		if (calibration_start(&the_clock.calibration, reference))
			rate = time_rate_from_hz(
				calibration_measure(&the_clock.calibration, ROUGH_NS));
	}
	if (!rate.mult)
		the_clock.calibration.reference = NULL;
	return rate;
}

/* `tsc=` in kHz. Linux has words for the same name ("reliable"), which say nothing here. */
struct time_rate clock_told_rate(void)
{
	const char *text = params_get("tsc");
	uint64_t khz;

	if (!text || !params_read_number(&text, &khz) || *text || khz >> CYCLES_HZ_BITS)
		return (struct time_rate){ 0, 0 };
	return time_rate_from_hz(khz * 1000);
}

/* When to look at the reference again. */
void clock_plan_recheck(void) REQUIRES(the_clock.lock)
{
	uint64_t start = the_clock.calibration.start.cycles;

	if (!the_clock.calibration.reference)
		the_clock.recheck_at = UINT64_MAX;
	else
		the_clock.recheck_at = start +
				       ns_to_cycles(clock_page.time.usable ? FINAL_NS : SETTLED_NS);
}

static struct time_rate find_rate(void) REQUIRES(the_clock.lock)
{
	struct time_rate told = clock_told_rate(), rate = { 0, 0 };

	if (the_clock.machine && the_clock.machine->start)
		the_clock.machine->start(&rate, &the_clock.now);
	if (told.mult)
		rate = told;
	if (rate.mult)
		the_clock.calibration.reference = NULL;
	else
		rate = measure_rate();
	if (!rate.mult) {
		log_warning("nothing tells the frequency of the time stamp counter: guessed");
		rate = time_rate_from_hz(GUESSED_HZ);
	}
	return rate;
}

static noinline void start_clock(void)
{
	spin_lock(&the_clock.lock);
	if (!clock_page.time.mult) {
		clock_set_rate(the_clock.boot_cycles, 0, find_rate());
		if (!the_clock.calibration.reference)
			clock_settle();
		clock_plan_recheck();
		clock_note_told();
	}
	spin_unlock(&the_clock.lock);
}

void clock_need_start(void)
{
	if (unlikely(!clock_page.time.mult))
		start_clock();
}

/* Measures again over the time since the start of the reference, which is longer now. */
static noinline void refine(void)
{
	struct calibration *calibration = &the_clock.calibration;
	struct time_rate rate = { clock_page.time.mult, clock_page.time.shift };

	spin_lock(&the_clock.lock);
	if (cpu_cycles() >= the_clock.recheck_at) {
		uint64_t begun = calibration->start.cycles;

		rate = time_rate_from_hz(calibration_refine(calibration, rate));
		if (rate.mult) {
			uint64_t now = cpu_cycles();

			clock_set_rate(now, clock_page_now(now), rate);
			if (now - begun >= ns_to_cycles(FINAL_NS))
				calibration->reference = NULL;
		}
		if (rate.mult || !calibration->reference)
			clock_settle(); /* as good as it gets */
		clock_plan_recheck();
	}
	spin_unlock(&the_clock.lock);
}

uint64_t time_now(void)
{
	uint64_t cycles, ns;

	clock_need_start();
	if (unlikely(the_clock.now != NULL)) {
		spin_lock(&the_clock.lock);
		ns = clock_now();
		spin_unlock(&the_clock.lock);
		return ns;
	}
	cycles = cpu_cycles();
	if (unlikely(cycles >= the_clock.recheck_at)) {
		refine();
		cycles = cpu_cycles();
	}
	return clock_page_now(cycles);
}

uint64_t time_resolution_ns(void)
{
	return 1;
}

uint64_t time_to_cycles(uint64_t ns)
{
	uint64_t now = time_now(), cycles = cpu_cycles(), ahead;

	if (ns <= now)
		return cycles;
	/* A century is near enough to never, and does not overflow. */
	ahead = ns_to_cycles(min(ns - now, CENTURY_NS)) + 1;
	return ahead > UINT64_MAX - cycles ? UINT64_MAX : cycles + ahead;
}

uint64_t time_from_cycles(uint64_t cycles)
{
	clock_need_start();
	return time_rate_ns((struct time_rate){ clock_page.time.mult, clock_page.time.shift },
			    cycles);
}

phys_t time_page_phys(void)
{
	return image_phys(&clock_page);
}

void time_set_machine(const struct time_machine *machine, uint64_t boot_cycles)
{
	the_clock.machine = machine;
	the_clock.boot_cycles = boot_cycles;
}

void time_start_reference(void)
{
	const struct time_machine *machine = the_clock.machine;

	spin_lock(&the_clock.lock);
	if (!clock_page.time.mult && machine && machine->reference)
		calibration_start(&the_clock.calibration, machine->reference(0));
	spin_unlock(&the_clock.lock);
}
