/* SPDX-License-Identifier: BSD-3-Clause */
/* Network devices: link, address, and whether the gateway answers a ping (RFC 792). */
#include "checks.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <class/net.h>
#include <core/random.h>
#include <core/thread.h>
#include <core/time.h>
#include <net/interface.h>

#include "report.h"
#include "sockets.h"

enum {
	NAME_BYTES = 40,
	ADDRESSES_MAX = 16,
	ROUTES_MAX = 64,
	PING_TRIES = 8,
	PING_DATA_BYTES = 56,
	PACKET_BYTES = 1600,
	ICMP = 1,
	ICMP_ECHO_REPLY = 0,
	ICMP_ECHO = 8,
	ARPHRD_ETHER = 1,
	IFF_RUNNING = 0x40,
	SCOPE_GLOBAL = 0,
};
#define PING_TIMEOUT_NS NS_PER_S
#define ADDRESS_PATIENCE_NS (10 * NS_PER_S)
#define ADDRESS_LOOK_NS (50 * NS_PER_MS)

struct echo_packet {
	uint8_t type, code;
	uint16_t checksum; /* as it lies in memory */
	uint16_t id, sequence;
	uint8_t data[PING_DATA_BYTES];
};
static_assert(sizeof(struct echo_packet) == 8 + PING_DATA_BYTES, "RFC 792");

/* What is known of one interface. */
struct link {
	struct interface_info info;
	struct interface_address address; /* family AF_UNSPEC: none */
	struct ip_address gateway;        /* the same */
};

/* --- ping --- */

/* RFC 1071; `bytes` even. */
static uint16_t checksum(const void *data, size_t bytes)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes / sizeof *words; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum += sum >> 16;
	return (uint16_t)~sum;
}

static bool is_answer(const uint8_t *packet, size_t bytes, const struct echo_packet *sent)
{
	size_t header = (size_t)(packet[0] & 0xf) * 4; /* IP's */
	struct echo_packet got;

	if (!bytes || header > bytes || bytes - header < sizeof got)
		return false;
	memcpy(&got, packet + header, sizeof got);
	return got.type == ICMP_ECHO_REPLY && got.id == sent->id &&
	       !memcmp(got.data, sent->data, sizeof got.data);
}

/* Until the answer, or nothing more comes within the time limit: -EAGAIN. */
static int await_answer(struct socket *socket, const struct echo_packet *sent, uint64_t deadline)
{
	uint8_t packet[PACKET_BYTES];

	for (;;) {
		ssize_t got = socket_receive_some(socket, packet, sizeof packet, NULL);

		if (got < 0)
			return (int)got;
		if (is_answer(packet, (size_t)got, sent))
			return 0;
		if (time_now() >= deadline)
			return -EAGAIN;
	}
}

/* *rtt_ns of the last one sent. */
static int ping(const uint8_t ip[4], uint64_t *rtt_ns)
{
	union socket_address to = address_inet(ip, 0);
	struct echo_packet packet = { .type = ICMP_ECHO, .id = (uint16_t)random_u64() };
	struct socket *socket;
	int error = socket_make(AF_INET, SOCK_RAW, ICMP, PING_TIMEOUT_NS, &socket);

	if (error)
		return error;
	random_bytes(packet.data, sizeof packet.data);
	for (unsigned i = 0; i < PING_TRIES; i++) {
		uint64_t start = time_now();

		packet.sequence = (uint16_t)i;
		packet.checksum = 0;
		packet.checksum = checksum(&packet, sizeof packet);
		error = socket_send_all(socket, &packet, sizeof packet, &to);
		if (!error)
			error = await_answer(socket, &packet, start + PING_TIMEOUT_NS);
		*rtt_ns = time_now() - start;
		if (error != -EAGAIN)
			break;
	}
	socket_close(socket);
	return error;
}

/* --- interfaces --- */

static bool find_address(struct link *link) REQUIRES(net_mutex)
{
	struct interface_address address;

	for (unsigned i = 0; i < ADDRESSES_MAX; i++) {
		if (interface_address(link->info.index, i, &address))
			break;
		if (address.ip.family == AF_INET && address.scope == SCOPE_GLOBAL) {
			link->address = address;
			return true;
		}
	}
	return false;
}

static void find_gateway(struct link *link) REQUIRES(net_mutex)
{
	struct route route;

	for (unsigned i = 0; i < ROUTES_MAX && !route_info(i, &route); i++)
		if (!route.prefix && route.interface == link->info.index &&
		    route.gateway.family == AF_INET)
			link->gateway = route.gateway;
}

/* -ENOENT: there is no such interface. */
static int read_link(unsigned nth, struct link *out)
{
	int error;

	memset(out, 0, sizeof *out);
	mutex_lock(&net_mutex);
	error = interface_info(nth, &out->info);
	if (!error && find_address(out))
		find_gateway(out);
	mutex_unlock(&net_mutex);
	return error;
}

/* A slow DHCP server is waited for longer than a program's start would. */
static int await_address(unsigned nth, struct link *out)
{
	uint64_t deadline = time_now() + ADDRESS_PATIENCE_NS;
	int error = read_link(nth, out);

	while (!error && out->info.type == ARPHRD_ETHER && out->info.flags & IFF_RUNNING &&
	       out->address.ip.family != AF_INET && time_now() < deadline) {
		(void)!thread_sleep_until(time_now() + ADDRESS_LOOK_NS, WAIT_UNINTERRUPTIBLE);
		error = read_link(nth, out);
	}
	return error;
}

static void report_link(const struct link *link, const char *check)
{
	const uint8_t *mac = link->info.mac, *ip = link->address.ip.bytes;
	char name[NAME_BYTES];

	format(name, sizeof name, "net.%s.mac", link->info.name);
	report_value(name, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		     mac[5]);
	if (!(link->info.flags & IFF_RUNNING)) {
		report_fail(check, "it has no link");
		return;
	}
	if (link->address.ip.family != AF_INET) {
		report_fail(check, "it has no address: no DHCP server answers (see ip=)");
		return;
	}
	format(name, sizeof name, "net.%s.address", link->info.name);
	report_value(name, "%u.%u.%u.%u/%u", ip[0], ip[1], ip[2], ip[3], link->address.prefix);
	report_ok(check, "%u.%u.%u.%u/%u, MTU %u", ip[0], ip[1], ip[2], ip[3], link->address.prefix,
		  link->info.mtu);
}

static void check_gateway(const struct link *link)
{
	const uint8_t *ip = link->gateway.bytes;
	char check[NAME_BYTES];
	uint64_t rtt_ns = 0;
	int error;

	format(check, sizeof check, "gateway %s", link->info.name);
	if (link->gateway.family != AF_INET) {
		report_skip(check, "there is none");
		return;
	}
	error = ping(ip, &rtt_ns);
	if (error == -EAGAIN)
		report_fail(check, "%u.%u.%u.%u does not answer a ping", ip[0], ip[1], ip[2],
			    ip[3]);
	else if (error)
		report_fail(check, "%u.%u.%u.%u cannot be reached: error %d", ip[0], ip[1], ip[2],
			    ip[3], -error);
	else
		report_ok(check, "%u.%u.%u.%u answers in %lu us", ip[0], ip[1], ip[2], ip[3],
			  rtt_ns / NS_PER_US);
}

void check_network(void)
{
	unsigned count = 0;
	struct link link;

	for (unsigned i = 0; !await_address(i, &link); i++) {
		char check[NAME_BYTES];

		if (link.info.type != ARPHRD_ETHER)
			continue;
		count++;
		format(check, sizeof check, "net %s", link.info.name);
		report_link(&link, check);
		if (link.address.ip.family == AF_INET)
			check_gateway(&link);
	}
	if (!count)
		report_skip("net", "there is no network device");
}
