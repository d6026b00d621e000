/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Routes: to this machine's own addresses by loopback, to an interface's subnet, by the table that users fill, to an interface's
 * gateway; to link-local addresses by the first interface. The longest prefix wins. For IPv6 lwIP knows of subnets and routers itself.
 */
#include "internal.h"

#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>

#include <hooks.h>
#include <lwip/nd6.h>

struct entry {
	struct list_node link;
	struct route route;
	ip_addr_t gateway;
};

/* [net_mutex] In the order of their making. */
static struct list_node table = { &table, &table };

static bool usable(const struct netif *netif)
{
	return netif_is_up(netif) && netif_is_link_up(netif);
}

static bool prefix_matches(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned bytes = bits / 8;

	if (memcmp(a, b, bytes))
		return false;
	return bits % 8 == 0 || !((a[bytes] ^ b[bytes]) >> (8 - bits % 8));
}

static struct entry *find(const uint8_t *address, uint16_t family, const struct netif *by)
{
	struct entry *best = NULL;

	list_for_each(node, &table) {
		struct entry *entry = list_entry(node, struct entry, link);
		struct interface *interface = interface_by_index(entry->route.interface);

		if (entry->route.destination.family != family || !interface ||
		    (by && by != &interface->netif) || !usable(&interface->netif) ||
		    !prefix_matches(address, entry->route.destination.bytes, entry->route.prefix))
			continue;
		if (!best || entry->route.prefix > best->route.prefix)
			best = entry;
	}
	return best;
}

static unsigned mask_bits(const struct netif *netif)
{
	return prefix_of_mask(netif_ip4_netmask(netif)->addr);
}

static bool is_own4(const ip4_addr_t *address)
{
	struct netif *netif;

	if (ip4_addr_isloopback(address))
		return true;
	NETIF_FOREACH(netif)
	{
		if (netif_is_up(netif) &&
		    (ip4_addr_eq(address, netif_ip4_addr(netif)) || alias_is_of(netif, address)))
			return true;
	}
	return false;
}

static bool has_address4(const struct netif *netif)
{
	return usable(netif) && !ip4_addr_isany_val(*netif_ip4_addr(netif)) &&
	       netif != &loopback->netif;
}

/* The first interface that has something to do with an address; NULL: none. */
static struct netif *first_netif(bool (*fits)(const struct netif *netif, const ip4_addr_t *address),
				 const ip4_addr_t *address)
{
	struct netif *netif, *best = NULL;

	NETIF_FOREACH(netif)
	{
		/* The list has the newest first. */
		if (has_address4(netif) && fits(netif, address))
			best = netif;
	}
	return best;
}

static bool has_as_own(const struct netif *netif, const ip4_addr_t *address)
{
	return ip4_addr_eq(address, netif_ip4_addr(netif)) || alias_is_of(netif, address);
}

static bool has_gateway(const struct netif *netif, const ip4_addr_t *address)
{
	(void)address;
	return !ip4_addr_isany_val(*netif_ip4_gw(netif));
}

static bool is_any(const struct netif *netif, const ip4_addr_t *address)
{
	(void)netif;
	(void)address;
	return true;
}

static struct netif *route_group4(const ip4_addr_t *src)
{
	struct netif *netif = src ? first_netif(has_as_own, src) : NULL;

	if (!netif)
		netif = first_netif(has_gateway, src);
	return netif ? netif : first_netif(is_any, src);
}

/* The longest prefix of a subnet of the interface's that an address is on; -1: it is on none. */
static int subnet_bits(const struct netif *netif, const ip4_addr_t *dest)
{
	const struct alias *alias = alias_on_subnet(netif, dest);
	int bits = -1;

	if (ip4_addr_net_eq(dest, netif_ip4_addr(netif), netif_ip4_netmask(netif)))
		bits = (int)mask_bits(netif);
	return alias ? max(bits, (int)prefix_of_mask(alias->mask.addr)) : bits;
}

/* `*bits` gets the prefix. */
static struct netif *longest_subnet(const ip4_addr_t *dest, int *bits)
{
	struct netif *netif, *best = NULL;

	*bits = 0;
	NETIF_FOREACH(netif)
	{
		int its = has_address4(netif) ? subnet_bits(netif, dest) : -1;

		if (its < *bits)
			continue;
		*bits = its;
		best = netif;
	}
	return best;
}

/** lwIP's; `src` NULL: not known. NULL: no route. */
struct netif *route_ip4(const ip4_addr_t *src, const ip4_addr_t *dest)
{
	struct netif *subnet;
	struct entry *entry;
	int bits;

	if (is_own4(dest))
		return loopback ? &loopback->netif : NULL;
	entry = find((const uint8_t *)&dest->addr, AF_INET, NULL);
	if (!entry && (ip4_addr_ismulticast(dest) || dest->addr == IPADDR_BROADCAST))
		return route_group4(src);
	subnet = longest_subnet(dest, &bits);
	/* They are on the link, whatever its subnet is, and no gateway forwards to them (RFC 3927, 2.6.2): Firecracker's metadata
	 * service is at one. */
	if (!entry && !subnet && ip4_addr_islinklocal(dest))
		return route_group4(src);
	if (entry && (!subnet || entry->route.prefix > bits))
		return &interface_by_index(entry->route.interface)->netif;
	return subnet ? subnet : first_netif(has_gateway, dest);
}

/** lwIP's: who forwards to `dest`; NULL: the interface's gateway. */
const ip4_addr_t *route_gateway4(struct netif *netif, const ip4_addr_t *dest)
{
	struct entry *entry = find((const uint8_t *)&dest->addr, AF_INET, netif);
	const struct alias *alias = alias_on_subnet(netif, dest);

	if (alias && (!entry || prefix_of_mask(alias->mask.addr) >= entry->route.prefix))
		return dest;

	if (!entry)
		return NULL;
	return entry->route.gateway.family == AF_UNSPEC ? dest : ip_2_ip4(&entry->gateway);
}

static bool is_own6(const ip6_addr_t *address)
{
	struct netif *netif;

	if (ip6_addr_isloopback(address))
		return true;
	NETIF_FOREACH(netif)
	{
		if (netif_is_up(netif) && netif_get_ip6_addr_match(netif, address) >= 0)
			return true;
	}
	return false;
}

/** lwIP's, before it looks for itself; NULL: it shall. */
struct netif *route_ip6(const ip6_addr_t *src, const ip6_addr_t *dest)
{
	struct entry *entry;

	(void)src;
	if (is_own6(dest))
		return loopback ? &loopback->netif : NULL;
	entry = find((const uint8_t *)dest->addr, AF_INET6, NULL);
	return entry ? &interface_by_index(entry->route.interface)->netif : NULL;
}

const ip6_addr_t *route_gateway6(struct netif *netif, const ip6_addr_t *dest)
{
	struct entry *entry = find((const uint8_t *)dest->addr, AF_INET6, netif);

	if (!entry)
		return NULL;
	return entry->route.gateway.family == AF_UNSPEC ? dest : ip_2_ip6(&entry->gateway);
}

/* The table */

static bool same(const struct route *a, const struct route *b)
{
	return a->destination.family == b->destination.family && a->prefix == b->prefix &&
	       !memcmp(a->destination.bytes, b->destination.bytes, sizeof a->destination.bytes) &&
	       (!a->interface || !b->interface || a->interface == b->interface);
}

/* The interface on whose subnet the gateway is. */
static uint32_t interface_of_gateway(const struct route *route)
{
	ip_addr_t gateway = to_lwip(&route->gateway, 0);
	struct netif *netif;
	int bits;

	if (route->gateway.family == AF_INET)
		netif = longest_subnet(ip_2_ip4(&gateway), &bits);
	else
		netif = ip6_route(IP6_ADDR_ANY6, ip_2_ip6(&gateway));
	return netif && netif != &loopback->netif ? interface_index_of(netif) : 0;
}

int route_add(const struct route *route)
{
	unsigned bits = route->destination.family == AF_INET ? 32 : 128;
	struct entry *entry;

	if ((route->destination.family != AF_INET && route->destination.family != AF_INET6) ||
	    route->prefix > bits ||
	    (route->gateway.family != AF_UNSPEC &&
	     route->gateway.family != route->destination.family))
		return -EINVAL;
	list_for_each(node, &table) {
		if (same(&list_entry(node, struct entry, link)->route, route))
			return -EEXIST;
	}
	entry = mem_zalloc(sizeof *entry);
	if (!entry)
		return -ENOMEM;
	entry->route = *route;
	if (!route->interface)
		entry->route.interface = interface_of_gateway(route);
	if (!interface_by_index(entry->route.interface)) {
		mem_free(entry);
		return route->interface ? -ENODEV : -ENETUNREACH;
	}
	if (route->gateway.family != AF_UNSPEC)
		entry->gateway = to_lwip(&route->gateway, entry->route.interface);
	list_insert_before(&table, &entry->link);
	nd6_clear_destination_cache();
	return 0;
}

static bool clear_gateway(const struct route *route)
{
	struct netif *netif;

	if (route->prefix || route->destination.family != AF_INET)
		return false;
	NETIF_FOREACH(netif)
	{
		if (has_gateway(netif, NULL) &&
		    (!route->interface || route->interface == interface_index_of(netif))) {
			netif_set_gw(netif, IP4_ADDR_ANY4);
			return true;
		}
	}
	return false;
}

int route_remove(const struct route *route)
{
	list_for_each(node, &table) {
		struct entry *entry = list_entry(node, struct entry, link);

		if (!same(&entry->route, route))
			continue;
		list_remove(&entry->link);
		mem_free(entry);
		nd6_clear_destination_cache();
		return 0;
	}
	return clear_gateway(route) ? 0 : -ESRCH;
}

void route_interface_gone(uint32_t index)
{
	list_for_each(node, &table) {
		struct entry *entry = list_entry(node, struct entry, link);

		if (entry->route.interface != index)
			continue;
		list_remove(&entry->link);
		mem_free(entry);
	}
}

/* Listing: the table, then what follows from the interfaces. */

/* Of the interface's `nth` address. */
static bool subnet_route(struct netif *netif, unsigned nth, struct route *out)
{
	const struct alias *alias = nth ? alias_nth(netif, nth - 1) : NULL;
	const ip4_addr_t *address = alias ? &alias->address : netif_ip4_addr(netif);
	const ip4_addr_t *mask = alias ? &alias->mask : netif_ip4_netmask(netif);
	ip_addr_t subnet = { 0 };

	if (!has_address4(netif) || (nth && !alias))
		return false;
	IP_SET_TYPE_VAL(subnet, IPADDR_TYPE_V4);
	ip_2_ip4(&subnet)->addr = address->addr & mask->addr;
	*out = (struct route){ .destination = from_lwip(&subnet),
			       .prefix = prefix_of_mask(mask->addr),
			       .interface = interface_index_of(netif) };
	return true;
}

static bool gateway_route(struct netif *netif, struct route *out)
{
	if (!has_address4(netif) || !has_gateway(netif, NULL))
		return false;
	*out = (struct route){ .destination.family = AF_INET,
			       .gateway = from_lwip(netif_ip_gw4(netif)),
			       .interface = interface_index_of(netif) };
	return true;
}

int route_info(unsigned nth, struct route *out)
{
	struct netif *netif;

	list_for_each(node, &table) {
		if (!nth--) {
			*out = list_entry(node, struct entry, link)->route;
			return 0;
		}
	}
	NETIF_FOREACH(netif)
	{
		if (gateway_route(netif, out) && !nth--)
			return 0;
		for (unsigned i = 0; subnet_route(netif, i, out); i++) {
			if (!nth--)
				return 0;
		}
	}
	return -ENOENT;
}
