/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device with VIRTIO_CONSOLE_F_MULTIPORT wants to hear before its first port works (virtio 1.2, 5.3.6.2): libkrun's moves
 * nothing else. What it says about further ports is not listened to. All zeroes where the device has but one port.
 */
#pragma once

#include "regs.h"

#include <base/compiler.h>
#include <bus/virtio.h>

struct ports {
	struct virtio_queue *receive, *transmit;
	struct virtio_console_control *memory;
};

/** Opens the queues: between virtio_negotiate() and virtio_start(). -ENOMEM, -ENOENT; to be destroyed in every case. */
int must_check ports_create(struct ports *ports, struct virtio_dev *virtio);
void ports_destroy(struct ports *ports);

/** Opens the first port, which has its buffers. */
void ports_start(struct ports *ports);

/** Takes back what the device has; it has failed. */
void ports_stop(struct ports *ports);
