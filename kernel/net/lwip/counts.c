/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP has counted, in the terms of <net/stack.h>. */
#include "internal.h"

#include <lwip/stats.h>

static struct stack_count count_of(const struct stats_proto *s)
{
	return (struct stack_count){
		.received = s->recv,
		.sent = s->xmit,
		.dropped = s->drop,
		.checksum = s->chkerr,
		.length = s->lenerr,
		.wrong = s->err + s->opterr,
		.unknown = s->proterr,
		.no_route = s->rterr,
	};
}

void stack_counts(struct stack_count out[STACK_COUNTED])
{
	out[STACK_COUNT_IP4] = count_of(&lwip_stats.ip);
	out[STACK_COUNT_FRAGMENTS4] = count_of(&lwip_stats.ip_frag);
	out[STACK_COUNT_ICMP4] = count_of(&lwip_stats.icmp);
	out[STACK_COUNT_IP6] = count_of(&lwip_stats.ip6);
	out[STACK_COUNT_FRAGMENTS6] = count_of(&lwip_stats.ip6_frag);
	out[STACK_COUNT_ICMP6] = count_of(&lwip_stats.icmp6);
	out[STACK_COUNT_TCP] = count_of(&lwip_stats.tcp);
	out[STACK_COUNT_UDP] = count_of(&lwip_stats.udp);
}
