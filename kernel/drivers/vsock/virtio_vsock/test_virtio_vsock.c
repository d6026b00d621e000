/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio socket driver: packets both ways, and a device that lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "regs.h"

#include "../../test_virtio.h"

#include <class/net.h>
#include <class/vsock.h>
#include <core/thread.h>
#include <mm/stack.h>

enum { KEPT = 1024, CID = 7 };

extern const struct virtio_driver virtio_vsock_driver;

static char boot_stack[4096];

/* The layer above: keeps what it gets. */
static struct {
	struct netbuf *packets[KEPT];
	unsigned count, resets, ready;
} upper;

static void receive(struct vsock_dev *dev, struct netbuf *packet)
{
	assert_ptr_equal(dev, vsock_device());
	assert_true(upper.count < KEPT);
	upper.packets[upper.count++] = packet;
}

static void reset(void)
{
	upper.resets++;
}

static void transmit_ready(void)
{
	upper.ready++;
}

static void polled(void)
{
}

static void release_kept(void)
{
	while (upper.count)
		netbuf_put_chain(upper.packets[--upper.count]);
}

static struct vsock_dev *device(void)
{
	return virtio_device(&test_dev)->class_device;
}

static struct virtio_queue *queue(unsigned index)
{
	return test_dev.queues[index];
}

static void set_cid(uint64_t cid)
{
	memcpy(test_dev.config, &cid, sizeof cid);
}

static void reset_device(uint64_t features)
{
	static const struct vsock_upper ops = { .receive = receive,
						.reset = reset,
						.transmit_ready = transmit_ready,
						.polled = polled };

	test_device_reset(&virtio_vsock_driver, features);
	set_cid(CID);
	memset(&upper, 0, sizeof upper);
	vsock_set_upper(&ops);
}

static int start(void **state)
{
	(void)state;
	reset_device(VIRTIO_F_VERSION_1);
	return 0;
}

static int end(void **state)
{
	void *driver = virtio_driver_data(&test_dev);

	(void)state;
	release_kept();
	if (driver) {
		test_device_fail();
		mem_free(driver);
	}
	test_queues_free();
	return 0;
}

static void attach(void)
{
	assert_int_equal(test_device_attach(), 0);
}

/* The device's side: a packet of so many bytes, all of one value, whose header says `says`. False: it has no buffer. */
static bool arrive(uint8_t value, uint32_t bytes, uint32_t says)
{
	static uint8_t all[VSOCK_HEADER_BYTES + 8192];
	const struct vsock_header header = { .src_cid = le64(2),
					     .dst_cid = le64(CID),
					     .bytes = le32(says),
					     .op = le16(VSOCK_OP_RW) };
	struct test_buffer *buffer = test_device_take(queue(VIRTIO_VSOCK_RX));

	if (!buffer)
		return false;
	memset(all, value, sizeof all);
	memcpy(all, &header, sizeof header);
	test_device_write(buffer, all, sizeof header + bytes);
	test_device_use(queue(VIRTIO_VSOCK_RX), buffer, (uint32_t)sizeof header + bytes);
	test_device_notify(queue(VIRTIO_VSOCK_RX));
	return true;
}

static void happen(uint32_t id, uint32_t written)
{
	struct test_buffer *buffer = test_device_take(queue(VIRTIO_VSOCK_EVENT));

	assert_non_null(buffer);
	test_device_write(buffer, &id, sizeof id);
	test_device_use(queue(VIRTIO_VSOCK_EVENT), buffer, written);
	test_device_notify(queue(VIRTIO_VSOCK_EVENT));
	netdev_poll_now();
}

static int send_bytes(uint32_t bytes)
{
	struct netbuf *packet = netbuf_alloc(VSOCK_HEADER_BYTES, bytes);
	int error;

	memset(packet->start, 0x5a, VSOCK_HEADER_BYTES + bytes);
	packet->bytes = packet->packet_bytes = bytes;
	mutex_lock(&net_mutex);
	error = device()->ops->transmit(device(), packet);
	if (!error)
		device()->ops->flush(device());
	mutex_unlock(&net_mutex);
	if (error)
		netbuf_put(packet);
	return error;
}

static void open_device(void)
{
	mutex_lock(&net_mutex);
	device()->ops->open(device());
	mutex_unlock(&net_mutex);
}

/* Tests */

static void few_buffers_are_posted_until_there_are_sockets(void **state)
{
	(void)state;
	attach();
	assert_int_equal(queue(VIRTIO_VSOCK_RX)->shown.count, 4);
	assert_int_equal(queue(VIRTIO_VSOCK_EVENT)->shown.count, 4);
	assert_int_equal(device()->cid, CID);
	open_device();
	assert_int_equal(queue(VIRTIO_VSOCK_RX)->shown.count, 64);
}

static void packet_goes_up_with_its_header_in_front(void **state)
{
	struct vsock_header header;

	(void)state;
	attach();
	assert_true(arrive(0xa5, 1000, 1000));
	netdev_poll_now();
	assert_int_equal(upper.count, 1);
	assert_int_equal(upper.packets[0]->bytes, 1000);
	assert_int_equal(upper.packets[0]->data[999], 0xa5);
	memcpy(&header, upper.packets[0]->data - VSOCK_HEADER_BYTES, sizeof header);
	assert_int_equal(le64_get(header.dst_cid), CID);
	assert_int_equal(queue(VIRTIO_VSOCK_RX)->shown.count, 4);
}

static void packet_without_a_whole_header_is_dropped(void **state)
{
	struct test_buffer *buffer;

	(void)state;
	attach();
	buffer = test_device_take(queue(VIRTIO_VSOCK_RX));
	test_device_use(queue(VIRTIO_VSOCK_RX), buffer, VSOCK_HEADER_BYTES - 1);
	test_device_notify(queue(VIRTIO_VSOCK_RX));
	netdev_poll_now();
	assert_int_equal(upper.count, 0);
	assert_int_equal(queue(VIRTIO_VSOCK_RX)->shown.count, 4);
}

static void device_always_has_buffers_whatever_is_held(void **state)
{
	(void)state;
	attach();
	open_device();
	for (unsigned i = 0; i < KEPT; i++) {
		assert_true(arrive((uint8_t)i, i, i));
		netdev_poll_now();
	}
	assert_int_equal(upper.count, KEPT);
	for (unsigned i = 1; i < KEPT; i++) {
		assert_int_equal(upper.packets[i]->bytes, i);
		assert_int_equal(upper.packets[i]->data[i - 1], (uint8_t)i);
	}
	release_kept();
	assert_true(arrive(1, 1, 1));
}

/* Then the packet comes without its data, and the layer above sees that some is lost. */
static void without_memory_for_a_copy_the_header_is_told(void **state)
{
	(void)state;
	attach();
	open_device();
	for (unsigned i = 0; i < 300; i++) {
		assert_true(arrive(1, 10, 10));
		netdev_poll_now();
	}
	assert_true(arrive(1, 10, 10));
	host_fail_allocation_after(0);
	netdev_poll_now();
	assert_true(host_allocation_failed());
	host_fail_allocation_after(HOST_NEVER);
	assert_int_equal(upper.count, 301);
	assert_int_equal(upper.packets[300]->bytes, 0);
}

static void header_and_payload_are_two_descriptors(void **state)
{
	struct test_buffer *buffer;

	(void)state;
	attach();
	assert_int_equal(send_bytes(100), 0);
	assert_int_equal(send_bytes(0), 0);
	buffer = test_device_take(queue(VIRTIO_VSOCK_TX));
	assert_int_equal(buffer->readable, 2);
	assert_int_equal(buffer->segments[0].bytes, VSOCK_HEADER_BYTES);
	assert_int_equal(buffer->segments[1].bytes, 100);
	test_device_use(queue(VIRTIO_VSOCK_TX), buffer, 0);
	buffer = test_device_take(queue(VIRTIO_VSOCK_TX));
	assert_int_equal(buffer->readable, 1);
	test_device_use(queue(VIRTIO_VSOCK_TX), buffer, 0);
	assert_false(device()->ops->is_sending(device()));
}

static void full_ring_is_told_and_its_end_too(void **state)
{
	struct test_buffer *buffer;
	unsigned count = 0;

	(void)state;
	attach();
	assert_int_equal(queue(VIRTIO_VSOCK_TX)->interrupts, TEST_OFF);
	while (!send_bytes(10))
		count++;
	assert_int_equal(count, 64);
	assert_int_equal(send_bytes(10), -ENOBUFS);
	assert_true(device()->ops->is_sending(device()));
	assert_int_equal(queue(VIRTIO_VSOCK_TX)->interrupts, TEST_LATE);
	while ((buffer = test_device_take(queue(VIRTIO_VSOCK_TX))) != NULL)
		test_device_use(queue(VIRTIO_VSOCK_TX), buffer, 0);
	assert_int_equal(upper.ready, 0);
	test_device_notify(queue(VIRTIO_VSOCK_TX));
	netdev_poll_now();
	assert_int_equal(upper.ready, 1);
	assert_int_equal(queue(VIRTIO_VSOCK_TX)->interrupts, TEST_OFF);
	assert_int_equal(send_bytes(10), 0);
}

static void transport_reset_reads_the_cid_again(void **state)
{
	(void)state;
	attach();
	set_cid(99);
	happen(VIRTIO_VSOCK_EVENT_TRANSPORT_RESET, 4);
	assert_int_equal(upper.resets, 1);
	assert_int_equal(device()->cid, 99);
	assert_int_equal(queue(VIRTIO_VSOCK_EVENT)->shown.count, 4);
	happen(5, 4);
	happen(VIRTIO_VSOCK_EVENT_TRANSPORT_RESET, 3);
	assert_int_equal(upper.resets, 1);
	assert_int_equal(queue(VIRTIO_VSOCK_EVENT)->shown.count, 4);
}

static void device_without_a_cid_fails(void **state)
{
	static const uint64_t none[] = { 0, 1, 2, UINT32_MAX, (uint64_t)1 << 32 | 5 };

	(void)state;
	for (unsigned i = 0; i < countof(none); i++) {
		start(NULL);
		set_cid(none[i]);
		assert_int_equal(test_device_attach(), -ENXIO);
	}
	start(NULL);
	attach();
	set_cid(0);
	happen(VIRTIO_VSOCK_EVENT_TRANSPORT_RESET, 4);
	assert_true(test_dev.failed);
}

static void failed_device_is_in_use_no_more(void **state)
{
	(void)state;
	attach();
	assert_int_equal(send_bytes(1), 0);
	assert_true(arrive(1, 1, 1));
	test_device_fail();
	netdev_poll_now();
	assert_null(vsock_device());
	assert_int_equal(upper.resets, 1);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(test_outstanding(queue(i)), 0);
}

static void failed_attach_leaves_nothing(void **state)
{
	size_t before = host_allocations();

	(void)state;
	for (unsigned n = 0;; n++) {
		int error;

		start(NULL);
		host_fail_allocation_after(n);
		error = test_device_attach();
		if (!host_allocation_failed()) {
			assert_int_equal(error, 0);
			break;
		}
		assert_int_equal(error, -ENOMEM);
		assert_int_equal(host_allocations(), before);
		assert_null(vsock_device());
	}
	host_fail_allocation_after(HOST_NEVER);
}

static void device_without_queues_or_agreement_is_refused(void **state)
{
	(void)state;
	test_dev.refuses = true;
	assert_int_equal(test_device_attach(), -ENODEV);
	for (unsigned i = 1; i <= 3; i++) {
		start(NULL);
		test_dev.missing_queue = i;
		assert_int_equal(test_device_attach(), -ENOENT);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(few_buffers_are_posted_until_there_are_sockets),
		TEST(packet_goes_up_with_its_header_in_front),
		TEST(packet_without_a_whole_header_is_dropped),
		TEST(device_always_has_buffers_whatever_is_held),
		TEST(without_memory_for_a_copy_the_header_is_told),
		TEST(header_and_payload_are_two_descriptors),
		TEST(full_ring_is_told_and_its_end_too),
		TEST(transport_reset_reads_the_cid_again),
		TEST(device_without_a_cid_fails),
		TEST(failed_device_is_in_use_no_more),
		TEST(failed_attach_leaves_nothing),
		TEST(device_without_queues_or_agreement_is_refused),
	};

	threads_start(boot_stack, sizeof boot_stack);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
