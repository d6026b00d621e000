/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP over the loopback: datagrams stay whole, and control messages tell about them. */
#include "net.h"

#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/uio.h>

static void datagrams_stay_whole(void)
{
	int a = bound(SOCK_DGRAM), b = bound(SOCK_DGRAM), left;
	struct sockaddr_in to = loopback(port_of(a)), from;
	socklen_t bytes = sizeof from;
	char buffer[64];

	CHECK_EQ(sendto(b, "hello", 5, 0, (struct sockaddr *)&to, sizeof to), 5);
	CHECK_EQ(sendto(b, "", 0, 0, (struct sockaddr *)&to, sizeof to), 0);
	CHECK_EQ(sendto(b, "third", 5, 0, (struct sockaddr *)&to, sizeof to), 5);
	wait_for(a, POLLIN);
	CHECK_EQ(ioctl(a, FIONREAD, &left), 0);
	CHECK_EQ(left, 5);
	CHECK_EQ(recv(a, buffer, 3, MSG_PEEK | MSG_TRUNC), 5);
	CHECK_EQ(recvfrom(a, buffer, 64, 0, (struct sockaddr *)&from, &bytes), 5);
	CHECK_EQ(bytes, 16);
	CHECK_EQ(ntohs(from.sin_port), port_of(b));
	CHECK_EQ(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(recv(a, buffer, 64, 0), 0);
	CHECK_EQ(recv(a, buffer, 2, 0), 2); /* the rest is lost */
	CHECK_ERROR(recv(a, buffer, 64, MSG_DONTWAIT), EAGAIN);
	close(a);
	close(b);
}

static void large_ones(void)
{
	static unsigned char out[65507], in[65536];
	int a = bound(SOCK_DGRAM);
	struct sockaddr_in to = loopback(port_of(a));

	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (unsigned char)(i * 11 + i / 256);
	for (size_t size = 1; size <= sizeof out;
	     size = size < 60000 ? size * 3 + 470 : size + 2753) {
		CHECK_EQ(sendto(a, out, size, 0, (struct sockaddr *)&to, sizeof to), size);
		CHECK_EQ(recv(a, in, sizeof in, 0), size);
		CHECK(!memcmp(in, out, size));
	}
	close(a);
}

static struct cmsghdr *find(struct msghdr *m, int level, int type)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == level && c->cmsg_type == type)
			return c;
	return NULL;
}

static void control_messages(void)
{
	int a = bound(SOCK_DGRAM);
	struct sockaddr_in to = loopback(port_of(a)), from;
	_Alignas(8) char control[512];
	char buffer[8];
	struct iovec iov = { buffer, sizeof buffer };
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof from,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	struct cmsghdr *c;

	CHECK_EQ(set_option(a, IPPROTO_IP, IP_PKTINFO, 1), 0);
	CHECK_EQ(set_option(a, IPPROTO_IP, IP_RECVTTL, 1), 0);
	CHECK_EQ(set_option(a, IPPROTO_IP, IP_RECVTOS, 1), 0);
	CHECK_EQ(set_option(a, SOL_SOCKET, SO_TIMESTAMP, 1), 0);
	CHECK_EQ(set_option(a, IPPROTO_IP, IP_TTL, 33), 0);
	CHECK_EQ(set_option(a, IPPROTO_IP, IP_TOS, 0x10), 0);
	CHECK_EQ(sendto(a, "abc", 3, 0, (struct sockaddr *)&to, sizeof to), 3);
	CHECK_EQ(recvmsg(a, &m, 0), 3);
	CHECK_EQ(m.msg_flags, 0);
	CHECK_EQ(m.msg_namelen, 16);
	c = find(&m, IPPROTO_IP, IP_PKTINFO);
	REQUIRE(c);
	struct in_pktinfo info;
	memcpy(&info, CMSG_DATA(c), sizeof info);
	CHECK_EQ(c->cmsg_len, CMSG_LEN(sizeof info));
	CHECK_EQ(info.ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(info.ipi_ifindex, 1);
	c = find(&m, IPPROTO_IP, IP_TTL);
	REQUIRE(c);
	CHECK_EQ(*(int *)(void *)CMSG_DATA(c), 33);
	c = find(&m, IPPROTO_IP, IP_TOS);
	REQUIRE(c);
	CHECK_EQ(c->cmsg_len, CMSG_LEN(1));
	CHECK_EQ(*CMSG_DATA(c), 0x10);
	c = find(&m, SOL_SOCKET, SO_TIMESTAMP);
	REQUIRE(c);
	struct timeval stamp, now;
	memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
	gettimeofday(&now, NULL);
	CHECK(now.tv_sec - stamp.tv_sec >= 0 && now.tv_sec - stamp.tv_sec < 3);

	/* Too little room. */
	m.msg_controllen = CMSG_LEN(2);
	CHECK_EQ(sendto(a, "abcdefghij", 10, 0, (struct sockaddr *)&to, sizeof to), 10);
	CHECK_EQ(recvmsg(a, &m, 0), 8);
	CHECK_EQ(m.msg_flags, MSG_TRUNC | MSG_CTRUNC);
	CHECK_EQ(m.msg_controllen, CMSG_LEN(2));
	m.msg_control = NULL;
	m.msg_controllen = 0;
	m.msg_name = NULL;
	CHECK_EQ(sendto(a, "abc", 3, 0, (struct sockaddr *)&to, sizeof to), 3);
	CHECK_EQ(recvmsg(a, &m, 0), 3);
	CHECK_EQ(m.msg_flags, MSG_CTRUNC);
	close(a);
}

static void senders_choice(void)
{
	int a = bound(SOCK_DGRAM), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = loopback(port_of(a)), from;
	union {
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo)) + CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { "x", 1 };
	struct msghdr m = {
		.msg_name = &to,
		.msg_namelen = sizeof to,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(0x7f000005) };
	socklen_t bytes = sizeof from;
	int ttl = 9;
	char buffer[8];

	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof info),
			       .cmsg_level = IPPROTO_IP,
			       .cmsg_type = IP_PKTINFO };
	memcpy(CMSG_DATA(c), &info, sizeof info);
	c = CMSG_NXTHDR(&m, c);
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof ttl),
			       .cmsg_level = IPPROTO_IP,
			       .cmsg_type = IP_TTL };
	memcpy(CMSG_DATA(c), &ttl, sizeof ttl);
	CHECK_EQ(sendmsg(b, &m, 0), 1);
	CHECK_EQ(recvfrom(a, buffer, 8, 0, (struct sockaddr *)&from, &bytes), 1);
	CHECK_EQ(from.sin_addr.s_addr, htonl(0x7f000005));
	close(a);
	close(b);
}

static void ipv6_control(void)
{
	int a = socket(AF_INET6, SOCK_DGRAM, 0);
	struct sockaddr_in6 at = loopback6(0), from;
	_Alignas(8) char control[512];
	char buffer[8];
	struct iovec iov = { buffer, sizeof buffer };
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof from,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};

	CHECK_EQ(bind(a, (struct sockaddr *)&at, sizeof at), 0);
	at = loopback6(port_of(a));
	CHECK_EQ(set_option(a, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1), 0);
	CHECK_EQ(set_option(a, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1), 0);
	CHECK_EQ(set_option(a, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 21), 0);
	CHECK_EQ(sendto(a, "abc", 3, 0, (struct sockaddr *)&at, sizeof at), 3);
	CHECK_EQ(recvmsg(a, &m, 0), 3);
	CHECK_EQ(m.msg_namelen, 28);
	struct cmsghdr *c = find(&m, IPPROTO_IPV6, IPV6_PKTINFO);
	REQUIRE(c);
	struct in6_pktinfo info;
	memcpy(&info, CMSG_DATA(c), sizeof info);
	CHECK(IN6_IS_ADDR_LOOPBACK(&info.ipi6_addr));
	CHECK_EQ(info.ipi6_ifindex, 1);
	c = find(&m, IPPROTO_IPV6, IPV6_HOPLIMIT);
	REQUIRE(c);
	CHECK_EQ(*(int *)(void *)CMSG_DATA(c), 21);
	close(a);
}

static void many_at_once(void)
{
	enum { N = 5 };
	int a = bound(SOCK_DGRAM);
	struct sockaddr_in to = loopback(port_of(a));
	char buffers[N][8];
	struct iovec iov[N];
	struct mmsghdr m[N];
	struct timespec limit = { 1, 0 };

	memset(m, 0, sizeof m);
	for (int i = 0; i < N; i++) {
		iov[i] = (struct iovec){ "abcdefgh", (size_t)i + 1 };
		m[i].msg_hdr = (struct msghdr){ .msg_name = &to,
						.msg_namelen = sizeof to,
						.msg_iov = &iov[i],
						.msg_iovlen = 1 };
	}
	CHECK_EQ(sendmmsg(a, m, N, 0), N);
	for (int i = 0; i < N; i++) {
		CHECK_EQ(m[i].msg_len, i + 1);
		iov[i] = (struct iovec){ buffers[i], sizeof buffers[i] };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
	}
	wait_for(a, POLLIN);
	CHECK_EQ(recvmmsg(a, m, 2, 0, NULL), 2);
	CHECK_EQ(m[1].msg_len, 2);
	CHECK_EQ(recvmmsg(a, m, N, MSG_WAITFORONE, NULL), N - 2);
	CHECK_EQ(m[0].msg_len, 3);
	CHECK_ERROR(recvmmsg(a, m, N, MSG_DONTWAIT, NULL), EAGAIN);
	CHECK_EQ(sendmmsg(a, m, 0, 0), 0);
	limit.tv_nsec = -1;
	CHECK_ERROR(recvmmsg(a, m, N, 0, &limit), EINVAL);
	/* An error after the first message is not told. */
	m[0].msg_hdr.msg_name = &to;
	m[0].msg_hdr.msg_namelen = sizeof to;
	m[1].msg_hdr.msg_name = NULL;
	CHECK_EQ(sendmmsg(a, m, 2, 0), 1);
	close(a);
}

int main(void)
{
	datagrams_stay_whole();
	large_ones();
	control_messages();
	senders_choice();
	ipv6_control();
	many_at_once();
	return check_done("sockudp");
}
