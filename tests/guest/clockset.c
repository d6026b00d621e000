/* SPDX-License-Identifier: BSD-3-Clause */
/* What a wall clock that is set does to timerfds. It sets the clock of the machine: so it wants to be process 1 of one. */
#include "check.h"

#include <poll.h>
#include <sys/timerfd.h>
#include <time.h>

#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET 2
#endif

static void set_wall_by(long seconds)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += seconds;
	REQUIRE(clock_settime(CLOCK_REALTIME, &now) == 0);
}

static int ready(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN, 0 };
	return poll(&poll_fd, 1, 20);
}

int main(void)
{
	REQUIRE(getpid() == 1);

	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	struct itimerspec spec = { 0 };
	uint64_t ticks;

	clock_gettime(CLOCK_REALTIME, &spec.it_value);
	spec.it_value.tv_sec += 1000;
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL), 0);
	CHECK_EQ(ready(fd), 0);
	set_wall_by(2000);
	CHECK_EQ(ready(fd), 1);
	CHECK_EQ(read(fd, &ticks, 8), 8);
	CHECK_EQ(ticks, 1);

	/* A relative time is not moved. */
	spec.it_value = (struct timespec){ 1000, 0 };
	CHECK_EQ(timerfd_settime(fd, 0, &spec, NULL), 0);
	set_wall_by(2000);
	CHECK_EQ(ready(fd), 0);

	clock_gettime(CLOCK_REALTIME, &spec.it_value);
	spec.it_value.tv_sec += 1000;
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL), 0);
	CHECK_EQ(ready(fd), 0);
	set_wall_by(10);
	CHECK_EQ(ready(fd), 1);
	CHECK_ERROR(read(fd, &ticks, 8), ECANCELED);
	CHECK_EQ(ready(fd), 0);
	set_wall_by(1000);
	CHECK_ERROR(read(fd, &ticks, 8), ECANCELED);
	return check_done("clockset");
}
