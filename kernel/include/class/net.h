/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network devices: what drivers implement, their registry, and the thread that polls them. A device interrupts once, after which
 * netdev_schedule() has its poll() called, with its interrupts off, until it finds nothing more: under load none come.
 *
 * Locks: there is one for the whole network, net_mutex, held by the stack above while it works and by the polling thread around each
 * round. A driver's ops are called under it, so a driver needs no lock for its rings. Nothing under it touches user memory.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>
#include <class/netbuf.h>
#include <class/poll.h>
#include <core/lock.h>

struct netdev;
struct device;

enum netdev_features {
	NETDEV_CSUM = BIT(0), /* transmits NETBUF_CSUM_PARTIAL */
	NETDEV_TSO4 = BIT(1), /* transmits NETBUF_GSO_TCP4 */
	NETDEV_TSO6 = BIT(2),
	NETDEV_RX_CSUM = BIT(3),  /* may receive NETBUF_CSUM_GOOD, _PARTIAL */
	NETDEV_RX_LARGE = BIT(4), /* may receive segments put together */
};

struct netdev_ops {
	/** Hands a packet to the device, which owns it when 0 is returned, and may have written in front of its data. -ENOBUFS: the
	 * ring is full, the caller keeps the packet, and netdev_transmit_ready() follows; -EIO, -EMSGSIZE, -ENOMEM. */
	int (*transmit)(struct netdev *dev, struct netbuf *packet);

	/** Notifies the device of what was transmitted since. */
	void (*flush)(struct netdev *dev);

	/** Takes back what was sent, hands at most `budget` received packets to netdev_receive(), refills the ring. Returns how
	 * many it handed over. Budget 0: only takes back. Interrupts of the device are off, but with budget 0. */
	unsigned (*poll)(struct netdev *dev, unsigned budget);

	/** Interrupts on again; false: something has come meanwhile, poll again. While transmit() lacked room, also one when there is. */
	bool (*rearm)(struct netdev *dev);

	/** Receives all multicast and broadcast frames (true), or its own and broadcast only. NULL: always all. */
	int (*set_multicast)(struct netdev *dev, bool all);
};

struct netdev_stats {
	uint64_t rx_packets, rx_bytes, rx_dropped, rx_errors;
	uint64_t tx_packets, tx_bytes, tx_dropped, tx_errors;
};

enum { NETDEV_SEGMENTS_MAX = 20 }; /* fragments of a packet that transmit() must take */

struct netdev {
	/* Set by the driver before netdev_register(). */
	const struct netdev_ops *ops;
	void *driver_data;
	struct device *device;
	uint8_t mac[6];
	uint16_t mtu;           /* largest payload of a frame, without its header: 1500 */
	uint32_t features;      /* enum netdev_features */
	uint32_t gso_bytes_max; /* largest packet for TSO */
	bool link;              /* a carrier is there; see netdev_link_changed() */

	/* The class's. */
	char name[16]; /* "eth0" */
	struct list_node link_node;
	struct netdev_stats stats; /* [net_mutex] the driver counts errors, the class the rest */
	void *upper;               /* of the layer above: its interface */
	struct poller poller;
	bool state_changed;     /* atomic: the layer above is yet to be told */
	bool failed;            /* atomic */
	struct netdev_waiting { /* [net_mutex] what transmit() had no room for, by next_packet */
		struct netbuf *first, *last;
		unsigned count;
		bool refused; /* one more was dropped */
	} waiting;
};

/** Room that the device's header takes in front of a packet's first fragment, where it has that headroom. */
enum { NETDEV_HEADROOM = 16 };

/** Gives it the next free name and tells the layer above. Thread context. */
int must_check netdev_register(struct netdev *dev);

/** Takes it away: after this nobody calls its ops. Thread context. */
void netdev_unregister(struct netdev *dev);

/** The device wants to be polled: from its interrupt handler, which has turned its interrupts off. Any context. */
void netdev_schedule(struct netdev *dev);

/** From poll(): a packet, owned by the layer above from here on. A frame starts at its Ethernet header. */
void netdev_receive(struct netdev *dev, struct netbuf *packet);

/** From poll(): there is room for transmit() again after -ENOBUFS. */
void netdev_transmit_ready(struct netdev *dev);

/** `link` (or `mtu`) has changed. Any context. */
void netdev_link_changed(struct netdev *dev);

/** The device broke its contract; transmit() is no longer called. Any context. */
void netdev_failed(struct netdev *dev);

/*
 * For the layer above (kernel/net).
 */

/* All are called in thread context; added() and removed() without net_mutex, the others under it. */
struct netdev_upper {
	void (*added)(struct netdev *dev);
	void (*removed)(struct netdev *dev);
	/** A received packet, of 14 to 65,549 bytes, its own to release. Its Ethernet header is in the first fragment. */
	void (*receive)(struct netdev *dev, struct netbuf *packet);
	/** After netdev_transmit() refused packets with -ENOBUFS: there is room again. */
	void (*transmit_ready)(struct netdev *dev);
	/** `link`, `mtu` or `failed` is another. */
	void (*link_changed)(struct netdev *dev);
	/** After a round of polling: what was put off till then (acknowledgements, wake-ups) is done. */
	void (*polled)(void);
};

/** Once, before devices are found or after: added() is called for those that are there. */
void netdev_set_upper(const struct netdev_upper *upper);

/** Transmits; counts. The packet is gone, also on error. What the device has no room for waits, up to a bound. -ENETDOWN: no link, or
 * failed; -ENOBUFS: too many wait. The bytes in front of the first fragment's data are the device's until the packet is released. */
int netdev_transmit(struct netdev *dev, struct netbuf *packet) REQUIRES(net_mutex);
void netdev_flush(struct netdev *dev) REQUIRES(net_mutex);

/** Takes back what was sent, which otherwise happens when something is received, or sent again: before looking whether anything
 * still refers to a packet (retransmission). */
void netdev_reclaim(struct netdev *dev) REQUIRES(net_mutex);

/** See netdev_ops; 0 where the device has no such choice. */
int netdev_set_multicast(struct netdev *dev, bool all) REQUIRES(net_mutex);

/** For a device of the layer above's own (loopback) that is not registered: it may be scheduled and is polled. -ENOMEM. Thread
 * context. */
int must_check netdev_start_polling(struct netdev *dev) REQUIRES(net_mutex);

/** Polls the devices that have asked for it, here and now, instead of waking the network's thread: for a thread that is about to
 * sleep until something arrives. True: packets were handed over. Thread context, without net_mutex. */
bool netdev_poll_now(void);

/** The devices, in the order they were registered: the next one; NULL first, NULL last. Thread context. */
struct netdev *netdev_next(struct netdev *dev);
