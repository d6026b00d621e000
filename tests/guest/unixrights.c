/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors and credentials that are sent over AF_UNIX sockets; those in flight that nobody can receive any more. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

enum { FDS_MAX = 8 };

static long send_fds(int socket, const char *text, const int *fds, int count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * 300)];
	} control;
	struct iovec vector = { (void *)text, strlen(text) };
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = count ? &control : NULL,
		.msg_controllen = count ? CMSG_SPACE(sizeof(int) * (size_t)count) : 0,
	};

	memset(&control, 0, sizeof control);
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
	memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * (size_t)count);
	return syscall(SYS_sendmsg, socket, &message, 0); /* musl copies, and has limits */
}

struct received {
	char text[64];
	int fds[FDS_MAX], count, flags;
	bool has_credentials;
	struct ucred credentials;
};

static long receive(int socket, struct received *out, size_t room, size_t size, int flags)
{
	static _Alignas(8) char control[512];
	struct iovec vector = { out->text, size };
	struct msghdr message = {
		.msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room
	};
	long result = recvmsg(socket, &message, flags);

	out->count = 0;
	out->has_credentials = false;
	out->flags = message.msg_flags;
	if (result < 0)
		return result;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		if (c->cmsg_type == SCM_CREDENTIALS) {
			out->has_credentials = true;
			memcpy(&out->credentials, CMSG_DATA(c), sizeof out->credentials);
		} else {
			out->count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(out->fds, CMSG_DATA(c), sizeof(int) * (size_t)out->count);
		}
	}
	return result;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void check_passing(int type)
{
	struct received got;
	int fd[2], pipes[2];

	REQUIRE(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd) == 0);
	REQUIRE(pipe(pipes) == 0);
	CHECK_EQ(send_fds(fd[0], "hello", pipes, 2), 5);
	close(pipes[0]);
	close(pipes[1]);
	CHECK_EQ(receive(fd[1], &got, 512, 64, MSG_CMSG_CLOEXEC), 5);
	CHECK_EQ(got.count, 2);
	CHECK_EQ(got.flags, MSG_CMSG_CLOEXEC);
	CHECK_EQ(fcntl(got.fds[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(got.fds[1], "via", 3), 3);
	CHECK_EQ(read(got.fds[0], got.text, 9), 3);

	/* Peeking makes descriptors as well. */
	struct received peeked;
	CHECK_EQ(send_fds(fd[0], "again", got.fds, 1), 5);
	CHECK_EQ(receive(fd[1], &peeked, 512, 64, MSG_PEEK), 5);
	CHECK_EQ(peeked.count, 1);
	CHECK_EQ(fcntl(peeked.fds[0], F_GETFD), 0);
	close(peeked.fds[0]);
	CHECK_EQ(receive(fd[1], &peeked, 512, 64, 0), 5);
	CHECK_EQ(peeked.count, 1);
	close(peeked.fds[0]);

	/* Too little room: what does not fit is closed. */
	CHECK_EQ(send_fds(fd[0], "few", got.fds, 2), 3);
	CHECK_EQ(receive(fd[1], &peeked, CMSG_SPACE(sizeof(int)) - 4, 64, 0), 3);
	CHECK_EQ(peeked.count, 1);
	CHECK_EQ(peeked.flags, MSG_CTRUNC);
	close(peeked.fds[0]);
	CHECK_EQ(send_fds(fd[0], "none", got.fds, 2), 4);
	CHECK_EQ(receive(fd[1], &peeked, 0, 64, 0), 4);
	CHECK_EQ(peeked.flags, MSG_CTRUNC);
	close(got.fds[1]);
	CHECK_EQ(read(got.fds[0], got.text, 9), 0);
	CHECK_EQ(send_fds(fd[0], "unseen", got.fds, 1), 6);
	CHECK_EQ(read(fd[1], got.text, 64), 6);

	CHECK_ERROR(send_fds(fd[0], "bad", &(int){ 1000 }, 1), EBADF);
	int many[254];
	for (int i = 0; i < 254; i++)
		many[i] = fd[0];
	CHECK_ERROR(send_fds(fd[0], "many", many, 254), EINVAL);
	CHECK_ERROR(receive(fd[1], &got, 512, 64, 0), EAGAIN);
	close(got.fds[0]);
	close(fd[0]);
	close(fd[1]);
}

/* In a stream descriptors end a read, and come with the first byte they were sent with. */
static void check_streams(void)
{
	struct received got;
	int fd[2], event = eventfd(0, 0);

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	CHECK_EQ(write(fd[0], "one", 3), 3);
	CHECK_EQ(send_fds(fd[0], "two", &event, 1), 3);
	CHECK_EQ(write(fd[0], "three", 5), 5);
	CHECK_EQ(send_fds(fd[0], "four", &event, 1), 4);
	CHECK_EQ(receive(fd[1], &got, 512, 64, 0), 6);
	CHECK_EQ(got.count, 1);
	close(got.fds[0]);
	CHECK_EQ(receive(fd[1], &got, 512, 6, 0), 6);
	CHECK_EQ(got.count, 1);
	close(got.fds[0]);
	CHECK_EQ(receive(fd[1], &got, 512, 64, 0), 3);
	CHECK_EQ(got.count, 0);
	/* MSG_WAITALL ends there, too. */
	CHECK_EQ(fcntl(fd[1], F_SETFL, 0), 0);
	CHECK_EQ(send_fds(fd[0], "two", &event, 1), 3);
	CHECK_EQ(write(fd[0], "three", 5), 5);
	CHECK_EQ(receive(fd[1], &got, 512, 8, MSG_WAITALL), 3);
	CHECK_EQ(got.count, 1);
	close(got.fds[0]);
	CHECK_EQ(receive(fd[1], &got, 512, 64, 0), 5);
	/* Who wants no byte waits for one, but then gets the descriptors. */
	CHECK_EQ(fcntl(fd[1], F_SETFL, O_NONBLOCK), 0);
	CHECK_ERROR(recv(fd[1], &got, 0, 0), EAGAIN);
	CHECK_EQ(send_fds(fd[0], "two", &event, 1), 3);
	CHECK_EQ(receive(fd[1], &got, 512, 0, 0), 0);
	CHECK_EQ(got.count, 1);
	close(got.fds[0]);
	CHECK_EQ(recv(fd[1], &got, 0, 0), 0);
	CHECK_EQ(receive(fd[1], &got, 512, 64, 0), 3);
	CHECK_EQ(got.count, 0);
	close(fd[0]);
	close(fd[1]);
	close(event);
}

static void check_credentials(int type)
{
	struct received got;
	int fd[2], on = 1, event = eventfd(0, 0);

	REQUIRE(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fd) == 0);
	CHECK_EQ(write(fd[0], "early", 5), 5);
	CHECK_EQ(setsockopt(fd[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
	CHECK_EQ(write(fd[0], "later", 5), 5);
	CHECK_EQ(send_fds(fd[0], "both", &event, 1), 4);
	CHECK_EQ(receive(fd[1], &got, 512, 64, 0), 5);
	CHECK(got.has_credentials);
	CHECK_EQ(got.credentials.pid, 0);
	CHECK_EQ(got.credentials.uid, 65534);
	CHECK_EQ(receive(fd[1], &got, 512, 5, 0), 5);
	CHECK(got.has_credentials);
	CHECK_EQ(got.credentials.pid, getpid());
	CHECK_EQ(got.credentials.uid, getuid());
	CHECK_EQ(receive(fd[1], &got, 512, 64, 0), 4);
	CHECK(got.has_credentials);
	CHECK_EQ(got.count, 1);
	close(got.fds[0]);
	CHECK_EQ(write(fd[0], "x", 1), 1);
	CHECK_EQ(receive(fd[1], &got, 8, 64, 0), 1);
	CHECK_EQ(got.flags, MSG_CTRUNC);
	close(fd[0]);
	close(fd[1]);
	close(event);
}

static void check_bad_control(void)
{
	static _Alignas(8) char control[64];
	struct cmsghdr *header = (struct cmsghdr *)control;
	struct iovec vector = { "x", 1 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control };
	int fd[2];

	REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd) == 0);
	message.msg_controllen = 64;
	*header = (struct cmsghdr){ .cmsg_len = 65,
				    .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_RIGHTS };
	CHECK_ERROR(syscall(SYS_sendmsg, fd[0], &message, 0), EINVAL);
	header->cmsg_len = 15;
	CHECK_ERROR(syscall(SYS_sendmsg, fd[0], &message, 0), EINVAL);
	header->cmsg_len = 20;
	header->cmsg_type = 77;
	CHECK_ERROR(syscall(SYS_sendmsg, fd[0], &message, 0), EINVAL);
	header->cmsg_type = SCM_CREDENTIALS;
	CHECK_ERROR(syscall(SYS_sendmsg, fd[0], &message, 0), EINVAL);
	header->cmsg_level = SOL_SOCKET + 1000;
	header->cmsg_len = 64;
	CHECK_EQ(syscall(SYS_sendmsg, fd[0], &message, 0), 1);
	message.msg_control = check_bad_pointer();
	CHECK_ERROR(syscall(SYS_sendmsg, fd[0], &message, 0), EFAULT);
	close(fd[0]);
	close(fd[1]);
}

/* Cycles of descriptors in flight: they go when nobody can receive them, as a pipe's end among them shows. */
static void check_garbage(void)
{
	struct received got;
	int a[2], b[2], pipes[2], other;

	REQUIRE(pipe2(pipes, O_NONBLOCK) == 0);
	/* A socket in its own queue, with the pipe. */
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0);
	CHECK_EQ(send_fds(a[0], "x", (int[]){ a[1], pipes[1] }, 2), 1);
	CHECK_EQ(read(pipes[0], got.text, 1), -1);
	close(pipes[1]);
	close(a[1]);
	close(a[0]);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, b) == 0);
	close(b[0]);
	close(b[1]);
	struct pollfd ends = { pipes[0], POLLIN, 0 };
	CHECK_EQ(poll(&ends, 1, 2000), 1);
	CHECK_EQ(ends.revents, POLLHUP);
	close(pipes[0]);

	/* Two that have each other; one of them can still be received through a third. */
	REQUIRE(pipe2(pipes, O_NONBLOCK) == 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, b) == 0);
	int c[2];
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, c) == 0);
	CHECK_EQ(send_fds(a[0], "x", (int[]){ b[1], pipes[1] }, 2), 1);
	CHECK_EQ(send_fds(b[0], "y", (int[]){ a[1] }, 1), 1);
	CHECK_EQ(send_fds(c[0], "z", (int[]){ a[1] }, 1), 1);
	close(pipes[1]);
	close(a[0]);
	close(a[1]);
	close(b[0]);
	close(b[1]);
	other = socket(AF_UNIX, SOCK_STREAM, 0);
	close(other);
	ends = (struct pollfd){ pipes[0], POLLIN, 0 };
	CHECK_EQ(poll(&ends, 1, 50), 0);
	CHECK_EQ(receive(c[1], &got, 512, 64, 0), 1);
	CHECK_EQ(got.count, 1);
	int saved = got.fds[0];
	CHECK_EQ(receive(saved, &got, 512, 64, 0), 1);
	CHECK_EQ(got.count, 2);
	close(saved);
	close(got.fds[0]);
	CHECK(is_open(got.fds[1]));
	close(got.fds[1]);
	CHECK_EQ(poll(&ends, 1, 2000), 1);
	CHECK_EQ(ends.revents, POLLHUP);
	close(c[0]);
	close(c[1]);
	close(pipes[0]);

	/* Many, so that they would not fit into memory if they stayed. */
	for (int i = 0; i < 3000; i++) {
		REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, a) == 0);
		REQUIRE(send_fds(a[0], "x", (int[]){ a[1], a[0] }, 2) == 1);
		REQUIRE(send_fds(a[1], "x", (int[]){ a[0] }, 1) == 1);
		close(a[0]);
		close(a[1]);
	}
}

/* A chain of sockets, each in flight in the next: closing the last closes them all, without a stack for each. */
static void check_chain(void)
{
	int last = -1, fd[2];

	for (int i = 0; i < 5000; i++) {
		REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd) == 0);
		if (last >= 0) {
			REQUIRE(send_fds(fd[0], "x", &last, 1) == 1);
			close(last);
		}
		close(fd[0]);
		last = fd[1];
	}
	CHECK_EQ(close(last), 0);
}

/* Nothing stays behind in an instance of epoll. */
static void check_epoll(void)
{
	struct received got;
	struct epoll_event event = { .events = EPOLLIN };
	int fd[2], ep = epoll_create1(0), counter = eventfd(1, 0);

	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, counter, &event), 0);
	CHECK_EQ(send_fds(fd[0], "x", &counter, 1), 1);
	close(counter);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	CHECK_EQ(receive(fd[1], &got, 512, 64, 0), 1);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 1);
	close(got.fds[0]);
	CHECK_EQ(epoll_wait(ep, &event, 1, 0), 0);
	CHECK_EQ(send_fds(fd[0], "x", &ep, 1), 1);
	close(ep);
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	check_passing(SOCK_STREAM);
	check_passing(SOCK_DGRAM);
	check_passing(SOCK_SEQPACKET);
	check_streams();
	check_credentials(SOCK_STREAM);
	check_credentials(SOCK_DGRAM);
	check_bad_control();
	check_garbage();
	check_chain();
	check_epoll();
	return check_done("unixrights");
}
