/* SPDX-License-Identifier: BSD-3-Clause */
/* What the calls about sockets refuse, and with which error. */
#include "net.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static void making(void)
{
	CHECK_ERROR(socket(AF_INET, 99, 0), EINVAL);
	CHECK_ERROR(socket(AF_INET, SOCK_STREAM | 0x10000, 0), EINVAL);
	CHECK_ERROR(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	CHECK_ERROR(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	CHECK_ERROR(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	CHECK_ERROR(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
	CHECK_ERROR(socket(AF_INET, SOCK_STREAM, -1), EINVAL);
	CHECK_ERROR(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERROR(socket(1000, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERROR(socket(AF_X25, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	int pair[2];
	CHECK_ERROR(socketpair(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP);
}

static void no_sockets(void)
{
	struct sockaddr_in at = loopback(0);
	char c;
	int file = open("/dev/null", O_RDWR);

	CHECK_ERROR(bind(file, (struct sockaddr *)&at, sizeof at), ENOTSOCK);
	CHECK_ERROR(listen(file, 1), ENOTSOCK);
	CHECK_ERROR(accept(file, NULL, NULL), ENOTSOCK);
	CHECK_ERROR(send(file, "x", 1, 0), ENOTSOCK);
	CHECK_ERROR(recv(file, &c, 1, 0), ENOTSOCK);
	CHECK_ERROR(shutdown(file, SHUT_RD), ENOTSOCK);
	CHECK_ERROR(set_option(file, SOL_SOCKET, SO_REUSEADDR, 1), ENOTSOCK);
	close(file);
	CHECK_ERROR(bind(file, (struct sockaddr *)&at, sizeof at), EBADF);
	CHECK_ERROR(connect(-1, (struct sockaddr *)&at, sizeof at), EBADF);
	CHECK_ERROR(accept4(-1, NULL, NULL, SOCK_CLOEXEC), EBADF);
	CHECK_ERROR(send(-1, "x", 1, 0), EBADF);
}

static void binding(void)
{
	struct sockaddr_in at = loopback(0), other = loopback(0);
	int a = bound(SOCK_STREAM), b = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_ERROR(bind(a, (struct sockaddr *)&at, sizeof at), EINVAL);
	at = loopback(port_of(a));
	REQUIRE(!listen(a, 1));
	CHECK_ERROR(bind(b, (struct sockaddr *)&at, sizeof at), EADDRINUSE);
	CHECK_EQ(set_option(b, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_ERROR(bind(b, (struct sockaddr *)&at, sizeof at), EADDRINUSE);
	at = loopback(0);
	CHECK_ERROR(bind(b, (struct sockaddr *)&at, 15), EINVAL);
	CHECK_ERROR(bind(b, (struct sockaddr *)&at, 0), EINVAL);
	CHECK_ERROR(bind(b, (struct sockaddr *)&at, 129), EINVAL);
	CHECK_ERROR(bind(b, check_bad_pointer(), sizeof at), EFAULT);
	at.sin_family = AF_INET6;
	CHECK_ERROR(bind(b, (struct sockaddr *)&at, sizeof at), EAFNOSUPPORT);
	at.sin_family = AF_UNSPEC;
	CHECK_ERROR(bind(b, (struct sockaddr *)&at, sizeof at), EAFNOSUPPORT);
	other.sin_addr.s_addr = htonl(0xc6336401); /* 198.51.100.1: documentation, nobody's */
	CHECK_ERROR(bind(b, (struct sockaddr *)&other, sizeof other), EADDRNOTAVAIL);
	other.sin_addr.s_addr = 0;
	other.sin_family = AF_UNSPEC;
	CHECK_EQ(bind(b, (struct sockaddr *)&other, sizeof other), 0);
	close(a);
	close(b);
}

static void wrong_order(void)
{
	struct sockaddr_in at = loopback(0);
	socklen_t bytes = sizeof at;
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	char c;

	signal(SIGPIPE, SIG_IGN);
	CHECK_ERROR(accept(tcp, NULL, NULL), EINVAL);
	CHECK_ERROR(accept4(tcp, NULL, NULL, 1), EINVAL);
	CHECK_ERROR(accept(udp, NULL, NULL), EOPNOTSUPP);
	CHECK_ERROR(listen(udp, 1), EOPNOTSUPP);
	CHECK_ERROR(recv(tcp, &c, 1, 0), ENOTCONN);
	CHECK_ERROR(send(tcp, "x", 1, 0), EPIPE);
	CHECK_ERROR(shutdown(tcp, SHUT_RDWR), ENOTCONN);
	CHECK_ERROR(shutdown(udp, SHUT_WR), ENOTCONN);
	CHECK_ERROR(shutdown(tcp, 3), EINVAL);
	CHECK_ERROR(getpeername(tcp, (struct sockaddr *)&at, &bytes), ENOTCONN);
	CHECK_ERROR(getpeername(udp, (struct sockaddr *)&at, &bytes), ENOTCONN);
	close(udp);
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_ERROR(send(udp, "x", 1, 0), EDESTADDRREQ);
	CHECK_ERROR(write(udp, "x", 1), EDESTADDRREQ);
	REQUIRE(!listen(tcp, 1)); /* binds by itself */
	CHECK(port_of(tcp));
	CHECK_ERROR(recv(tcp, &c, 1, 0), ENOTCONN);
	CHECK_ERROR(send(tcp, "x", 1, 0), EPIPE);
	CHECK_ERROR(connect_to(tcp, 1), EISCONN);
	CHECK_EQ(listen(tcp, 5), 0);
	close(tcp);
	close(udp);
}

static void refused(void)
{
	struct sockaddr_in at = loopback(0);
	int fd = bound(SOCK_STREAM), free_port = port_of(fd);

	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERROR(connect_to(fd, free_port), ECONNREFUSED);
	CHECK_EQ(option(fd, SOL_SOCKET, SO_ERROR), 0);
	CHECK_ERROR(connect_to(fd, free_port), ECONNREFUSED);
	/* The same socket may try elsewhere. */
	int l = listener(0);
	CHECK_EQ(connect_to(fd, port_of(l)), 0);
	CHECK_ERROR(connect_to(fd, port_of(l)), EISCONN);
	close(fd);

	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERROR(connect(fd, (struct sockaddr *)&at, 1), EINVAL);
	CHECK_ERROR(connect(fd, (struct sockaddr *)&at, 8), EINVAL);
	at.sin_family = AF_INET6;
	CHECK_ERROR(connect(fd, (struct sockaddr *)&at, sizeof at), EAFNOSUPPORT);
	close(fd);
	close(l);
}

/* The call itself: musl's function looks at the message first. */
static long send_message(int fd, const void *message)
{
	return syscall(SYS_sendmsg, fd, message, 0);
}

static void messages(void)
{
	int udp = bound(SOCK_DGRAM);
	struct sockaddr_in to = loopback(port_of(udp));
	struct iovec iov = { "x", 1 };
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1
	};
	static char big[70000];

	CHECK_ERROR(sendto(udp, big, 65508, 0, (struct sockaddr *)&to, sizeof to), EMSGSIZE);
	to.sin_port = 0;
	CHECK_ERROR(sendto(udp, "x", 1, 0, (struct sockaddr *)&to, sizeof to), EINVAL);
	to = loopback(port_of(udp));
	CHECK_ERROR(sendto(udp, "x", 1, 0, (struct sockaddr *)&to, 4), EINVAL);
	CHECK_ERROR(sendto(udp, "x", 1, 0, (struct sockaddr *)&to, 1000), EINVAL);
	CHECK_ERROR(sendto(udp, check_bad_pointer(), 10, 0, (struct sockaddr *)&to, sizeof to),
		    EFAULT);
	to.sin_family = AF_INET6;
	CHECK_ERROR(sendto(udp, "x", 1, 0, (struct sockaddr *)&to, sizeof to), EAFNOSUPPORT);
	to.sin_family = AF_INET;
	m.msg_iovlen = 1025;
	CHECK_ERROR(send_message(udp, &m), EMSGSIZE);
	m.msg_iovlen = 1;
	m.msg_namelen = (socklen_t)-1;
	CHECK_ERROR(send_message(udp, &m), EINVAL);
	m.msg_namelen = sizeof to;
	iov.iov_len = (size_t)-1;
	CHECK_ERROR(send_message(udp, &m), EINVAL);
	iov.iov_len = 1;
	CHECK_ERROR(send_message(udp, check_bad_pointer()), EFAULT);
	CHECK_EQ(send_message(udp, &m), 1);

	/* Control data that is none. */
	_Alignas(8) char control[CMSG_SPACE(4)] = { 0 };
	struct cmsghdr *c = (struct cmsghdr *)control;
	m.msg_control = control;
	m.msg_controllen = sizeof control;
	c->cmsg_len = 3;
	CHECK_ERROR(send_message(udp, &m), EINVAL);
	c->cmsg_len = 1000;
	CHECK_ERROR(send_message(udp, &m), EINVAL);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(4), .cmsg_level = IPPROTO_IP, .cmsg_type = 77 };
	CHECK_ERROR(send_message(udp, &m), EINVAL);
	m.msg_controllen = 1 << 30;
	CHECK_ERROR(send_message(udp, &m), ENOBUFS);
	close(udp);
}

int main(void)
{
	making();
	no_sockets();
	binding();
	wrong_order();
	refused();
	messages();
	return check_done("sockerror");
}
