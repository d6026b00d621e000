/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wall clock: a distance from time_now(). The machine's own is looked at when somebody asks first, and again when the machine
 * may have stood still.
 */
#include "clock.h"

#include <base/bits.h>
#include <base/log.h>
#include <core/params.h>
#include <core/timer.h>

#define TOLERANCE_NS NS_PER_MS /* below it an exact wall clock has not been moved */

enum { LOOKS = 4 };

static void set_wall(uint64_t wall_ns) REQUIRES(the_clock.lock)
{
	int64_t offset = (int64_t)(wall_ns - clock_now());

	clock_write_begin();
	clock_page.time.wall_offset_ns = offset;
	clock_write_end();
	the_clock.wall_known = true;
}

static uint64_t wall_grain(void) REQUIRES(the_clock.lock)
{
	const struct time_machine *machine = the_clock.machine;

	return machine && machine->wall_grain_ns ? machine->wall_grain_ns() : 0;
}

/* A battery clock counts whole seconds, and some machines have none. So who starts the machine may tell the time (`wall=`, in
 * nanoseconds since 1970): it is behind by what the start took, and counts unless the machine's clock contradicts it. */
void clock_find_wall(void) REQUIRES(the_clock.lock)
{
	uint64_t wall_ns = 0, told_ns;
	bool found;

	if (the_clock.wall_known)
		return;
	found = the_clock.machine && the_clock.machine->wall && the_clock.machine->wall(&wall_ns);
	the_clock.follows_wall = found;
	the_clock.wall_low = (int64_t)(wall_ns - clock_now());
	the_clock.wall_high = the_clock.wall_low + (int64_t)wall_grain();
	told_ns = params_number("wall", 0);
	if (told_ns)
		told_ns += clock_now();
	if (!found && !told_ns)
		log_warning("no wall clock: it is 1970");
	if (!found || (told_ns >= wall_ns && told_ns - wall_ns < NS_PER_S))
		wall_ns = told_ns;
	set_wall(wall_ns);
}

void clock_tell_wall(void)
{
	timers_clock_changed();
	if (the_clock.wall_listener)
		the_clock.wall_listener();
}

int64_t time_wall_offset(void)
{
	clock_need_start();
	if (unlikely(!the_clock.wall_known)) {
		spin_lock(&the_clock.lock);
		clock_find_wall();
		spin_unlock(&the_clock.lock);
	}
	return __atomic_load_n(&clock_page.time.wall_offset_ns, __ATOMIC_RELAXED);
}

void time_set_wall(uint64_t wall_ns)
{
	clock_need_start();
	spin_lock(&the_clock.lock);
	set_wall(wall_ns);
	spin_unlock(&the_clock.lock);
	clock_tell_wall();
}

void time_set_wall_listener(void (*fn)(void))
{
	the_clock.wall_listener = fn;
}

uint64_t time_of_wall(uint64_t wall_ns)
{
	int64_t offset = time_wall_offset();

	if (offset > 0)
		return wall_ns > (uint64_t)offset ? wall_ns - (uint64_t)offset : 0;
	return wall_ns > UINT64_MAX + (uint64_t)offset ? UINT64_MAX : wall_ns - (uint64_t)offset;
}

bool time_wall_is_known(void)
{
	return the_clock.wall_known;
}

/* The distance of the machine's wall clock from time_now(), by the quickest of a few looks. */
static bool read_wall_offset(int64_t *offset) REQUIRES(the_clock.lock)
{
	uint64_t best_ns = UINT64_MAX, ns;

	for (unsigned i = 0; i < LOOKS; i++) {
		uint64_t before = clock_now();

		if (!the_clock.machine->wall(&ns))
			return false;
		uint64_t after = clock_now();

		if (after - before >= best_ns)
			continue;
		best_ns = after - before;
		*offset = (int64_t)(ns - after);
		if (best_ns < TOLERANCE_NS / 8)
			break;
	}
	return best_ns < TOLERANCE_NS * 100;
}

/* Takes what the machine's wall clock reads, which is up to a grain less than it is, together with what is known of it. False: it
 * contradicts that. */
static bool narrow(int64_t low, int64_t high) REQUIRES(the_clock.lock)
{
	int64_t tolerance = max(high - low, (int64_t)TOLERANCE_NS);

	if (low > the_clock.wall_high + tolerance || high < the_clock.wall_low - tolerance)
		return false;
	the_clock.wall_low = max(the_clock.wall_low, low);
	the_clock.wall_high = min(the_clock.wall_high, high);
	if (the_clock.wall_low > the_clock.wall_high) { /* they drift apart */
		the_clock.wall_low = low;
		the_clock.wall_high = high;
	}
	return true;
}

bool clock_follow_wall(void)
{
	int64_t low, high, moved;

	if (!the_clock.wall_known || !the_clock.follows_wall || !read_wall_offset(&low))
		return false;
	high = low + (int64_t)wall_grain();
	if (narrow(low, high))
		return false;
	moved = (low + high) / 2 - (the_clock.wall_low + the_clock.wall_high) / 2;
	the_clock.wall_low = low;
	the_clock.wall_high = high;
	clock_write_begin();
	clock_page.time.wall_offset_ns += moved;
	clock_write_end();
	log_info("the wall clock is moved by %ld ms", moved / (int64_t)NS_PER_MS);
	return true;
}

void time_follow_wall(void)
{
	bool moved;

	spin_lock(&the_clock.lock);
	moved = clock_follow_wall();
	spin_unlock(&the_clock.lock);
	if (moved)
		clock_tell_wall();
}
