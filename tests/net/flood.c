/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that no honest machine sends, put on an interface as they are (needs the right to raw sockets): to 10.0.2.15, whose hardware
 * address is 52:54:00:12:34:56.
 *
 *	flood syn INTERFACE COUNT       begins so many connections to port 80, each from another address, and none ever goes on
 *	flood bad INTERFACE COUNT       so many of each kind of malformed frame
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ETHERNET = 14, IP4 = 20, IP6 = 40, TCP = 20, UDP = 8, ROOM = 1514 };
enum { TYPE_IP4 = 0x0800, TYPE_ARP = 0x0806, TYPE_IP6 = 0x86dd };
enum { ICMP_PROTOCOL = 1, TCP_PROTOCOL = 6, UDP_PROTOCOL = 17 };
enum { BURST = 20, PAUSE_US = 2000 };

static uint8_t frame[ROOM];
static uint32_t source = 0x0a000203; /* 10.0.2.3 */
static int fd;
static struct sockaddr_ll to;

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

static uint32_t sum(const uint8_t *data, size_t bytes, uint32_t so_far)
{
	for (size_t i = 0; i < bytes; i++)
		so_far += i % 2 ? data[i] : (uint32_t)data[i] << 8;
	return so_far;
}

static uint16_t fold(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return (uint16_t)~value;
}

static void send_frame(size_t bytes)
{
	/* A full queue of the interface is waited for. */
	while (sendto(fd, frame, bytes, 0, (struct sockaddr *)&to, sizeof to) < 0)
		usleep(PAUSE_US);
}

static uint8_t *ethernet(unsigned type)
{
	static const uint8_t addresses[] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 9 };

	memset(frame, 0, sizeof frame);
	memcpy(frame, addresses, sizeof addresses);
	put16(frame + 12, type);
	return frame + ETHERNET;
}

/* Its checksum is yet to be made, by finish(). */
static uint8_t *ip4(unsigned protocol, size_t payload)
{
	static uint16_t id;
	uint8_t *ip = ethernet(TYPE_IP4);

	ip[0] = 0x45;
	put16(ip + 2, (unsigned)(IP4 + payload));
	put16(ip + 4, ++id);
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put32(ip + 12, source);
	put32(ip + 16, 0x0a00020f);
	return ip + IP4;
}

static size_t finish(size_t payload)
{
	uint8_t *ip = frame + ETHERNET;

	put16(ip + 10, 0);
	put16(ip + 10, fold(sum(ip, IP4, 0)));
	return ETHERNET + IP4 + payload;
}

/* The checksum of TCP or UDP, and what is to be put on top of it. */
static void sum_payload(size_t payload, size_t at, unsigned error)
{
	uint8_t *ip = frame + ETHERNET;
	uint32_t pseudo = sum(ip + 12, 8, ip[9] + (uint32_t)payload);

	put16(ip + IP4 + at, fold(sum(ip + IP4, payload, pseudo)) ^ error);
}

static void syn(size_t options, unsigned offset, unsigned error)
{
	size_t bytes = TCP + options;
	uint8_t *tcp = ip4(TCP_PROTOCOL, bytes);

	put16(tcp, 1024 + (unsigned)random() % 60000);
	put16(tcp + 2, 80);
	put32(tcp + 4, (uint32_t)random());
	tcp[12] = (uint8_t)(offset << 4);
	tcp[13] = 2;
	put16(tcp + 14, 65535);
	memset(tcp + TCP, 3, options); /* window scale, of three bytes, over and over */
	sum_payload(bytes, 16, error);
	send_frame(finish(bytes));
}

static void udp(unsigned length, unsigned error)
{
	uint8_t *at = ip4(UDP_PROTOCOL, UDP + 32);

	put16(at, 5353);
	put16(at + 2, 5353);
	put16(at + 4, length);
	sum_payload(UDP + 32, 6, error);
	send_frame(finish(UDP + 32));
}

static void bad_headers(void)
{
	ip4(ICMP_PROTOCOL, 0)[-IP4] = 0x45;
	send_frame(ETHERNET + 10); /* ends within the header */
	ip4(ICMP_PROTOCOL, 0)[-IP4] = 0x42;
	send_frame(finish(0)); /* a header of eight bytes */
	ip4(ICMP_PROTOCOL, 1000);
	send_frame(finish(0)); /* longer than the frame */
	ip4(UDP_PROTOCOL, 0);
	finish(0);
	frame[ETHERNET + 10] ^= 1;
	send_frame(ETHERNET + IP4); /* the sum is wrong */
	ip4(253, 40);
	send_frame(finish(40)); /* a protocol that nobody has */
	ethernet(TYPE_ARP);
	send_frame(ETHERNET + 8);
	ethernet(0x9999);
	send_frame(ETHERNET + 46);
}

static void bad_payloads(void)
{
	syn(0, 5, 0xffff - 1); /* the sum is wrong */
	syn(0, 15, 0);         /* the header is longer than the segment */
	syn(0, 2, 0);          /* or shorter than a header can be */
	syn(40, 15, 0);        /* options that end beyond the header */
	udp(UDP + 32, 0x5555);
	udp(2000, 0);
	udp(3, 0);
	ip4(ICMP_PROTOCOL, 16)[0] = 8;
	put16(frame + ETHERNET + IP4 + 2, 0x1234);
	send_frame(finish(16)); /* an echo request with a wrong sum */
}

/* The second fragment lies over the first, or the end is beyond 64 KiB; no datagram is ever complete. */
static void bad_fragments(void)
{
	static const uint16_t places[] = { 0x2000, 0x2001, 0x2003, 0x3fff };
	uint8_t *payload = ip4(UDP_PROTOCOL, 64);

	for (int i = 0; i < 4; i++) {
		put16(payload - IP4 + 6, places[i]);
		send_frame(finish(64));
	}
}

static uint8_t *ip6(unsigned next, size_t payload)
{
	uint8_t *ip = ethernet(TYPE_IP6);

	ip[0] = 0x60;
	put16(ip + 4, (unsigned)payload);
	ip[6] = (uint8_t)next;
	ip[7] = 255;
	put16(ip + 8, 0xfe80);
	ip[23] = 9;
	/* fe80::5054:ff:fe12:3456 */
	put16(ip + 24, 0xfe80);
	put32(ip + 32, 0x505400ff);
	put32(ip + 36, 0xfe123456);
	return ip + IP6;
}

static void bad_ip6(void)
{
	uint8_t *at = ip6(58, 0);

	send_frame(ETHERNET + 20);
	at = ip6(60, 1200);
	for (int i = 0; i < 1200; i += 8)
		at[i] = 60; /* destination options, one after the other */
	send_frame(ETHERNET + IP6 + 1200);
	at = ip6(0, 8);
	at[1] = 255; /* longer than the packet */
	send_frame(ETHERNET + IP6 + 8);
	at = ip6(43, 24);
	at[1] = 2;
	at[3] = 200; /* a route of more segments than there are */
	send_frame(ETHERNET + IP6 + 24);
	at = ip6(58, 24);
	at[0] = 135;
	put16(at + 2, 0x1111);
	send_frame(ETHERNET + IP6 + 24); /* neighbour solicitation with a wrong sum */
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: flood syn|bad INTERFACE COUNT\n");
		return 2;
	}
	to = (struct sockaddr_ll){ .sll_family = AF_PACKET,
				   .sll_ifindex = (int)if_nametoindex(argv[2]) };
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || !to.sll_ifindex) {
		perror(argv[2]);
		return 1;
	}
	for (int i = 0; i < atoi(argv[3]); i++) {
		if (argv[1][0] == 's') {
			source = 0x0b000000 +
				 (uint32_t)random() % 0x60000000; /* 11.0.0.0 to 107... */
			syn(0, 5, 0);
			if (i % BURST == BURST - 1)
				usleep(PAUSE_US);
			continue;
		}
		bad_headers();
		bad_payloads();
		bad_fragments();
		bad_ip6();
		usleep(PAUSE_US);
	}
	return 0;
}
