/* SPDX-License-Identifier: BSD-3-Clause */
/* What TCP makes of the segments of a peer that loses, forges and overruns. */
#include "sim_peer.h"

#include "internal.h"

#include <base/errno.h>

#include "../../port/host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 80, MSS = 1460, OPTION_MSS = 2, OPTION_SACK_PERMITTED = 4, OPTION_SACK = 5 };

static struct sim_segment syn_with_sack(void)
{
	struct sim_segment syn = { .sequence = 1000 };

	sim_add_option(&syn, OPTION_MSS, (const uint8_t[]){ MSS >> 8, MSS & 255 }, 2);
	sim_add_option(&syn, OPTION_SACK_PERMITTED, NULL, 0);
	return syn;
}

static void put32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Of the peer's: offsets from the first byte that is not acknowledged. */
static void acknowledge(struct sim_peer *peer, uint32_t bytes, const uint32_t (*blocks)[2],
			unsigned count)
{
	uint8_t data[32];

	peer->next.acknowledged += bytes;
	for (unsigned i = 0; i < count; i++) {
		put32(data + 8 * i, peer->next.acknowledged - bytes + blocks[i][0]);
		put32(data + 8 * i + 4, peer->next.acknowledged - bytes + blocks[i][1]);
	}
	peer->next.option_bytes = 0;
	if (count)
		sim_add_option(&peer->next, OPTION_SACK, data, (size_t)count * 8);
	sim_peer_send(&peer->next);
	peer->next.option_bytes = 0;
	sim_peer_round();
}

/* The server has segments number `from` to `to` to send: their bytes are their number. */
static void give_segments(struct sim_peer *peer, unsigned from, unsigned to)
{
	mutex_lock(&net_mutex);
	for (unsigned i = from; i < to; i++) {
		struct stack_send request = { .data = netbuf_alloc(NETBUF_HEADROOM, MSS) };

		memset(request.data->data, (int)i, MSS);
		request.data->bytes = request.data->packet_bytes = MSS;
		assert_int_equal(stack_send(peer->server, &request), 0);
	}
	mutex_unlock(&net_mutex);
}

/* The server sends `count` full segments, which all go out. Returns the first one's sequence number. */
static uint32_t send_segments(struct sim_peer *peer, unsigned count)
{
	struct sim_segment segment;
	uint32_t first = peer->next.acknowledged;

	give_segments(peer, 0, count);
	for (unsigned i = 0; i < count; i++) {
		assert_true(sim_peer_take(&segment));
		assert_int_equal(segment.bytes, MSS);
		assert_int_equal(segment.sequence, first + i * MSS);
	}
	assert_false(sim_peer_take(&segment));
	return first;
}

/* The segments that are sent now have these offsets, in segments, from `first`. */
static void expect_sent(uint32_t first, const unsigned *offsets, unsigned count)
{
	struct sim_segment segment;

	for (unsigned i = 0; i < count; i++) {
		assert_true(sim_peer_take(&segment));
		assert_int_equal((segment.sequence - first) / MSS, offsets[i]);
		assert_int_equal(segment.payload[0], offsets[i]);
	}
	assert_false(sim_peer_take(&segment));
}

static void selective_acknowledgements_have_all_holes_filled_at_once(void **state)
{
	const uint32_t blocks[][2] = { { 2 * MSS, 4 * MSS }, { 5 * MSS, 10 * MSS } };
	struct sim_segment syn = syn_with_sack();
	struct sim_peer peer;
	uint32_t first;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	first = send_segments(&peer, 10);
	/* 0 and 1 and 4 are lost; one acknowledgement tells of it all. */
	acknowledge(&peer, 0, blocks, 2);
	expect_sent(first, (const unsigned[]){ 0, 1, 4 }, 3);
	acknowledge(&peer, 10 * MSS, NULL, 0);
	assert_int_equal(stack_pending_send(peer.server), 0);
	sim_peer_close(&peer);
}

static void lost_retransmission_is_sent_again_before_the_time_out(void **state)
{
	const uint32_t blocks[][2] = { { MSS, 10 * MSS } }, more[][2] = { { MSS, 14 * MSS } };
	struct sim_segment syn = syn_with_sack(), segment;
	struct sim_peer peer;
	uint32_t first;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	first = send_segments(&peer, 10);
	acknowledge(&peer, 0, blocks, 1);
	expect_sent(first, (const unsigned[]){ 0 }, 1);
	give_segments(&peer, 10, 14);
	expect_sent(first, (const unsigned[]){ 10, 11, 12, 13 }, 4);
	/* What was sent after the retransmission has arrived, and that has not. */
	acknowledge(&peer, 0, more, 1);
	assert_true(sim_peer_take(&segment));
	assert_int_equal(segment.sequence, first);
	sim_peer_close(&peer);
}

static void two_duplicates_let_new_data_out(void **state)
{
	struct sim_segment syn = { .sequence = 1000 }, segment;
	struct sim_peer peer;
	uint32_t first;

	(void)state;
	sim_add_option(&syn, OPTION_MSS, (const uint8_t[]){ MSS >> 8, MSS & 255 }, 2);
	sim_peer_connect(&peer, PORT, &syn);
	first = send_segments(&peer, 10);
	give_segments(&peer, 10, 14);
	assert_false(sim_peer_take(&segment)); /* the first window is full */
	acknowledge(&peer, 0, NULL, 0);
	expect_sent(first, (const unsigned[]){ 10 }, 1);
	acknowledge(&peer, 0, NULL, 0);
	expect_sent(first, (const unsigned[]){ 11 }, 1);
	acknowledge(&peer, 0, NULL, 0);
	expect_sent(first, (const unsigned[]){ 0 }, 1);
	sim_peer_close(&peer);
}

static void blocks_that_cannot_be_are_ignored(void **state)
{
	const uint32_t blocks[][2] = {
		{ 3 * MSS, 11 * MSS }, { 5 * MSS, 4 * MSS }, { (uint32_t)-MSS, MSS }, { 0, 5 * MSS }
	};
	struct sim_segment syn = syn_with_sack(), segment;
	struct sim_peer peer;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	send_segments(&peer, 10);
	for (int i = 0; i < 5; i++)
		acknowledge(&peer, 0, blocks, 4);
	assert_false(sim_peer_take(&segment));
	sim_peer_close(&peer);
}

static void first_round_trip_sets_the_time_out(void **state)
{
	struct sim_segment syn = syn_with_sack(), segment;
	struct stack_tcp_info info;
	struct sim_peer peer;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	send_segments(&peer, 1);
	sim_net_run(50);
	acknowledge(&peer, MSS, NULL, 0);
	mutex_lock(&net_mutex);
	assert_int_equal(stack_tcp_info(peer.server, &info), 0);
	mutex_unlock(&net_mutex);
	assert_in_range(info.rtt_us, 0, 60000);
	send_segments(&peer, 1);
	/* A time-out of 200 ms, not of seconds. */
	sim_net_run(230);
	assert_true(sim_peer_take(&segment));
	sim_peer_close(&peer);
}

static void segments_beyond_the_window_are_cut(void **state)
{
	struct sim_segment syn = { .sequence = 1000 };
	struct sim_peer peer;
	uint32_t begin;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	begin = peer.next.sequence;
	/* Nobody reads: the window shrinks to nothing. */
	for (uint32_t at = 0; at < 65535 - 1460 * 2; at += 1460)
		sim_peer_say(&peer, 1460);
	sim_peer_round();
	uint32_t left = 65535 - (peer.next.sequence - begin);
	uint32_t in_order = peer.next.sequence;

	/* Out of order, from the window's last bytes to far behind it; then what is before. */
	peer.next.sequence = in_order + left - 5;
	sim_peer_say(&peer, 1460);
	peer.next.sequence = in_order;
	while (left > 5) {
		uint32_t bytes = min(left - 5, 1460u);

		sim_peer_say(&peer, bytes);
		left -= bytes;
	}
	sim_peer_round();
	mutex_lock(&net_mutex);
	assert_int_equal(stack_pending_receive(peer.server), 65535);
	mutex_unlock(&net_mutex);
	sim_peer_close(&peer);
}

static void old_time_stamps_do_not_count(void **state)
{
	struct sim_segment syn = { .sequence = 1000 };
	struct sim_peer peer;

	(void)state;
	sim_add_timestamp(&syn, 5000, 0);
	sim_peer_connect(&peer, PORT, &syn);
	sim_peer_say(&peer, 100);
	sim_peer_round();
	assert_int_equal(stack_pending_receive(peer.server), 100);
	peer.next.option_bytes = 0;
	sim_add_timestamp(&peer.next, 4999, 0);
	sim_peer_say(&peer, 100);
	sim_peer_round();
	assert_int_equal(stack_pending_receive(peer.server), 100);
	peer.next.sequence -= 100;
	peer.next.option_bytes = 0;
	sim_add_timestamp(&peer.next, 5001, 0);
	sim_peer_say(&peer, 100);
	sim_peer_round();
	assert_int_equal(stack_pending_receive(peer.server), 200);
	sim_peer_close(&peer);
}

static void data_with_a_forged_acknowledgement_does_not_count(void **state)
{
	struct sim_segment syn = { .sequence = 1000 };
	struct sim_peer peer;
	uint32_t right;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	right = peer.next.acknowledged;
	peer.next.acknowledged = right + 1;
	sim_peer_say(&peer, 10);
	peer.next.sequence -= 10;
	peer.next.acknowledged = right - 0x10000000;
	sim_peer_say(&peer, 10);
	peer.next.sequence -= 10;
	peer.next.flags = SIM_PSH;
	sim_peer_say(&peer, 10);
	peer.next.sequence -= 10;
	sim_peer_round();
	assert_int_equal(stack_pending_receive(peer.server), 0);
	peer.next.flags = SIM_ACK;
	peer.next.acknowledged = right;
	sim_peer_say(&peer, 10);
	assert_int_equal(stack_pending_receive(peer.server), 10);
	sim_peer_close(&peer);
}

static void round_with_much_data_is_acknowledged_within(void **state)
{
	struct sim_segment syn = syn_with_sack();
	struct sim_peer peer;
	unsigned sent;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	for (int i = 0; i < 32; i++)
		sim_peer_say(&peer, MSS);
	sim_peer_round();
	sent = sim_peer_waiting();
	assert_in_range(sent, 4, 5);
	sim_peer_close(&peer);
}

/* Else two closed windows would answer each other for ever. */
static void acknowledgement_to_a_closed_window_is_not_answered(void **state)
{
	struct sim_segment syn = { .sequence = 1000 }, segment;
	struct sim_peer peer;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	for (uint32_t left = 65535; left;) {
		uint32_t bytes = min(left, 1460u);

		sim_peer_say(&peer, bytes);
		left -= bytes;
	}
	sim_peer_round();
	sim_net_run(100);
	while (sim_peer_take(&segment))
		;
	assert_int_equal(segment.window, 0);
	sim_peer_say(&peer, 0);
	sim_peer_round();
	assert_false(sim_peer_take(&segment));
	sim_peer_close(&peer);
}

static void tiny_maximum_segment_is_not_taken_at_its_word(void **state)
{
	struct sim_segment syn = { .sequence = 1000 }, segment;
	struct sim_peer peer;

	(void)state;
	sim_add_option(&syn, OPTION_MSS, (const uint8_t[]){ 0, 1 }, 2);
	sim_peer_connect(&peer, PORT, &syn);
	give_segments(&peer, 0, 1);
	assert_true(sim_peer_take(&segment));
	assert_int_equal(segment.bytes, 48);
	sim_peer_close(&peer);
}

static unsigned opening(void)
{
	unsigned count = 0;

	for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
		count += pcb->state == SYN_RCVD;
	return count;
}

/* SYNs of which nobody answers the answers. */
static void flood(uint16_t port, unsigned count)
{
	struct sim_segment syn = syn_with_sack(), answer;

	syn.to_port = port;
	syn.flags = SIM_SYN;
	syn.window = 1000;
	for (unsigned i = 0; i < count; i++) {
		syn.from_port = (uint16_t)(10000 + i % 50000);
		syn.sequence += 7919;
		sim_peer_send(&syn);
		if (i % 64 == 0)
			sim_peer_round();
		while (sim_peer_take(&answer))
			;
	}
}

static void genuine_client_connects_in_a_flood(void **state)
{
	struct sim_segment syn = syn_with_sack(), segment;
	struct stack_tcp_info info;
	struct sim_peer peer;

	(void)state;
	sim_add_timestamp(&syn, 7000, 0);
	sim_add_option(&syn, 3, (const uint8_t[]){ 9 }, 1);
	limits.opening_max = 512;
	sim_peer_connect(&peer, PORT, &syn);
	flood(PORT, 40000);
	assert_int_equal(opening(), 512);

	struct sim_segment next = syn;
	next.from_port = 4001;
	next.to_port = PORT;
	next.flags = SIM_SYN;
	next.window = 1000;
	sim_peer_send(&next);
	assert_true(sim_peer_take(&segment));
	assert_int_equal(segment.flags, SIM_SYN | SIM_ACK);
	assert_int_equal(segment.acknowledged, syn.sequence + 1);
	flood(PORT, 1000);
	next.option_bytes = 0;
	next.flags = SIM_ACK;
	next.sequence = segment.acknowledged;
	next.acknowledged = segment.sequence + 1;
	next.window = 20;
	sim_add_timestamp(&next, 7001, sim_get32(sim_option(&segment, 8) + 2));
	next.bytes = 100;
	sim_peer_send(&next);
	sim_peer_round();
	mutex_lock(&net_mutex);
	stack_close(peer.server, true);
	assert_int_equal(stack_accept(peer.listener, &peer.owner.owner, &peer.server), 0);
	assert_int_equal(stack_pending_receive(peer.server), 100);
	assert_int_equal(stack_tcp_info(peer.server, &info), 0);
	mutex_unlock(&net_mutex);
	assert_true(info.timestamps && info.sack && info.scaling);
	assert_int_equal(info.send_scale, 9);
	assert_int_equal(info.send_mss, MSS - 12);
	sim_peer_close(&peer);
	sim_net_run(40000);
	assert_int_equal(opening(), 0);
}

static void forged_and_old_cookies_are_refused(void **state)
{
	struct sim_segment syn = syn_with_sack(), segment, cookie;
	struct sim_peer peer;

	(void)state;
	limits.opening_max = 512;
	sim_peer_connect(&peer, PORT, &syn);
	flood(PORT, 600);
	syn.from_port = 4001;
	syn.to_port = PORT;
	syn.flags = SIM_SYN;
	sim_peer_send(&syn);
	assert_true(sim_peer_take(&cookie));
	syn.flags = SIM_ACK;
	syn.option_bytes = 0;
	syn.sequence++;
	for (uint32_t bit = 0; bit < 32; bit++) {
		syn.acknowledged = (cookie.sequence ^ 1u << bit) + 1;
		sim_peer_send(&syn);
		sim_peer_round();
		assert_true(sim_peer_take(&segment));
		assert_true(segment.flags & SIM_RST);
	}
	sim_net_run(180000);
	flood(PORT, 1000);
	while (sim_peer_take(&segment))
		;
	syn.acknowledged = cookie.sequence + 1;
	sim_peer_send(&syn);
	sim_peer_round();
	assert_true(sim_peer_take(&segment));
	assert_true(segment.flags & SIM_RST);
	sim_peer_close(&peer);
	sim_net_run(40000);
}

static int start(void **state)
{
	(void)state;
	sim_net_start();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selective_acknowledgements_have_all_holes_filled_at_once),
		cmocka_unit_test(lost_retransmission_is_sent_again_before_the_time_out),
		cmocka_unit_test(two_duplicates_let_new_data_out),
		cmocka_unit_test(blocks_that_cannot_be_are_ignored),
		cmocka_unit_test(first_round_trip_sets_the_time_out),
		cmocka_unit_test(segments_beyond_the_window_are_cut),
		cmocka_unit_test(old_time_stamps_do_not_count),
		cmocka_unit_test(data_with_a_forged_acknowledgement_does_not_count),
		cmocka_unit_test(round_with_much_data_is_acknowledged_within),
		cmocka_unit_test(acknowledgement_to_a_closed_window_is_not_answered),
		cmocka_unit_test(tiny_maximum_segment_is_not_taken_at_its_word),
		cmocka_unit_test(genuine_client_connects_in_a_flood),
		cmocka_unit_test(forged_and_old_cookies_are_refused),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
