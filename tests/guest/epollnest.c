/* SPDX-License-Identifier: BSD-3-Clause */
/* epoll instances watched by others: readiness and edges go up, loops and too deep nests are refused. */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int add(int ep, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event);
}

static int wait_now(int ep)
{
	struct epoll_event event;
	return epoll_wait(ep, &event, 1, 0) == 1 ? event.data.fd : -1;
}

static int polled(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLOUT, 0 };
	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

static void check_levels(void)
{
	uint64_t one = 1;
	int fd = eventfd(0, 0), inner = epoll_create1(0), outer = epoll_create1(0);

	CHECK_EQ(add(inner, fd, EPOLLIN), 0);
	CHECK_EQ(add(outer, inner, EPOLLIN), 0);
	CHECK_EQ(polled(outer), 0);
	CHECK_EQ(wait_now(outer), -1);
	CHECK_EQ(write(fd, &one, 8), 8);
	CHECK_EQ(polled(inner), POLLIN);
	CHECK_EQ(polled(outer), POLLIN);
	CHECK_EQ(wait_now(outer), inner);
	CHECK_EQ(wait_now(outer), inner);
	CHECK_EQ(wait_now(inner), fd);
	CHECK_EQ(wait_now(outer), inner);
	CHECK_EQ(read(fd, &one, 8), 8);
	CHECK_EQ(wait_now(outer), -1);
	CHECK_EQ(polled(inner), 0);
	CHECK_EQ(write(fd, &one, 8), 8);
	close(inner);
	CHECK_EQ(wait_now(outer), -1);
	CHECK_EQ(polled(outer), 0);
	close(outer);
	close(fd);
}

static void check_edges(void)
{
	uint64_t one = 1;
	int fd = eventfd(0, 0), inner = epoll_create1(0), outer = epoll_create1(0);

	CHECK_EQ(add(inner, fd, EPOLLIN), 0);
	CHECK_EQ(add(outer, inner, EPOLLIN | EPOLLET), 0);
	CHECK_EQ(write(fd, &one, 8), 8);
	CHECK_EQ(wait_now(outer), inner);
	CHECK_EQ(wait_now(outer), -1);
	CHECK_EQ(wait_now(inner), fd);
	CHECK_EQ(wait_now(outer), -1);
	CHECK_EQ(read(fd, &one, 8), 8);
	CHECK_EQ(wait_now(inner), -1);
	CHECK_EQ(write(fd, &one, 8), 8);
	CHECK_EQ(wait_now(outer), inner);
	CHECK_EQ(wait_now(outer), -1);
	close(fd);
	close(inner);
	close(outer);
}

static void check_loops(void)
{
	enum { MANY = 7 };
	int ep[MANY];

	for (int i = 0; i < MANY; i++)
		ep[i] = epoll_create1(0);
	CHECK_EQ(add(ep[0], ep[1], EPOLLIN), 0);
	CHECK_ERROR(add(ep[1], ep[0], EPOLLIN), ELOOP);
	CHECK_EQ(add(ep[1], ep[2], EPOLLIN), 0);
	CHECK_ERROR(add(ep[2], ep[0], EPOLLIN), ELOOP);
	CHECK_EQ(add(ep[0], ep[2], EPOLLIN), 0);
	CHECK_ERROR(add(ep[0], ep[0], EPOLLIN), EINVAL);
	for (int i = 0; i < MANY; i++)
		close(ep[i]);

	/* From the bottom up: five in a row, not more. */
	for (int i = 0; i < MANY; i++)
		ep[i] = epoll_create1(0);
	for (int i = 1; i <= 4; i++)
		CHECK_EQ(add(ep[i], ep[i - 1], EPOLLIN), 0);
	CHECK_ERROR(add(ep[5], ep[4], EPOLLIN), ELOOP);
	int fd = eventfd(1, 0);
	CHECK_EQ(add(ep[0], fd, EPOLLIN), 0);
	CHECK_EQ(wait_now(ep[4]), ep[3]);
	CHECK_EQ(polled(ep[4]), POLLIN);
	close(fd);
	CHECK_EQ(wait_now(ep[4]), -1);
	for (int i = 0; i < MANY; i++)
		close(ep[i]);
}

/* An event that would go up by too many ways is refused. */
static void check_ways(void)
{
	enum { MIDDLE = 501, FEW = 11 };
	static int middle[MIDDLE];
	int fd = eventfd(0, 0), top = epoll_create1(0), row[4];

	for (int i = 0; i < MIDDLE; i++) {
		middle[i] = epoll_create1(0);
		REQUIRE(middle[i] >= 0);
		CHECK_EQ(add(top, middle[i], EPOLLIN), 0);
	}
	for (int i = 0; i < MIDDLE - 1; i++)
		CHECK_EQ(add(middle[i], fd, EPOLLIN), 0);
	CHECK_ERROR(add(middle[MIDDLE - 1], fd, EPOLLIN), EINVAL);
	/* The same the other way round: the file is there first. */
	int other = epoll_create1(0);
	CHECK_EQ(add(other, fd, EPOLLIN), 0);
	CHECK_ERROR(add(top, other, EPOLLIN), EINVAL);
	uint64_t one = 1;
	CHECK_EQ(write(fd, &one, 8), 8);
	CHECK_EQ(polled(top), POLLIN);
	for (int i = 0; i < MIDDLE; i++)
		close(middle[i]);
	CHECK_EQ(add(top, other, EPOLLIN), 0);
	close(other);
	close(top);

	for (int i = 0; i < 4; i++) {
		row[i] = epoll_create1(0);
		if (i)
			CHECK_EQ(add(row[i], row[i - 1], EPOLLIN), 0);
	}
	for (int i = 0; i < FEW; i++) {
		middle[i] = epoll_create1(0);
		CHECK_EQ(add(row[0], middle[i], EPOLLIN), 0);
	}
	for (int i = 0; i < FEW - 1; i++)
		CHECK_EQ(add(middle[i], fd, EPOLLIN), 0);
	CHECK_ERROR(add(middle[FEW - 1], fd, EPOLLIN), EINVAL);
	for (int i = 0; i < FEW; i++)
		close(middle[i]);
	for (int i = 0; i < 4; i++)
		close(row[i]);
	close(fd);
}

int main(void)
{
	check_levels();
	check_edges();
	check_loops();
	check_ways();
	return check_done("epollnest");
}
