/* SPDX-License-Identifier: BSD-3-Clause */
/* Multicast groups. lwIP counts the members of an interface's groups; here is which endpoint is one, so that it leaves when it closes. */
#include "endpoint.h"

#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>

#include <lwip/igmp.h>
#include <lwip/mld6.h>

enum { MEMBERSHIPS_MAX = 64 };

static err_t join_or_leave(const struct membership *membership, bool join)
{
	struct interface *interface = interface_by_index(membership->interface);
	ip_addr_t group = to_lwip(&membership->group, membership->interface);

	if (!interface)
		return ERR_OK;
	if (interface == loopback) /* all of them are heard there */
		return ERR_OK;
	if (IP_IS_V6_VAL(group))
		return join ? mld6_joingroup_netif(&interface->netif, ip_2_ip6(&group))
			    : mld6_leavegroup_netif(&interface->netif, ip_2_ip6(&group));
	return join ? igmp_joingroup_netif(&interface->netif, ip_2_ip4(&group))
		    : igmp_leavegroup_netif(&interface->netif, ip_2_ip4(&group));
}

static void drop(struct membership *membership)
{
	(void)join_or_leave(membership, false);
	list_remove(&membership->link);
	mem_free(membership);
}

void memberships_drop(struct stack_endpoint *ep)
{
	while (!list_empty(&ep->memberships))
		drop(list_entry(ep->memberships.next, struct membership, link));
	stack_timers_look();
}

static struct membership *find(struct stack_endpoint *ep, const struct ip_address *group,
			       uint32_t interface, unsigned *count)
{
	*count = 0;
	list_for_each(node, &ep->memberships) {
		struct membership *membership = list_entry(node, struct membership, link);

		++*count;
		if (!memcmp(&membership->group, group, sizeof *group) &&
		    (!interface || membership->interface == interface))
			return membership;
	}
	return NULL;
}

static uint32_t interface_for(const ip_addr_t *group)
{
	ip_addr_t any = *group;
	struct netif *netif;

	ip_addr_set_any(IP_IS_V6(group), &any);
	netif = ip_route(&any, group);
	if (!netif && IP_IS_V6(group)) {
		NETIF_FOREACH(netif)
		{
			if (netif_is_up(netif) && netif != &loopback->netif)
				break;
		}
	}
	return netif ? interface_index_of(netif) : 0;
}

int stack_group(struct stack_endpoint *ep, const struct ip_address *group, uint32_t interface,
		bool join)
{
	struct membership *membership;
	ip_addr_t address = to_lwip(group, interface);
	unsigned count;

	if (!ip_addr_ismulticast(&address))
		return -EINVAL;
	membership = find(ep, group, interface, &count);
	stack_tick();
	stack_timers_look();
	if (!join) {
		if (!membership)
			return -EADDRNOTAVAIL;
		drop(membership);
		stack_flush();
		return 0;
	}
	if (membership)
		return -EADDRINUSE;
	if (count >= MEMBERSHIPS_MAX)
		return -ENOBUFS;
	if (!interface)
		interface = interface_for(&address);
	if (!interface_by_index(interface))
		return -ENODEV;
	membership = mem_zalloc(sizeof *membership);
	if (!membership)
		return -ENOMEM;
	membership->group = *group;
	membership->interface = interface;
	if (join_or_leave(membership, true) != ERR_OK) {
		mem_free(membership);
		return -ENOBUFS;
	}
	list_insert_before(&ep->memberships, &membership->link);
	stack_flush();
	return 0;
}
