/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receiving (virtio 1.2, 5.1.6.3). A buffer goes up with what is in it, and the ring gets another from the pool. Once those above
 * hold so many that the ring runs dry, packets are copied, and their buffers go back to the device: it always has some.
 */
#include "virtio_net.h"

enum {
	REFILL_BATCH = 16, /* buffers that are given back at once */
	FRAME_MIN = 14,    /* a header of Ethernet */
	PACKET_MAX = 65535 + FRAME_MIN,
};

static bool post(struct virtio_net *net, struct netbuf *buf)
{
	uint32_t room = (uint32_t)(buf->end - buf->start), header = net->header_bytes;
	struct virtio_segment segments[] = { { buf->start, header },
					     { buf->start + header, room - header } };

	if (likely(!net->header_apart)) {
		segments[0].bytes = room;
		return !virtio_queue_add(net->pair.receive, segments, 0, 1, buf);
	}
	return !virtio_queue_add(net->pair.receive, segments, 0, 2, buf);
}

static void fill(struct virtio_net *net)
{
	while (net->pair.posted < net->ring) {
		struct netbuf *buf = netbuf_pool_get(net->pool);

		if (!buf)
			break;
		if (!post(net, buf)) {
			netbuf_put(buf);
			break;
		}
		net->pair.posted++;
		net->pair.unshown = true;
	}
}

static void show(struct virtio_net *net)
{
	if (!net->pair.unshown)
		return;
	net->pair.unshown = false;
	virtio_queue_kick(net->pair.receive);
}

void virtio_net_refill(struct virtio_net *net)
{
	fill(net);
	show(net);
}

static struct netbuf *take(struct virtio_net *net)
{
	uint32_t written;
	struct netbuf *buf = virtio_queue_take(net->pair.receive, &written);

	if (buf) {
		net->pair.posted--;
		buf->bytes = written;
	}
	return buf;
}

/* The buffers behind the first, all of which are taken whatever is wrong with them. False: the packet is too long, or the device
 * used fewer buffers than it says. */
static bool take_rest(struct virtio_net *net, struct netbuf *packet, unsigned count)
{
	struct netbuf **link = &packet->next;
	bool good = count > 0;

	for (unsigned i = 1; i < count; i++) {
		struct netbuf *buf = take(net);

		if (!buf)
			return false;
		good = good && packet->packet_bytes + buf->bytes <= PACKET_MAX;
		if (!good) {
			netbuf_put(buf);
			continue;
		}
		packet->packet_bytes += buf->bytes;
		*link = buf;
		link = &buf->next;
	}
	return good;
}

static bool note_checksum(const struct virtio_net *net, struct netbuf *packet,
			  const struct virtio_net_header *header)
{
	unsigned start = le16_get(header->csum_start), offset = le16_get(header->csum_offset);

	if (!(net->features & VIRTIO_NET_F_GUEST_CSUM))
		return true;
	if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (start < FRAME_MIN || start + offset + 2 > packet->packet_bytes)
			return false;
		packet->flags |= NETBUF_CSUM_PARTIAL;
		packet->csum_start = (uint16_t)start;
		packet->csum_offset = (uint16_t)offset;
	} else if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		packet->flags |= NETBUF_CSUM_GOOD;
	}
	return true;
}

static bool note_segmentation(const struct virtio_net *net, struct netbuf *packet,
			      const struct virtio_net_header *header)
{
	unsigned bytes = le16_get(header->gso_bytes);

	switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		packet->gso_type = NETBUF_GSO_TCP4;
		packet->gso_bytes = (uint16_t)bytes;
		return bytes && net->features & VIRTIO_NET_F_GUEST_TSO4;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		packet->gso_type = NETBUF_GSO_TCP6;
		packet->gso_bytes = (uint16_t)bytes;
		return bytes && net->features & VIRTIO_NET_F_GUEST_TSO6;
	default:
		return false;
	}
}

/* Makes a packet of a used buffer and those that belong to it. False: it is none. */
static bool assemble(struct virtio_net *net, struct netbuf *buf)
{
	struct virtio_net_header header;
	uint32_t bytes = net->header_bytes;
	unsigned count;

	__builtin_memcpy(&header, buf->data, sizeof header);
	count = net->features & VIRTIO_NET_F_MRG_RXBUF ? le16_get(header.num_buffers) : 1;
	buf->packet_bytes = buf->bytes - min(buf->bytes, bytes);
	if (unlikely(count != 1) && !take_rest(net, buf, count))
		return false;
	if (unlikely(buf->bytes < bytes + FRAME_MIN))
		return false;
	buf->data += bytes;
	buf->bytes -= bytes;
	if (likely(!(header.flags | header.gso_type)))
		return true;
	return note_checksum(net, buf, &header) && note_segmentation(net, buf, &header);
}

/* The packet, or, where the device runs out of buffers, a copy of it. NULL: dropped. */
static struct netbuf *kept_or_copied(struct virtio_net *net, struct netbuf *packet)
{
	struct netbuf *copy;

	if (likely(net->pair.posted >= net->ring / 2))
		return packet;
	fill(net);
	if (net->pair.posted >= net->ring / 2)
		return packet;
	copy = netbuf_copy(packet, 0);
	netbuf_put_chain(packet);
	if (!copy)
		net->dev.stats.rx_dropped++;
	return copy;
}

static void receive(struct virtio_net *net, struct netbuf *buf)
{
	struct netbuf *packet;

	if (unlikely(!assemble(net, buf))) {
		net->dev.stats.rx_errors++;
		netbuf_put_chain(buf);
		return;
	}
	packet = kept_or_copied(net, buf);
	if (packet)
		netdev_receive(&net->dev, packet);
}

unsigned virtio_net_receive(struct virtio_net *net, unsigned budget)
{
	struct netbuf *buf;
	unsigned count = 0;

	while (count < budget && (buf = take(net)) != NULL) {
		receive(net, buf);
		count++;
	}
	if (net->pair.posted + REFILL_BATCH <= net->ring)
		fill(net);
	show(net);
	return count;
}
