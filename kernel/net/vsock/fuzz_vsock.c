/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any packets arrive from another machine, between calls of a program that connects, listens, accepts, sends, reads, shuts down and
 * closes, with time passing and a ring that is full at times. What a connection's reader gets is no more than it was sent, queues add
 * up, and when all is closed and the device gone nothing is left.
 */
#include <base/assert.h>
#include <base/errno.h>
#include <core/thread.h>
#include <core/time.h>
#include <net/vsock.h>

#include "sim_vsock.h"
#include "vsock.h"

#include "../../port/host/host.h"

#include <string.h>

enum { SOCKETS = 8, PORT = 5000 };

static struct {
	const uint8_t *data;
	size_t bytes;
} script;

static struct file *files[SOCKETS];

void socket_caller(struct socket_credentials *out)
{
	*out = (struct socket_credentials){ .pid = 1 };
}

static uint8_t next(void)
{
	if (!script.bytes)
		return 0;
	script.bytes--;
	return *script.data++;
}

/* Mostly small, or around a limit, or the largest. */
static uint32_t next_number(void)
{
	uint8_t kind = next();

	switch (kind % 4) {
	case 0:
		return next();
	case 1:
		return (uint32_t)next() << 16 | next();
	case 2:
		return 0u - next();
	default:
		return kind >> 2;
	}
}

static struct vsock *vsock_at(unsigned i)
{
	return files[i] ? vsock_of(socket_of(files[i])) : NULL;
}

/* From some socket's peer, or from anybody. */
static void packet(void)
{
	static uint8_t bytes[300];
	const struct vsock *vsock = vsock_at(next() % SOCKETS);
	struct vsock_header header = {
		.src_cid = le64(next() % 8 ? VSOCK_CID_HOST : next_number()),
		.dst_cid = le64(next() % 8 ? SIM_CID : next_number()),
		.src_port = le32(vsock ? vsock->remote.port : next()),
		.dst_port = le32(vsock ? vsock->local.port : PORT + next() % 4),
		.type = le16(next() % 8 ? VSOCK_TYPE_STREAM : next()),
		.op = le16(next() % 16 ? next() % 9 : (uint16_t)next_number()),
		.flags = le32(next()),
		.buf_alloc = le32(next_number()),
		.fwd_cnt = le32(next() % 4 && vsock ? vsock->sent : next_number()),
	};
	size_t count = next();

	header.bytes = le32(next() % 8 ? (uint32_t)count : next_number());
	sim_vsock_arrive(&header, bytes, count);
}

static void open_one(unsigned i)
{
	if (!files[i] && socket_open(AF_VSOCK, SOCK_STREAM, 0, O_NONBLOCK, &files[i]))
		files[i] = NULL;
}

static void bind_and_listen(struct socket *socket)
{
	const struct sockaddr_vm at = { .family = AF_VSOCK,
					.cid = next() % 2 ? VSOCK_CID_ANY : next_number(),
					.port = PORT + next() % 4 };

	(void)!socket->ops->bind(socket, &at, sizeof at);
	(void)!socket->ops->listen(socket, next() % 4);
}

static void connect_one(struct socket *socket)
{
	const struct sockaddr_vm at = { .family = AF_VSOCK,
					.cid = next() % 4,
					.port = PORT + next() % 4 };

	(void)!socket_connect(socket, &at, sizeof at);
}

static void transfer(struct socket *socket, bool sends)
{
	static uint8_t bytes[70000];
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio, .flags = next() % 4 ? 0 : MSG_PEEK };
	size_t count = next() % 4 ? next() : sizeof bytes;
	uint32_t queued = vsock_of(socket)->queued;
	ssize_t done;

	uio_init_kernel(&uio, &segment, bytes, count);
	if (sends) {
		(void)!socket_send(socket, &message);
		return;
	}
	done = socket_receive(socket, &message);
	assert(done < 0 || (size_t)done <= min((size_t)queued, count));
}

static void act_on(struct socket *socket)
{
	const uint64_t size = next_number();
	unsigned i = next() % SOCKETS;

	switch (next() % 8) {
	case 0:
		bind_and_listen(socket);
		break;
	case 1:
		connect_one(socket);
		break;
	case 2:
	case 3:
		transfer(socket, next() % 2);
		break;
	case 4:
		(void)!socket->ops->shutdown(socket, next() & 1, next() & 1);
		break;
	case 5:
		if (!files[i] && socket_accept(socket, O_NONBLOCK, &files[i]))
			files[i] = NULL;
		break;
	case 6:
		(void)!socket->ops->set_option(socket, AF_VSOCK, next() % 4, &size, sizeof size);
		break;
	default:
		(void)!socket->ops->take_error(socket);
		break;
	}
}

static void drain(void)
{
	struct vsock_header header;
	size_t bytes;

	while (sim_vsock_take(&header, NULL, 0, &bytes))
		;
}

static void check(const struct vsock *vsock)
{
	uint32_t bytes = 0;
	size_t held = 0;

	for (const struct netbuf *buf = vsock->first; buf; buf = buf->next_packet) {
		assert(buf->data >= buf->start && buf->data + buf->bytes <= buf->end);
		bytes += buf->bytes;
		held += vsock_memory_of(buf);
	}
	assert(bytes == vsock->queued && held == vsock->held);
	assert(vsock->received - vsock->forwarded >= bytes || vsock->state == VSOCK_BROKEN);
	assert(vsock->received - vsock->forwarded <= vsock->window_most);
}

static void act(void)
{
	unsigned i = next() % SOCKETS;

	switch (next() % 8) {
	case 0:
		open_one(i);
		break;
	case 1:
		file_put(files[i]);
		files[i] = NULL;
		break;
	case 2:
		drain();
		sim_vsock_give_room(next() % 2 ? UINT32_MAX : next() % 4);
		break;
	case 3:
		sim_vsock_wait((uint64_t)next() * NS_PER_S / 16);
		break;
	case 4:
		if (next() % 16 == 0)
			sim_vsock_reset(SIM_CID);
		break;
	case 5:
		if (files[i])
			act_on(socket_of(files[i]));
		break;
	default:
		packet();
	}
	for (unsigned k = 0; k < SOCKETS; k++)
		if (files[k])
			check(vsock_at(k));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char boot_stack[4096];
	static bool started;
	static size_t before;

	if (!started) {
		threads_start(boot_stack, sizeof boot_stack);
		vsock_start();
	}
	sim_vsock_attach();
	if (!started)
		before = host_allocations();
	script.data = data;
	script.bytes = size;
	open_one(0);
	if (!started) { /* the first socket starts a thread, which stays */
		file_put(files[0]);
		files[0] = NULL;
		before = host_allocations();
		started = true;
	}
	while (script.bytes)
		act();
	for (unsigned i = 0; i < SOCKETS; i++) {
		file_put(files[i]);
		files[i] = NULL;
	}
	sim_vsock_detach();
	assert(host_allocations() == before);
	return 0;
}
