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
#include <hal/cpu.h>
#include <hal/memory.h>
#include <lib/muldiv.h>

#include "calibrate.h"

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

static struct {
	struct spinlock lock;
	const struct time_machine *machine;
	uint64_t boot_cycles;
	uint64_t recheck_at; /* cycles; [lock to write] when the rate may be refined */
	uint64_t inverse;    /* [lock to write] cycles per nanosecond, times 2^INVERSE_SHIFT */
	struct calibration calibration; /* [lock] its reference is NULL when the rate is final */
	uint64_t (*now)(void);          /* replaces the cycle counter */
	uint64_t last_ns;               /* [lock] of now() */
	bool wall_known;                /* [lock to write] */
} clock;

/* Seen by programs, so nothing else may be in the page. */
static union {
	struct time_page time;
	unsigned char bytes[PAGE_SIZE];
} page aligned(PAGE_SIZE);

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
	return (uint64_t)((unsigned __int128)ns * clock.inverse >> INVERSE_SHIFT);
}

static void page_write_begin(void) REQUIRES(clock.lock)
{
	__atomic_store_n(&page.time.sequence, page.time.sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(
		__ATOMIC_RELEASE); /* pairs with the fence in page_now(), and the vDSO's */
}

static void page_write_end(void) REQUIRES(clock.lock)
{
	__atomic_store_n(&page.time.sequence, page.time.sequence + 1, __ATOMIC_RELEASE);
}

static uint64_t page_now(uint64_t cycles)
{
	struct time_page now;
	uint32_t sequence;

	do {
		sequence = __atomic_load_n(&page.time.sequence, __ATOMIC_ACQUIRE);
		now = page.time;
		__atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs with that in page_write_begin() */
	} while (unlikely(sequence & 1 ||
			  sequence != __atomic_load_n(&page.time.sequence, __ATOMIC_RELAXED)));
	/* A cycle counter that was set back must not send the clock ahead by centuries. */
	if (unlikely(cycles < now.base_cycles))
		return now.base_ns;
	return now.base_ns +
	       time_rate_ns((struct time_rate){ now.mult, now.shift }, cycles - now.base_cycles);
}

/* From `cycles` on, time passes at this rate. */
static void set_rate(uint64_t cycles, struct time_rate rate) REQUIRES(clock.lock)
{
	uint64_t ns = page.time.mult ? page_now(cycles) : 0;

	page_write_begin();
	page.time.base_cycles = cycles;
	page.time.base_ns = ns;
	page.time.mult = rate.mult;
	page.time.shift = rate.shift;
	page_write_end();
	clock.inverse = mul_div(BIT64(rate.shift), BIT64(INVERSE_SHIFT), rate.mult);
}

static uint64_t now_locked(void) REQUIRES(clock.lock)
{
	uint64_t ns;

	if (!clock.now)
		return page_now(cpu_cycles());
	ns = clock.now();
	if (ns > clock.last_ns)
		clock.last_ns = ns;
	return clock.last_ns;
}

static void set_wall(uint64_t wall_ns) REQUIRES(clock.lock)
{
	int64_t offset = (int64_t)(wall_ns - now_locked());

	page_write_begin();
	page.time.wall_offset_ns = offset;
	page_write_end();
	clock.wall_known = true;
}

/* A battery clock counts whole seconds, and some machines have none. So who starts the machine may tell the time (`wall=`, in
 * nanoseconds since 1970): it is behind by what the start took, and counts unless the machine's clock contradicts it. */
static void find_wall(void) REQUIRES(clock.lock)
{
	uint64_t wall_ns = 0, told_ns;
	bool found;

	if (clock.wall_known)
		return;
	found = clock.machine && clock.machine->wall && clock.machine->wall(&wall_ns);
	told_ns = params_number("wall", 0);
	if (told_ns)
		told_ns += now_locked();
	if (!found && !told_ns)
		log_warning("no wall clock: it is 1970");
	if (!found || (told_ns >= wall_ns && told_ns - wall_ns < NS_PER_S))
		wall_ns = told_ns;
	set_wall(wall_ns);
}

/* The rate is good enough for programs. */
static void settle(void) REQUIRES(clock.lock)
{
	if (clock.now || page.time.usable)
		return;
	find_wall();
	page_write_begin();
	page.time.usable = 1;
	page_write_end();
}

/* Tries the reference that runs since boot, then all in turn. */
static struct time_rate measure_rate(void) REQUIRES(clock.lock)
{
	const struct time_machine *machine = clock.machine;
	struct time_rate rate = { 0, 0 };

	if (clock.calibration.reference)
		rate = time_rate_from_hz(calibration_measure(&clock.calibration, ROUGH_NS));
	for (unsigned i = 0; !rate.mult && machine && machine->reference; i++) {
		const struct clock_reference *reference = machine->reference(i);

		if (!reference)
			break;
		if (calibration_start(&clock.calibration, reference))
			rate = time_rate_from_hz(calibration_measure(&clock.calibration, ROUGH_NS));
	}
	if (!rate.mult)
		clock.calibration.reference = NULL;
	return rate;
}

/* `tsc=` in kHz. Linux has words for the same name ("reliable"), which say nothing here. */
static struct time_rate told_rate(void)
{
	const char *text = params_get("tsc");
	uint64_t khz;

	if (!text || !params_read_number(&text, &khz) || *text || khz >> CYCLES_HZ_BITS)
		return (struct time_rate){ 0, 0 };
	return time_rate_from_hz(khz * 1000);
}

/* When to look at the reference again. */
static void plan_recheck(void) REQUIRES(clock.lock)
{
	uint64_t start = clock.calibration.start.cycles;

	if (!clock.calibration.reference)
		clock.recheck_at = UINT64_MAX;
	else
		clock.recheck_at = start + ns_to_cycles(page.time.usable ? FINAL_NS : SETTLED_NS);
}

static struct time_rate find_rate(void) REQUIRES(clock.lock)
{
	struct time_rate told = told_rate(), rate = { 0, 0 };

	if (clock.machine && clock.machine->start)
		clock.machine->start(&rate, &clock.now);
	if (told.mult)
		rate = told;
	if (rate.mult)
		clock.calibration.reference = NULL;
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
	spin_lock(&clock.lock);
	if (!page.time.mult) {
		set_rate(clock.boot_cycles, find_rate());
		if (!clock.calibration.reference)
			settle();
		plan_recheck();
	}
	spin_unlock(&clock.lock);
}

/* Measures again over the time since the start of the reference, which is longer now. */
static noinline void refine(void)
{
	struct calibration *calibration = &clock.calibration;
	struct time_rate rate = { page.time.mult, page.time.shift };

	spin_lock(&clock.lock);
	if (cpu_cycles() >= clock.recheck_at) {
		uint64_t begun = calibration->start.cycles;

		rate = time_rate_from_hz(calibration_refine(calibration, rate));
		if (rate.mult) {
			uint64_t now = cpu_cycles();

			set_rate(now, rate);
			if (now - begun >= ns_to_cycles(FINAL_NS))
				calibration->reference = NULL;
		}
		if (rate.mult || !calibration->reference)
			settle(); /* as good as it gets */
		plan_recheck();
	}
	spin_unlock(&clock.lock);
}

uint64_t time_now(void)
{
	uint64_t cycles, ns;

	if (unlikely(!page.time.mult))
		start_clock();
	if (unlikely(clock.now != NULL)) {
		spin_lock(&clock.lock);
		ns = now_locked();
		spin_unlock(&clock.lock);
		return ns;
	}
	cycles = cpu_cycles();
	if (unlikely(cycles >= clock.recheck_at)) {
		refine();
		cycles = cpu_cycles();
	}
	return page_now(cycles);
}

int64_t time_wall_offset(void)
{
	if (unlikely(!page.time.mult))
		start_clock();
	if (unlikely(!clock.wall_known)) {
		spin_lock(&clock.lock);
		find_wall();
		spin_unlock(&clock.lock);
	}
	return __atomic_load_n(&page.time.wall_offset_ns, __ATOMIC_RELAXED);
}

void time_set_wall(uint64_t wall_ns)
{
	if (unlikely(!page.time.mult))
		start_clock();
	spin_lock(&clock.lock);
	set_wall(wall_ns);
	spin_unlock(&clock.lock);
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
	if (unlikely(!page.time.mult))
		start_clock();
	return time_rate_ns((struct time_rate){ page.time.mult, page.time.shift }, cycles);
}

phys_t time_page_phys(void)
{
	return image_phys(&page);
}

void time_set_machine(const struct time_machine *machine, uint64_t boot_cycles)
{
	clock.machine = machine;
	clock.boot_cycles = boot_cycles;
}

void time_start_reference(void)
{
	const struct time_machine *machine = clock.machine;

	spin_lock(&clock.lock);
	if (!page.time.mult && machine && machine->reference)
		calibration_start(&clock.calibration, machine->reference(0));
	spin_unlock(&clock.lock);
}
