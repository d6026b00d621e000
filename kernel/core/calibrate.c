/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An interval is counted by both counters at once; what spoils it is the time between the two
 * readings at each end. A virtual CPU may lose its place at any instruction, so each end is the
 * best of several tries, and the error that remains is known.
 */
#include "calibrate.h"

#include <base/bits.h>
#include <hal/cpu.h>
#include <lib/muldiv.h>

enum {
	SAMPLES = 3, /* of which the one counts that took least */
	GOOD_ERROR_PPM =
		10000, /* a first rate that is worse is measured once more, if that may help */
	USABLE_ERROR_PPM = 500000, /* beyond it nothing was measured */
	WAIT_CYCLES_MAX = 1 << 24, /* a reference that gets no further in this time stands still */
	WAIT_READS_MAX = 50000,
	ATTEMPTS = 8, /* a busy host may take the CPU away in several accesses in a row */
	MILLION = 1000000,
};

bool calibration_start(struct calibration *calibration, const struct clock_reference *reference)
{
	calibration->reference = reference;
	if (reference && !reference->start(&calibration->start))
		calibration->reference = NULL;
	return calibration->reference != NULL;
}

static bool read_best(const struct clock_reference *reference, struct clock_sample *best)
{
	struct clock_sample sample;

	if (!reference->read(best))
		return false;
	for (unsigned i = 1; i < SAMPLES; i++) {
		if (!reference->read(&sample))
			return false;
		if (sample.window < best->window)
			*best = sample;
	}
	return true;
}

/* Modulo the counter's period, which is a power of two. */
static uint64_t ticks_since_start(const struct calibration *calibration,
				  const struct clock_sample *sample)
{
	return (sample->ticks - calibration->start.ticks) &
	       (calibration->reference->period_ticks() - 1);
}

/* By what has surely passed between the two: who loses the CPU in an access reads a count that is old by then. */
static bool stands_still(const struct clock_sample *start, const struct clock_sample *sample)
{
	uint64_t latest = start->cycles + start->window / 2;
	uint64_t earliest = sample->cycles - sample->window / 2;

	return earliest > latest && earliest - latest > WAIT_CYCLES_MAX;
}

static bool wait_for_ticks(const struct calibration *calibration, uint64_t wanted)
{
	struct clock_sample sample;

	for (unsigned reads = 0; reads < WAIT_READS_MAX; reads++) {
		if (!calibration->reference->read(&sample))
			return false;
		if (sample.wrapped || ticks_since_start(calibration, &sample) >= wanted)
			return true;
		if (stands_still(&calibration->start, &sample))
			return false;
		cpu_relax();
	}
	return false;
}

/* Half of both windows, and a tick at either end. */
static uint64_t error_ppm(const struct calibration *calibration, const struct clock_sample *end,
			  uint64_t ticks)
{
	uint64_t cycles = end->cycles - calibration->start.cycles;
	uint64_t doubt = (end->window + calibration->start.window) / 2;

	return mul_div(doubt, MILLION, max(cycles, (uint64_t)1)) +
	       2 * MILLION / max(ticks, (uint64_t)1);
}

/* The counter went through its period unseen, nothing was measured, or the CPU lost its place when the interval began. */
static bool must_begin_anew(const struct calibration *calibration, const struct clock_sample *end,
			    uint64_t ppm)
{
	return end->wrapped || ppm > USABLE_ERROR_PPM ||
	       (ppm > GOOD_ERROR_PPM && calibration->start.window / 4 > end->window);
}

uint64_t calibration_measure(struct calibration *calibration, uint64_t interval_ns)
{
	const struct clock_reference *reference = calibration->reference;
	uint64_t wanted = mul_div(reference->hz(), interval_ns, NS_PER_S);
	struct clock_sample end;

	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		if (!wait_for_ticks(calibration, wanted) || !read_best(reference, &end))
			return 0;
		uint64_t ticks = ticks_since_start(calibration, &end);
		uint64_t ppm = error_ppm(calibration, &end, ticks);

		if (!must_begin_anew(calibration, &end, ppm)) {
			calibration->error_ppm = (uint32_t)min(ppm, (uint64_t)MILLION);
			return mul_div(end.cycles - calibration->start.cycles, reference->hz(),
				       ticks);
		}
		if (!reference->start(&calibration->start))
			return 0;
	}
	return 0;
}

/* The ticks that have really passed: the counter tells them modulo its period, the rate so far
 * roughly how many. 0: cannot be told. */
static uint64_t resolve_ticks(const struct calibration *calibration, struct time_rate rate,
			      const struct clock_sample *sample)
{
	uint64_t period = calibration->reference->period_ticks();
	uint64_t ns = time_rate_ns(rate, sample->cycles - calibration->start.cycles);
	uint64_t expected = mul_div(ns, calibration->reference->hz(), NS_PER_S);
	uint64_t doubt = mul_div(expected, 2 * (uint64_t)calibration->error_ppm, MILLION) + 4;
	uint64_t over = (ticks_since_start(calibration, sample) - expected) & (period - 1);

	if (doubt >= period / 2)
		return 0;
	if (over <= doubt)
		return expected + over;
	return period - over <= doubt ? expected - (period - over) : 0;
}

uint64_t calibration_refine(struct calibration *calibration, struct time_rate rate)
{
	const struct clock_reference *reference = calibration->reference;
	struct clock_sample end = calibration->start;
	uint64_t ticks = 0, ppm;

	if (read_best(reference, &end))
		ticks = resolve_ticks(calibration, rate, &end);
	ppm = error_ppm(calibration, &end, ticks);
	if (!ticks || ppm > calibration->error_ppm) {
		calibration_start(calibration, reference);
		return 0;
	}
	calibration->error_ppm = (uint32_t)ppm;
	return mul_div(end.cycles - calibration->start.cycles, reference->hz(), ticks);
}
