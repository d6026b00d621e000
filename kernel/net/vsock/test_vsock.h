/* SPDX-License-Identifier: BSD-3-Clause */
/* For the tests of AF_VSOCK: another machine that says what it is told, and short forms of the calls of this one. */
#pragma once

#include "../../fs/test_fs.h"

#include <net/vsock.h>

#include <core/time.h>

#include "sim_vsock.h"
#include "vsock.h"

enum { HOST_PORT = 1000, PORT = 5000, FILES_MAX = 64 };

/* What the tests opened. */
static struct file *files[FILES_MAX];
static unsigned file_count;
static char boot_stack[4096];

void socket_caller(struct socket_credentials *out)
{
	*out = (struct socket_credentials){ .pid = 1 };
}

/* --- the other machine --- */

/* What it says of a connection's other end, and of its own. */
struct peer {
	uint32_t port, to_port; /* its own; the socket's */
	uint32_t buf_alloc, fwd_cnt;
};

static inline void say_more(const struct peer *peer, struct vsock_header header, const void *data,
			    size_t bytes)
{
	header.src_cid = le64(VSOCK_CID_HOST);
	header.dst_cid = le64(sim_vsock.dev.cid);
	header.src_port = le32(peer->port);
	header.dst_port = le32(peer->to_port);
	header.buf_alloc = le32(peer->buf_alloc);
	header.fwd_cnt = le32(peer->fwd_cnt);
	if (!le16_get(header.type))
		header.type = le16(VSOCK_TYPE_STREAM);
	sim_vsock_arrive(&header, data, bytes);
}

static inline void say(const struct peer *peer, enum vsock_op op)
{
	say_more(peer, (struct vsock_header){ .op = le16((uint16_t)op) }, NULL, 0);
}

static inline void say_data(const struct peer *peer, const void *data, size_t bytes)
{
	say_more(peer,
		 (struct vsock_header){ .op = le16(VSOCK_OP_RW), .bytes = le32((uint32_t)bytes) },
		 data, bytes);
}

static struct vsock_header heard;
static uint8_t heard_data[65536];
static size_t heard_bytes;

/* The next packet that was sent is this one. */
static inline void hear(enum vsock_op op)
{
	assert_true(sim_vsock_take(&heard, heard_data, sizeof heard_data, &heard_bytes));
	assert_int_equal(le16_get(heard.op), op);
}

static inline void hear_nothing(void)
{
	assert_int_equal(sim_vsock.count, 0);
}

/* --- this machine --- */

static inline struct socket *open_socket(unsigned flags)
{
	assert_true(file_count < FILES_MAX);
	assert_int_equal(
		socket_open(AF_VSOCK, SOCK_STREAM, 0, O_NONBLOCK | flags, &files[file_count]), 0);
	return socket_of(files[file_count++]);
}

static inline int bind_to(struct socket *socket, uint32_t cid, uint32_t port)
{
	const struct sockaddr_vm at = { .family = AF_VSOCK, .cid = cid, .port = port };

	return socket->ops->bind(socket, &at, sizeof at);
}

static inline int connect_to(struct socket *socket, uint32_t cid, uint32_t port)
{
	const struct sockaddr_vm at = { .family = AF_VSOCK, .cid = cid, .port = port };

	return socket_connect(socket, &at, sizeof at);
}

static inline ssize_t send_bytes(struct socket *socket, const void *data, size_t bytes)
{
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio };

	uio_init_kernel(&uio, &segment, (void *)(uintptr_t)data, bytes);
	return socket_send(socket, &message);
}

static inline ssize_t receive_bytes(struct socket *socket, void *data, size_t bytes)
{
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio };

	uio_init_kernel(&uio, &segment, data, bytes);
	return socket_receive(socket, &message);
}

static inline unsigned events(struct socket *socket)
{
	return socket->ops->poll(socket);
}

static inline struct socket *listen_at(uint32_t port, int backlog)
{
	struct socket *socket = open_socket(0);

	assert_int_equal(bind_to(socket, VSOCK_CID_ANY, port), 0);
	assert_int_equal(socket->ops->listen(socket, backlog), 0);
	return socket;
}

static inline struct socket *accept_from(struct socket *listener)
{
	assert_true(file_count < FILES_MAX);
	assert_int_equal(socket_accept(listener, O_NONBLOCK, &files[file_count]), 0);
	return socket_of(files[file_count++]);
}

/* A socket that has connected to the peer. */
static inline struct socket *connected(struct peer *peer)
{
	struct socket *socket = open_socket(0);

	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -EINPROGRESS);
	hear(VSOCK_OP_REQUEST);
	*peer = (struct peer){ .port = HOST_PORT,
			       .to_port = le32_get(heard.src_port),
			       .buf_alloc = 65536 };
	say(peer, VSOCK_OP_RESPONSE);
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), 0);
	return socket;
}

static inline void close_all(void)
{
	while (file_count)
		file_put(files[--file_count]);
}

static inline int setup(void **state)
{
	(void)state;
	vsock_start();
	sim_vsock_attach();
	blocks_before = host_allocations();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	close_all();
	sim_vsock_detach();
	assert_int_equal(host_allocations(), blocks_before);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
