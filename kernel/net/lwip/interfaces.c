/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network devices as lwIP's interfaces: Ethernet frames in and out, checksums and segmentation as the device does them, and what is done
 * once for a round of polling or a call.
 */
#include "internal.h"

#include <base/errno.h>
#include <base/format.h>
#include <base/log.h>
#include <base/string.h>
#include <mm/alloc.h>

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/ethip6.h>
#include <lwip/igmp.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/prot/ip4.h>
#include <lwip/prot/ip6.h>

enum {
	ETHERNET_BYTES = 14,
	FRAME_MAX = UINT16_MAX, /* lwIP's lengths have 16 bits */
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	ARP_BYTES = 28,
	TCP_CHECKSUM_AT = 16,
	UDP_CHECKSUM_AT = 6,
	UNPRESSED_BYTES = 128, /* packets up to here are taken even when memory is short */
	OFFLOADED = NETIF_CHECKSUM_GEN_TCP | NETIF_CHECKSUM_GEN_UDP,
	CHECKED = NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP,
};

/* [net_mutex] One network in the machine. */
static struct {
	bool in_round;  /* packets come in: the clock was read */
	bool unflushed; /* some interface is */
} round;

/* Out */

static uint16_t be16_at(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)(sum + (sum >> 16));
}

/* The sum of the pseudo header, as it stands in memory. */
static uint16_t pseudo_sum(const uint8_t *addresses, int address_bytes, uint8_t protocol,
			   uint32_t length)
{
	uint32_t sum = checksum_of(addresses, address_bytes);

	sum += lwip_htons((uint16_t)protocol);
	sum += lwip_htons((uint16_t)length);
	return fold(sum);
}

/* Where the transport header of an unfragmented TCP or UDP packet is; 0: it is none. */
static unsigned transport_at(const struct netbuf *frame, uint8_t *protocol)
{
	const uint8_t *ip = frame->data + ETHERNET_BYTES;
	uint16_t type = be16_at(frame->data + 12);

	if (type == ETHTYPE_IP && frame->bytes >= ETHERNET_BYTES + IP4_BYTES) {
		if (be16_at(ip + 6) & (IP_OFFMASK | IP_MF))
			return 0;
		*protocol = ip[9];
		return ETHERNET_BYTES + (ip[0] & 15u) * 4;
	}
	if (type == ETHTYPE_IPV6 && frame->bytes >= ETHERNET_BYTES + IP6_BYTES) {
		*protocol = ip[6];
		return ETHERNET_BYTES + IP6_BYTES;
	}
	return 0;
}

/* Leaves the checksum to the device, and cutting into segments. */
static void offload(struct netbuf *frame)
{
	uint8_t protocol = 0;
	unsigned at = transport_at(frame, &protocol);
	bool tcp = protocol == IP_PROTO_TCP, ip6 = be16_at(frame->data + 12) == ETHTYPE_IPV6;
	unsigned field = tcp ? TCP_CHECKSUM_AT : UDP_CHECKSUM_AT;
	const uint8_t *ip = frame->data + ETHERNET_BYTES;
	uint16_t sum;

	if (!at || (!tcp && protocol != IP_PROTO_UDP))
		return;
	if (frame->bytes < at + field + 2)
		return;
	sum = pseudo_sum(ip6 ? ip + 8 : ip + 12, ip6 ? 32 : 8, protocol, frame->packet_bytes - at);
	memcpy(frame->data + at + field, &sum, sizeof sum);
	frame->flags |= NETBUF_CSUM_PARTIAL;
	frame->csum_start = (uint16_t)at;
	frame->csum_offset = (uint16_t)field;
	if (!frame->gso_bytes)
		return;
	frame->gso_type = ip6 ? NETBUF_GSO_TCP6 : NETBUF_GSO_TCP4;
	frame->header_bytes = (uint16_t)(at + (frame->data[at + 12] >> 4) * 4u);
}

/* Whether a frame is of a protocol that the periodic timers have nothing to do with. */
static bool is_transport(const uint8_t *frame)
{
	uint16_t type = be16_at(frame + 12);
	uint8_t protocol = frame[ETHERNET_BYTES + (type == ETHTYPE_IP ? 9 : 6)];

	return (type == ETHTYPE_IP || type == ETHTYPE_IPV6) &&
	       (protocol == IP_PROTO_TCP || protocol == IP_PROTO_UDP);
}

/* lwIP's: a frame, from its Ethernet header on. */
static err_t transmit(struct netif *netif, struct pbuf *p) NO_THREAD_SAFETY_ANALYSIS
{
	struct interface *interface = interface_of(netif);
	struct netbuf *frame = packet_for_device(p);

	if (!frame)
		return ERR_MEM;
	if (interface->dev->features & NETDEV_CSUM)
		offload(frame);
	if (!is_transport(p->payload))
		stack_timers_look();
	if (be16_at((const uint8_t *)p->payload + 12) == ETHTYPE_ARP)
		stack_timer_want(STACK_TIMER_ARP, 10);
	interface->unflushed = round.unflushed = true;
	return netdev_transmit(interface->dev, frame) ? ERR_IF : ERR_OK;
}

uint32_t interface_segment_max(const struct netif *netif, bool ip6)
{
	const struct netdev *dev = interface_of(netif)->dev;
	uint32_t headers = ETHERNET_BYTES + (ip6 ? IP6_BYTES : IP4_BYTES) + 60;

	if (!dev || !(dev->features & (ip6 ? NETDEV_TSO6 : NETDEV_TSO4)) ||
	    dev->gso_bytes_max <= headers)
		return 0;
	return min(dev->gso_bytes_max, (uint32_t)FRAME_MAX) - headers;
}

/* In */

static uint16_t least_bytes(uint16_t type)
{
	switch (type) {
	case ETHTYPE_IP:
		return IP4_BYTES;
	case ETHTYPE_IPV6:
		return IP6_BYTES;
	case ETHTYPE_ARP:
		return ARP_BYTES;
	default:
		return 0;
	}
}

/* The headers in one fragment. */
static struct netbuf *headers_together(struct netbuf *packet)
{
	struct netbuf *copy = netbuf_copy(packet, 0);

	netbuf_put_chain(packet);
	return copy;
}

/* Whether lwIP has to look at the checksum of TCP or UDP. Of fragments no device knows. */
static bool must_check_sum(const struct netbuf *packet, uint16_t type)
{
	if (!(packet->flags & (NETBUF_CSUM_GOOD | NETBUF_CSUM_PARTIAL)))
		return true;
	if (type == ETHTYPE_IP)
		return be16_at(packet->data + 6) & (IP_OFFMASK | IP_MF);
	return packet->data[6] != IP_PROTO_TCP && packet->data[6] != IP_PROTO_UDP;
}

/* Notes what lwIP's timers are needed for. */
static void note_timers(const struct netbuf *packet, uint16_t type)
{
	uint8_t protocol = type == ETHTYPE_IP ? packet->data[9] : packet->data[6];

	if (likely(type != ETHTYPE_ARP && (protocol == IP_PROTO_TCP)))
		return;
	stack_timers_look();
	if (type == ETHTYPE_IP && be16_at(packet->data + 6) & (IP_OFFMASK | IP_MF))
		stack_timer_want(STACK_TIMER_REASSEMBLY4, 2 * IP_REASS_MAXAGE);
	if (type == ETHTYPE_IPV6 && protocol != IP_PROTO_UDP)
		stack_timer_want(STACK_TIMER_REASSEMBLY6, 2 * IPV6_REASS_MAXAGE);
}

static void give_to_protocol(struct netif *netif, struct pbuf *p, uint16_t type)
{
	switch (type) {
	case ETHTYPE_IP:
		ip4_input(p, netif);
		break;
	case ETHTYPE_IPV6:
		ip6_input(p, netif);
		break;
	default:
		etharp_input(p, netif);
	}
}

static void drop(struct interface *interface, struct netbuf *packet, bool error)
{
	if (error)
		interface->dev->stats.rx_errors++;
	else
		interface->dev->stats.rx_dropped++;
	netbuf_put_chain(packet);
}

/* Takes the Ethernet header off. */
static void strip(struct netbuf *packet)
{
	packet->data += ETHERNET_BYTES;
	packet->bytes -= ETHERNET_BYTES;
	packet->packet_bytes -= ETHERNET_BYTES;
}

/* What waits for its order goes first when memory is short. */
static bool short_of_memory(const struct netbuf *packet)
{
	if (likely(packets.received <= limits.received_max))
		return false;
	for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		if (pcb->ooseq)
			tcp_free_ooseq(pcb);
	}
	return packets.received > limits.received_max && packet->packet_bytes > UNPRESSED_BYTES;
}

void interface_input(struct interface *interface, struct netbuf *packet)
{
	struct netif *netif = &interface->netif;
	uint16_t type = be16_at(packet->data + 12), least = least_bytes(type);
	uint8_t flags = packet->data[0] & 1
				? (packet->data[0] == 0xff ? PBUF_FLAG_LLBCAST : PBUF_FLAG_LLMCAST)
				: 0;
	struct pbuf *p;

	if (!netif_is_up(netif) || !least) {
		drop(interface, packet, false);
		return;
	}
	strip(packet);
	if (packet->packet_bytes < least || short_of_memory(packet)) {
		drop(interface, packet, packet->packet_bytes < least);
		return;
	}
	if (unlikely(packet->bytes < least)) {
		packet = headers_together(packet);
		if (!packet) {
			interface->dev->stats.rx_dropped++;
			return;
		}
	}
	note_timers(packet, type);
	netif->chksum_flags = must_check_sum(packet, type)
				      ? (uint16_t)(interface->checks | CHECKED)
				      : (uint16_t)(interface->checks & ~CHECKED);
	p = packet_received(packet);
	p->flags |= flags;
	p->if_idx = (uint8_t)interface_index_of(netif);
	give_to_protocol(netif, p, type);
}

static void receive(struct netdev *dev, struct netbuf *packet)
{
	if (!round.in_round) {
		stack_tick();
		round.in_round = true;
	}
	if (likely(dev->upper))
		interface_input(dev->upper, packet);
	else
		netbuf_put_chain(packet);
}

/* Rounds */

static void flush_devices(void) NO_THREAD_SAFETY_ANALYSIS
{
	struct netif *netif;

	if (!round.unflushed)
		return;
	round.unflushed = false;
	NETIF_FOREACH(netif)
	{
		struct interface *interface = interface_of(netif);

		if (interface->unflushed)
			netdev_flush(interface->dev);
		interface->unflushed = false;
	}
}

void stack_reclaim(void) NO_THREAD_SAFETY_ANALYSIS
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		if (interface_of(netif)->dev) /* loopback has none */
			netdev_reclaim(interface_of(netif)->dev);
	}
}

void stack_flush(void)
{
	tcp_flush();
	flush_devices();
	stack_timers_update();
}

static void polled(void)
{
	stack_tick();
	tcp_flush();
	stack_timers_run();
	stack_flush();
	round.in_round = false;
}

/* Devices */

static err_t init_ethernet(struct netif *netif)
{
	const struct netdev *dev = interface_of(netif)->dev;

	netif->name[0] = 'e';
	netif->name[1] = 'n';
	netif->output = etharp_output;
	netif->output_ip6 = ethip6_output;
	netif->linkoutput = transmit;
	netif->mtu = dev->mtu;
	netif->hwaddr_len = sizeof dev->mac;
	memcpy(netif->hwaddr, dev->mac, sizeof dev->mac);
	netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
		       NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
	return ERR_OK;
}

struct interface *interface_create(const char *name, struct netdev *dev, netif_init_fn init)
{
	struct interface *interface = mem_zalloc(sizeof *interface);

	if (!interface)
		return NULL;
	interface->dev = dev;
	interface->checks = NETIF_CHECKSUM_ENABLE_ALL;
	if (dev && dev->features & NETDEV_CSUM)
		interface->checks = (uint16_t)(interface->checks & ~OFFLOADED);
	format(interface->name, sizeof interface->name, "%s", name);
	netif_add(&interface->netif, NULL, NULL, NULL, interface, init, ip_input);
	interface->netif.chksum_flags = interface->checks;
	return interface;
}

static void added(struct netdev *dev)
{
	struct interface *interface = NULL;

	mutex_lock(&net_mutex);
	if (!stack_use()) {
		stack_tick();
		interface = interface_create(dev->name, dev, init_ethernet);
	}
	if (!interface) {
		log_error("%s: no memory for the network", dev->name);
	} else {
		dev->upper = interface;
		netif_create_ip6_linklocal_address(&interface->netif, 1);
		(void)netdev_set_multicast(dev, true);
		if (dev->link)
			netif_set_link_up(&interface->netif);
		config_start(interface);
		stack_timers_look();
		stack_flush();
	}
	mutex_unlock(&net_mutex);
}

static void removed(struct netdev *dev)
{
	struct interface *interface = dev->upper;

	if (!interface)
		return;
	mutex_lock(&net_mutex);
	stack_tick();
	dev->upper = NULL;
	config_stop(interface);
	netif_remove(&interface->netif);
	stack_flush();
	mutex_unlock(&net_mutex);
	mem_free(interface);
}

static void link_changed(struct netdev *dev)
{
	struct interface *interface = dev->upper;

	if (!interface)
		return;
	stack_tick();
	interface->netif.mtu = dev->mtu;
	if (dev->link && !dev->failed)
		netif_set_link_up(&interface->netif);
	else
		netif_set_link_down(&interface->netif);
	stack_timers_look();
}

/* What the device refused is sent again by TCP's timers; nothing else is promised to arrive. */
static void transmit_ready(struct netdev *dev)
{
	(void)dev;
	tcp_resend();
}

const struct netdev_upper stack_upper = {
	.added = added,
	.removed = removed,
	.receive = receive,
	.transmit_ready = transmit_ready,
	.link_changed = link_changed,
	.polled = polled,
};
