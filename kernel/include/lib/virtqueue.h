/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a virtqueue, split or packed (virtio 1.2, 2.7 and 2.8): rings in memory shared with the device, and the
 * book-keeping beside them, which the device cannot reach. Nothing that was posted is ever read back from the ring, and what the
 * device writes is read once and checked: a queue in which something was wrong is broken for good, and virtq.broken says why.
 *
 * No locking: the owner serialises all calls on one queue but virtq_has_used(). Any context.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/types.h>

enum { VIRTQ_ENTRIES_MAX = 32768 };

enum virtq_flags {
	VIRTQ_PACKED = BIT(0),
	VIRTQ_EVENT_IDX = BIT(1),
	VIRTQ_LEGACY = BIT(2), /* the layout of old; lengths are cut, not refused (2.7.8.1) */
	VIRTQ_SILENT = BIT(3), /* no interrupts at first */
	VIRTQ_CUT = BIT(4),    /* lengths are cut, not refused */
};

/** A piece of a buffer. Its memory is in the direct map (pages, mem_alloc(); no stacks, no static data). */
struct virtio_segment {
	void *data;
	uint32_t bytes;
};

struct virtq_slot;
struct virtq_descriptor;

/** An event suppression structure of a packed ring (2.8.14), or the two of a split ring. */
struct virtq_event;

/** Where the parts of a ring lie in its memory: descriptors at 0, then what the driver writes, then what the device writes. */
struct virtq_layout {
	size_t driver_offset, device_offset, bytes;
};

/** With VIRTQ_LEGACY that of 2.7.2, for pages of 4096 bytes. */
struct virtq_layout virtq_layout(unsigned entries, enum virtq_flags flags);

/** Bytes of book-keeping, and of tables of indirect descriptors for buffers of up to `segments`. */
size_t virtq_slots_bytes(unsigned entries);
size_t virtq_tables_bytes(unsigned entries, unsigned segments);

struct virtq {
	const char *broken; /* NULL: no */
	struct virtq_descriptor *descriptors;
	void *driver_area, *device_area;
	struct virtq_slot *slots;        /* by the id that the device returns */
	struct virtq_descriptor *tables; /* NULL: no indirect descriptors */
	uintptr_t direct_base;           /* virtual address of the device's address 0 */
	uint16_t table_segments;
	uint16_t entries, mask;
	uint16_t free_count; /* descriptors */
	uint16_t free_slot;  /* first of those not in use */
	uint16_t in_use;     /* buffers outstanding */
	uint16_t next_add;   /* split: avail.idx; packed: position */
	uint16_t
		added; /* since the last virtq_publish(): buffers of a split ring, descriptors of a packed one */
	uint16_t last_used; /* split: index; packed: position */
	uint16_t hidden_at,
		hidden_flags; /* packed: the first descriptor added since, whose flags are still to be written */
	bool is_packed, event_idx, cuts_lengths;
	bool interrupts;
	bool add_wrap, used_wrap; /* packed: wrap counters */
};

struct virtq_memory {
	void *ring;        /* virtq_layout().bytes, zeroed, aligned to a page */
	void *slots;       /* virtq_slots_bytes() */
	void *tables;      /* virtq_tables_bytes(), 16-byte aligned; NULL: none */
	unsigned segments; /* of a table */
	uintptr_t direct_base;
};

/** `entries` is a power of two for a split ring, at most VIRTQ_ENTRIES_MAX. */
void virtq_init(struct virtq *q, unsigned entries, enum virtq_flags flags,
		const struct virtq_memory *memory);

/** Adds a buffer: `readable` segments, then `writable` ones. `token` is not NULL. Hidden from the device until virtq_publish().
 * -ENOSPC: no room; -EIO: broken. */
int must_check virtq_add(struct virtq *q, const struct virtio_segment *segments, unsigned readable,
			 unsigned writable, void *token);

/** Shows the device what was added. True: it wants to be notified. */
bool must_check virtq_publish(struct virtq *q);

/** The token of the next buffer that the device has used; NULL: none, or broken. `written` is at most what could be written: a
 * device that says more is broken, but where that is nothing at all. */
void *virtq_take(struct virtq *q, uint32_t *written);

/** Whether virtq_take() would find something: a hint, without any lock. */
bool virtq_has_used(const struct virtq *q);

void virtq_interrupts_off(struct virtq *q);
/** False: something has been used meanwhile. */
bool must_check virtq_interrupts_on(struct virtq *q);
/** The same, but the next interrupt is wanted when three quarters of what is outstanding are used. */
bool must_check virtq_interrupts_late(struct virtq *q);

/** For a device that no longer works on the ring: the token of a buffer outstanding, which is so no more. NULL: none. */
void *virtq_detach(struct virtq *q);
