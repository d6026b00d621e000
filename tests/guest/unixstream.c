/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_UNIX streams and sequenced packets: connecting, names, ends, errors, readiness, buffers. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#ifndef SIOCOUTQ
#define SIOCOUTQ TIOCOUTQ
#endif

static char bytes[1 << 20];

static int polled(int fd)
{
	struct pollfd poll_fd = {
		fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLPRI | POLLRDHUP | POLLWRBAND, 0
	};
	poll(&poll_fd, 1, 0);
	return poll_fd.revents;
}
enum { WRITABLE = POLLOUT | POLLWRNORM | POLLWRBAND, READABLE = POLLIN | POLLRDNORM };

static socklen_t name_of(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof *address);
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path + (*path == '@'), path + (*path == '@'));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (*path != '@'));
}

static int bind_to(int fd, const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_of(&address, path);
	return bind(fd, (struct sockaddr *)&address, length);
}

static int connect_to(int fd, const char *path)
{
	struct sockaddr_un address;
	socklen_t length = name_of(&address, path);
	return connect(fd, (struct sockaddr *)&address, length);
}

static int error_of(int fd)
{
	int error = -1;
	socklen_t length = sizeof error;
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
	return error;
}

static void check_pair(int type)
{
	int fd[2], count;

	REQUIRE(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) == 0);
	CHECK_EQ(fcntl(fd[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(polled(fd[0]), WRITABLE);
	CHECK_ERROR(read(fd[0], bytes, 1), EAGAIN);
	CHECK_EQ(write(fd[0], "hello", 5), 5);
	CHECK_EQ(write(fd[0], "world", 5), 5);
	CHECK_EQ(polled(fd[1]), WRITABLE | READABLE);
	CHECK_EQ(ioctl(fd[1], FIONREAD, &count), 0);
	CHECK_EQ(count, 10);
	CHECK_EQ(ioctl(fd[0], SIOCOUTQ, &count), 0);
	CHECK(count > 10);
	CHECK_EQ(recv(fd[1], bytes, 3, MSG_PEEK), 3);
	if (type == SOCK_STREAM) {
		CHECK_EQ(read(fd[1], bytes, 100), 10);
		CHECK(!memcmp(bytes, "helloworld", 10));
	} else {
		CHECK_EQ(recv(fd[1], bytes, 3, MSG_TRUNC), 5);
		CHECK_EQ(read(fd[1], bytes, 100), 5);
		CHECK(!memcmp(bytes, "world", 5));
	}
	CHECK_EQ(write(fd[0], "", 0), 0);
	CHECK_EQ(polled(fd[1]), type == SOCK_STREAM ? WRITABLE : WRITABLE | READABLE);
	CHECK_EQ(recv(fd[1], bytes, 10, 0), type == SOCK_STREAM ? -1 : 0);
	if (type == SOCK_STREAM) {
		CHECK_ERROR(sendto(fd[0], "x", 1, 0, (struct sockaddr *)bytes, 16), EISCONN);
	} else {
		CHECK_EQ(sendto(fd[0], "x", 1, 0, (struct sockaddr *)bytes, 16), 1);
		CHECK_EQ(read(fd[1], bytes, 9), 1);
	}
	CHECK_EQ(shutdown(fd[0], SHUT_WR), 0);
	CHECK_EQ(polled(fd[0]), WRITABLE);
	CHECK_EQ(polled(fd[1]), WRITABLE | READABLE | POLLRDHUP);
	CHECK_EQ(read(fd[1], bytes, 9), 0);
	CHECK_ERROR(write(fd[0], "x", 1), EPIPE);
	CHECK_EQ(write(fd[1], "back", 4), 4);
	CHECK_EQ(read(fd[0], bytes, 9), 4);
	close(fd[1]);
	CHECK_EQ(polled(fd[0]), WRITABLE | READABLE | POLLRDHUP | POLLHUP);
	CHECK_EQ(read(fd[0], bytes, 9), 0);
	CHECK_ERROR(write(fd[0], "x", 1), EPIPE);
	close(fd[0]);

	/* What was not read is a reset. */
	REQUIRE(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd) == 0);
	CHECK_EQ(write(fd[0], "lost", 4), 4);
	CHECK_EQ(write(fd[1], "kept", 4), 4);
	close(fd[1]);
	CHECK_EQ(polled(fd[0]), WRITABLE | READABLE | POLLRDHUP | POLLHUP | POLLERR);
	if (type == SOCK_STREAM)
		CHECK_EQ(read(fd[0], bytes, 9), 4);
	CHECK_ERROR(read(fd[0], bytes, 9), ECONNRESET);
	if (type != SOCK_STREAM)
		CHECK_EQ(read(fd[0], bytes, 9), 4);
	CHECK_EQ(read(fd[0], bytes, 9), 0);
	CHECK_EQ(error_of(fd[0]), 0);
	close(fd[0]);
}

static void check_buffers(int type, size_t size)
{
	int fd[2], writes = 0;

	REQUIRE(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd) == 0);
	while (write(fd[0], bytes, size) > 0)
		writes++;
	CHECK_EQ(errno, EAGAIN);
	printf("%s of %zu bytes: %d\n", type == SOCK_STREAM ? "writes" : "packets", size, writes);
	CHECK_EQ(polled(fd[0]), 0);
	int reads = 0;
	while (polled(fd[0]) == 0 && read(fd[1], bytes, size) > 0)
		reads++;
	printf("readable again after %d\n", reads);
	close(fd[0]);
	close(fd[1]);
}

/* What both ends of a connection tell of it. */
static void check_facts(int type, const char *path, int listener, int client, int taken)
{
	struct sockaddr_un address, wanted;
	struct ucred credentials;
	socklen_t length = sizeof address;
	int value = -1;

	CHECK_EQ(getsockname(taken, (struct sockaddr *)&address, &length), 0);
	CHECK_EQ(length, name_of(&wanted, path));
	CHECK(!memcmp(&address, &wanted, length));
	length = sizeof address;
	CHECK_EQ(getpeername(client, (struct sockaddr *)&address, &length), 0);
	CHECK_EQ(length, name_of(&wanted, path));
	length = sizeof credentials;
	CHECK_EQ(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &credentials, &length), 0);
	CHECK_EQ(credentials.pid, getpid());
	CHECK_EQ(credentials.uid, geteuid());
	length = sizeof value;
	CHECK_EQ(getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &length), 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(getsockopt(taken, SOL_SOCKET, SO_TYPE, &value, &length), 0);
	CHECK_EQ(value, type);
}

static void check_name_is_free(int type, const char *path)
{
	int fd = socket(AF_UNIX, type, 0);
	CHECK_EQ(bind_to(fd, path), 0);
	close(fd);
	if (*path != '@')
		unlink(path);
}

static void check_connections(int type, const char *path)
{
	struct sockaddr_un address;
	socklen_t length = sizeof address;
	struct stat status;

	int listener = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	CHECK_EQ(polled(listener), WRITABLE | POLLHUP);
	CHECK_ERROR(listen(listener, 1), EINVAL);
	CHECK_ERROR(accept(listener, NULL, NULL), EINVAL);
	CHECK_EQ(bind_to(listener, path), 0);
	CHECK_ERROR(bind_to(listener, "@another"), EINVAL);
	int other = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	CHECK_ERROR(bind_to(other, path), EADDRINUSE);
	CHECK_ERROR(connect_to(other, path), ECONNREFUSED);
	CHECK_EQ(listen(listener, 1), 0);
	CHECK_EQ(polled(listener), 0);
	CHECK_ERROR(accept(listener, NULL, NULL), EAGAIN);
	CHECK_ERROR(write(other, "x", 1), ENOTCONN);
	CHECK_ERROR(read(other, bytes, 1), type == SOCK_STREAM ? EINVAL : ENOTCONN);
	CHECK_ERROR(getpeername(other, (struct sockaddr *)&address, &length), ENOTCONN);
	CHECK_EQ(connect_to(other, path), 0);
	CHECK_ERROR(connect_to(other, path), EISCONN);
	CHECK_EQ(polled(other), WRITABLE);
	CHECK_EQ(polled(listener), READABLE);
	CHECK_EQ(write(other, "early", 5), 5);
	int second = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	CHECK_EQ(connect_to(second, path), 0);
	int third = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
	CHECK_ERROR(connect_to(third, path), EAGAIN);
	int taken = accept4(listener, (struct sockaddr *)&address, &length, SOCK_CLOEXEC);
	REQUIRE(taken >= 0);
	CHECK_EQ(length, 2);
	CHECK_EQ(address.sun_family, AF_UNIX);
	CHECK_EQ(fcntl(taken, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(taken, F_GETFL) & O_NONBLOCK, 0);
	CHECK_EQ(connect_to(third, path), 0);
	CHECK_EQ(read(taken, bytes, 9), 5);
	check_facts(type, path, listener, other, taken);
	if (*path != '@') {
		CHECK_EQ(stat(path, &status), 0);
		CHECK(S_ISSOCK(status.st_mode));
		CHECK_ERROR(open(path, O_RDWR), ENXIO);
		CHECK_EQ(unlink(path), 0);
		CHECK_ERROR(connect_to(third, path), ENOENT);
	}
	/* Connections that nobody accepted are reset. */
	close(listener);
	CHECK_EQ(polled(second) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	CHECK_ERROR(read(second, bytes, 1), ECONNRESET);
	CHECK_EQ(read(second, bytes, 1), 0);
	CHECK_ERROR(connect_to(second, path), *path == '@' ? ECONNREFUSED : ENOENT);
	check_name_is_free(type, path);
	close(taken);
	CHECK_EQ(read(other, bytes, 1), 0);
	close(other);
	close(second);
	close(third);
}

static void check_misuse(void)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_DGRAM, 0);

	name_of(&address, "nowhere/socket");
	CHECK_ERROR(connect_to(fd, "absent"), ENOENT);
	CHECK_ERROR(bind_to(fd, "absent/socket"), ENOENT);
	REQUIRE(close(open("plain", O_CREAT | O_WRONLY, 0600)) == 0);
	CHECK_ERROR(connect_to(fd, "plain"), ECONNREFUSED);
	CHECK_ERROR(bind_to(fd, "plain"), EADDRINUSE);
	unlink("plain");
	CHECK_ERROR(bind(fd, (struct sockaddr *)&address, sizeof address + 1), EINVAL);
	CHECK_ERROR(bind(fd, (struct sockaddr *)&address, 1), EINVAL);
	address.sun_family = AF_INET;
	CHECK_ERROR(bind(fd, (struct sockaddr *)&address, sizeof address), EINVAL);
	CHECK_ERROR(connect(fd, (struct sockaddr *)&address, sizeof address), EINVAL);
	CHECK_EQ(bind_to(datagram, "data"), 0);
	CHECK_ERROR(connect_to(fd, "data"), EPROTOTYPE);
	unlink("data");
	CHECK_ERROR(connect_to(fd, "@nobody"), ECONNREFUSED);
	CHECK_ERROR(socket(AF_UNIX, SOCK_STREAM, 7), EPROTONOSUPPORT);
	CHECK_ERROR(socket(AF_UNIX, 4, 0), ESOCKTNOSUPPORT);
	CHECK_ERROR(listen(datagram, 1), EOPNOTSUPP);
	CHECK_ERROR(accept(datagram, NULL, NULL), EOPNOTSUPP);
	CHECK_ERROR(shutdown(fd, 3), EINVAL);
	CHECK_EQ(shutdown(fd, SHUT_RDWR), 0);
	/* Without a name: one is made up. */
	address.sun_family = AF_UNIX;
	socklen_t length = sizeof address;
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, 2), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	CHECK_EQ(length, 8);
	CHECK_EQ(address.sun_path[0], 0);
	/* A name that fills the address has no NUL. */
	int full = socket(AF_UNIX, SOCK_STREAM, 0);
	memset(address.sun_path, 'x', sizeof address.sun_path);
	CHECK_EQ(bind(full, (struct sockaddr *)&address, sizeof address), 0);
	length = 200;
	char name[200];
	CHECK_EQ(getsockname(full, (struct sockaddr *)name, &length), 0);
	CHECK_EQ(length, sizeof address + 1);
	char path[109] = { 0 };
	memset(path, 'x', 108);
	CHECK_EQ(unlink(path), 0);
	close(full);
	close(fd);
	close(datagram);
}

static void check_edges(void)
{
	int fd[2], ep = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd[0], &event), 0);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	CHECK_EQ(event.events, EPOLLOUT);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
	CHECK_EQ(write(fd[1], "a", 1), 1);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	CHECK_EQ(event.events, EPOLLOUT | EPOLLIN);
	CHECK_EQ(write(fd[1], "b", 1), 1);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	CHECK_EQ(read(fd[0], bytes, 1), 1);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
	CHECK_EQ(write(fd[0], "c", 1), 1);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
	CHECK_EQ(read(fd[1], bytes, 9), 1);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	CHECK_EQ(event.events, EPOLLOUT | EPOLLIN);
	close(fd[1]);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	CHECK_EQ(event.events, EPOLLOUT | EPOLLIN | EPOLLRDHUP | EPOLLHUP);
	close(fd[0]);
	close(ep);
}

/* Blocking, across threads. */

static int shared[2];

static void *read_all(void *arg)
{
	static char buffer[1000];
	size_t *total = arg;
	ssize_t count;

	while ((count = read(shared[1], buffer, sizeof buffer)) > 0) {
		for (ssize_t i = 0; i < count; i++)
			if (buffer[i] != (char)((*total + (size_t)i) / 7))
				return "wrong";
		*total += (size_t)count;
	}
	return NULL;
}

static void check_blocking(void)
{
	pthread_t thread;
	size_t total = 0;
	void *result;

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, shared) == 0);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i / 7);
	REQUIRE(pthread_create(&thread, NULL, read_all, &total) == 0);
	CHECK_EQ(write(shared[0], bytes, sizeof bytes), sizeof bytes);
	close(shared[0]);
	pthread_join(thread, &result);
	CHECK(!result);
	CHECK_EQ(total, sizeof bytes);
	close(shared[1]);

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, shared) == 0);
	struct timeval soon = { 0, 20000 };
	CHECK_EQ(setsockopt(shared[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon), 0);
	CHECK_ERROR(read(shared[0], bytes, 1), EAGAIN);
	CHECK_EQ(write(shared[1], "abc", 3), 3);
	CHECK_EQ(recv(shared[0], bytes, 5, MSG_WAITALL), 3);
	close(shared[0]);
	close(shared[1]);
}

static void *connect_later(void *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	return (void *)(long)(connect_to(fd, path) == 0 && write(fd, "me", 2) == 2 ? fd : -1);
}

static void check_waiting_accept(void)
{
	pthread_t thread;
	void *client;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK_EQ(bind_to(listener, "@waiting"), 0);
	CHECK_EQ(listen(listener, 0), 0);
	REQUIRE(pthread_create(&thread, NULL, connect_later, "@waiting") == 0);
	int fd = accept(listener, NULL, NULL);
	REQUIRE(fd >= 0);
	CHECK_EQ(read(fd, bytes, 9), 2);
	pthread_join(thread, &client);
	CHECK((long)client >= 0);
	close((int)(long)client);
	CHECK_EQ(read(fd, bytes, 9), 0);
	close(fd);
	close(listener);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	check_pair(SOCK_STREAM);
	check_pair(SOCK_SEQPACKET);
	static const size_t sizes[] = { 1, 500, 1000, 3000, 4000, 5000, 8000, 20000, 40000, 65536 };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		check_buffers(SOCK_STREAM, sizes[i]);
		check_buffers(SOCK_SEQPACKET, sizes[i]);
	}
	check_connections(SOCK_STREAM, "socket");
	check_connections(SOCK_SEQPACKET, "socket");
	check_connections(SOCK_STREAM, "@abstract of this test");
	check_misuse();
	check_edges();
	check_blocking();
	check_waiting_accept();
	return check_done("unixstream");
}
