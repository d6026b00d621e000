/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtio devices, whatever transport they are on (virtio 1.2, OASIS). A driver registers with VIRTIO_DRIVER; the bus calls
 * attach() with a device that is reset and has ACKNOWLEDGE and DRIVER set. Its steps are: virtio_negotiate(),
 * virtio_queue_open() for each queue, virtio_start(); then buffers are added and taken. When attach() fails, or the driver
 * detaches, virtio_stop() resets the device, after which it touches no memory of ours.
 *
 * The device is not trusted. What it writes into a ring is checked: an index out of range, a length beyond the buffer, a
 * completion of what is not outstanding. virtio_fail() then shuts it down; takes and adds find nothing from there on, and the driver's
 * failed() is called, in thread context, to give up what is outstanding.
 *
 * Queues are serialised by the driver: one lock of its own for each. Callbacks come in interrupt context, perhaps for nothing;
 * they schedule, no more.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/types.h>
#include <bus/device.h>
#include <lib/virtqueue.h>

struct virtio_dev;
struct virtio_queue;

/* Features of every device (virtio 1.2, 6). The transport and the rings see to those above 23 by themselves. */
#define VIRTIO_F_NOTIFY_ON_EMPTY BIT64(24)
#define VIRTIO_F_ANY_LAYOUT BIT64(27)
#define VIRTIO_F_INDIRECT_DESC BIT64(28)
#define VIRTIO_F_EVENT_IDX BIT64(29)
#define VIRTIO_F_VERSION_1 BIT64(32)
#define VIRTIO_F_ACCESS_PLATFORM BIT64(33)
#define VIRTIO_F_RING_PACKED BIT64(34)
#define VIRTIO_F_IN_ORDER BIT64(35)
#define VIRTIO_F_ORDER_PLATFORM BIT64(36)
#define VIRTIO_F_NOTIFICATION_DATA BIT64(38)
#define VIRTIO_F_RING_RESET BIT64(40)

/** Device types (virtio 1.2, 5). */
enum {
	VIRTIO_NET = 1,
	VIRTIO_BLOCK = 2,
	VIRTIO_CONSOLE = 3,
	VIRTIO_ENTROPY = 4,
	VIRTIO_BALLOON = 5,
	VIRTIO_VSOCK = 19,
};

struct virtio_driver {
	const char *name;
	uint32_t type;

	/** 0, or -errno with everything undone but virtio_stop(), which the bus calls. Thread context. */
	int (*attach)(struct virtio_dev *dev);

	/** The device is going away, or has broken its contract and was reset: nothing outstanding will complete, it is
	 * to be taken back with virtio_queue_detach(). Thread context. May be NULL. */
	void (*failed)(struct virtio_dev *dev);

	/** The configuration has changed (link status, size): interrupt context. May be NULL. */
	void (*config_changed)(struct virtio_dev *dev);
};

/** Registers a `const struct virtio_driver`. */
#define VIRTIO_DRIVER(driver)                                          \
	static const struct virtio_driver *const driver##_registration \
		__attribute__((section("drivers_virtio"), used)) = &(driver)

/** For the driver: its own state, and back. */
void virtio_set_driver_data(struct virtio_dev *dev, void *data);
void *virtio_driver_data(const struct virtio_dev *dev);

/** Its node in the tree of devices (class_device, describe_class are the driver's to set). */
struct device *virtio_device(struct virtio_dev *dev);

/** The device's own feature bits that it offers, for drivers in which one feature depends on another. Thread context. */
uint64_t virtio_offered(struct virtio_dev *dev);

/** Takes of `wanted` (the device's own feature bits, 0-23 and 50 on) what the device offers, with what the rings can do, and
 * makes the device confirm it. *out is what was agreed on. `wanted` may name VIRTIO_F_VERSION_1 to refuse a device that
 * lacks it. -ENODEV: refused. Thread context, once. */
int must_check virtio_negotiate(struct virtio_dev *dev, uint64_t wanted, uint64_t *out);

/** Whether this is a device from before version 1: other headers (net), its fields in the CPU's byte order. */
bool virtio_is_legacy(const struct virtio_dev *dev);

/** Reads (writes) the configuration, `bytes` at `offset`: read whole in one generation. Fields of 2, 4 and 8 bytes are
 * read at once. False: past its end, or the device is gone. Thread context. */
bool virtio_config_read(struct virtio_dev *dev, uint32_t offset, void *out, uint32_t bytes);
bool virtio_config_write(struct virtio_dev *dev, uint32_t offset, const void *in, uint32_t bytes);

/** Queue `index`, with at most `entries` (a power of two; fewer where the device has fewer). `segments` is how many the longest
 * buffer has (for tables of indirect descriptors). `arrived` in interrupt context when something was used; NULL: never. -ENOENT: no such queue;
 * -ENOMEM. Between virtio_negotiate() and virtio_start(). Queues live until the device goes. */
struct virtio_queue_request {
	unsigned index, entries, segments;
	void (*arrived)(void *context);
	void *context;
	bool cut_lengths; /* a device that claims to have written more than a buffer holds is believed to have filled it */
};
int must_check virtio_queue_open(struct virtio_dev *dev, const struct virtio_queue_request *request,
				 struct virtio_queue **out);

/** Sets DRIVER_OK: the device works from here on. */
int must_check virtio_start(struct virtio_dev *dev);

/** For attach() that gives up: resets the device, with its interrupts off, so that what it may know of can be freed. False: it
 * does not come out of its reset; what it knows of has to be left to it. Thread context. */
bool must_check virtio_stop(struct virtio_dev *dev);

/** Marks the device as broken, with a line in the log that says why; resets it soon, in thread context, and calls failed(). Any
 * context. */
void virtio_fail(struct virtio_dev *dev, const char *why);
bool virtio_has_failed(const struct virtio_dev *dev);

/** Puts a buffer into the ring: first `readable` segments that the device reads, then `writable` that it writes. `token`, not NULL,
 * comes back from virtio_queue_take(). Not shown to the device before virtio_queue_kick(). -ENOSPC: the ring is full; -EIO: the
 * device has failed. */
int must_check virtio_queue_add(struct virtio_queue *queue, const struct virtio_segment *segments,
				unsigned readable, unsigned writable, void *token);

/** Shows the device what was added, and notifies it where it wants that. */
void virtio_queue_kick(struct virtio_queue *queue);

/** The next completed buffer's token; NULL: none. *written is how many bytes the device wrote, at most what it could. */
void *virtio_queue_take(struct virtio_queue *queue, uint32_t *written);

/** How many segments can still be added at least. */
unsigned virtio_queue_room(const struct virtio_queue *queue);
unsigned virtio_queue_entries(const struct virtio_queue *queue);

/** Interrupts of this queue. Disabled they may still come. Enabling returns false where something has been completed since
 * (take it, and try again): nothing is lost between. */
void virtio_queue_disable(struct virtio_queue *queue);
bool must_check virtio_queue_enable(struct virtio_queue *queue);
/** The same, but an interrupt is wanted only when most of what is outstanding was used (transmit). */
bool must_check virtio_queue_enable_late(struct virtio_queue *queue);

/** After the device was stopped: an outstanding buffer's token; NULL: no more. */
void *virtio_queue_detach(struct virtio_queue *queue);

/** Finds the devices on memory-mapped registers and attaches drivers: those told on the command line, else those in ACPI's tables.
 * (Those on PCI: pci_probe().) Once, at start, thread context. */
void virtio_probe(void);
