/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A simulated virtio device, for tests of the bus and of every driver: registers as virtio-mmio has them, at an address and with an
 * interrupt line of the simulated machine, and the device's side of the rings, split or packed. What it does with buffers is the
 * test's: it takes them with host_virtio_pop(), returns them with host_virtio_push(), and may lie as it likes in that.
 *
 *	sim.type = 4, sim.queue_count = 1, sim.queues[0].entries_max = 64;
 *	host_virtio_add(&sim);
 *	virtio_mmio_probe(&sim.place) ...            attaches the driver; or by hand, see <bus/virtio.h>
 *	if (host_virtio_pop(&sim, 0, &buffer)) ...   or in sim.notified()
 *	host_virtio_push(&sim, 0, &buffer, 12);
 *	host_virtio_interrupt(&sim, HOST_VIRTIO_RING);
 *	host_virtio_remove(&sim);
 */
#pragma once

#include <base/types.h>

#include "io.h"

enum {
	HOST_VIRTIO_QUEUES = 8,
	HOST_VIRTIO_SEGMENTS = 64,
	HOST_VIRTIO_BYTES = 0x200,
	HOST_VIRTIO_RING = 1,
	HOST_VIRTIO_CONFIG = 2,
};

struct host_virtio;

struct host_virtio_queue {
	uint32_t entries_max; /* the test's; 0: no such queue */
	bool notify_wanted;   /* the test's: false keeps the driver from notifying (no events) */

	/* What the driver set up. */
	uint32_t entries;
	uint64_t descriptors, driver_area, device_area;
	bool ready;
	unsigned notified; /* how often */

	/* The device's side. */
	uint16_t next_pop, next_push;
	uint16_t pushed; /* since the last interrupt was looked at */
	bool pop_wrap, push_wrap;
};

/** A buffer: what the device reads, then what it writes. */
struct host_virtio_buffer {
	uint16_t id;
	uint16_t descriptors; /* of the ring */
	unsigned readable, writable;
	struct {
		uint8_t *data;
		uint32_t bytes;
	} segments[HOST_VIRTIO_SEGMENTS];
};

struct host_virtio {
	/* Set by the test before host_virtio_add(), which fills in what is 0. */
	uint64_t base;    /* 0xd0000000 */
	unsigned line;    /* 5 */
	uint32_t version; /* 2; or 1, a legacy device */
	uint32_t type;
	uint64_t features; /* VERSION_1 is added to those of a device of version 2 */
	uint8_t config[256];
	unsigned queue_count; /* those without a size get 256 entries */
	struct host_virtio_queue queues[HOST_VIRTIO_QUEUES];
	void *context;

	/** The driver has notified a queue. May be NULL. */
	void (*notified)(struct host_virtio *sim, unsigned queue);

	/* Ways to misbehave. */
	bool refuses_features, never_resets;
	uint32_t generation_step; /* added at each read of the configuration's generation */

	/* State, for the test to look at. */
	uint8_t status;
	uint8_t statuses[16]; /* all that was written to the status register since the last reset */
	unsigned status_count, resets;
	uint64_t accepted;
	uint32_t interrupt_status;
	unsigned interrupts; /* raised */

	/* virtio.c's */
	uint32_t features_select, accepted_select, queue_select, generation;
	struct host_device registers;
};

void host_virtio_add(struct host_virtio *sim);
void host_virtio_remove(struct host_virtio *sim);

/** The next buffer that the driver has made available. False: none. Bad rings of the driver are assertions. */
bool host_virtio_pop(struct host_virtio *sim, unsigned queue, struct host_virtio_buffer *out);

/** Returns a buffer, of which so many bytes were written. The buffer may be an invention. */
void host_virtio_push(struct host_virtio *sim, unsigned queue,
		      const struct host_virtio_buffer *buffer, uint32_t written);

/** Takes a buffer, fills what is writable of it with `bytes` from `data`, returns it and interrupts: false where there is none. */
bool host_virtio_reply(struct host_virtio *sim, unsigned queue, const void *data, uint32_t bytes);

/** Copies out of what is readable; how many bytes there were. */
uint32_t host_virtio_gather(const struct host_virtio_buffer *buffer, void *out, uint32_t room);

/** Sets bits of the interrupt status and raises the line, whatever the driver asked for. */
void host_virtio_interrupt(struct host_virtio *sim, uint32_t bits);

/** Interrupts for the buffers pushed since the last call if the driver wants that. Whether it does. */
bool host_virtio_interrupt_if_wanted(struct host_virtio *sim, unsigned queue);
