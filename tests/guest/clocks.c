/* SPDX-License-Identifier: BSD-3-Clause */
/* Clocks go forward and at the right speed, sleeps last as long as asked. */
#include "check.h"

#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static int64_t read_clock(clockid_t clock)
{
	struct timespec now = { 0, 0 };
	CHECK_EQ(clock_gettime(clock, &now), 0);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void check_order(void)
{
	unsigned back = 0;
	int64_t last = read_clock(CLOCK_MONOTONIC), start = last;
	for (int i = 0; i < 100000; i++) {
		int64_t now = read_clock(CLOCK_MONOTONIC);
		back += now < last;
		last = now;
	}
	CHECK_EQ(back, 0);
	CHECK(last > start);
	for (int i = 0; i < 1000; i++) { /* the call and the vDSO are one clock */
		struct timespec now;
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
		int64_t here = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
		back += here < last;
		last = read_clock(CLOCK_MONOTONIC);
		back += last < here;
	}
	CHECK_EQ(back, 0);
	CHECK(read_clock(CLOCK_REALTIME) / 1000000000 > 1700000000); /* a sane date: the host's */
	struct timeval day;
	CHECK_EQ(gettimeofday(&day, NULL), 0);
	int64_t real = read_clock(CLOCK_REALTIME) / 1000 -
		       ((int64_t)day.tv_sec * 1000000 + day.tv_usec);
	CHECK(real >= 0 && real < 5000000);
	time_t seconds = time(NULL);
	CHECK(seconds >= day.tv_sec && seconds <= day.tv_sec + 5);
}

static void check_sleep(void)
{
	static const long lengths_ms[] = { 1, 10, 100 };
	for (size_t i = 0; i < 3; i++) {
		struct timespec wait = { 0, lengths_ms[i] * 1000000 };
		int64_t start = read_clock(CLOCK_MONOTONIC), real = read_clock(CLOCK_REALTIME);
		CHECK_EQ(nanosleep(&wait, NULL), 0);
		int64_t took = read_clock(CLOCK_MONOTONIC) - start;
		CHECK(took >= wait.tv_nsec);
		CHECK(took < wait.tv_nsec + 500000000);
		int64_t took_real = read_clock(CLOCK_REALTIME) - real;
		CHECK(took_real > wait.tv_nsec * 9 / 10 && took_real < wait.tv_nsec + 500000000);
	}
	for (int clock = 0; clock < 2; clock++) {
		clockid_t id = clock ? CLOCK_MONOTONIC : CLOCK_REALTIME;
		int64_t until = read_clock(id) + 30000000;
		struct timespec at = { until / 1000000000, until % 1000000000 };
		CHECK_EQ(clock_nanosleep(id, TIMER_ABSTIME, &at, NULL), 0);
		int64_t late = read_clock(id) - until;
		CHECK(late >= 0 && late < 500000000);
		CHECK_EQ(clock_nanosleep(id, TIMER_ABSTIME, &at, NULL), 0); /* past already */
	}
	CHECK_EQ(nanosleep(&(struct timespec){ 0, 0 }, NULL), 0);
	CHECK_EQ(usleep(2000), 0);
}

static void check_errors(void)
{
	struct timespec any = { 0, 1 };
	CHECK_ERROR(nanosleep(&(struct timespec){ 0, 1000000000 }, NULL), EINVAL);
	CHECK_ERROR(nanosleep(&(struct timespec){ -1, 0 }, NULL), EINVAL);
	CHECK_ERROR(syscall(SYS_nanosleep, 16, 0), EFAULT);
	CHECK_EQ(clock_nanosleep(9999, 0, &any, NULL), EINVAL);
	CHECK_ERROR(clock_gettime(9999, &any), EINVAL);
	CHECK_ERROR(clock_getres(9999, &any), EINVAL);
	CHECK_ERROR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 16), EFAULT);
}

static void check_cpu_clocks(void)
{
	struct timespec step = { 5, 5 };
	CHECK_EQ(clock_getres(CLOCK_MONOTONIC, &step), 0);
	CHECK(step.tv_sec == 0 && step.tv_nsec >= 1 && step.tv_nsec <= 10000000);
	CHECK_EQ(clock_getres(CLOCK_PROCESS_CPUTIME_ID, &step), 0);
	int64_t cpu = read_clock(CLOCK_PROCESS_CPUTIME_ID),
		thread = read_clock(CLOCK_THREAD_CPUTIME_ID);
	CHECK(cpu >= 0 && thread >= 0);
	usleep(50000);
	CHECK(read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu <
	      40000000); /* sleeping is not computing */
	int64_t start = read_clock(CLOCK_MONOTONIC);
	while (read_clock(CLOCK_MONOTONIC) - start < 30000000)
		;
	CHECK(read_clock(CLOCK_PROCESS_CPUTIME_ID) > cpu);
	CHECK(read_clock(CLOCK_THREAD_CPUTIME_ID) > thread);
	CHECK(clock() >= 0);
	CHECK(read_clock(CLOCK_MONOTONIC_COARSE) <= read_clock(CLOCK_MONOTONIC));
	CHECK(read_clock(CLOCK_BOOTTIME) > 0 && read_clock(CLOCK_MONOTONIC_RAW) > 0);
}

int main(void)
{
	check_order();
	check_sleep();
	check_errors();
	check_cpu_clocks();
	return check_done("clocks");
}
