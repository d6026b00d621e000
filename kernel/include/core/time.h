/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clocks, in nanoseconds. Nothing is calibrated until somebody asks for the time. Any context.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

#define NS_PER_S ((uint64_t)1000000000)
#define NS_PER_MS ((uint64_t)1000000)
#define NS_PER_US ((uint64_t)1000)

/** Monotonic, since boot; never goes back. */
uint64_t time_now(void);

/** Nanoseconds to add to time_now() for the wall clock (since 1970-01-01 UTC). */
int64_t time_wall_offset(void);
static inline uint64_t time_wall(void)
{
	return time_now() + (uint64_t)time_wall_offset();
}

/** Sets the wall clock (clock_settime, settimeofday). */
void time_set_wall(uint64_t wall_ns);

/** Resolution in nanoseconds. */
uint64_t time_resolution_ns(void);

/** What the vDSO needs to compute the clocks in user mode: ns = base_ns + ((cycles - base_cycles) * mult >> shift).
 * `sequence` is odd while being written. Lies in a page of its own that programs see read-only.
 * `usable` is 0 while nobody has asked for the time yet, or where the cycle counter cannot serve. */
struct time_page {
	uint32_t sequence;
	uint32_t usable;
	uint64_t base_cycles;
	uint64_t base_ns;
	uint32_t mult;
	uint32_t shift;
	int64_t wall_offset_ns;
};

/** Physical address of the page that holds struct time_page at its start. */
phys_t time_page_phys(void);
