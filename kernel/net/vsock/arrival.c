/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a packet does that arrives, from another machine or from this one (virtio 1.2, 5.10.6). Nothing in it is trusted: who claims more
 * credit than there is, or sends more than it was given, loses its connection. Under net_mutex.
 */
#include <base/errno.h>
#include <base/string.h>

#include "vsock.h"

enum { MERGED_BYTES = 2048 }; /* of a fragment that small packets are put together in */

/* --- credit (5.10.6.3) --- */

uint32_t vsock_credit(const struct vsock *vsock)
{
	uint32_t in_flight = vsock->sent - vsock->peer_forwarded;

	return in_flight < vsock->peer_window ? vsock->peer_window - in_flight : 0;
}

/* False: the peer says that it has read what nobody sent. */
static bool take_credit(struct vsock *vsock, const struct vsock_packet *packet) REQUIRES(net_mutex)
{
	bool had_none = !vsock_credit(vsock);

	if (vsock->sent - packet->fwd_cnt > INT32_MAX)
		return false;
	vsock->peer_forwarded = packet->fwd_cnt;
	vsock->peer_window = min(packet->buf_alloc, (uint32_t)INT32_MAX);
	if (had_none && vsock_credit(vsock)) {
		vsock->credit_asked = false;
		vsock_wake(vsock, VSOCK_WRITABLE);
	}
	return true;
}

/* --- the queue of what is to be read --- */

size_t vsock_memory_of(const struct netbuf *buf)
{
	return sizeof *buf + (size_t)(buf->end - buf->start);
}

void vsock_put_list(struct netbuf *list)
{
	while (list) {
		struct netbuf *next = list->next_packet;

		netbuf_put_chain(list);
		list = next;
	}
}

static void append(struct vsock *vsock, struct netbuf *data) REQUIRES(net_mutex)
{
	data->next_packet = NULL;
	if (vsock->last)
		vsock->last->next_packet = data;
	else
		vsock->first = data;
	vsock->last = data;
	vsock->held += vsock_memory_of(data);
}

/* The last fragment, with room for `bytes` behind its data: it, or a new one. NULL: no memory. */
static struct netbuf *with_room(struct vsock *vsock, uint32_t bytes) REQUIRES(net_mutex)
{
	struct netbuf *last = vsock->last;

	if (last && last->end - (last->data + last->bytes) >= (ptrdiff_t)bytes)
		return last;
	last = netbuf_alloc(0, MERGED_BYTES);
	if (last)
		append(vsock, last);
	return last;
}

/* A packet lies in a buffer that may be much larger. That is worth its while until they take twice what the peer may send; from then on
 * small ones are put together. */
int vsock_queue(struct vsock *vsock, struct netbuf *data)
{
	uint32_t bytes = data->bytes;
	struct netbuf *last;

	if (likely(vsock->held + vsock_memory_of(data) <= 2 * (size_t)vsock->window_most) ||
	    bytes > MERGED_BYTES / 2) {
		append(vsock, data);
	} else {
		last = with_room(vsock, bytes);
		if (last) {
			memcpy(last->data + last->bytes, data->data, bytes);
			last->bytes += bytes;
		}
		netbuf_put(data);
		if (!last)
			return -ENOMEM;
	}
	vsock->queued += bytes;
	return 0;
}

void vsock_drop_queue(struct vsock *vsock)
{
	vsock_put_list(vsock->first);
	vsock->first = vsock->last = NULL;
	vsock->queued = 0;
	vsock->held = 0;
}

/* --- what a connection is told --- */

/* False: there was no credit for it, or it came without all of its data. */
static bool take_data(struct vsock *vsock, const struct vsock_packet *packet, struct netbuf **data)
	REQUIRES(net_mutex)
{
	uint32_t unread = vsock->received - vsock->forwarded;
	struct netbuf *taken = *data;

	if (packet->bytes != taken->bytes || packet->bytes > vsock->window_most - unread ||
	    vsock->peer_shut & VSOCK_SHUT_SEND)
		return false;
	if (!packet->bytes)
		return true;
	*data = NULL;
	if (vsock_queue(vsock, taken))
		return false;
	vsock->received += packet->bytes;
	vsock_wake(vsock, VSOCK_READABLE);
	return true;
}

static void take_shutdown(struct vsock *vsock, uint32_t flags) REQUIRES(net_mutex)
{
	vsock->peer_shut |= flags & VSOCK_SHUT_BOTH;
	vsock_wake(vsock, WAKE_ANY);
	/* What was sent before is to be read yet: then the end is confirmed with close(2). */
	if (vsock->peer_shut != VSOCK_SHUT_BOTH || vsock->queued)
		return;
	vsock_control(vsock, VSOCK_UNSENT_RST);
	vsock_over(vsock);
}

static void arrive_connecting(struct vsock *vsock, const struct vsock_packet *packet)
	REQUIRES(net_mutex)
{
	switch (packet->op) {
	case VSOCK_OP_RESPONSE:
		vsock_established(vsock);
		break;
	case VSOCK_OP_RST:
		vsock_refused(vsock, -ECONNRESET);
		break;
	default:
		vsock_control(vsock, VSOCK_UNSENT_RST);
		vsock_refused(vsock, -EPROTO);
		break;
	}
}

/* False: it is to be broken off. */
static bool arrive_connected(struct vsock *vsock, const struct vsock_packet *packet,
			     struct netbuf **data) REQUIRES(net_mutex)
{
	switch (packet->op) {
	case VSOCK_OP_RW:
		return take_data(vsock, packet, data);
	case VSOCK_OP_CREDIT_REQUEST:
		vsock_control(vsock, VSOCK_UNSENT_CREDIT_UPDATE);
		return true;
	case VSOCK_OP_SHUTDOWN:
		take_shutdown(vsock, packet->flags);
		return true;
	case VSOCK_OP_RST:
		vsock_over(vsock);
		return true;
	default: /* CREDIT_UPDATE has been heeded, what is unknown is not */
		return true;
	}
}

/* The socket is closed; what still comes is lost. */
static void arrive_closing(struct vsock *vsock, const struct vsock_packet *packet)
	REQUIRES(net_mutex)
{
	if (packet->op == VSOCK_OP_RST)
		vsock_destroy(vsock);
	else if (packet->op == VSOCK_OP_SHUTDOWN &&
		 (packet->flags & VSOCK_SHUT_BOTH) == VSOCK_SHUT_BOTH)
		vsock_control(vsock, VSOCK_UNSENT_RST);
}

/* Sets *data to NULL where it keeps that. */
static void arrive_at_connection(struct vsock *vsock, const struct vsock_packet *packet,
				 struct netbuf **data) REQUIRES(net_mutex)
{
	if (vsock->state == VSOCK_CLOSING) {
		arrive_closing(vsock, packet);
		return;
	}
	if (take_credit(vsock, packet)) {
		if (vsock->state == VSOCK_CONNECTED) {
			if (arrive_connected(vsock, packet, data))
				return;
		} else {
			arrive_connecting(vsock, packet);
			return;
		}
	}
	vsock_control(vsock, VSOCK_UNSENT_RST);
	vsock_break(vsock);
}

/* --- all packets --- */

static void arrive_at_listener(const struct vsock_packet *packet) REQUIRES(net_mutex)
{
	struct vsock *listener = vsock_find_bound(packet->to), *vsock = NULL;

	if (packet->op == VSOCK_OP_REQUEST && listener && listener->state == VSOCK_LISTENING)
		vsock = vsock_add_pending(listener, packet);
	if (!vsock) {
		vsock_refuse(packet);
		return;
	}
	vsock_control(vsock, VSOCK_UNSENT_RESPONSE);
	vsock_wake(listener, VSOCK_READABLE);
}

void vsock_arrive(const struct vsock_packet *packet, struct netbuf *data)
{
	struct vsock *vsock = vsock_find_connection(packet->from, packet->to.port);

	if (unlikely(packet->type != VSOCK_TYPE_STREAM)) {
		vsock_refuse(packet);
		netbuf_put(data);
		return;
	}
	/* The peer has forgotten the connection that this machine was about to forget. */
	if (vsock && vsock->state == VSOCK_CLOSING && packet->op == VSOCK_OP_REQUEST) {
		vsock_destroy(vsock);
		vsock = NULL;
	}
	if (vsock)
		arrive_at_connection(vsock, packet, &data);
	else
		arrive_at_listener(packet);
	netbuf_put(data);
}
