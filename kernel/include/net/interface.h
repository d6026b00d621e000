/* SPDX-License-Identifier: BSD-3-Clause */
/* Network interfaces, their addresses and routes: what SIOC*, netlink and /proc/net show and change. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <class/net.h>
#include <net/address.h>

enum { INTERFACE_NAME_BYTES = 16 };

/** Flags as Linux's IFF_*. */
struct interface_info {
	uint32_t index; /* from 1; loopback is 1 */
	char name[INTERFACE_NAME_BYTES];
	uint32_t flags;
	uint16_t type; /* ARPHRD_ETHER 1, ARPHRD_LOOPBACK 772 */
	uint32_t mtu;
	uint8_t mac[6];
	struct netdev_stats stats;
};

struct interface_address {
	struct ip_address ip;
	uint8_t prefix;
	uint8_t scope; /* Linux's RT_SCOPE_*: 0 global, 253 link, 254 host */
	bool tentative;
};

struct route {
	struct ip_address destination; /* prefix 0: the default route */
	uint8_t prefix;
	struct ip_address gateway; /* AF_UNSPEC: on the link */
	uint32_t interface;
};

/** The `nth` interface, address of an interface, route; -ENOENT: no more. */
int must_check interface_info(unsigned nth, struct interface_info *out) REQUIRES(net_mutex);
int must_check interface_address(uint32_t index, unsigned nth, struct interface_address *out)
	REQUIRES(net_mutex);
int must_check route_info(unsigned nth, struct route *out) REQUIRES(net_mutex);

/** 0: none of this name. */
uint32_t interface_index(const char *name) REQUIRES(net_mutex);

int must_check interface_add_address(uint32_t index, const struct interface_address *address)
	REQUIRES(net_mutex);
int must_check interface_remove_address(uint32_t index, const struct interface_address *address)
	REQUIRES(net_mutex);
int must_check interface_set_up(uint32_t index, bool up) REQUIRES(net_mutex);
int must_check interface_set_mtu(uint32_t index, uint32_t mtu) REQUIRES(net_mutex);
int must_check route_add(const struct route *route) REQUIRES(net_mutex);
int must_check route_remove(const struct route *route) REQUIRES(net_mutex);

/** Name servers (DHCP, ip=, CLI), for /etc/resolv.conf; -ENOENT: no more. */
int must_check name_server(unsigned nth, struct ip_address *out) REQUIRES(net_mutex);
