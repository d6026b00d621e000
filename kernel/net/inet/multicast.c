/* SPDX-License-Identifier: BSD-3-Clause */
/* Multicast groups: the options that join and leave them, in the three forms there are (ip(7), ipv6(7), RFC 3678). */
#include "inet.h"
#include "options.h"

#include <base/errno.h>
#include <base/string.h>
#include <net/interface.h>

struct ip_mreqn {
	uint8_t group[4], address[4];
	int32_t interface; /* not in the short form, struct ip_mreq */
};
_Static_assert(sizeof(struct ip_mreqn) == 12, "Linux's struct ip_mreqn");
enum { IP_MREQ_BYTES = 8 };

struct ipv6_mreq {
	uint8_t group[16];
	int32_t interface;
};
_Static_assert(sizeof(struct ipv6_mreq) == 20, "Linux's struct ipv6_mreq");

struct group_req {
	uint32_t interface, pad;
	uint8_t group[SOCKET_ADDRESS_MAX];
};
_Static_assert(sizeof(struct group_req) == 136, "Linux's struct group_req");

/* The interface that has an IPv4 address; 0: none, or any address. */
static uint32_t interface_of(const uint8_t address[4]) REQUIRES(net_mutex)
{
	const struct ip_address wanted = ip_from_v4(address);
	struct interface_address has;
	struct interface_info info;

	if (ip_is_any(&wanted))
		return 0;
	for (unsigned nth = 0; !interface_info(nth, &info); nth++)
		for (unsigned i = 0; !interface_address(info.index, i, &has); i++)
			if (has.ip.family == AF_INET && !memcmp(has.ip.bytes, address, 4))
				return info.index;
	return 0;
}

static int change_group(struct inet *inet, const struct ip_address *group, uint32_t interface,
			bool join)
{
	int error;

	if (!ip_is_multicast(group))
		return -EINVAL;
	mutex_lock(&net_mutex);
	error = stack_group(inet->endpoint, group, interface, join);
	mutex_unlock(&net_mutex);
	return error;
}

static int change_v4(struct inet *inet, const void *value, uint32_t bytes, bool join)
{
	struct ip_mreqn request = { 0 };
	struct ip_address group;
	uint32_t interface;

	if (bytes < IP_MREQ_BYTES)
		return -EINVAL;
	memcpy(&request, value, min(bytes, (uint32_t)sizeof request));
	group = ip_from_v4(request.group);
	interface = (uint32_t)request.interface;
	if (!interface) {
		mutex_lock(&net_mutex);
		interface = interface_of(request.address);
		mutex_unlock(&net_mutex);
		if (!interface && memcmp(request.address, (uint8_t[4]){ 0 }, 4))
			return -ENODEV;
	}
	return change_group(inet, &group, interface, join);
}

static int change_v6(struct inet *inet, const void *value, uint32_t bytes, bool join)
{
	struct ip_address group = { .family = AF_INET6 };
	struct ipv6_mreq request;

	if (bytes < sizeof request)
		return -EINVAL;
	memcpy(&request, value, sizeof request);
	memcpy(group.bytes, request.group, sizeof request.group);
	return change_group(inet, &group, (uint32_t)request.interface, join);
}

/* Either family, by the address in it. */
static int change_either(struct inet *inet, const void *value, uint32_t bytes, bool join)
{
	struct ip_address group = { 0 };
	struct group_req request;

	if (bytes < sizeof request)
		return -EINVAL;
	memcpy(&request, value, sizeof request);
	memcpy(&group.family, request.group, sizeof group.family);
	if (group.family == AF_INET)
		memcpy(group.bytes, request.group + offsetof(struct sockaddr_in, address), 4);
	else if (group.family == AF_INET6)
		memcpy(group.bytes, request.group + offsetof(struct sockaddr_in6, address), 16);
	else
		return -EADDRNOTAVAIL;
	return change_group(inet, &group, request.interface, join);
}

/* IP_MULTICAST_IF takes an address, or either structure. */
static int set_interface(struct inet *inet, const void *value, uint32_t bytes)
{
	struct ip_mreqn request = { 0 };
	uint32_t interface;
	int error;

	if (bytes < sizeof request.address)
		return -EINVAL;
	if (bytes < IP_MREQ_BYTES)
		memcpy(request.address, value, sizeof request.address);
	else
		memcpy(&request, value, min(bytes, (uint32_t)sizeof request));
	mutex_lock(&net_mutex);
	interface = request.interface ? (uint32_t)request.interface : interface_of(request.address);
	error = !interface && memcmp(request.address, (uint8_t[4]){ 0 }, 4)
			? -EADDRNOTAVAIL
			: stack_set(inet->endpoint, STACK_MULTICAST_INTERFACE, (int)interface);
	mutex_unlock(&net_mutex);
	return error;
}

int inet_set_multicast(struct inet *inet, int level, int name, const void *value, uint32_t bytes)
{
	if (name == MCAST_JOIN_GROUP || name == MCAST_LEAVE_GROUP)
		return change_either(inet, value, bytes, name == MCAST_JOIN_GROUP);
	if (level == IPPROTO_IPV6)
		return name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP
			       ? change_v6(inet, value, bytes, name == IPV6_ADD_MEMBERSHIP)
			       : -ENOPROTOOPT;
	if (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP)
		return change_v4(inet, value, bytes, name == IP_ADD_MEMBERSHIP);
	return name == IP_MULTICAST_IF ? set_interface(inet, value, bytes) : -ENOPROTOOPT;
}
