/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket device (virtio 1.2, 5.10), by the specification's names. */
#pragma once

#include <base/bits.h>
#include <base/types.h>

#define VIRTIO_VSOCK_F_STREAM BIT64(0)
#define VIRTIO_VSOCK_F_SEQPACKET BIT64(1)

/** 5.10.2 */
enum { VIRTIO_VSOCK_RX = 0, VIRTIO_VSOCK_TX = 1, VIRTIO_VSOCK_EVENT = 2 };

/** 5.10.4: offset in the configuration, 8 bytes. */
enum { VIRTIO_VSOCK_CONFIG_GUEST_CID = 0 };

/** 5.10.6.7: what the device puts into a buffer of the event queue. */
struct virtio_vsock_event {
	le32_t id;
};
_Static_assert(sizeof(struct virtio_vsock_event) == 4, "as the device has it");

enum { VIRTIO_VSOCK_EVENT_TRANSPORT_RESET = 0 };
