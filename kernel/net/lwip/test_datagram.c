/* SPDX-License-Identifier: BSD-3-Clause */
/* Datagrams: who gets them. */
#include "sim_peer.h"

#include <base/errno.h>
#include <net/interface.h>

#include "../../port/host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PORT = 5000, LISTS = 256 };

static struct sim_owner owner;

static struct stack_endpoint *open_at(unsigned family, uint16_t port)
{
	struct net_address any = { .ip.family = (uint16_t)family, .port = port };
	struct stack_endpoint *ep;

	mutex_lock(&net_mutex);
	assert_int_equal(stack_open(family, STACK_UDP, 0, &owner.owner, &ep), 0);
	assert_int_equal(stack_set(ep, STACK_REUSE_ADDRESS, 1), 0);
	assert_int_equal(stack_bind(ep, &any), 0);
	mutex_unlock(&net_mutex);
	return ep;
}

static void close_all(struct stack_endpoint **eps, unsigned count)
{
	mutex_lock(&net_mutex);
	for (unsigned i = 0; i < count; i++)
		stack_close(eps[i], false);
	mutex_unlock(&net_mutex);
}

/* How many datagrams wait, which are taken. */
static unsigned received(struct stack_endpoint *ep)
{
	struct stack_datagram from;
	struct netbuf *chain;
	unsigned count = 0;

	mutex_lock(&net_mutex);
	while (!stack_receive(ep, SIZE_MAX, &chain, &from) && chain) {
		netbuf_put_chain(chain);
		count++;
	}
	mutex_unlock(&net_mutex);
	return count;
}

static void ports_of_one_list_are_told_apart(void **state)
{
	struct stack_endpoint *eps[] = { open_at(AF_INET, PORT), open_at(AF_INET, PORT + LISTS),
					 open_at(AF_INET, PORT + 2 * LISTS) };

	(void)state;
	sim_peer_start();
	for (unsigned i = 0; i < countof(eps); i++)
		for (unsigned j = 0; j <= i; j++)
			sim_peer_datagram(NULL, 4000, (uint16_t)(PORT + i * LISTS));
	for (unsigned i = 0; i < countof(eps); i++)
		assert_int_equal(received(eps[i]), i + 1);
	close_all(eps + 1, 1);
	sim_peer_datagram(NULL, 4000, PORT);
	sim_peer_datagram(NULL, 4000, PORT + LISTS);
	sim_peer_datagram(NULL, 4000, PORT + 2 * LISTS);
	assert_int_equal(received(eps[0]), 1);
	assert_int_equal(received(eps[2]), 1);
	close_all(eps, 1);
	close_all(eps + 2, 1);
}

/* A member of a group on the interface, and what a sender of this machine sends to the group. */
static void loops(unsigned family, const struct ip_address *group)
{
	struct stack_endpoint *eps[] = { open_at(family, PORT), open_at(family, PORT + 1) };
	uint32_t interface = interface_index("eth0");
	struct net_address to = { .ip = *group, .port = PORT, .scope = interface };

	for (unsigned round = 0; round < 4; round++) {
		/* Not a member; member; told not to; again. */
		static const unsigned expected[] = { 0, 1, 0, 1 };
		struct stack_send request = { .to = &to };

		mutex_lock(&net_mutex);
		assert_int_equal(stack_set(eps[1], STACK_MULTICAST_INTERFACE, (int)interface), 0);
		assert_int_equal(stack_set(eps[1], STACK_MULTICAST_LOOP, round != 2), 0);
		if (round == 1)
			assert_int_equal(stack_group(eps[0], group, interface, true), 0);
		request.data = sim_data("hello", 5);
		assert_int_equal(stack_send(eps[1], &request), 0);
		mutex_unlock(&net_mutex);
		sim_net_settle();
		assert_int_equal(received(eps[0]), expected[round]);
	}
	close_all(eps, 2);
}

static void multicast_reaches_members_of_this_machine(void **state)
{
	struct ip_address group4 = { .family = AF_INET, .bytes = { 239, 1, 2, 3 } };
	struct ip_address group6 = { .family = AF_INET6,
				     .bytes = { 0xff, 2, [14] = 0x12, [15] = 0x34 } };

	(void)state;
	sim_peer_start();
	sim_net_run(3000);
	loops(AF_INET, &group4);
	loops(AF_INET6, &group6);
}

static int change_address(const uint8_t bytes[4], bool add)
{
	struct interface_address address = { .ip.family = AF_INET, .prefix = 24 };
	uint32_t index;
	int error;

	memcpy(address.ip.bytes, bytes, 4);
	mutex_lock(&net_mutex);
	index = interface_index("eth0");
	error = add ? interface_add_address(index, &address)
		    : interface_remove_address(index, &address);
	mutex_unlock(&net_mutex);
	return error;
}

static bool has_route(const uint8_t subnet[4])
{
	struct route route;
	bool found = false;

	mutex_lock(&net_mutex);
	for (unsigned i = 0; !found && !route_info(i, &route); i++)
		found = !memcmp(route.destination.bytes, subnet, 4) && route.prefix == 24;
	mutex_unlock(&net_mutex);
	return found;
}

static void interface_has_several_addresses(void **state)
{
	static const uint8_t first[4] = { 10, 0, 0, 1 }, second[4] = { 10, 0, 1, 1 },
			     third[4] = { 10, 0, 0, 7 }, subnet[4] = { 10, 0, 1, 0 };
	struct net_address to = { .ip = { .family = AF_INET, .bytes = { 10, 0, 1, 9 } },
				  .port = 9 };
	struct stack_endpoint *ep = open_at(AF_INET, PORT);
	struct net_address local;

	(void)state;
	sim_peer_start();
	assert_true(sim_peer_asks(first) && !sim_peer_asks(second));
	assert_int_equal(change_address(second, true), 0);
	assert_int_equal(change_address(third, true), 0);
	assert_int_equal(change_address(second, true), -EEXIST);
	assert_true(sim_peer_asks(first) && sim_peer_asks(second) && sim_peer_asks(third));
	assert_true(has_route(subnet));
	sim_peer_datagram(second, 4000, PORT);
	sim_peer_datagram(third, 4000, PORT);
	assert_int_equal(received(ep), 2);
	/* A neighbour of the second is spoken to from there. */
	mutex_lock(&net_mutex);
	assert_int_equal(stack_connect(ep, &to), 0);
	assert_int_equal(stack_local(ep, &local), 0);
	mutex_unlock(&net_mutex);
	assert_memory_equal(local.ip.bytes, second, 4);
	close_all(&ep, 1);

	assert_int_equal(change_address(first, false), 0);
	assert_true(!sim_peer_asks(first) && sim_peer_asks(second) && sim_peer_asks(third));
	assert_int_equal(change_address(second, false), 0);
	assert_int_equal(change_address(second, false), -EADDRNOTAVAIL);
	assert_false(sim_peer_asks(second) || has_route(subnet));
	assert_int_equal(change_address(third, false), 0);
	assert_int_equal(change_address(first, true), 0);
	assert_true(sim_peer_asks(first));
}

static int start(void **state)
{
	(void)state;
	sim_net_start();
	sim_owner_init(&owner);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_of_one_list_are_told_apart),
		cmocka_unit_test(multicast_reaches_members_of_this_machine),
		cmocka_unit_test(interface_has_several_addresses),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
