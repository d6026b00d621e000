/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio network device (virtio 1.2, 5.1): attaching it, and its life as a network device. One pair of queues is used.
 * Its interrupts, and changes of its configuration, make the class poll it, and all work is done there.
 */
#include "virtio_net.h"

#include <base/errno.h>
#include <base/log.h>
#include <core/random.h>
#include <mm/alloc.h>
#include <mm/pages.h>

enum {
	LINK_BYTES = 18, /* Ethernet's header with a VLAN tag */
	MTU_DEFAULT = 1500,
	MTU_MIN = 68,
	RING_MIN = 64,
	RING_MAX = 256,
	RING_MEMORY_SHIFT = 19, /* a receive buffer for each 512 KiB of RAM */
	POOL_RINGS = 4,         /* buffers that there may be, in rings */
	ROOM_LARGE = 4096 - sizeof(struct netbuf),
	MTU_MAX = 32768 - sizeof(struct netbuf) - VIRTIO_NET_HEADER_BYTES - LINK_BYTES,
};

#define WANTED                                                                               \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | \
	 VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_MRG_RXBUF |          \
	 VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX)

/* Interrupts */

static void receive_arrived(void *context)
{
	struct virtio_net *net = context;

	virtio_queue_disable(net->pair.receive);
	netdev_schedule(&net->dev);
}

static void transmit_arrived(void *context)
{
	struct virtio_net *net = context;

	virtio_queue_disable(net->pair.transmit);
	netdev_schedule(&net->dev);
}

static void config_changed(struct virtio_dev *virtio)
{
	struct virtio_net *net = virtio_driver_data(virtio);

	__atomic_store_n(&net->config_changed, true, __ATOMIC_SEQ_CST);
	/* Before, attach() is not done yet, and will have it polled. */
	if (__atomic_load_n(&net->attached, __ATOMIC_SEQ_CST))
		netdev_schedule(&net->dev);
}

/* As a network device */

static bool read_link(struct virtio_net *net)
{
	uint16_t status = VIRTIO_NET_S_LINK_UP;

	if (net->features & VIRTIO_NET_F_STATUS &&
	    !virtio_config_read(net->virtio, VIRTIO_NET_CONFIG_STATUS, &status, sizeof status))
		return false;
	return status & VIRTIO_NET_S_LINK_UP;
}

static void update_link(struct virtio_net *net)
{
	bool link = read_link(net);

	if (link == net->dev.link)
		return;
	net->dev.link = link;
	netdev_link_changed(&net->dev);
}

static unsigned poll(struct netdev *dev, unsigned budget)
{
	struct virtio_net *net = virtio_net_of(dev);

	virtio_net_reclaim(net);
	if (!budget)
		return 0;
	if (unlikely(__atomic_exchange_n(&net->config_changed, false, __ATOMIC_ACQ_REL)))
		update_link(net);
	if (unlikely(net->promiscuous.sent || net->all_multicast.sent))
		virtio_net_control_poll(net);
	if (unlikely(net->pair.full) && virtio_net_has_room(net)) {
		net->pair.full = false;
		virtio_queue_disable(net->pair.transmit);
		netdev_transmit_ready(dev);
	}
	return virtio_net_receive(net, budget);
}

static bool rearm(struct netdev *dev)
{
	struct virtio_net_pair *pair = &virtio_net_of(dev)->pair;
	bool armed = virtio_queue_enable(pair->receive);

	if (unlikely(pair->full))
		armed = virtio_queue_enable_late(pair->transmit) && armed;
	if (unlikely(!armed))
		virtio_queue_disable(pair->receive);
	return armed;
}

static void flush(struct netdev *dev)
{
	virtio_queue_kick(virtio_net_of(dev)->pair.transmit);
}

static const struct netdev_ops ops = {
	.transmit = virtio_net_transmit,
	.flush = flush,
	.poll = poll,
	.rearm = rearm,
	.set_multicast = virtio_net_set_multicast,
};

/* Attaching */

static int negotiate(struct virtio_net *net)
{
	uint64_t offered = virtio_offered(net->virtio), wanted = WANTED, features;
	int error;

	/* Without buffers that it can put together each would have to hold 64 KiB. */
	if (offered & VIRTIO_NET_F_MRG_RXBUF && offered & VIRTIO_NET_F_GUEST_CSUM)
		wanted |= VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6;
	if (!(offered & VIRTIO_NET_F_CSUM))
		wanted &= ~(VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6);
	if (!(offered & VIRTIO_NET_F_CTRL_VQ))
		wanted &= ~VIRTIO_NET_F_CTRL_RX;
	error = virtio_negotiate(net->virtio, wanted, &features);
	if (error)
		return error;
	net->features = features;
	net->header_bytes = VIRTIO_NET_HEADER_BYTES;
	if (!(features & (VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF)))
		net->header_bytes = VIRTIO_NET_HEADER_BYTES_LEGACY;
	net->header_apart = !(features & (VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT));
	return 0;
}

static void read_mac(struct virtio_net *net)
{
	uint8_t *mac = net->dev.mac;

	if (net->features & VIRTIO_NET_F_MAC &&
	    virtio_config_read(net->virtio, VIRTIO_NET_CONFIG_MAC, mac, sizeof net->dev.mac) &&
	    !(mac[0] & 1))
		return;
	random_bytes(mac, sizeof net->dev.mac);
	mac[0] = (uint8_t)((mac[0] & ~1u) | 2); /* one machine's, locally administered */
}

static void read_mtu(struct virtio_net *net)
{
	uint16_t mtu = MTU_DEFAULT;

	if (net->features & VIRTIO_NET_F_MTU &&
	    (!virtio_config_read(net->virtio, VIRTIO_NET_CONFIG_MTU, &mtu, sizeof mtu) ||
	     mtu < MTU_MIN))
		mtu = MTU_DEFAULT;
	net->dev.mtu = (uint16_t)min((unsigned)mtu, (unsigned)MTU_MAX);
}

static void fill_in(struct virtio_net *net)
{
	static const struct {
		uint64_t feature;
		uint32_t means;
	} table[] = {
		{ VIRTIO_NET_F_CSUM, NETDEV_CSUM },
		{ VIRTIO_NET_F_HOST_TSO4, NETDEV_TSO4 },
		{ VIRTIO_NET_F_HOST_TSO6, NETDEV_TSO6 },
		{ VIRTIO_NET_F_GUEST_CSUM, NETDEV_RX_CSUM },
		{ VIRTIO_NET_F_GUEST_TSO4, NETDEV_RX_LARGE },
		{ VIRTIO_NET_F_GUEST_TSO6, NETDEV_RX_LARGE },
	};
	struct netdev *dev = &net->dev;

	dev->ops = &ops;
	dev->device = virtio_device(net->virtio);
	dev->gso_bytes_max = UINT16_MAX;
	for (unsigned i = 0; i < countof(table); i++) {
		if (net->features & table[i].feature)
			dev->features |= table[i].means;
	}
	read_mac(net);
	read_mtu(net);
	dev->link = read_link(net);
}

static unsigned ring_entries(void)
{
	uint64_t buffers = pages_stats().total_bytes >> RING_MEMORY_SHIFT;

	buffers = min(max(buffers, (uint64_t)RING_MIN), (uint64_t)RING_MAX);
	return 1u << ilog2(buffers);
}

static int open_queues(struct virtio_net *net)
{
	struct virtio_queue_request request = { .index = VIRTIO_NET_RECEIVEQ,
						.entries = ring_entries(),
						.segments = net->header_apart ? 2 : 1,
						.arrived = receive_arrived,
						.context = net };
	int error = virtio_queue_open(net->virtio, &request, &net->pair.receive);

	if (error)
		return error;
	request.index = VIRTIO_NET_TRANSMITQ;
	request.segments = VIRTIO_NET_SEGMENTS;
	request.arrived = transmit_arrived;
	error = virtio_queue_open(net->virtio, &request, &net->pair.transmit);
	if (error || !(net->features & VIRTIO_NET_F_CTRL_RX))
		return error;
	request = (struct virtio_queue_request){ .index = VIRTIO_NET_CONTROLQ,
						 .entries = 8,
						 .segments = 3 };
	return virtio_queue_open(net->virtio, &request, &net->control);
}

static int create_pool(struct virtio_net *net)
{
	size_t room = net->header_bytes + (size_t)LINK_BYTES + net->dev.mtu;
	unsigned entries = virtio_queue_entries(net->pair.receive);

	/* Packets put together by the device fill pages. */
	if (net->dev.features & NETDEV_RX_LARGE)
		room = max(room, (size_t)ROOM_LARGE);
	net->ring = net->header_apart ? max(entries / 2, 1u) : entries;
	return netbuf_pool_create(room, net->ring, POOL_RINGS * net->ring, &net->pool);
}

static int prepare(struct virtio_net *net)
{
	int error = negotiate(net);

	if (error)
		return error;
	fill_in(net);
	error = open_queues(net);
	if (!error)
		error = create_pool(net);
	if (!error)
		error = virtio_start(net->virtio);
	/* The last that can fail: from here on the device has buffers. */
	return error ? error : netdev_register(&net->dev);
}

static void describe(const struct device *device, struct device_text *text)
{
	const struct netdev *dev = device->class_device;
	const uint8_t *mac = dev->mac;

	device_print(text, "%s %02x:%02x:%02x:%02x:%02x:%02x mtu %u%s", dev->name, mac[0], mac[1],
		     mac[2], mac[3], mac[4], mac[5], dev->mtu, dev->link ? "" : " no link");
}

static int attach(struct virtio_dev *virtio)
{
	struct virtio_net *net = mem_zalloc(sizeof *net);
	int error;

	if (!net)
		return -ENOMEM;
	net->virtio = virtio;
	virtio_set_driver_data(virtio, net);
	error = prepare(net);
	if (error) {
		if (!virtio_stop(virtio))
			return error;
		virtio_set_driver_data(virtio, NULL);
		netbuf_pool_close(net->pool);
		mem_free(net);
		return error;
	}
	net->dev.device->class_device = &net->dev;
	net->dev.device->describe_class = describe;
	mutex_lock(&net_mutex);
	virtio_queue_disable(net->pair.transmit);
	virtio_net_refill(net);
	if (net->control)
		virtio_net_control_start(net);
	mutex_unlock(&net_mutex);
	__atomic_store_n(&net->attached, true, __ATOMIC_SEQ_CST);
	netdev_schedule(&net->dev);
	return 0;
}

static void failed(struct virtio_dev *virtio)
{
	struct virtio_net *net = virtio_driver_data(virtio);
	struct netbuf *buf;

	netdev_failed(&net->dev);
	mutex_lock(&net_mutex);
	while ((buf = virtio_queue_detach(net->pair.receive)) != NULL)
		netbuf_put(buf);
	while ((buf = virtio_queue_detach(net->pair.transmit)) != NULL)
		netbuf_put_chain(buf);
	while (net->control && virtio_queue_detach(net->control))
		;
	netbuf_pool_close(net->pool);
	net->pool = NULL;
	mutex_unlock(&net_mutex);
}

const struct virtio_driver virtio_net_driver = {
	.name = "virtio-net",
	.type = VIRTIO_NET,
	.attach = attach,
	.failed = failed,
	.config_changed = config_changed,
};
VIRTIO_DRIVER(virtio_net_driver);
