/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network device (virtio 1.2, 5.1) with Firecracker's features, and what is at the other end of its cable: one machine, which
 * answers ARP (RFC 826) and pings (RFC 792), and asks an echo service by UDP (RFC 862).
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "virtio.h"

enum { RECEIVEQ = 0, TRANSMITQ = 1 };
enum { HEADER_BYTES = 12, FRAME_BYTES_MAX = 65550, FRAME_BYTES_MIN = 60 };
enum { NEEDS_CSUM = 1, NUM_BUFFERS = 10 }; /* a flag; the field's place in the header */
enum { ETHERNET = 14, IPV4 = 20, UDP = 8, ICMP = 8, ARP = 28 };
enum { TYPE_IPV4 = 0x0800, TYPE_ARP = 0x0806, PROTOCOL_ICMP = 1, PROTOCOL_UDP = 17 };
enum { PORT_ECHO = 7, PORT_OURS = 4000, TTL = 64 };
/* CSUM, GUEST_CSUM, MAC, GUEST_TSO4 and 6, GUEST_UFO, HOST_TSO4 and 6, HOST_UFO, MRG_RXBUF */
#define NET_FEATURES ((uint64_t)0xdda3)

static const uint8_t guest_mac[6] = { 0x06, 0, 0, 0, 0, 0x02 };
static const uint8_t our_mac[6] = { 0x06, 0, 0, 0, 0, 0x01 };
static const uint8_t guest_ip[4] = { 10, 0, 0, 2 }, our_ip[4] = { 10, 0, 0, 1 };
static const char question[] = "does the guest answer?";

struct net {
	bool silent, answered;
	uint8_t frame[HEADER_BYTES + FRAME_BYTES_MAX];
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint16_t checksum(const uint8_t *bytes, size_t count)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* --- towards the guest --- */

/* A packet may go over several of the guest's buffers, as with Firecracker (MRG_RXBUF). */
static void deliver(struct virtio_device *device, const uint8_t *frame, size_t bytes)
{
	uint8_t packet[HEADER_BYTES + 2048] = { 0 };
	struct virtio_chain chains[8];
	size_t done = 0, count = 0, parts[8];
	uint16_t buffers;

	memcpy(packet + HEADER_BYTES, frame, bytes);
	if (bytes < FRAME_BYTES_MIN)
		bytes = FRAME_BYTES_MIN;
	bytes += HEADER_BYTES;
	do {
		if (count == 8 || !virtio_take(device, RECEIVEQ, &chains[count]))
			die("net: the driver has no room for %zu bytes", bytes);
		if (chains[count].readable)
			die("net: a buffer to receive into cannot be written");
		parts[count] = virtio_copy_in(&chains[count], 0, packet + done, bytes - done);
		done += parts[count++];
	} while (done < bytes);
	buffers = (uint16_t)count;
	virtio_copy_in(&chains[0], NUM_BUFFERS, &buffers, sizeof buffers);
	for (size_t i = 0; i < count; i++)
		virtio_give(device, RECEIVEQ, &chains[i], (uint32_t)parts[i]);
}

static void write_ethernet(uint8_t *frame, uint16_t type)
{
	memcpy(frame, guest_mac, 6);
	memcpy(frame + 6, our_mac, 6);
	put16(frame + 12, type);
}

static void answer_arp(struct virtio_device *device, const uint8_t *request, size_t bytes)
{
	uint8_t frame[ETHERNET + ARP];

	if (bytes < ETHERNET + ARP || get16(request + ETHERNET + 6) != 1 ||
	    memcmp(request + ETHERNET + 24, our_ip, 4))
		return;
	memcpy(frame, request, sizeof frame);
	write_ethernet(frame, TYPE_ARP);
	put16(frame + ETHERNET + 6, 2);
	memcpy(frame + ETHERNET + 8, our_mac, 6);
	memcpy(frame + ETHERNET + 14, our_ip, 4);
	memcpy(frame + ETHERNET + 18, request + ETHERNET + 8, 10);
	deliver(device, frame, sizeof frame);
}

static void write_ip(uint8_t *ip, uint8_t protocol, size_t payload)
{
	memset(ip, 0, IPV4);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(IPV4 + payload));
	ip[8] = TTL;
	ip[9] = protocol;
	memcpy(ip + 12, our_ip, 4);
	memcpy(ip + 16, guest_ip, 4);
	put16(ip + 10, checksum(ip, IPV4));
}

static void answer_ping(struct virtio_device *device, const uint8_t *icmp, size_t bytes)
{
	uint8_t frame[1514];
	uint8_t *reply = frame + ETHERNET + IPV4;

	if (bytes < ICMP || icmp[0] != 8 || bytes > sizeof frame - ETHERNET - IPV4)
		return;
	if (checksum(icmp, bytes))
		die("net: the ping has a wrong checksum");
	write_ethernet(frame, TYPE_IPV4);
	write_ip(frame + ETHERNET, PROTOCOL_ICMP, bytes);
	memcpy(reply, icmp, bytes);
	reply[0] = 0;
	put16(reply + 2, 0);
	put16(reply + 2, checksum(reply, bytes));
	deliver(device, frame, ETHERNET + IPV4 + bytes);
}

void net_ask(struct virtio_device *device)
{
	uint8_t frame[ETHERNET + IPV4 + UDP + sizeof question] = { 0 };
	uint8_t *udp = frame + ETHERNET + IPV4;

	write_ethernet(frame, TYPE_IPV4);
	write_ip(frame + ETHERNET, PROTOCOL_UDP, UDP + sizeof question);
	put16(udp, PORT_OURS);
	put16(udp + 2, PORT_ECHO);
	put16(udp + 4, UDP + sizeof question); /* a checksum of 0: none */
	memcpy(udp + UDP, question, sizeof question);
	deliver(device, frame, sizeof frame);
}

bool net_answered(const struct virtio_device *device)
{
	const struct net *net = device->state;

	return net->answered;
}

/* --- from the guest --- */

static void take_udp(struct net *net, const uint8_t *udp, size_t bytes)
{
	if (bytes == UDP + sizeof question && get16(udp) == PORT_ECHO &&
	    get16(udp + 2) == PORT_OURS && !memcmp(udp + UDP, question, sizeof question))
		net->answered = true;
}

static void take_ip(struct virtio_device *device, const uint8_t *ip, size_t bytes)
{
	size_t header, total;

	if (bytes < IPV4 || memcmp(ip + 16, our_ip, 4))
		return;
	header = (size_t)(ip[0] & 0xf) * 4;
	total = get16(ip + 2);
	if (header < IPV4 || header > total || total > bytes || checksum(ip, header))
		die("net: a bad IP packet of %zu bytes", bytes);
	if (ip[9] == PROTOCOL_ICMP)
		answer_ping(device, ip + header, total - header);
	else if (ip[9] == PROTOCOL_UDP)
		take_udp(device->state, ip + header, total - header);
}

static void take_frame(struct virtio_device *device, const uint8_t *frame, size_t bytes)
{
	const struct net *net = device->state;

	if (net->silent)
		return;
	if (bytes < ETHERNET || memcmp(frame + 6, guest_mac, 6))
		die("net: a frame of %zu bytes that is not the guest's", bytes);
	if (get16(frame + 12) == TYPE_ARP)
		answer_arp(device, frame, bytes);
	else if (get16(frame + 12) == TYPE_IPV4)
		take_ip(device, frame + ETHERNET, bytes - ETHERNET);
}

static void notified(struct virtio_device *device, unsigned queue)
{
	struct net *net = device->state;
	struct virtio_chain chain;

	while (queue == TRANSMITQ && virtio_take(device, TRANSMITQ, &chain)) {
		size_t bytes = virtio_readable_bytes(&chain);

		if (chain.readable != chain.count || bytes < HEADER_BYTES ||
		    bytes > sizeof net->frame || !virtio_copy_out(&chain, 0, net->frame, bytes))
			die("net: a packet of %zu bytes", bytes);
		virtio_give(device, TRANSMITQ, &chain, 0);
		take_frame(device, net->frame + HEADER_BYTES, bytes - HEADER_BYTES);
	}
}

void net_init(struct virtio_device *device, bool silent)
{
	static const struct virtio_model model = {
		.name = "net",
		.type = 1,
		.features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | NET_FEATURES,
		.queues = 2,
		.notified = notified,
	};
	struct net *net = calloc(1, sizeof *net);

	if (!net)
		die("no memory");
	net->silent = silent;
	device->model = &model;
	device->state = net;
	memcpy(device->config, guest_mac, sizeof guest_mac);
}
