/* SPDX-License-Identifier: BSD-3-Clause */
/* See sim_peer.h. */
#include "sim_peer.h"

#include "internal.h"

#include <string.h>

enum {
	ETHERNET = 14,
	IP = 20,
	TCP = 20,
	UDP = 8,
	FRAME_MAX = 1514,
	KEPT_MAX = 32768,
	GSO_MAX = 65536,
	PEER_PORT = 4000,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
};

static struct {
	struct netdev dev;
	struct sim_segment kept[KEPT_MAX];
	unsigned first, count;
	uint8_t answered[4]; /* the last address that the stack said it has */
} peer_side;

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 }, peer_mac[6] = { 2, 0, 0, 0, 0, 2 };
static const uint8_t ours[4] = { 10, 0, 0, 1 }, theirs[4] = { 10, 0, 0, 2 };

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

uint32_t sim_get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static void receive(const uint8_t *frame, size_t bytes)
{
	struct netbuf *buf = netbuf_alloc(0, bytes);

	memcpy(buf->data, frame, bytes);
	buf->bytes = buf->packet_bytes = (uint32_t)bytes;
	buf->flags |= NETBUF_CSUM_GOOD;
	netdev_receive(&peer_side.dev, buf);
}

static void answer_arp(const uint8_t *request)
{
	uint8_t reply[42];

	memcpy(reply, mac, 6);
	memcpy(reply + 6, peer_mac, 6);
	memcpy(reply + 12, request + 12, 8);
	put16(reply + 20, 2);
	memcpy(reply + 22, peer_mac, 6);
	memcpy(reply + 28, theirs, 4);
	memcpy(reply + 32, request + 22, 10);
	if (!memcmp(request + 38, theirs, 4))
		receive(reply, sizeof reply);
}

static void keep(const uint8_t *frame, size_t bytes)
{
	const uint8_t *tcp = frame + ETHERNET + IP;
	unsigned header = (tcp[12] >> 4) * 4u;
	struct sim_segment *segment;

	assert(peer_side.count < KEPT_MAX);
	segment = &peer_side.kept[(peer_side.first + peer_side.count++) % KEPT_MAX];
	*segment = (struct sim_segment){
		.from_port = get16(tcp),
		.to_port = get16(tcp + 2),
		.sequence = sim_get32(tcp + 4),
		.acknowledged = sim_get32(tcp + 8),
		.window = get16(tcp + 14),
		.flags = tcp[13],
		.option_bytes = (uint8_t)(header - TCP),
		.bytes = (uint16_t)(bytes - ETHERNET - IP - header),
	};
	memcpy(segment->options, tcp + TCP, header - TCP);
	memcpy(segment->payload, tcp + header, segment->bytes);
}

static int transmit(struct netdev *dev, struct netbuf *packet)
{
	uint8_t frame[FRAME_MAX];
	size_t bytes = packet->packet_bytes;

	(void)dev;
	assert(bytes <= sizeof frame && netbuf_copy_out(packet, 0, frame, bytes));
	if (get16(frame + 12) == 0x806 && get16(frame + 20) == 2)
		memcpy(peer_side.answered, frame + 28, 4);
	else if (get16(frame + 12) == 0x806)
		answer_arp(frame);
	else if (get16(frame + 12) == 0x800 && frame[ETHERNET + 9] == PROTOCOL_TCP)
		keep(frame, bytes);
	netbuf_put_chain(packet);
	return 0;
}

static void flush(struct netdev *dev)
{
	(void)dev;
}

static unsigned poll(struct netdev *dev, unsigned budget)
{
	(void)dev;
	(void)budget;
	return 0;
}

static bool rearm(struct netdev *dev)
{
	(void)dev;
	return true;
}

static const struct netdev_ops ops = {
	.transmit = transmit,
	.flush = flush,
	.poll = poll,
	.rearm = rearm,
};

void sim_peer_start(void)
{
	struct interface_address address = { .ip.family = AF_INET, .prefix = 24 };

	peer_side.first = peer_side.count = 0;
	if (peer_side.dev.ops)
		return;
	peer_side.dev = (struct netdev){
		.ops = &ops, .mtu = 1500, .features = NETDEV_CSUM, .link = true
	};
	memcpy(peer_side.dev.mac, mac, sizeof mac);
	assert(!netdev_register(&peer_side.dev));
	memcpy(address.ip.bytes, ours, sizeof ours);
	mutex_lock(&net_mutex);
	assert(!interface_add_address(interface_index("eth0"), &address));
	mutex_unlock(&net_mutex);
}

unsigned sim_peer_waiting(void)
{
	return peer_side.count;
}

bool sim_peer_take(struct sim_segment *out)
{
	if (!peer_side.count)
		return false;
	*out = peer_side.kept[peer_side.first];
	peer_side.first = (peer_side.first + 1) % KEPT_MAX;
	peer_side.count--;
	return true;
}

bool sim_peer_asks(const uint8_t address[4])
{
	uint8_t request[42] = { [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };

	memset(request, 0xff, 6);
	memcpy(request + 6, peer_mac, 6);
	memcpy(request + 22, peer_mac, 6);
	memcpy(request + 28, theirs, 4);
	memcpy(request + 38, address, 4);
	memset(peer_side.answered, 0, 4);
	mutex_lock(&net_mutex);
	receive(request, sizeof request);
	mutex_unlock(&net_mutex);
	sim_peer_round();
	return !memcmp(peer_side.answered, address, 4);
}

/* Returns where the payload of IP begins. */
static uint8_t *start_frame(uint8_t *frame, const uint8_t *to, uint8_t protocol,
			    size_t payload_bytes)
{
	uint8_t *ip = frame + ETHERNET;
	uint16_t sum;

	memset(frame, 0, ETHERNET + IP);
	memcpy(frame, mac, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, 0x800);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(IP + payload_bytes));
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, theirs, 4);
	memcpy(ip + 16, to, 4);
	sum = (uint16_t)~checksum_of(ip, IP);
	memcpy(ip + 10, &sum, sizeof sum);
	return ip + IP;
}

void sim_peer_send(const struct sim_segment *segment)
{
	uint8_t frame[FRAME_MAX];
	size_t bytes = TCP + (size_t)segment->option_bytes + segment->bytes;
	uint8_t *tcp = start_frame(frame, ours, PROTOCOL_TCP, bytes);

	assert(ETHERNET + IP + bytes <= sizeof frame);
	put16(tcp, segment->from_port);
	put16(tcp + 2, segment->to_port);
	put32(tcp + 4, segment->sequence);
	put32(tcp + 8, segment->acknowledged);
	tcp[12] = (uint8_t)((TCP + segment->option_bytes) / 4 << 4);
	tcp[13] = segment->flags;
	put16(tcp + 14, segment->window);
	put32(tcp + 16, 0);
	memcpy(tcp + TCP, segment->options, segment->option_bytes);
	memcpy(tcp + TCP + segment->option_bytes, segment->payload, segment->bytes);
	mutex_lock(&net_mutex);
	receive(frame, ETHERNET + IP + bytes);
	mutex_unlock(&net_mutex);
}

void sim_peer_datagram(const uint8_t *to, uint16_t from_port, uint16_t to_port)
{
	uint8_t frame[ETHERNET + IP + UDP];
	uint8_t *udp = start_frame(frame, to ? to : ours, PROTOCOL_UDP, UDP);

	put16(udp, from_port);
	put16(udp + 2, to_port);
	put16(udp + 4, UDP);
	put16(udp + 6, 0);
	mutex_lock(&net_mutex);
	receive(frame, sizeof frame);
	mutex_unlock(&net_mutex);
}

void sim_peer_round(void)
{
	mutex_lock(&net_mutex);
	stack_upper.polled();
	mutex_unlock(&net_mutex);
	sim_net_settle();
}

void sim_add_option(struct sim_segment *segment, uint8_t kind, const void *data, size_t bytes)
{
	uint8_t *at = segment->options + segment->option_bytes;
	size_t padding = (4 - (bytes + 2) % 4) % 4;

	assert(segment->option_bytes + padding + 2 + bytes <= sizeof segment->options);
	memset(at, 1, padding);
	at[padding] = kind;
	at[padding + 1] = (uint8_t)(bytes + 2);
	if (bytes)
		memcpy(at + padding + 2, data, bytes);
	segment->option_bytes = (uint8_t)(segment->option_bytes + padding + 2 + bytes);
}

void sim_add_timestamp(struct sim_segment *segment, uint32_t value, uint32_t echo)
{
	uint8_t data[8];

	put32(data, value);
	put32(data + 4, echo);
	sim_add_option(segment, 8, data, sizeof data);
}

const uint8_t *sim_option(const struct sim_segment *segment, uint8_t kind)
{
	for (unsigned at = 0; at < segment->option_bytes && segment->options[at];) {
		if (segment->options[at] == kind)
			return segment->options + at;
		at += segment->options[at] == 1 ? 1 : segment->options[at + 1];
	}
	return NULL;
}

void sim_peer_connect(struct sim_peer *peer, uint16_t port, const struct sim_segment *syn)
{
	struct net_address any = { .ip.family = AF_INET, .port = port };
	struct sim_segment answer;

	sim_peer_start();
	memset(peer, 0, sizeof *peer);
	sim_owner_init(&peer->owner);
	mutex_lock(&net_mutex);
	assert(!stack_open(AF_INET, STACK_TCP, 0, &peer->owner.owner, &peer->listener));
	assert(!stack_bind(peer->listener, &any));
	assert(!stack_listen(peer->listener, 16));
	mutex_unlock(&net_mutex);
	peer->next = *syn;
	peer->next.from_port = PEER_PORT;
	peer->next.to_port = port;
	peer->next.flags = SIM_SYN;
	peer->next.window = 65535;
	sim_peer_send(&peer->next);
	sim_peer_round();
	assert(sim_peer_take(&answer) && answer.flags == (SIM_SYN | SIM_ACK));
	peer->next.option_bytes = 0;
	peer->next.flags = SIM_ACK;
	peer->next.sequence = answer.acknowledged;
	peer->next.acknowledged = answer.sequence + 1;
	if (sim_option(syn, 8))
		sim_add_timestamp(&peer->next, sim_get32(sim_option(syn, 8) + 2),
				  sim_get32(sim_option(&answer, 8) + 2));
	sim_peer_send(&peer->next);
	sim_peer_round();
	mutex_lock(&net_mutex);
	assert(!stack_accept(peer->listener, &peer->owner.owner, &peer->server));
	mutex_unlock(&net_mutex);
}

void sim_peer_close(struct sim_peer *peer)
{
	mutex_lock(&net_mutex);
	stack_close(peer->server, true);
	stack_close(peer->listener, true);
	mutex_unlock(&net_mutex);
	sim_net_run(1);
	sim_peer_start();
}

void sim_peer_say(struct sim_peer *peer, size_t bytes)
{
	assert(bytes <= sizeof peer->next.payload);
	peer->next.bytes = (uint16_t)bytes;
	sim_peer_send(&peer->next);
	peer->next.sequence += (uint32_t)bytes;
	peer->next.bytes = 0;
}
