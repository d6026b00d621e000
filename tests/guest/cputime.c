/* SPDX-License-Identifier: BSD-3-Clause */
/* CPU time of threads and of the process, by every call that tells it, and timers on it. */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <time.h>

#include "check.h"

enum { MS = 1000000 };

static sem_t done, go;
static volatile int fired;
static volatile int fired_in;

static uint64_t read_ns(clockid_t clock)
{
	struct timespec time;

	REQUIRE(!clock_gettime(clock, &time));
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void spin(uint64_t ns)
{
	uint64_t start = read_ns(CLOCK_THREAD_CPUTIME_ID);

	while (read_ns(CLOCK_THREAD_CPUTIME_ID) - start < ns)
		for (volatile int i = 0; i < 1000; i++)
			;
}

static void *spin_and_wait(void *arg)
{
	spin((uint64_t)(long)arg * MS);
	sem_post(&done);
	sem_wait(&go);
	return NULL;
}

static void test_clocks(void)
{
	pthread_t busy, idle;
	clockid_t clock;
	struct tms times_before, times_after;
	uint64_t before = read_ns(CLOCK_PROCESS_CPUTIME_ID), of_busy;

	times(&times_before);
	REQUIRE(!pthread_create(&busy, NULL, spin_and_wait, (void *)60));
	REQUIRE(!pthread_create(&idle, NULL, spin_and_wait, (void *)0));
	sem_wait(&done);
	sem_wait(&done);
	REQUIRE(!pthread_getcpuclockid(busy, &clock));
	of_busy = read_ns(clock);
	CHECK(of_busy >= 60 * MS);
	CHECK_EQ(clock_getres(clock, NULL), 0);
	REQUIRE(!pthread_getcpuclockid(idle, &clock));
	CHECK(read_ns(clock) < of_busy);
	CHECK(read_ns(CLOCK_PROCESS_CPUTIME_ID) - before >= of_busy);
	sem_post(&go);
	sem_post(&go);
	pthread_join(busy, NULL);
	pthread_join(idle, NULL);
	/* What they have used stays with the process. */
	CHECK(read_ns(CLOCK_PROCESS_CPUTIME_ID) - before >= of_busy);
	times(&times_after);
	CHECK(times_after.tms_utime + times_after.tms_stime - times_before.tms_utime -
		      times_before.tms_stime >=
	      4);
	CHECK_EQ(times_after.tms_cutime, 0);
}

static uint64_t usage_ns(int who, struct rusage *usage)
{
	CHECK_EQ(getrusage(who, usage), 0);
	return (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1000;
}

static void *look_at_usage(void *arg)
{
	struct rusage usage;

	CHECK(usage_ns(RUSAGE_THREAD, &usage) < 50 * MS);
	spin(50 * MS);
	CHECK(usage_ns(RUSAGE_THREAD, &usage) >= 49 * MS);
	for (int i = 0; i < 10; i++)
		usleep(10000);
	usage_ns(RUSAGE_THREAD, &usage);
	CHECK(usage.ru_nvcsw >= 3); /* a late machine finds that the time is over */
	return arg;
}

static void test_usage(void)
{
	struct rusage before, after;
	uint64_t start = usage_ns(RUSAGE_SELF, &before);
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, look_at_usage, NULL));
	pthread_join(thread, NULL);
	CHECK(usage_ns(RUSAGE_SELF, &after) - start >= 49 * MS);
	CHECK(after.ru_nvcsw - before.ru_nvcsw >= 3);
	CHECK(after.ru_maxrss > 0);
	CHECK_ERROR(getrusage(2, &after), EINVAL);
}

static void note(int signo)
{
	(void)signo;
	fired++;
	fired_in = (int)syscall(SYS_gettid);
}

/* Counts only while this thread runs, and tells this thread. */
static void *time_itself(void *arg)
{
	const struct itimerspec spec = { .it_value.tv_nsec = 30 * MS };
	struct {
		union sigval value;
		int signo, notify, tid, pad[11];
	} event = { .signo = SIGUSR1, .notify = 4 /* SIGEV_THREAD_ID */ };
	uint64_t start;
	int timer;

	event.tid = (int)syscall(SYS_gettid);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &event, &timer), 0);
	start = read_ns(CLOCK_THREAD_CPUTIME_ID);
	CHECK_EQ(syscall(SYS_timer_settime, timer, 0, &spec, NULL), 0);
	usleep(50000);
	CHECK_EQ(fired, 0);
	while (!fired)
		spin(1 * MS);
	CHECK(read_ns(CLOCK_THREAD_CPUTIME_ID) - start >= 30 * MS);
	CHECK_EQ(fired_in, event.tid);
	CHECK_EQ(syscall(SYS_timer_delete, timer), 0);
	return arg;
}

static void test_timer(void)
{
	const struct sigaction action = { .sa_handler = note };
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	REQUIRE(!pthread_create(&thread, NULL, time_itself, NULL));
	pthread_join(thread, NULL);
	CHECK_EQ(fired, 1);
}

int main(void)
{
	clockid_t none = (clockid_t)(~3999999u << 3 | 6);
	struct timespec time;

	sem_init(&done, 0, 0);
	sem_init(&go, 0, 0);
	test_clocks();
	test_usage();
	test_timer();
	CHECK_ERROR(clock_gettime(none, &time), EINVAL);
	return check_done("cputime");
}
