/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_VSOCK against another machine: what is sent, what is believed, how connections begin and end. */
#include "test_vsock.h"

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

/* A file's pages lie behind a header of their own. */
static void pages_of_a_file_count_as_sent(void **state)
{
	static const char pages[2][4096] = { "first", "second" };
	struct peer peer;
	struct socket *socket = connected(&peer);
	struct netbuf *chain = netbuf_wrap(pages[0], 4096, netbuf_free_header, NULL);

	(void)state;
	chain->next = netbuf_wrap(pages[1], 4096, netbuf_free_header, NULL);
	chain->packet_bytes = 8192;
	assert_int_equal(socket->ops->send_pages(socket, chain, false), 8192);
	for (int i = 0; i < 2; i++) {
		hear(VSOCK_OP_RW);
		assert_int_equal(heard_bytes, 4096);
		assert_string_equal((char *)heard_data, pages[i]);
	}
	peer.fwd_cnt = 8192;
	say(&peer, VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(send_bytes(socket, "x", 1), 1);
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

/* --- a second reader, while what a first one took is copied --- */

static struct socket *second_reads;
static ssize_t second_count;
static char second_bytes[32];

int user_write(uintptr_t dst, const void *src, size_t bytes)
{
	struct socket *socket = second_reads;

	second_reads = NULL;
	if (socket)
		second_count = receive_bytes(socket, second_bytes, 4);
	if (!dst)
		return -EFAULT;
	memcpy((void *)dst, src, bytes);
	return 0;
}

/* Like a program's recv(). */
static ssize_t receive_user(struct socket *socket, void *data, size_t bytes, unsigned flags)
{
	const struct uio_segment segment = { (uintptr_t)data, bytes };
	struct uio uio;
	struct socket_message message = { .uio = &uio, .flags = flags };

	uio_init_user(&uio, &segment, 1, bytes);
	return socket_receive(socket, &message);
}

static void second_reader_gets_what_follows(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);
	char bytes[32] = { 0 };

	(void)state;
	say_data(&peer, "one two ", 8);
	say_data(&peer, "three four", 10);
	second_reads = socket;
	assert_int_equal(receive_user(socket, bytes, 4, 0), 4);
	assert_memory_equal(bytes, "one ", 4);
	assert_int_equal(second_count, 4);
	assert_memory_equal(second_bytes, "two ", 4);
	assert_int_equal(receive_bytes(socket, bytes, 4), 4);
	second_reads = socket;
	assert_int_equal(receive_user(socket, NULL, 2, 0), -EFAULT);
	assert_memory_equal(second_bytes, "four", 4); /* behind what is put back now */
	assert_int_equal(receive_bytes(socket, bytes, 32), 2);
	assert_memory_equal(bytes, "e ", 2);
}

static void peeking_takes_nothing_from_others(void **state)
{
	struct peer peer;
	struct socket *socket = connected(&peer);
	char bytes[32] = { 0 };

	(void)state;
	say_data(&peer, "one ", 4);
	say_data(&peer, "two ", 4);
	second_reads = socket;
	assert_int_equal(receive_user(socket, bytes, 32, MSG_PEEK), 8);
	assert_memory_equal(bytes, "one two ", 8);
	assert_int_equal(second_count, 4);
	assert_memory_equal(second_bytes, "one ", 4);
	assert_int_equal(receive_bytes(socket, bytes, 32), 4);
	assert_memory_equal(bytes, "two ", 4);
	assert_int_equal(receive_user(socket, bytes, 32, MSG_PEEK), -EAGAIN);
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
		TEST(listener_that_closes_refuses_those_that_wait),
		TEST(data_is_sent_as_far_as_credit_goes),
		TEST(pages_of_a_file_count_as_sent),
		TEST(received_data_is_read_in_order),
		TEST(second_reader_gets_what_follows),
		TEST(peeking_takes_nothing_from_others),
		TEST(peer_is_told_when_half_is_read),
		TEST(credit_asked_for_is_told),
		TEST(what_the_ring_has_no_room_for_is_sent_later),
		TEST(writer_goes_on_when_there_is_room),
		TEST(closed_connection_waits_for_the_peer),
		TEST(peer_that_does_not_confirm_is_not_waited_for),
		TEST(end_of_the_peer_comes_after_its_data),
		TEST(reset_by_the_peer_ends_what_is_read),
		TEST(transport_reset_breaks_connections_and_keeps_listeners),
		TEST(each_want_of_memory_leaves_nothing),
	};

	threads_start(boot_stack, sizeof boot_stack);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
