/* SPDX-License-Identifier: BSD-3-Clause */
/* The edges of calls about sockets: after a reset, with nothing to receive, with control data that is none. */
#include "net.h"

#include <limits.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* The C libraries look at the message before the kernel does. */
static long send_message(int fd, const struct msghdr *m)
{
	return syscall(SYS_sendmsg, fd, m, 0);
}

static long receive_message(int fd, struct msghdr *m, int flags)
{
	return syscall(SYS_recvmsg, fd, m, flags);
}

/* Closes an end so that the other one gets a reset. */
static void reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	REQUIRE(!setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
	REQUIRE(!close(fd));
}

static void peer_after_reset(void)
{
	struct sockaddr_in at = { 0 };
	socklen_t bytes = sizeof at;
	int fds[2];
	char c;

	tcp_pair(fds);
	CHECK_EQ(getpeername(fds[0], (struct sockaddr *)&at, &bytes), 0);
	reset(fds[1]);
	wait_for(fds[0], POLLHUP);
	bytes = sizeof at;
	CHECK_ERROR(getpeername(fds[0], (struct sockaddr *)&at, &bytes), ENOTCONN);
	CHECK_ERROR(recv(fds[0], &c, 1, 0), ECONNRESET);
	CHECK_ERROR(getpeername(fds[0], (struct sockaddr *)&at, &bytes), ENOTCONN);
	CHECK_EQ(getsockname(fds[0], (struct sockaddr *)&at, &bytes), 0);
	CHECK(at.sin_port != 0);
	close(fds[0]);
}

static void peer_after_both_ended(void)
{
	struct sockaddr_in at = { 0 };
	socklen_t bytes = sizeof at;
	int fds[2];

	tcp_pair(fds);
	shutdown(fds[0], SHUT_WR);
	wait_for(fds[1], POLLRDHUP);
	CHECK_EQ(getpeername(fds[0], (struct sockaddr *)&at, &bytes), 0);
	CHECK_EQ(getpeername(fds[1], (struct sockaddr *)&at, &bytes), 0);
	shutdown(fds[1], SHUT_WR);
	wait_for(fds[0], POLLHUP);
	CHECK_ERROR(getpeername(fds[0], (struct sockaddr *)&at, &bytes), ENOTCONN);
	close(fds[0]);
	close(fds[1]);
}

/* Who accepts is told the peer, though that has gone. */
static void accept_after_reset(void)
{
	struct sockaddr_in own = { 0 }, at = { 0 };
	socklen_t bytes = sizeof own;
	int l = listener(0), fd = socket(AF_INET, SOCK_STREAM, 0);

	REQUIRE(!connect_to(fd, port_of(l)));
	REQUIRE(!getsockname(fd, (struct sockaddr *)&own, &bytes));
	CHECK(wait_for(l, POLLIN) & POLLIN);
	reset(fd);
	usleep(50000);
	bytes = sizeof at;
	fd = accept(l, (struct sockaddr *)&at, &bytes);
	CHECK(fd >= 0);
	CHECK_EQ(bytes, sizeof at);
	CHECK_EQ(at.sin_port, own.sin_port);
	CHECK_ERROR(getpeername(fd, (struct sockaddr *)&at, &bytes), ENOTCONN);
	close(fd);
	close(l);
}

static void nothing_to_receive(void)
{
	struct iovec none = { .iov_len = 0 };
	struct msghdr m = { .msg_iov = &none, .msg_iovlen = 1 };
	int fds[2];
	char c;

	tcp_pair(fds);
	CHECK_EQ(read(fds[0], &c, 0), 0);
	CHECK_EQ(readv(fds[0], &none, 1), 0);
	CHECK_ERROR(recv(fds[0], &c, 0, MSG_DONTWAIT), EAGAIN);
	CHECK_ERROR(receive_message(fds[0], &m, MSG_DONTWAIT), EAGAIN);
	CHECK_ERROR(recv(fds[0], &c, 0, MSG_DONTWAIT | MSG_PEEK), EAGAIN);
	CHECK_ERROR(recv(fds[0], &c, 0, MSG_DONTWAIT | MSG_WAITALL), EAGAIN);
	CHECK_EQ(send(fds[1], "x", 1, 0), 1);
	wait_for(fds[0], POLLIN);
	CHECK_EQ(recv(fds[0], &c, 0, 0), 0);
	CHECK_EQ(recv(fds[0], &c, 0, MSG_PEEK), 0);
	CHECK_EQ(recv(fds[0], &c, 0, MSG_TRUNC), 0);
	CHECK_EQ(recv(fds[0], &c, 1, 0), 1);
	close(fds[1]);
	wait_for(fds[0], POLLIN);
	CHECK_EQ(recv(fds[0], &c, 0, 0), 0);
	close(fds[0]);
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	CHECK_ERROR(recv(fds[0], &c, 0, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(read(fds[0], &c, 0), 0);
	close(fds[0]);
	close(fds[1]);
	fds[0] = bound(SOCK_DGRAM);
	CHECK_EQ(read(fds[0], &c, 0), 0);
	CHECK_ERROR(recv(fds[0], &c, 0, MSG_DONTWAIT), EAGAIN);
	close(fds[0]);
}

/* As the kernel has them, whatever a C library makes of the lengths. */
struct raw_message {
	void *name;
	uint64_t name_bytes;
	struct iovec *vector;
	uint64_t vector_count;
	void *control;
	uint64_t control_bytes, flags;
};

static void control_lengths(void)
{
	struct {
		uint64_t bytes;
		int level, type, data[2];
	} control = { 0 };
	struct iovec one = { .iov_base = "x", .iov_len = 1 };
	struct raw_message m = { .vector = &one, .vector_count = 1, .control = &control };
	int fds[2];

	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	m.control_bytes = UINT64_MAX;
	CHECK_ERROR(syscall(SYS_sendmsg, fds[0], &m, 0), ENOBUFS);
	m.control_bytes = (uint64_t)INT_MAX + 1;
	CHECK_ERROR(syscall(SYS_sendmsg, fds[0], &m, 0), ENOBUFS);
	m.control_bytes = INT_MAX;
	CHECK_ERROR(syscall(SYS_sendmsg, fds[0], &m, 0), ENOBUFS);
	m.control = NULL;
	CHECK_ERROR(syscall(SYS_sendmsg, fds[0], &m, 0), ENOBUFS);
	m.control_bytes = sizeof control;
	CHECK_ERROR(syscall(SYS_sendmsg, fds[0], &m, 0), EFAULT);
	m.control = &control;
	for (control.bytes = 0; control.bytes < 16; control.bytes++)
		CHECK_ERROR(syscall(SYS_sendmsg, fds[0], &m, 0), EINVAL);
	control.bytes = sizeof control + 1;
	CHECK_ERROR(syscall(SYS_sendmsg, fds[0], &m, 0), EINVAL);
	control.bytes = UINT64_MAX;
	CHECK_ERROR(syscall(SYS_sendmsg, fds[0], &m, 0), EINVAL);
	close(fds[0]);
	close(fds[1]);
}

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static int send_descriptors(int fd, unsigned count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(count * sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec one = { .iov_base = "x", .iov_len = 1 };
	struct msghdr m = { .msg_iov = &one,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = CMSG_SPACE(count * sizeof(int)) };

	memset(CMSG_DATA(&control.header), 0, count * sizeof(int));
	return (int)send_message(fd, &m);
}

/* Descriptors that the program cannot be told of are not made. */
static void descriptors_to_nowhere(void)
{
	char c;
	struct iovec one = { .iov_base = &c, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &one,
			    .msg_iovlen = 1,
			    .msg_control = check_bad_pointer(),
			    .msg_controllen = CMSG_SPACE(4 * sizeof(int)) };
	int fds[2];

	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	int before = lowest_free();
	CHECK_EQ(send_descriptors(fds[0], 2), 1);
	CHECK_EQ(receive_message(fds[1], &m, 0), 1);
	CHECK_EQ(m.msg_controllen, 0);
	CHECK_EQ(m.msg_flags, MSG_CTRUNC);
	CHECK_EQ(lowest_free(), before);
	close(fds[0]);
	close(fds[1]);
}

static long send_with_number(int fd, int port, int type, int number, size_t bytes)
{
	struct sockaddr_in6 to = loopback6(port);
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .header = { .cmsg_len = (socklen_t)CMSG_LEN(bytes),
				  .cmsg_level = IPPROTO_IPV6,
				  .cmsg_type = type } };
	struct iovec one = { .iov_base = "x", .iov_len = 1 };
	struct msghdr m = { .msg_name = &to,
			    .msg_namelen = sizeof to,
			    .msg_iov = &one,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = (socklen_t)CMSG_SPACE(bytes) };

	memcpy(CMSG_DATA(&control.header), &number, sizeof number);
	return send_message(fd, &m);
}

/* What one packet's traffic class and hop limit may be: -1 is the socket's own. */
static void numbers_to_send(void)
{
	static const int types[] = { IPV6_TCLASS, IPV6_HOPLIMIT };
	struct sockaddr_in6 at = loopback6(0);
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	REQUIRE(!bind(fd, (struct sockaddr *)&at, sizeof at));
	for (int i = 0; i < 2; i++) {
		int port = port_of(fd), type = types[i];

		CHECK_ERROR(send_with_number(fd, port, type, -2, 4), EINVAL);
		CHECK_EQ(send_with_number(fd, port, type, -1, 4), 1);
		CHECK_EQ(send_with_number(fd, port, type, 0, 4), 1);
		CHECK_EQ(send_with_number(fd, port, type, 255, 4), 1);
		CHECK_ERROR(send_with_number(fd, port, type, 256, 4), EINVAL);
		CHECK_ERROR(send_with_number(fd, port, type, 1, 5), EINVAL);
	}
	close(fd);
}

int main(void)
{
	peer_after_reset();
	peer_after_both_ended();
	accept_after_reset();
	nothing_to_receive();
	control_lengths();
	descriptors_to_nowhere();
	numbers_to_send();
	return check_done("sockedges");
}
