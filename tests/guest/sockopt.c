/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of sockets: what they are at first, what may be set, and what the rules for their values are. */
#include "net.h"

#include <sys/time.h>

static void what_it_is(void)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET6, SOCK_DGRAM, 0),
	    l = listener(0);

	CHECK_EQ(option(tcp, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_DOMAIN), AF_INET);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	CHECK_EQ(option(udp, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	CHECK_EQ(option(udp, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	CHECK_EQ(option(udp, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_EQ(option(l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_ERROR), 0);
	CHECK_ERROR(set_option(tcp, SOL_SOCKET, SO_TYPE, 1), ENOPROTOOPT);
	CHECK_ERROR(set_option(tcp, SOL_SOCKET, SO_ERROR, 1), ENOPROTOOPT);
	close(tcp);
	close(udp);
	close(l);
}

static void on_and_off(int fd, int level, int name, int first)
{
	CHECK_EQ(option(fd, level, name), first);
	CHECK_EQ(set_option(fd, level, name, 7), 0);
	CHECK_EQ(option(fd, level, name), 1);
	CHECK_EQ(set_option(fd, level, name, 0), 0);
	CHECK_EQ(option(fd, level, name), 0);
}

static void switches(void)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);

	on_and_off(tcp, SOL_SOCKET, SO_REUSEADDR, 0);
	on_and_off(tcp, SOL_SOCKET, SO_REUSEPORT, 0);
	on_and_off(tcp, SOL_SOCKET, SO_KEEPALIVE, 0);
	on_and_off(tcp, SOL_SOCKET, SO_OOBINLINE, 0);
	on_and_off(udp, SOL_SOCKET, SO_BROADCAST, 0);
	on_and_off(udp, SOL_SOCKET, SO_TIMESTAMP, 0);
	on_and_off(udp, SOL_SOCKET, SO_TIMESTAMPNS, 0);
	on_and_off(tcp, IPPROTO_TCP, TCP_NODELAY, 0);
	on_and_off(tcp, IPPROTO_TCP, TCP_CORK, 0);
	on_and_off(udp, IPPROTO_IP, IP_PKTINFO, 0);
	on_and_off(udp, IPPROTO_IP, IP_RECVTTL, 0);
	on_and_off(udp, IPPROTO_IP, IP_RECVOPTS, 0);
	on_and_off(udp, IPPROTO_IP, IP_RETOPTS, 0);
	on_and_off(udp, IPPROTO_IP, IP_RECVTOS, 0);
	on_and_off(udp, IPPROTO_IP, IP_RECVERR, 0);
	on_and_off(udp, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
	close(tcp);
	close(udp);
}

static void numbers(void)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET6, SOCK_DGRAM, 0);

	CHECK_EQ(set_option(tcp, SOL_SOCKET, SO_SNDBUF, 20000), 0);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_SNDBUF), 40000);
	CHECK_EQ(set_option(tcp, SOL_SOCKET, SO_RCVBUF, 30000), 0);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_RCVBUF), 60000);
	CHECK_EQ(set_option(tcp, SOL_SOCKET, SO_SNDBUF, 0), 0);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_SNDBUF), 4608);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_RCVLOWAT), 1);
	CHECK_EQ(set_option(tcp, SOL_SOCKET, SO_RCVLOWAT, 5), 0);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_RCVLOWAT), 5);
	CHECK_ERROR(set_option(tcp, SOL_SOCKET, SO_SNDLOWAT, 5), ENOPROTOOPT);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_PRIORITY), 0);
	CHECK_EQ(set_option(tcp, SOL_SOCKET, SO_PRIORITY, 6), 0);
	CHECK_EQ(option(tcp, SOL_SOCKET, SO_PRIORITY), 6);

	CHECK_EQ(option(tcp, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
	CHECK_EQ(option(tcp, IPPROTO_TCP, TCP_KEEPINTVL), 75);
	CHECK_EQ(option(tcp, IPPROTO_TCP, TCP_KEEPCNT), 9);
	CHECK_EQ(set_option(tcp, IPPROTO_TCP, TCP_KEEPIDLE, 60), 0);
	CHECK_EQ(option(tcp, IPPROTO_TCP, TCP_KEEPIDLE), 60);
	CHECK_ERROR(set_option(tcp, IPPROTO_TCP, TCP_KEEPIDLE, 0), EINVAL);
	CHECK_ERROR(set_option(tcp, IPPROTO_TCP, TCP_KEEPINTVL, 32768), EINVAL);
	CHECK_ERROR(set_option(tcp, IPPROTO_TCP, TCP_KEEPCNT, 128), EINVAL);
	CHECK_EQ(option(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
	CHECK_EQ(set_option(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000), 0);
	CHECK_EQ(option(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT), 5000);
	CHECK_ERROR(set_option(tcp, IPPROTO_TCP, TCP_USER_TIMEOUT, -1), EINVAL);
	CHECK_EQ(option(tcp, IPPROTO_TCP, TCP_SYNCNT), 6);

	CHECK_EQ(option(tcp, IPPROTO_IP, IP_TTL), 64);
	CHECK_EQ(set_option(tcp, IPPROTO_IP, IP_TTL, 5), 0);
	CHECK_EQ(option(tcp, IPPROTO_IP, IP_TTL), 5);
	CHECK_EQ(set_option(tcp, IPPROTO_IP, IP_TTL, -1), 0);
	CHECK_EQ(option(tcp, IPPROTO_IP, IP_TTL), 64);
	CHECK_ERROR(set_option(tcp, IPPROTO_IP, IP_TTL, 0), EINVAL);
	CHECK_ERROR(set_option(tcp, IPPROTO_IP, IP_TTL, 256), EINVAL);
	CHECK_EQ(option(tcp, IPPROTO_IP, IP_TOS), 0);
	CHECK_EQ(set_option(tcp, IPPROTO_IP, IP_TOS, 0x10), 0);
	CHECK_EQ(option(tcp, IPPROTO_IP, IP_TOS), 0x10);
	CHECK_EQ(option(udp, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 64);
	CHECK_EQ(option(udp, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 1);
	CHECK_EQ(option(udp, IPPROTO_IPV6, IPV6_V6ONLY), 0);
	CHECK_ERROR(set_option(tcp, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 5), ENOPROTOOPT);
	close(tcp);
	close(udp);
}

static void structures(void)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	struct linger l = { 1, 3 };
	struct timeval limit = { 2, 500000 };
	struct tcp_info info;
	char name[16] = "";
	socklen_t bytes = sizeof l;

	CHECK_EQ(setsockopt(tcp, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
	memset(&l, 0, sizeof l);
	CHECK_EQ(getsockopt(tcp, SOL_SOCKET, SO_LINGER, &l, &bytes), 0);
	CHECK(l.l_onoff == 1 && l.l_linger == 3);
	CHECK_ERROR(setsockopt(tcp, SOL_SOCKET, SO_LINGER, &l, 4), EINVAL);
	CHECK_EQ(setsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
	memset(&limit, 0, sizeof limit);
	bytes = sizeof limit;
	CHECK_EQ(getsockopt(tcp, SOL_SOCKET, SO_RCVTIMEO, &limit, &bytes), 0);
	CHECK(limit.tv_sec == 2 && limit.tv_usec == 500000);
	limit.tv_usec = 1000000;
	CHECK_ERROR(setsockopt(tcp, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit), EDOM);
	CHECK_ERROR(setsockopt(tcp, SOL_SOCKET, SO_SNDTIMEO, &limit, 8), EINVAL);
	bytes = sizeof name;
	CHECK_EQ(getsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, name, &bytes), 0);
	CHECK_EQ(bytes, 16);
	CHECK(name[0]);
	CHECK_ERROR(setsockopt(tcp, IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6), ENOENT);
	bytes = sizeof info;
	CHECK_EQ(getsockopt(tcp, IPPROTO_TCP, TCP_INFO, &info, &bytes), 0);
	CHECK_EQ(info.tcpi_state, TCP_CLOSE);
	bytes = 1;
	CHECK_EQ(getsockopt(tcp, IPPROTO_TCP, TCP_INFO, &info, &bytes), 0);
	CHECK_EQ(bytes, 1);
	close(tcp);
}

static void lengths(void)
{
	int tcp = socket(AF_INET, SOCK_STREAM, 0), value = 1;
	uint8_t byte = 9;
	socklen_t bytes;

	CHECK_ERROR(setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &value, 3), EINVAL);
	CHECK_ERROR(setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &value, (socklen_t)-1), EINVAL);
	CHECK_EQ(setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &value, 4), 0);
	CHECK_ERROR(setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, check_bad_pointer(), 4), EFAULT);
	CHECK_EQ(setsockopt(tcp, IPPROTO_IP, IP_TTL, &byte, 1), 0); /* IPPROTO_IP takes bytes */
	CHECK_EQ(option(tcp, IPPROTO_IP, IP_TTL), 9);
	CHECK_ERROR(setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &byte, 1), EINVAL);
	bytes = (socklen_t)-1;
	CHECK_ERROR(getsockopt(tcp, SOL_SOCKET, SO_TYPE, &value, &bytes), EINVAL);
	bytes = 2;
	value = -1;
	CHECK_EQ(getsockopt(tcp, SOL_SOCKET, SO_TYPE, &value, &bytes), 0);
	CHECK_EQ(bytes, 2);
	CHECK_EQ(value, (int)0xffff0001);
	bytes = 100;
	CHECK_EQ(getsockopt(tcp, SOL_SOCKET, SO_TYPE, &value, &bytes), 0);
	CHECK_EQ(bytes, 4);
	CHECK_ERROR(getsockopt(tcp, SOL_SOCKET, 9999, &value, &bytes), ENOPROTOOPT);
	CHECK_ERROR(getsockopt(tcp, SOL_SOCKET, SO_TYPE, check_bad_pointer(), &bytes), EFAULT);
	CHECK_ERROR(getsockopt(tcp, SOL_SOCKET, SO_TYPE, &value, check_bad_pointer()), EFAULT);
	close(tcp);
}

static void handed_on_by_listeners(void)
{
	int l = listener(0), fd = socket(AF_INET, SOCK_STREAM, 0), accepted;

	CHECK_EQ(set_option(l, IPPROTO_TCP, TCP_NODELAY, 1), 0);
	CHECK_EQ(set_option(l, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
	CHECK_EQ(set_option(l, IPPROTO_TCP, TCP_KEEPIDLE, 77), 0);
	CHECK_EQ(set_option(l, SOL_SOCKET, SO_RCVBUF, 50000), 0);
	CHECK_EQ(set_option(l, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(connect_to(fd, port_of(l)), 0);
	accepted = accept(l, NULL, NULL);
	CHECK_EQ(option(accepted, IPPROTO_TCP, TCP_NODELAY), 1);
	CHECK_EQ(option(accepted, SOL_SOCKET, SO_KEEPALIVE), 1);
	CHECK_EQ(option(accepted, IPPROTO_TCP, TCP_KEEPIDLE), 77);
	CHECK_EQ(option(accepted, SOL_SOCKET, SO_RCVBUF), 100000);
	CHECK_EQ(option(accepted, SOL_SOCKET, SO_REUSEADDR), 1);
	CHECK_EQ(option(accepted, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_EQ(fcntl(accepted, F_GETFL) & O_NONBLOCK, 0);
	close(fd);
	close(accepted);
	close(l);
}

static void reuse(void)
{
	struct sockaddr_in at;
	int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0), u, v;

	/* Two listeners on one port, where both say so. */
	at = loopback(0);
	CHECK_EQ(set_option(a, SOL_SOCKET, SO_REUSEPORT, 1), 0);
	CHECK_EQ(set_option(b, SOL_SOCKET, SO_REUSEPORT, 1), 0);
	CHECK_EQ(bind(a, (struct sockaddr *)&at, sizeof at), 0);
	CHECK_EQ(listen(a, 1), 0);
	at = loopback(port_of(a));
	CHECK_EQ(bind(b, (struct sockaddr *)&at, sizeof at), 0);
	CHECK_EQ(listen(b, 1), 0);
	close(a);
	close(b);
	/* UDP sockets share by SO_REUSEADDR. */
	u = socket(AF_INET, SOCK_DGRAM, 0);
	v = socket(AF_INET, SOCK_DGRAM, 0);
	at = loopback(0);
	CHECK_EQ(bind(u, (struct sockaddr *)&at, sizeof at), 0);
	at = loopback(port_of(u));
	CHECK_ERROR(bind(v, (struct sockaddr *)&at, sizeof at), EADDRINUSE);
	close(u);
	u = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(set_option(u, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(set_option(v, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(bind(u, (struct sockaddr *)&at, sizeof at), 0);
	CHECK_EQ(bind(v, (struct sockaddr *)&at, sizeof at), 0);
	close(u);
	close(v);
}

static void same_port_after_close(void)
{
	int l = listener(0), port = port_of(l), fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = loopback(port);

	CHECK_EQ(set_option(l, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(connect_to(fd, port), 0);
	int accepted = accept(l, NULL, NULL);
	close(l);
	close(accepted); /* first: TIME_WAIT is on this side */
	close(fd);
	l = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(set_option(l, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(bind(l, (struct sockaddr *)&at, sizeof at), 0);
	CHECK_EQ(listen(l, 1), 0);
	close(l);
}

int main(void)
{
	what_it_is();
	switches();
	numbers();
	structures();
	lengths();
	handed_on_by_listeners();
	reuse();
	same_port_after_close();
	return check_done("sockopt");
}
