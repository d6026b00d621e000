/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the life of a virtio device (device.c, queue.c) and the transport that it is on. A transport fills in a struct
 * virtio_dev and calls virtio_dev_attach(); from then on it is called through its ops, never twice at a time but for notify() and
 * status_read().
 */
#pragma once

#include <base/list.h>
#include <bus/virtio.h>
#include <core/timer.h>

enum virtio_status {
	VIRTIO_ACKNOWLEDGE = 1,
	VIRTIO_DRIVER_FOUND = 2,
	VIRTIO_DRIVER_OK = 4,
	VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 0x40,
	VIRTIO_FAILED = 0x80,
};

enum { VIRTIO_QUEUES_MAX = 64 };

struct virtio_transport {
	uint8_t (*status_read)(struct virtio_dev *dev);
	void (*status_write)(struct virtio_dev *dev, uint8_t status);
	uint64_t (*features_read)(struct virtio_dev *dev);
	void (*features_write)(struct virtio_dev *dev, uint64_t features);

	/** Changes whenever the configuration does; NULL: there is none. */
	uint32_t (*generation)(struct virtio_dev *dev);
	/** One access of 1, 2 or 4 bytes, aligned and within config_bytes. */
	uint32_t (*config_read)(struct virtio_dev *dev, uint32_t offset, unsigned bytes);
	void (*config_write)(struct virtio_dev *dev, uint32_t offset, unsigned bytes,
			     uint32_t value);

	/** How many entries queue `index` may have at most; 0: there is no such queue. */
	unsigned (*queue_entries)(struct virtio_dev *dev, unsigned index);
	/** Tells the device of the queue's size and memory, and how it interrupts. -EIO, -ENOSPC. */
	int (*queue_start)(struct virtio_queue *queue);
	void (*notify)(struct virtio_queue *queue);

	/** Before the first queue. Sets `polled`: whether there is no interrupt at all. */
	void (*interrupts_start)(struct virtio_dev *dev);
	void (*interrupts_stop)(struct virtio_dev *dev);
	/** What an interrupt does, when nobody raises one. */
	void (*poll)(struct virtio_dev *dev);
};

struct virtio_queue {
	struct virtq ring; /* [the driver] */
	struct virtio_dev *dev;
	unsigned index;
	void (*arrived)(void *context);
	void *context;
	struct virtq_layout layout;
	struct page *ring_page;
	void *tables;
	uint32_t notify_offset; /* the transport's */
};

struct virtio_dev {
	/* Set by the transport. */
	const struct virtio_transport *transport;
	struct device *device; /* its node in the tree, added */
	uint32_t type, vendor;
	uint32_t config_bytes;
	bool legacy;        /* the registers are those of before version 1 */
	bool fixed_entries; /* the size of a queue is not ours to choose */

	/* Set by interrupts_start(): there are none. */
	bool polled;

	/* device.c's */
	const struct virtio_driver *driver;
	void *driver_data;
	uint64_t features;
	uint8_t status;
	bool failed;   /* atomic */
	bool attached; /* its driver is to be told of a failure */
	bool interrupts_started;
	struct timer poll_timer; /* of a polled one */
	struct list_node failed_link;
	struct virtio_queue *queues[VIRTIO_QUEUES_MAX]; /* by index; NULL: not open */
	unsigned queue_count;                           /* one past the last that is open */
};

/** Resets the device, and attaches the driver for its type. From success on `dev` stays. -ENODEV: no driver; or what that said, and
 * the device is reset. Thread context. */
int must_check virtio_dev_attach(struct virtio_dev *dev);

/** A few words for the tree of devices: "network", "block". */
const char *virtio_type_name(uint32_t type);

/** For a transport's interrupt handler: calls who waits for the queues in which something was used, or for one. */
void virtio_dev_queues_arrived(struct virtio_dev *dev);
void virtio_queue_arrived(struct virtio_queue *queue);

/** The same for a change of the configuration, which may mean that the device gives up. */
void virtio_dev_config_changed(struct virtio_dev *dev);

/** Physical addresses of the parts of a queue. */
uint64_t virtio_queue_descriptors(const struct virtio_queue *queue);
uint64_t virtio_queue_driver_area(const struct virtio_queue *queue);
uint64_t virtio_queue_device_area(const struct virtio_queue *queue);

/* Between device.c, queue.c and failing.c */

void virtio_dev_start_interrupts(struct virtio_dev *dev);
void virtio_queues_close(struct virtio_dev *dev);

/** The driver is attached: from here on it is told of failures. */
void virtio_dev_attached(struct virtio_dev *dev);

/** Does what is to be done for devices that have failed. Thread context. */
void virtio_handle_failures(void);
