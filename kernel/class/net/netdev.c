/* SPDX-License-Identifier: BSD-3-Clause */
/* The registry of network devices, and the way of packets between them and the layer above. See <class/net.h>. */
#include <class/net.h>

#include "internal.h"

#include <base/assert.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/log.h>
#include <base/string.h>

enum {
	HEADER_BYTES = 14, /* of Ethernet */
	PACKET_BYTES_MAX = 65535 + HEADER_BYTES,
	WAITING_MAX = 1024, /* packets that the ring had no room for */
	NAMES_MAX = 1000,
};

struct mutex net_mutex = { .waiters = { &net_mutex.waiters, &net_mutex.waiters } };

/* One network in the machine. Changed by threads, under net_mutex. */
static struct {
	struct list_node devices; /* struct netdev.link_node */
	const struct netdev_upper *upper;
} net = { .devices = { &net.devices, &net.devices } };

const struct netdev_upper *netdev_upper(void)
{
	return net.upper;
}

bool netdev_usable(const struct netdev *dev)
{
	return dev->link && !__atomic_load_n(&dev->failed, __ATOMIC_ACQUIRE);
}

/* Registry */

static bool name_taken(const char *name)
{
	list_for_each(node, &net.devices) {
		if (!strcmp(list_entry(node, struct netdev, link_node)->name, name))
			return true;
	}
	return false;
}

static bool give_name(struct netdev *dev)
{
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		format(dev->name, sizeof dev->name, "eth%u", i);
		if (!name_taken(dev->name))
			return true;
	}
	return false;
}

static int add(struct netdev *dev) REQUIRES(net_mutex)
{
	int error = netdev_start_polling(dev);

	if (error)
		return error;
	if (!give_name(dev))
		return -ENFILE;
	list_insert_before(&net.devices, &dev->link_node);
	return 0;
}

int netdev_register(struct netdev *dev)
{
	const struct netdev_upper *upper;
	int error;

	mutex_lock(&net_mutex);
	error = add(dev);
	upper = net.upper;
	mutex_unlock(&net_mutex);
	if (error)
		return error;
	log_info("%s: %02x:%02x:%02x:%02x:%02x:%02x, mtu %u, features %#x%s", dev->name,
		 dev->mac[0], dev->mac[1], dev->mac[2], dev->mac[3], dev->mac[4], dev->mac[5],
		 dev->mtu, dev->features, dev->link ? "" : ", no link");
	if (upper)
		upper->added(dev);
	return 0;
}

void netdev_unregister(struct netdev *dev)
{
	const struct netdev_upper *upper = net.upper;

	if (upper)
		upper->removed(dev);
	mutex_lock(&net_mutex);
	list_remove(&dev->link_node);
	poller_stop(&dev->poller);
	netdev_drop_waiting(dev);
	mutex_unlock(&net_mutex);
}

void netdev_set_upper(const struct netdev_upper *upper)
{
	mutex_lock(&net_mutex);
	net.upper = upper;
	mutex_unlock(&net_mutex);
	for (struct netdev *dev = netdev_next(NULL); upper && dev; dev = netdev_next(dev))
		upper->added(dev);
}

struct netdev *netdev_next(struct netdev *dev)
{
	struct list_node *next = dev ? dev->link_node.next : net.devices.next;

	return next == &net.devices ? NULL : list_entry(next, struct netdev, link_node);
}

/* Polling */

static void tell_state(struct netdev *dev) REQUIRES(net_mutex)
{
	if (!netdev_usable(dev))
		netdev_drop_waiting(dev);
	if (net.upper)
		net.upper->link_changed(dev);
}

static unsigned poll(struct poller *poller, unsigned budget) REQUIRES(net_mutex)
{
	struct netdev *dev = container_of(poller, struct netdev, poller);
	unsigned received = 0;

	if (!__atomic_load_n(&dev->failed, __ATOMIC_ACQUIRE))
		received = dev->ops->poll(dev, budget);
	if (__atomic_exchange_n(&dev->state_changed, false, __ATOMIC_ACQ_REL))
		tell_state(dev);
	return received;
}

static bool rearm(struct poller *poller) REQUIRES(net_mutex)
{
	struct netdev *dev = container_of(poller, struct netdev, poller);

	if (!__atomic_load_n(&dev->failed, __ATOMIC_ACQUIRE) && !dev->ops->rearm(dev))
		return false;
	/* It may have been set while the device still counted as scheduled. */
	return !__atomic_load_n(&dev->state_changed, __ATOMIC_SEQ_CST);
}

int netdev_start_polling(struct netdev *dev)
{
	static const struct poller_ops poller_ops = { .poll = poll, .rearm = rearm };

	list_init(&dev->link_node);
	dev->poller.ops = &poller_ops;
	return poller_start(&dev->poller);
}

void netdev_schedule(struct netdev *dev)
{
	poller_schedule(&dev->poller);
}

void netdev_link_changed(struct netdev *dev)
{
	__atomic_store_n(&dev->state_changed, true, __ATOMIC_RELEASE);
	netdev_schedule(dev);
}

void netdev_failed(struct netdev *dev)
{
	__atomic_store_n(&dev->failed, true, __ATOMIC_RELEASE);
	netdev_link_changed(dev);
}

/* Receiving */

/* A device may hand over more than was sent to it: all that comes by, in promiscuous mode. */
static bool is_for(const struct netdev *dev, const uint8_t *address)
{
	return address[0] & 1 || !__builtin_memcmp(address, dev->mac, sizeof dev->mac);
}

void netdev_receive(struct netdev *dev, struct netbuf *packet)
{
	if (unlikely(packet->bytes < HEADER_BYTES || packet->packet_bytes > PACKET_BYTES_MAX)) {
		dev->stats.rx_errors++;
		netbuf_put_chain(packet);
		return;
	}
	if (unlikely(!net.upper || !is_for(dev, packet->data))) {
		dev->stats.rx_dropped++;
		netbuf_put_chain(packet);
		return;
	}
	dev->stats.rx_packets++;
	dev->stats.rx_bytes += packet->packet_bytes;
	if (packet->data[0] & 1)
		packet->flags |= NETBUF_BROADCAST;
	net.upper->receive(dev, packet);
}

/* Transmitting */

static int drop(struct netdev *dev, struct netbuf *packet, int error)
{
	dev->stats.tx_dropped++;
	netbuf_put_chain(packet);
	return error;
}

static int wait_for_room(struct netdev *dev, struct netbuf *packet)
{
	struct netdev_waiting *waiting = &dev->waiting;

	if (waiting->count >= WAITING_MAX) {
		waiting->refused = true;
		return drop(dev, packet, -ENOBUFS);
	}
	packet->next_packet = NULL;
	if (waiting->first)
		waiting->last->next_packet = packet;
	else
		waiting->first = packet;
	waiting->last = packet;
	waiting->count++;
	return 0;
}

static unsigned fragments(const struct netbuf *packet)
{
	unsigned count = 0;

	for (; packet; packet = packet->next)
		count++;
	return count;
}

/* Makes one fragment of too many. */
static struct netbuf *joined(struct netbuf *packet)
{
	struct netbuf *copy = netbuf_copy(packet, NETDEV_HEADROOM);

	netbuf_put_chain(packet);
	return copy;
}

/* 0, -ENOBUFS with the packet still the caller's, or an error and the packet is gone. */
static int hand_over(struct netdev *dev, struct netbuf *packet)
{
	uint32_t bytes = packet->packet_bytes;
	int error = dev->ops->transmit(dev, packet);

	if (likely(!error)) {
		dev->stats.tx_packets++;
		dev->stats.tx_bytes += bytes;
	} else if (error != -ENOBUFS) {
		dev->stats.tx_errors++;
		netbuf_put_chain(packet);
	}
	return error;
}

int netdev_transmit(struct netdev *dev, struct netbuf *packet)
{
	int error;

	if (unlikely(!netdev_usable(dev)))
		return drop(dev, packet, -ENETDOWN);
	if (unlikely(packet->next && fragments(packet) > NETDEV_SEGMENTS_MAX)) {
		packet = joined(packet);
		if (!packet) {
			dev->stats.tx_dropped++;
			return -ENOMEM;
		}
	}
	if (unlikely(dev->waiting.first))
		return wait_for_room(dev, packet);
	error = hand_over(dev, packet);
	return unlikely(error == -ENOBUFS) ? wait_for_room(dev, packet) : error;
}

static struct netbuf *first_waiting(struct netdev_waiting *waiting)
{
	struct netbuf *packet = waiting->first;

	waiting->first = packet->next_packet;
	waiting->count--;
	packet->next_packet = NULL;
	return packet;
}

static void put_back(struct netdev_waiting *waiting, struct netbuf *packet)
{
	packet->next_packet = waiting->first;
	if (!waiting->first)
		waiting->last = packet;
	waiting->first = packet;
	waiting->count++;
}

void netdev_transmit_ready(struct netdev *dev) NO_THREAD_SAFETY_ANALYSIS
{
	struct netdev_waiting *waiting = &dev->waiting;

	while (waiting->first) {
		struct netbuf *packet = first_waiting(waiting);

		if (hand_over(dev, packet) == -ENOBUFS) {
			put_back(waiting, packet);
			break;
		}
	}
	dev->ops->flush(dev);
	if (waiting->refused && waiting->count < WAITING_MAX / 2) {
		waiting->refused = false;
		if (net.upper)
			net.upper->transmit_ready(dev);
	}
}

void netdev_drop_waiting(struct netdev *dev)
{
	while (dev->waiting.first)
		drop(dev, first_waiting(&dev->waiting), 0);
	dev->waiting.refused = false;
}

void netdev_flush(struct netdev *dev)
{
	if (likely(netdev_usable(dev)))
		dev->ops->flush(dev);
}

void netdev_reclaim(struct netdev *dev)
{
	if (likely(!__atomic_load_n(&dev->failed, __ATOMIC_ACQUIRE)))
		dev->ops->poll(dev, 0);
}

int netdev_set_multicast(struct netdev *dev, bool all)
{
	if (__atomic_load_n(&dev->failed, __ATOMIC_ACQUIRE) || !dev->ops->set_multicast)
		return 0;
	return dev->ops->set_multicast(dev, all);
}
