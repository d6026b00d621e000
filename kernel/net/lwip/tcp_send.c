/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP's segments to send, in place of lwIP's tcp_write(). A segment is a chain of pbufs that stand for the buffers which the socket layer
 * has filled; where the first has room in front the headers go there. With segmentation offload a segment is as large as the interface
 * takes; it is cut where window, loss or another interface wants it smaller.
 */
#include "internal.h"

#include <base/errno.h>
#include <base/string.h>

#include <hooks.h>
#include <lwip/memp.h>

enum {
	FRAGMENTS_MAX = NETDEV_SEGMENTS_MAX - 2,
	PAYLOAD_MAX = UINT16_MAX - 200, /* of a segment, whose packet has to fit into 16 bits */
	JOIN_MAX = 256,                 /* bytes that are copied behind others */
	HEADERS = PBUF_TRANSPORT + 12,  /* of link, IPv6, TCP and time stamps */
	FRAGMENTS_QUEUED = 50000,       /* lwIP counts them in 16 bits: cuts make no more */
};

static uint8_t option_flags(const struct tcp_pcb *pcb)
{
	return pcb->flags & TF_TIMESTAMP ? TF_SEG_OPTS_TS : 0;
}

static uint16_t option_bytes(uint8_t flags)
{
	return (uint16_t)(LWIP_TCP_OPT_LENGTH(flags));
}

/* One that is half of the other end's largest window leaves it room for another; a window of a few bytes shall not make a segment of each
 * few. */
uint16_t tcp_payload_max(const struct tcp_pcb *pcb)
{
	uint32_t mss = tcp_mss(pcb);

	return (uint16_t)min(mss, max(pcb->snd_wnd_max / 2, (uint32_t)TCP_MSS_LEAST));
}

static uint16_t segment_max(const struct tcp_pcb *pcb)
{
	return max(pcb->ext.segment_max, tcp_payload_max(pcb));
}

static void fill_header(struct tcp_pcb *pcb, struct tcp_seg *segment, uint32_t sequence)
{
	struct tcp_hdr *header = segment->p->payload;

	segment->tcphdr = header;
	header->src = lwip_htons(pcb->local_port);
	header->dest = lwip_htons(pcb->remote_port);
	header->seqno = lwip_htonl(sequence);
	TCPH_HDRLEN_FLAGS_SET(header, 5 + option_bytes(segment->flags) / 4, 0);
	header->urgp = 0;
}

/* A segment whose payload is yet to be put behind the header. */
static struct tcp_seg *make_header(struct tcp_pcb *pcb, uint32_t sequence)
{
	struct tcp_seg *segment = memp_malloc(MEMP_TCP_SEG);
	uint8_t options = option_flags(pcb);
	struct pbuf *p = pbuf_alloc(PBUF_IP, (uint16_t)(TCP_HLEN + option_bytes(options)),
				    PBUF_RAM);

	if (!segment || !p) {
		memp_free(MEMP_TCP_SEG, segment);
		if (p)
			pbuf_free(p);
		return NULL;
	}
	*segment = (struct tcp_seg){ .p = p, .flags = options };
	fill_header(pcb, segment, sequence);
	return segment;
}

static void add_payload(struct tcp_seg *segment, struct pbuf *payload)
{
	segment->len = payload->tot_len;
	pbuf_cat(segment->p, payload);
}

/* A segment whose header is in front of its payload, in the same buffer. */
static struct tcp_seg *make_in_place(struct tcp_pcb *pcb, struct pbuf *payload, uint32_t sequence)
{
	struct tcp_seg *segment = memp_malloc(MEMP_TCP_SEG);
	uint8_t options = option_flags(pcb);

	if (!segment)
		return NULL;
	*segment = (struct tcp_seg){ .p = payload, .flags = options, .len = payload->tot_len };
	if (pbuf_add_header(payload, (size_t)TCP_HLEN + option_bytes(options))) {
		memp_free(MEMP_TCP_SEG, segment);
		return NULL;
	}
	fill_header(pcb, segment, sequence);
	return segment;
}

/* A segment with this payload, whose reference is gone, also on failure. */
static struct tcp_seg *make_segment(struct tcp_pcb *pcb, struct pbuf *payload, uint32_t sequence)
{
	bool in_place = packet_headroom(payload) >= HEADERS;
	struct tcp_seg *segment = in_place ? make_in_place(pcb, payload, sequence)
					   : make_header(pcb, sequence);

	if (!segment)
		pbuf_free(payload);
	else if (!in_place)
		add_payload(segment, payload);
	return segment;
}

/* Appending */

static struct tcp_seg *last_open_segment(struct tcp_pcb *pcb)
{
	struct tcp_seg *last = pcb->unsent ? pcb->ext.unsent_last : NULL;

	return last && last->len && !(TCPH_FLAGS(last->tcphdr) & (TCP_SYN | TCP_FIN)) ? last : NULL;
}

static void count(struct tcp_pcb *pcb, uint16_t bytes, int fragments)
{
	pcb->snd_lbb += bytes;
	pcb->snd_buf -= bytes;
	pcb->snd_queuelen = (uint16_t)(pcb->snd_queuelen + fragments);
}

/* Copies a few bytes behind those that wait, where the buffer has room. */
static bool join(struct tcp_pcb *pcb, struct tcp_seg *last, struct pbuf *p)
{
	struct pbuf *tail = last->p;
	uint16_t bytes = p->len;

	if (bytes > JOIN_MAX || p->next || packet_busy(last->p))
		return false;
	while (tail->next)
		tail = tail->next;
	if (!packet_extend(tail, p->payload, bytes))
		return false;
	for (struct pbuf *q = last->p; q != tail; q = q->next)
		q->tot_len = (uint16_t)(q->tot_len + bytes);
	last->len = (uint16_t)(last->len + bytes);
	count(pcb, bytes, 0);
	pbuf_free(p);
	return true;
}

/* How much of one more fragment a segment takes. */
static uint16_t room_in(const struct tcp_pcb *pcb, const struct tcp_seg *last)
{
	uint16_t most = segment_max(pcb);

	if (last->len >= most || pbuf_clen(last->p) >= FRAGMENTS_MAX)
		return 0;
	return (uint16_t)(most - last->len);
}

/* Appends one pbuf that is small enough, to the last segment or as another. */
static int append_piece(struct tcp_pcb *pcb, struct tcp_seg *last, struct pbuf *p)
{
	uint16_t bytes = p->len;

	if (last) {
		pbuf_cat(last->p, p);
		last->len = (uint16_t)(last->len + bytes);
		count(pcb, bytes, 1);
		return 0;
	}
	last = make_segment(pcb, p, pcb->snd_lbb);
	if (!last)
		return -ENOMEM;
	if (pcb->unsent)
		pcb->ext.unsent_last->next = last;
	else
		pcb->unsent = last;
	pcb->ext.unsent_last = last;
	count(pcb, bytes, pbuf_clen(last->p));
	return 0;
}

/* Appends one pbuf, cut into as many pieces as it takes. */
static int append_one(struct tcp_pcb *pcb, struct pbuf *p)
{
	for (;;) {
		struct tcp_seg *last = last_open_segment(pcb);
		uint16_t room = last ? room_in(pcb, last) : 0;
		struct pbuf *rest = NULL;
		int error;

		if (room && join(pcb, last, p))
			return 0;
		if (!room) {
			last = NULL;
			room = segment_max(pcb);
		}
		if (p->len > room) {
			struct pbuf *piece = packet_cut(p, room, &rest);

			if (!piece) {
				pbuf_free(p);
				return -ENOMEM;
			}
			p = piece;
			p->tot_len = p->len;
		}
		error = append_piece(pcb, last, p);
		if (error && rest)
			pbuf_free(rest);
		if (error || !rest)
			return error;
		p = rest;
	}
}

int tcp_append(struct tcp_pcb *pcb, struct pbuf *p, bool push)
{
	while (p) {
		struct pbuf *next = p->next;
		int error = 0;

		p->next = NULL;
		p->tot_len = p->len;
		if (p->len)
			error = append_one(pcb, p);
		else
			pbuf_free(p);
		if (error) {
			if (next)
				pbuf_free(next);
			return error;
		}
		p = next;
	}
	if (push && pcb->unsent)
		TCPH_SET_FLAG(pcb->ext.unsent_last->tcphdr, TCP_PSH);
	return 0;
}

size_t tcp_queued_bytes(const struct tcp_pcb *pcb)
{
	return TCP_SND_BUF - pcb->snd_buf;
}

/* Cutting */

/* Bytes in front of the payload, all in the first pbuf. */
static uint16_t header_bytes(const struct tcp_seg *segment)
{
	return (uint16_t)(segment->p->tot_len - segment->len);
}

/* Gives a segment whose header and payload share a buffer a header of its own. */
static bool separate_header(struct tcp_seg *segment)
{
	uint16_t skip = header_bytes(segment), bytes = TCPH_HDRLEN_BYTES(segment->tcphdr);
	struct pbuf *old = segment->p, *header, *payload;

	if (old->len == skip)
		return true;
	header = pbuf_alloc(PBUF_IP, bytes, PBUF_RAM);
	payload = packet_part(old, skip, (uint16_t)(old->len - skip));
	if (!header || !payload) {
		if (header)
			pbuf_free(header);
		if (payload)
			pbuf_free(payload);
		return false;
	}
	memcpy(header->payload, segment->tcphdr, bytes);
	payload->next = old->next;
	payload->tot_len = (uint16_t)(old->tot_len - skip);
	old->next = NULL;
	pbuf_free(old);
	segment->p = header;
	segment->tcphdr = header->payload;
	pbuf_cat(header, payload);
	return true;
}

/* Takes what is behind `at` bytes of payload off a segment with a header of its own. NULL: no memory, nothing has changed. */
static struct pbuf *cut_payload(struct tcp_seg *segment, uint16_t at)
{
	uint16_t rest_bytes = (uint16_t)(segment->len - at), left = at;
	struct pbuf *before = segment->p, *rest;

	for (; left >= before->next->len; before = before->next) {
		left = (uint16_t)(left - before->next->len);
		if (!left) {
			before = before->next;
			break;
		}
	}
	rest = before->next;
	if (left) {
		struct pbuf *behind = rest->next, *first = packet_cut(rest, left, &rest);

		if (!first)
			return NULL;
		first->next = NULL;
		first->tot_len = (uint16_t)(left + rest_bytes);
		before->next = first;
		rest->next = behind;
		rest->tot_len = rest_bytes;
	} else {
		before->next = NULL;
	}
	for (struct pbuf *q = segment->p; q; q = q->next)
		q->tot_len = (uint16_t)(q->tot_len - rest_bytes);
	return rest;
}

static void link_second(struct tcp_pcb *pcb, struct tcp_seg *first, struct tcp_seg *second)
{
	second->next = first->next;
	first->next = second;
	if (pcb->ext.unsent_last == first)
		pcb->ext.unsent_last = second;
	if (pcb->ext.unacked_last == first)
		pcb->ext.unacked_last = second;
}

err_t tcp_split_segment(struct tcp_pcb *pcb, struct tcp_seg *segment, uint16_t at)
{
	uint8_t moved = TCPH_FLAGS(segment->tcphdr) & (TCP_FIN | TCP_PSH);
	int fragments = pbuf_clen(segment->p);
	struct tcp_seg *second;
	struct pbuf *rest;

	if (!at || at >= segment->len)
		return ERR_OK;
	if (pcb->snd_queuelen > FRAGMENTS_QUEUED)
		return ERR_MEM;
	second = make_header(pcb, lwip_ntohl(segment->tcphdr->seqno) + at);
	if (!second)
		return ERR_MEM;
	rest = separate_header(segment) ? cut_payload(segment, at) : NULL;
	if (!rest) {
		tcp_seg_free(second);
		pcb->snd_queuelen = (uint16_t)(pcb->snd_queuelen + pbuf_clen(segment->p) -
					       fragments);
		return ERR_MEM;
	}
	add_payload(second, rest);
	second->flags = segment->flags;
	second->resent_at = segment->resent_at;
	segment->len = at;
	TCPH_FLAGS_SET(segment->tcphdr, TCPH_FLAGS(segment->tcphdr) & ~moved);
	TCPH_SET_FLAG(second->tcphdr, moved);
	link_second(pcb, segment, second);
	pcb->snd_queuelen = (uint16_t)(pcb->snd_queuelen + pbuf_clen(segment->p) +
				       pbuf_clen(second->p) - fragments);
	return ERR_OK;
}

/* For the patches */

static uint16_t whole_segments(const struct tcp_pcb *pcb, uint32_t bytes)
{
	uint16_t mss = tcp_payload_max(pcb);

	bytes = min(bytes, (uint32_t)PAYLOAD_MAX);
	return (uint16_t)(bytes < mss ? bytes : bytes - bytes % mss);
}

void tcp_drop_acknowledged(struct tcp_pcb *pcb, struct tcp_seg **queue)
{
	struct tcp_seg *segment = *queue;
	uint32_t bytes = pcb->lastack - lwip_ntohl(segment->tcphdr->seqno);

	if (!bytes || bytes > INT32_MAX || bytes >= TCP_TCPLEN(segment))
		return;
	if (tcp_split_segment(pcb, segment, (uint16_t)bytes) != ERR_OK)
		return;
	*queue = segment->next;
	pcb->snd_buf += segment->len;
	pcb->snd_queuelen = (uint16_t)(pcb->snd_queuelen - pbuf_clen(segment->p));
	tcp_seg_free(segment);
}

/** Makes the first unsent segment one that the interface takes, and the window where it takes a whole maximum segment of it. */
void tcp_fit_segment(struct tcp_pcb *pcb, uint32_t window, struct netif *netif)
{
	uint16_t mss = tcp_payload_max(pcb), most;
	struct tcp_seg *segment;
	uint32_t offset;

	tcp_skip_sacked(pcb);
	pcb->ext.segment_max = whole_segments(
		pcb,
		max((uint32_t)mss, interface_segment_max(netif, IP_IS_V6_VAL(pcb->remote_ip))));
	if (!pcb->unsent || pcb->unsent->len <= mss)
		return;
	tcp_drop_acknowledged(pcb, &pcb->unsent);
	segment = pcb->unsent;
	if (segment->len <= mss)
		return;
	offset = lwip_ntohl(segment->tcphdr->seqno) - pcb->lastack;
	most = pcb->ext.segment_max;
	if (window < offset || window - offset < mss)
		most = mss;
	else
		most = min(most, whole_segments(pcb, window - offset));
	if (segment->len > most)
		(void)tcp_split_segment(pcb, segment, most); /* without memory it waits */
}

/** Makes the first unacknowledged segment one of maximum size, and only of what is missing. */
void tcp_fit_retransmission(struct tcp_pcb *pcb)
{
	if (!pcb->unacked || packet_busy(pcb->unacked->p))
		return;
	tcp_drop_acknowledged(pcb, &pcb->unacked);
	if (pcb->unacked->len > tcp_payload_max(pcb))
		(void)tcp_split_segment(pcb, pcb->unacked, tcp_payload_max(pcb));
}

/** A segment that is about to be sent. */
void tcp_mark_large(struct tcp_pcb *pcb, struct tcp_seg *segment)
{
	packet_set_segment(segment->p,
			   segment->len > tcp_payload_max(pcb) ? tcp_payload_max(pcb) : 0);
}

/** Whether the first unsent segment, which was never sent, waits for more, though it could go. */
bool tcp_holds_back(const struct tcp_pcb *pcb)
{
	return (pcb->ext.more || pcb->ext.corked) && !pcb->unsent->next &&
	       pcb->unsent->len < tcp_payload_max(pcb) &&
	       TCP_SEQ_GEQ(lwip_ntohl(pcb->unsent->tcphdr->seqno), pcb->snd_nxt);
}
