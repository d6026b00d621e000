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

/** Sets the wall clock (clock_settime, settimeofday). Timers on it follow. */
void time_set_wall(uint64_t wall_ns);

/** fn() is called whenever the wall clock was set, by time_set_wall() or because the machine had stood still; in any context, with no
 * lock held. There is one, the last that was given. */
void time_set_wall_listener(void (*fn)(void));

/** When on time_now()'s clock the wall clock shows this, as it is set now; 0: before the machine was started. */
uint64_t time_of_wall(uint64_t wall_ns);

/** Resolution in nanoseconds. */
uint64_t time_resolution_ns(void);

/** The value that cpu_cycles() will have at `ns` of time_now(), or a little later; in the past: now. For cpu_timer_arm(). */
uint64_t time_to_cycles(uint64_t ns);

/** How long so many cycles take. */
uint64_t time_from_cycles(uint64_t cycles);

/** What the vDSO needs to compute the clocks in user mode: ns = base_ns + ((cycles - base_cycles) * mult >> shift), with a
 * product of 128 bits. `sequence` is odd while being written. Lies in a page of its own that programs see read-only.
 * `usable` is 0 while nobody has asked for the time yet, while the frequency is known only roughly, or where the cycle
 * counter cannot serve; where it is 1, `wall_offset_ns` is known too. */
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

/*
 * For those who know the machine: kernel/platform, kernel/drivers/clock, kernel/start.
 */

/** Nanoseconds of one cycle: mult / 2^shift. */
struct time_rate {
	uint32_t mult; /* 0: unknown */
	uint32_t shift;
};

/** mult is 0 where nothing runs at such a frequency: below 1 MHz, from 2^36 Hz up. */
struct time_rate time_rate_from_hz(uint64_t hz);

/** A reference counter, read at one moment. */
struct clock_sample {
	uint64_t cycles; /* of cpu_cycles(), in the middle of the access that counts */
	uint64_t window; /* how many cycles that access took: the error is at most half of it */
	uint64_t ticks;  /* modulo the counter's period; counts up */
	bool wrapped; /* the counter has gone through its period since start(), as far as it can tell */
};

/** A counter of known frequency to measure the cycle counter by. */
struct clock_reference {
	const char *name;
	/** Finds the counter and begins to count. False: not there. No waiting. */
	bool (*start)(struct clock_sample *out);
	/** False: it turns out that it is not there. */
	bool (*read)(struct clock_sample *out);
	/** Valid after start(). */
	uint64_t (*hz)(void);
	uint64_t (*period_ticks)(void);
};

/** What the machine offers for a clock. Functions may be NULL. None may ask for the time. */
struct time_machine {
	/** Called once, at the first use of the clock: *rate where the hypervisor or CPU tells it; *now to a function
	 * that tells monotonic nanoseconds where the cycle counter alone cannot serve. */
	void (*start)(struct time_rate *rate, uint64_t (**now)(void));
	/** The wall clock at this moment. False: there is none. */
	bool (*wall)(uint64_t *ns);
	/** What wall() counts in; 0: it is exact, as it is where this is NULL. */
	uint64_t (*wall_grain_ns)(void);
	/** A clock of the hypervisor's own in nanoseconds, which goes on from where it was when the machine is resumed from
	 * a snapshot. False: there is none. */
	bool (*told_ns)(uint64_t *ns);
	/** Reference counters, best first; NULL past the last. */
	const struct clock_reference *(*reference)(unsigned index);
};

/** Before the clock's first use; `machine` lives for ever. `boot_cycles` is time 0: cpu_cycles() at the first instruction. */
void time_set_machine(const struct time_machine *machine, uint64_t boot_cycles);

/*
 * For core/resume.c, which knows when the machine may have stood still. Any context, but with no spinlock held.
 */

/** How often time_mark() is called while programs run. */
#define TIME_MARK_NS (900 * NS_PER_MS)

/** Notes the time, so that it is known to go on from here even where the cycle counter begins anew. */
void time_mark(void);

/** Whether anybody has asked for the wall clock. */
bool time_wall_is_known(void);

/** Sets the wall clock right if the machine's has gone ahead of it, or back, since the last look. */
void time_follow_wall(void);

enum time_break {
	TIME_PAUSED,   /* the machine stood still; programs may have run since */
	TIME_RESTORED, /* from a snapshot, and nothing has run since */
};

/** The machine goes on: asks it anew for the rate, so that time_now() neither jumps nor goes back, whatever the cycle counter does, and
 * sets wall clock and timers right. */
void time_resume(enum time_break kind);

/** Starts the first reference counter, so that a later calibration finds that time has passed and does not wait. Worth
 * nothing where the machine tells the frequency. */
void time_start_reference(void);
