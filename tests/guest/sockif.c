/* SPDX-License-Identifier: BSD-3-Clause */
/* Interfaces by ioctl(2), netlink and the C library; only the loopback is the same everywhere. */
#include "net.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>

static void by_ioctl(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = { .ifr_name = "lo" };
	struct sockaddr_in at;

	CHECK_EQ(ioctl(fd, SIOCGIFINDEX, &r), 0);
	CHECK_EQ(r.ifr_ifindex, 1);
	memset(r.ifr_name, 0, sizeof r.ifr_name);
	CHECK_EQ(ioctl(fd, SIOCGIFNAME, &r), 0);
	CHECK(!strcmp(r.ifr_name, "lo"));
	CHECK_EQ(ioctl(fd, SIOCGIFFLAGS, &r), 0);
	CHECK_EQ(r.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_BROADCAST),
		 IFF_UP | IFF_LOOPBACK | IFF_RUNNING);
	CHECK_EQ(ioctl(fd, SIOCGIFADDR, &r), 0);
	memcpy(&at, &r.ifr_addr, sizeof at);
	CHECK(at.sin_family == AF_INET && at.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK_EQ(ioctl(fd, SIOCGIFNETMASK, &r), 0);
	memcpy(&at, &r.ifr_addr, sizeof at);
	CHECK_EQ(at.sin_addr.s_addr, htonl(0xff000000));
	CHECK_EQ(ioctl(fd, SIOCGIFHWADDR, &r), 0);
	CHECK_EQ(r.ifr_hwaddr.sa_family, ARPHRD_LOOPBACK);
	CHECK_EQ(ioctl(fd, SIOCGIFMTU, &r), 0);
	CHECK_EQ(r.ifr_mtu, 65536);
	strcpy(r.ifr_name, "none");
	CHECK_ERROR(ioctl(fd, SIOCGIFINDEX, &r), ENODEV);
	CHECK_ERROR(ioctl(fd, SIOCGIFINDEX, check_bad_pointer()), EFAULT);

	struct ifreq list[8];
	struct ifconf c = { .ifc_len = sizeof list, .ifc_req = list };
	CHECK_EQ(ioctl(fd, SIOCGIFCONF, &c), 0);
	CHECK(c.ifc_len >= (int)sizeof *list && !strcmp(list[0].ifr_name, "lo"));
	c.ifc_len = (int)sizeof *list + 3;
	CHECK_EQ(ioctl(fd, SIOCGIFCONF, &c), 0);
	CHECK_EQ(c.ifc_len, sizeof *list);
	close(fd);
	CHECK_EQ(if_nametoindex("lo"), 1);
	char name[IF_NAMESIZE] = "";
	CHECK(if_indextoname(1, name) && !strcmp(name, "lo"));
}

static void by_the_library(void)
{
	struct ifaddrs *all;
	bool four = false, six = false, link = false;

	REQUIRE(!getifaddrs(&all));
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (strcmp(i->ifa_name, "lo") || !i->ifa_addr)
			continue;
		link |= i->ifa_addr->sa_family == AF_PACKET;
		if (i->ifa_addr->sa_family == AF_INET) {
			struct sockaddr_in *mask = (void *)i->ifa_netmask;

			four = ((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr.s_addr ==
			       htonl(INADDR_LOOPBACK);
			CHECK_EQ(mask->sin_addr.s_addr, htonl(0xff000000));
		}
		if (i->ifa_addr->sa_family == AF_INET6)
			six |= IN6_IS_ADDR_LOOPBACK(
				&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr);
	}
	freeifaddrs(all);
	CHECK(four && six && link);
}

/* musl has none of Linux's headers. */
enum { ROUTE = 0, GETLINK = 18, NEWLINK = 16, ERROR = 2, REQUEST = 1 };
struct netlink_header {
	uint32_t bytes;
	uint16_t type, flags;
	uint32_t sequence, pid;
};
struct link_message {
	uint8_t family, pad;
	uint16_t type;
	int32_t index;
	uint32_t flags, change;
};
struct netlink_address {
	uint16_t family, pad;
	uint32_t pid, groups;
};

static void by_netlink(void)
{
	struct {
		struct netlink_header header;
		struct link_message body;
	} request = { { sizeof request, GETLINK, REQUEST, 7, 0 }, { .index = 1 } };
	struct {
		struct netlink_header header;
		union {
			struct link_message body;
			int error;
			char bytes[8192];
		};
	} answer;
	struct netlink_address to = { .family = AF_NETLINK }, from;
	socklen_t bytes = sizeof from;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, ROUTE);

	REQUIRE(fd >= 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&to, sizeof to), 0);
	CHECK_ERROR(recv(fd, &answer, sizeof answer, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(sendto(fd, &request, sizeof request, 0, (struct sockaddr *)&to, sizeof to),
		 sizeof request);
	long n = recvfrom(fd, &answer, sizeof answer, 0, (struct sockaddr *)&from, &bytes);
	CHECK(n >= (long)(sizeof answer.header + sizeof answer.body));
	CHECK(bytes == sizeof from && from.family == AF_NETLINK && !from.pid);
	CHECK(answer.header.type == NEWLINK && answer.header.sequence == 7);
	CHECK_EQ(answer.body.index, 1);
	CHECK_EQ(answer.body.type, ARPHRD_LOOPBACK);

	request.body.index = 12345;
	CHECK_EQ(send(fd, &request, sizeof request, 0), sizeof request);
	CHECK(recv(fd, &answer, sizeof answer, 0) > 0);
	CHECK_EQ(answer.header.type, ERROR);
	CHECK_EQ(answer.error, -ENODEV);
	close(fd);
	CHECK_ERROR(socket(AF_NETLINK, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
}

int main(void)
{
	by_ioctl();
	by_the_library();
	by_netlink();
	return check_done("sockif");
}
