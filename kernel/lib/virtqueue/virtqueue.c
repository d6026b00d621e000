/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtqueues of either kind: memory, and which of the two it is. */
#include <lib/virtqueue.h>

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>

#include "ring.h"

enum {
	AVAIL_FIXED_BYTES = 6, /* flags, idx, used_event */
	USED_FIXED_BYTES = 6,
	USED_ELEMENT_BYTES = 8,
	EVENT_BYTES = 4,
	USED_ALIGN = 4,
	LEGACY_ALIGN = 4096,
};

struct virtq_layout virtq_layout(unsigned entries, enum virtq_flags flags)
{
	size_t descriptors = entries * sizeof(struct virtq_descriptor);
	struct virtq_layout layout = { .driver_offset = descriptors };

	if (flags & VIRTQ_PACKED) {
		layout.device_offset = descriptors + EVENT_BYTES;
		layout.bytes = layout.device_offset + EVENT_BYTES;
		return layout;
	}
	layout.device_offset = align_up(descriptors + AVAIL_FIXED_BYTES +
						entries * sizeof(uint16_t),
					flags & VIRTQ_LEGACY ? LEGACY_ALIGN : USED_ALIGN);
	layout.bytes = layout.device_offset + USED_FIXED_BYTES + entries * USED_ELEMENT_BYTES;
	return layout;
}

size_t virtq_slots_bytes(unsigned entries)
{
	return entries * sizeof(struct virtq_slot);
}

size_t virtq_tables_bytes(unsigned entries, unsigned segments)
{
	return (size_t)entries * segments * sizeof(struct virtq_descriptor);
}

void virtq_init(struct virtq *q, unsigned entries, enum virtq_flags flags,
		const struct virtq_memory *memory)
{
	struct virtq_layout layout = virtq_layout(entries, flags);

	assert(entries && entries <= VIRTQ_ENTRIES_MAX);
	assert((flags & VIRTQ_PACKED) || is_pow2(entries));
	*q = (struct virtq){
		.descriptors = memory->ring,
		.driver_area = (char *)memory->ring + layout.driver_offset,
		.device_area = (char *)memory->ring + layout.device_offset,
		.slots = memory->slots,
		.tables = memory->tables,
		/* No chain is longer than the ring, wherever it lies (2.7.5.3.1, 2.8.8). */
		.table_segments = memory->tables ? (uint16_t)min(memory->segments, entries) : 0,
		.direct_base = memory->direct_base,
		.entries = (uint16_t)entries,
		.mask = (uint16_t)(entries - 1),
		.free_count = (uint16_t)entries,
		.is_packed = flags & VIRTQ_PACKED,
		.event_idx = flags & VIRTQ_EVENT_IDX,
		.cuts_lengths = flags & (VIRTQ_LEGACY | VIRTQ_CUT),
		.interrupts = !(flags & VIRTQ_SILENT),
	};
	memset(q->slots, 0, virtq_slots_bytes(entries));
	for (unsigned i = 0; i < entries; i++)
		q->slots[i].next = (uint16_t)(i + 1);
	if (q->is_packed)
		virtq_packed_init(q);
	else
		virtq_split_init(q);
}

int virtq_add(struct virtq *q, const struct virtio_segment *segments, unsigned readable,
	      unsigned writable, void *token)
{
	unsigned count = readable + writable;
	int error;

	assert(token && count);
	if (q->broken)
		return -EIO;
	error = q->is_packed ? virtq_packed_add(q, segments, readable, count, token)
			     : virtq_split_add(q, segments, readable, count, token);
	q->in_use = (uint16_t)(q->in_use + !error);
	return error;
}

bool virtq_publish(struct virtq *q)
{
	if (q->broken)
		return false;
	return q->is_packed ? virtq_packed_publish(q) : virtq_split_publish(q);
}

void *virtq_take(struct virtq *q, uint32_t *written)
{
	if (q->broken)
		return NULL;
	return q->is_packed ? virtq_packed_take(q, written) : virtq_split_take(q, written);
}

bool virtq_has_used(const struct virtq *q)
{
	return q->is_packed ? virtq_packed_has_used(q) : virtq_split_has_used(q);
}

void virtq_interrupts_off(struct virtq *q)
{
	q->interrupts = false;
	if (q->is_packed)
		virtq_packed_interrupts_off(q);
	else
		virtq_split_interrupts_off(q);
}

static bool interrupts_on(struct virtq *q, unsigned later)
{
	q->interrupts = true;
	if (q->broken)
		return true;
	return q->is_packed ? virtq_packed_interrupts_on(q, later)
			    : virtq_split_interrupts_on(q, later);
}

bool virtq_interrupts_on(struct virtq *q)
{
	return interrupts_on(q, 0);
}

bool virtq_interrupts_late(struct virtq *q)
{
	unsigned outstanding = q->is_packed ? q->entries - q->free_count : q->in_use;

	return interrupts_on(q, q->event_idx ? outstanding * 3 / 4 : 0);
}

void *virtq_detach(struct virtq *q)
{
	for (unsigned i = 0; q->in_use && i < q->entries; i++) {
		void *token = q->slots[i].token;

		if (!token)
			continue;
		q->slots[i].token = NULL;
		q->in_use--;
		return token;
	}
	return NULL;
}
