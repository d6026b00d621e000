/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the class share. */
#pragma once

#include <class/net.h>

/** An empty fragment with one owner. Keeps start, end, release and owner. */
void netbuf_reset(struct netbuf *buf, size_t headroom);

/** The layer above; NULL: none yet. Written under net_mutex. */
const struct netdev_upper *netdev_upper(void);

/** Whether the device and the link work. */
bool netdev_usable(const struct netdev *dev);

/** Drops what waits for room. */
void netdev_drop_waiting(struct netdev *dev) REQUIRES(net_mutex);

/** Starts the thread that polls, with the first device. -ENOMEM. Thread context. */
int must_check poll_start(void) REQUIRES(net_mutex);

/** Takes the device off the list of those that are polled. */
void poll_forget(struct netdev *dev) REQUIRES(net_mutex);
