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
