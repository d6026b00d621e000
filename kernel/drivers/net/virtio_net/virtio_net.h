/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's own: what its files share. All of a device's state is under net_mutex, but where said otherwise. */
#pragma once

#include "regs.h"

#include <bus/virtio.h>
#include <class/net.h>

enum { VIRTIO_NET_SEGMENTS = NETDEV_SEGMENTS_MAX + 1 }; /* of a packet, with a header of its own */

/** A command with one byte of data, and what is to be sent next. */
struct virtio_net_command {
	uint8_t class, command, value, ack; /* shared with the device while `sent` */
	uint8_t wanted;
	bool sent, changed;
};

/** A pair of queues. One is used; more would each need a lock of their own. */
struct virtio_net_pair {
	struct virtio_queue *receive, *transmit;
	unsigned posted;    /* receive buffers that the device has */
	bool unshown;       /* some of them it has not been told of */
	unsigned in_flight; /* packets that it has */
	bool full;          /* transmit() found no room, and an interrupt tells when there is */
};

struct virtio_net {
	struct netdev dev;
	struct virtio_dev *virtio;
	uint64_t features;
	uint32_t header_bytes;
	bool header_apart; /* it wants a descriptor of its own (a device without ANY_LAYOUT) */
	bool attached, config_changed; /* atomic */
	unsigned ring;                 /* receive buffers that the device should have */
	struct netbuf_pool *pool;
	struct virtio_net_pair pair;
	struct virtio_queue *control; /* NULL: none */
	struct virtio_net_command promiscuous, all_multicast;
};

static inline struct virtio_net *virtio_net_of(struct netdev *dev)
{
	return container_of(dev, struct virtio_net, dev);
}

extern const struct virtio_driver virtio_net_driver;

/* receive.c */

/** Gives the device buffers until it has `ring` of them, as far as there are any, and notifies it. */
void virtio_net_refill(struct virtio_net *net);

/** Hands at most `budget` packets to the class; returns how many buffers it took, good or bad. */
unsigned virtio_net_receive(struct virtio_net *net, unsigned budget);

/* transmit.c */

/** netdev_ops.transmit */
int virtio_net_transmit(struct netdev *dev, struct netbuf *packet);

/** Takes back what was sent. */
void virtio_net_reclaim(struct virtio_net *net);

/** Whether there is room again after a transmit() that found none. */
bool virtio_net_has_room(struct virtio_net *net);

/* control.c */

/** Asks for frames to the device's own address and to groups only. */
void virtio_net_control_start(struct virtio_net *net);

/** Takes answers, sends what has changed since. */
void virtio_net_control_poll(struct virtio_net *net);

/** netdev_ops.set_multicast */
int virtio_net_set_multicast(struct netdev *dev, bool all);
