/* SPDX-License-Identifier: BSD-3-Clause */
/* POSIX timers: one-shot, periodic with overruns, absolute, disarmed, with a signal's value. */
#include "check.h"

#include <signal.h>
#include <time.h>

static volatile unsigned fired;
static volatile int value, code;

static void handler(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	fired++;
	value = info->si_value.sival_int;
	code = info->si_code;
}

static void wait_for(unsigned count)
{
	for (int i = 0; i < 400 && fired < count; i++)
		nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
}

static void check_signal_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2 };
	event.sigev_value.sival_int = 4711;
	timer_t timer;
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	struct itimerspec set = { .it_value = { 0, 20000000 } }, old;
	CHECK_EQ(timer_settime(timer, 0, &set, NULL), 0);
	CHECK_EQ(timer_gettime(timer, &old), 0);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec > 0 &&
	      old.it_value.tv_nsec <= 20000000);
	wait_for(1);
	CHECK_EQ(fired, 1);
	CHECK_EQ(value, 4711);
	CHECK_EQ(code, SI_TIMER);
	CHECK_EQ(timer_gettime(timer, &old), 0);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);
	set.it_interval = (struct timespec){ 0, 3000000 };
	fired = 0;
	CHECK_EQ(timer_settime(timer, 0, &set, NULL), 0);
	wait_for(5);
	CHECK(fired >= 5);
	set = (struct itimerspec){ 0 };
	CHECK_EQ(timer_settime(timer, 0, &set, &old), 0);
	CHECK_EQ(old.it_interval.tv_nsec, 3000000);
	fired = 0;
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	CHECK_EQ(fired, 0);
	CHECK_EQ(timer_delete(timer), 0);
}

static void check_absolute_and_overrun(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2 };
	timer_t timer;
	CHECK_EQ(timer_create(CLOCK_REALTIME, &event, &timer), 0);
	struct itimerspec set = { 0 };
	clock_gettime(CLOCK_REALTIME, &set.it_value);
	set.it_value.tv_sec -= 5; /* past: fires at once */
	fired = 0;
	CHECK_EQ(timer_settime(timer, TIMER_ABSTIME, &set, NULL), 0);
	wait_for(1);
	CHECK_EQ(fired, 1);
	sigset_t block;
	sigemptyset(&block);
	sigaddset(&block, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &block, NULL);
	set = (struct itimerspec){ .it_value = { 0, 1000000 }, .it_interval = { 0, 1000000 } };
	fired = 0;
	CHECK_EQ(timer_settime(timer, 0, &set, NULL), 0);
	nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
	siginfo_t info;
	CHECK_EQ(sigwaitinfo(&block, &info), SIGRTMIN + 2);
	CHECK(info.si_overrun >= 20);
	CHECK(timer_getoverrun(timer) >= 20);
	CHECK_EQ(timer_delete(timer), 0);
	sigprocmask(SIG_UNBLOCK, &block, NULL);
}

static void check_quiet_timer_and_errors(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	timer_t timer;
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	struct itimerspec set = { .it_value = { 0, 5000000 } }, now;
	CHECK_EQ(timer_settime(timer, 0, &set, NULL), 0);
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	CHECK_EQ(timer_gettime(timer, &now), 0);
	CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
	set.it_value.tv_nsec = 1000000000;
	CHECK_ERROR(timer_settime(timer, 0, &set, NULL), EINVAL);
	CHECK_EQ(timer_delete(timer), 0);
	CHECK_ERROR(timer_create(9999, &event, &timer), EINVAL);
	event = (struct sigevent){ .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99 };
	CHECK_ERROR(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	sigaction(SIGRTMIN + 2, &action, NULL);
	check_signal_timer();
	check_absolute_and_overrun();
	check_quiet_timer_and_errors();
	return check_done("timers");
}
