/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_UNIX datagrams: names, connecting, limits, peers that go away. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static char bytes[1 << 18];

static int polled(int fd)
{
	struct pollfd poll_fd = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}

static socklen_t name_of(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path + (*path == '@'), path + (*path == '@'));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (*path != '@'));
}

static int bound(const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_of(&address, path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	REQUIRE(bind(fd, (struct sockaddr *)&address, length) == 0);
	return fd;
}

static int connect_to(int fd, const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_of(&address, path);
	return connect(fd, (struct sockaddr *)&address, length);
}

static long send_to(int fd, const char *path, size_t size)
{
	struct sockaddr_un address;
	socklen_t length = name_of(&address, path);
	return sendto(fd, bytes, size, 0, (struct sockaddr *)&address, length);
}

static void check_names(void)
{
	struct sockaddr_un from, wanted;
	socklen_t length = sizeof from;
	int a = bound("a"), b = bound("@b"), anonymous = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK_EQ(polled(a), POLLOUT);
	CHECK_EQ(send_to(a, "@b", 10), 10);
	CHECK_EQ(polled(b), POLLIN | POLLOUT);
	CHECK_EQ(recvfrom(b, bytes, 100, 0, (struct sockaddr *)&from, &length), 10);
	CHECK_EQ(length, name_of(&wanted, "a"));
	CHECK(!memcmp(&from, &wanted, length));
	CHECK_EQ(send_to(anonymous, "a", 3), 3);
	length = sizeof from;
	CHECK_EQ(recvfrom(a, bytes, 100, 0, (struct sockaddr *)&from, &length), 3);
	CHECK_EQ(length, 0);
	CHECK_EQ(send_to(anonymous, "a", 0), 0);
	CHECK_EQ(polled(a), POLLIN | POLLOUT);
	CHECK_EQ(recv(a, bytes, 100, 0), 0);
	CHECK_ERROR(recv(a, bytes, 100, 0), EAGAIN);
	CHECK_ERROR(send(anonymous, "x", 1, 0), ENOTCONN);
	CHECK_ERROR(send_to(anonymous, "absent", 1), ENOENT);
	CHECK_ERROR(send_to(anonymous, "@absent", 1), ECONNREFUSED);
	CHECK_EQ(send_to(b, "a", 1000), 1000);
	CHECK_EQ(recv(a, bytes, 10, MSG_PEEK), 10);
	CHECK_EQ(recv(a, bytes, 10, MSG_PEEK | MSG_TRUNC), 1000);
	struct iovec vector = { bytes, 10 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
	CHECK_EQ(recvmsg(a, &message, 0), 10);
	CHECK_EQ(message.msg_flags, MSG_TRUNC);
	CHECK_ERROR(recv(a, bytes, 10, 0), EAGAIN);
	close(a);
	unlink("a");
	close(b);
	close(anonymous);
}

static void check_peers(void)
{
	int a = bound("@a"), b = bound("@b"), c = bound("@c");

	CHECK_EQ(connect_to(a, "@b"), 0);
	CHECK_EQ(send(a, "12", 2, 0), 2);
	CHECK_EQ(recv(b, bytes, 10, 0), 2);
	/* b takes from anybody until it is connected itself. */
	CHECK_EQ(send_to(c, "@b", 5), 5);
	CHECK_EQ(recv(b, bytes, 10, 0), 5);
	CHECK_EQ(connect_to(b, "@a"), 0);
	CHECK_ERROR(send_to(c, "@b", 5), EPERM);
	CHECK_ERROR(connect_to(c, "@b"), EPERM);
	CHECK_EQ(send_to(a, "@c", 4), 4);
	CHECK_EQ(recv(c, bytes, 10, 0), 4);
	/* Connecting elsewhere loses what waits; the peer that was connected to it is told then. */
	CHECK_EQ(connect_to(a, "@c"), 0);
	CHECK_EQ(polled(b), POLLOUT);
	CHECK_EQ(connect_to(a, "@b"), 0);
	CHECK_EQ(send(b, "lost", 4, 0), 4);
	CHECK_EQ(connect_to(a, "@c"), 0);
	CHECK_EQ(polled(a), POLLOUT);
	CHECK_EQ(polled(b), POLLOUT | POLLERR);
	CHECK_ERROR(recv(b, bytes, 10, 0), ECONNRESET);
	CHECK_ERROR(recv(b, bytes, 10, 0), EAGAIN);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	CHECK_EQ(connect(a, &none, sizeof none), 0);
	CHECK_ERROR(send(a, "x", 1, 0), ENOTCONN);
	CHECK_EQ(connect_to(a, "@c"), 0);
	close(c);
	CHECK_EQ(polled(a), POLLOUT);
	CHECK_ERROR(send(a, "x", 1, 0), ECONNREFUSED);
	CHECK_ERROR(send(a, "x", 1, 0), ENOTCONN);
	close(a);
	CHECK_ERROR(send(b, "x", 1, 0), ECONNREFUSED);
	close(b);

	int fd[2];
	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd) == 0);
	CHECK_EQ(shutdown(fd[0], SHUT_RD), 0);
	CHECK_EQ(polled(fd[0]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_ERROR(recv(fd[0], bytes, 1, 0), EAGAIN);
	CHECK_ERROR(send(fd[1], "x", 1, 0), EPIPE);
	CHECK_EQ(send(fd[0], "x", 1, 0), 1);
	CHECK_EQ(fcntl(fd[0], F_SETFL, 0), 0);
	CHECK_EQ(recv(fd[0], bytes, 1, 0), 0);
	close(fd[0]);
	CHECK_EQ(recv(fd[1], bytes, 9, 0), 1);
	CHECK_ERROR(recv(fd[1], bytes, 9, 0), EAGAIN);
	CHECK_EQ(polled(fd[1]), POLLOUT);
	close(fd[1]);
}

static void check_limits(void)
{
	int fd[2], sent = 0;

	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd) == 0);
	CHECK_EQ(write(fd[0], bytes, 212960), 212960);
	CHECK_EQ(recv(fd[1], bytes, sizeof bytes, 0), 212960);
	CHECK_ERROR(write(fd[0], bytes, 212961), EMSGSIZE);
	static const size_t sizes[] = {
		1, 200, 700, 1800, 4000, 9000, 16064, 16065, 30000, 100000
	};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		int writes = 0, count;
		while (write(fd[0], bytes, sizes[i]) > 0)
			writes++;
		CHECK_EQ(ioctl(fd[1], FIONREAD, &count), 0);
		printf("%zu bytes: %d times, next %d\n", sizes[i], writes, count);
		for (; writes; writes--)
			CHECK_EQ(recv(fd[1], bytes, sizeof bytes, 0), sizes[i]);
	}
	int small = 4608;
	CHECK_EQ(setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	CHECK_ERROR(write(fd[0], bytes, 10000), EMSGSIZE);
	while (write(fd[0], bytes, 100) > 0)
		sent++;
	printf("small: %d\n", sent);
	close(fd[0]);
	close(fd[1]);

	/* Of those that are not its peer, a socket keeps few datagrams; who waits is told when there is room. */
	FILE *file = fopen("/proc/sys/net/unix/max_dgram_qlen", "r");
	int limit = 10;
	if (file) {
		CHECK_EQ(fscanf(file, "%d", &limit), 1);
		fclose(file);
	}
	int server = bound("@server"), client = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int ep = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
	CHECK_EQ(connect_to(client, "@server"), 0);
	for (sent = 0; send(client, "x", 1, 0) == 1; sent++)
		;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(sent, limit + 1);
	CHECK_EQ(polled(client), 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, client, &event), 0);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
	CHECK_EQ(recv(server, bytes, 10, 0), 1);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	CHECK_EQ(polled(client), POLLOUT);
	close(server);
	close(client);
	close(ep);
}

int main(void)
{
	check_names();
	check_peers();
	check_limits();
	return check_done("unixdgram");
}
