/* SPDX-License-Identifier: BSD-3-Clause */
/* How connections end: by FIN, by RST, with data unread, with SO_LINGER; SIGPIPE. */
#include "net.h"

#include <signal.h>
#include <time.h>

static volatile sig_atomic_t pipes;

static void on_pipe(int signo)
{
	(void)signo;
	pipes++;
}

static void fin(void)
{
	int fds[2];
	char c;

	tcp_pair(fds);
	CHECK_EQ(send(fds[0], "x", 1, 0), 1);
	close(fds[0]);
	CHECK_EQ(recv(fds[1], &c, 1, 0), 1); /* what was sent before arrives */
	CHECK_EQ(recv(fds[1], &c, 1, 0), 0);
	/* The peer is gone for good: the first write finds out, the second fails. */
	CHECK_EQ(send(fds[1], "y", 1, 0), 1);
	CHECK(wait_for(fds[1], POLLPRI) & POLLHUP);
	pipes = 0;
	CHECK_ERROR(send(fds[1], "y", 1, 0), EPIPE);
	CHECK_EQ(pipes, 1);
	CHECK_ERROR(write(fds[1], "y", 1), EPIPE);
	CHECK_EQ(pipes, 2);
	CHECK_ERROR(send(fds[1], "y", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(pipes, 2);
	close(fds[1]);
}

static void unread_data(void)
{
	int fds[2];
	char c;

	tcp_pair(fds);
	CHECK_EQ(send(fds[0], "x", 1, 0), 1);
	CHECK_EQ(wait_for(fds[1], POLLIN), POLLIN);
	close(fds[1]); /* nobody will ever read it */
	CHECK(wait_for(fds[0], POLLIN) & POLLERR);
	CHECK_ERROR(recv(fds[0], &c, 1, 0), ECONNRESET);
	close(fds[0]);
}

static void reset_drops_data(void)
{
	struct linger hard = { 1, 0 };
	int fds[2];
	char buffer[8];

	tcp_pair(fds);
	CHECK_EQ(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
	close(fds[0]);
	CHECK(wait_for(fds[1], POLLIN) & POLLERR);
	CHECK_EQ(option(fds[1], SOL_SOCKET, SO_ERROR), ECONNRESET);
	CHECK_EQ(option(fds[1], SOL_SOCKET, SO_ERROR), 0);
	CHECK_EQ(recv(fds[1], buffer, 8, 0), 0);
	close(fds[1]);
}

static void shut_writing(void)
{
	int fds[2];
	char c;

	tcp_pair(fds);
	CHECK_EQ(shutdown(fds[0], SHUT_WR), 0);
	CHECK_EQ(shutdown(fds[0], SHUT_WR), 0);
	pipes = 0;
	CHECK_ERROR(send(fds[0], "x", 1, 0), EPIPE);
	CHECK_EQ(pipes, 1);
	CHECK_EQ(recv(fds[1], &c, 1, 0), 0);
	CHECK_EQ(send(fds[1], "z", 1, 0), 1);
	CHECK_EQ(recv(fds[0], &c, 1, 0), 1);
	close(fds[1]);
	CHECK_EQ(recv(fds[0], &c, 1, 0), 0);
	CHECK_ERROR(shutdown(fds[0], SHUT_RDWR), ENOTCONN);
	close(fds[0]);
}

static void lingering(void)
{
	struct linger soft = { 1, 5 };
	struct timespec begin, end;
	int fds[2];
	char c;

	tcp_pair(fds);
	CHECK_EQ(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &soft, sizeof soft), 0);
	CHECK_EQ(send(fds[0], "x", 1, 0), 1);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	close(fds[0]); /* its data is acknowledged at once */
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(end.tv_sec - begin.tv_sec < 3);
	CHECK_EQ(recv(fds[1], &c, 1, 0), 1);
	CHECK_EQ(recv(fds[1], &c, 1, 0), 0);
	close(fds[1]);
}

static void closed_before_accept(void)
{
	int l = listener(0), fd = socket(AF_INET, SOCK_STREAM, 0);
	char c;

	CHECK_EQ(connect_to(fd, port_of(l)), 0);
	CHECK_EQ(send(fd, "x", 1, 0), 1);
	close(fd);
	int accepted = accept(l, NULL, NULL);
	CHECK(accepted >= 0);
	CHECK_EQ(recv(accepted, &c, 1, 0), 1);
	CHECK_EQ(recv(accepted, &c, 1, 0), 0);
	close(accepted);
	close(l);
}

static void listener_closed(void)
{
	int l = listener(0), fd = socket(AF_INET, SOCK_STREAM, 0);
	char c;

	CHECK_EQ(connect_to(fd, port_of(l)), 0);
	usleep(10000);
	close(l); /* with a connection that nobody accepted */
	CHECK(wait_for(fd, POLLIN) & (POLLIN | POLLERR));
	CHECK_ERROR(recv(fd, &c, 1, 0), ECONNRESET);
	close(fd);
}

static void listener_shut(void)
{
	int l = listener(0), port = port_of(l), fd;

	CHECK_EQ(shutdown(l, SHUT_RD), 0);
	CHECK_ERROR(accept(l, NULL, NULL), EINVAL);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERROR(connect_to(fd, port), ECONNREFUSED);
	CHECK_EQ(listen(l, 4), 0);
	CHECK_EQ(connect_to(fd, port_of(l)), 0);
	close(fd);
	close(l);
}

int main(void)
{
	signal(SIGPIPE, on_pipe);
	fin();
	unread_data();
	reset_drops_data();
	shut_writing();
	lingering();
	closed_before_accept();
	listener_closed();
	listener_shut();
	return check_done("sockclose");
}
