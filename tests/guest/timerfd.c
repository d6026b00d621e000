/* SPDX-License-Identifier: BSD-3-Clause */
/* timerfd: clocks, absolute and relative times, intervals, what a clock that is set does to them. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET 2
#endif

static int polled(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLOUT | POLLRDNORM, 0 };
	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

static void rest_ms(long ms)
{
	nanosleep(&(struct timespec){ 0, ms * 1000000 }, NULL);
}

static int set(int fd, int flags, long value_ns, long interval_ns)
{
	struct itimerspec spec = { { interval_ns / 1000000000, interval_ns % 1000000000 },
				   { value_ns / 1000000000, value_ns % 1000000000 } };
	return timerfd_settime(fd, flags, &spec, NULL);
}

static void check_clock(int clock)
{
	uint64_t ticks = 0;
	int fd = timerfd_create(clock, TFD_NONBLOCK | TFD_CLOEXEC);
	struct itimerspec left;

	REQUIRE(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(polled(fd), 0);
	CHECK_ERROR(read(fd, &ticks, 8), EAGAIN);
	CHECK_EQ(set(fd, 0, 100 * 1000000000l, 0), 0);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK(left.it_value.tv_sec > 0 && left.it_value.tv_sec < 100);
	CHECK_EQ(set(fd, 0, 10000000, 0), 0);
	rest_ms(20);
	CHECK_EQ(polled(fd), POLLIN);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK_EQ(left.it_value.tv_nsec, 0);
	CHECK_EQ(read(fd, &ticks, 8), 8);
	CHECK_EQ(ticks, 1);
	CHECK_ERROR(read(fd, &ticks, 8), EAGAIN);

	/* An absolute time that has passed, with an interval: all since are counted. */
	struct timespec now;
	clock_gettime(clock, &now);
	struct itimerspec spec = { { 0, 10000000 }, now };
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL), 0);
	rest_ms(55);
	CHECK_EQ(read(fd, &ticks, 8), 8);
	CHECK(ticks >= 6);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK_EQ(left.it_interval.tv_nsec, 10000000);
	CHECK_EQ(fcntl(fd, F_SETFL, 0), 0);
	CHECK_EQ(read(fd, &ticks, 8), 8);
	CHECK(ticks >= 1);

	/* Setting it anew forgets what was not read. */
	rest_ms(15);
	CHECK_EQ(set(fd, 0, 1000000000, 0), 0);
	CHECK_EQ(polled(fd), 0);
	struct itimerspec old;
	spec = (struct itimerspec){ { 0, 0 }, { 0, 0 } };
	CHECK_EQ(timerfd_settime(fd, 0, &spec, &old), 0);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_nsec > 500000000);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	close(fd);
}

/* One edge until somebody reads: the interval rests meanwhile. */
static void check_edges(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), ep = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	uint64_t ticks;

	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_EQ(set(fd, 0, 1000000, 1000000), 0);
	CHECK_EQ(epoll_wait(ep, &event, 1, 1000), 1);
	CHECK_EQ(event.events, EPOLLIN);
	CHECK_EQ(epoll_wait(ep, &event, 1, 20), 0);
	CHECK_EQ(read(fd, &ticks, 8), 8);
	CHECK(ticks > 10);
	CHECK_EQ(epoll_wait(ep, &event, 1, 1000), 1);
	/* A short interval costs nothing as long as nobody reads. */
	CHECK_EQ(set(fd, 0, 1, 1), 0);
	rest_ms(20);
	CHECK_EQ(read(fd, &ticks, 8), 8);
	CHECK(ticks > 1000000);
	close(fd);
	close(ep);
}

static void check_misuse(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	uint64_t ticks;

	CHECK_ERROR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	CHECK_ERROR(timerfd_create(CLOCK_TAI, 0), EINVAL);
	CHECK_ERROR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	CHECK_ERROR(set(fd, 4, 1, 0), EINVAL);
	struct itimerspec spec = { { 0, 0 }, { 0, 1000000000 } };
	CHECK_ERROR(timerfd_settime(fd, 0, &spec, NULL), EINVAL);
	spec = (struct itimerspec){ { -1, 0 }, { 0, 1 } };
	CHECK_ERROR(timerfd_settime(fd, 0, &spec, NULL), EINVAL);
	CHECK_ERROR(timerfd_settime(0x7fff, 0, &(struct itimerspec){ 0 }, NULL), EBADF);
	int other = dup(0);
	CHECK_ERROR(set(other, 0, 1, 0), EINVAL);
	close(other);
	CHECK_ERROR(timerfd_gettime(fd, check_bad_pointer()), EFAULT);
	CHECK_ERROR(read(fd, &ticks, 7), EINVAL);
	CHECK_ERROR(write(fd, &ticks, 8), EINVAL);
	CHECK_EQ(set(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, 1, 0), 0);
	rest_ms(1);
	CHECK_EQ(polled(fd), POLLIN);
	close(fd);
}

/* The time after the first would be past the end of all: it is never, not at once. */
static void check_longest_interval(void)
{
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	struct itimerspec left;
	struct timespec now;
	uint64_t ticks;

	CHECK_EQ(set(fd, TFD_TIMER_ABSTIME, 1, INT64_MAX), 0);
	CHECK_EQ(read(fd, &ticks, 8), 8);
	CHECK_EQ(ticks, 1);
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK(left.it_value.tv_sec <= INT64_MAX / 1000000000 - now.tv_sec);
	CHECK_EQ(polled(fd), 0);
	close(fd);
}

int main(void)
{
	check_clock(CLOCK_MONOTONIC);
	check_clock(CLOCK_REALTIME);
	check_clock(CLOCK_BOOTTIME);
	check_edges();
	check_misuse();
	check_longest_interval();
	return check_done("timerfd");
}
