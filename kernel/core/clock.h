/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between time.c (the rate, and reading the clock), wall.c (the wall clock) and standstill.c (a machine that was stopped goes on). All
 * under the clock's lock, but for what readers take from the page.
 */
#pragma once

#include <core/lock.h>
#include <core/time.h>
#include <hal/memory.h>

#include "calibrate.h"

struct core_clock {
	struct spinlock lock;
	const struct time_machine *machine;
	uint64_t boot_cycles;
	uint64_t recheck_at; /* cycles; [lock to write] when the rate may be refined */
	uint64_t inverse;    /* [lock to write] cycles per nanosecond, times 2^INVERSE_SHIFT */
	struct calibration calibration; /* [lock] its reference is NULL when the rate is final */
	uint64_t (*now)(void);          /* [lock to write] replaces the cycle counter */
	uint64_t now_ahead;             /* [lock] what is added to now() */
	uint64_t told_ahead;            /* [lock] what is added to the machine's told_ns() */
	uint64_t last_ns;               /* [lock] of now() */
	bool wall_known;                /* [lock to write] */
	bool follows_wall;              /* [lock] the machine has a wall clock */
	int64_t wall_low, wall_high;    /* [lock] its distance from time_now() lies between */
	void (*wall_listener)(void);
};

extern struct core_clock the_clock;

/** Seen by programs, so nothing else may be in the page. */
union clock_page {
	struct time_page time;
	unsigned char bytes[PAGE_SIZE];
};
extern union clock_page clock_page;

static inline void clock_write_begin(void) REQUIRES(the_clock.lock)
{
	__atomic_store_n(&clock_page.time.sequence, clock_page.time.sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(
		__ATOMIC_RELEASE); /* pairs with the fence in clock_page_now(), and the vDSO's */
}

static inline void clock_write_end(void) REQUIRES(the_clock.lock)
{
	__atomic_store_n(&clock_page.time.sequence, clock_page.time.sequence + 1, __ATOMIC_RELEASE);
}

/** By the page; stands still before its time. Any context. */
uint64_t clock_page_now(uint64_t cycles);

/** At `cycles` it is `ns`, and from there on time passes at this rate. */
void clock_set_rate(uint64_t cycles, uint64_t ns, struct time_rate rate) REQUIRES(the_clock.lock);

/** time_now(), of a clock that is started. */
uint64_t clock_now(void) REQUIRES(the_clock.lock);

/** The rate is good enough for programs. */
void clock_settle(void) REQUIRES(the_clock.lock);

/** Sets when to look at the reference again. */
void clock_plan_recheck(void) REQUIRES(the_clock.lock);

/** The rate that the user has told; mult 0: none. */
struct time_rate clock_told_rate(void);

/** Starts the clock if nobody has asked for the time yet. */
void clock_need_start(void);

/* wall.c */

/** Sets the wall clock, unless it is known. */
void clock_find_wall(void) REQUIRES(the_clock.lock);

/** Whether the wall clock had to be moved, since the machine's has gone ahead of time_now(), or back: then clock_tell_wall() is to be
 * called. */
bool clock_follow_wall(void) REQUIRES(the_clock.lock);

/** After the wall clock was set. Any context, with no lock held. */
void clock_tell_wall(void);

/* standstill.c */

/** Notes how the machine's own clock goes with ours. */
void clock_note_told(void) REQUIRES(the_clock.lock);
