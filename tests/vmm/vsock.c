/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vsock device (virtio 1.2, 5.10) with Firecracker's features, and the host behind it: an echo service on port 7, and a client of
 * the guest's. Credit is kept both ways, and a guest that sends more than it was granted ends the process.
 */
#include <stdlib.h>
#include <string.h>

#include "virtio.h"

enum { RECEIVEQ = 0, TRANSMITQ = 1, EVENTQ = 2 };
enum { CID_HOST = 2, CID_GUEST = 3, PORT_ECHO = 7, PORT_OURS = 1024 };
enum { TYPE_STREAM = 1 };
enum {
	OP_REQUEST = 1,
	OP_RESPONSE,
	OP_RST,
	OP_SHUTDOWN,
	OP_RW,
	OP_CREDIT_UPDATE,
	OP_CREDIT_REQUEST
};
enum { SHUTDOWN_BOTH = 3 };
enum { BUFFER_BYTES = 64 << 10, CONNECTIONS_MAX = 16, PAYLOAD_MAX = 64 << 10 };

struct packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, length;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));
_Static_assert(sizeof(struct packet) == 44, "virtio 1.2, 5.10.6");

struct connection {
	uint32_t guest_port, host_port; /* guest_port 0: free */
	uint8_t pending[BUFFER_BYTES];  /* what is to be sent back */
	uint32_t count;
	uint32_t received, forwarded, sent;
	uint32_t peer_alloc, peer_forwarded;
	bool ours; /* the host is the client */
};

/* A packet without data that waits for a buffer of the guest's. */
struct waiting {
	uint32_t guest_port, host_port;
	uint16_t op;
	uint32_t flags;
};

struct vsock {
	struct connection connections[CONNECTIONS_MAX];
	struct waiting waiting[64];
	unsigned waiting_count;
	bool answered;
	uint8_t payload[PAYLOAD_MAX];
};

static const char question[] = "does the guest answer?";

static struct connection *find(struct vsock *vsock, uint32_t guest_port, uint32_t host_port)
{
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *c = &vsock->connections[i];

		if (c->guest_port == guest_port && (!guest_port || c->host_port == host_port))
			return c;
	}
	return NULL;
}

static struct connection *add(struct vsock *vsock, uint32_t guest_port, uint32_t host_port)
{
	struct connection *c = find(vsock, 0, 0);

	if (!c)
		die("vsock: the guest has more than %d connections", CONNECTIONS_MAX);
	*c = (struct connection){ .guest_port = guest_port, .host_port = host_port };
	return c;
}

/* --- towards the guest --- */

static void fill_packet(struct vsock *vsock, const struct waiting *w, struct packet *out)
{
	const struct connection *c = find(vsock, w->guest_port, w->host_port);

	*out = (struct packet){
		.src_cid = CID_HOST,
		.dst_cid = CID_GUEST,
		.src_port = w->host_port,
		.dst_port = w->guest_port,
		.type = TYPE_STREAM,
		.op = w->op,
		.flags = w->flags,
		.buf_alloc = BUFFER_BYTES,
		.fwd_cnt = c ? c->forwarded : 0,
	};
}

/* One buffer of the guest's. False: it has none now. */
static bool take_buffer(struct virtio_device *device, struct virtio_chain *chain)
{
	if (!virtio_take(device, RECEIVEQ, chain))
		return false;
	if (chain->readable || virtio_writable_bytes(chain) <= sizeof(struct packet))
		die("vsock: a buffer to receive into that has no room");
	return true;
}

static bool send_waiting(struct virtio_device *device, struct vsock *vsock)
{
	while (vsock->waiting_count) {
		struct virtio_chain chain;
		struct packet packet;

		if (!take_buffer(device, &chain))
			return false;
		fill_packet(vsock, &vsock->waiting[0], &packet);
		virtio_copy_in(&chain, 0, &packet, sizeof packet);
		virtio_give(device, RECEIVEQ, &chain, sizeof packet);
		memmove(vsock->waiting, vsock->waiting + 1,
			--vsock->waiting_count * sizeof *vsock->waiting);
	}
	return true;
}

/* As much of what is pending as the guest has granted, and has buffers for. */
static bool send_data(struct virtio_device *device, struct vsock *vsock, struct connection *c)
{
	struct waiting w = { c->guest_port, c->host_port, OP_RW, 0 };
	struct virtio_chain chain;
	struct packet packet;

	for (;;) {
		uint32_t granted = c->peer_alloc - (c->sent - c->peer_forwarded);
		size_t room, part = c->count < granted ? c->count : granted;

		if (!part)
			return true;
		if (!take_buffer(device, &chain))
			return false;
		room = virtio_writable_bytes(&chain) - sizeof packet;
		part = part < room ? part : room;
		c->forwarded += c->ours ? 0 : (uint32_t)part;
		fill_packet(vsock, &w, &packet);
		packet.length = (uint32_t)part;
		virtio_copy_in(&chain, 0, &packet, sizeof packet);
		virtio_copy_in(&chain, sizeof packet, c->pending, part);
		c->sent += (uint32_t)part;
		c->count -= (uint32_t)part;
		memmove(c->pending, c->pending + part, c->count);
		virtio_give(device, RECEIVEQ, &chain, (uint32_t)(sizeof packet + part));
	}
}

static void send_all(struct virtio_device *device)
{
	struct vsock *vsock = device->state;

	if (!send_waiting(device, vsock))
		return;
	for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
		if (vsock->connections[i].guest_port &&
		    !send_data(device, vsock, &vsock->connections[i]))
			return;
}

static void post(struct vsock *vsock, const struct waiting *w)
{
	if (vsock->waiting_count == sizeof vsock->waiting / sizeof *vsock->waiting)
		die("vsock: the guest takes no packets");
	vsock->waiting[vsock->waiting_count++] = *w;
}

/* --- from the guest --- */

static void take_data(struct vsock *vsock, struct connection *c, const struct packet *p)
{
	c->received += p->length;
	if (c->received - c->forwarded > BUFFER_BYTES || p->length > BUFFER_BYTES - c->count)
		die("vsock: the guest sends more than it was granted");
	if (!c->ours) {
		memcpy(c->pending + c->count, vsock->payload, p->length);
		c->count += p->length;
		return;
	}
	c->forwarded += p->length;
	if (p->length == sizeof question && !memcmp(vsock->payload, question, sizeof question))
		vsock->answered = true;
}

static void take_response(struct connection *c)
{
	if (!c->ours)
		die("vsock: the guest answers what nobody asked");
	memcpy(c->pending, question, sizeof question);
	c->count = sizeof question;
}

static void take_request(struct vsock *vsock, const struct packet *p)
{
	bool known = p->dst_port == PORT_ECHO;
	struct waiting w = { p->src_port, p->dst_port, known ? OP_RESPONSE : OP_RST, 0 };
	struct connection *c;

	if (known) {
		c = add(vsock, p->src_port, p->dst_port);
		c->peer_alloc = p->buf_alloc;
	}
	post(vsock, &w);
}

static void end(struct vsock *vsock, struct connection *c, bool answer)
{
	struct waiting w = { c->guest_port, c->host_port, OP_RST, 0 };

	if (answer)
		post(vsock, &w);
	c->guest_port = 0;
}

static void take_packet(struct vsock *vsock, const struct packet *p)
{
	struct connection *c = find(vsock, p->src_port, p->dst_port);
	struct waiting w = { p->src_port, p->dst_port, OP_CREDIT_UPDATE, 0 };

	if (!c) {
		if (p->op == OP_REQUEST)
			take_request(vsock, p);
		return;
	}
	c->peer_alloc = p->buf_alloc;
	c->peer_forwarded = p->fwd_cnt;
	switch (p->op) {
	case OP_RESPONSE:
		take_response(c);
		break;
	case OP_RW:
		take_data(vsock, c, p);
		break;
	case OP_CREDIT_REQUEST:
		post(vsock, &w);
		break;
	case OP_CREDIT_UPDATE:
		break;
	case OP_SHUTDOWN:
		if (p->flags == SHUTDOWN_BOTH)
			end(vsock, c, true);
		break;
	case OP_RST:
		end(vsock, c, false);
		break;
	default:
		die("vsock: operation %u", p->op);
	}
}

static void take_all(struct virtio_device *device)
{
	struct vsock *vsock = device->state;
	struct virtio_chain chain;

	while (virtio_take(device, TRANSMITQ, &chain)) {
		struct packet p;

		if (chain.readable != chain.count || !virtio_copy_out(&chain, 0, &p, sizeof p) ||
		    p.src_cid != CID_GUEST || p.dst_cid != CID_HOST || p.type != TYPE_STREAM ||
		    p.length > PAYLOAD_MAX ||
		    !virtio_copy_out(&chain, sizeof p, vsock->payload, p.length) ||
		    virtio_readable_bytes(&chain) != sizeof p + p.length)
			die("vsock: a malformed packet");
		virtio_give(device, TRANSMITQ, &chain, 0);
		take_packet(vsock, &p);
	}
}

static void notified(struct virtio_device *device, unsigned queue)
{
	if (queue == TRANSMITQ)
		take_all(device);
	send_all(device);
}

void vsock_ask(struct virtio_device *device)
{
	struct waiting w = { PORT_ECHO, PORT_OURS, OP_REQUEST, 0 };

	add(device->state, PORT_ECHO, PORT_OURS)->ours = true;
	post(device->state, &w);
	send_all(device);
}

bool vsock_answered(const struct virtio_device *device)
{
	const struct vsock *vsock = device->state;

	return vsock->answered;
}

void vsock_init(struct virtio_device *device)
{
	static const struct virtio_model model = {
		.name = "vsock",
		.type = 19,
		.features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | VIRTIO_F_IN_ORDER,
		.queues = 3,
		.notified = notified,
	};
	uint64_t cid = CID_GUEST;

	device->state = calloc(1, sizeof(struct vsock));
	if (!device->state)
		die("no memory");
	device->model = &model;
	memcpy(device->config, &cid, sizeof cid);
}
