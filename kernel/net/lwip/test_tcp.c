/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP endpoints, over a perfect link and over others. */
#include "sim_net.h"

#include <base/errno.h>

#include "../../port/host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 80, PIECE = 16384 };

static uint8_t byte_at(size_t offset)
{
	return (uint8_t)(offset * 2654435761u >> 13);
}

static struct netbuf *piece_at(size_t offset, size_t bytes)
{
	struct netbuf *buf = netbuf_alloc(NETBUF_HEADROOM, bytes);

	for (size_t i = 0; i < bytes; i++)
		buf->data[i] = byte_at(offset + i);
	buf->bytes = buf->packet_bytes = (uint32_t)bytes;
	return buf;
}

static size_t send_more(struct stack_endpoint *ep, size_t sent, size_t total, size_t piece)
{
	while (sent < total) {
		size_t bytes = min(min(stack_send_room(ep), total - sent), piece);
		struct stack_send request = { 0 };

		if (!bytes)
			break;
		request.data = piece_at(sent, bytes);
		assert_int_equal(stack_send(ep, &request), 0);
		sent += bytes;
	}
	return sent;
}

static size_t receive_more(struct stack_endpoint *ep, size_t received)
{
	struct netbuf *chain;

	while (!stack_receive(ep, PIECE, &chain, NULL) && chain) {
		size_t bytes = 0;

		for (struct netbuf *buf = chain; buf; buf = buf->next) {
			for (uint32_t i = 0; i < buf->bytes; i++)
				assert_int_equal(buf->data[i], byte_at(received + bytes + i));
			bytes += buf->bytes;
		}
		assert_int_equal(bytes, chain->packet_bytes);
		netbuf_put_chain(chain);
		stack_consumed(ep, bytes);
		received += bytes;
	}
	return received;
}

/* Sends so many bytes and has them arrive; returns how many ms it took. */
static unsigned transfer(struct sim_pair *pair, size_t total, size_t piece)
{
	size_t sent = 0, received = 0;
	unsigned ms = 0;

	while (received < total) {
		mutex_lock(&net_mutex);
		sent = send_more(pair->client, sent, total, piece);
		mutex_unlock(&net_mutex);
		sim_net_run(1);
		mutex_lock(&net_mutex);
		received = receive_more(pair->server, received);
		mutex_unlock(&net_mutex);
		assert_true(++ms < 600000);
	}
	return ms;
}

static void connection_is_made_and_ends(void **state)
{
	struct sim_pair pair;
	struct netbuf *chain;

	(void)state;
	sim_pair_connect(&pair, AF_INET, PORT);
	assert_true(pair.client_owner.events & STACK_WRITABLE);
	assert_true(pair.listener_owner.events & STACK_READABLE);
	mutex_lock(&net_mutex);
	assert_int_equal(stack_shutdown(pair.client, STACK_SHUT_WRITE), 0);
	mutex_unlock(&net_mutex);
	sim_net_settle();
	mutex_lock(&net_mutex);
	assert_int_equal(stack_receive(pair.server, 1, &chain, NULL), 0);
	assert_null(chain);
	mutex_unlock(&net_mutex);
	sim_pair_close(&pair);
	sim_net_run(70000);
}

static void bytes_arrive_on_loopback(void **state)
{
	struct sim_pair pair;

	(void)state;
	sim_pair_connect(&pair, AF_INET6, PORT);
	transfer(&pair, 8 << 20, PIECE);
	sim_pair_close(&pair);
	sim_net_run(70000);
}

/* A segment of loopback may be larger than such a window. */
static void small_windows_are_opened_again(void **state)
{
	(void)state;
	for (sim_net.buffer_bytes = 4096; sim_net.buffer_bytes <= 1 << 20;
	     sim_net.buffer_bytes *= 2) {
		struct sim_pair pair;

		sim_pair_connect(&pair, AF_INET, PORT);
		assert_true(transfer(&pair, 1 << 20, 60000) < 2000);
		sim_pair_close(&pair);
		sim_net_run(70000);
	}
	sim_net.buffer_bytes = 0;
}

static void bytes_arrive_over_a_link(void **state)
{
	struct sim_pair pair;

	(void)state;
	sim_net_use_link();
	sim_pair_connect(&pair, AF_INET, PORT);
	transfer(&pair, 8 << 20, PIECE);
	sim_pair_close(&pair);
	sim_net_run(70000);
}

static void bytes_arrive_though_packets_are_lost(void **state)
{
	struct sim_pair pair;

	(void)state;
	sim_net_use_link();
	sim_pair_connect(&pair, AF_INET, PORT);
	sim_net.loss = 20;
	sim_net.duplication = 10;
	sim_net.reordering = 20;
	sim_net.delay_ms = 1;
	transfer(&pair, 4 << 20, PIECE);
	sim_net.loss = sim_net.duplication = sim_net.reordering = sim_net.delay_ms = 0;
	sim_pair_close(&pair);
	sim_net_run(70000);
}

/* One loss in a hundred, 10 ms from end to end and back: 1.2 / sqrt(1 / 100) segments each 10 ms (RFC 3819, 8.5.3), which is 4 MiB in
 * 2.5 s. Time-outs would make it many times that. */
static void losses_cost_no_time_outs(void **state)
{
	struct sim_pair pair;

	(void)state;
	sim_net_use_device(NETDEV_CSUM | NETDEV_TSO4);
	sim_pair_connect(&pair, 0, PORT);
	sim_net.loss = 10;
	sim_net.delay_ms = 5;
	assert_in_range(transfer(&pair, 4 << 20, 60000), 0, 6000);
	sim_net.loss = sim_net.delay_ms = 0;
	sim_pair_close(&pair);
	sim_net_run(70000);
}

static void device_sums_and_cuts(void **state)
{
	struct sim_pair pair;

	(void)state;
	sim_net_use_device(NETDEV_CSUM | NETDEV_TSO4);
	sim_pair_connect(&pair, 0, PORT);
	sim_net.large = 0;
	transfer(&pair, 8 << 20, PIECE);
	assert_true(sim_net.large > 100);
	sim_pair_close(&pair);
	sim_net_run(70000);
}

static void large_segments_survive_loss(void **state)
{
	struct sim_pair pair;

	(void)state;
	sim_net_use_device(NETDEV_CSUM | NETDEV_TSO4);
	sim_pair_connect(&pair, 0, PORT);
	sim_net.loss = 10;
	sim_net.duplication = 10;
	sim_net.reordering = 20;
	sim_net.delay_ms = 1;
	transfer(&pair, 8 << 20, 60000);
	sim_net.loss = sim_net.duplication = sim_net.reordering = sim_net.delay_ms = 0;
	sim_pair_close(&pair);
	sim_net_run(70000);
}

static void device_without_offloads_gets_whole_frames(void **state)
{
	struct sim_pair pair;

	(void)state;
	sim_net_use_device(0);
	sim_pair_connect(&pair, 0, PORT);
	sim_net.large = 0;
	transfer(&pair, 2 << 20, 1000);
	assert_int_equal(sim_net.large, 0);
	sim_pair_close(&pair);
	sim_net_run(70000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connection_is_made_and_ends),
		cmocka_unit_test(bytes_arrive_on_loopback),
		cmocka_unit_test(small_windows_are_opened_again),
		cmocka_unit_test(bytes_arrive_over_a_link),
		cmocka_unit_test(bytes_arrive_though_packets_are_lost),
		cmocka_unit_test(losses_cost_no_time_outs),
		cmocka_unit_test(device_sums_and_cuts),
		cmocka_unit_test(large_segments_survive_loss),
		cmocka_unit_test(device_without_offloads_gets_whole_frames),
	};

	sim_net_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
