/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of the internet family, as everyone in the network sees them. */
#pragma once

#include <base/types.h>

enum {
	AF_UNSPEC = 0,
	AF_UNIX = 1,
	AF_INET = 2,
	AF_INET6 = 10,
	AF_NETLINK = 16,
	AF_PACKET = 17,
	AF_VSOCK = 40
};

/** An IPv4 or IPv6 address, in network byte order. */
struct ip_address {
	uint16_t family; /* AF_INET: bytes 0-3; AF_INET6; AF_UNSPEC: none */
	uint8_t bytes[16];
};

/** Where a TCP or UDP endpoint is. */
struct net_address {
	struct ip_address ip;
	uint16_t port;  /* in the CPU's byte order; of raw sockets: 0 */
	uint32_t scope; /* interface index of a link-local IPv6 address; 0: none */
	uint32_t flow;  /* IPv6 flow information, network byte order */
};
