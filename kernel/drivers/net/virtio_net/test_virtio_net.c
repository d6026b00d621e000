/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio network driver: as a network device, and against a device that lies. */
#include "virtio_net.h"

#include "../../../class/net/test_contract.h"
#include "../../test_virtio.h"

enum { KEPT_FRAMES = 4096 };

static char boot_stack[4096];
static const uint8_t our_mac[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };

/* What has left. */
static struct {
	uint8_t bytes[2000];
	size_t count;
} frames[KEPT_FRAMES];
static unsigned frames_first, frames_count;
static struct virtio_net_header last_sent;

static struct virtio_net *net(void)
{
	return virtio_driver_data(&test_dev);
}

static struct virtio_queue *queue(unsigned index)
{
	return test_dev.queues[index];
}

static const uint64_t modern = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX |
			       VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CSUM |
			       VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_HOST_TSO4 |
			       VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_GUEST_TSO4 |
			       VIRTIO_NET_F_GUEST_TSO6;

static void reset_device(uint64_t features)
{
	test_device_reset(&virtio_net_driver, features);
	memcpy(test_dev.config, our_mac, sizeof our_mac);
	test_dev.config[VIRTIO_NET_CONFIG_STATUS] = VIRTIO_NET_S_LINK_UP;
	frames_first = frames_count = 0;
	netdev_set_upper(&test_upper);
}

static void attach(uint64_t features)
{
	reset_device(features);
	assert_int_equal(test_device_attach(), 0);
	test_contract_settle();
}

/* Leaves nothing behind. A driver keeps what it knows of a device that has failed, so the test frees that. */
static int end(void **state)
{
	struct virtio_net *driver = net();

	(void)state;
	test_upper_release();
	if (driver) {
		test_device_fail();
		test_contract_settle();
		netdev_unregister(&driver->dev);
		mem_free(driver);
	}
	test_queues_free();
	test_upper_reset();
	netdev_set_upper(NULL);
	return 0;
}

/* The device */

static size_t header_bytes(void)
{
	return test_dev.features & (VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF) ? 12 : 10;
}

/* One packet over as many buffers as it takes, at most `part` bytes in each. */
static bool arrive_as(struct virtio_net_header header, const void *frame, size_t bytes, size_t part)
{
	static uint8_t all[12 + TEST_FRAME_MAX];
	struct test_buffer *buffers[256];
	size_t total = header_bytes() + bytes, done = 0, parts[256];
	unsigned count = 0;

	memcpy(all + header_bytes(), frame, bytes);
	while (done < total) {
		buffers[count] = test_device_take(queue(VIRTIO_NET_RECEIVEQ));
		if (!buffers[count])
			break;
		parts[count] = test_device_write(buffers[count], all + done,
						 min(total - done, part));
		done += parts[count++];
	}
	if (test_dev.features & VIRTIO_NET_F_MRG_RXBUF && !le16_get(header.num_buffers))
		header.num_buffers = le16((uint16_t)count);
	if (count) {
		memcpy(all, &header, header_bytes());
		test_device_write(buffers[0], all, header_bytes());
	}
	for (unsigned i = 0; i < count; i++)
		test_device_use(queue(VIRTIO_NET_RECEIVEQ), buffers[i], (uint32_t)parts[i]);
	return done == total;
}

static bool arrive(const void *frame, size_t bytes)
{
	return arrive_as((struct virtio_net_header){ 0 }, frame, bytes, SIZE_MAX);
}

static void work(void)
{
	struct test_buffer *buffer;

	while ((buffer = test_device_take(queue(VIRTIO_NET_TRANSMITQ))) != NULL) {
		static uint8_t all[12 + TEST_FRAME_MAX];
		size_t bytes = test_device_read(buffer, all, sizeof all);

		assert_true(bytes >= header_bytes());
		memcpy(&last_sent, all, header_bytes());
		if (frames_count < KEPT_FRAMES && bytes - header_bytes() <= 2000) {
			frames[frames_count].count = bytes - header_bytes();
			memcpy(frames[frames_count++].bytes, all + header_bytes(),
			       bytes - header_bytes());
		}
		test_device_use(queue(VIRTIO_NET_TRANSMITQ), buffer, 0);
	}
	test_device_notify(queue(VIRTIO_NET_TRANSMITQ));
	test_device_notify(queue(VIRTIO_NET_RECEIVEQ));
}

static size_t left(void *frame, size_t room)
{
	if (frames_first == frames_count) {
		frames_first = frames_count = 0;
		return 0;
	}
	assert_true(frames[frames_first].count <= room);
	memcpy(frame, frames[frames_first].bytes, frames[frames_first].count);
	return frames[frames_first++].count;
}

static void run_contract(uint64_t features)
{
	attach(features);
	const struct test_contract contract = { .dev = &net()->dev,
						.ring = virtio_queue_entries(
							queue(VIRTIO_NET_TRANSMITQ)),
						.arrive = arrive,
						.work = work,
						.left = left };

	test_contract_run(&contract);
	assert_int_equal(net()->dev.stats.rx_errors, 0);
}

/* As a network device */

static void modern_device_keeps_the_contract(void **state)
{
	(void)state;
	run_contract(modern);
	assert_int_equal(net()->header_bytes, 12);
}

static void device_with_mergeable_buffers_keeps_the_contract(void **state)
{
	(void)state;
	run_contract(modern | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX);
}

static void device_without_indirect_descriptors_keeps_the_contract(void **state)
{
	(void)state;
	run_contract(modern & ~VIRTIO_F_INDIRECT_DESC);
}

static void legacy_device_keeps_the_contract(void **state)
{
	(void)state;
	run_contract((modern & ~VIRTIO_F_VERSION_1) | VIRTIO_F_ANY_LAYOUT);
	assert_int_equal(net()->header_bytes, 10);
}

static void device_of_fixed_layout_gets_headers_apart(void **state)
{
	struct test_buffer *buffer;
	uint8_t frame[60] = { 2 };

	(void)state;
	run_contract(VIRTIO_NET_F_MAC);
	buffer = test_device_take(queue(VIRTIO_NET_RECEIVEQ));
	assert_int_equal(buffer->writable, 2);
	assert_int_equal(buffer->segments[0].bytes, 10);
	test_device_use(queue(VIRTIO_NET_RECEIVEQ), buffer, 0);
	test_transmit(&net()->dev, test_packet(frame, sizeof frame, 1));
	buffer = test_device_take(queue(VIRTIO_NET_TRANSMITQ));
	assert_int_equal(buffer->readable, 2);
	assert_int_equal(buffer->segments[0].bytes, 10);
	test_device_use(queue(VIRTIO_NET_TRANSMITQ), buffer, 0);
}

static void small_ring_keeps_the_contract(void **state)
{
	(void)state;
	reset_device(modern & ~VIRTIO_F_INDIRECT_DESC);
	test_dev.entries_max = 32;
	assert_int_equal(test_device_attach(), 0);
	const struct test_contract contract = {
		.dev = &net()->dev, .ring = 32, .arrive = arrive, .work = work, .left = left
	};

	test_contract_run(&contract);
}

/* Attaching */

static void features_become_those_of_a_network_device(void **state)
{
	(void)state;
	attach(modern | VIRTIO_NET_F_MRG_RXBUF);
	assert_int_equal(net()->dev.features, NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6 |
						      NETDEV_RX_CSUM | NETDEV_RX_LARGE);
	assert_memory_equal(net()->dev.mac, our_mac, 6);
	assert_int_equal(net()->dev.mtu, 1500);
	assert_true(net()->dev.link);
}

static void large_packets_need_mergeable_buffers(void **state)
{
	(void)state;
	attach(modern);
	assert_false(net()->features & (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6));
	assert_false(net()->dev.features & NETDEV_RX_LARGE);
}

static void features_that_need_another_are_not_taken_alone(void **state)
{
	(void)state;
	attach((modern | VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_CTRL_RX) &
	       ~(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM));
	assert_int_equal(net()->dev.features, 0);
	assert_null(net()->control);
}

static void odd_configuration_is_not_believed(void **state)
{
	const uint16_t mtu = 20;

	(void)state;
	reset_device(modern | VIRTIO_NET_F_MTU);
	test_dev.config[0] = 0xff; /* a group's address */
	memcpy(test_dev.config + VIRTIO_NET_CONFIG_MTU, &mtu, 2);
	assert_int_equal(test_device_attach(), 0);
	assert_int_equal(net()->dev.mac[0] & 3, 2);
	assert_int_equal(net()->dev.mtu, 1500);
}

static void large_mtu_gets_large_buffers(void **state)
{
	const uint16_t mtu = 9000;
	static uint8_t frame[9014];

	(void)state;
	reset_device(modern | VIRTIO_NET_F_MTU);
	memcpy(test_dev.config + VIRTIO_NET_CONFIG_MTU, &mtu, 2);
	assert_int_equal(test_device_attach(), 0);
	test_contract_settle();
	assert_int_equal(net()->dev.mtu, 9000);
	test_frame(frame, our_mac, sizeof frame, 1);
	assert_true(arrive(frame, sizeof frame));
	work();
	test_contract_settle();
	assert_int_equal(upper.bytes, sizeof frame);
	assert_memory_equal(upper.frame, frame, sizeof frame);
}

static void failed_attach_leaves_nothing(void **state)
{
	size_t before = host_allocations();

	(void)state;
	for (unsigned n = 0;; n++) {
		int error;

		reset_device(modern | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX);
		host_fail_allocation_after(n);
		error = test_device_attach();
		if (!host_allocation_failed()) {
			assert_int_equal(error, 0);
			break;
		}
		assert_int_equal(error, -ENOMEM);
		assert_null(net());
		assert_int_equal(host_allocations(), before);
		assert_null(netdev_next(NULL));
	}
	host_fail_allocation_after(HOST_NEVER);
}

static void device_without_queues_or_agreement_is_refused(void **state)
{
	size_t before = host_allocations();

	(void)state;
	for (unsigned missing = 1; missing <= 3; missing++) {
		reset_device(modern | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX);
		test_dev.missing_queue = missing;
		assert_int_equal(test_device_attach(), -ENOENT);
	}
	reset_device(modern);
	test_dev.refuses = true;
	assert_int_equal(test_device_attach(), -ENODEV);
	assert_int_equal(host_allocations(), before);
}

/* Transmitting */

static void offloads_are_in_the_header(void **state)
{
	uint8_t frame[100] = { 2 };
	struct netbuf *packet = test_packet(frame, sizeof frame, 2);

	(void)state;
	attach(modern);
	packet->flags = NETBUF_CSUM_PARTIAL;
	packet->csum_start = 34;
	packet->csum_offset = 16;
	packet->gso_type = NETBUF_GSO_TCP6;
	packet->gso_bytes = 1200;
	packet->header_bytes = 74;
	assert_int_equal(test_transmit(&net()->dev, packet), 0);
	work();
	assert_int_equal(last_sent.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	assert_int_equal(le16_get(last_sent.csum_start), 34);
	assert_int_equal(le16_get(last_sent.csum_offset), 16);
	assert_int_equal(last_sent.gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
	assert_int_equal(le16_get(last_sent.gso_bytes), 1200);
	assert_int_equal(le16_get(last_sent.header_bytes), 74);
	packet = test_packet(frame, sizeof frame, 1);
	packet->gso_type = NETBUF_GSO_TCP4;
	assert_int_equal(test_transmit(&net()->dev, packet), 0);
	work();
	assert_int_equal(last_sent.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
	assert_int_equal(last_sent.flags, 0);
}

static void packet_without_headroom_gets_a_header_of_its_own(void **state)
{
	static const uint8_t frame[60] = { 2, 9, 9 };
	struct netbuf *packet = netbuf_wrap(frame, sizeof frame, netbuf_free_header, NULL);
	uint8_t out[100];

	(void)state;
	attach(modern);
	assert_int_equal(test_transmit(&net()->dev, packet), 0);
	work();
	assert_int_equal(left(out, sizeof out), 60);
	assert_memory_equal(out, frame, 60);
	packet = netbuf_wrap(frame, sizeof frame, netbuf_free_header, NULL);
	host_fail_allocation_after(0);
	assert_int_equal(test_transmit(&net()->dev, packet), -ENOMEM);
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(net()->dev.stats.tx_errors, 1);
}

static void packet_longer_than_the_ring_is_refused(void **state)
{
	uint8_t frame[100] = { 2 };

	(void)state;
	reset_device(modern & ~VIRTIO_F_INDIRECT_DESC);
	test_dev.entries_max = 8;
	assert_int_equal(test_device_attach(), 0);
	assert_int_equal(test_transmit(&net()->dev, test_packet(frame, 100, 20)), -EMSGSIZE);
	assert_int_equal(test_transmit(&net()->dev, test_packet(frame, 100, 8)), 0);
}

static void sending_asks_for_no_interrupts(void **state)
{
	uint8_t frame[60] = { 2 };

	(void)state;
	attach(modern);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(test_transmit(&net()->dev, test_packet(frame, 60, 3)), 0);
		assert_int_equal(queue(VIRTIO_NET_TRANSMITQ)->interrupts, TEST_OFF);
		work();
	}
	assert_int_equal(net()->dev.waiting.count, 0);
	mutex_lock(&net_mutex);
	netdev_reclaim(&net()->dev);
	mutex_unlock(&net_mutex);
	assert_int_equal(net()->pair.in_flight, 0);
}

/* Receiving */

static void receive_with(struct virtio_net_header header, size_t bytes)
{
	static uint8_t frame[TEST_FRAME_MAX];

	test_frame(frame, our_mac, bytes, 5);
	arrive_as(header, frame, bytes, SIZE_MAX);
	work();
	test_contract_settle();
}

static void checksum_offload_is_told(void **state)
{
	struct virtio_net_header header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
					    .csum_start = le16(34),
					    .csum_offset = le16(16) };

	(void)state;
	attach(modern);
	receive_with(header, 100);
	assert_int_equal(upper.flags, NETBUF_CSUM_PARTIAL);
	assert_int_equal(upper.csum_start, 34);
	assert_int_equal(upper.csum_offset, 16);
	header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	receive_with(header, 100);
	assert_int_equal(upper.flags, NETBUF_CSUM_GOOD);
	header.flags = 0;
	receive_with(header, 100);
	assert_int_equal(upper.flags, 0);
	assert_int_equal(upper.received, 3);
}

static void offloads_not_agreed_on_are_not_believed(void **state)
{
	struct virtio_net_header header = { .flags = VIRTIO_NET_HDR_F_DATA_VALID };

	(void)state;
	attach(VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MAC);
	receive_with(header, 100);
	assert_int_equal(upper.flags, 0);
	assert_int_equal(upper.received, 1);
	header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	header.gso_bytes = le16(1000);
	receive_with(header, 100);
	assert_int_equal(upper.received, 1);
	assert_int_equal(net()->dev.stats.rx_errors, 1);
}

static void lies_in_the_header_are_dropped(void **state)
{
	static const struct virtio_net_header lies[] = {
		{ .flags = 1, .csum_start = { 99 }, .csum_offset = { 0 } },
		{ .flags = 1, .csum_start = { 34 }, .csum_offset = { 65 } },
		{ .flags = 1, .csum_start = { 0 }, .csum_offset = { 16 } },
		{ .flags = 1, .csum_start = { 65535 }, .csum_offset = { 65535 } },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_bytes = { 0 } },
		{ .gso_type = 3, .gso_bytes = { 1000 } },
		{ .gso_type = 0x7f, .gso_bytes = { 1000 } },
		{ .num_buffers = { 2 } },
		{ .num_buffers = { 65535 } },
	};

	(void)state;
	attach(modern | VIRTIO_NET_F_MRG_RXBUF);
	for (unsigned i = 0; i < countof(lies); i++) {
		receive_with(lies[i], 100);
		assert_int_equal(upper.received, 0);
		assert_int_equal(net()->dev.stats.rx_errors, i + 1);
	}
	receive_with((struct virtio_net_header){ 0 }, 100);
	assert_int_equal(upper.received, 1);
}

static void buffers_without_a_frame_are_dropped(void **state)
{
	struct test_buffer *buffer;

	(void)state;
	attach(modern);
	for (uint32_t written = 0; written < 12 + 14; written++) {
		buffer = test_device_take(queue(VIRTIO_NET_RECEIVEQ));
		memset(buffer->segments[0].data, 0, 64);
		test_device_use(queue(VIRTIO_NET_RECEIVEQ), buffer, written);
	}
	work();
	test_contract_settle();
	assert_int_equal(upper.received, 0);
	assert_int_equal(net()->dev.stats.rx_errors, 26);
	/* With mergeable buffers: none said to be used. */
	end(NULL);
	attach(modern | VIRTIO_NET_F_MRG_RXBUF);
	buffer = test_device_take(queue(VIRTIO_NET_RECEIVEQ));
	memset(buffer->segments[0].data, 0, 64);
	test_device_use(queue(VIRTIO_NET_RECEIVEQ), buffer, 64);
	work();
	test_contract_settle();
	assert_int_equal(net()->dev.stats.rx_errors, 1);
	assert_int_equal(upper.received, 0);
}

static void large_packet_comes_in_many_buffers(void **state)
{
	static uint8_t frame[TEST_FRAME_MAX];
	struct virtio_net_header header = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
					    .gso_bytes = le16(1448) };

	(void)state;
	attach(modern | VIRTIO_NET_F_MRG_RXBUF);
	test_frame(frame, our_mac, sizeof frame, 7);
	for (unsigned i = 0; i < 50; i++) {
		assert_true(arrive_as(header, frame, sizeof frame, 2000 + i * 40));
		work();
		test_contract_settle();
		assert_int_equal(upper.received, i + 1);
		assert_int_equal(upper.bytes, sizeof frame);
		assert_memory_equal(upper.frame, frame, sizeof frame);
		assert_int_equal(upper.gso_type, NETBUF_GSO_TCP4);
		assert_int_equal(upper.gso_bytes, 1448);
	}
	/* One byte more than a packet can have. */
	static uint8_t longer[TEST_FRAME_MAX + 1];

	memcpy(longer, frame, sizeof frame);
	arrive_as(header, longer, sizeof longer - 1, 4096);
	work();
	test_contract_settle();
	assert_int_equal(net()->dev.stats.rx_errors, 0);
}

static void too_long_packet_is_dropped_whole(void **state)
{
	struct test_buffer *buffer;
	const struct virtio_net_header header = { .num_buffers = le16(40) };

	(void)state;
	attach(modern | VIRTIO_NET_F_MRG_RXBUF);
	for (unsigned i = 0; i < 40; i++) {
		buffer = test_device_take(queue(VIRTIO_NET_RECEIVEQ));
		memcpy(buffer->segments[0].data, &header, sizeof header);
		test_device_use(queue(VIRTIO_NET_RECEIVEQ), buffer, UINT32_MAX);
	}
	work();
	test_contract_settle();
	assert_int_equal(upper.received, 0);
	assert_int_equal(net()->dev.stats.rx_errors, 1);
	receive_with((struct virtio_net_header){ 0 }, 100);
	assert_int_equal(upper.received, 1);
}

static void without_memory_to_copy_packets_are_dropped(void **state)
{
	uint8_t frame[60];
	unsigned i;

	(void)state;
	attach(modern);
	upper.keep = true;
	test_frame(frame, our_mac, sizeof frame, 0);
	for (i = 0; i < TEST_KEPT && !net()->dev.stats.rx_dropped; i++) {
		host_fail_allocation_after(0);
		arrive(frame, sizeof frame);
		work();
		test_contract_settle();
		host_fail_allocation_after(HOST_NEVER);
	}
	assert_int_equal(net()->dev.stats.rx_dropped, 1);
	assert_int_equal(upper.received, i - 1);
	test_upper_release();
	receive_with((struct virtio_net_header){ 0 }, 100);
	assert_int_equal(upper.received, i);
}

/* The rest of its life */

static void link_is_followed(void **state)
{
	(void)state;
	attach(modern);
	test_dev.config[VIRTIO_NET_CONFIG_STATUS] = 0;
	test_device_config_changed();
	test_contract_settle();
	assert_false(net()->dev.link);
	assert_int_equal(upper.link_changes, 1);
	test_device_config_changed();
	test_contract_settle();
	assert_int_equal(upper.link_changes, 1);
	test_dev.config[VIRTIO_NET_CONFIG_STATUS] = 1;
	test_device_config_changed();
	test_contract_settle();
	assert_true(net()->dev.link);
	assert_int_equal(upper.link_changes, 2);
}

/* A command as the device has got it: class, command, value. */
static bool next_command(uint8_t *out, uint8_t answer)
{
	struct test_buffer *buffer = test_device_take(queue(VIRTIO_NET_CONTROLQ));

	if (!buffer)
		return false;
	assert_int_equal(test_device_read(buffer, out, 3), 3);
	assert_int_equal(test_device_write(buffer, &answer, 1), 1);
	test_device_use(queue(VIRTIO_NET_CONTROLQ), buffer, 1);
	return true;
}

static void receive_modes_are_asked_for(void **state)
{
	static const uint8_t not_all[] = { 0, 0, 0 }, groups[] = { 0, 1, 1 },
			     no_groups[] = { 0, 1, 0 };
	uint8_t command[3];

	(void)state;
	attach(modern | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX);
	assert_true(next_command(command, VIRTIO_NET_OK));
	assert_memory_equal(command, not_all, 3);
	mutex_lock(&net_mutex);
	assert_int_equal(netdev_set_multicast(&net()->dev, false), 0);
	mutex_unlock(&net_mutex);
	/* The first answer is not there yet: the second command waits for it. */
	assert_true(next_command(command, VIRTIO_NET_ERR));
	assert_memory_equal(command, groups, 3);
	assert_false(next_command(command, VIRTIO_NET_OK));
	netdev_schedule(&net()->dev);
	test_contract_settle();
	assert_true(next_command(command, VIRTIO_NET_OK));
	assert_memory_equal(command, no_groups, 3);
	netdev_schedule(&net()->dev);
	test_contract_settle();
	assert_false(net()->all_multicast.sent);
}

static void failed_device_gives_up_what_it_has(void **state)
{
	uint8_t frame[60] = { 2 };

	(void)state;
	attach(modern | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX);
	for (unsigned i = 0; i < 400; i++)
		test_transmit(&net()->dev, test_packet(frame, 60, 1));
	upper.keep = true;
	receive_with((struct virtio_net_header){ 0 }, 100);
	virtio_fail(&test_dev, "test");
	test_transmit(&net()->dev, test_packet(frame, 60, 1)); /* between the two */
	netdev_schedule(&net()->dev);
	test_contract_settle();
	test_device_fail();
	test_contract_settle();
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(test_outstanding(queue(i)), 0);
	assert_int_equal(net()->dev.waiting.count, 0);
	assert_int_equal(test_transmit(&net()->dev, test_packet(frame, 60, 1)), -ENETDOWN);
	assert_int_equal(upper.kept_count, 1);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(failed_attach_leaves_nothing),
		TEST(modern_device_keeps_the_contract),
		TEST(device_with_mergeable_buffers_keeps_the_contract),
		TEST(device_without_indirect_descriptors_keeps_the_contract),
		TEST(legacy_device_keeps_the_contract),
		TEST(device_of_fixed_layout_gets_headers_apart),
		TEST(small_ring_keeps_the_contract),
		TEST(features_become_those_of_a_network_device),
		TEST(large_packets_need_mergeable_buffers),
		TEST(features_that_need_another_are_not_taken_alone),
		TEST(odd_configuration_is_not_believed),
		TEST(large_mtu_gets_large_buffers),
		TEST(device_without_queues_or_agreement_is_refused),
		TEST(offloads_are_in_the_header),
		TEST(packet_without_headroom_gets_a_header_of_its_own),
		TEST(packet_longer_than_the_ring_is_refused),
		TEST(sending_asks_for_no_interrupts),
		TEST(checksum_offload_is_told),
		TEST(offloads_not_agreed_on_are_not_believed),
		TEST(lies_in_the_header_are_dropped),
		TEST(buffers_without_a_frame_are_dropped),
		TEST(large_packet_comes_in_many_buffers),
		TEST(too_long_packet_is_dropped_whole),
		TEST(without_memory_to_copy_packets_are_dropped),
		TEST(link_is_followed),
		TEST(receive_modes_are_asked_for),
		TEST(failed_device_gives_up_what_it_has),
	};

	threads_start(boot_stack, sizeof boot_stack);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
