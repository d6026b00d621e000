/* SPDX-License-Identifier: BSD-3-Clause */
/* What poll(2) tells of sockets through their lives. */
#include "net.h"

#include <signal.h>
#include <sys/epoll.h>

enum {
	IN = POLLIN | POLLRDNORM,
	OUT = POLLOUT | POLLWRNORM,
};

static void stream(void)
{
	int fds[2], fd = socket(AF_INET, SOCK_STREAM, 0);
	char buffer[8];

	CHECK_EQ(poll_now(fd), OUT | POLLHUP);
	close(fd);
	tcp_pair(fds);
	CHECK_EQ(poll_now(fds[0]), OUT);
	CHECK_EQ(send(fds[0], "abc", 3, 0), 3);
	CHECK_EQ(wait_for(fds[1], POLLIN), POLLIN);
	CHECK_EQ(poll_now(fds[1]), IN | OUT);
	CHECK_EQ(recv(fds[1], buffer, 8, 0), 3);
	CHECK_EQ(poll_now(fds[1]), OUT);

	/* The peer sends no more. */
	CHECK_EQ(shutdown(fds[0], SHUT_WR), 0);
	CHECK_EQ(wait_for(fds[1], POLLRDHUP), POLLRDHUP);
	CHECK_EQ(poll_now(fds[1]), IN | OUT | POLLRDHUP);
	CHECK_EQ(poll_now(fds[0]), OUT);
	CHECK_EQ(recv(fds[1], buffer, 8, 0), 0);
	CHECK_EQ(send(fds[1], "de", 2, 0), 2);
	CHECK(wait_for(fds[0], POLLIN) & POLLIN);
	CHECK_EQ(recv(fds[0], buffer, 8, 0), 2);

	/* Nor do we: both directions are shut. */
	CHECK_EQ(shutdown(fds[1], SHUT_WR), 0);
	CHECK(wait_for(fds[0], POLLRDHUP) & POLLRDHUP);
	CHECK_EQ(poll_now(fds[0]), IN | OUT | POLLRDHUP | POLLHUP);
	CHECK_EQ(poll_now(fds[1]), IN | OUT | POLLRDHUP | POLLHUP);
	close(fds[0]);
	close(fds[1]);
}

static void shut_for_reading(void)
{
	int fds[2];
	char c;

	tcp_pair(fds);
	CHECK_EQ(shutdown(fds[0], SHUT_RD), 0);
	CHECK_EQ(poll_now(fds[0]), IN | OUT | POLLRDHUP);
	CHECK_EQ(recv(fds[0], &c, 1, 0), 0);
	CHECK_EQ(send(fds[0], "x", 1, 0), 1);
	close(fds[0]);
	close(fds[1]);
}

static void listening(void)
{
	int l = listener(0), fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(poll_now(l), 0);
	CHECK_EQ(connect_to(fd, port_of(l)), 0);
	CHECK_EQ(wait_for(l, POLLIN), POLLIN);
	CHECK_EQ(poll_now(l), IN);
	int accepted = accept(l, NULL, NULL);
	CHECK(accepted >= 0);
	CHECK_EQ(poll_now(l), 0);
	close(fd);
	close(accepted);
	close(l);
}

static void reset(void)
{
	struct linger hard = { 1, 0 };
	int fds[2];
	char c;

	signal(SIGPIPE, SIG_IGN);
	tcp_pair(fds);
	CHECK_EQ(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
	close(fds[0]);
	CHECK(wait_for(fds[1], POLLIN) & POLLERR);
	CHECK_EQ(poll_now(fds[1]), IN | OUT | POLLRDHUP | POLLHUP | POLLERR);
	CHECK_ERROR(recv(fds[1], &c, 1, 0), ECONNRESET);
	CHECK_EQ(recv(fds[1], &c, 1, 0), 0);
	CHECK_EQ(poll_now(fds[1]), IN | OUT | POLLRDHUP | POLLHUP);
	CHECK_ERROR(send(fds[1], "x", 1, 0), EPIPE);
	close(fds[1]);
}

static void full_buffer(void)
{
	static char bytes[65536];
	int fds[2];
	long sent = 0, received = 0, before;

	tcp_pair(fds);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	/* Until what is in flight makes no more room. */
	do {
		before = sent;
		for (size_t size = sizeof bytes; size; size /= 16) {
			long n;

			while ((n = send(fds[0], bytes, size, 0)) > 0)
				sent += n;
		}
		usleep(300000);
	} while (sent > before);
	CHECK_ERROR(send(fds[0], bytes, 1, 0), EAGAIN);
	CHECK_EQ(poll_now(fds[0]), 0);
	while (received < sent) {
		long n = wait_for(fds[1], POLLIN) ? recv(fds[1], bytes, sizeof bytes, 0) : -1;

		REQUIRE(n > 0);
		received += n;
	}
	CHECK_EQ(wait_for(fds[0], POLLOUT), POLLOUT);
	close(fds[0]);
	close(fds[1]);
}

static void datagrams(void)
{
	int a = bound(SOCK_DGRAM), b = bound(SOCK_DGRAM);
	char c;

	CHECK_EQ(poll_now(a), OUT);
	CHECK_EQ(connect_to(b, port_of(a)), 0);
	CHECK_EQ(send(b, "x", 1, 0), 1);
	CHECK_EQ(wait_for(a, POLLIN), POLLIN);
	CHECK_EQ(poll_now(a), IN | OUT);
	CHECK_EQ(recv(a, &c, 1, 0), 1);
	CHECK_EQ(poll_now(a), OUT);
	close(a);
	/* Nobody is there any more. */
	CHECK_EQ(send(b, "x", 1, 0), 1);
	CHECK(wait_for(b, POLLIN) & POLLERR);
	CHECK_ERROR(recv(b, &c, 1, MSG_DONTWAIT), ECONNREFUSED);
	CHECK_EQ(poll_now(b), OUT);
	CHECK_EQ(shutdown(b, SHUT_RD), 0);
	CHECK_EQ(poll_now(b), IN | OUT | POLLRDHUP);
	CHECK_EQ(recv(b, &c, 1, 0), 0);
	close(b);
}

static int epoll_once(int ep, int timeout)
{
	struct epoll_event e = { 0 };

	return epoll_wait(ep, &e, 1, timeout) == 1 ? (int)e.events : 0;
}

static void edges(void)
{
	int fds[2], ep = epoll_create1(0);
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	char c;

	tcp_pair(fds);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fds[1], &e), 0);
	CHECK_EQ(epoll_once(ep, 0), EPOLLOUT);
	CHECK_EQ(epoll_once(ep, 0), 0);
	CHECK_EQ(send(fds[0], "a", 1, 0), 1);
	CHECK_EQ(epoll_once(ep, 2000), EPOLLIN | EPOLLOUT);
	CHECK_EQ(epoll_once(ep, 0), 0);
	CHECK_EQ(send(fds[0], "b", 1, 0), 1); /* each arrival is an edge, unread or not */
	CHECK_EQ(epoll_once(ep, 2000), EPOLLIN | EPOLLOUT);
	CHECK_EQ(recv(fds[1], &c, 1, 0), 1);
	CHECK_EQ(epoll_once(ep, 0), 0);
	close(fds[0]);
	CHECK_EQ(epoll_once(ep, 2000), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
	close(fds[1]);
	close(ep);
}

int main(void)
{
	stream();
	shut_for_reading();
	listening();
	reset();
	full_buffer();
	datagrams();
	edges();
	return check_done("sockpoll");
}
