/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers to SYNs without a control block, when as many connections are half open as may be (RFC 4987, 3.6): a flood with forged senders
 * costs no memory, and a genuine client connects as ever. What the SYN said is in the answer's sequence number, under a secret,
 * and, where the client sends time stamps, in the low bits of ours: its acknowledgement brings both back. Without time stamps
 * the connection has neither window scaling nor selective acknowledgements.
 *
 *	sequence number: | sum of 26 bits | time stamps: 1 | segment size: 3 | minute: 2 |
 *	time stamp:      | milliseconds   | SACK: 1 | scale: 4, 15 for none |
 */
#include "internal.h"

#include <base/string.h>
#include <core/time.h>

#include <hooks.h>
#include <lwip/inet_chksum.h>
#include <lwip/ip.h>
#include <lwip/sys.h>

enum {
	MINUTES_MASK = 3,
	MINUTES_VALID = 2, /* this one and the one before */
	SIZE_SHIFT = 2,
	SIZE_MASK = 7,
	STAMPED = 1 << 5,
	SUM_SHIFT = 6,
	SCALE_NONE = 15,
	SACK = 1 << 4,
	STAMP_BITS = 5,
	STAMP_OPTION_BYTES = 12,
	MSS_OPTION_BYTES = 4,
	OPTIONS_MAX = 24,
};

#define STAMP_OPTION lwip_htonl(0x0101080aU)

/* Most that the other end is sent at a time: the largest of these that is not more than it said. */
static const uint16_t sizes[SIZE_MASK + 1] = { 48, 536, 1220, 1360, 1440, 1452, 1460, 8960 };

/* [net_mutex] One TCP in the machine. */
static struct {
	uint64_t last_ns; /* when one was sent; 0: never */
} cookies;

/* The sum over who talks to whom, the client's first sequence number, and what else the cookie says. */
static uint32_t sum_of(uint32_t ports, uint32_t client, uint64_t minute, uint32_t said)
{
	const uint64_t words[2] = { (uint64_t)ports << 32 | client, minute << 8 | said };
	uint64_t hash = tcp_secret_hash(ip_current_dest_addr(), ip_current_src_addr(), words);

	return (uint32_t)(hash >> 32) >> SUM_SHIFT << SUM_SHIFT;
}

static uint64_t minute_now(void)
{
	return time_now() / (60 * NS_PER_S);
}

static uint32_t ports_of(const struct tcp_hdr *header)
{
	return (uint32_t)header->src << 16 | header->dest;
}

/* Answering */

static unsigned size_index(uint16_t mss)
{
	unsigned index = SIZE_MASK;

	while (index && sizes[index] > mss)
		index--;
	return index;
}

static uint32_t make_cookie(const struct tcp_hdr *header, const struct tcp_pcb *request)
{
	uint64_t minute = minute_now();
	uint32_t said = (uint32_t)(minute & MINUTES_MASK) | size_index(request->mss) << SIZE_SHIFT |
			(request->flags & TF_TIMESTAMP ? STAMPED : 0);

	return sum_of(ports_of(header), header->seqno, minute, said) | said;
}

/* The clock's, or less: it must not go back for what is sent later. */
static uint32_t make_stamp(const struct tcp_pcb *request)
{
	uint32_t says = request->flags & TF_WND_SCALE ? request->snd_scale : SCALE_NONE;
	uint32_t stamp = sys_now() & ~((1U << STAMP_BITS) - 1);

	if (request->flags & TF_SACK)
		says |= SACK;
	if (stamp + says > sys_now())
		stamp -= 1U << STAMP_BITS;
	return stamp | says;
}

static size_t put_options(uint32_t *options, const struct tcp_pcb *request, uint16_t mss)
{
	uint32_t *at = options;

	*at++ = TCP_BUILD_MSS_OPTION(mss);
	if (!(request->flags & TF_TIMESTAMP))
		return MSS_OPTION_BYTES;
	*at++ = STAMP_OPTION;
	*at++ = lwip_htonl(make_stamp(request));
	*at++ = lwip_htonl(request->ts_recent);
	if (request->flags & TF_WND_SCALE)
		*at++ = lwip_htonl(0x01030300U | TCP_RCV_SCALE);
	if (request->flags & TF_SACK)
		*at++ = lwip_htonl(0x01010402U);
	return (size_t)(at - options) * sizeof *at;
}

static void send_answer(const struct tcp_pcb_listen *listener, const struct tcp_hdr *header,
			const void *options, size_t option_bytes, uint32_t cookie)
{
	const ip_addr_t *local = ip_current_dest_addr(), *remote = ip_current_src_addr();
	uint16_t bytes = (uint16_t)(TCP_HLEN + option_bytes);
	struct netif *netif = ip_route(local, remote);
	struct pbuf *p = netif ? pbuf_alloc(PBUF_IP, bytes, PBUF_RAM) : NULL;
	struct tcp_hdr *answer;

	if (!p)
		return;
	answer = p->payload;
	*answer = (struct tcp_hdr){
		.src = lwip_htons(header->dest),
		.dest = lwip_htons(header->src),
		.seqno = lwip_htonl(cookie),
		.ackno = lwip_htonl(header->seqno + 1),
		.wnd = lwip_htons(TCPWND_MIN16(TCP_WND)),
	};
	TCPH_HDRLEN_FLAGS_SET(answer, bytes / 4, TCP_SYN | TCP_ACK);
	memcpy(answer + 1, options, option_bytes);
	if (netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP)
		answer->chksum = ip_chksum_pseudo(p, IP_PROTO_TCP, bytes, local, remote);
	ip_output_if(p, local, remote, listener->ttl, listener->tos, IP_PROTO_TCP, netif);
	pbuf_free(p);
}

/** lwIP's: answers a SYN whose header is in host byte order, and whose options are in `request`. */
void tcp_cookie_answer(const struct tcp_pcb_listen *listener, const struct tcp_hdr *header,
		       const struct tcp_pcb *request)
{
	uint32_t options[OPTIONS_MAX / sizeof(uint32_t)];
	struct netif *netif = ip_current_input_netif();
	uint16_t mss = tcp_eff_send_mss_netif(TCP_MSS, netif, ip_current_src_addr());

	cookies.last_ns = time_now();
	send_answer(listener, header, options, put_options(options, request, mss),
		    make_cookie(header, request));
}

/* What an acknowledgement brings back */

/* Whether a cookie was ours; `client` is the first sequence number that its SYN had. */
static bool is_genuine(const struct tcp_hdr *header, uint32_t client, uint32_t cookie)
{
	uint32_t said = cookie & ((1U << SUM_SHIFT) - 1);
	uint64_t now = minute_now(), age = (now - cookie) & MINUTES_MASK;

	return age < MINUTES_VALID && age <= now &&
	       sum_of(ports_of(header), client, now - age, said) == cookie - said;
}

/* False: the stamp that the cookie was sent with has not come back. */
static bool take_stamp(struct tcp_pcb *pcb, const void *options, uint16_t option_bytes)
{
	uint32_t words[STAMP_OPTION_BYTES / sizeof(uint32_t)], said;

	if (option_bytes < sizeof words)
		return false;
	memcpy(words, options, sizeof words);
	if (words[0] != STAMP_OPTION)
		return false;
	said = lwip_ntohl(words[2]);
	pcb->ts_recent = lwip_ntohl(words[1]);
	tcp_set_flags(pcb, TF_TIMESTAMP);
	if (said & SACK)
		tcp_set_flags(pcb, TF_SACK);
	if ((said & SCALE_NONE) == SCALE_NONE)
		return true;
	pcb->snd_scale = said & SCALE_NONE;
	pcb->rcv_scale = TCP_RCV_SCALE;
	pcb->rcv_wnd = pcb->rcv_ann_wnd = TCP_WND;
	tcp_set_flags(pcb, TF_WND_SCALE);
	return true;
}

/* As it would be if it had been there since the SYN. */
static void fill_in(struct tcp_pcb *pcb, struct tcp_pcb_listen *listener,
		    const struct tcp_hdr *header)
{
	uint32_t cookie = header->ackno - 1;

	pcb->local_ip = *ip_current_dest_addr();
	pcb->remote_ip = *ip_current_src_addr();
	pcb->local_port = listener->local_port;
	pcb->remote_port = header->src;
	pcb->state = SYN_RCVD;
	pcb->rcv_nxt = pcb->rcv_ann_right_edge = pcb->ts_lastacksent = header->seqno;
	pcb->snd_wl1 = header->seqno - 1;
	pcb->snd_wl2 = pcb->lastack = cookie;
	pcb->snd_nxt = pcb->snd_lbb = header->ackno;
	pcb->callback_arg = listener->callback_arg;
	pcb->listener = listener;
	pcb->so_options = listener->so_options & SOF_INHERITED;
	pcb->netif_idx = listener->netif_idx;
	pcb->mss = tcp_eff_send_mss(sizes[cookie >> SIZE_SHIFT & SIZE_MASK], &pcb->local_ip,
				    &pcb->remote_ip);
}

/** lwIP's: of an acknowledgement without a connection, whose header is in host byte order. True: it is of a cookie, and `*out` its
 * connection, in SYN-RECEIVED; NULL where there is no room for it. */
bool tcp_cookie_open(struct tcp_pcb_listen *listener, const struct tcp_hdr *header,
		     uint16_t option_bytes, struct tcp_pcb **out)
{
	uint32_t cookie = header->ackno - 1;
	struct tcp_pcb *pcb;

	*out = NULL;
	if (likely(!cookies.last_ns ||
		   time_now() - cookies.last_ns > MINUTES_VALID * 60 * NS_PER_S) ||
	    !is_genuine(header, header->seqno - 1, cookie))
		return false;
	pcb = tcp_listener_takes(listener) ? tcp_alloc(listener->prio) : NULL;
	if (!pcb)
		return true;
	fill_in(pcb, listener, header);
	if (cookie & STAMPED && !take_stamp(pcb, header + 1, option_bytes)) {
		memp_free(MEMP_TCP_PCB, pcb);
		return false;
	}
	tcp_register(&tcp_active_pcbs, pcb);
	tcp_active_pcbs_changed = 1;
	*out = pcb;
	return true;
}
