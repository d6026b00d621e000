/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc/net and /proc/sys/net (proc(5)): what ss, netstat, ip and programs that look for limits read. Thread context. */
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <fs/root.h>
#include <net/interface.h>
#include <net/stack.h>

#include "internal.h"

typedef unsigned long long ull;

/* --- interfaces --- */

static int show_dev(struct procfs_buffer *b)
{
	struct interface_info info;
	int error = procfs_print(
		b, "Inter-|   Receive                                                |  Transmit\n"
		   " face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		   "packets errs drop fifo colls carrier compressed\n");

	mutex_lock(&net_mutex);
	for (unsigned nth = 0; !error && !interface_info(nth, &info); nth++) {
		const struct netdev_stats *s = &info.stats;

		error = procfs_print(b,
				     "%6s: %7llu %7llu %4llu %4llu %4u %5u %10u %9u %8llu %7llu "
				     "%4llu %4llu %4u %5u %7u %10u\n",
				     info.name, (ull)s->rx_bytes, (ull)s->rx_packets,
				     (ull)s->rx_errors, (ull)s->rx_dropped, 0, 0, 0, 0,
				     (ull)s->tx_bytes, (ull)s->tx_packets, (ull)s->tx_errors,
				     (ull)s->tx_dropped, 0, 0, 0, 0);
	}
	mutex_unlock(&net_mutex);
	return error;
}

/* Addresses are shown as Linux does on this machine: words of four bytes, as little-endian numbers. */
static uint32_t word_of(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof word);
	return word;
}

static const char *interface_name(uint32_t index, struct interface_info *info) REQUIRES(net_mutex)
{
	for (unsigned nth = 0; !interface_info(nth, info); nth++)
		if (info->index == index)
			return info->name;
	return "*";
}

static int print_route(struct procfs_buffer *b, const struct route *route) REQUIRES(net_mutex)
{
	enum { UP = 1, GATEWAY = 2 };
	bool gateway = route->gateway.family == AF_INET;
	uint32_t mask = route->prefix ? __builtin_bswap32(UINT32_MAX << (32 - route->prefix)) : 0;
	struct interface_info info;

	return procfs_print(b, "%s\t%08X\t%08X\t%04X\t%d\t%u\t%d\t%08X\t%d\t%u\t%u\n",
			    interface_name(route->interface, &info),
			    word_of(route->destination.bytes),
			    gateway ? word_of(route->gateway.bytes) : 0,
			    UP | (gateway ? GATEWAY : 0), 0, 0, 0, mask, 0, 0, 0);
}

static int show_route(struct procfs_buffer *b)
{
	struct route route;
	int error = procfs_print(b,
				 "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t"
				 "\tMTU\tWindow\tIRTT\n");

	mutex_lock(&net_mutex);
	for (unsigned nth = 0; !error && !route_info(nth, &route); nth++)
		if (route.destination.family == AF_INET && route.prefix <= 32 &&
		    route.interface != 1)
			error = print_route(b, &route);
	mutex_unlock(&net_mutex);
	return error;
}

static int print_addresses6(struct procfs_buffer *b, const struct interface_info *info)
	REQUIRES(net_mutex)
{
	enum { SCOPE_LINK = 253, SCOPE_HOST = 254, TENTATIVE = 0x40, PERMANENT = 0x80 };
	struct interface_address address;
	int error = 0;

	for (unsigned i = 0; !error && !interface_address(info->index, i, &address); i++) {
		if (address.ip.family != AF_INET6)
			continue;
		for (int k = 0; k < 16 && !error; k++)
			error = procfs_print(b, "%02x", address.ip.bytes[k]);
		if (!error)
			error = procfs_print(
				b, " %02x %02x %02x %02x %8s\n", info->index, address.prefix,
				address.scope == SCOPE_LINK   ? 0x20
				: address.scope == SCOPE_HOST ? 0x10
							      : 0,
				PERMANENT | (address.tentative ? TENTATIVE : 0), info->name);
	}
	return error;
}

static int show_addresses6(struct procfs_buffer *b)
{
	struct interface_info info;
	int error = 0;

	mutex_lock(&net_mutex);
	for (unsigned nth = 0; !error && !interface_info(nth, &info); nth++)
		error = print_addresses6(b, &info);
	mutex_unlock(&net_mutex);
	return error;
}

/* --- sockets --- */

struct listing {
	struct procfs_buffer *buffer;
	enum stack_protocol protocol;
	uint16_t family;
	unsigned count;
	int error;
};

static int print_address(struct procfs_buffer *b, const struct net_address *at)
{
	int words = at->ip.family == AF_INET6 ? 4 : 1, error = 0;

	for (int i = 0; i < words && !error; i++)
		error = procfs_print(b, "%08X", word_of(at->ip.bytes + 4 * i));
	return error ? error : procfs_print(b, ":%04X ", at->port);
}

static bool list_endpoint(void *context, const struct stack_endpoint_info *info)
{
	struct listing *l = context;
	struct procfs_buffer *b = l->buffer;
	struct net_address peer = info->peer;

	if (info->protocol != l->protocol || info->local.ip.family != l->family)
		return true;
	peer.ip.family = l->family;
	l->error = procfs_print(b, "%4u: ", l->count++);
	if (!l->error)
		l->error = print_address(b, &info->local);
	if (!l->error)
		l->error = print_address(b, &peer);
	if (!l->error)
		l->error = procfs_print(b,
					"%02X %08X:%08X 00:00000000 00000000     0        0 0 1 "
					"%016x 20 4 0 10 -1\n",
					info->state, (unsigned)info->pending_send,
					(unsigned)info->pending_receive, 0);
	return !l->error;
}

static int show_endpoints(struct procfs_buffer *b, enum stack_protocol protocol, uint16_t family)
{
	struct listing l = { .buffer = b, .protocol = protocol, .family = family };

	l.error = procfs_print(b,
			       "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
			       "retrnsmt   uid  timeout inode\n");
	mutex_lock(&net_mutex);
	if (!l.error)
		stack_each(list_endpoint, &l);
	mutex_unlock(&net_mutex);
	return l.error;
}

static int show_tcp(struct procfs_buffer *b)
{
	return show_endpoints(b, STACK_TCP, AF_INET);
}

static int show_tcp6(struct procfs_buffer *b)
{
	return show_endpoints(b, STACK_TCP, AF_INET6);
}

static int show_udp(struct procfs_buffer *b)
{
	return show_endpoints(b, STACK_UDP, AF_INET);
}

static int show_udp6(struct procfs_buffer *b)
{
	return show_endpoints(b, STACK_UDP, AF_INET6);
}

static int show_raw(struct procfs_buffer *b)
{
	return show_endpoints(b, STACK_RAW, AF_INET);
}

struct counts {
	unsigned of[3][2];
	unsigned time_wait;
};

static bool count_endpoint(void *context, const struct stack_endpoint_info *info)
{
	enum { TCP_TIME_WAIT = 6 };
	struct counts *counts = context;

	if (info->protocol == STACK_TCP && info->state == TCP_TIME_WAIT)
		counts->time_wait++;
	else
		counts->of[info->protocol][info->local.ip.family == AF_INET6]++;
	return true;
}

static int show_counts(struct procfs_buffer *b)
{
	struct counts counts = { 0 };

	mutex_lock(&net_mutex);
	stack_each(count_endpoint, &counts);
	mutex_unlock(&net_mutex);
	return procfs_print(
		b,
		"sockets: used %u\nTCP: inuse %u orphan 0 tw %u alloc %u mem 0\n"
		"UDP: inuse %u mem 0\nUDPLITE: inuse 0\nRAW: inuse %u\nFRAG: inuse 0 memory 0\n",
		counts.of[STACK_TCP][0] + counts.of[STACK_TCP][1] + counts.of[STACK_UDP][0] +
			counts.of[STACK_UDP][1] + counts.of[STACK_RAW][0] + counts.of[STACK_RAW][1],
		counts.of[STACK_TCP][0], counts.time_wait,
		counts.of[STACK_TCP][0] + counts.of[STACK_TCP][1], counts.of[STACK_UDP][0],
		counts.of[STACK_RAW][0]);
}

/* --- limits --- */

#define TEXT(name, text)                                \
	static int show_##name(struct procfs_buffer *b) \
	{                                               \
		return procfs_print(b, text "\n");      \
	}
TEXT(buffer_default, "212992")
TEXT(buffer_max, "212992")
TEXT(control_max, "20480")
TEXT(device_backlog, "1000")
TEXT(receive_sizes, "4096\t131072\t6291456")
TEXT(send_sizes, "4096\t16384\t4194304")
TEXT(ports, "32768\t60999")
TEXT(keepalive_time, "7200")
TEXT(keepalive_interval, "75")
TEXT(keepalive_probes, "9")
TEXT(fin_timeout, "60")
TEXT(congestion, "reno")
TEXT(ping_groups, "0\t2147483647")
TEXT(hops, "64")
TEXT(zero, "0")
TEXT(one, "1")

static const struct procfs_entry entries[] = {
	{ .path = "net/dev", .show = show_dev },
	{ .path = "net/route", .show = show_route },
	{ .path = "net/if_inet6", .show = show_addresses6 },
	{ .path = "net/tcp", .show = show_tcp },
	{ .path = "net/tcp6", .show = show_tcp6 },
	{ .path = "net/udp", .show = show_udp },
	{ .path = "net/udp6", .show = show_udp6 },
	{ .path = "net/raw", .show = show_raw },
	{ .path = "net/sockstat", .show = show_counts },
	{ .path = "sys/net/core/rmem_default", .show = show_buffer_default },
	{ .path = "sys/net/core/wmem_default", .show = show_buffer_default },
	{ .path = "sys/net/core/rmem_max", .show = show_buffer_max },
	{ .path = "sys/net/core/wmem_max", .show = show_buffer_max },
	{ .path = "sys/net/core/optmem_max", .show = show_control_max },
	{ .path = "sys/net/core/netdev_max_backlog", .show = show_device_backlog },
	{ .path = "sys/net/ipv4/tcp_rmem", .show = show_receive_sizes },
	{ .path = "sys/net/ipv4/tcp_wmem", .show = show_send_sizes },
	{ .path = "sys/net/ipv4/ip_local_port_range", .show = show_ports },
	{ .path = "sys/net/ipv4/tcp_keepalive_time", .show = show_keepalive_time },
	{ .path = "sys/net/ipv4/tcp_keepalive_intvl", .show = show_keepalive_interval },
	{ .path = "sys/net/ipv4/tcp_keepalive_probes", .show = show_keepalive_probes },
	{ .path = "sys/net/ipv4/tcp_fin_timeout", .show = show_fin_timeout },
	{ .path = "sys/net/ipv4/tcp_congestion_control", .show = show_congestion },
	{ .path = "sys/net/ipv4/tcp_available_congestion_control", .show = show_congestion },
	{ .path = "sys/net/ipv4/tcp_fastopen", .show = show_zero },
	{ .path = "sys/net/ipv4/tcp_window_scaling", .show = show_one },
	{ .path = "sys/net/ipv4/tcp_timestamps", .show = show_one },
	{ .path = "sys/net/ipv4/ping_group_range", .show = show_ping_groups },
	{ .path = "sys/net/ipv4/ip_unprivileged_port_start", .show = show_zero },
	{ .path = "sys/net/ipv4/ip_default_ttl", .show = show_hops },
	{ .path = "sys/net/ipv4/ip_forward", .show = show_zero },
	{ .path = "sys/net/ipv6/bindv6only", .show = show_zero },
	{ .path = "sys/net/ipv6/conf/all/disable_ipv6", .show = show_zero },
};

int network_show(void)
{
	int error = procfs_add(entries, countof(entries));

	return error ? error : network_show_counts();
}
