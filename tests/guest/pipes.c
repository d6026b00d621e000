/* SPDX-License-Identifier: BSD-3-Clause */
/* Pipes and FIFOs: sizes, packets, what poll says, what opening a FIFO waits for. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static char bytes[1 << 20];

static int polled(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM, 0 };
	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

static int held(int fd)
{
	int count = -1;
	CHECK_EQ(ioctl(fd, FIONREAD, &count), 0);
	return count;
}

static void check_capacity(void)
{
	int fds[2];

	REQUIRE(pipe2(fds, O_NONBLOCK) == 0);
	CHECK_EQ(fcntl(fds[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(polled(fds[1]), POLLOUT | POLLWRNORM);
	CHECK_EQ(write(fds[1], bytes, sizeof bytes), 65536);
	CHECK_EQ(polled(fds[1]), 0);
	CHECK_EQ(held(fds[0]), 65536);
	CHECK_ERROR(write(fds[1], bytes, 1), EAGAIN);
	CHECK_EQ(write(fds[1], bytes, 0), 0);
	CHECK_EQ(read(fds[0], bytes, 4095), 4095);
	CHECK_EQ(polled(fds[1]), 0);
	CHECK_ERROR(write(fds[1], bytes, 1), EAGAIN);
	CHECK_EQ(read(fds[0], bytes, 1), 1);
	CHECK_EQ(polled(fds[1]), POLLOUT | POLLWRNORM);
	CHECK_EQ(write(fds[1], bytes, 5000), 4096);
	CHECK_EQ(read(fds[0], bytes, 0), 0);
	CHECK_EQ(read(fds[0], bytes, sizeof bytes), 65536);
	CHECK_ERROR(read(fds[0], bytes, 1), EAGAIN);

	/* Slots, not bytes, are what a pipe has. */
	for (int i = 0; i < 16; i++)
		CHECK_EQ(write(fds[1], bytes, 3000), 3000);
	CHECK_EQ(polled(fds[1]), 0);
	CHECK_ERROR(write(fds[1], bytes, 3000), EAGAIN);
	CHECK_EQ(write(fds[1], bytes, 1000), 1000);
	CHECK_EQ(write(fds[1], bytes, 4096 + 50), 50);
	CHECK_ERROR(write(fds[1], bytes, 4096 + 47), EAGAIN);
	CHECK_EQ(held(fds[1]), 49050);
	CHECK_ERROR(fcntl(fds[0], F_SETPIPE_SZ, 8 * 4096), EBUSY);
	CHECK_EQ(fcntl(fds[0], F_SETPIPE_SZ, 17 * 4096), 32 * 4096);
	CHECK_EQ(polled(fds[1]), POLLOUT | POLLWRNORM);
	CHECK_EQ(read(fds[0], bytes, sizeof bytes), 49050);
	CHECK_EQ(fcntl(fds[0], F_SETPIPE_SZ, 1), 4096);
	CHECK_EQ(write(fds[1], bytes, 5000), 4096);
	CHECK_EQ(fcntl(fds[0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	CHECK_EQ(fcntl(fds[1], F_GETPIPE_SZ), 1 << 20);
	close(fds[1]);
	CHECK_EQ(polled(fds[0]), POLLIN | POLLRDNORM | POLLHUP);
	CHECK_EQ(read(fds[0], bytes, 5000), 4096);
	CHECK_EQ(polled(fds[0]), POLLHUP);
	CHECK_EQ(read(fds[0], bytes, 5000), 0);
	close(fds[0]);
}

static void check_packets(void)
{
	int fds[2];

	REQUIRE(pipe2(fds, O_DIRECT | O_NONBLOCK) == 0);
	CHECK(fcntl(fds[1], F_GETFL) & O_DIRECT);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(write(fds[1], bytes, 10), 10);
	CHECK_ERROR(write(fds[1], bytes, 10), EAGAIN);
	CHECK_EQ(held(fds[0]), 160);
	CHECK_EQ(read(fds[0], bytes, 4), 4);
	CHECK_EQ(held(fds[0]), 150);
	CHECK_EQ(read(fds[0], bytes, 4000), 10);
	CHECK_EQ(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(write(fds[1], bytes, 20), 20);
	CHECK_EQ(write(fds[1], bytes, 20), 20);
	for (int i = 0; i < 14; i++)
		CHECK_EQ(read(fds[0], bytes, 4000), 10);
	CHECK_EQ(read(fds[0], bytes, 4000), 40);
	CHECK_EQ(fcntl(fds[1], F_SETFL, O_NONBLOCK | O_DIRECT), 0);
	CHECK_EQ(write(fds[1], bytes, 5000), 5000);
	CHECK_EQ(read(fds[0], bytes, 5000), 4096);
	CHECK_EQ(read(fds[0], bytes, 5000), 904);
	close(fds[0]);
	close(fds[1]);
}

static void check_fifo(void)
{
	REQUIRE(mkfifo("fifo", 0600) == 0);
	CHECK_ERROR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	int reader = open("fifo", O_RDONLY | O_NONBLOCK);
	REQUIRE(reader >= 0);
	CHECK_EQ(polled(reader), 0);
	CHECK_EQ(read(reader, bytes, 1), 0);
	CHECK_ERROR(open("fifo", O_WRONLY | O_NONBLOCK | O_CREAT | O_EXCL, 0600), EEXIST);
	int writer = open("fifo", O_WRONLY | O_NONBLOCK);
	REQUIRE(writer >= 0);
	CHECK_ERROR(read(reader, bytes, 1), EAGAIN);
	CHECK_EQ(polled(reader), 0);
	close(writer);
	CHECK_EQ(polled(reader), POLLHUP);
	int again = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK_EQ(polled(again), 0);
	writer = open("fifo", O_WRONLY);
	CHECK_EQ(polled(reader), 0);
	CHECK_EQ(write(writer, "abc", 3), 3);
	CHECK_EQ(polled(again), POLLIN | POLLRDNORM);
	close(reader);
	CHECK_EQ(polled(writer), POLLOUT | POLLWRNORM);
	close(again);
	CHECK_EQ(polled(writer), POLLOUT | POLLWRNORM | POLLERR);
	CHECK_ERROR(write(writer, "abc", 3), EPIPE);
	CHECK_EQ(write(writer, "abc", 0), 0);
	close(writer);
	int both = open("fifo", O_RDWR);
	REQUIRE(both >= 0);
	CHECK_EQ(write(both, "xy", 2), 2);
	CHECK_EQ(polled(both), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
	reader = open("fifo", O_RDONLY);
	CHECK_EQ(read(reader, bytes, 10), 2);
	close(both);
	CHECK_EQ(read(reader, bytes, 10), 0);
	CHECK_EQ(polled(reader), POLLHUP);
	close(reader);
	struct stat status;
	CHECK_EQ(stat("fifo", &status), 0);
	CHECK(S_ISFIFO(status.st_mode));
	CHECK_EQ(unlink("fifo"), 0);
}

static void check_bad_memory(void)
{
	int fds[2];

	REQUIRE(pipe2(fds, O_NONBLOCK) == 0);
	CHECK_EQ(write(fds[1], "abc", 3), 3);
	CHECK_ERROR(write(fds[1], check_bad_pointer(), 3), EFAULT);
	CHECK_ERROR(write(fds[1], check_bad_pointer(), 5000), EFAULT);
	CHECK_ERROR(read(fds[0], check_bad_pointer(), 3), EFAULT);
	CHECK_EQ(read(fds[0], bytes, 9), 3);
	CHECK(!memcmp(bytes, "abc", 3));
	CHECK_ERROR(read(fds[1], bytes, 1), EBADF);
	CHECK_ERROR(write(fds[0], bytes, 1), EBADF);
	CHECK_ERROR(pipe2(fds, O_APPEND), EINVAL);
	CHECK_ERROR(pipe2(check_bad_pointer(), 0), EFAULT);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	check_capacity();
	check_packets();
	check_fifo();
	check_bad_memory();
	return check_done("pipes");
}
