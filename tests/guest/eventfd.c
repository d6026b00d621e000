/* SPDX-License-Identifier: BSD-3-Clause */
/* eventfd: counting, semaphores, overflow, waiting, wrong use. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/time.h>

static int polled(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, 0 };
	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

static long put(int fd, uint64_t value)
{
	return write(fd, &value, sizeof value);
}

static uint64_t take(int fd)
{
	uint64_t value = 0;
	CHECK_EQ(read(fd, &value, sizeof value), 8);
	return value;
}

static void on_alarm(int signo)
{
	(void)signo;
}

int main(void)
{
	uint64_t value;
	int fd = eventfd(3, EFD_NONBLOCK);

	CHECK_EQ(polled(fd), POLLIN | POLLOUT);
	CHECK_EQ(take(fd), 3);
	CHECK_ERROR(read(fd, &value, 8), EAGAIN);
	CHECK_EQ(polled(fd), POLLOUT);
	CHECK_EQ(put(fd, 0), 8);
	CHECK_EQ(polled(fd), POLLOUT);
	CHECK_EQ(put(fd, 5), 8);
	CHECK_EQ(put(fd, 6), 8);
	CHECK_EQ(take(fd), 11);
	CHECK_EQ(put(fd, UINT64_MAX - 1), 8);
	CHECK_EQ(polled(fd), POLLIN);
	CHECK_ERROR(put(fd, 1), EAGAIN);
	CHECK_EQ(put(fd, 0), 8);
	CHECK_ERROR(put(fd, UINT64_MAX), EINVAL);
	CHECK_EQ(take(fd), UINT64_MAX - 1);
	CHECK_ERROR(read(fd, &value, 7), EINVAL);
	CHECK_ERROR(write(fd, &value, 7), EINVAL);
	CHECK_ERROR(write(fd, check_bad_pointer(), 8), EFAULT);
	CHECK_EQ(put(fd, 1), 8);
	char large[100];
	CHECK_EQ(read(fd, large, sizeof large), 8);
	close(fd);

	fd = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE | EFD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(take(fd), 1);
	CHECK_EQ(take(fd), 1);
	CHECK_ERROR(read(fd, &value, 8), EAGAIN);
	close(fd);

	fd = eventfd(0, 0);
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 10000 }, { 0, 10000 } }, NULL);
	CHECK_ERROR(read(fd, &value, 8), EINTR);
	CHECK_EQ(put(fd, UINT64_MAX - 1), 8);
	CHECK_ERROR(put(fd, 1), EINTR);
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	close(fd);
	CHECK_ERROR(syscall(SYS_eventfd2, 0, 2), EINVAL);
	return check_done("eventfd");
}
