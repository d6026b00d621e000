/* SPDX-License-Identifier: BSD-3-Clause */
/* Timer signals interrupt a computing program anywhere and change none of its registers; alarm and setitimer end waits. */
#include "check.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

static volatile unsigned fired;

static void handler(int signal_number)
{
	(void)signal_number;
	fired++;
	__asm__ volatile(
		"pcmpeqd %%xmm0, %%xmm0\n\tmovaps %%xmm0, %%xmm1\n\tmovaps %%xmm0, %%xmm5\n\t"
		"movaps %%xmm0, %%xmm15\n\tfninit" ::
			: "xmm0", "xmm1", "xmm5", "xmm15");
}

__attribute__((noipa)) static double series(unsigned terms)
{
	double sum = 0;
	for (unsigned i = 0; i < terms; i++)
		sum += (i & 1 ? -4.0 : 4.0) / (2 * i + 1);
	return sum;
}

__attribute__((noipa)) static long double series_x87(unsigned terms)
{
	long double sum = 0;
	for (unsigned i = 1; i <= terms; i++)
		sum += 1.0L / i;
	return sum;
}

static void check_computing(void)
{
	double want = series(5000);
	long double want_x87 = series_x87(5000);
	struct itimerval every = { { 0, 2000 }, { 0, 2000 } }, none = { { 0, 0 }, { 0, 0 } }, old;
	fired = 0;
	CHECK_EQ(setitimer(ITIMER_REAL, &every, NULL), 0);
	unsigned rounds = 0, wrong = 0;
	while (fired < 20 && rounds < 20000) {
		wrong += series(5000) != want;
		wrong += series_x87(5000) != want_x87;
		rounds++;
	}
	CHECK_EQ(setitimer(ITIMER_REAL, &none, &old), 0);
	CHECK(fired >= 20);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(old.it_interval.tv_usec, 2000);
}

static void check_interrupted_sleep(void)
{
	struct itimerval once = { { 0, 0 }, { 0, 20000 } };
	struct timespec wait = { 5, 0 }, left = { 0, 0 };
	setitimer(ITIMER_REAL, &once, NULL);
	CHECK_ERROR(nanosleep(&wait, &left), EINTR);
	CHECK(left.tv_sec == 4);
	setitimer(ITIMER_REAL, &once, NULL);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, &left), EINTR);
	CHECK(left.tv_sec == 4);
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &once, NULL);
	CHECK_ERROR(nanosleep(&wait, &left), EINTR); /* never restarted once a handler ran */
	setitimer(ITIMER_REAL, &once, NULL);
	CHECK_ERROR(pause(), EINTR);
}

static void check_alarm(void)
{
	struct timespec before, after;
	CHECK_EQ(alarm(100), 0);
	unsigned left = alarm(1);
	CHECK(left == 100 || left == 99);
	fired = 0;
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK_ERROR(pause(), EINTR);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK_EQ(fired, 1);
	long ms = (after.tv_sec - before.tv_sec) * 1000 +
		  (after.tv_nsec - before.tv_nsec) / 1000000;
	CHECK(ms >= 950 && ms < 4000);
	CHECK_EQ(alarm(0), 0);
	CHECK_ERROR(setitimer(7, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL), EINVAL);
	CHECK_ERROR(setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 1000000 } }, NULL),
		    EINVAL);
}

int main(void)
{
	struct sigaction action = { .sa_handler = handler };
	sigaction(SIGALRM, &action, NULL);
	check_computing();
	check_interrupted_sleep();
	check_alarm();
	return check_done("sigtimer");
}
