/* SPDX-License-Identifier: BSD-3-Clause */
/* Clocks and sleeping: clock_gettime(2), nanosleep(2) and their families. Timers are in timers.c. */
#include <core/resume.h>
#include <core/time.h>

#include "calls.h"
#include "clocks.h"

enum { CLOCK_TICKS = 100 };
#define NS_MAX ((uint64_t)INT64_MAX)
/* CPU clocks of other processes and threads: ~pid << 3, a bit for threads, and what is counted (linux/posix-timers.h). */
enum { CPU_CLOCK_THREAD = 4, CPU_CLOCK_KIND = 3 };

int timespec_to_ns(const struct linux_timespec *time, uint64_t *ns)
{
	if (time->seconds < 0 || time->nanoseconds < 0 || time->nanoseconds >= (int64_t)NS_PER_S)
		return -EINVAL;
	if ((uint64_t)time->seconds >= NS_MAX / NS_PER_S)
		*ns = NS_MAX;
	else
		*ns = (uint64_t)time->seconds * NS_PER_S + (uint64_t)time->nanoseconds;
	return 0;
}

int user_read_timespec(uintptr_t address, uint64_t *ns)
{
	struct linux_timespec time;

	if (user_read(&time, address, sizeof(time)))
		return -EFAULT;
	return timespec_to_ns(&time, ns);
}

int user_write_timespec(uintptr_t address, uint64_t ns)
{
	const struct linux_timespec time = { (int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S) };

	return user_write(address, &time, sizeof(time));
}

uint64_t deadline_after(uint64_t ns)
{
	uint64_t now = time_now();

	return ns > NS_MAX - now ? NS_MAX : now + ns;
}

/* A CPU clock's thread or process is the caller's own kind or another's, by id; 0 is oneself. */
static int read_cpu_clock(int clock, uint64_t *ns)
{
	int id = ~(clock >> 3);

	if ((clock & CPU_CLOCK_KIND) == 3)
		return -EINVAL;
	if (clock & CPU_CLOCK_THREAD) {
		struct task *task = task_find(process_current(), id ? id : task_current()->tid);

		if (!task)
			return -EINVAL;
		*ns = thread_cpu_time_ns(&task->thread);
		task_put(task);
		return 0;
	}
	const struct process *process = process_find(id);
	if (!process)
		return -EINVAL;
	*ns = process_cpu_time_ns(process);
	return 0;
}

int clock_read(int clock, uint64_t *ns)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*ns = time_wall();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = time_now();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = process_cpu_time_ns(process_current());
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = thread_cpu_time_ns(thread_current());
		return 0;
	default:
		return clock < 0 ? read_cpu_clock(clock, ns) : -EINVAL;
	}
}

bool clock_is_wall(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM || clock == CLOCK_TAI;
}

bool clock_is_cpu(int clock)
{
	return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

long sys_clock_gettime(long clock, long address)
{
	uint64_t ns;
	int err = clock_read((int)clock, &ns);

	resume_watch();
	return err ? err : user_write_timespec((uintptr_t)address, ns);
}

long sys_clock_getres(long clock, long address)
{
	uint64_t ns;
	int err = clock_read((int)clock, &ns);

	if (err || !address)
		return err;
	bool coarse = (int)clock == CLOCK_REALTIME_COARSE || (int)clock == CLOCK_MONOTONIC_COARSE;
	return user_write_timespec((uintptr_t)address,
				   coarse ? NS_PER_S / CLOCK_TICKS : time_resolution_ns());
}

long sys_clock_settime(long clock, long address)
{
	uint64_t ns;

	if ((int)clock != CLOCK_REALTIME)
		return -EINVAL;
	int err = user_read_timespec((uintptr_t)address, &ns);
	if (!err && !is_capable(CAP_SYS_TIME))
		err = -EPERM;
	if (!err)
		time_set_wall(ns);
	return err;
}

long sys_gettimeofday(long address, long zone)
{
	uint64_t ns = time_wall();
	const struct linux_timeval time = { (int64_t)(ns / NS_PER_S),
					    (int64_t)(ns % NS_PER_S / NS_PER_US) };

	resume_watch();
	if (address && user_write((uintptr_t)address, &time, sizeof(time)))
		return -EFAULT;
	return zone ? user_zero((uintptr_t)zone, 2 * sizeof(int32_t)) : 0;
}

long sys_settimeofday(long address, long zone)
{
	struct linux_timeval time;

	(void)zone; /* there is no time zone in the kernel */
	if (!address)
		return 0;
	if (user_read(&time, (uintptr_t)address, sizeof(time)))
		return -EFAULT;
	if (time.seconds < 0 || time.microseconds < 0 || time.microseconds >= 1000000 ||
	    (uint64_t)time.seconds >= NS_MAX / NS_PER_S)
		return -EINVAL;
	if (!is_capable(CAP_SYS_TIME))
		return -EPERM;
	time_set_wall((uint64_t)time.seconds * NS_PER_S + (uint64_t)time.microseconds * NS_PER_US);
	return 0;
}

long sys_time(long address)
{
	int64_t seconds = (int64_t)(time_wall() / NS_PER_S);

	resume_watch();
	if (address && user_write((uintptr_t)address, &seconds, sizeof(seconds)))
		return -EFAULT;
	return seconds;
}

long sys_times(long address)
{
	const uint64_t tick = NS_PER_S / CLOCK_TICKS;
	/* User, system, and the same of children that have ended. */
	const int64_t ticks[4] = { (int64_t)(process_cpu_time_ns(process_current()) / tick) };

	if (address && user_write((uintptr_t)address, ticks, sizeof(ticks)))
		return -EFAULT;
	return (long)(time_now() / tick);
}

/* Relative sleeps say on interruption what was left, and go on from their deadline when restarted. */
static long sleep_until(struct restart_state *state)
{
	int err = thread_sleep_until(state->deadline_ns, WAIT_INTERRUPTIBLE);

	if (!err)
		return 0;
	if (state->address) {
		uint64_t now = time_now();
		uint64_t left = now < state->deadline_ns ? state->deadline_ns - now : 0;

		if (user_write_timespec(state->address, left))
			return -EFAULT;
	}
	return restart_by_block(*state);
}

long sys_nanosleep(long request, long remainder)
{
	uint64_t ns;
	int err = user_read_timespec((uintptr_t)request, &ns);

	if (err)
		return err;
	return sleep_until(&(struct restart_state){
		.fn = sleep_until,
		.deadline_ns = deadline_after(ns),
		.address = (uintptr_t)remainder,
	});
}

/* Sleeping by CPU time only makes sense for another thread's; it is looked at again when it could be over at the earliest. */
static long sleep_cpu(int clock, uint64_t until)
{
	uint64_t ns;

	for (;;) {
		int err = clock_read(clock, &ns);

		if (err || ns >= until)
			return err;
		err = thread_sleep_until(deadline_after(until - ns), WAIT_INTERRUPTIBLE);
		if (err)
			return -ERESTARTNOHAND;
	}
}

long sys_clock_nanosleep(long clock, long flags, long request, long remainder)
{
	uint64_t ns, now;

	clock = (int)clock;
	if (clock == CLOCK_THREAD_CPUTIME_ID)
		return -EINVAL;
	if (clock_read((int)clock, &now) || clock == CLOCK_MONOTONIC_RAW ||
	    clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		return clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_REALTIME_COARSE ||
				       clock == CLOCK_MONOTONIC_COARSE
			       ? -EOPNOTSUPP
			       : -EINVAL;
	int err = user_read_timespec((uintptr_t)request, &ns);
	if (err)
		return err;
	if (clock_is_cpu((int)clock))
		return sleep_cpu((int)clock, flags & TIMER_ABSTIME ? ns : now + ns);
	if (!(flags & TIMER_ABSTIME))
		return sleep_until(&(struct restart_state){
			.fn = sleep_until,
			.deadline_ns = deadline_after(ns),
			.address = (uintptr_t)remainder,
		});
	err = thread_sleep_until(ns, clock_is_wall((int)clock) ? WAIT_INTERRUPTIBLE | WAIT_WALL
							       : WAIT_INTERRUPTIBLE);
	return err ? -ERESTARTNOHAND : 0;
}
