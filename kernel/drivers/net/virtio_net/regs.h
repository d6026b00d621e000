/* SPDX-License-Identifier: BSD-3-Clause */
/* The network device (virtio 1.2, 5.1), by the specification's names. */
#pragma once

#include <base/bits.h>
#include <base/types.h>

#define VIRTIO_NET_F_CSUM BIT64(0)
#define VIRTIO_NET_F_GUEST_CSUM BIT64(1)
#define VIRTIO_NET_F_MTU BIT64(3)
#define VIRTIO_NET_F_MAC BIT64(5)
#define VIRTIO_NET_F_GUEST_TSO4 BIT64(7)
#define VIRTIO_NET_F_GUEST_TSO6 BIT64(8)
#define VIRTIO_NET_F_HOST_TSO4 BIT64(11)
#define VIRTIO_NET_F_HOST_TSO6 BIT64(12)
#define VIRTIO_NET_F_MRG_RXBUF BIT64(15)
#define VIRTIO_NET_F_STATUS BIT64(16)
#define VIRTIO_NET_F_CTRL_VQ BIT64(17)
#define VIRTIO_NET_F_CTRL_RX BIT64(18)

/** 5.1.2, of a device with one pair of queues in use. */
enum { VIRTIO_NET_RECEIVEQ = 0, VIRTIO_NET_TRANSMITQ = 1, VIRTIO_NET_CONTROLQ = 2 };

/** 5.1.4: offsets in the configuration. */
enum { VIRTIO_NET_CONFIG_MAC = 0, VIRTIO_NET_CONFIG_STATUS = 6, VIRTIO_NET_CONFIG_MTU = 10 };

enum { VIRTIO_NET_S_LINK_UP = 1 };

/** 5.1.6: in front of each packet. Without MRG_RXBUF a legacy device's ends before num_buffers. */
struct virtio_net_header {
	uint8_t flags, gso_type;
	le16_t header_bytes, gso_bytes, csum_start, csum_offset, num_buffers;
};
_Static_assert(sizeof(struct virtio_net_header) == 12, "as the device has it");

enum { VIRTIO_NET_HEADER_BYTES = 12, VIRTIO_NET_HEADER_BYTES_LEGACY = 10 };

enum { VIRTIO_NET_HDR_F_NEEDS_CSUM = 1, VIRTIO_NET_HDR_F_DATA_VALID = 2 };

enum {
	VIRTIO_NET_HDR_GSO_NONE = 0,
	VIRTIO_NET_HDR_GSO_TCPV4 = 1,
	VIRTIO_NET_HDR_GSO_TCPV6 = 4,
	VIRTIO_NET_HDR_GSO_ECN = 0x80,
};

/** 5.1.6.5: commands. */
enum { VIRTIO_NET_CTRL_RX = 0, VIRTIO_NET_CTRL_RX_PROMISC = 0, VIRTIO_NET_CTRL_RX_ALLMULTI = 1 };
enum { VIRTIO_NET_OK = 0, VIRTIO_NET_ERR = 1 };
