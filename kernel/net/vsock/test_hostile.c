/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_VSOCK against machines that lie, and that flood this one. */
#include "test_vsock.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(peer_that_sends_beyond_its_credit_loses_its_connection_only),
		TEST(peer_that_has_read_what_nobody_sent_loses_its_connection),
		TEST(packet_that_lost_its_data_breaks_the_connection),
		TEST(data_after_the_end_breaks_the_connection),
		TEST(unknown_operations_do_nothing_and_types_are_refused),
		TEST(packets_of_others_are_dropped),
		TEST(small_packets_take_bounded_memory),
		TEST(flood_of_requests_takes_a_part_of_memory),
		TEST(flood_of_ends_takes_a_part_of_memory),
	};

	threads_start(boot_stack, sizeof boot_stack);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
