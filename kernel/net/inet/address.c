/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as programs have them (ip(7), ipv6(7)) and as the stack has them. */
#include "inet.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

struct ip_address ip_from_v4(const void *bytes)
{
	struct ip_address ip = { .family = AF_INET };

	memcpy(ip.bytes, bytes, 4);
	return ip;
}

bool ip_is_any(const struct ip_address *ip)
{
	size_t bytes = ip->family == AF_INET6 ? 16 : 4;

	for (size_t i = 0; i < bytes; i++)
		if (ip->bytes[i])
			return false;
	return true;
}

bool ip_is_multicast(const struct ip_address *ip)
{
	return ip->family == AF_INET6 ? ip->bytes[0] == 0xff : (ip->bytes[0] & 0xf0) == 0xe0;
}

void ip_to_v6(const struct ip_address *ip, uint8_t out[16])
{
	if (ip->family == AF_INET) {
		memcpy(out, mapped_prefix, sizeof mapped_prefix);
		memcpy(out + sizeof mapped_prefix, ip->bytes, 4);
	} else if (ip->family == AF_INET6) {
		memcpy(out, ip->bytes, 16);
	} else {
		memset(out, 0, 16);
	}
}

static int read_v4(const void *address, uint32_t bytes, struct net_address *out)
{
	struct sockaddr_in in;

	if (bytes < sizeof in)
		return -EINVAL;
	memcpy(&in, address, sizeof in);
	*out = (struct net_address){
		.ip = ip_from_v4(in.address),
		.port = swap16(in.port),
	};
	return 0;
}

static int read_v6(const void *address, uint32_t bytes, struct net_address *out)
{
	struct sockaddr_in6 in = { 0 };

	if (bytes < SOCKADDR_IN6_MIN)
		return -EINVAL;
	memcpy(&in, address, min(bytes, (uint32_t)sizeof in));
	*out = (struct net_address){ .port = swap16(in.port), .flow = in.flow, .scope = in.scope };
	if (!memcmp(in.address, mapped_prefix, sizeof mapped_prefix)) {
		out->ip = ip_from_v4(in.address + sizeof mapped_prefix);
	} else {
		out->ip.family = AF_INET6;
		memcpy(out->ip.bytes, in.address, sizeof in.address);
	}
	return 0;
}

int inet_read_address(const struct inet *inet, const void *address, uint32_t bytes,
		      struct net_address *out)
{
	bool v6 = inet->socket->family->number == AF_INET6;
	uint16_t family;

	if (bytes < sizeof family)
		return -EINVAL;
	memcpy(&family, address, sizeof family);
	if (family == AF_UNSPEC) {
		*out = (struct net_address){ 0 };
		return 0;
	}
	if (family == AF_INET && !v6)
		return read_v4(address, bytes, out);
	if (family == AF_INET6 && v6)
		return read_v6(address, bytes, out);
	return bytes < (v6 ? (uint32_t)SOCKADDR_IN6_MIN : sizeof(struct sockaddr_in))
		       ? -EINVAL
		       : -EAFNOSUPPORT;
}

uint32_t inet_write_address(const struct inet *inet, const struct net_address *address, void *out)
{
	if (inet->socket->family->number == AF_INET) {
		struct sockaddr_in in = { .family = AF_INET, .port = swap16(address->port) };

		memcpy(in.address, address->ip.bytes, sizeof in.address);
		memcpy(out, &in, sizeof in);
		return sizeof in;
	}
	struct sockaddr_in6 in = {
		.family = AF_INET6,
		.port = swap16(address->port),
		.flow = address->flow,
		.scope = address->scope,
	};
	ip_to_v6(&address->ip, in.address);
	memcpy(out, &in, sizeof in);
	return sizeof in;
}
