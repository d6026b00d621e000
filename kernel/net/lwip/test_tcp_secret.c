/* SPDX-License-Identifier: BSD-3-Clause */
/* What TCP keeps secret, in a machine that goes on from a snapshot. */
#include "tcp_secret.c"

#include "sim_peer.h"

#include <base/bits.h>
#include <hooks.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 80, CLIENT_PORT = 4001, OPENING_MAX = 512 };

/* Of the algorithm's reference implementation: key and message are 0, 1, 2 and so on. */
static void hash_is_siphash(void **state)
{
	const uint64_t key[] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

	(void)state;
	assert_int_equal(sip_hash(key, key, 0), 0x726fdb47dd0e0e31);
	assert_int_equal(sip_hash(key, key, 1), 0x93f5f5799a932462);
	assert_int_equal(sip_hash(key, key, 2), 0x3f2acc7f57c29bdb);
}

static uint32_t initial_sequence(const ip_addr_t *local, const ip_addr_t *remote)
{
	return tcp_initial_sequence(local, 40000, remote, PORT);
}

static void initial_sequence_numbers_are_other_ones_after_a_snapshot(void **state)
{
	const ip_addr_t ends[][2] = {
		{ IPADDR4_INIT_BYTES(10, 0, 0, 1), IPADDR4_INIT_BYTES(10, 0, 0, 2) },
		{ IPADDR6_INIT(1, 2, 3, 4), IPADDR6_INIT(1, 2, 3, 5) },
	};

	(void)state;
	for (unsigned i = 0; i < countof(ends); i++) {
		uint32_t first = initial_sequence(&ends[i][0], &ends[i][1]);

		assert_int_equal(initial_sequence(&ends[i][0], &ends[i][1]), first);
		assert_int_not_equal(initial_sequence(&ends[i][1], &ends[i][0]), first);
		random_renew();
		assert_int_not_equal(initial_sequence(&ends[i][0], &ends[i][1]), first);
	}
}

/* What a SYN is answered with when no more may be half open. */
static struct sim_segment get_cookie(struct sim_segment *syn)
{
	struct sim_segment cookie;

	limits.opening_max = 0;
	syn->to_port = PORT;
	syn->from_port = CLIENT_PORT;
	syn->flags = SIM_SYN;
	syn->window = 1000;
	sim_peer_send(syn);
	sim_peer_round();
	assert_true(sim_peer_take(&cookie));
	assert_int_equal(cookie.flags, SIM_SYN | SIM_ACK);
	return cookie;
}

static void acknowledge_cookie(const struct sim_segment *syn, const struct sim_segment *cookie)
{
	struct sim_segment answer = *syn;

	answer.flags = SIM_ACK;
	answer.sequence++;
	answer.acknowledged = cookie->sequence + 1;
	sim_peer_send(&answer);
	sim_peer_round();
}

static void cookies_from_before_a_snapshot_are_refused(void **state)
{
	struct sim_segment syn = { .sequence = 1000 }, cookie, reset;
	struct stack_endpoint *server;
	struct sim_peer peer;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	cookie = get_cookie(&syn);
	random_renew();
	acknowledge_cookie(&syn, &cookie);
	assert_true(sim_peer_take(&reset));
	assert_true(reset.flags & SIM_RST);

	cookie = get_cookie(&syn);
	acknowledge_cookie(&syn, &cookie);
	assert_false(sim_peer_take(&reset));
	limits.opening_max = OPENING_MAX;
	mutex_lock(&net_mutex);
	assert_int_equal(stack_accept(peer.listener, &peer.owner.owner, &server), 0);
	stack_close(server, true);
	mutex_unlock(&net_mutex);
	sim_peer_close(&peer);
}

static void connections_go_on_after_a_snapshot(void **state)
{
	struct sim_segment syn = { .sequence = 1000 }, segment;
	struct sim_peer peer;

	(void)state;
	sim_peer_connect(&peer, PORT, &syn);
	random_renew();
	sim_peer_say(&peer, 100);
	mutex_lock(&net_mutex);
	assert_int_equal(stack_pending_receive(peer.server), 100);
	assert_int_equal(
		stack_send(peer.server, &(struct stack_send){ .data = sim_data("answer", 6) }), 0);
	mutex_unlock(&net_mutex);
	sim_peer_round();
	assert_true(sim_peer_take(&segment));
	assert_int_equal(segment.sequence, peer.next.acknowledged);
	assert_int_equal(segment.bytes, 6);
	assert_memory_equal(segment.payload, "answer", 6);
	sim_peer_close(&peer);
}

static int start(void **state)
{
	(void)state;
	sim_net_start();
	limits.opening_max = OPENING_MAX;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_siphash),
		cmocka_unit_test(initial_sequence_numbers_are_other_ones_after_a_snapshot),
		cmocka_unit_test(cookies_from_before_a_snapshot_are_refused),
		cmocka_unit_test(connections_go_on_after_a_snapshot),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
