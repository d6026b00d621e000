/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random sequences of calls about pipes, eventfds, sockets, poll and epoll, the same on Linux: what each returns and what is ready
 * is printed as one sum a hundred calls, so that the first difference shows.
 */
#include "check.h"
#include "random.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { FIRST = 20, MANY = 24, INSTANCES = 3 };

static uint64_t sum;
static bool verbose;

static void note(const char *what, long a, long b, long result)
{
	long value = result < 0 ? -errno : result;

	sum = (sum ^ (uint64_t)value) * 0x100000001b3u;
	if (verbose)
		printf("%s(%ld, %ld) = %ld\n", what, a, b, value);
}

/* Descriptors are moved to fixed numbers, so that both sides agree. */
static void keep(int fd, int slot)
{
	if (fd < 0)
		return;
	dup2(fd, FIRST + slot);
	close(fd);
}

static void make(int slot)
{
	int fds[2], kind = (int)random_below(7), other = (int)random_below(MANY);

	switch (kind) {
	case 0:
		keep(eventfd((unsigned)random_below(3), EFD_NONBLOCK), slot);
		break;
	case 1:
		keep(eventfd((unsigned)random_below(3), EFD_NONBLOCK | EFD_SEMAPHORE), slot);
		break;
	case 2:
	case 3:
		REQUIRE(pipe2(fds, kind == 2 ? O_NONBLOCK : O_NONBLOCK | O_DIRECT) == 0);
		keep(fds[0], slot);
		keep(fds[1], other);
		break;
	default:
		REQUIRE(socketpair(AF_UNIX,
				   (kind == 4   ? SOCK_STREAM
				    : kind == 5 ? SOCK_DGRAM
						: SOCK_SEQPACKET) |
					   SOCK_NONBLOCK,
				   0, fds) == 0);
		keep(fds[0], slot);
		keep(fds[1], other);
	}
	note("make", kind, slot, other);
}

static void transfer(int fd)
{
	static char bytes[100000];
	static const unsigned sizes[] = { 0, 1, 7, 8, 100, 1000, 4095, 4096, 4097, 10000, 65536 };
	size_t size = sizes[random_below(sizeof sizes / sizeof *sizes)];

	if (random_below(2)) {
		if (size == 8) {
			memset(bytes, 0, 8);
			bytes[0] = (char)random_below(4);
		}
		note("write", fd, (long)size, write(fd, bytes, size));
	} else {
		ssize_t count = read(fd, bytes, size);
		note("read", fd, (long)size, count);
	}
}

static void control(int ep, int fd)
{
	static const uint32_t flags[] = {
		0, 0, 0, EPOLLET, EPOLLET, EPOLLONESHOT, EPOLLET | EPOLLONESHOT, EPOLLEXCLUSIVE
	};
	struct epoll_event event = { .data.fd = fd };
	int op = 1 + (int)random_below(3);

	event.events = (random_below(3) ? EPOLLIN : 0) | (random_below(3) ? EPOLLOUT : 0) |
		       (random_below(4) ? 0 : EPOLLRDHUP) | (random_below(6) ? 0 : EPOLLRDNORM) |
		       flags[random_below(sizeof flags / sizeof *flags)];
	note("epoll_ctl", op, fd, epoll_ctl(ep, op, fd, &event));
	note("  events", (long)event.events, ep, 0);
}

static int by_descriptor(const void *a, const void *b)
{
	return ((const struct epoll_event *)a)->data.fd - ((const struct epoll_event *)b)->data.fd;
}

/* All that is ready, whatever the order. */
static void wait_epoll(int ep)
{
	struct epoll_event events[MANY * 4];
	int count = epoll_wait(ep, events, MANY * 4, 0);

	note("epoll_wait", ep, 0, count);
	if (count < 0)
		return;
	qsort(events, (size_t)count, sizeof *events, by_descriptor);
	for (int i = 0; i < count; i++)
		note("  ready", events[i].data.fd, (long)events[i].events,
		     events[i].data.fd * 65536L + (long)events[i].events);
}

static void poll_all(void)
{
	struct pollfd fds[MANY];

	for (int i = 0; i < MANY; i++)
		fds[i] = (struct pollfd){ FIRST + i, POLLIN | POLLOUT | POLLRDHUP, 0 };
	note("poll", 0, 0, poll(fds, MANY, 0));
	for (int i = 0; i < MANY; i++)
		note("  polled", FIRST + i, fds[i].revents, fds[i].revents);
}

static void misc(int fd)
{
	int value = -1;

	switch (random_below(6)) {
	case 0:
		note("FIONREAD", fd, 0, ioctl(fd, FIONREAD, &value));
		note("  bytes", fd, 0, value);
		break;
	case 1:
		note("shutdown", fd, 0, shutdown(fd, (int)random_below(3)));
		break;
	case 2:
		note("dup2", fd, 0, dup2(fd, FIRST + (int)random_below(MANY)));
		break;
	case 3:
		note("F_SETPIPE_SZ", fd, 0, fcntl(fd, F_SETPIPE_SZ, 4096 << random_below(6)));
		break;
	case 4:
		note("SIOCOUTQ", fd, 0, ioctl(fd, TIOCOUTQ, &value));
		note("  bytes", fd, 0, value);
		break;
	default:
		note("close", fd, 0, close(fd));
	}
}

static void step(void)
{
	int fd = FIRST + (int)random_below(MANY), ep = FIRST + MANY + (int)random_below(INSTANCES);
	unsigned what = random_below(100);

	if (what < 8)
		make(fd - FIRST);
	else if (what < 50)
		transfer(fd);
	else if (what < 68)
		control(ep, fd);
	else if (what < 72)
		control(ep, FIRST + MANY + (int)random_below(INSTANCES));
	else if (what < 86)
		wait_epoll(ep);
	else if (what < 92)
		poll_all();
	else
		misc(fd);
}

int main(int argc, char **argv)
{
	int steps = argc > 2 ? atoi(argv[2]) : 1000;

	random_seed(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
	verbose = argc > 3;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < INSTANCES; i++)
		keep(epoll_create1(0), MANY + i);
	for (int i = 0; i < steps; i++) {
		step();
		if (i % 100 == 99)
			printf("%d: %016llx\n", i + 1, (unsigned long long)sum);
	}
	return check_done("randomev");
}
