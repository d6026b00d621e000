/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vDSO (vdso(7)): clocks without a system call. This is user mode code, mapped into every program behind the page that
 * holds struct time_page; it has no data, and calls nothing outside. Where that page says that the cycle counter cannot serve,
 * or the clock is none of its own, it makes the real call.
 */
#include <core/time.h>

#include <base/compiler.h>
#include <base/types.h>

enum {
	CLOCK_REALTIME,
	CLOCK_MONOTONIC,
	CLOCK_MONOTONIC_RAW = 4,
	CLOCK_REALTIME_COARSE,
	CLOCK_MONOTONIC_COARSE,
	CLOCK_BOOTTIME,
	CLOCK_TAI = 11
};
enum {
	SYS_GETTIMEOFDAY = 96,
	SYS_TIME = 201,
	SYS_CLOCK_GETTIME = 228,
	SYS_CLOCK_GETRES = 229,
	SYS_GETCPU = 309
};

struct vdso_timespec {
	int64_t seconds, nanoseconds;
};
struct vdso_timeval {
	int64_t seconds, microseconds;
};
struct vdso_timezone {
	int32_t minutes_west, dst;
};

extern const struct time_page time_page __attribute__((visibility("hidden")));
long vdso_syscall(long a, long b, long c, long nr);

/* What programs look up: version LINUX_2.6, with and without the prefix. */
#define EXPORTED __attribute__((visibility("default")))

EXPORTED int __vdso_clock_gettime(int clock, struct vdso_timespec *out);
EXPORTED int __vdso_gettimeofday(struct vdso_timeval *out, struct vdso_timezone *zone);
EXPORTED int64_t __vdso_time(int64_t *out);
EXPORTED int __vdso_clock_getres(int clock, struct vdso_timespec *out);
EXPORTED int __vdso_getcpu(unsigned *cpu, unsigned *node, void *cache);

static bool is_wall_clock(int clock)
{
	return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_TAI;
}

static bool is_known(int clock)
{
	return is_wall_clock(clock) || clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW ||
	       clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_BOOTTIME;
}

/* Nanoseconds of the clock; false: ask the kernel. */
static inline bool read_clock(bool wall, uint64_t *ns)
{
	const struct time_page *page = &time_page;
	uint32_t sequence;

	do {
		sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
		if (unlikely(!__atomic_load_n(&page->usable, __ATOMIC_RELAXED)))
			return false;
		/* Not before what precedes: a time read later must not be earlier. */
		__builtin_ia32_lfence();
		uint64_t cycles = __builtin_ia32_rdtsc();
		uint64_t base = __atomic_load_n(&page->base_cycles, __ATOMIC_RELAXED);
		/* Another CPU's counter may be a little behind the one that wrote the page. */
		uint64_t passed = cycles > base ? cycles - base : 0;

		*ns = __atomic_load_n(&page->base_ns, __ATOMIC_RELAXED) +
		      (uint64_t)((unsigned __int128)passed *
					 __atomic_load_n(&page->mult, __ATOMIC_RELAXED) >>
				 __atomic_load_n(&page->shift, __ATOMIC_RELAXED));
		if (wall)
			*ns += (uint64_t)__atomic_load_n(&page->wall_offset_ns, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while (unlikely(sequence & 1 ||
			  __atomic_load_n(&page->sequence, __ATOMIC_RELAXED) != sequence));
	return true;
}

int __vdso_clock_gettime(int clock, struct vdso_timespec *out)
{
	uint64_t ns;

	if (unlikely(!is_known(clock) || !read_clock(is_wall_clock(clock), &ns)))
		return (int)vdso_syscall(clock, (long)out, 0, SYS_CLOCK_GETTIME);
	out->seconds = (int64_t)(ns / NS_PER_S);
	out->nanoseconds = (int64_t)(ns % NS_PER_S);
	return 0;
}

int __vdso_gettimeofday(struct vdso_timeval *out, struct vdso_timezone *zone)
{
	uint64_t ns;

	if (unlikely(!read_clock(true, &ns)))
		return (int)vdso_syscall((long)out, (long)zone, 0, SYS_GETTIMEOFDAY);
	if (out) {
		out->seconds = (int64_t)(ns / NS_PER_S);
		out->microseconds = (int64_t)(ns % NS_PER_S / NS_PER_US);
	}
	if (zone)
		*zone = (struct vdso_timezone){ 0, 0 };
	return 0;
}

int64_t __vdso_time(int64_t *out)
{
	uint64_t ns;

	if (unlikely(!read_clock(true, &ns)))
		return vdso_syscall((long)out, 0, 0, SYS_TIME);
	if (out)
		*out = (int64_t)(ns / NS_PER_S);
	return (int64_t)(ns / NS_PER_S);
}

int __vdso_clock_getres(int clock, struct vdso_timespec *out)
{
	return (int)vdso_syscall(clock, (long)out, 0, SYS_CLOCK_GETRES);
}

int __vdso_getcpu(unsigned *cpu, unsigned *node, void *cache)
{
	return (int)vdso_syscall((long)cpu, (long)node, (long)cache, SYS_GETCPU);
}

EXPORTED int clock_gettime(int clock, struct vdso_timespec *out)
	__attribute__((weak, alias("__vdso_clock_gettime")));
EXPORTED int gettimeofday(struct vdso_timeval *out, struct vdso_timezone *zone)
	__attribute__((weak, alias("__vdso_gettimeofday")));
EXPORTED int64_t time(int64_t *out) __attribute__((weak, alias("__vdso_time")));
EXPORTED int clock_getres(int clock, struct vdso_timespec *out)
	__attribute__((weak, alias("__vdso_clock_getres")));
EXPORTED int getcpu(unsigned *cpu, unsigned *node, void *cache)
	__attribute__((weak, alias("__vdso_getcpu")));
