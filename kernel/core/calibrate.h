/* SPDX-License-Identifier: BSD-3-Clause */
/* Measuring the cycle counter by a reference counter: between time.c, under whose lock all of this runs, and calibrate.c. */
#pragma once

#include <core/time.h>

struct calibration {
	const struct clock_reference *reference;
	struct clock_sample start; /* where the interval begins */
	uint32_t error_ppm;        /* what the frequency last measured may be wrong by */
};

/** Starts the counter. False: it is not there; `reference` is NULL then. */
bool calibration_start(struct calibration *calibration, const struct clock_reference *reference);

/** A first frequency over the time since the start, or over `interval_ns` at least, for which it waits. 0: this counter is not
 * usable. */
uint64_t calibration_measure(struct calibration *calibration, uint64_t interval_ns);

/** A better frequency over the time since the start, which the rate so far tells roughly. 0: it is too long ago, or the two
 * contradict each other: the interval begins anew. */
uint64_t calibration_refine(struct calibration *calibration, struct time_rate rate);

static inline uint64_t time_rate_ns(struct time_rate rate, uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * rate.mult >> rate.shift);
}
