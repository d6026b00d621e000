/* SPDX-License-Identifier: BSD-3-Clause */
/* <net/interface.h>: what is told of interfaces, and changed. */
#include "internal.h"

#include <base/errno.h>
#include <base/string.h>

#include <lwip/dhcp.h>
#include <lwip/nd6.h>

enum { /* Linux's IFF_*, ARPHRD_*, RT_SCOPE_* */
       FLAG_UP = 1,
       FLAG_BROADCAST = 2,
       FLAG_LOOPBACK = 8,
       FLAG_RUNNING = 0x40,
       FLAG_MULTICAST = 0x1000,
       FLAG_LOWER_UP = 0x10000,
       TYPE_ETHER = 1,
       TYPE_LOOPBACK = 772,
       SCOPE_GLOBAL = 0,
       SCOPE_LINK = 253,
       SCOPE_HOST = 254,
       MTU_MIN = 68, /* RFC 791 */
       MTU_MAX = 65535,
};

struct interface *interface_by_index(uint32_t index)
{
	struct netif *netif = index && index < 256 ? netif_get_by_index((uint8_t)index) : NULL;

	return netif ? interface_of(netif) : NULL;
}

static struct interface *nth_interface(unsigned nth)
{
	for (uint32_t index = 1; index < 256; index++) {
		struct interface *interface = interface_by_index(index);

		if (interface && !nth--)
			return interface;
	}
	return NULL;
}

int interface_info(unsigned nth, struct interface_info *out)
{
	const struct interface *interface = nth_interface(nth);
	const struct netif *netif;

	if (!interface)
		return -ENOENT;
	netif = &interface->netif;
	*out = (struct interface_info){
		.index = interface_index_of(netif),
		.flags = (netif_is_up(netif) ? FLAG_UP : 0) |
			 (netif_is_up(netif) && netif_is_link_up(netif)
				  ? FLAG_RUNNING | FLAG_LOWER_UP
				  : 0) |
			 (interface->dev ? FLAG_BROADCAST | FLAG_MULTICAST : FLAG_LOOPBACK),
		.type = interface->dev ? TYPE_ETHER : TYPE_LOOPBACK,
		.mtu = interface->dev ? netif->mtu : MTU_MAX + 1,
		.stats = interface->dev ? interface->dev->stats : interface->stats,
	};
	memcpy(out->name, interface->name, sizeof out->name);
	memcpy(out->mac, netif->hwaddr, sizeof out->mac);
	return 0;
}

uint32_t interface_index(const char *name)
{
	struct interface *interface;

	for (unsigned i = 0; (interface = nth_interface(i)) != NULL; i++) {
		if (!strcmp(interface->name, name))
			return interface_index_of(&interface->netif);
	}
	return 0;
}

static uint8_t scope_of(const ip_addr_t *address)
{
	if (IP_IS_V4(address))
		return ip4_addr_isloopback(ip_2_ip4(address)) ? SCOPE_HOST : SCOPE_GLOBAL;
	if (ip6_addr_isloopback(ip_2_ip6(address)))
		return SCOPE_HOST;
	return ip6_addr_islinklocal(ip_2_ip6(address)) ? SCOPE_LINK : SCOPE_GLOBAL;
}

static void tell_address4(const ip4_addr_t *address, const ip4_addr_t *mask,
			  struct interface_address *out)
{
	ip_addr_t ip;

	ip_addr_copy_from_ip4(ip, *address);
	*out = (struct interface_address){
		.ip = from_lwip(&ip),
		.prefix = prefix_of_mask(mask->addr),
		.scope = scope_of(&ip),
	};
}

static void tell_address6(const struct netif *netif, int i, struct interface_address *out)
{
	*out = (struct interface_address){
		.ip = from_lwip(netif_ip_addr6(netif, i)),
		.prefix = ip6_addr_isloopback(netif_ip6_addr(netif, i)) ? 128 : 64,
		.scope = scope_of(netif_ip_addr6(netif, i)),
		.tentative = ip6_addr_istentative(netif_ip6_addr_state(netif, i)),
	};
}

int interface_address(uint32_t index, unsigned nth, struct interface_address *out)
{
	const struct interface *interface = interface_by_index(index);
	const struct alias *alias;
	const struct netif *netif;

	if (!interface)
		return -ENODEV;
	netif = &interface->netif;
	if (!ip4_addr_isany_val(*netif_ip4_addr(netif)) && !nth--) {
		tell_address4(netif_ip4_addr(netif), netif_ip4_netmask(netif), out);
		return 0;
	}
	for (unsigned i = 0; (alias = alias_nth(netif, i)) != NULL; i++) {
		if (!nth--) {
			tell_address4(&alias->address, &alias->mask, out);
			return 0;
		}
	}
	for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		if (!ip6_addr_isinvalid(netif_ip6_addr_state(netif, i)) && !nth--) {
			tell_address6(netif, i, out);
			return 0;
		}
	}
	return -ENOENT;
}

/* The first is lwIP's. */
static int add_address4(struct netif *netif, const struct interface_address *address)
{
	ip_addr_t ip = to_lwip(&address->ip, 0);
	ip4_addr_t mask = { .addr = 0 };

	if (address->prefix > 32)
		return -EINVAL;
	if (ip4_addr_eq(ip_2_ip4(&ip), netif_ip4_addr(netif)))
		return -EEXIST;
	if (address->prefix)
		mask.addr = lwip_htonl(UINT32_MAX << (32 - address->prefix));
	if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
		return alias_add(netif, ip_2_ip4(&ip), &mask);
	if (netif_dhcp_data(netif))
		dhcp_stop(netif);
	netif_set_addr(netif, ip_2_ip4(&ip), &mask, netif_ip4_gw(netif));
	return 0;
}

/* Another takes the place of the first, if there is one. */
static int remove_address4(struct netif *netif, const ip4_addr_t *ip)
{
	const struct alias *alias = alias_nth(netif, 0);
	ip4_addr_t address, mask;

	if (!ip4_addr_eq(ip, netif_ip4_addr(netif)))
		return alias_remove(netif, ip);
	if (netif_dhcp_data(netif))
		dhcp_stop(netif);
	if (!alias) {
		netif_set_addr(netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
		return 0;
	}
	address = alias->address;
	mask = alias->mask;
	netif_set_addr(netif, &address, &mask, netif_ip4_gw(netif));
	return alias_remove(netif, &address);
}

static int add_address6(struct netif *netif, const struct interface_address *address)
{
	ip_addr_t ip = to_lwip(&address->ip, interface_index_of(netif));
	s8_t place;

	if (address->prefix > 128)
		return -EINVAL;
	if (netif_get_ip6_addr_match(netif, ip_2_ip6(&ip)) >= 0)
		return -EEXIST;
	if (netif_add_ip6_address(netif, ip_2_ip6(&ip), &place) != ERR_OK)
		return -ENOSPC;
	if (netif == &loopback->netif)
		netif_ip6_addr_set_state(netif, place, IP6_ADDR_PREFERRED);
	return 0;
}

int interface_add_address(uint32_t index, const struct interface_address *address)
{
	struct interface *interface = interface_by_index(index);
	int error;

	if (!interface)
		return -ENODEV;
	stack_tick();
	if (address->ip.family == AF_INET)
		error = add_address4(&interface->netif, address);
	else if (address->ip.family == AF_INET6)
		error = add_address6(&interface->netif, address);
	else
		error = -EAFNOSUPPORT;
	stack_timers_look();
	stack_flush();
	return error;
}

int interface_remove_address(uint32_t index, const struct interface_address *address)
{
	struct interface *interface = interface_by_index(index);
	ip_addr_t ip;
	s8_t place;
	int error;

	if (!interface)
		return -ENODEV;
	ip = to_lwip(&address->ip, index);
	stack_tick();
	if (IP_IS_V6(&ip)) {
		place = netif_get_ip6_addr_match(&interface->netif, ip_2_ip6(&ip));
		if (place < 0)
			return -EADDRNOTAVAIL;
		netif_ip6_addr_set_state(&interface->netif, place, IP6_ADDR_INVALID);
		stack_flush();
		return 0;
	}
	error = remove_address4(&interface->netif, ip_2_ip4(&ip));
	stack_flush();
	return error;
}

int interface_set_up(uint32_t index, bool up)
{
	struct interface *interface = interface_by_index(index);

	if (!interface)
		return -ENODEV;
	stack_tick();
	if (up)
		netif_set_up(&interface->netif);
	else
		netif_set_down(&interface->netif);
	stack_timers_look();
	stack_flush();
	return 0;
}

int interface_set_mtu(uint32_t index, uint32_t mtu)
{
	struct interface *interface = interface_by_index(index);

	if (!interface)
		return -ENODEV;
	if (mtu < MTU_MIN || mtu > (interface->dev ? interface->dev->mtu : MTU_MAX))
		return -EINVAL;
	interface->netif.mtu = (uint16_t)mtu;
	return 0;
}
