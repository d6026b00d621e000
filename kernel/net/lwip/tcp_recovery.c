/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loss, as the sender finds it: by selective acknowledgements (RFC 2018, RFC 6675), without them by duplicates (RFC 5681, RFC 6582). What is
 * known of a segment on its way is in its flags. What has left the network is `gone`: so much more than cwnd may be between the
 * first unacknowledged byte and the last one sent, for lwIP counts all of that as on its way.
 */
#include "internal.h"

#include <hooks.h>

enum { /* tcp_seg.flags, beside lwIP's TF_SEG_* */
       SEGMENT_SACKED = 0x20,
       SEGMENT_LOST = 0x40,
       SEGMENT_RESENT = 0x80,
       SEGMENT_MARKS = SEGMENT_SACKED | SEGMENT_LOST | SEGMENT_RESENT,
};

enum {
	DUPLICATES = 3, /* tell of a loss */
	BLOCKS_MAX = 4, /* as many as options have room for */
};

/* [net_mutex] Of the segment that lwIP looks at. */
static struct {
	struct {
		uint32_t left, right;
	} blocks[BLOCKS_MAX];
	unsigned count;
} told;

void tcp_options_begin(void)
{
	told.count = 0;
}

/** lwIP's: a block of the option, as it stands there. */
void tcp_option_sack(const uint8_t *block)
{
	uint32_t edges[2];

	if (told.count == BLOCKS_MAX)
		return;
	__builtin_memcpy(edges, block, sizeof edges);
	told.blocks[told.count].left = lwip_ntohl(edges[0]);
	told.blocks[told.count++].right = lwip_ntohl(edges[1]);
}

static uint32_t start_of(const struct tcp_seg *segment)
{
	return lwip_ntohl(segment->tcphdr->seqno);
}

static uint32_t end_of(const struct tcp_seg *segment)
{
	return start_of(segment) + TCP_TCPLEN(segment);
}

static uint32_t in_flight(const struct tcp_pcb *pcb)
{
	return pcb->snd_nxt - pcb->lastack;
}

/* What the other end has */

/* Whether a segment may be changed: no device has it. */
static bool is_free(const struct tcp_seg *segment)
{
	if (likely(!packet_busy(segment->p)))
		return true;
	stack_reclaim();
	return !packet_busy(segment->p);
}

/* Only at whole maximum segments, as they were sent: blocks of a byte each shall not make a segment of each byte. */
static bool cut(struct tcp_pcb *pcb, struct tcp_seg *segment, uint32_t at)
{
	return at && at < segment->len && is_free(segment) &&
	       tcp_split_segment(pcb, segment, (uint16_t)at) == ERR_OK;
}

/* Marks what a block covers of a queue; whether anything was not marked before. */
static bool mark_block(struct tcp_pcb *pcb, struct tcp_seg *segment, uint32_t left, uint32_t right)
{
	uint32_t mss = tcp_payload_max(pcb);
	bool news = false;

	for (; segment && TCP_SEQ_LT(start_of(segment), right); segment = segment->next) {
		uint32_t before = left - start_of(segment), within = right - start_of(segment);

		if (segment->flags & SEGMENT_SACKED || TCP_SEQ_LEQ(end_of(segment), left))
			continue;
		if (TCP_SEQ_LT(start_of(segment), left)) {
			(void)cut(pcb, segment, (before + mss - 1) / mss * mss);
			continue; /* with the second part */
		}
		if (TCP_SEQ_GT(end_of(segment), right) && !cut(pcb, segment, within / mss * mss))
			continue;
		segment->flags |= SEGMENT_SACKED;
		news = pcb->ext.marked = true;
	}
	return news;
}

static bool mark_sacked(struct tcp_pcb *pcb)
{
	bool news = false;

	for (unsigned i = 0; i < told.count; i++) {
		uint32_t left = told.blocks[i].left, right = told.blocks[i].right;

		if (!TCP_SEQ_LT(left, right) || TCP_SEQ_LEQ(left, pcb->lastack) ||
		    TCP_SEQ_GT(right, pcb->snd_nxt))
			continue;
		news = mark_block(pcb, pcb->unacked, left, right) || news;
		/* After a time-out all that was sent is here. */
		news = mark_block(pcb, pcb->unsent, left, right) || news;
	}
	return news;
}

static uint32_t sacked_bytes(const struct tcp_pcb *pcb, uint32_t *highest)
{
	uint32_t bytes = 0;

	*highest = pcb->lastack;
	for (const struct tcp_seg *segment = pcb->unacked; segment; segment = segment->next) {
		if (!(segment->flags & SEGMENT_SACKED))
			continue;
		bytes += TCP_TCPLEN(segment);
		*highest = end_of(segment);
	}
	return bytes;
}

/* Finds what is lost: segments below enough that has arrived. One that was sent again is lost again when enough has arrived that was sent
 * after it. Returns how much has left the network, and is not sent again. */
static uint32_t find_lost(struct tcp_pcb *pcb)
{
	uint32_t highest, above = sacked_bytes(pcb, &highest), gone = above;
	uint32_t enough = (DUPLICATES - 1) * tcp_payload_max(pcb);

	pcb->ext.marked = above;
	for (struct tcp_seg *segment = pcb->unacked; segment; segment = segment->next) {
		if (segment->flags & SEGMENT_SACKED) {
			above -= TCP_TCPLEN(segment);
			continue;
		}
		if (above > enough)
			segment->flags |= SEGMENT_LOST;
		if (segment->flags & SEGMENT_RESENT &&
		    TCP_SEQ_GT(highest, segment->resent_at + enough))
			segment->flags &= (uint8_t)~SEGMENT_RESENT;
		if ((segment->flags & SEGMENT_MARKS) == SEGMENT_LOST)
			gone += TCP_TCPLEN(segment);
	}
	return gone;
}

/* Sending again */

static void note_resent(struct tcp_pcb *pcb, struct tcp_seg *segment)
{
	segment->flags = (uint8_t)((segment->flags & ~SEGMENT_MARKS) | SEGMENT_RESENT);
	segment->resent_at = pcb->snd_nxt;
}

/* Takes a segment out of the unacknowledged ones and puts it where it belongs among the unsent, at `*at` or behind. */
static void requeue(struct tcp_pcb *pcb, struct tcp_seg **link, struct tcp_seg *previous,
		    struct tcp_seg ***at)
{
	struct tcp_seg *segment = *link;

	*link = segment->next;
	if (!segment->next)
		pcb->ext.unacked_last = previous;
	while (**at && TCP_SEQ_LT(start_of(**at), start_of(segment)))
		*at = &(**at)->next;
	segment->next = **at;
	**at = segment;
	if (!segment->next)
		pcb->ext.unsent_last = segment;
	*at = &segment->next;
	note_resent(pcb, segment);
	pcb->rttest = 0; /* nothing to be learnt from it (Karn) */
}

/* Makes a lost segment one that may be sent again now: not more than `room`, in whole maximum segments. */
static bool make_ready(struct tcp_pcb *pcb, struct tcp_seg *segment, uint32_t room)
{
	uint32_t mss = tcp_payload_max(pcb), most = max(room / mss, 1u) * mss;

	return is_free(segment) &&
	       (segment->len <= most || tcp_split_segment(pcb, segment, (uint16_t)most) == ERR_OK);
}

/* Has what is lost sent again, as far as the window lets it (RFC 6675, 5, C); `first` the first of it in any case. */
static void resend_lost(struct tcp_pcb *pcb, bool first)
{
	struct tcp_seg **link = &pcb->unacked, **at = &pcb->unsent, *previous = NULL;
	uint32_t gone, mss = tcp_payload_max(pcb);

	if (is_free(pcb->unacked))
		tcp_drop_acknowledged(pcb, &pcb->unacked);
	gone = find_lost(pcb);
	while (*link && gone) {
		uint32_t pipe = in_flight(pcb) - min(gone, in_flight(pcb));
		uint32_t room = pcb->cwnd - min(pipe, pcb->cwnd);

		if (((*link)->flags & SEGMENT_MARKS) != SEGMENT_LOST) {
			previous = *link;
			link = &previous->next;
			continue;
		}
		if (room < min((uint32_t)(*link)->len, mss) && !first)
			break;
		if (!make_ready(pcb, *link, room))
			break;
		gone -= min(gone, (uint32_t)TCP_TCPLEN(*link));
		requeue(pcb, link, previous, &at);
		first = false;
	}
	pcb->ext.gone = gone;
}

static void begin_recovery(struct tcp_pcb *pcb)
{
	if (!(pcb->flags & TF_SACK)) {
		pcb->ext.gone = 0; /* cwnd is enlarged instead */
		tcp_rexmit_fast(pcb);
		return;
	}
	pcb->ext.recover = pcb->snd_nxt;
	pcb->ssthresh = max(min(pcb->cwnd, pcb->snd_wnd) / 2, 2u * pcb->mss);
	pcb->cwnd = pcb->ssthresh;
	pcb->bytes_acked = 0;
	pcb->rtime = 0;
	tcp_set_flags(pcb, TF_INFR);
	if (!(pcb->unacked->flags & SEGMENT_SACKED))
		pcb->unacked->flags |= SEGMENT_LOST;
	resend_lost(pcb, true);
}

/** lwIP's: an acknowledgement of what was acknowledged before; `plain`: with nothing else in it that is new. */
void tcp_duplicate_ack(struct tcp_pcb *pcb, bool plain)
{
	bool sack = pcb->flags & TF_SACK, duplicate = sack ? mark_sacked(pcb) : plain;

	if (!duplicate || !pcb->unacked)
		return;
	if (pcb->dupacks < UINT8_MAX)
		pcb->dupacks++;
	if (pcb->flags & TF_INFR) {
		if (sack)
			resend_lost(pcb, false);
		else
			pcb->cwnd += pcb->mss;
		return;
	}
	/* New data keeps acknowledgements coming (RFC 3042). */
	pcb->ext.gone = sack ? find_lost(pcb)
			     : min(pcb->dupacks, (uint8_t)(DUPLICATES - 1)) * (uint32_t)pcb->mss;
	if (pcb->flags & TF_RTO)
		return;
	if (pcb->dupacks >= DUPLICATES || (sack && pcb->unacked->flags & SEGMENT_LOST))
		begin_recovery(pcb);
}

/* Part of what was lost has arrived: the next part goes (RFC 6582, 3.2). */
static void partial_ack(struct tcp_pcb *pcb, uint32_t acknowledged)
{
	uint32_t window = pcb->cwnd > acknowledged ? pcb->cwnd - acknowledged : 0;

	if (acknowledged >= pcb->mss)
		window += pcb->mss;
	pcb->cwnd = max(window, 2u * pcb->mss);
	if (tcp_rexmit(pcb) != ERR_OK)
		tcp_touch(pcb);
}

/** lwIP's: so many bytes are acknowledged, and gone from the queues; `partial`: not all that was on its way when recovery began. */
void tcp_new_ack(struct tcp_pcb *pcb, uint32_t acknowledged, bool partial)
{
	pcb->ext.gone = 0;
	if (!(pcb->flags & TF_SACK)) {
		if (partial)
			partial_ack(pcb, acknowledged);
		return;
	}
	if (likely(!told.count && !pcb->ext.marked && !partial))
		return;
	(void)mark_sacked(pcb);
	if (!pcb->unacked)
		return;
	if (partial && !(pcb->unacked->flags & SEGMENT_MARKS))
		pcb->unacked->flags |= SEGMENT_LOST;
	if (pcb->flags & TF_INFR) {
		resend_lost(pcb, false);
		return;
	}
	pcb->ext.gone = find_lost(pcb);
	if (pcb->unacked->flags & SEGMENT_LOST && !(pcb->flags & TF_RTO))
		begin_recovery(pcb);
}

/* What was told to have arrived goes too, but for what is told again (RFC 2018, 8). */
bool tcp_requeue_all(struct tcp_pcb *pcb)
{
	struct tcp_seg **at = &pcb->unsent;

	if (!pcb->unacked)
		return pcb->unsent;
	for (struct tcp_seg *segment = pcb->unacked; segment; segment = segment->next) {
		if (packet_busy(segment->p))
			return false;
	}
	while (pcb->unacked)
		requeue(pcb, &pcb->unacked, NULL, &at);
	pcb->ext.gone = 0;
	pcb->ext.marked = false;
	pcb->rto_end = pcb->snd_nxt;
	pcb->rttest = 0;
	tcp_set_flags(pcb, TF_RTO);
	return true;
}

static void insert_unacked(struct tcp_pcb *pcb, struct tcp_seg *segment)
{
	struct tcp_seg **at = &pcb->unacked;

	while (*at && TCP_SEQ_LT(start_of(*at), start_of(segment)))
		at = &(*at)->next;
	segment->next = *at;
	*at = segment;
	if (!segment->next)
		pcb->ext.unacked_last = segment;
}

void tcp_skip_sacked(struct tcp_pcb *pcb)
{
	while (unlikely(pcb->unsent && pcb->unsent->flags & SEGMENT_SACKED)) {
		struct tcp_seg *segment = pcb->unsent;

		pcb->unsent = segment->next;
		insert_unacked(pcb, segment);
	}
}

/** lwIP's: how far behind what is acknowledged it may send. */
uint32_t tcp_send_window(struct tcp_pcb *pcb)
{
	tcp_skip_sacked(pcb);
	return min((uint64_t)pcb->snd_wnd, (uint64_t)pcb->cwnd + pcb->ext.gone);
}
