/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_VSOCK against another machine: what is sent, what is believed, and what a hostile peer can do. */
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

static void say_more(const struct peer *peer, struct vsock_header header, const void *data,
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

static void say(const struct peer *peer, enum vsock_op op)
{
	say_more(peer, (struct vsock_header){ .op = le16((uint16_t)op) }, NULL, 0);
}

static void say_data(const struct peer *peer, const void *data, size_t bytes)
{
	say_more(peer,
		 (struct vsock_header){ .op = le16(VSOCK_OP_RW), .bytes = le32((uint32_t)bytes) },
		 data, bytes);
}

static struct vsock_header heard;
static uint8_t heard_data[65536];
static size_t heard_bytes;

/* The next packet that was sent is this one. */
static void hear(enum vsock_op op)
{
	assert_true(sim_vsock_take(&heard, heard_data, sizeof heard_data, &heard_bytes));
	assert_int_equal(le16_get(heard.op), op);
}

static void hear_nothing(void)
{
	assert_int_equal(sim_vsock.count, 0);
}

/* --- this machine --- */

static struct socket *open_socket(unsigned flags)
{
	assert_true(file_count < FILES_MAX);
	assert_int_equal(
		socket_open(AF_VSOCK, SOCK_STREAM, 0, O_NONBLOCK | flags, &files[file_count]), 0);
	return socket_of(files[file_count++]);
}

static int bind_to(struct socket *socket, uint32_t cid, uint32_t port)
{
	const struct sockaddr_vm at = { .family = AF_VSOCK, .cid = cid, .port = port };

	return socket->ops->bind(socket, &at, sizeof at);
}

static int connect_to(struct socket *socket, uint32_t cid, uint32_t port)
{
	const struct sockaddr_vm at = { .family = AF_VSOCK, .cid = cid, .port = port };

	return socket_connect(socket, &at, sizeof at);
}

static ssize_t send_bytes(struct socket *socket, const void *data, size_t bytes)
{
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio };

	uio_init_kernel(&uio, &segment, (void *)(uintptr_t)data, bytes);
	return socket_send(socket, &message);
}

static ssize_t receive_bytes(struct socket *socket, void *data, size_t bytes)
{
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio };

	uio_init_kernel(&uio, &segment, data, bytes);
	return socket_receive(socket, &message);
}

static unsigned events(struct socket *socket)
{
	return socket->ops->poll(socket);
}

static struct socket *listen_at(uint32_t port, int backlog)
{
	struct socket *socket = open_socket(0);

	assert_int_equal(bind_to(socket, VSOCK_CID_ANY, port), 0);
	assert_int_equal(socket->ops->listen(socket, backlog), 0);
	return socket;
}

static struct socket *accept_from(struct socket *listener)
{
	assert_true(file_count < FILES_MAX);
	assert_int_equal(socket_accept(listener, O_NONBLOCK, &files[file_count]), 0);
	return socket_of(files[file_count++]);
}

/* A socket that has connected to the peer. */
static struct socket *connected(struct peer *peer)
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

static void close_all(void)
{
	while (file_count)
		file_put(files[--file_count]);
}

static int setup(void **state)
{
	(void)state;
	vsock_start();
	sim_vsock_attach();
	blocks_before = host_allocations();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close_all();
	sim_vsock_detach();
	assert_int_equal(host_allocations(), blocks_before);
	return 0;
}

/* --- connecting --- */

static void connection_is_asked_for_and_confirmed(void **state)
{
	struct socket *socket = open_socket(0);
	struct peer peer = { .port = HOST_PORT, .buf_alloc = 1000 };

	(void)state;
	assert_true(sim_vsock.opened);
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -EINPROGRESS);
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -EALREADY);
	hear(VSOCK_OP_REQUEST);
	assert_int_equal(le64_get(heard.src_cid), SIM_CID);
	assert_int_equal(le64_get(heard.dst_cid), VSOCK_CID_HOST);
	assert_int_equal(le32_get(heard.dst_port), HOST_PORT);
	assert_int_equal(le32_get(heard.buf_alloc), 262144);
	assert_int_equal(events(socket), 0);
	peer.to_port = le32_get(heard.src_port);
	say(&peer, VSOCK_OP_RESPONSE);
	assert_int_equal(events(socket), POLLOUT | POLLWRNORM);
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), 0);
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -EISCONN);
	hear_nothing();
}

static void refused_connection_is_a_reset(void **state)
{
	struct socket *socket = open_socket(0);
	struct peer peer = { .port = HOST_PORT };

	(void)state;
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -EINPROGRESS);
	hear(VSOCK_OP_REQUEST);
	peer.to_port = le32_get(heard.src_port);
	say(&peer, VSOCK_OP_RST);
	assert_true(events(socket) & POLLERR);
	assert_int_equal(socket->ops->take_error(socket), -ECONNRESET);
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -EINPROGRESS);
	hear(VSOCK_OP_REQUEST);
	say(&peer, VSOCK_OP_RW);
	hear(VSOCK_OP_RST);
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -EPROTO);
}

static void connection_never_answered_times_out(void **state)
{
	struct socket *socket = open_socket(0);

	(void)state;
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -EINPROGRESS);
	hear(VSOCK_OP_REQUEST);
	sim_vsock_wait(2 * NS_PER_S - NS_PER_MS);
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -EALREADY);
	sim_vsock_wait(2 * NS_PER_MS);
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -ETIMEDOUT);
	hear(VSOCK_OP_RST);
	hear_nothing();
}

static void without_a_device_there_is_this_machine_only(void **state)
{
	struct socket *listener, *socket = open_socket(0);

	(void)state;
	sim_vsock_detach();
	assert_int_equal(connect_to(socket, VSOCK_CID_HOST, HOST_PORT), -ENODEV);
	assert_int_equal(bind_to(open_socket(0), SIM_CID, PORT), -EADDRNOTAVAIL);
	listener = listen_at(PORT, 1);
	assert_int_equal(connect_to(socket, VSOCK_CID_LOCAL, PORT), 0);
	accept_from(listener);
	sim_vsock_attach();
}

/* --- accepting --- */

static void request_is_answered_and_can_be_accepted(void **state)
{
	const struct peer peer = { .port = 77, .to_port = PORT, .buf_alloc = 1000 };
	struct socket *listener = listen_at(PORT, 1), *socket;
	struct sockaddr_vm name;

	(void)state;
	assert_int_equal(events(listener), 0);
	say(&peer, VSOCK_OP_REQUEST);
	hear(VSOCK_OP_RESPONSE);
	assert_int_equal(le32_get(heard.dst_port), 77);
	assert_int_equal(le32_get(heard.src_port), PORT);
	/* What nobody has accepted gets little room. */
	assert_int_equal(le32_get(heard.buf_alloc), 16384);
	assert_int_equal(events(listener), POLLIN | POLLRDNORM);
	socket = accept_from(listener);
	hear(VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(le32_get(heard.buf_alloc), 262144);
	assert_int_equal(socket->ops->name(socket, &name, true), sizeof name);
	assert_int_equal(name.cid, VSOCK_CID_HOST);
	assert_int_equal(name.port, 77);
	assert_int_equal(socket->ops->name(socket, &name, false), sizeof name);
	assert_int_equal(name.cid, SIM_CID);
}

static void request_to_nobody_is_refused(void **state)
{
	const struct peer peer = { .port = 77, .to_port = PORT };

	(void)state;
	bind_to(open_socket(0), VSOCK_CID_ANY, PORT); /* it does not listen */
	say(&peer, VSOCK_OP_REQUEST);
	hear(VSOCK_OP_RST);
	say_data(&peer, "x", 1);
	hear(VSOCK_OP_RST);
	say(&peer, VSOCK_OP_RST);
	hear_nothing();
}

static void requests_beyond_the_backlog_are_refused(void **state)
{
	struct peer peer = { .to_port = PORT };
	struct socket *listener = listen_at(PORT, 3);

	(void)state;
	for (peer.port = 1; peer.port <= 100; peer.port++) {
		say(&peer, VSOCK_OP_REQUEST);
		hear(peer.port <= 4 ? VSOCK_OP_RESPONSE : VSOCK_OP_RST);
	}
	accept_from(listener);
	hear(VSOCK_OP_CREDIT_UPDATE);
	say(&peer, VSOCK_OP_REQUEST);
	hear(VSOCK_OP_RESPONSE);
}

static void flood_of_requests_takes_a_part_of_memory(void **state)
{
	struct peer peer = { .to_port = PORT };
	uint64_t most = pages_stats().total_bytes / 16;
	unsigned refused = 0, accepted = 0;

	(void)state;
	listen_at(PORT, 1 << 20);
	for (peer.port = 1; peer.port <= 20000; peer.port++) {
		say(&peer, VSOCK_OP_REQUEST);
		assert_true(sim_vsock_take(&heard, heard_data, sizeof heard_data, &heard_bytes));
		if (le16_get(heard.op) == VSOCK_OP_RESPONSE)
			accepted++;
		else
			refused++;
	}
	assert_true(accepted > 16 && accepted <= 4097);
	assert_true((uint64_t)accepted * 65536 <= most + 65536);
	assert_int_equal(accepted + refused, 20000);
}

static void listener_that_closes_refuses_those_that_wait(void **state)
{
	const struct peer peer = { .port = 1, .to_port = PORT };

	(void)state;
	listen_at(PORT, 3);
	say(&peer, VSOCK_OP_REQUEST);
	hear(VSOCK_OP_RESPONSE);
	say_data(&peer, "lost", 4);
	close_all();
	hear(VSOCK_OP_RST);
	hear_nothing();
}

/* --- data --- */

static void data_is_sent_as_far_as_credit_goes(void **state)
{
	static const char bytes[30000];
	struct peer peer;
	struct socket *socket = connected(&peer);

	(void)state;
	peer.buf_alloc = 20000;
	say(&peer, VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(send_bytes(socket, bytes, sizeof bytes), 20000);
	for (size_t sent = 0; sent < 20000; sent += heard_bytes)
		hear(VSOCK_OP_RW);
	assert_int_equal(events(socket), 0);
	hear(VSOCK_OP_CREDIT_REQUEST);
	assert_int_equal(send_bytes(socket, bytes, sizeof bytes), -EAGAIN);
	hear_nothing(); /* it is asked once */
	peer.fwd_cnt = 5000;
	say(&peer, VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(events(socket), POLLOUT | POLLWRNORM);
	assert_int_equal(send_bytes(socket, bytes, sizeof bytes), 5000);
	hear(VSOCK_OP_RW);
	assert_int_equal(heard_bytes, 5000);
}

static void received_data_is_read_in_order(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);
	char bytes[16] = { 0 };

	(void)state;
	assert_int_equal(receive_bytes(socket, bytes, 4), -EAGAIN);
	say_data(&peer, "hello ", 6);
	say_data(&peer, "world", 5);
	assert_int_equal(events(socket), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
	assert_int_equal(receive_bytes(socket, bytes, 8), 8);
	assert_string_equal(bytes, "hello wo");
	assert_int_equal(receive_bytes(socket, bytes, 8), 3);
	assert_memory_equal(bytes, "rld", 3);
	hear_nothing();
}

static void peer_is_told_when_half_is_read(void **state)
{
	static uint8_t block[65536];
	struct peer peer;
	struct socket *socket = connected(&peer);

	(void)state;
	for (int i = 0; i < 4; i++)
		say_data(&peer, block, sizeof block);
	assert_int_equal(receive_bytes(socket, block, 60000), 60000);
	hear_nothing();
	for (int i = 0; i < 2; i++)
		assert_int_equal(receive_bytes(socket, block, sizeof block), sizeof block);
	hear(VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(le32_get(heard.fwd_cnt), 60000 + 2 * 65536);
	say_data(&peer, block, 60000);
	assert_int_equal(events(socket) & POLLERR, 0);
}

static void credit_asked_for_is_told(void **state)
{
	struct peer peer;

	(void)state;
	connected(&peer);
	say(&peer, VSOCK_OP_CREDIT_REQUEST);
	hear(VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(le32_get(heard.buf_alloc), 262144);
}

/* --- hostile peers --- */

static void expect_broken(struct socket *socket)
{
	char byte;

	hear(VSOCK_OP_RST);
	assert_true(events(socket) & POLLERR);
	assert_int_equal(receive_bytes(socket, &byte, 1), -ECONNRESET);
	assert_int_equal(receive_bytes(socket, &byte, 1), -ENOTCONN);
}

static void peer_that_sends_beyond_its_credit_loses_its_connection_only(void **state)
{
	static uint8_t block[65536];
	struct peer peer, other_peer = { .port = 9, .to_port = PORT, .buf_alloc = 100 };
	struct socket *listener = listen_at(PORT, 1), *other;
	struct socket *socket = connected(&peer);

	(void)state;
	say(&other_peer, VSOCK_OP_REQUEST);
	hear(VSOCK_OP_RESPONSE);
	other = accept_from(listener);
	hear(VSOCK_OP_CREDIT_UPDATE);
	for (int i = 0; i < 4; i++)
		say_data(&peer, block, sizeof block);
	hear_nothing();
	say_data(&peer, block, 1);
	expect_broken(socket);
	say_data(&other_peer, "x", 1);
	assert_int_equal(receive_bytes(other, block, 1), 1);
	assert_int_equal(send_bytes(other, block, 1), 1);
}

static void peer_that_has_read_what_nobody_sent_loses_its_connection(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);

	(void)state;
	assert_int_equal(send_bytes(socket, "abc", 3), 3);
	hear(VSOCK_OP_RW);
	peer.fwd_cnt = 4;
	say(&peer, VSOCK_OP_CREDIT_UPDATE);
	expect_broken(socket);
}

static void packet_that_lost_its_data_breaks_the_connection(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);

	(void)state;
	say_more(&peer, (struct vsock_header){ .op = le16(VSOCK_OP_RW), .bytes = le32(10) }, "abc",
		 3);
	expect_broken(socket);
}

static void data_after_the_end_breaks_the_connection(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);

	(void)state;
	say_more(&peer,
		 (struct vsock_header){ .op = le16(VSOCK_OP_SHUTDOWN),
					.flags = le32(VSOCK_SHUT_SEND) },
		 NULL, 0);
	say_data(&peer, "x", 1);
	expect_broken(socket);
}

static void unknown_operations_do_nothing_and_types_are_refused(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);

	(void)state;
	for (unsigned op = 8; op < 300; op++)
		say(&peer, (enum vsock_op)op);
	say(&peer, VSOCK_OP_REQUEST);
	say(&peer, VSOCK_OP_RESPONSE);
	hear_nothing();
	assert_int_equal(send_bytes(socket, "x", 1), 1);
	hear(VSOCK_OP_RW);
	say_more(&peer, (struct vsock_header){ .op = le16(VSOCK_OP_RST), .type = le16(2) }, NULL,
		 0);
	say_more(&peer, (struct vsock_header){ .op = le16(VSOCK_OP_RW), .type = le16(9) }, NULL, 0);
	hear(VSOCK_OP_RST);
	assert_int_equal(send_bytes(socket, "x", 1), 1);
}

static void packets_of_others_are_dropped(void **state)
{
	struct vsock_header header = { .dst_cid = le64(SIM_CID),
				       .dst_port = le32(PORT),
				       .type = le16(VSOCK_TYPE_STREAM),
				       .op = le16(VSOCK_OP_REQUEST) };

	(void)state;
	listen_at(PORT, 5);
	header.src_cid = le64(SIM_CID); /* says to be this machine */
	sim_vsock_arrive(&header, NULL, 0);
	header.src_cid = le64(VSOCK_CID_LOCAL);
	sim_vsock_arrive(&header, NULL, 0);
	header.src_cid = le64((uint64_t)1 << 32 | VSOCK_CID_HOST);
	sim_vsock_arrive(&header, NULL, 0);
	header.src_cid = le64(VSOCK_CID_HOST);
	header.dst_cid = le64(SIM_CID + 1);
	sim_vsock_arrive(&header, NULL, 0);
	hear_nothing();
	header.dst_cid = le64(SIM_CID);
	sim_vsock_arrive(&header, NULL, 0);
	hear(VSOCK_OP_RESPONSE);
}

/* A byte in each packet: what they take of memory is a few times the window, and nothing is lost. */
static void small_packets_take_bounded_memory(void **state)
{
	enum { COUNT = 262144 };
	static uint8_t block[COUNT];
	struct peer peer;
	struct socket *socket = connected(&peer);
	uint8_t byte;
	bool right = true;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++) {
		byte = (uint8_t)(i * 7);
		say_data(&peer, &byte, 1);
	}
	assert_true(vsock_of(socket)->held <= 4 * COUNT);
	assert_int_equal(receive_bytes(socket, block, COUNT), COUNT);
	for (unsigned i = 0; i < COUNT; i++)
		right = right && block[i] == (uint8_t)(i * 7);
	assert_true(right);
	assert_int_equal(vsock_of(socket)->held, 0);
}

/* --- no room --- */

static void what_the_ring_has_no_room_for_is_sent_later(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);

	(void)state;
	sim_vsock.room = 1;
	assert_int_equal(send_bytes(socket, "a", 1), 1);
	assert_int_equal(send_bytes(socket, "b", 1), -EAGAIN);
	assert_int_equal(events(socket), 0);
	for (int i = 0; i < 1000; i++)
		say(&peer, VSOCK_OP_CREDIT_REQUEST);
	assert_int_equal(socket->ops->shutdown(socket, false, true), 0);
	hear(VSOCK_OP_RW);
	hear_nothing();
	sim_vsock_give_room(100);
	hear(VSOCK_OP_CREDIT_UPDATE);
	hear(VSOCK_OP_SHUTDOWN);
	hear_nothing();
}

static void writer_goes_on_when_there_is_room(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);

	(void)state;
	sim_vsock.room = 0;
	assert_int_equal(send_bytes(socket, "a", 1), -EAGAIN);
	sim_vsock_give_room(100);
	assert_int_equal(events(socket), POLLOUT | POLLWRNORM);
	assert_int_equal(send_bytes(socket, "a", 1), 1);
	hear(VSOCK_OP_RW);
}

/* --- the end --- */

static void closed_connection_waits_for_the_peer(void **state)
{
	struct peer peer;

	(void)state;
	connected(&peer);
	close_all();
	hear(VSOCK_OP_SHUTDOWN);
	assert_int_equal(le32_get(heard.flags), 3);
	say_data(&peer, "late", 4);
	hear_nothing();
	say(&peer, VSOCK_OP_RST);
	hear_nothing();
	say_data(&peer, "later", 5); /* now it is nobody's */
	hear(VSOCK_OP_RST);
}

static void peer_that_does_not_confirm_is_not_waited_for(void **state)
{
	struct peer peer;

	(void)state;
	connected(&peer);
	close_all();
	hear(VSOCK_OP_SHUTDOWN);
	assert_true(host_allocations() > blocks_before);
	sim_vsock_wait(8 * NS_PER_S + NS_PER_MS);
	hear(VSOCK_OP_RST);
	assert_int_equal(sim_vsock.count, 0);
	assert_int_equal(host_allocations(), blocks_before);
}

/* A peer that connects again and again, and confirms no end, to a program that closes what it accepts. */
static void flood_of_ends_takes_a_part_of_memory(void **state)
{
	uint64_t most = pages_stats().total_bytes / 64;
	struct peer peer = { .to_port = PORT };
	struct socket *listener = listen_at(PORT, 1);
	size_t before = host_allocations();
	unsigned resets = 0;

	(void)state;
	for (peer.port = 1; peer.port <= 30000; peer.port++) {
		say(&peer, VSOCK_OP_REQUEST);
		accept_from(listener);
		file_put(files[--file_count]);
		while (sim_vsock_take(&heard, heard_data, sizeof heard_data, &heard_bytes))
			resets += le16_get(heard.op) == VSOCK_OP_RST;
	}
	assert_true((host_allocations() - before) * sizeof(struct vsock) <= most);
	assert_true(resets > 0 && resets < 30000);
}

static void end_of_the_peer_comes_after_its_data(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);
	char bytes[8];

	(void)state;
	say_data(&peer, "last", 4);
	say_more(&peer, (struct vsock_header){ .op = le16(VSOCK_OP_SHUTDOWN), .flags = le32(3) },
		 NULL, 0);
	hear_nothing();
	assert_int_equal(send_bytes(socket, "x", 1), -EPIPE);
	assert_int_equal(receive_bytes(socket, bytes, 8), 4);
	assert_int_equal(receive_bytes(socket, bytes, 8), 0);
	close_all();
	hear(VSOCK_OP_RST);
	hear_nothing();
}

static void reset_by_the_peer_ends_what_is_read(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);
	char bytes[8];

	(void)state;
	say_data(&peer, "last", 4);
	say(&peer, VSOCK_OP_RST);
	assert_int_equal(receive_bytes(socket, bytes, 8), 4);
	assert_int_equal(receive_bytes(socket, bytes, 8), 0);
	assert_int_equal(send_bytes(socket, "x", 1), -EPIPE);
	close_all();
	hear_nothing();
}

static void transport_reset_breaks_connections_and_keeps_listeners(void **state)
{
	struct peer peer, pending = { .port = 5, .to_port = PORT }, closing;
	struct socket *listener = listen_at(PORT, 5), *socket, *connecting;
	char byte;

	(void)state;
	connected(&closing);
	file_put(files[--file_count]);
	hear(VSOCK_OP_SHUTDOWN);
	socket = connected(&peer);
	connecting = open_socket(0);
	assert_int_equal(connect_to(connecting, VSOCK_CID_HOST, 99), -EINPROGRESS);
	hear(VSOCK_OP_REQUEST);
	say(&pending, VSOCK_OP_REQUEST);
	hear(VSOCK_OP_RESPONSE);
	say_data(&peer, "x", 1);
	sim_vsock_reset(42);
	hear_nothing();
	assert_true(events(socket) & POLLERR);
	assert_int_equal(receive_bytes(socket, &byte, 1), -ECONNRESET);
	assert_int_equal(connect_to(connecting, VSOCK_CID_HOST, 99), -ECONNRESET);
	assert_int_equal(events(listener), 0);
	say(&pending, VSOCK_OP_REQUEST);
	hear(VSOCK_OP_RESPONSE);
	assert_int_equal(le64_get(heard.src_cid), 42);
	accept_from(listener);
}

/* --- memory --- */

static void live_once(void)
{
	struct peer peer = { .port = 5, .to_port = PORT, .buf_alloc = 65536 };
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio };
	struct file *file, *accepted = NULL;
	struct socket *socket;
	char bytes[100] = { 0 };

	if (socket_open(AF_VSOCK, SOCK_STREAM, 0, O_NONBLOCK, &file))
		return;
	socket = socket_of(file);
	assert_int_equal(bind_to(socket, VSOCK_CID_ANY, PORT), 0);
	assert_int_equal(socket->ops->listen(socket, 1), 0);
	say(&peer, VSOCK_OP_REQUEST);
	say_data(&peer, bytes, sizeof bytes);
	if (!socket_accept(socket, O_NONBLOCK, &accepted)) {
		uio_init_kernel(&uio, &segment, bytes, sizeof bytes);
		(void)!socket_send(socket_of(accepted), &message);
		uio_init_kernel(&uio, &segment, bytes, sizeof bytes);
		(void)!socket_receive(socket_of(accepted), &message);
		file_put(accepted);
	}
	file_put(file);
	say(&peer, VSOCK_OP_RST);
	mutex_lock(&net_mutex);
	vsock_dev_polled(&sim_vsock.dev);
	mutex_unlock(&net_mutex);
	while (sim_vsock_take(&heard, heard_data, sizeof heard_data, &heard_bytes))
		;
	say(&peer, VSOCK_OP_RST);
}

static void each_want_of_memory_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned n = 0;; n++) {
		host_fail_allocation_after(n);
		live_once();
		if (!host_allocation_failed())
			break;
		host_fail_allocation_after(HOST_NEVER);
		while (sim_vsock_take(&heard, heard_data, sizeof heard_data, &heard_bytes))
			;
		assert_int_equal(host_allocations(), blocks_before);
	}
	host_fail_allocation_after(HOST_NEVER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connection_is_asked_for_and_confirmed),
		TEST(refused_connection_is_a_reset),
		TEST(connection_never_answered_times_out),
		TEST(without_a_device_there_is_this_machine_only),
		TEST(request_is_answered_and_can_be_accepted),
		TEST(request_to_nobody_is_refused),
		TEST(requests_beyond_the_backlog_are_refused),
		TEST(flood_of_requests_takes_a_part_of_memory),
		TEST(listener_that_closes_refuses_those_that_wait),
		TEST(data_is_sent_as_far_as_credit_goes),
		TEST(received_data_is_read_in_order),
		TEST(peer_is_told_when_half_is_read),
		TEST(credit_asked_for_is_told),
		TEST(peer_that_sends_beyond_its_credit_loses_its_connection_only),
		TEST(peer_that_has_read_what_nobody_sent_loses_its_connection),
		TEST(packet_that_lost_its_data_breaks_the_connection),
		TEST(data_after_the_end_breaks_the_connection),
		TEST(unknown_operations_do_nothing_and_types_are_refused),
		TEST(packets_of_others_are_dropped),
		TEST(small_packets_take_bounded_memory),
		TEST(what_the_ring_has_no_room_for_is_sent_later),
		TEST(writer_goes_on_when_there_is_room),
		TEST(closed_connection_waits_for_the_peer),
		TEST(peer_that_does_not_confirm_is_not_waited_for),
		TEST(flood_of_ends_takes_a_part_of_memory),
		TEST(end_of_the_peer_comes_after_its_data),
		TEST(reset_by_the_peer_ends_what_is_read),
		TEST(transport_reset_breaks_connections_and_keeps_listeners),
		TEST(each_want_of_memory_leaves_nothing),
	};

	threads_start(boot_stack, sizeof boot_stack);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
