/* SPDX-License-Identifier: BSD-3-Clause */
/* Connecting without waiting, names, dual stack, and connections of datagram sockets. */
#include "net.h"

static void in_the_background(void)
{
	int l = listener(0), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int result = connect_to(fd, port_of(l));

	CHECK(!result || errno == EINPROGRESS);
	CHECK_EQ(wait_for(fd, POLLOUT), POLLOUT);
	CHECK_EQ(option(fd, SOL_SOCKET, SO_ERROR), 0);
	if (result)
		CHECK_EQ(connect_to(fd, port_of(l)), 0); /* tells that it is done, once */
	CHECK_ERROR(connect_to(fd, port_of(l)), EISCONN);
	close(fd);
	close(l);
}

static void refused_in_the_background(void)
{
	int probe = bound(SOCK_STREAM), port = port_of(probe), fd;

	close(probe);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int result = connect_to(fd, port);
	if (errno == EINPROGRESS) {
		CHECK_EQ(result, -1);
		CHECK(wait_for(fd, POLLOUT) & POLLERR);
		CHECK_EQ(option(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
		CHECK_ERROR(connect_to(fd, port), ECONNABORTED);
	} else {
		CHECK_EQ(errno, ECONNREFUSED);
	}
	close(fd);
}

static void names(void)
{
	struct sockaddr_in at, from;
	socklen_t bytes = sizeof at;
	int l = listener(0), fd = socket(AF_INET, SOCK_STREAM, 0), accepted;

	CHECK_EQ(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
	CHECK_EQ(bytes, 16);
	CHECK(at.sin_family == AF_INET && !at.sin_port && !at.sin_addr.s_addr);
	CHECK_EQ(connect_to(fd, port_of(l)), 0);
	memset(&from, 0, sizeof from);
	bytes = 4;
	accepted = accept(l, (struct sockaddr *)&from, &bytes);
	CHECK(accepted >= 0);
	CHECK_EQ(bytes, 16); /* cut off, and told so */
	CHECK(from.sin_family == AF_INET && ntohs(from.sin_port) == port_of(fd));
	CHECK(!from.sin_addr.s_addr);
	bytes = sizeof at;
	CHECK_EQ(getpeername(accepted, (struct sockaddr *)&at, &bytes), 0);
	CHECK(ntohs(at.sin_port) == port_of(fd) && at.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK_EQ(getpeername(fd, (struct sockaddr *)&at, &bytes), 0);
	CHECK_EQ(ntohs(at.sin_port), port_of(l));
	bytes = (socklen_t)-1;
	CHECK_ERROR(getsockname(fd, (struct sockaddr *)&at, &bytes), EINVAL);
	CHECK_ERROR(getsockname(fd, (struct sockaddr *)&at, check_bad_pointer()), EFAULT);
	close(fd);
	close(accepted);
	close(l);
}

static void to_any_address(void)
{
	struct sockaddr_in any = loopback(0), at;
	socklen_t bytes = sizeof at;
	int l = listener(0), fd = socket(AF_INET, SOCK_STREAM, 0);

	any.sin_addr.s_addr = 0;
	any.sin_port = htons((uint16_t)port_of(l));
	CHECK_EQ(connect(fd, (struct sockaddr *)&any, sizeof any), 0);
	CHECK_EQ(getpeername(fd, (struct sockaddr *)&at, &bytes), 0);
	CHECK_EQ(at.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	close(fd);
	close(l);
}

static void bound_client(void)
{
	int l = listener(0), fd = bound(SOCK_STREAM), port = port_of(fd);
	struct sockaddr_in from;
	socklen_t bytes = sizeof from;

	CHECK_EQ(connect_to(fd, port_of(l)), 0);
	CHECK_EQ(port_of(fd), port);
	int accepted = accept4(l, (struct sockaddr *)&from, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
	CHECK_EQ(ntohs(from.sin_port), port);
	CHECK_EQ(fcntl(accepted, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CHECK_EQ(fcntl(accepted, F_GETFD), FD_CLOEXEC);
	close(accepted);
	close(fd);
	close(l);
}

static void ipv6(void)
{
	struct sockaddr_in6 at = loopback6(0), name;
	socklen_t bytes = sizeof name;
	int l = socket(AF_INET6, SOCK_STREAM, 0), fd = socket(AF_INET6, SOCK_STREAM, 0);
	char c;

	CHECK_EQ(bind(l, (struct sockaddr *)&at, sizeof at), 0);
	CHECK_EQ(listen(l, 4), 0);
	at = loopback6(port_of(l));
	CHECK_EQ(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	int accepted = accept(l, (struct sockaddr *)&name, &bytes);
	CHECK_EQ(bytes, 28);
	CHECK(name.sin6_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&name.sin6_addr));
	CHECK_EQ(send(fd, "6", 1, 0), 1);
	CHECK_EQ(recv(accepted, &c, 1, 0), 1);
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_ERROR(connect(fd, (struct sockaddr *)&at, 20), EINVAL);
	close(fd);
	close(accepted);
	close(l);
}

static void dual_stack(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 }, from;
	socklen_t bytes = sizeof from;
	int l = socket(AF_INET6, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(option(l, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	CHECK_EQ(bind(l, (struct sockaddr *)&any, sizeof any), 0);
	CHECK_EQ(listen(l, 4), 0);
	CHECK_EQ(connect_to(fd, port_of(l)), 0);
	int accepted = accept(l, (struct sockaddr *)&from, &bytes);
	CHECK(accepted >= 0);
	CHECK_EQ(from.sin6_family, AF_INET6);
	CHECK(IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
	CHECK(!memcmp(from.sin6_addr.s6_addr + 12, "\177\0\0\1", 4));
	CHECK_EQ(getsockname(accepted, (struct sockaddr *)&from, &bytes), 0);
	CHECK(IN6_IS_ADDR_V4MAPPED(&from.sin6_addr));
	close(accepted);
	close(fd);

	/* And an IPv6 socket that goes to an IPv4 address. */
	int l4 = listener(0);
	struct sockaddr_in6 mapped = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port_of(l4)),
		.sin6_addr.s6_addr = { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 },
	};
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(connect(fd, (struct sockaddr *)&mapped, sizeof mapped), 0);
	CHECK_EQ(getpeername(fd, (struct sockaddr *)&from, &bytes), 0);
	CHECK(!memcmp(&from.sin6_addr, &mapped.sin6_addr, 16));
	close(fd);

	fd = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
	CHECK_ERROR(connect(fd, (struct sockaddr *)&mapped, sizeof mapped), ENETUNREACH);
	mapped.sin6_port = 0;
	CHECK_ERROR(bind(fd, (struct sockaddr *)&mapped, sizeof mapped), EINVAL);
	close(fd);
	close(l4);
	close(l);
}

static void v6_only(void)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	struct sockaddr_in at = { .sin_family = AF_INET };
	int six = socket(AF_INET6, SOCK_STREAM, 0), four = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(set_option(six, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
	CHECK_EQ(bind(six, (struct sockaddr *)&any, sizeof any), 0);
	CHECK_EQ(listen(six, 1), 0);
	at.sin_port = htons((uint16_t)port_of(six));
	CHECK_EQ(bind(four, (struct sockaddr *)&at, sizeof at), 0);
	CHECK_EQ(listen(four, 1), 0);
	close(four);
	close(six);
}

static void connected_datagrams(void)
{
	int a = bound(SOCK_DGRAM), b = bound(SOCK_DGRAM), c = bound(SOCK_DGRAM);
	struct sockaddr_in at = loopback(port_of(a)), name;
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	socklen_t bytes = sizeof name;
	char buffer[8];

	CHECK_EQ(connect_to(a, port_of(b)), 0);
	CHECK_EQ(getpeername(a, (struct sockaddr *)&name, &bytes), 0);
	CHECK_EQ(ntohs(name.sin_port), port_of(b));
	/* It only hears its peer. */
	CHECK_EQ(sendto(c, "c", 1, 0, (struct sockaddr *)&at, sizeof at), 1);
	CHECK_EQ(sendto(b, "b", 1, 0, (struct sockaddr *)&at, sizeof at), 1);
	CHECK_EQ(recv(a, buffer, 8, 0), 1);
	CHECK_EQ(buffer[0], 'b');
	CHECK_ERROR(recv(a, buffer, 8, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(connect_to(a, port_of(c)), 0); /* another peer */
	CHECK_EQ(send(a, "x", 1, 0), 1);
	CHECK_EQ(recv(c, buffer, 8, 0), 1);
	CHECK_EQ(connect(a, &none, sizeof none), 0);
	CHECK_ERROR(getpeername(a, (struct sockaddr *)&name, &bytes), ENOTCONN);
	CHECK_ERROR(send(a, "x", 1, 0), EDESTADDRREQ);
	close(a);
	close(b);
	close(c);
}

int main(void)
{
	in_the_background();
	refused_in_the_background();
	names();
	to_any_address();
	bound_client();
	ipv6();
	dual_stack();
	v6_only();
	connected_datagrams();
	return check_done("sockconnect");
}
