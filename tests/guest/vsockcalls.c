/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_VSOCK sockets that are not connected: types, names, options, and what is refused. */
#include "vsock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

static void test_types(void)
{
	int fd;

	CHECK_ERROR(socket(AF_VSOCK, SOCK_RAW, 0), ESOCKTNOSUPPORT);
	CHECK_ERROR(socket(AF_VSOCK, SOCK_STREAM, 1), EPROTONOSUPPORT);
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, AF_VSOCK);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close(fd);
}

static void test_names(void)
{
	struct vm_address at = { .family = AF_INET, .cid = CID_ANY, .port = 5000 };
	int fd = vm_socket(0), other = vm_socket(0);

	at = vm_name(fd);
	CHECK_EQ(at.cid, CID_ANY);
	CHECK_EQ(at.port, PORT_ANY);
	CHECK_ERROR(bind(fd, (struct sockaddr *)&at, sizeof at - 1), EINVAL);
	at.family = AF_INET;
	CHECK_ERROR(bind(fd, (struct sockaddr *)&at, sizeof at), EINVAL);
	at.family = AF_VSOCK;
	at.flags = 2;
	CHECK_ERROR(bind(fd, (struct sockaddr *)&at, sizeof at), EINVAL);
	CHECK_ERROR(vm_bind(fd, 12345, 5000), EADDRNOTAVAIL);
	CHECK_EQ(vm_bind(fd, CID_ANY, 54321), 0);
	CHECK_EQ(vm_name(fd).port, 54321);
	CHECK_EQ(vm_name(fd).cid, CID_ANY);
	CHECK_ERROR(vm_bind(fd, CID_ANY, 54322), EINVAL);
	CHECK_ERROR(vm_bind(other, CID_ANY, 54321), EADDRINUSE);
	close(fd);
	CHECK_EQ(vm_bind(other, CID_ANY, 54321), 0);
	close(other);
	fd = vm_socket(0);
	CHECK_EQ(vm_bind(fd, CID_ANY, PORT_ANY), 0);
	CHECK(vm_name(fd).port > 1023 && vm_name(fd).port != PORT_ANY);
	close(fd);
}

static void test_not_connected(void)
{
	struct vm_address at;
	socklen_t bytes = sizeof at;
	char byte = 0;
	int fd = vm_socket(0);

	CHECK_ERROR(getpeername(fd, (struct sockaddr *)&at, &bytes), ENOTCONN);
	CHECK_ERROR(send(fd, &byte, 1, MSG_NOSIGNAL), ENOTCONN);
	CHECK_ERROR(recv(fd, &byte, 1, 0), ENOTCONN);
	CHECK_ERROR(shutdown(fd, SHUT_WR), ENOTCONN);
	CHECK_ERROR(shutdown(fd, 7), EINVAL);
	CHECK_ERROR(send(fd, &byte, 1, MSG_OOB | MSG_NOSIGNAL), EOPNOTSUPP);
	CHECK_ERROR(listen(fd, 1), EINVAL);
	CHECK_ERROR(accept(fd, NULL, NULL), EINVAL);
	CHECK_EQ(vm_error(fd), 0);
	close(fd);
}

static uint64_t size_of(int fd, int name)
{
	uint64_t size = 0;
	socklen_t bytes = sizeof size;

	CHECK_EQ(getsockopt(fd, AF_VSOCK, name, &size, &bytes), 0);
	CHECK_EQ(bytes, sizeof size);
	return size;
}

static void set_size(int fd, int name, uint64_t size)
{
	CHECK_EQ(setsockopt(fd, AF_VSOCK, name, &size, sizeof size), 0);
}

static void test_sizes(void)
{
	int fd = vm_socket(0), number = 0;
	socklen_t bytes = sizeof number;

	CHECK_EQ(size_of(fd, BUFFER_SIZE), 262144);
	CHECK_EQ(size_of(fd, BUFFER_MIN_SIZE), 128);
	CHECK_EQ(size_of(fd, BUFFER_MAX_SIZE), 262144);
	set_size(fd, BUFFER_SIZE, 1 << 20);
	CHECK_EQ(size_of(fd, BUFFER_SIZE), 262144);
	set_size(fd, BUFFER_SIZE, 1);
	CHECK_EQ(size_of(fd, BUFFER_SIZE), 128);
	set_size(fd, BUFFER_MAX_SIZE, 1 << 20);
	set_size(fd, BUFFER_SIZE, 1 << 20);
	CHECK_EQ(size_of(fd, BUFFER_SIZE), 1 << 20);
	set_size(fd, BUFFER_MAX_SIZE, 1 << 16);
	CHECK_EQ(size_of(fd, BUFFER_SIZE), 1 << 16);
	set_size(fd, BUFFER_MIN_SIZE, 1 << 17);
	CHECK_EQ(size_of(fd, BUFFER_SIZE), 1 << 16);
	CHECK_ERROR(getsockopt(fd, AF_VSOCK, BUFFER_SIZE, &number, &bytes), EINVAL);
	CHECK_ERROR(setsockopt(fd, AF_VSOCK, BUFFER_SIZE, &number, sizeof number), EINVAL);
	CHECK_ERROR(setsockopt(fd, AF_VSOCK, 99, &number, sizeof number), ENOPROTOOPT);
	bytes = sizeof number;
	CHECK_ERROR(getsockopt(fd, AF_VSOCK, 99, &number, &bytes), ENOPROTOOPT);
	close(fd);
}

static void test_timeout(void)
{
	struct timeval time = { .tv_sec = -1 };
	socklen_t bytes = sizeof time;
	int fd = vm_socket(0);

	CHECK_ERROR(setsockopt(fd, AF_VSOCK, CONNECT_TIMEOUT, &time, sizeof time), ERANGE);
	CHECK_ERROR(setsockopt(fd, AF_VSOCK, CONNECT_TIMEOUT, &time, 4), EINVAL);
	CHECK_EQ(getsockopt(fd, AF_VSOCK, CONNECT_TIMEOUT, &time, &bytes), 0);
	CHECK_EQ(time.tv_sec, 2);
	CHECK_EQ(time.tv_usec, 0);
	time = (struct timeval){ .tv_sec = 5, .tv_usec = 250000 };
	CHECK_EQ(setsockopt(fd, AF_VSOCK, CONNECT_TIMEOUT, &time, sizeof time), 0);
	time = (struct timeval){ 0 };
	CHECK_EQ(getsockopt(fd, AF_VSOCK, CONNECT_TIMEOUT, &time, &bytes), 0);
	CHECK(time.tv_sec == 5 && time.tv_usec >= 200000);
	time = (struct timeval){ 0 };
	CHECK_EQ(setsockopt(fd, AF_VSOCK, CONNECT_TIMEOUT, &time, sizeof time), 0);
	CHECK_EQ(getsockopt(fd, AF_VSOCK, CONNECT_TIMEOUT, &time, &bytes), 0);
	CHECK_EQ(time.tv_sec, 2);
	close(fd);
}

static void test_common_options(void)
{
	int fd = vm_socket(0), number = 0;
	socklen_t bytes = sizeof number;

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &number, &bytes), 0);
	CHECK_EQ(number, AF_VSOCK);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &number, &bytes), 0);
	CHECK_EQ(number, SOCK_STREAM);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &number, &bytes), 0);
	CHECK_EQ(number, 0);
	CHECK_EQ(vm_bind(fd, CID_ANY, PORT_ANY), 0);
	CHECK_EQ(listen(fd, 3), 0);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &number, &bytes), 0);
	CHECK_EQ(number, 1);
	CHECK_EQ(listen(fd, 5), 0);
	CHECK_ERROR(vm_connect(fd, CID_LOCAL, 1), EINVAL);
	close(fd);
}

static unsigned poll_of(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	CHECK(poll(&poll_fd, 1, 0) >= 0);
	return (unsigned)poll_fd.revents;
}

static void test_poll(void)
{
	uint32_t port;
	int fd = vm_socket(0);

	CHECK_EQ(poll_of(fd), POLLOUT);
	close(fd);
	fd = vm_listen(CID_ANY, 1, &port);
	CHECK_EQ(poll_of(fd), 0);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERROR(accept(fd, NULL, NULL), EAGAIN);
	close(fd);
}

static void test_device(void)
{
	uint32_t cid = 0;
	int fd = open("/dev/vsock", O_RDONLY);

	REQUIRE(fd >= 0);
	CHECK_EQ(ioctl(fd, GET_LOCAL_CID, &cid), 0);
	CHECK(cid == CID_LOCAL || cid > CID_HOST);
	CHECK_ERROR(ioctl(fd, GET_LOCAL_CID + 1, &cid), ENOTTY);
	CHECK_ERROR(ioctl(fd, GET_LOCAL_CID, check_bad_pointer()), EFAULT);
	close(fd);
}

int main(void)
{
	test_types();
	test_names();
	test_not_connected();
	test_sizes();
	test_timeout();
	test_common_options();
	test_poll();
	test_device();
	return check_done("vsockcalls");
}
