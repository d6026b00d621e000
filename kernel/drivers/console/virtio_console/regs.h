/* SPDX-License-Identifier: BSD-3-Clause */
/* The console device (virtio 1.2, 5.3), by the specification's names. */
#pragma once

#include <base/assert.h>
#include <base/bits.h>
#include <base/types.h>

#define VIRTIO_CONSOLE_F_MULTIPORT BIT64(1)
#define VIRTIO_CONSOLE_F_EMERG_WRITE BIT64(2)

/** Of the first port; and of what is said about ports. */
enum {
	VIRTIO_CONSOLE_RECEIVEQ = 0,
	VIRTIO_CONSOLE_TRANSMITQ = 1,
	VIRTIO_CONSOLE_CONTROL_RECEIVEQ = 2,
	VIRTIO_CONSOLE_CONTROL_TRANSMITQ = 3,
};

enum {
	VIRTIO_CONSOLE_DEVICE_READY = 0,
	VIRTIO_CONSOLE_PORT_READY = 3,
	VIRTIO_CONSOLE_PORT_OPEN = 6,
};

struct virtio_console_control {
	le32_t id; /* of the port */
	le16_t event, value;
};
static_assert(sizeof(struct virtio_console_control) == 8, "virtio 1.2, 5.3.6.2");

enum { VIRTIO_CONSOLE_CONFIG_EMERG_WR = 8 };
