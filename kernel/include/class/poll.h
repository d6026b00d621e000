/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is polled under net_mutex: devices that carry packets, and work of the layers above that an interrupt or a timer starts.
 * Whoever wants it calls poller_schedule(); the thread "net", or a thread that is about to sleep (netdev_poll_now()), then calls
 * poll() until it finds nothing more.
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>
#include <core/lock.h>

/** One lock for the whole network: devices and their rings, and the layers above them. Nothing under it touches user memory. */
extern struct mutex net_mutex;

struct poller;

struct poller_ops {
	/** Does at most `budget` pieces of work, with the device's interrupts off; how many there were. */
	unsigned (*poll)(struct poller *poller, unsigned budget);

	/** Interrupts on again; false: something has come meanwhile, poll again. */
	bool (*rearm)(struct poller *poller);
};

struct poller {
	const struct poller_ops *ops; /* set before poller_start() */
	bool scheduled;               /* atomic */
	uint8_t patience;             /* how often a poll may find nothing; see class/net/poll.c */
	struct list_node link;
};

/** Once, before it is scheduled; starts the thread with the first. -ENOMEM. Thread context. */
int must_check poller_start(struct poller *poller) REQUIRES(net_mutex);

/** It wants to be polled: from the interrupt handler, which has turned the device's interrupts off, or from a timer. Any context. */
void poller_schedule(struct poller *poller);

/** Nobody polls it any more. Thread context. */
void poller_stop(struct poller *poller) REQUIRES(net_mutex);
