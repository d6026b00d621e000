/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Socket devices (AF_VSOCK): what their drivers implement, and the one that is in use. What goes between a driver and the layer
 * above are packets with the header of virtio 1.2, 5.10.6; a device that knows connections instead (Hyper-V sockets) has a driver
 * that translates: REQUEST, RESPONSE, RST and SHUTDOWN to its own, RW to its streams, and credit to the room in their rings.
 *
 * A packet is one fragment (struct netbuf): its data is the payload, and the header lies directly in front of it. One to transmit
 * may have no data, but a second fragment that is the payload.
 *
 * Locks: as network devices, all under net_mutex; nothing under it touches user memory.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/types.h>
#include <class/netbuf.h>
#include <class/poll.h>

struct device;
struct vsock_dev;

/** Addresses of machines. */
enum {
	VSOCK_CID_HYPERVISOR = 0,
	VSOCK_CID_LOCAL = 1,
	VSOCK_CID_HOST = 2,
};
#define VSOCK_CID_ANY UINT32_MAX

/** virtio 1.2, 5.10.6 */
struct vsock_header {
	le64_t src_cid, dst_cid;
	le32_t src_port, dst_port;
	le32_t bytes; /* of payload */
	le16_t type, op;
	le32_t flags;
	le32_t buf_alloc, fwd_cnt;
} packed;
_Static_assert(sizeof(struct vsock_header) == 44, "as the device has it");

enum { VSOCK_HEADER_BYTES = 44 };
enum vsock_type { VSOCK_TYPE_STREAM = 1 };

enum vsock_op {
	VSOCK_OP_REQUEST = 1,
	VSOCK_OP_RESPONSE,
	VSOCK_OP_RST,
	VSOCK_OP_SHUTDOWN,
	VSOCK_OP_RW,
	VSOCK_OP_CREDIT_UPDATE,
	VSOCK_OP_CREDIT_REQUEST,
};

/** Flags of SHUTDOWN: what its sender will do no more. */
enum { VSOCK_SHUT_RECEIVE = 1, VSOCK_SHUT_SEND = 2 };

struct vsock_dev_ops {
	/** Hands a packet, at most VSOCK_PAYLOAD_MAX bytes, to the device, which owns it when 0 is returned. -ENOBUFS: the ring is
	 * full, the caller keeps the packet, and vsock_upper.transmit_ready() follows; -EIO: the device has failed. */
	int (*transmit)(struct vsock_dev *dev, struct netbuf *packet);

	/** Notifies the device of what was transmitted since. */
	void (*flush)(struct vsock_dev *dev);

	/** Programs use sockets from here on: it has as many receive buffers as it may want. Before, a few are enough. */
	void (*open)(struct vsock_dev *dev);

	/** Whether the device has yet to take something that was transmitted. */
	bool (*is_sending)(struct vsock_dev *dev);
};

enum { VSOCK_PAYLOAD_MAX = 65536 };

struct vsock_dev {
	/* Set by the driver before vsock_dev_register(). */
	const struct vsock_dev_ops *ops;
	struct poller poller;
	struct device *device;
	uint32_t cid; /* [net_mutex] this machine's; may be another after vsock_dev_reset() */
};

/** -EBUSY: there is another one, and a machine has one address; -ENOMEM. Thread context. */
int must_check vsock_dev_register(struct vsock_dev *dev);

/** Whether a number may be a machine's own address. */
static inline bool vsock_cid_is_machine(uint64_t cid)
{
	return cid > VSOCK_CID_HOST && cid < VSOCK_CID_ANY;
}

/*
 * From the driver's poll(), under net_mutex.
 */

/** A packet, owned by the layer above from here on. Its data may be less than the header says, where there was no memory for it. */
void vsock_dev_receive(struct vsock_dev *dev, struct netbuf *packet) REQUIRES(net_mutex);

/** The device has forgotten all connections; `cid` may be another. */
void vsock_dev_reset(struct vsock_dev *dev) REQUIRES(net_mutex);

/** There is room for transmit() again after -ENOBUFS. */
void vsock_dev_transmit_ready(struct vsock_dev *dev) REQUIRES(net_mutex);

/** The end of a poll(): what it led to is sent. */
void vsock_dev_polled(struct vsock_dev *dev) REQUIRES(net_mutex);

/** It broke its contract, or goes away: its ops are called no more. Thread context. */
void vsock_dev_failed(struct vsock_dev *dev) REQUIRES(net_mutex);

/*
 * For the layer above (kernel/net/vsock).
 */
struct vsock_upper {
	void (*receive)(struct vsock_dev *dev, struct netbuf *packet);
	void (*reset)(void); /* vsock_device() may be another, or none */
	void (*transmit_ready)(void);
	void (*polled)(void);
};

/** Once; before it there is nobody who receives. */
void vsock_set_upper(const struct vsock_upper *upper);

/** The device in use; NULL: none. */
struct vsock_dev *vsock_device(void) REQUIRES(net_mutex);
