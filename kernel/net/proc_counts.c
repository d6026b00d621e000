/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /proc/net/snmp and snmp6, under the names of Linux (RFC 1213, RFC 4293): what netstat -s, nstat and monitors read. A name whose
 * number is not counted is left out; readers find numbers by their names. Thread context.
 */
#include <base/bits.h>
#include <fs/root.h>
#include <net/stack.h>

#include "internal.h"

/* What came but was meant for somebody else, or could not be used for another reason than its form. */
static uint32_t other_drops(const struct stack_count *c)
{
	uint32_t named = c->checksum + c->length + c->wrong + c->unknown;

	return c->dropped > named ? c->dropped - named : 0;
}

static int print_ip(struct procfs_buffer *b, const struct stack_count *all)
{
	const struct stack_count *ip = &all[STACK_COUNT_IP4];
	const struct stack_count *fragments = &all[STACK_COUNT_FRAGMENTS4];

	return procfs_print(b,
			    "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors "
			    "InUnknownProtos InDelivers OutRequests OutNoRoutes ReasmReqds "
			    "ReasmFails FragCreates\n"
			    "Ip: 2 64 %u %u %u %u %u %u %u %u %u %u\n",
			    ip->received, ip->checksum + ip->length + ip->wrong, other_drops(ip),
			    ip->unknown, ip->received - ip->dropped, ip->sent, ip->no_route,
			    fragments->received, fragments->dropped + fragments->wrong,
			    fragments->sent);
}

static int print_rest(struct procfs_buffer *b, const struct stack_count *all)
{
	const struct stack_count *icmp = &all[STACK_COUNT_ICMP4], *tcp = &all[STACK_COUNT_TCP];
	const struct stack_count *udp = &all[STACK_COUNT_UDP];

	return procfs_print(b,
			    "Icmp: InMsgs InErrors InCsumErrors OutMsgs\n"
			    "Icmp: %u %u %u %u\n"
			    "Tcp: InSegs OutSegs InErrs InCsumErrors\n"
			    "Tcp: %u %u %u %u\n"
			    "Udp: InDatagrams NoPorts InErrors OutDatagrams InCsumErrors\n"
			    "Udp: %u %u %u %u %u\n",
			    icmp->received, icmp->checksum + icmp->length + icmp->wrong,
			    icmp->checksum, icmp->sent, tcp->received, tcp->sent,
			    tcp->checksum + tcp->length, tcp->checksum,
			    udp->received - udp->dropped, udp->unknown, udp->checksum + udp->length,
			    udp->sent, udp->checksum);
}

static void read_counts(struct stack_count *all)
{
	mutex_lock(&net_mutex);
	stack_counts(all);
	mutex_unlock(&net_mutex);
}

static int show_snmp(struct procfs_buffer *b)
{
	struct stack_count all[STACK_COUNTED];
	int error;

	read_counts(all);
	error = print_ip(b, all);
	return error ? error : print_rest(b, all);
}

static int show_snmp6(struct procfs_buffer *b)
{
	struct stack_count all[STACK_COUNTED];

	read_counts(all);
	const struct stack_count *ip = &all[STACK_COUNT_IP6], *icmp = &all[STACK_COUNT_ICMP6];
	const struct stack_count *fragments = &all[STACK_COUNT_FRAGMENTS6];
	const struct {
		const char *name;
		uint32_t value;
	} lines[] = {
		{ "Ip6InReceives", ip->received },
		{ "Ip6InHdrErrors", ip->length + ip->wrong },
		{ "Ip6InAddrErrors", other_drops(ip) },
		{ "Ip6InUnknownProtos", ip->unknown },
		{ "Ip6InDelivers", ip->received - ip->dropped },
		{ "Ip6OutRequests", ip->sent },
		{ "Ip6OutNoRoutes", ip->no_route },
		{ "Ip6ReasmReqds", fragments->received },
		{ "Ip6ReasmFails", fragments->dropped },
		{ "Icmp6InMsgs", icmp->received },
		{ "Icmp6InErrors", icmp->checksum + icmp->length + icmp->wrong },
		{ "Icmp6InCsumErrors", icmp->checksum },
		{ "Icmp6OutMsgs", icmp->sent },
	};
	int error = 0;

	for (size_t i = 0; !error && i < countof(lines); i++)
		error = procfs_print(b, "%-32s\t%u\n", lines[i].name, lines[i].value);
	return error;
}

static const struct procfs_entry entries[] = {
	{ .path = "net/snmp", .show = show_snmp },
	{ .path = "net/snmp6", .show = show_snmp6 },
};

int network_show_counts(void)
{
	return procfs_add(entries, countof(entries));
}
