/* SPDX-License-Identifier: BSD-3-Clause */
/* The class of network devices, with the simplest device there can be. */
#include "test_contract.h"

#include <base/errno.h>
#include <mm/stack.h>

#include "../../port/host/host.h"

#include <stdlib.h>

enum { RING = 16 };

static char boot_stack[4096];

static struct {
	struct netdev dev;
	struct netbuf *received[4096], *sent[RING];
	uint8_t left[4096][1600];
	size_t left_bytes[4096];
	unsigned received_count, sent_count, done_count, left_first, left_count;
	unsigned polls, interrupts, flushes;
	bool interrupts_on, wants_room;
	int error; /* of transmit() */
} sim;

static void take_back(void)
{
	for (unsigned i = 0; i < sim.done_count; i++)
		netbuf_put_chain(sim.sent[i]);
	sim.sent_count -= sim.done_count;
	memmove(sim.sent, sim.sent + sim.done_count, sim.sent_count * sizeof *sim.sent);
	sim.done_count = 0;
}

static int sim_transmit(struct netdev *dev, struct netbuf *packet)
{
	(void)dev;
	if (sim.error)
		return sim.error;
	if (sim.sent_count == RING)
		take_back();
	if (sim.sent_count == RING) {
		sim.wants_room = true;
		return -ENOBUFS;
	}
	sim.sent[sim.sent_count++] = packet;
	return 0;
}

static void sim_flush(struct netdev *dev)
{
	(void)dev;
	sim.flushes++;
}

static unsigned sim_poll(struct netdev *dev, unsigned budget)
{
	unsigned count = min(budget, sim.received_count);

	take_back();
	if (!budget)
		return 0;
	sim.polls++;
	for (unsigned i = 0; i < count; i++)
		netdev_receive(dev, sim.received[i]);
	sim.received_count -= count;
	memmove(sim.received, sim.received + count, sim.received_count * sizeof *sim.received);
	if (sim.wants_room && sim.sent_count < RING) {
		sim.wants_room = false;
		netdev_transmit_ready(dev);
	}
	return count;
}

static bool sim_rearm(struct netdev *dev)
{
	(void)dev;
	if (sim.received_count)
		return false;
	sim.interrupts_on = true;
	return true;
}

static const struct netdev_ops ops = {
	.transmit = sim_transmit,
	.flush = sim_flush,
	.poll = sim_poll,
	.rearm = sim_rearm,
};

static void interrupt(void)
{
	if (!sim.interrupts_on)
		return;
	sim.interrupts++;
	sim.interrupts_on = false;
	cpu_irq_disable();
	netdev_schedule(&sim.dev);
	cpu_irq_enable();
}

static bool sim_arrive(const void *frame, size_t bytes)
{
	struct netbuf *buf = netbuf_alloc(0, bytes);

	memcpy(buf->data, frame, bytes);
	buf->bytes = buf->packet_bytes = (uint32_t)bytes;
	sim.received[sim.received_count++] = buf;
	return true;
}

static void sim_work(void)
{
	for (; sim.done_count < sim.sent_count; sim.done_count++) {
		const struct netbuf *packet = sim.sent[sim.done_count];

		assert_true(
			netbuf_copy_out(packet, 0, sim.left[sim.left_count], packet->packet_bytes));
		sim.left_bytes[sim.left_count++] = packet->packet_bytes;
	}
	if (sim.received_count || (sim.wants_room && sim.done_count))
		interrupt();
}

static size_t sim_left(void *frame, size_t room)
{
	unsigned at = sim.left_first;

	if (at == sim.left_count) {
		sim.left_first = sim.left_count = 0;
		return 0;
	}
	assert_true(sim.left_bytes[at] <= room);
	memcpy(frame, sim.left[at], sim.left_bytes[at]);
	sim.left_first++;
	return sim.left_bytes[at];
}

static int attach(void **state)
{
	(void)state;
	memset(&sim, 0, sizeof sim);
	sim.dev = (struct netdev){
		.ops = &ops, .mac = { 2, 1, 2, 3, 4, 5 }, .mtu = 1500, .link = true
	};
	netdev_set_upper(&test_upper);
	assert_int_equal(netdev_register(&sim.dev), 0);
	netdev_schedule(&sim.dev); /* as a driver does that has filled its ring */
	test_contract_settle();
	assert_true(sim.interrupts_on);
	return 0;
}

static int detach(void **state)
{
	(void)state;
	netdev_unregister(&sim.dev);
	sim.done_count = sim.sent_count;
	take_back();
	test_upper_reset();
	netdev_set_upper(NULL);
	return 0;
}

static void device_keeps_the_contract(void **state)
{
	const struct test_contract contract = { .dev = &sim.dev,
						.ring = RING,
						.arrive = sim_arrive,
						.work = sim_work,
						.left = sim_left };

	(void)state;
	test_contract_run(&contract);
}

static void device_is_made_known_above(void **state)
{
	struct netdev other = { .ops = &ops, .link = true };

	(void)state;
	assert_int_equal(upper.added, 1);
	assert_string_equal(sim.dev.name, "eth0");
	netdev_set_upper(NULL);
	assert_int_equal(netdev_register(&other), 0);
	assert_string_equal(other.name, "eth1");
	assert_int_equal(upper.added, 1);
	netdev_set_upper(&test_upper); /* that comes later */
	assert_int_equal(upper.added, 3);
	assert_ptr_equal(netdev_next(NULL), &sim.dev);
	assert_ptr_equal(netdev_next(&sim.dev), &other);
	assert_null(netdev_next(&other));
	netdev_unregister(&sim.dev);
	assert_int_equal(upper.removed, 1);
	assert_int_equal(netdev_register(&sim.dev), 0);
	assert_string_equal(sim.dev.name, "eth0");
	netdev_unregister(&other);
}

static void frame_for_another_is_dropped(void **state)
{
	static const uint8_t other[6] = { 2, 9 }, group[6] = { 0x33, 0x33 };
	uint8_t frame[60];

	(void)state;
	test_frame(frame, other, sizeof frame, 0);
	sim_arrive(frame, sizeof frame);
	sim_work();
	test_contract_settle();
	assert_int_equal(upper.received, 0);
	assert_int_equal(sim.dev.stats.rx_dropped, 1);
	test_frame(frame, group, sizeof frame, 0);
	sim_arrive(frame, sizeof frame);
	sim_arrive(frame, 13); /* no whole header */
	sim_work();
	test_contract_settle();
	assert_int_equal(upper.received, 1);
	assert_int_equal(upper.flags, NETBUF_BROADCAST);
	assert_int_equal(sim.dev.stats.rx_errors, 1);
	assert_int_equal(sim.dev.stats.rx_packets, 1);
	assert_int_equal(sim.dev.stats.rx_bytes, 60);
}

static void arrive_one(void)
{
	uint8_t frame[60];

	test_frame(frame, sim.dev.mac, sizeof frame, 0);
	sim_arrive(frame, sizeof frame);
	sim_work();
}

static void idle_machine_gets_an_interrupt_for_each_packet(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 10; i++) {
		arrive_one();
		test_contract_settle();
		assert_int_equal(upper.received, i);
		assert_int_equal(sim.interrupts, i);
		assert_int_equal(sim.polls, i + 1); /* and one at attach */
	}
}

static void busy_machine_polls_without_interrupts(void **state)
{
	struct user_context *user = (struct user_context *)boot_stack;

	(void)state;
	arrive_one();
	assert_true(netdev_poll_now());
	/* From here on an interrupt finds a program running, which itself comes to poll. */
	thread_current()->user = user;
	for (unsigned i = 0; i < 100; i++) {
		arrive_one();
		assert_true(netdev_poll_now());
	}
	thread_current()->user = NULL;
	test_contract_settle();
	assert_int_equal(upper.received, 101);
	assert_int_equal(sim.interrupts, 2);
	assert_true(sim.interrupts_on);
	assert_false(netdev_poll_now());
}

static void round_is_bounded(void **state)
{
	uint8_t frame[60];

	(void)state;
	test_frame(frame, sim.dev.mac, sizeof frame, 0);
	for (unsigned i = 0; i < 1000; i++)
		sim_arrive(frame, sizeof frame);
	sim_work();
	assert_true(netdev_poll_now());
	assert_true(upper.received < 200);
	assert_int_equal(upper.polled, 2); /* the first was at attach */
	test_contract_settle();
	assert_int_equal(upper.received, 1000);
}

static void nothing_is_sent_without_a_link(void **state)
{
	uint8_t frame[60] = { 2 };

	(void)state;
	for (unsigned i = 0; i < RING + 10; i++)
		assert_int_equal(test_transmit(&sim.dev, test_packet(frame, 60, 2)), 0);
	assert_int_equal(sim.dev.waiting.count, 10);
	sim.dev.link = false;
	netdev_link_changed(&sim.dev);
	test_contract_settle();
	assert_int_equal(upper.link_changes, 1);
	assert_int_equal(sim.dev.waiting.count, 0);
	assert_int_equal(sim.dev.stats.tx_dropped, 10);
	assert_int_equal(test_transmit(&sim.dev, test_packet(frame, 60, 2)), -ENETDOWN);
	assert_int_equal(sim.dev.stats.tx_dropped, 11);
	sim.dev.link = true;
	sim.done_count = sim.sent_count;
	mutex_lock(&net_mutex);
	netdev_reclaim(&sim.dev);
	mutex_unlock(&net_mutex);
	assert_int_equal(sim.sent_count, 0);
	assert_int_equal(test_transmit(&sim.dev, test_packet(frame, 60, 2)), 0);
}

static void failed_device_is_left_alone(void **state)
{
	uint8_t frame[60] = { 2 };
	unsigned polls;

	(void)state;
	netdev_failed(&sim.dev);
	polls = sim.polls;
	test_contract_settle();
	assert_int_equal(upper.link_changes, 1);
	assert_int_equal(test_transmit(&sim.dev, test_packet(frame, 60, 2)), -ENETDOWN);
	netdev_schedule(&sim.dev);
	test_contract_settle();
	assert_int_equal(sim.polls, polls);
	assert_int_equal(sim.flushes, 0);
}

static void too_many_packets_are_refused(void **state)
{
	uint8_t frame[60] = { 2 };
	unsigned taken = 0;

	(void)state;
	while (!test_transmit(&sim.dev, test_packet(frame, 60, 1)))
		taken++;
	assert_true(taken > RING + 100);
	assert_int_equal(sim.dev.stats.tx_dropped, 1);
	assert_int_equal(upper.ready, 0);
	while (sim.dev.waiting.first) {
		sim_work();
		test_contract_settle();
	}
	assert_int_equal(upper.ready, 1);
}

static void transmit_error_drops_the_packet(void **state)
{
	uint8_t frame[60] = { 2 };

	(void)state;
	sim.error = -EIO;
	assert_int_equal(test_transmit(&sim.dev, test_packet(frame, 60, 1)), -EIO);
	assert_int_equal(sim.dev.stats.tx_errors, 1);
	sim.error = 0;
	/* Too many fragments, and no memory to join them. */
	struct netbuf *packet = test_packet(frame, 60, NETDEV_SEGMENTS_MAX + 1);

	host_fail_allocation_after(0);
	assert_int_equal(test_transmit(&sim.dev, packet), -ENOMEM);
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(sim.dev.stats.tx_dropped, 1);
}

static void without_memory_for_its_thread_none_is_registered(void **state)
{
	struct netdev dev = { .ops = &ops };

	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		host_fail_allocation_after(n);
		assert_int_equal(netdev_register(&dev), -ENOMEM);
		assert_true(host_allocation_failed());
		assert_int_equal(host_allocations(), 0);
	}
	host_fail_allocation_after(HOST_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_memory_for_its_thread_none_is_registered),
		cmocka_unit_test_setup_teardown(device_keeps_the_contract, attach, detach),
		cmocka_unit_test_setup_teardown(device_is_made_known_above, attach, detach),
		cmocka_unit_test_setup_teardown(frame_for_another_is_dropped, attach, detach),
		cmocka_unit_test_setup_teardown(idle_machine_gets_an_interrupt_for_each_packet,
						attach, detach),
		cmocka_unit_test_setup_teardown(busy_machine_polls_without_interrupts, attach,
						detach),
		cmocka_unit_test_setup_teardown(round_is_bounded, attach, detach),
		cmocka_unit_test_setup_teardown(nothing_is_sent_without_a_link, attach, detach),
		cmocka_unit_test_setup_teardown(failed_device_is_left_alone, attach, detach),
		cmocka_unit_test_setup_teardown(too_many_packets_are_refused, attach, detach),
		cmocka_unit_test_setup_teardown(transmit_error_drops_the_packet, attach, detach),
	};

	threads_start(boot_stack, sizeof boot_stack);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
