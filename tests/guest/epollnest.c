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

int main(void)
{
	check_levels();
	check_edges();
	check_loops();
	return check_done("epollnest");
}
