/* SPDX-License-Identifier: BSD-3-Clause */
/* See sim_net.h. */
#include "sim_net.h"

#include "internal.h"

#include <base/errno.h>
#include <core/thread.h>
#include <core/time.h>

#include <stdlib.h>
#include <string.h>

#include "../../port/host/host.h"
#include "../../port/host/io.h"

#include <lwip/ip.h>

enum { LINK_MTU = 1500, FLYING_MAX = 65536 };

struct sim_net sim_net;

static char boot_stack[4096];

/* On its way: a packet and when it arrives. */
static struct {
	struct {
		struct netbuf *packet;
		struct netdev *dev; /* NULL: loopback's */
		uint64_t due_ns, order;
	} flying[FLYING_MAX];
	unsigned count;
	uint64_t order, random;
} air;

static unsigned chance(void)
{
	air.random = air.random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(air.random >> 33) % 1000;
}

static void fly(struct netbuf *packet, struct netdev *dev)
{
	uint64_t delay = sim_net.delay_ms * NS_PER_MS;

	if (chance() < sim_net.reordering)
		delay += 2 * NS_PER_MS;
	assert(air.count < FLYING_MAX);
	air.flying[air.count].packet = packet;
	air.flying[air.count].dev = dev;
	air.flying[air.count].order = air.order++;
	air.flying[air.count++].due_ns = time_now() + delay;
}

/* Through the air, or not. */
static void send_packet(struct netbuf *packet, struct netdev *dev)
{
	sim_net.sent++;
	if (chance() < sim_net.loss) {
		sim_net.lost++;
		netbuf_put(packet);
		return;
	}
	if (chance() < sim_net.duplication)
		fly(netbuf_copy(packet, 0), dev);
	fly(packet, dev);
}

static err_t send(struct pbuf *p)
{
	struct netbuf *packet = netbuf_alloc(0, p->tot_len);

	pbuf_copy_partial(p, packet->data, p->tot_len, 0);
	packet->bytes = packet->packet_bytes = p->tot_len;
	send_packet(packet, NULL);
	return ERR_OK;
}

static err_t send4(struct netif *netif, struct pbuf *p, const ip4_addr_t *address)
{
	(void)netif;
	(void)address;
	return send(p);
}

static err_t send6(struct netif *netif, struct pbuf *p, const ip6_addr_t *address)
{
	(void)netif;
	(void)address;
	return send(p);
}

static int next_arrival(void)
{
	int best = -1;

	for (unsigned i = 0; i < air.count; i++) {
		if (air.flying[i].due_ns > time_now())
			continue;
		if (best < 0 || air.flying[i].due_ns < air.flying[best].due_ns ||
		    (air.flying[i].due_ns == air.flying[best].due_ns &&
		     air.flying[i].order < air.flying[best].order))
			best = (int)i;
	}
	return best;
}

static void give_to_loopback(struct netbuf *packet)
{
	struct pbuf *p = packet_received(packet);

	stack_tick();
	p->if_idx = netif_get_index(&loopback->netif);
	ip_input(p, &loopback->netif);
}

static bool arrive(void)
{
	bool any = false;
	int i;

	while ((i = next_arrival()) >= 0) {
		struct netbuf *packet = air.flying[i].packet;
		struct netdev *dev = air.flying[i].dev;

		air.flying[i] = air.flying[--air.count];
		mutex_lock(&net_mutex);
		if (dev)
			netdev_receive(dev, packet);
		else
			give_to_loopback(packet);
		mutex_unlock(&net_mutex);
		any = true;
	}
	if (any) {
		mutex_lock(&net_mutex);
		stack_upper.polled();
		mutex_unlock(&net_mutex);
	}
	return any;
}

void sim_net_settle(void)
{
	for (bool more = true; more;) {
		more = netdev_poll_now();
		more = arrive() || more;
	}
}

void sim_net_run(unsigned ms)
{
	for (; ms; ms--) {
		host_advance_time(NS_PER_MS);
		if (host_timer_deadline() <= time_now())
			host_timer_fire();
		sim_net_settle();
	}
}

void sim_net_start(void)
{
	static bool started;

	if (!started)
		threads_start(boot_stack, sizeof boot_stack);
	started = true;
	stack_start();
	memset(&sim_net, 0, sizeof sim_net);
	air.random = 1;
	mutex_lock(&net_mutex);
	assert(!stack_use());
	mutex_unlock(&net_mutex);
}

void sim_net_use_link(void)
{
	loopback->netif.output = send4;
	loopback->netif.output_ip6 = send6;
	loopback->netif.mtu = LINK_MTU;
	loopback->netif.chksum_flags = NETIF_CHECKSUM_ENABLE_ALL;
}

/* The device */

enum { ETHERNET = 14, IP = 20, IP_LENGTH_AT = 16, TCP_CHECKSUM_AT = 16, GSO_MAX = 65536 };

struct netdev sim_device;

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 1 }, mirror_mac[6] = { 2, 0, 0, 0, 0, 2 };
static const uint8_t our_ip[4] = { 10, 0, 0, 1 }, mirror_ip[4] = { 10, 0, 0, 2 };

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, 4);
	return lwip_ntohl(value);
}

static void put32(uint8_t *at, uint32_t value)
{
	value = lwip_htonl(value);
	memcpy(at, &value, 4);
}

static struct netbuf *frame_of(const uint8_t *header, size_t header_bytes, const uint8_t *payload,
			       size_t bytes)
{
	struct netbuf *frame = netbuf_alloc(0, header_bytes + bytes);

	memcpy(frame->data, header, header_bytes);
	if (bytes)
		memcpy(frame->data + header_bytes, payload, bytes);
	frame->bytes = frame->packet_bytes = (uint32_t)(header_bytes + bytes);
	return frame;
}

static void answer_arp(const uint8_t *request)
{
	uint8_t reply[42];

	memcpy(reply, our_mac, 6);
	memcpy(reply + 6, mirror_mac, 6);
	memcpy(reply + 12, request + 12, 8);
	put16(reply + 20, 2);
	memcpy(reply + 22, mirror_mac, 6);
	memcpy(reply + 28, mirror_ip, 4);
	memcpy(reply + 32, request + 22, 10);
	if (!memcmp(request + 38, mirror_ip, 4))
		fly(frame_of(reply, sizeof reply, NULL, 0), &sim_device);
}

/* The other way round: sums stay what they are. */
static void mirror(struct netbuf *frame)
{
	memcpy(frame->data, our_mac, 6);
	memcpy(frame->data + 6, mirror_mac, 6);
	memcpy(frame->data + 26, mirror_ip, 4);
	memcpy(frame->data + 30, our_ip, 4);
	send_packet(frame, &sim_device);
}

static void fill_sum(uint8_t *frame, size_t bytes, unsigned start, unsigned at)
{
	uint16_t sum = (uint16_t)~checksum_of(frame + start, (int)(bytes - start));

	memcpy(frame + start + at, &sum, sizeof sum);
}

/* As the device does it: virtio 1.2, 5.1.6.2; RFC 9293 for what is in which segment. */
static void cut(uint8_t *frame, const struct netbuf *packet, size_t bytes)
{
	unsigned header = packet->header_bytes, tcp = packet->csum_start;
	uint32_t sequence = get32(frame + tcp + 4);
	uint8_t flags = frame[tcp + 13];

	assert(packet->flags & NETBUF_CSUM_PARTIAL && packet->gso_type == NETBUF_GSO_TCP4);
	sim_net.large++;
	for (size_t at = header; at < bytes; at += packet->gso_bytes) {
		size_t count = min(bytes - at, (size_t)packet->gso_bytes);
		struct netbuf *segment = frame_of(frame, header, frame + at, count);
		uint8_t *ip = segment->data + ETHERNET;
		bool last = at + count == bytes;
		uint32_t sum;
		uint16_t folded;

		put16(ip + 2, (unsigned)(segment->bytes - ETHERNET));
		put16(ip + 10, 0);
		fill_sum(segment->data, ETHERNET + IP, ETHERNET, 10);
		put32(segment->data + tcp + 4, sequence + (uint32_t)(at - header));
		segment->data[tcp + 13] = last ? flags : (uint8_t)(flags & ~9u);
		sum = checksum_of(ip + 12, 8) + lwip_htons(6u) +
		      (uint32_t)lwip_htons((uint16_t)(segment->bytes - tcp));
		sum = (sum & 0xffff) + (sum >> 16);
		folded = (uint16_t)(sum + (sum >> 16));
		memcpy(segment->data + tcp + TCP_CHECKSUM_AT, &folded, 2);
		fill_sum(segment->data, segment->bytes, tcp, TCP_CHECKSUM_AT);
		mirror(segment);
	}
}

static int device_transmit(struct netdev *dev, struct netbuf *packet)
{
	static uint8_t frame[GSO_MAX];
	size_t bytes = packet->packet_bytes;

	(void)dev;
	assert(bytes <= sizeof frame && netbuf_copy_out(packet, 0, frame, bytes));
	assert(packet->gso_type || bytes <= ETHERNET + LINK_MTU);
	if (frame[12] == 8 && frame[13] == 6) {
		answer_arp(frame);
	} else if (frame[12] == 8 && frame[13] == 0 && !memcmp(frame + 30, mirror_ip, 4)) {
		if (packet->gso_type) {
			cut(frame, packet, bytes);
		} else {
			if (packet->flags & NETBUF_CSUM_PARTIAL)
				fill_sum(frame, bytes, packet->csum_start, packet->csum_offset);
			mirror(frame_of(frame, bytes, NULL, 0));
		}
	}
	netbuf_put_chain(packet);
	return 0;
}

static void device_flush(struct netdev *dev)
{
	(void)dev;
}

static unsigned device_poll(struct netdev *dev, unsigned budget)
{
	(void)dev;
	(void)budget;
	return 0;
}

static bool device_rearm(struct netdev *dev)
{
	(void)dev;
	return true;
}

static const struct netdev_ops device_ops = {
	.transmit = device_transmit,
	.flush = device_flush,
	.poll = device_poll,
	.rearm = device_rearm,
};

void sim_net_use_device(uint32_t features)
{
	struct interface_address address = { .ip.family = AF_INET, .prefix = 24 };

	if (sim_device.ops)
		netdev_unregister(&sim_device);
	sim_device = (struct netdev){ .ops = &device_ops,
				      .mtu = LINK_MTU,
				      .features = features,
				      .gso_bytes_max = GSO_MAX,
				      .link = true };
	memcpy(sim_device.mac, our_mac, sizeof our_mac);
	assert(!netdev_register(&sim_device));
	memcpy(address.ip.bytes, our_ip, sizeof our_ip);
	mutex_lock(&net_mutex);
	assert(!interface_add_address(interface_index("eth0"), &address));
	mutex_unlock(&net_mutex);
}

static void ready(struct stack_owner *owner, unsigned events)
{
	struct sim_owner *sim = container_of(owner, struct sim_owner, owner);

	sim->calls++;
	sim->events |= events;
}

void sim_owner_init(struct sim_owner *owner)
{
	*owner = (struct sim_owner){ .owner.ready = ready };
}

struct net_address sim_local(unsigned family, uint16_t port)
{
	struct net_address address = { .ip.family = (uint16_t)family, .port = port };

	if (!family) {
		address.ip.family = AF_INET;
		memcpy(address.ip.bytes, mirror_ip, sizeof mirror_ip);
	} else if (family == AF_INET)
		memcpy(address.ip.bytes, (uint8_t[]){ 127, 0, 0, 1 }, 4);
	else
		address.ip.bytes[15] = 1;
	return address;
}

struct netbuf *sim_data(const void *data, size_t bytes)
{
	struct netbuf *buf = netbuf_alloc(NETBUF_HEADROOM, bytes);

	memcpy(buf->data, data, bytes);
	buf->bytes = buf->packet_bytes = (uint32_t)bytes;
	return buf;
}

static void set_buffers(struct stack_endpoint *ep) REQUIRES(net_mutex)
{
	if (!sim_net.buffer_bytes)
		return;
	assert(!stack_set(ep, STACK_SEND_BUFFER, sim_net.buffer_bytes));
	assert(!stack_set(ep, STACK_RECEIVE_BUFFER, sim_net.buffer_bytes));
}

void sim_pair_connect(struct sim_pair *pair, unsigned family, uint16_t port)
{
	struct net_address address = sim_local(family, port), any = { .port = port };

	any.ip.family = address.ip.family;
	family = address.ip.family;
	memset(pair, 0, sizeof *pair);
	sim_owner_init(&pair->listener_owner);
	sim_owner_init(&pair->client_owner);
	sim_owner_init(&pair->server_owner);
	mutex_lock(&net_mutex);
	assert(!stack_open(family, STACK_TCP, 0, &pair->listener_owner.owner, &pair->listener));
	set_buffers(pair->listener);
	assert(!stack_bind(pair->listener, &any));
	assert(!stack_listen(pair->listener, 16));
	assert(!stack_open(family, STACK_TCP, 0, &pair->client_owner.owner, &pair->client));
	set_buffers(pair->client);
	assert(stack_connect(pair->client, &address) == -EINPROGRESS);
	mutex_unlock(&net_mutex);
	for (int i = 0; i < 20000 && !pair->server; i++) {
		sim_net_run(1);
		mutex_lock(&net_mutex);
		if (stack_accept(pair->listener, &pair->server_owner.owner, &pair->server))
			pair->server = NULL;
		mutex_unlock(&net_mutex);
	}
	assert(pair->server);
}

void sim_pair_close(struct sim_pair *pair)
{
	mutex_lock(&net_mutex);
	stack_close(pair->client, false);
	stack_close(pair->server, false);
	stack_close(pair->listener, false);
	mutex_unlock(&net_mutex);
}
