/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A socket device that does what the input says: uses receive buffers and events with any bytes in them and any length, in any number,
 * at any time; changes its configuration; fails. Whatever it does, packets that are handed over lie within their buffers, and
 * nothing is left behind.
 */
#include "regs.h"

#include "../../test_virtio.h"

#include <class/net.h>
#include <class/vsock.h>
#include <core/thread.h>

enum { KEPT = 400 };

extern const struct virtio_driver virtio_vsock_driver;

static struct {
	const uint8_t *data;
	size_t bytes;
} script;

static struct netbuf *kept[KEPT];
static unsigned kept_count;

static uint8_t next(void)
{
	if (!script.bytes)
		return 0;
	script.bytes--;
	return *script.data++;
}

static void release_kept(void)
{
	while (kept_count)
		netbuf_put(kept[--kept_count]);
}

static void receive(struct vsock_dev *dev, struct netbuf *packet)
{
	assert(dev == vsock_device());
	assert(!packet->next && packet->packet_bytes == packet->bytes);
	assert(packet->data - packet->start >= VSOCK_HEADER_BYTES);
	assert(packet->data + packet->bytes <= packet->end);
	if (kept_count < KEPT)
		kept[kept_count++] = packet;
	else
		netbuf_put(packet);
}

static void nothing(void)
{
}

static void use(unsigned index)
{
	struct virtio_queue *queue = test_dev.queues[index];
	struct test_buffer *buffer = test_device_take(queue);
	uint8_t bytes[64];

	if (!buffer)
		return;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = next();
	test_device_write(buffer, bytes, next() % sizeof bytes);
	test_device_use(queue, buffer, next() * 17u);
	if (next() & 1)
		test_device_notify(queue);
}

static void transmit(void)
{
	struct netbuf *packet = netbuf_alloc(VSOCK_HEADER_BYTES, next());
	struct vsock_dev *dev;

	packet->bytes = packet->packet_bytes = (uint32_t)(packet->end - packet->data);
	mutex_lock(&net_mutex);
	dev = vsock_device();
	if (dev->ops->transmit(dev, packet))
		netbuf_put(packet);
	dev->ops->flush(dev);
	mutex_unlock(&net_mutex);
}

static void act(void)
{
	switch (next() % 8) {
	case 0:
	case 1:
		use(VIRTIO_VSOCK_RX);
		break;
	case 2:
		use(VIRTIO_VSOCK_TX);
		break;
	case 3:
		use(VIRTIO_VSOCK_EVENT);
		break;
	case 4:
	case 5:
		transmit();
		break;
	case 6:
		test_dev.config[next() % 8] = next();
		break;
	default:
		release_kept();
	}
	netdev_poll_now();
}

static void start_once(void)
{
	static const struct vsock_upper upper = {
		.receive = receive, .reset = nothing, .transmit_ready = nothing, .polled = nothing
	};
	static char boot_stack[4096];
	static bool started;

	if (started)
		return;
	started = true;
	threads_start(boot_stack, sizeof boot_stack);
	vsock_set_upper(&upper);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t features = VIRTIO_F_VERSION_1;

	start_once();
	script.data = data;
	script.bytes = size;
	features |= next() & 1 ? VIRTIO_F_INDIRECT_DESC : 0;
	test_device_reset(&virtio_vsock_driver, features | next());
	test_dev.entries_max = 8u << next() % 4;
	test_dev.config[0] = next();
	if (test_device_attach())
		return 0;
	if (next() & 1) {
		mutex_lock(&net_mutex);
		vsock_device()->ops->open(vsock_device());
		mutex_unlock(&net_mutex);
	}
	while (script.bytes && !test_dev.failed)
		act();
	test_device_fail();
	netdev_poll_now();
	release_kept();
	mem_free(virtio_driver_data(&test_dev));
	test_queues_free();
	return 0;
}
