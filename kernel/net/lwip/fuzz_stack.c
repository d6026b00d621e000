/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames from a hostile network. The input is a list of frames: two bytes say what headers are made around the bytes that follow, so
 * that all layers are reached; checksums count as verified. A TCP connection's numbers are known to the attacker, who is its peer.
 */
#include "sim_net.h"

#include "internal.h"

#include <base/errno.h>
#include <core/time.h>

#include <stdint.h>
#include <string.h>

#include "../../port/host/host.h"
#include "../../port/host/io.h"

#include <lwip/prot/ip4.h>

enum {
	PORT = 80,
	PEER_PORT = 4000,
	FRAME_MAX = 2048,
	KINDS = 8,
};

static struct {
	struct netdev dev;
	struct stack_endpoint *listener, *udp, *udp6, *raw, *client;
	struct stack_endpoint *accepted[8];
	unsigned accepted_count;
	struct sim_owner owner;
	uint32_t ours, theirs; /* sequence numbers of the last TCP segment sent to the peer */
	uint16_t our_port;
} fuzz;

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 }, peer_mac[6] = { 2, 0, 0, 0, 0, 2 };
static const uint8_t ours4[4] = { 10, 0, 0, 1 }, theirs4[4] = { 10, 0, 0, 2 };
static const uint8_t theirs6[16] = { 0xfe, 0x80, [15] = 2 };
static const uint8_t ours6[16] = { 0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 1 };

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The peer looks at what is sent to it. */
static int transmit(struct netdev *dev, struct netbuf *packet)
{
	uint8_t frame[128];
	size_t bytes = min((size_t)packet->packet_bytes, sizeof frame);

	(void)dev;
	if (netbuf_copy_out(packet, 0, frame, bytes) && bytes >= 54 && frame[12] == 8 &&
	    frame[13] == 0 && frame[23] == IP_PROTO_TCP) {
		fuzz.our_port = (uint16_t)(frame[34] << 8 | frame[35]);
		fuzz.ours = be32(frame + 38) + (frame[47] & 2 ? 1 : 0);
		fuzz.theirs = be32(frame + 42);
	}
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

static struct stack_endpoint *open_bound(unsigned family, enum stack_protocol protocol,
					 unsigned number)
{
	struct net_address any = { .ip.family = (uint16_t)family, .port = PORT };
	struct stack_endpoint *ep;

	assert(!stack_open(family, protocol, number, &fuzz.owner.owner, &ep));
	if (protocol != STACK_RAW)
		assert(!stack_bind(ep, &any));
	return ep;
}

static void open_endpoints(void)
{
	struct net_address peer = { .ip.family = AF_INET, .port = PEER_PORT };

	memcpy(peer.ip.bytes, theirs4, 4);
	sim_owner_init(&fuzz.owner);
	fuzz.listener = open_bound(AF_INET6, STACK_TCP, 0);
	assert(!stack_set(fuzz.listener, STACK_REUSE_ADDRESS, 1));
	assert(!stack_listen(fuzz.listener, 4));
	fuzz.udp = open_bound(AF_INET, STACK_UDP, 0);
	fuzz.raw = open_bound(AF_INET, STACK_RAW, IP_PROTO_ICMP);
	assert(!stack_open(AF_INET, STACK_TCP, 0, &fuzz.owner.owner, &fuzz.client));
	assert(stack_connect(fuzz.client, &peer) == -EINPROGRESS);
}

static void start(void)
{
	struct interface_address address = { .ip.family = AF_INET, .prefix = 24 };
	static bool started;

	if (started)
		return;
	started = true;
	sim_net_start();
	limits.opening_max = 1; /* so that there are cookies */
	fuzz.dev = (struct netdev){ .ops = &ops, .mtu = 1500, .link = true };
	fuzz.dev.features = NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6;
	fuzz.dev.gso_bytes_max = 65536;
	memcpy(fuzz.dev.mac, mac, sizeof mac);
	assert(!netdev_register(&fuzz.dev));
	memcpy(address.ip.bytes, ours4, 4);
	mutex_lock(&net_mutex);
	assert(!interface_add_address(interface_index("eth0"), &address));
	((struct interface *)fuzz.dev.upper)->checks = 0;
	mutex_unlock(&net_mutex);
	sim_net_run(2000);
}

/* Headers */

static size_t ethernet(uint8_t *frame, unsigned type)
{
	memcpy(frame, mac, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, type);
	return 14;
}

static size_t ip4(uint8_t *at, unsigned protocol, size_t payload)
{
	memset(at, 0, 20);
	at[0] = 0x45;
	put16(at + 2, (unsigned)(20 + payload));
	at[8] = 64;
	at[9] = (uint8_t)protocol;
	memcpy(at + 12, theirs4, 4);
	memcpy(at + 16, ours4, 4);
	return 20;
}

static size_t ip6(uint8_t *at, unsigned next, size_t payload)
{
	memset(at, 0, 40);
	at[0] = 0x60;
	put16(at + 4, (unsigned)payload);
	at[6] = (uint8_t)next;
	at[7] = 255;
	memcpy(at + 8, theirs6, 16);
	memcpy(at + 24, ours6, 16);
	return 40;
}

/* A segment of the connection whose numbers are known; the input moves them about. */
static size_t tcp(uint8_t *at, const uint8_t *data, size_t bytes, unsigned choice)
{
	bool known = choice & 1;
	unsigned options = bytes ? data[0] & 0x3c : 0;
	uint32_t offset = bytes > 3 ? (uint32_t)(int8_t)data[3] * (choice & 2 ? 700u : 1u) : 0;

	memset(at, 0, 20);
	put16(at, PEER_PORT);
	put16(at + 2, known ? fuzz.our_port : PORT);
	put32(at + 4, fuzz.theirs + offset);
	put32(at + 8, fuzz.ours + (bytes > 4 ? (uint32_t)(int8_t)data[4] : 0));
	at[12] = (uint8_t)((20 + min((size_t)options, bytes)) / 4 << 4);
	at[13] = bytes > 1 ? data[1] : 0x10;
	put16(at + 14, bytes > 2 ? data[2] * 257u : 1000);
	memcpy(at + 20, data, bytes);
	return 20 + bytes;
}

static size_t udp(uint8_t *at, const uint8_t *data, size_t bytes)
{
	put16(at, PEER_PORT);
	put16(at + 2, PORT);
	put16(at + 4, (unsigned)(8 + bytes));
	put16(at + 6, 0);
	memcpy(at + 8, data, bytes);
	return 8 + bytes;
}

/* Returns the frame's length. */
static size_t build(uint8_t *frame, unsigned kind, const uint8_t *data, size_t bytes)
{
	static const unsigned types[] = { 0x0800, 0x86dd, 0x0806, 0x8100 };
	uint8_t *ip = frame + 14;

	switch (kind % KINDS) {
	case 0: /* anything behind Ethernet */
		memcpy(ip, data, bytes);
		return ethernet(frame, types[kind / KINDS % 4]) + bytes;
	case 1: /* any protocol */
		memcpy(ip + 20, data, bytes);
		return ethernet(frame, 0x0800) + ip4(ip, kind / KINDS, bytes) + bytes;
	case 2:
		memcpy(ip + 40, data, bytes);
		return ethernet(frame, 0x86dd) + ip6(ip, kind / KINDS, bytes) + bytes;
	case 3:
		bytes = tcp(ip + 20, data, bytes, kind / KINDS);
		return ethernet(frame, 0x0800) + ip4(ip, IP_PROTO_TCP, bytes) + bytes;
	case 4:
		bytes = udp(ip + 20, data, bytes);
		return ethernet(frame, 0x0800) + ip4(ip, IP_PROTO_UDP, bytes) + bytes;
	case 5: /* fragments */
		memcpy(ip + 20, data, bytes);
		bytes += ethernet(frame, 0x0800) + ip4(ip, IP_PROTO_UDP, bytes);
		put16(ip + 6, (kind / KINDS & 3) | (kind & 0x80 ? 0x2000 : 0));
		return bytes;
	case 6: /* ICMPv6, so neighbour discovery and MLD */
		memcpy(ip + 40, data, bytes);
		return ethernet(frame, 0x86dd) + ip6(ip, 58, bytes) + bytes;
	default: /* IPv6 fragments */
		memcpy(ip + 48, data, bytes);
		memset(ip + 40, 0, 8);
		ip[40] = 17;
		put16(ip + 42, (kind / KINDS & 15) << 3 | (kind & 0x80 ? 1 : 0));
		return ethernet(frame, 0x86dd) + ip6(ip, 44, bytes + 8) + 8 + bytes;
	}
}

static void receive(const uint8_t *frame, size_t bytes, bool in_pieces)
{
	size_t first = in_pieces ? min(bytes, (size_t)60) : bytes;
	struct netbuf *buf = netbuf_alloc(0, first);

	memcpy(buf->data, frame, first);
	buf->bytes = (uint32_t)first;
	buf->packet_bytes = (uint32_t)bytes;
	buf->flags = NETBUF_CSUM_GOOD;
	if (bytes > first) {
		buf->next = netbuf_alloc(0, bytes - first);
		memcpy(buf->next->data, frame + first, bytes - first);
		buf->next->bytes = (uint32_t)(bytes - first);
	}
	mutex_lock(&net_mutex);
	netdev_receive(&fuzz.dev, buf);
	stack_upper.polled();
	mutex_unlock(&net_mutex);
}

static void read_some(struct stack_endpoint *ep)
{
	struct stack_datagram from;
	struct netbuf *chain;

	if (!stack_receive(ep, 100, &chain, &from) && chain) {
		stack_consumed(ep, chain->packet_bytes);
		netbuf_put_chain(chain);
	}
}

static void write_some(struct stack_endpoint *ep, size_t bytes)
{
	struct stack_send request = { .data = sim_data(mac, min(bytes, sizeof mac)) };

	if (stack_send_room(ep) < sizeof mac)
		netbuf_put_chain(request.data);
	else if (stack_send(ep, &request))
		return;
}

/* The program goes on too. */
static void work(unsigned what)
{
	struct stack_endpoint *ep;

	mutex_lock(&net_mutex);
	if (fuzz.accepted_count < countof(fuzz.accepted) &&
	    !stack_accept(fuzz.listener, &fuzz.owner.owner, &ep))
		fuzz.accepted[fuzz.accepted_count++] = ep;
	read_some(fuzz.udp);
	read_some(fuzz.raw);
	read_some(fuzz.client);
	write_some(fuzz.client, what);
	for (unsigned i = 0; i < fuzz.accepted_count; i++) {
		read_some(fuzz.accepted[i]);
		write_some(fuzz.accepted[i], what);
	}
	if (what & 0x40 && fuzz.accepted_count)
		stack_close(fuzz.accepted[--fuzz.accepted_count], what & 0x20);
	mutex_unlock(&net_mutex);
	if (what & 0x10)
		sim_net_run(what & 15);
	if (what & 0x80)
		sim_net_run(300);
}

static void close_endpoints(void)
{
	mutex_lock(&net_mutex);
	while (fuzz.accepted_count)
		stack_close(fuzz.accepted[--fuzz.accepted_count], true);
	stack_close(fuzz.listener, true);
	stack_close(fuzz.client, true);
	stack_close(fuzz.udp, true);
	stack_close(fuzz.raw, true);
	mutex_unlock(&net_mutex);
	/* What waits for fragments or neighbours is given up. */
	host_advance_time(200 * NS_PER_S);
	sim_net_run(2);
}

/* lwIP keeps pointers in packets, at any address. */
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "use_unaligned=1";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t frame[FRAME_MAX + 128];

	start();
	mutex_lock(&net_mutex);
	open_endpoints();
	mutex_unlock(&net_mutex);
	while (size >= 4) {
		size_t bytes = min((size_t)(data[1] | (data[2] & 7) << 8), size - 4);

		receive(frame, build(frame, data[0], data + 4, bytes), data[2] & 0x80);
		work(data[3]);
		data += 4 + bytes;
		size -= 4 + bytes;
	}
	close_endpoints();
	return 0;
}
