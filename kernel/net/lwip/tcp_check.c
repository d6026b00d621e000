/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether a segment counts for the connection that it is addressed to: RFC 9293, 3.10.7.4; against those who guess, RFC 5961, 5.2;
 * against old ones, RFC 7323, 5 (PAWS). What of it lies in the window is lwIP's to see.
 */
#include "internal.h"

#include <hooks.h>

enum {
	TICKS = 1000 / TCP_SLOW_INTERVAL, /* a second */
	OLDEST = 24 * 86400 * TICKS,      /* of a time stamp that another is compared with */
	CHALLENGES = TICKS / 2,           /* between two answers to segments without data */
	OPTION_BYTES = 12,
};

/* [net_mutex] Of the segment that lwIP looks at. */
static struct {
	uint32_t value;
	bool has;
} stamp;

/** lwIP's: the time stamp of a segment without SYN. */
void tcp_option_timestamp(uint32_t value)
{
	stamp.value = value;
	stamp.has = true;
}

/** lwIP's, before it looks at options, which may go on at `rest`: whether there are none but a time stamp, as everybody sends it (RFC
 * 7323, A). */
bool tcp_options_usual(const void *options, uint16_t bytes, const void *rest)
{
	uint32_t words[2];

	stamp.has = false;
	tcp_options_begin();
	if (!bytes)
		return true;
	if (bytes != OPTION_BYTES || rest)
		return false;
	__builtin_memcpy(words, options, sizeof words);
	if (words[0] != lwip_htonl(0x0101080a))
		return false;
	tcp_option_timestamp(lwip_ntohl(words[1]));
	return true;
}

/* Says what is expected; of those without data not to each, or two that disagree would never end. */
static bool refuse(struct tcp_pcb *pcb, uint16_t length)
{
	if (!length && tcp_ticks - pcb->ext.challenged < CHALLENGES)
		return false;
	pcb->ext.challenged = tcp_ticks;
	tcp_ack_now(pcb);
	return false;
}

static bool is_old(const struct tcp_pcb *pcb)
{
	return (int32_t)(stamp.value - pcb->ts_recent) < 0 && tcp_ticks - pcb->ext.stamped < OLDEST;
}

static void take_stamp(struct tcp_pcb *pcb, uint32_t sequence, uint16_t length)
{
	if (!TCP_SEQ_BETWEEN(pcb->ts_lastacksent, sequence, sequence + length))
		return;
	pcb->ts_recent = stamp.value;
	pcb->ext.stamped = tcp_ticks;
}

/** lwIP's: of a segment without RST; `length` as sequence numbers count. */
bool tcp_segment_counts(struct tcp_pcb *pcb, uint32_t sequence, uint32_t acknowledged,
			uint8_t flags, uint16_t length)
{
	if (pcb->state == SYN_SENT || flags & TCP_SYN)
		return true;
	if (stamp.has && pcb->flags & TF_TIMESTAMP) {
		if (unlikely(is_old(pcb)))
			return length && refuse(pcb, length);
		take_stamp(pcb, sequence, length);
	}
	if (pcb->state == SYN_RCVD)
		return true;
	if (unlikely(!(flags & TCP_ACK)))
		return false;
	if (likely(TCP_SEQ_LEQ(acknowledged, pcb->snd_nxt) &&
		   TCP_SEQ_GEQ(acknowledged, pcb->lastack - pcb->snd_wnd_max)))
		return true;
	return refuse(pcb, length);
}
