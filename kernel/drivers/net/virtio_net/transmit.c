/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmitting (virtio 1.2, 5.1.6.2). What was sent is taken back when there is occasion to, without interrupts: they are asked for only
 * when the ring is full.
 */
#include "virtio_net.h"

#include <base/errno.h>

/* The header without num_buffers; that field is 0. */
static void write_offloads(struct virtio_net_header *header, const struct netbuf *packet)
{
	if (packet->flags & NETBUF_CSUM_PARTIAL) {
		header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		header->csum_start = le16(packet->csum_start);
		header->csum_offset = le16(packet->csum_offset);
	}
	if (packet->gso_type == NETBUF_GSO_NONE)
		return;
	header->gso_type = packet->gso_type == NETBUF_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4
							       : VIRTIO_NET_HDR_GSO_TCPV6;
	header->gso_bytes = le16(packet->gso_bytes);
	header->header_bytes = le16(packet->header_bytes);
}

static void write_header(uint8_t *end, uint32_t bytes, const struct netbuf *packet)
{
	struct virtio_net_header header = { 0 };

	if (packet->flags & NETBUF_CSUM_PARTIAL || packet->gso_type != NETBUF_GSO_NONE)
		write_offloads(&header, packet);
	if (likely(bytes == VIRTIO_NET_HEADER_BYTES))
		__builtin_memcpy(end - VIRTIO_NET_HEADER_BYTES, &header, VIRTIO_NET_HEADER_BYTES);
	else
		__builtin_memcpy(end - VIRTIO_NET_HEADER_BYTES_LEGACY, &header,
				 VIRTIO_NET_HEADER_BYTES_LEGACY);
}

/* A fragment for the header, in front of a packet without room for it. */
static struct netbuf *prefixed(struct netbuf *packet, uint32_t bytes)
{
	struct netbuf *buf = netbuf_alloc(NETDEV_HEADROOM, 0);

	if (buf) {
		buf->data = buf->start + bytes;
		buf->next = packet;
	}
	return buf;
}

/* The segments of `first`, whose headroom has the header. Returns how many. */
static unsigned gather(const struct virtio_net *net, const struct netbuf *first,
		       struct virtio_segment *segments)
{
	uint32_t header = net->header_bytes;
	unsigned count = 1;

	segments[0] = (struct virtio_segment){ first->data - header, first->bytes + header };
	if (unlikely(net->header_apart) && first->bytes) {
		segments[0].bytes = header;
		segments[count++] = (struct virtio_segment){ first->data, first->bytes };
	}
	for (const struct netbuf *buf = first->next; buf; buf = buf->next) {
		if (unlikely(!buf->bytes))
			continue;
		if (unlikely(count == VIRTIO_NET_SEGMENTS))
			return 0;
		segments[count++] = (struct virtio_segment){ buf->data, buf->bytes };
	}
	return count;
}

void virtio_net_reclaim(struct virtio_net *net)
{
	struct virtio_net_pair *pair = &net->pair;
	struct netbuf *packet;
	uint32_t written;

	while (pair->in_flight && (packet = virtio_queue_take(pair->transmit, &written)) != NULL) {
		pair->in_flight--;
		netbuf_put_chain(packet);
	}
}

bool virtio_net_has_room(struct virtio_net *net)
{
	unsigned half = virtio_queue_entries(net->pair.transmit) / 2;

	return virtio_queue_room(net->pair.transmit) >= min(half, (unsigned)VIRTIO_NET_SEGMENTS);
}

/* After -ENOSPC. True: try again. */
static bool make_room(struct virtio_net *net)
{
	struct virtio_net_pair *pair = &net->pair;
	unsigned in_flight = pair->in_flight;

	virtio_queue_kick(pair->transmit);
	virtio_net_reclaim(net);
	if (pair->in_flight < in_flight)
		return true;
	pair->full = true;
	if (virtio_queue_enable_late(pair->transmit))
		return false;
	virtio_net_reclaim(net);
	return pair->in_flight < in_flight;
}

static int add(struct virtio_net *net, struct netbuf *first)
{
	struct virtio_segment segments[VIRTIO_NET_SEGMENTS];
	struct virtio_net_pair *pair = &net->pair;
	unsigned count = gather(net, first, segments);
	int error;

	if (unlikely(!count))
		return -EMSGSIZE;
	do {
		error = virtio_queue_add(pair->transmit, segments, count, 0, first);
		if (likely(!error)) {
			pair->in_flight++;
			return 0;
		}
		if (error != -ENOSPC)
			return error;
		if (!pair->in_flight)
			return -EMSGSIZE; /* the ring is shorter than the packet */
	} while (make_room(net));
	return -ENOBUFS;
}

int virtio_net_transmit(struct netdev *dev, struct netbuf *packet)
{
	struct virtio_net *net = virtio_net_of(dev);
	uint32_t bytes = net->header_bytes;
	struct netbuf *first = packet;
	int error;

	if (net->pair.in_flight >= net->ring / 2)
		virtio_net_reclaim(net);
	if (unlikely((size_t)(packet->data - packet->start) < bytes)) {
		first = prefixed(packet, bytes);
		if (!first)
			return -ENOMEM;
	}
	write_header(first->data, bytes, packet);
	error = add(net, first);
	if (unlikely(error) && first != packet)
		netbuf_put(first);
	return error;
}
