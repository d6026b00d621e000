/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses and errors, lwIP's and ours. */
#include "internal.h"

#include <base/errno.h>
#include <base/string.h>

static bool is_mapped(const struct ip_address *address)
{
	static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

	return address->family == AF_INET6 && !memcmp(address->bytes, prefix, sizeof prefix);
}

ip_addr_t to_lwip(const struct ip_address *address, uint32_t scope)
{
	ip_addr_t out;

	memset(&out, 0, sizeof out);
	if (address->family == AF_INET || is_mapped(address)) {
		IP_SET_TYPE_VAL(out, IPADDR_TYPE_V4);
		memcpy(&ip_2_ip4(&out)->addr,
		       address->bytes + (address->family == AF_INET ? 0 : 12), 4);
		return out;
	}
	IP_SET_TYPE_VAL(out, IPADDR_TYPE_V6);
	memcpy(ip_2_ip6(&out)->addr, address->bytes, 16);
	if (scope && scope < NETIF_NO_INDEX + 256u &&
	    ip6_addr_has_scope(ip_2_ip6(&out), IP6_UNKNOWN))
		ip6_addr_set_zone(ip_2_ip6(&out), (uint8_t)scope);
	return out;
}

struct ip_address from_lwip(const ip_addr_t *address)
{
	struct ip_address out = { .family = AF_INET };

	if (IP_IS_V6(address)) {
		out.family = AF_INET6;
		memcpy(out.bytes, ip_2_ip6(address)->addr, 16);
	} else {
		memcpy(out.bytes, &ip_2_ip4(address)->addr, 4);
	}
	return out;
}

struct net_address endpoint_address(const ip_addr_t *address, uint16_t port, unsigned family)
{
	struct net_address out = { .ip = from_lwip(address), .port = port };

	if (IP_IS_V6(address))
		out.scope = ip6_addr_zone(ip_2_ip6(address));
	if (out.ip.family == AF_INET && family == AF_INET6) {
		memmove(out.ip.bytes + 12, out.ip.bytes, 4);
		memset(out.ip.bytes, 0, 12);
		/* No address of IPv4 is no address of IPv6. */
		if (!ip_addr_isany(address) || IP_IS_V4_VAL(*address))
			memset(out.ip.bytes + 10, ip_addr_isany(address) ? 0 : 0xff, 2);
		out.ip.family = AF_INET6;
	}
	return out;
}

int error_of(err_t error)
{
	switch (error) {
	case ERR_OK:
		return 0;
	case ERR_MEM:
	case ERR_BUF:
		return -ENOBUFS;
	case ERR_TIMEOUT:
		return -ETIMEDOUT;
	case ERR_RTE:
		return -ENETUNREACH;
	case ERR_INPROGRESS:
		return -EINPROGRESS;
	case ERR_WOULDBLOCK:
		return -EAGAIN;
	case ERR_USE:
		return -EADDRINUSE;
	case ERR_ALREADY:
		return -EALREADY;
	case ERR_ISCONN:
		return -EISCONN;
	case ERR_CONN:
	case ERR_CLSD:
		return -ENOTCONN;
	case ERR_IF:
		return -ENETDOWN;
	case ERR_ABRT:
		return -ECONNABORTED;
	case ERR_RST:
		return -ECONNRESET;
	default:
		return -EINVAL;
	}
}
