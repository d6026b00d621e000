/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loopback interface: what is sent there is received in the next round of polling. Headers are copied, since the receiver changes
 * them; payload is shared with the sender, who keeps it until it is acknowledged. Everything to an address of this machine goes
 * this way (route.c). Its device is polled only, and also runs the stack's timers.
 */
#include "internal.h"

#include <base/errno.h>
#include <base/string.h>

#include <hooks.h>
#include <lwip/igmp.h>
#include <lwip/ip.h>
#include <lwip/mld6.h>

enum {
	HEADERS_MAX = 128, /* copied */
	WAITING_MAX = 4096,
	BUDGET = 64,
};

struct interface *loopback;

/* The index of the interface that a packet comes back by. */
static uint8_t *interface_of_queued(struct netbuf *packet)
{
	return packet->stack;
}

/* [net_mutex] */
static struct {
	struct netdev dev;
	struct netbuf *first, *last; /* packets, by next_packet */
	unsigned count;
} queue;

/* A packet of another interface's, which comes back by that. Nobody has made its sums. */
static void receive_own(struct interface *interface, struct netbuf *packet)
{
	struct netif *netif = &interface->netif;
	struct pbuf *p = packet_received(packet);

	p->if_idx = (uint8_t)interface_index_of(netif);
	netif->chksum_flags = interface->checks &
			      ~(NETIF_CHECKSUM_CHECK_UDP | NETIF_CHECKSUM_CHECK_TCP |
				NETIF_CHECKSUM_CHECK_ICMP6);
	ip_input(p, netif);
	netif->chksum_flags = interface->checks;
}

static bool poll_one(void)
{
	struct netbuf *packet = queue.first;
	struct interface *interface;

	if (!packet)
		return false;
	queue.first = packet->next_packet;
	queue.count--;
	packet->next_packet = NULL;
	interface = interface_by_index(*interface_of_queued(packet));
	if (!interface) { /* it is gone meanwhile */
		netbuf_put_chain(packet);
		return true;
	}
	if (interface == loopback) {
		loopback->stats.rx_packets++;
		loopback->stats.rx_bytes += packet->packet_bytes;
	}
	receive_own(interface, packet);
	return true;
}

static unsigned poll(struct netdev *dev, unsigned budget)
{
	unsigned done = 0;

	(void)dev;
	stack_tick();
	while (done < budget && poll_one())
		done++;
	return done;
}

static bool rearm(struct netdev *dev)
{
	(void)dev;
	return !queue.first;
}

static int transmit(struct netdev *dev, struct netbuf *packet)
{
	(void)dev;
	(void)packet;
	return -EIO; /* nobody calls it: the interface has its own */
}

static void flush(struct netdev *dev)
{
	(void)dev;
}

static const struct netdev_ops ops = {
	.transmit = transmit,
	.flush = flush,
	.poll = poll,
	.rearm = rearm,
};

void loopback_wake(void)
{
	netdev_schedule(&queue.dev);
}

void loopback_deliver(void)
{
	if (likely(!queue.first))
		return;
	(void)poll(&queue.dev, queue.count);
	stack_flush();
}

/* A copy of the headers, and references to the rest. */
static struct netbuf *copy_headers(struct pbuf *p)
{
	uint16_t bytes = min(p->len, (uint16_t)HEADERS_MAX);
	struct netbuf *first = netbuf_alloc(0, bytes);

	if (!first)
		return NULL;
	memcpy(first->data, p->payload, bytes);
	first->bytes = first->packet_bytes = bytes;
	return first;
}

static bool share_rest(struct netbuf *first, struct pbuf *p)
{
	uint16_t skip = (uint16_t)first->bytes;
	struct netbuf **link = &first->next;

	for (; p; p = p->next, skip = 0) {
		if (p->len == skip)
			continue;
		*link = packet_share(p, skip);
		if (!*link)
			return false;
		first->packet_bytes += (*link)->bytes;
		link = &(*link)->next;
	}
	return true;
}

static void enqueue(struct netbuf *packet, const struct netif *netif)
{
	*interface_of_queued(packet) = (uint8_t)interface_index_of(netif);
	if (queue.first)
		queue.last->next_packet = packet;
	else
		queue.first = packet;
	queue.last = packet;
	queue.count++;
	loopback_wake();
}

static err_t output(struct pbuf *p)
{
	struct netbuf *packet = queue.count < WAITING_MAX ? copy_headers(p) : NULL;

	if (!packet || !share_rest(packet, p)) {
		netbuf_put_chain(packet);
		loopback->stats.tx_dropped++;
		return ERR_MEM;
	}
	loopback->stats.tx_packets++;
	loopback->stats.tx_bytes += packet->packet_bytes;
	enqueue(packet, &loopback->netif);
	return ERR_OK;
}

static bool has_members(struct netif *netif, const struct pbuf *p)
{
	const struct ip_hdr *header = p->payload;
	ip6_addr_t group6;
	ip4_addr_t group4;

	if (IPH_V(header) == 4) {
		group4.addr = header->dest.addr;
		return igmp_lookfor_group(netif, &group4);
	}
	ip6_addr_copy_from_packed(group6, ((const struct ip6_hdr *)p->payload)->dest);
	ip6_addr_assign_zone(&group6, IP6_UNKNOWN, netif);
	return mld6_lookfor_group(netif, &group6);
}

/** lwIP's: a packet to a group, from its IP header on, that this machine's members of the group are to see too (ip(7), IP_MULTICAST_LOOP). */
void loopback_multicast(struct netif *netif, const struct pbuf *p)
{
	struct netbuf *packet;

	if (netif == &loopback->netif || queue.count >= WAITING_MAX || !has_members(netif, p))
		return;
	packet = netbuf_alloc(0, p->tot_len);
	if (!packet)
		return;
	packet->bytes = packet->packet_bytes = pbuf_copy_partial(p, packet->data, p->tot_len, 0);
	enqueue(packet, netif);
}

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *address)
{
	(void)netif;
	(void)address;
	return output(p);
}

static err_t output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *address)
{
	(void)netif;
	(void)address;
	return output(p);
}

static err_t init(struct netif *netif)
{
	netif->name[0] = 'l';
	netif->name[1] = 'o';
	netif->output = output4;
	netif->output_ip6 = output6;
	netif->mtu = UINT16_MAX;
	return ERR_OK;
}

static void set_addresses(struct netif *netif)
{
	ip4_addr_t address, mask;

	IP4_ADDR(&address, 127, 0, 0, 1);
	IP4_ADDR(&mask, 255, 0, 0, 0);
	netif_set_addr(netif, &address, &mask, IP4_ADDR_ANY4);
	IP_ADDR6_HOST(netif->ip6_addr, 0, 0, 0, 1);
	netif->ip6_addr_state[0] = IP6_ADDR_PREFERRED;
	netif->ip6_autoconfig_enabled = 0;
}

void loopback_start(void)
{
	queue.dev.ops = &ops;
	if (netdev_start_polling(&queue.dev))
		return;
	loopback = interface_create("lo", NULL, init);
	if (!loopback)
		return;
	loopback->checks = loopback->netif.chksum_flags = NETIF_CHECKSUM_CHECK_IP |
							  NETIF_CHECKSUM_GEN_IP;
	set_addresses(&loopback->netif);
	netif_set_link_up(&loopback->netif);
	netif_set_up(&loopback->netif);
}
