/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network device that does what the input says: uses receive buffers with any bytes in them and any length, in any number, at any time;
 * answers commands with anything; changes its configuration; fails. Whatever it does, packets that are handed over lie within
 * their buffers, and nothing is left behind.
 */
#include "virtio_net.h"

#include "../../test_virtio.h"

#include <core/thread.h>

enum { KEPT = 300 };

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
		netbuf_put_chain(kept[--kept_count]);
}

static void ignore(struct netdev *dev)
{
	(void)dev;
}

static void polled(void)
{
}

static void receive(struct netdev *dev, struct netbuf *packet)
{
	uint32_t bytes = 0;

	(void)dev;
	for (const struct netbuf *buf = packet; buf; buf = buf->next) {
		assert(buf->data >= buf->start && buf->data + buf->bytes <= buf->end);
		bytes += buf->bytes;
	}
	assert(bytes == packet->packet_bytes && packet->bytes >= 14);
	if (packet->flags & NETBUF_CSUM_PARTIAL)
		assert(packet->csum_start + packet->csum_offset + 2u <= bytes);
	if (packet->gso_type)
		assert(packet->gso_bytes);
	if (kept_count < KEPT)
		kept[kept_count++] = packet;
	else
		netbuf_put_chain(packet);
}

static const struct netdev_upper upper = { .added = ignore,
					   .removed = ignore,
					   .receive = receive,
					   .transmit_ready = ignore,
					   .link_changed = ignore,
					   .polled = polled };

static void use(unsigned index)
{
	struct virtio_queue *queue = test_dev.queues[index];
	struct test_buffer *buffer = queue ? test_device_take(queue) : NULL;
	uint8_t bytes[64];
	size_t count;

	if (!buffer)
		return;
	count = next() % sizeof bytes;
	for (size_t i = 0; i < count; i++)
		bytes[i] = next();
	if (test_dev.config[0] & 4)
		memcpy(bytes + sizeof bytes - 6, test_dev.config, 6);
	test_device_write(buffer, bytes, sizeof bytes);
	test_device_use(queue, buffer, next() * 17u);
	if (next() & 1)
		test_device_notify(queue);
}

static void transmit(struct netdev *dev)
{
	struct netbuf *packet = netbuf_alloc(next(), 100), **link = &packet->next;

	packet->bytes = packet->packet_bytes = 60;
	for (unsigned n = next() % 24; n; n--) {
		*link = netbuf_alloc(0, 16);
		(*link)->bytes = next() % 16;
		packet->packet_bytes += (*link)->bytes;
		link = &(*link)->next;
	}
	mutex_lock(&net_mutex);
	(void)netdev_transmit(dev, packet);
	netdev_flush(dev);
	mutex_unlock(&net_mutex);
}

static void act(struct netdev *dev)
{
	switch (next() % 8) {
	case 0:
	case 1:
	case 2:
		use(VIRTIO_NET_RECEIVEQ);
		break;
	case 3:
		use(VIRTIO_NET_TRANSMITQ);
		break;
	case 4:
		use(VIRTIO_NET_CONTROLQ);
		break;
	case 5:
		transmit(dev);
		break;
	case 6:
		test_dev.config[VIRTIO_NET_CONFIG_STATUS] = next();
		test_device_config_changed();
		break;
	default:
		release_kept();
	}
	netdev_poll_now();
}

static void start_once(void)
{
	static bool started;
	static char boot_stack[4096];

	if (started)
		return;
	started = true;
	threads_start(boot_stack, sizeof boot_stack);
	netdev_set_upper(&upper);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ |
			    VIRTIO_NET_F_CTRL_RX;
	struct virtio_net *net;

	start_once();
	script.data = data;
	script.bytes = size;
	features |= next() & 1 ? VIRTIO_F_VERSION_1 : 0;
	features |= next() & 1 ? VIRTIO_F_INDIRECT_DESC : 0;
	features |= (uint64_t)next() << 8 | next();
	test_device_reset(&virtio_net_driver, features);
	test_dev.entries_max = 8u << next() % 4;
	for (unsigned i = 0; i < 12; i++)
		test_dev.config[i] = next();
	if (test_device_attach())
		return 0;
	net = virtio_driver_data(&test_dev);
	while (script.bytes)
		act(&net->dev);
	test_device_fail();
	netdev_poll_now();
	netdev_unregister(&net->dev);
	release_kept();
	mem_free(net);
	test_queues_free();
	return 0;
}
