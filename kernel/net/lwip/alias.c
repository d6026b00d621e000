/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Further IPv4 addresses of interfaces: lwIP has one each. Patches ask here whether a packet or a question of ARP is for one of them, and
 * which of an interface's addresses a neighbour is asked from.
 */
#include "internal.h"

#include <base/errno.h>
#include <mm/alloc.h>

#include <hooks.h>

enum { ALIASES_MAX = 1024 };

/* [net_mutex] In the order of their making. */
static struct {
	struct list_node list; /* struct alias.link */
	unsigned count;
} aliases = { .list = { &aliases.list, &aliases.list } };

static struct alias *alias_at(struct list_node *node)
{
	return list_entry(node, struct alias, link);
}

static struct alias *find(const struct netif *netif, const ip4_addr_t *address)
{
	list_for_each(node, &aliases.list) {
		struct alias *alias = alias_at(node);

		if (alias->netif == netif && ip4_addr_eq(&alias->address, address))
			return alias;
	}
	return NULL;
}

/** lwIP's: whether an address is one of the interface's further ones. */
bool alias_is_of(const struct netif *netif, const ip4_addr_t *address)
{
	return unlikely(aliases.count) && find(netif, address);
}

const struct alias *alias_on_subnet(const struct netif *netif, const ip4_addr_t *address)
{
	const struct alias *best = NULL;

	if (likely(!aliases.count))
		return NULL;
	list_for_each(node, &aliases.list) {
		const struct alias *alias = alias_at(node);

		if (alias->netif == netif &&
		    ip4_addr_net_eq(&alias->address, address, &alias->mask) &&
		    (!best || prefix_of_mask(alias->mask.addr) > prefix_of_mask(best->mask.addr)))
			best = alias;
	}
	return best;
}

/** lwIP's: the interface's address that is on the neighbour's subnet. */
const ip4_addr_t *alias_source(const struct netif *netif, const ip4_addr_t *neighbour)
{
	const struct alias *alias = alias_on_subnet(netif, neighbour);

	if (!alias || ip4_addr_net_eq(neighbour, netif_ip4_addr(netif), netif_ip4_netmask(netif)))
		return netif_ip4_addr(netif);
	return &alias->address;
}

const struct alias *alias_nth(const struct netif *netif, unsigned nth)
{
	list_for_each(node, &aliases.list) {
		if (alias_at(node)->netif == netif && !nth--)
			return alias_at(node);
	}
	return NULL;
}

int alias_add(struct netif *netif, const ip4_addr_t *address, const ip4_addr_t *mask)
{
	struct alias *alias;

	if (find(netif, address))
		return -EEXIST;
	if (aliases.count == ALIASES_MAX)
		return -ENOSPC;
	alias = mem_alloc(sizeof *alias);
	if (!alias)
		return -ENOMEM;
	*alias = (struct alias){ .netif = netif, .address = *address, .mask = *mask };
	list_insert_before(&aliases.list, &alias->link);
	aliases.count++;
	return 0;
}

static void drop(struct alias *alias)
{
	list_remove(&alias->link);
	aliases.count--;
	mem_free(alias);
}

int alias_remove(const struct netif *netif, const ip4_addr_t *address)
{
	struct alias *alias = find(netif, address);

	if (!alias)
		return -EADDRNOTAVAIL;
	drop(alias);
	return 0;
}

void alias_interface_gone(const struct netif *netif)
{
	const struct alias *alias;

	while ((alias = alias_nth(netif, 0)) != NULL)
		drop((struct alias *)(uintptr_t)alias);
}
