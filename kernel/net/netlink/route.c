/* SPDX-License-Identifier: BSD-3-Clause */
/* NETLINK_ROUTE: interfaces, addresses and routes as rtnetlink(7) shows and changes them. */
#include "netlink.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>

enum {
	IFLA_ADDRESS = 1,
	IFLA_BROADCAST,
	IFLA_IFNAME,
	IFLA_MTU,
	IFLA_QDISC = 6,
	IFLA_STATS,
	IFLA_TXQLEN = 13,
	IFLA_OPERSTATE = 16,
	IFLA_STATS64 = 23,
};
enum { IFA_ADDRESS = 1, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_CACHEINFO = 6, IFA_FLAGS = 8 };
enum { IFA_F_TENTATIVE = 0x40, IFA_F_PERMANENT = 0x80 };
enum { RTA_DST = 1, RTA_OIF = 4, RTA_GATEWAY, RTA_PREFSRC = 7, RTA_TABLE = 15 };
enum { RT_TABLE_MAIN = 254, RTPROT_BOOT = 3, RTN_UNICAST = 1, RT_SCOPE_LINK = 253 };
enum { IFF_UP = 1, IFF_RUNNING = 0x40, IFF_LOOPBACK = 8 };
enum { OPERSTATE_UNKNOWN = 0, OPERSTATE_DOWN = 2, OPERSTATE_UP = 6, QUEUE_LENGTH = 1000 };

/* struct rtnl_link_stats64 starts with these; struct rtnl_link_stats is the same with 32 bits each. */
enum {
	LINK_RX_PACKETS,
	LINK_TX_PACKETS,
	LINK_RX_BYTES,
	LINK_TX_BYTES,
	LINK_RX_ERRORS,
	LINK_TX_ERRORS,
	LINK_RX_DROPPED,
	LINK_TX_DROPPED,
	LINK_COUNTERS = 24,
};

static size_t ip_bytes(const struct ip_address *ip)
{
	return ip->family == AF_INET6 ? 16 : 4;
}

static bool is_dump(const struct netlink_answer *answer)
{
	return (answer->request->header.flags & NLM_F_DUMP) == NLM_F_DUMP;
}

static unsigned multi(const struct netlink_answer *answer)
{
	return is_dump(answer) ? NLM_F_MULTI : 0;
}

/* The nth of each kind, read under the network's lock. */
static int nth_interface(unsigned nth, struct interface_info *out)
{
	int error;

	mutex_lock(&net_mutex);
	error = interface_info(nth, out);
	mutex_unlock(&net_mutex);
	return error;
}

static int nth_address(uint32_t index, unsigned nth, struct interface_address *out)
{
	int error;

	mutex_lock(&net_mutex);
	error = interface_address(index, nth, out);
	mutex_unlock(&net_mutex);
	return error;
}

static int nth_route(unsigned nth, struct route *out)
{
	int error;

	mutex_lock(&net_mutex);
	error = route_info(nth, out);
	mutex_unlock(&net_mutex);
	return error;
}

/* --- links --- */

static void put_stats(struct netlink_answer *answer, const struct netdev_stats *stats)
{
	uint64_t wide[LINK_COUNTERS] = {
		[LINK_RX_PACKETS] = stats->rx_packets, [LINK_TX_PACKETS] = stats->tx_packets,
		[LINK_RX_BYTES] = stats->rx_bytes,     [LINK_TX_BYTES] = stats->tx_bytes,
		[LINK_RX_ERRORS] = stats->rx_errors,   [LINK_TX_ERRORS] = stats->tx_errors,
		[LINK_RX_DROPPED] = stats->rx_dropped, [LINK_TX_DROPPED] = stats->tx_dropped,
	};
	uint32_t narrow[LINK_COUNTERS];

	for (size_t i = 0; i < LINK_COUNTERS; i++)
		narrow[i] = (uint32_t)wide[i];
	netlink_put(answer, IFLA_STATS64, wide, sizeof wide);
	netlink_put(answer, IFLA_STATS, narrow, sizeof narrow);
}

static void put_link(struct netlink_answer *answer, const struct interface_info *info)
{
	static const uint8_t all_ones[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct ifinfomsg body = {
		.type = info->type,
		.index = (int32_t)info->index,
		.flags = info->flags,
	};
	bool loopback = info->flags & IFF_LOOPBACK;
	uint8_t state = loopback                    ? OPERSTATE_UNKNOWN
			: info->flags & IFF_RUNNING ? OPERSTATE_UP
						    : OPERSTATE_DOWN;

	netlink_begin(answer, RTM_NEWLINK, multi(answer), &body, sizeof body);
	netlink_put(answer, IFLA_IFNAME, info->name, strlen(info->name) + 1);
	netlink_put_number(answer, IFLA_TXQLEN, QUEUE_LENGTH);
	netlink_put(answer, IFLA_OPERSTATE, &state, sizeof state);
	netlink_put_number(answer, IFLA_MTU, info->mtu);
	netlink_put(answer, IFLA_QDISC, "noqueue", sizeof "noqueue");
	netlink_put(answer, IFLA_ADDRESS, info->mac, sizeof info->mac);
	netlink_put(answer, IFLA_BROADCAST, loopback ? info->mac : all_ones, sizeof all_ones);
	put_stats(answer, &info->stats);
	netlink_end(answer);
}

/* The link that a request is about: by index or name; 0: none told. */
static bool is_that_link(const struct netlink_request *request, const struct ifinfomsg *body,
			 const struct interface_info *info)
{
	struct nlattr attr;
	const uint8_t *name;

	if (body->index)
		return (uint32_t)body->index == info->index;
	if (!netlink_attribute(request, sizeof *body, IFLA_IFNAME, 1, &attr, &name))
		return false;
	size_t length = strnlen((const char *)name, attr.bytes - sizeof attr);
	return length == strlen(info->name) && !memcmp(name, info->name, length);
}

static int answer_links(struct netlink_answer *answer)
{
	struct interface_info info;
	struct ifinfomsg body = { 0 };
	int error = netlink_body(answer->request, &body, sizeof body);

	/* A dump may come with the shorter struct rtgenmsg. */
	if (error && !is_dump(answer))
		return error;
	for (unsigned nth = 0; !nth_interface(nth, &info); nth++) {
		if (is_dump(answer)) {
			put_link(answer, &info);
		} else if (is_that_link(answer->request, &body, &info)) {
			put_link(answer, &info);
			return 0;
		}
	}
	return is_dump(answer) ? 0 : -ENODEV;
}

static int change_link(const struct netlink_request *request)
{
	struct interface_info info;
	struct ifinfomsg body;
	struct nlattr attr;
	const uint8_t *data;
	int error = netlink_body(request, &body, sizeof body);

	for (unsigned nth = 0; !error; nth++) {
		error = nth_interface(nth, &info);
		if (!error && is_that_link(request, &body, &info))
			break;
	}
	if (error)
		return error == -ENOENT ? -ENODEV : error;
	mutex_lock(&net_mutex);
	if (body.change & IFF_UP)
		error = interface_set_up(info.index, body.flags & IFF_UP);
	if (!error && netlink_attribute(request, sizeof body, IFLA_MTU, 4, &attr, &data)) {
		uint32_t mtu;

		memcpy(&mtu, data, sizeof mtu);
		error = interface_set_mtu(info.index, mtu);
	}
	mutex_unlock(&net_mutex);
	return error;
}

/* --- addresses --- */

static void put_broadcast(struct netlink_answer *answer, const struct interface_address *address)
{
	uint8_t bytes[4];

	for (unsigned i = 0; i < 4; i++) {
		unsigned own = address->prefix > 8 * i ? min(address->prefix - 8 * i, 8u) : 0;

		bytes[i] = (uint8_t)(address->ip.bytes[i] | 0xff >> own);
	}
	netlink_put(answer, IFA_BROADCAST, bytes, sizeof bytes);
}

static void put_address(struct netlink_answer *answer, const struct interface_info *info,
			const struct interface_address *address)
{
	static const uint32_t for_ever[4] = { UINT32_MAX, UINT32_MAX, 0, 0 };
	bool v4 = address->ip.family == AF_INET;
	uint32_t flags = IFA_F_PERMANENT | (address->tentative ? IFA_F_TENTATIVE : 0);
	const struct ifaddrmsg body = {
		.family = (uint8_t)address->ip.family,
		.prefix = address->prefix,
		.flags = (uint8_t)flags,
		.scope = address->scope,
		.index = info->index,
	};

	netlink_begin(answer, RTM_NEWADDR, multi(answer), &body, sizeof body);
	netlink_put(answer, IFA_ADDRESS, address->ip.bytes, ip_bytes(&address->ip));
	if (v4) {
		netlink_put(answer, IFA_LOCAL, address->ip.bytes, ip_bytes(&address->ip));
		if (!(info->flags & IFF_LOOPBACK) && address->prefix < 31)
			put_broadcast(answer, address);
		netlink_put(answer, IFA_LABEL, info->name, strlen(info->name) + 1);
	}
	netlink_put_number(answer, IFA_FLAGS, flags);
	netlink_put(answer, IFA_CACHEINFO, for_ever, sizeof for_ever);
	netlink_end(answer);
}

static int answer_addresses(struct netlink_answer *answer)
{
	struct interface_address address;
	struct interface_info info;
	uint8_t family = answer->request->bytes ? answer->request->body[0] : AF_UNSPEC;

	if (!is_dump(answer))
		return -EOPNOTSUPP;
	for (unsigned nth = 0; !nth_interface(nth, &info); nth++)
		for (unsigned i = 0; !nth_address(info.index, i, &address); i++)
			if (family == AF_UNSPEC || family == address.ip.family)
				put_address(answer, &info, &address);
	return 0;
}

/* An address in an attribute, of the family's length. */
static bool read_ip(const struct netlink_request *request, size_t fixed, unsigned type,
		    uint16_t family, struct ip_address *out)
{
	struct nlattr attr;
	const uint8_t *data;

	*out = (struct ip_address){ .family = family };
	if (!netlink_attribute(request, fixed, type, ip_bytes(out), &attr, &data))
		return false;
	memcpy(out->bytes, data, ip_bytes(out));
	return true;
}

static int change_address(const struct netlink_request *request)
{
	struct interface_address address = { 0 };
	struct ifaddrmsg body;
	int error = netlink_body(request, &body, sizeof body);

	if (error)
		return error;
	if (body.family != AF_INET && body.family != AF_INET6)
		return -EOPNOTSUPP;
	if (!read_ip(request, sizeof body, IFA_LOCAL, body.family, &address.ip) &&
	    !read_ip(request, sizeof body, IFA_ADDRESS, body.family, &address.ip))
		return -EINVAL;
	if (body.prefix > 8 * ip_bytes(&address.ip))
		return -EINVAL;
	address.prefix = body.prefix;
	address.scope = body.scope;
	mutex_lock(&net_mutex);
	error = request->header.type == RTM_NEWADDR
			? interface_add_address(body.index, &address)
			: interface_remove_address(body.index, &address);
	mutex_unlock(&net_mutex);
	return error;
}

/* --- routes --- */

static void put_route(struct netlink_answer *answer, const struct route *route,
		      const struct ip_address *source)
{
	bool gateway = route->gateway.family != AF_UNSPEC;
	const struct rtmsg body = {
		.family = (uint8_t)route->destination.family,
		.destination_bits = route->prefix,
		.table = RT_TABLE_MAIN,
		.protocol = RTPROT_BOOT,
		.scope = gateway ? 0 : RT_SCOPE_LINK,
		.type = RTN_UNICAST,
	};

	netlink_begin(answer, RTM_NEWROUTE, multi(answer), &body, sizeof body);
	netlink_put_number(answer, RTA_TABLE, RT_TABLE_MAIN);
	if (route->prefix)
		netlink_put(answer, RTA_DST, route->destination.bytes,
			    ip_bytes(&route->destination));
	if (gateway)
		netlink_put(answer, RTA_GATEWAY, route->gateway.bytes, ip_bytes(&route->gateway));
	if (source)
		netlink_put(answer, RTA_PREFSRC, source->bytes, ip_bytes(source));
	netlink_put_number(answer, RTA_OIF, route->interface);
	netlink_end(answer);
}

static bool is_within(const struct ip_address *ip, const struct ip_address *network,
		      unsigned prefix)
{
	if (ip->family != network->family)
		return false;
	for (unsigned i = 0; i < prefix; i += 8) {
		unsigned bits = min(prefix - i, 8u);

		if ((ip->bytes[i / 8] ^ network->bytes[i / 8]) >> (8 - bits))
			return false;
	}
	return true;
}

static bool find_route(const struct ip_address *to, struct route *best)
{
	struct route route;
	bool found = false;

	for (unsigned nth = 0; !nth_route(nth, &route); nth++)
		if (is_within(to, &route.destination, route.prefix) &&
		    (!found || route.prefix > best->prefix)) {
			*best = route;
			found = true;
		}
	return found;
}

/* The address that packets on this route come from. */
static bool find_source(const struct route *route, uint16_t family, struct ip_address *out)
{
	struct interface_address address;

	for (unsigned i = 0; !nth_address(route->interface, i, &address); i++)
		if (address.ip.family == family) {
			*out = address.ip;
			return true;
		}
	return false;
}

static int answer_one_route(struct netlink_answer *answer, uint16_t family)
{
	struct ip_address to, source;
	struct route route;

	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	if (!read_ip(answer->request, sizeof(struct rtmsg), RTA_DST, family, &to))
		return -EINVAL;
	if (!find_route(&to, &route))
		return -ENETUNREACH;
	route.destination = to;
	route.prefix = (uint8_t)(8 * ip_bytes(&to));
	put_route(answer, &route, find_source(&route, family, &source) ? &source : NULL);
	return 0;
}

static int answer_routes(struct netlink_answer *answer)
{
	uint8_t family = answer->request->bytes ? answer->request->body[0] : AF_UNSPEC;
	struct route route;

	if (!is_dump(answer))
		return answer_one_route(answer, family);
	for (unsigned nth = 0; !nth_route(nth, &route); nth++)
		if (family == AF_UNSPEC || family == route.destination.family)
			put_route(answer, &route, NULL);
	return 0;
}

static int change_route(const struct netlink_request *request)
{
	struct route route = { 0 };
	struct rtmsg body;
	struct nlattr attr;
	const uint8_t *data;
	int error = netlink_body(request, &body, sizeof body);

	if (error)
		return error;
	if (body.family != AF_INET && body.family != AF_INET6)
		return -EOPNOTSUPP;
	route.prefix = body.destination_bits;
	if (!read_ip(request, sizeof body, RTA_DST, body.family, &route.destination) &&
	    body.destination_bits)
		return -EINVAL;
	if (body.destination_bits > 8 * ip_bytes(&route.destination))
		return -EINVAL;
	if (!read_ip(request, sizeof body, RTA_GATEWAY, body.family, &route.gateway))
		route.gateway.family = AF_UNSPEC;
	if (netlink_attribute(request, sizeof body, RTA_OIF, 4, &attr, &data))
		memcpy(&route.interface, data, sizeof route.interface);
	mutex_lock(&net_mutex);
	error = request->header.type == RTM_NEWROUTE ? route_add(&route) : route_remove(&route);
	mutex_unlock(&net_mutex);
	return error;
}

int route_answer(struct netlink_answer *answer)
{
	switch (answer->request->header.type) {
	case RTM_GETLINK:
		return answer_links(answer);
	case RTM_GETADDR:
		return answer_addresses(answer);
	case RTM_GETROUTE:
		return answer_routes(answer);
	default:
		return -EOPNOTSUPP;
	}
}

int route_change(const struct netlink_request *request)
{
	switch (request->header.type) {
	case RTM_NEWLINK:
	case RTM_SETLINK:
		return change_link(request);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return change_address(request);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return change_route(request);
	default:
		return -EOPNOTSUPP;
	}
}
