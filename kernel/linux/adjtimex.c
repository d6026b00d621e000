/* SPDX-License-Identifier: BSD-3-Clause */
/* adjtimex(2), clock_adjtime(2): what the clock is like, and setting it by a difference. It cannot be made to go faster or slower. */
#include <core/time.h>

#include "calls.h"
#include "clocks.h"

enum {
	ADJ_SETOFFSET = 0x100,
	ADJ_MICRO = 0x1000,
	ADJ_NANO = 0x2000,
	ADJ_OFFSET_SS_READ = 0xa001, /* adjtime(3) asks what is left: nothing is */
	STATUS_UNSYNCHRONISED = 0x40,
	STATUS_NANO = 0x2000,
	STATE_ERROR = 5,
	ERROR_MAX_US = 16000000, /* as long as nobody synchronises it */
	TICK_US = 10000,
	TOLERANCE = 32768000, /* 500 ppm, in units of 2^-16 ppm */
	TIME_CONSTANT = 2,
};

struct linux_timex {
	uint32_t modes, pad;
	int64_t offset, frequency, error_max, error_estimated;
	int32_t status, pad_2;
	int64_t constant, precision, tolerance;
	struct linux_timeval time;
	int64_t tick, pulse_frequency, jitter;
	int32_t shift, pad_3;
	int64_t stability, jitter_count, calibrations, errors, stability_errors;
	int32_t tai, rest[11];
};
_Static_assert(sizeof(struct linux_timex) == 208, "Linux's struct __kernel_timex");

/* The difference is told in seconds and a part of one, which is never negative. */
static int set_offset(const struct linux_timex *t)
{
	int64_t part_ns = t->modes & ADJ_NANO ? 1 : (int64_t)NS_PER_US, seconds_ns, ns;

	if (t->time.microseconds < 0 || t->time.microseconds >= (int64_t)NS_PER_S / part_ns)
		return -EINVAL;
	if (mul_overflows(t->time.seconds, (int64_t)NS_PER_S, &seconds_ns) ||
	    add_overflows(seconds_ns, t->time.microseconds * part_ns, &ns) ||
	    add_overflows(ns, (int64_t)time_wall(), &ns) || ns < 0)
		return -EINVAL;
	time_set_wall((uint64_t)ns);
	return 0;
}

static int change(const struct linux_timex *t)
{
	if (!t->modes || t->modes == ADJ_OFFSET_SS_READ)
		return 0;
	if (!is_capable(CAP_SYS_TIME))
		return -EPERM;
	return t->modes & ~(uint32_t)(ADJ_SETOFFSET | ADJ_NANO | ADJ_MICRO) ? -EINVAL
	       : t->modes & ADJ_SETOFFSET                                   ? set_offset(t)
									    : 0;
}

static void tell(struct linux_timex *t)
{
	uint64_t now = time_wall();
	bool nano = t->modes & ADJ_NANO;

	*t = (struct linux_timex){
		.modes = t->modes,
		.error_max = ERROR_MAX_US,
		.error_estimated = ERROR_MAX_US,
		.status = STATUS_UNSYNCHRONISED | (nano ? STATUS_NANO : 0),
		.constant = TIME_CONSTANT,
		.precision = 1,
		.tolerance = TOLERANCE,
		.time = { (int64_t)(now / NS_PER_S),
			  (int64_t)(now % NS_PER_S / (nano ? 1 : NS_PER_US)) },
		.tick = TICK_US,
	};
}

long sys_adjtimex(long address)
{
	struct linux_timex t;

	if (user_read(&t, (uintptr_t)address, sizeof(t)))
		return -EFAULT;
	int err = change(&t);
	if (err)
		return err;
	tell(&t);
	return user_write((uintptr_t)address, &t, sizeof(t)) ? -EFAULT : STATE_ERROR;
}

long sys_clock_adjtime(long clock, long address)
{
	uint64_t now;

	if ((int)clock == CLOCK_REALTIME)
		return sys_adjtimex(address);
	return clock_read((int)clock, &now) ? -EINVAL : -EOPNOTSUPP;
}
