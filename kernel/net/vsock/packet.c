/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets on their way: reading and writing headers (virtio 1.2, 5.10.6), the device's ring and its lack of room, and the way back for
 * what this machine sends to itself. Under net_mutex.
 */
#include <base/errno.h>
#include <base/string.h>

#include "vsock.h"

/* One network in the machine. [net_mutex] */
static struct {
	struct netbuf *first, **end; /* to this machine itself, by next_packet */
	struct list_node starved;    /* struct vsock.starved */
	bool unflushed;              /* the device has not been told of all packets */
	bool full;                   /* it had no room, and will say when it has */
} outgoing = {
	.end = &outgoing.first,
	.starved = { &outgoing.starved, &outgoing.starved },
};

/* --- headers --- */

bool vsock_parse(struct netbuf *packet, struct vsock_packet *out)
{
	struct vsock_header header;
	uint64_t from, to;

	memcpy(&header, packet->data - VSOCK_HEADER_BYTES, VSOCK_HEADER_BYTES);
	from = le64_get(header.src_cid);
	to = le64_get(header.dst_cid);
	*out = (struct vsock_packet){
		.from = { (uint32_t)from, le32_get(header.src_port) },
		.to = { (uint32_t)to, le32_get(header.dst_port) },
		.bytes = le32_get(header.bytes),
		.type = le16_get(header.type),
		.op = le16_get(header.op),
		.flags = le32_get(header.flags),
		.buf_alloc = le32_get(header.buf_alloc),
		.fwd_cnt = le32_get(header.fwd_cnt),
	};
	packet->bytes = min(packet->bytes, out->bytes);
	return from < VSOCK_CID_ANY && to < VSOCK_CID_ANY;
}

static void write_header(struct netbuf *packet, const struct vsock_packet *from)
{
	const struct vsock_header header = {
		.src_cid = le64(from->from.cid),
		.dst_cid = le64(from->to.cid),
		.src_port = le32(from->from.port),
		.dst_port = le32(from->to.port),
		.bytes = le32(packet->packet_bytes),
		.type = le16(VSOCK_TYPE_STREAM),
		.op = le16(from->op),
		.flags = le32(from->flags),
		.buf_alloc = le32(from->buf_alloc),
		.fwd_cnt = le32(from->fwd_cnt),
	};

	memcpy(packet->data - VSOCK_HEADER_BYTES, &header, VSOCK_HEADER_BYTES);
}

/* The header of a connection's packet; with it the peer knows what was read. */
static struct vsock_packet header_of(struct vsock *vsock, enum vsock_op op) REQUIRES(net_mutex)
{
	const struct vsock_dev *dev = vsock_device();

	vsock->told = vsock->forwarded;
	return (struct vsock_packet){
		.from = { vsock->loops || !dev ? vsock->remote.cid : dev->cid, vsock->local.port },
		.to = vsock->remote,
		.op = (uint16_t)op,
		.flags = op == VSOCK_OP_SHUTDOWN ? vsock->shut : 0,
		.buf_alloc = vsock->window,
		.fwd_cnt = vsock->forwarded,
	};
}

/* --- sending --- */

/* Hands a packet over, which is gone when 0 is returned. -ENOBUFS: no room. */
static int transmit(struct netbuf *packet, bool loops) REQUIRES(net_mutex)
{
	struct vsock_dev *dev = vsock_device();
	int error;

	if (loops) {
		packet->next_packet = NULL;
		*outgoing.end = packet;
		outgoing.end = &packet->next_packet;
		return 0;
	}
	if (unlikely(!dev))
		return -ENODEV;
	error = dev->ops->transmit(dev, packet);
	outgoing.unflushed = true;
	outgoing.full = error == -ENOBUFS;
	return error;
}

static int send_control(const struct vsock_packet *header, bool loops) REQUIRES(net_mutex)
{
	struct netbuf *packet = netbuf_alloc(VSOCK_HEADER_BYTES, 0);
	int error;

	if (unlikely(!packet))
		return -ENOBUFS;
	write_header(packet, header);
	error = transmit(packet, loops);
	if (unlikely(error))
		netbuf_put(packet);
	return error;
}

static void starve(struct vsock *vsock) REQUIRES(net_mutex)
{
	if (!list_linked(&vsock->starved))
		list_insert_before(&outgoing.starved, &vsock->starved);
}

/* What is unsent, in order. A device that has failed takes anything. */
static void send_unsent(struct vsock *vsock) REQUIRES(net_mutex)
{
	static const uint8_t ops[] = { VSOCK_OP_REQUEST,       VSOCK_OP_RESPONSE,
				       VSOCK_OP_CREDIT_UPDATE, VSOCK_OP_CREDIT_REQUEST,
				       VSOCK_OP_SHUTDOWN,      VSOCK_OP_RST };

	for (unsigned i = 0; i < countof(ops); i++) {
		struct vsock_packet header;

		if (!(vsock->unsent & BIT(i)))
			continue;
		header = header_of(vsock, ops[i]);
		if (send_control(&header, vsock->loops) == -ENOBUFS) {
			starve(vsock);
			return;
		}
		vsock->unsent &= (uint8_t)~BIT(i);
		if (ops[i] == VSOCK_OP_RST && vsock->state == VSOCK_CLOSING)
			vsock_destroy(vsock);
	}
}

void vsock_control(struct vsock *vsock, unsigned unsent)
{
	vsock->unsent |= (uint8_t)unsent;
	if (!list_linked(&vsock->starved))
		send_unsent(vsock);
}

int vsock_send_data(struct vsock *vsock, struct netbuf *data)
{
	const uint32_t bytes = data->packet_bytes;
	struct vsock_packet header;
	int error = -ENOBUFS;

	/* Not before those that have waited. */
	if (likely(!list_linked(&vsock->starved))) {
		header = header_of(vsock, VSOCK_OP_RW);
		write_header(data, &header);
		error = transmit(data, vsock->loops);
	}
	if (likely(!error)) {
		vsock->sent += bytes;
		return 0;
	}
	if (error != -ENOBUFS)
		return -ENODEV;
	starve(vsock);
	return -EAGAIN;
}

void vsock_refuse(const struct vsock_packet *packet)
{
	const struct vsock_packet answer = {
		.from = packet->to,
		.to = packet->from,
		.op = VSOCK_OP_RST,
	};

	/* Where there is no room, whoever sent it has to ask again. */
	if (packet->op != VSOCK_OP_RST)
		(void)!send_control(&answer, vsock_is_own(packet->from.cid));
}

void vsock_transmit_ready(void)
{
	struct list_node waiting, *node;

	outgoing.full = false;
	list_init(&waiting);
	list_move_to_end(&waiting, &outgoing.starved);
	while ((node = list_pop_front(&waiting)) != NULL) {
		struct vsock *vsock = list_entry(node, struct vsock, starved);

		vsock_wake(vsock, VSOCK_WRITABLE);
		send_unsent(vsock);
	}
}

/* --- the way back --- */

static void deliver(struct netbuf *data) REQUIRES(net_mutex)
{
	struct netbuf *body = data->next;
	struct vsock_packet packet;
	bool good = vsock_parse(data, &packet);

	if (body) {
		data->next = NULL;
		netbuf_put(data);
		data = body;
	}
	if (good)
		vsock_arrive(&packet, data);
	else
		netbuf_put(data);
}

/* Each leads to a few answers at most, which lead to none. */
static void deliver_all(void) REQUIRES(net_mutex)
{
	while (outgoing.first) {
		struct netbuf *packet = outgoing.first;

		outgoing.first = packet->next_packet;
		if (!outgoing.first)
			outgoing.end = &outgoing.first;
		deliver(packet);
	}
}

void vsock_settle(void)
{
	struct vsock_dev *dev = vsock_device();

	deliver_all();
	/* Those that wait for memory, not for the device. */
	if (unlikely(!list_empty(&outgoing.starved)) && !outgoing.full) {
		vsock_transmit_ready();
		deliver_all();
	}
	if (!outgoing.unflushed)
		return;
	outgoing.unflushed = false;
	if (dev)
		dev->ops->flush(dev);
}

void vsock_unlock(void)
{
	vsock_settle();
	mutex_unlock(&net_mutex);
}
