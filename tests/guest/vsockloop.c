/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_VSOCK within one machine: connections from their beginning to their end, flow control, poll and epoll. */
#include "vsock.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

static int listener;
static uint32_t port;

/* A connected pair: [0] has connected, [1] was accepted. */
static void make_pair(int pair[2])
{
	pair[0] = vm_socket(0);
	CHECK_EQ(vm_connect(pair[0], CID_LOCAL, port), 0);
	pair[1] = accept(listener, NULL, NULL);
	REQUIRE(pair[1] >= 0);
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static unsigned poll_of(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	CHECK(poll(&poll_fd, 1, 0) >= 0);
	return (unsigned)poll_fd.revents;
}

static void test_names(void)
{
	struct vm_address peer;
	socklen_t bytes = sizeof peer;
	int pair[2];

	make_pair(pair);
	CHECK_EQ(getpeername(pair[0], (struct sockaddr *)&peer, &bytes), 0);
	CHECK_EQ(peer.cid, CID_LOCAL);
	CHECK_EQ(peer.port, port);
	CHECK_EQ(getpeername(pair[1], (struct sockaddr *)&peer, &bytes), 0);
	CHECK_EQ(peer.cid, CID_LOCAL);
	CHECK_EQ(peer.port, vm_name(pair[0]).port);
	CHECK_EQ(vm_name(pair[1]).port, port);
	CHECK_EQ(vm_name(pair[1]).cid, CID_LOCAL);
	CHECK_ERROR(vm_connect(pair[0], CID_LOCAL, port), EISCONN);
	close_pair(pair);
}

static void test_refused(void)
{
	int fd = vm_socket(0);

	CHECK_ERROR(vm_connect(fd, CID_LOCAL, 4242), ECONNRESET);
	CHECK_EQ(vm_error(fd), 0);
	CHECK_EQ(vm_connect(fd, CID_LOCAL, port), 0); /* it may try again */
	close(fd);
	close(accept(listener, NULL, NULL));
}

static void test_transfer(void)
{
	char text[16] = { 0 };
	int pair[2], waiting = -1;

	make_pair(pair);
	CHECK_EQ(poll_of(pair[1]), POLLOUT);
	CHECK_ERROR(recv(pair[1], text, sizeof text, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(pair[0], "hello ", 6, 0), 6);
	CHECK_EQ(send(pair[0], "world", 5, 0), 5);
	CHECK_EQ(poll_of(pair[1]), POLLIN | POLLOUT);
	CHECK_EQ(ioctl(pair[1], FIONREAD, &waiting), 0);
	CHECK_EQ(waiting, 11);
	CHECK_EQ(recv(pair[1], text, 3, MSG_PEEK), 3);
	CHECK_EQ(recv(pair[1], text, sizeof text, MSG_PEEK), 11);
	CHECK(!strcmp(text, "hello world"));
	memset(text, 0, sizeof text);
	CHECK_EQ(recv(pair[1], text, 8, 0), 8);
	CHECK(!strcmp(text, "hello wo"));
	CHECK_EQ(recv(pair[1], text, sizeof text, 0), 3);
	CHECK_ERROR(recv(pair[1], check_bad_pointer(), 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(pair[1], "back", 4, 0), 4);
	CHECK_ERROR(recv(pair[0], check_bad_pointer(), 4, 0), EFAULT);
	CHECK_EQ(recv(pair[0], text, 4, MSG_WAITALL), 4);
	CHECK(!strncmp(text, "back", 4));
	CHECK_ERROR(send(pair[0], check_bad_pointer(), 4, 0), EFAULT);
	close_pair(pair);
}

static void test_shutdown(void)
{
	char text[8];
	int pair[2];

	make_pair(pair);
	CHECK_EQ(send(pair[0], "end", 3, 0), 3);
	CHECK_EQ(shutdown(pair[0], SHUT_WR), 0);
	CHECK_ERROR(send(pair[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(poll_of(pair[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(recv(pair[1], text, sizeof text, 0), 3);
	CHECK_EQ(recv(pair[1], text, sizeof text, 0), 0);
	CHECK_EQ(send(pair[1], "answer", 6, 0), 6);
	CHECK_EQ(recv(pair[0], text, sizeof text, 0), 6);
	CHECK_EQ(shutdown(pair[1], SHUT_RDWR), 0);
	CHECK_EQ(recv(pair[0], text, sizeof text, 0), 0);
	close_pair(pair);
}

static void test_close(void)
{
	char text[8];
	int pair[2];

	make_pair(pair);
	CHECK_EQ(send(pair[0], "last", 4, 0), 4);
	close(pair[0]);
	CHECK_EQ(recv(pair[1], text, sizeof text, 0), 4);
	CHECK_EQ(recv(pair[1], text, sizeof text, 0), 0);
	CHECK_ERROR(send(pair[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(pair[1]);
	make_pair(pair);
	close(pair[1]);
	CHECK_EQ(recv(pair[0], text, sizeof text, 0), 0);
	CHECK((poll_of(pair[0]) & (POLLIN | POLLRDHUP)) == (POLLIN | POLLRDHUP));
	close(pair[0]);
}

/* A writer is held up when the reader has as much as it asked for, and goes on when that is read. */
static void test_flow(void)
{
	static char block[5000];
	uint64_t size = 20000;
	long total = 0, read_total = 0, count;
	int pair[2];

	make_pair(pair);
	CHECK_EQ(setsockopt(pair[1], AF_VSOCK, BUFFER_SIZE, &size, sizeof size), 0);
	while ((count = send(pair[0], block, sizeof block, MSG_DONTWAIT)) > 0)
		total += count;
	CHECK_ERROR(send(pair[0], block, sizeof block, MSG_DONTWAIT), EAGAIN);
	CHECK(total >= 20000 && total <= 262144);
	CHECK_EQ(poll_of(pair[0]), 0);
	while ((count = recv(pair[1], block, sizeof block, MSG_DONTWAIT)) > 0)
		read_total += count;
	CHECK_EQ(read_total, total);
	CHECK_EQ(poll_of(pair[0]), POLLOUT);
	CHECK_EQ(send(pair[0], block, 1, MSG_DONTWAIT), 1);
	close_pair(pair);
}

/* So many packets of a byte each that each could not have memory of its own. */
static void test_small(void)
{
	enum { COUNT = 100000 };
	long total = 0, count;
	char byte = 0;
	bool right = true;
	static char block[COUNT];
	int pair[2];

	make_pair(pair);
	for (unsigned i = 0; i < COUNT; i++) {
		byte = (char)i;
		CHECK_EQ(send(pair[0], &byte, 1, MSG_DONTWAIT), 1);
	}
	while (total < COUNT && (count = recv(pair[1], block, sizeof block, 0)) > 0) {
		for (long i = 0; i < count; i++)
			right = right && block[i] == (char)(total + i);
		total += count;
	}
	CHECK(right);
	CHECK_EQ(total, COUNT);
	close_pair(pair);
}

enum { STREAM_BYTES = 8 << 20 };

static unsigned char pattern(long at)
{
	return (unsigned char)(at * 7 + at / 251);
}

static void *write_stream(void *arg)
{
	static unsigned char block[50000];
	int fd = *(int *)arg;

	for (long done = 0; done < STREAM_BYTES;) {
		long bytes = STREAM_BYTES - done < (long)sizeof block ? STREAM_BYTES - done
								      : (long)sizeof block;

		for (long i = 0; i < bytes; i++)
			block[i] = pattern(done + i);
		CHECK_EQ(write(fd, block, (size_t)bytes), bytes);
		done += bytes;
	}
	CHECK_EQ(shutdown(fd, SHUT_WR), 0);
	return NULL;
}

static void test_stream(void)
{
	static unsigned char block[30011];
	pthread_t thread;
	long total = 0, count;
	bool right = true;
	int pair[2];

	make_pair(pair);
	CHECK_EQ(pthread_create(&thread, NULL, write_stream, &pair[0]), 0);
	while ((count = read(pair[1], block, sizeof block)) > 0) {
		for (long i = 0; i < count; i++)
			right = right && block[i] == pattern(total + i);
		total += count;
	}
	CHECK(right);
	CHECK_EQ(total, STREAM_BYTES);
	pthread_join(thread, NULL);
	close_pair(pair);
}

static void test_sendfile(void)
{
	enum { BYTES = 100000 };
	static unsigned char block[BYTES];
	int fd = memfd_create("file", 0), pair[2];
	bool right = true;

	for (long i = 0; i < BYTES; i++)
		block[i] = pattern(i);
	CHECK_EQ(write(fd, block, BYTES), BYTES);
	make_pair(pair);
	for (int i = 0; i < 10; i++) { /* more than the receiver's buffer in all */
		CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
		CHECK_EQ(sendfile(pair[0], fd, NULL, BYTES), BYTES);
		memset(block, 0, BYTES);
		CHECK_EQ(recv(pair[1], block, BYTES, MSG_WAITALL), BYTES);
		for (long k = 0; k < BYTES; k++)
			right = right && block[k] == pattern(k);
	}
	CHECK(right);
	close_pair(pair);
	close(fd);
}

static void test_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int instance = epoll_create1(0), pair[2];
	char byte;

	make_pair(pair);
	CHECK_EQ(epoll_ctl(instance, EPOLL_CTL_ADD, pair[1], &event), 0);
	CHECK_EQ(epoll_wait(instance, &event, 1, 0), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(send(pair[0], "x", 1, 0), 1);
		CHECK_EQ(epoll_wait(instance, &event, 1, 0), 1);
		CHECK_EQ(event.events, EPOLLIN);
		CHECK_EQ(epoll_wait(instance, &event, 1, 0), 0);
	}
	CHECK_EQ(recv(pair[1], &byte, 1, 0), 1);
	close(pair[0]);
	CHECK_EQ(epoll_wait(instance, &event, 1, 0), 1);
	close(pair[1]);
	close(instance);
}

/* Connections beyond the backlog are refused; those that wait when the listener closes are ended. */
static void test_backlog(void)
{
	uint32_t other_port;
	int other = vm_listen(CID_ANY, 2, &other_port), fds[4];
	char byte;

	for (int i = 0; i < 3; i++) {
		fds[i] = vm_socket(0);
		CHECK_EQ(vm_connect(fds[i], CID_LOCAL, other_port), 0);
	}
	fds[3] = vm_socket(0);
	CHECK_ERROR(vm_connect(fds[3], CID_LOCAL, other_port), ECONNRESET);
	CHECK_EQ(poll_of(other), POLLIN);
	CHECK_EQ(send(fds[0], "x", 1, 0), 1);
	close(other);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(recv(fds[i], &byte, 1, 0), 0);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

static void *accept_one(void *arg)
{
	char byte = 0;
	int fd = accept(*(int *)arg, NULL, NULL);

	CHECK_EQ(recv(fd, &byte, 1, 0), 1);
	CHECK_EQ(send(fd, &byte, 1, 0), 1);
	close(fd);
	return NULL;
}

static void test_waiting(void)
{
	struct timeval time = { .tv_usec = 1000 };
	pthread_t thread;
	char byte = 'w';
	int fd = vm_socket(0), pair[2];

	CHECK_EQ(pthread_create(&thread, NULL, accept_one, &listener), 0);
	CHECK_EQ(vm_connect(fd, CID_LOCAL, port), 0);
	CHECK_EQ(send(fd, &byte, 1, 0), 1);
	CHECK_EQ(recv(fd, &byte, 1, 0), 1);
	CHECK_EQ(recv(fd, &byte, 1, 0), 0);
	close(fd);
	pthread_join(thread, NULL);
	make_pair(pair);
	CHECK_EQ(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time), 0);
	CHECK_ERROR(recv(pair[0], &byte, 1, 0), EAGAIN);
	close_pair(pair);
}

/* A name of one address is not another's. */
static void test_addresses(void)
{
	uint32_t other_port;
	int local = vm_listen(CID_LOCAL, 1, &other_port), fd = vm_socket(0);

	CHECK_ERROR(vm_bind(fd, CID_ANY, other_port), EADDRINUSE);
	CHECK_EQ(vm_name(local).cid, CID_LOCAL);
	CHECK_EQ(vm_connect(fd, CID_LOCAL, other_port), 0);
	close(fd);
	close(local);
}

int main(void)
{
	listener = vm_listen(CID_ANY, 8, &port);
	test_names();
	test_refused();
	test_transfer();
	test_shutdown();
	test_close();
	test_flow();
	test_small();
	test_stream();
	test_sendfile();
	test_epoll();
	test_backlog();
	test_waiting();
	test_addresses();
	return check_done("vsockloop");
}
