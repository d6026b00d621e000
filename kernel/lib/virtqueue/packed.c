/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed rings (virtio 1.2, 2.8). The device takes descriptors strictly in order, so that what was added is hidden as long as the
 * flags of the first of it are not written: virtq_packed_publish() writes those last. A used buffer is written where
 * the next one is expected; that position moves by as many descriptors as the buffer had.
 */
#include "ring.h"

#include <base/errno.h>
#include <hal/cpu.h>

enum { FLAG_AVAIL = 1 << 7, FLAG_USED = 1 << 15 };
enum event_flags { EVENT_ENABLE = 0, EVENT_DISABLE = 1, EVENT_AT_DESCRIPTOR = 2 };
enum { EVENT_WRAP = 1 << 15 };

/** Offset and wrap counter in the low half, flags in the high one: read and written at once. */
struct virtq_event {
	uint32_t raw;
};

static struct virtq_event *driver_event(const struct virtq *q)
{
	return q->driver_area;
}

static void write_event(const struct virtq *q, enum event_flags flags, uint16_t where)
{
	ring_write(&driver_event(q)->raw, (uint32_t)flags << 16 | where);
}

static uint16_t event_at(uint16_t position, bool wrap)
{
	return (uint16_t)(position | (wrap ? EVENT_WRAP : 0));
}

void virtq_packed_init(struct virtq *q)
{
	q->add_wrap = q->used_wrap = true;
	if (!q->interrupts)
		write_event(q, EVENT_DISABLE, 0);
	else if (q->event_idx)
		write_event(q, EVENT_AT_DESCRIPTOR, event_at(0, true));
}

static uint16_t add_flags(const struct virtq *q, uint16_t flags)
{
	return (uint16_t)(flags | (q->add_wrap ? FLAG_AVAIL : FLAG_USED));
}

/** Fills the next descriptor; the first one since the last publication keeps its old flags, which say that it is not available. */
static void append(struct virtq *q, uint64_t address, uint32_t bytes, uint16_t flags)
{
	struct virtq_descriptor *d = &q->descriptors[q->next_add];

	d->address = address;
	d->bytes = bytes;
	d->id = q->free_slot;
	flags = add_flags(q, flags);
	if (q->added++) {
		ring_write(&d->packed_flags, flags);
	} else {
		q->hidden_at = q->next_add;
		q->hidden_flags = flags;
	}
	if (++q->next_add == q->entries) {
		q->next_add = 0;
		q->add_wrap = !q->add_wrap;
	}
}

static void add_indirect(struct virtq *q, const struct virtio_segment *segments, unsigned readable,
			 unsigned count)
{
	struct virtq_slot *slot = &q->slots[q->free_slot];
	struct virtq_descriptor *table = table_of(q, q->free_slot);

	slot->writable = 0;
	slot->count = 1;
	for (unsigned i = 0; i < count; i++) {
		table[i].address = device_address(q, segments[i].data);
		table[i].bytes = segments[i].bytes;
		table[i].id = 0;
		table[i].packed_flags = i < readable ? 0 : DESCRIPTOR_WRITE;
		if (i >= readable)
			slot->writable = saturated_sum(slot->writable, segments[i].bytes);
	}
	append(q, device_address(q, table), (uint32_t)(count * sizeof(*table)),
	       DESCRIPTOR_INDIRECT);
}

static void add_chain(struct virtq *q, const struct virtio_segment *segments, unsigned readable,
		      unsigned count)
{
	struct virtq_slot *slot = &q->slots[q->free_slot];

	slot->writable = 0;
	slot->count = (uint16_t)count;
	for (unsigned i = 0; i < count; i++) {
		uint16_t flags = i + 1 < count ? DESCRIPTOR_NEXT : 0;

		if (i >= readable) {
			flags |= DESCRIPTOR_WRITE;
			slot->writable = saturated_sum(slot->writable, segments[i].bytes);
		}
		append(q, device_address(q, segments[i].data), segments[i].bytes, flags);
	}
}

int virtq_packed_add(struct virtq *q, const struct virtio_segment *segments, unsigned readable,
		     unsigned count, void *token)
{
	struct virtq_slot *slot = &q->slots[q->free_slot];

	if (wants_table(q, count))
		add_indirect(q, segments, readable, count);
	else if (count <= q->free_count)
		add_chain(q, segments, readable, count);
	else
		return -ENOSPC;
	slot->token = token;
	q->free_slot = slot->next;
	q->free_count = (uint16_t)(q->free_count - slot->count);
	return 0;
}

bool virtq_packed_publish(struct virtq *q)
{
	uint16_t old = (uint16_t)(q->next_add - q->added), where;
	uint32_t event;

	if (!q->added)
		return false;
	q->added = 0;
	dma_wmb(); /* all else before the flags that show it */
	ring_write(&q->descriptors[q->hidden_at].packed_flags, q->hidden_flags);
	dma_mb(); /* as in virtq_split_publish() */
	event = ring_read(&((struct virtq_event *)q->device_area)->raw);
	if (event >> 16 != EVENT_AT_DESCRIPTOR || !q->event_idx)
		return event >> 16 != EVENT_DISABLE;
	where = event & (EVENT_WRAP - 1);
	if (!(event & EVENT_WRAP) != !q->add_wrap)
		where = (uint16_t)(where - q->entries);
	return passes_event(where, q->next_add, old);
}

static bool is_used(const struct virtq *q, uint16_t flags, bool wrap)
{
	(void)q;
	return !(flags & FLAG_AVAIL) == !wrap && !(flags & FLAG_USED) == !wrap;
}

void *virtq_packed_take(struct virtq *q, uint32_t *written)
{
	const struct virtq_descriptor *d = &q->descriptors[q->last_used];
	uint32_t bytes;
	uint16_t id;
	void *token;

	if (!is_used(q, ring_read(&d->packed_flags), q->used_wrap))
		return NULL;
	dma_rmb(); /* the flags before what they show */
	id = ring_read(&d->id);
	bytes = ring_read(&d->bytes);
	token = complete_slot(q, id, bytes, written);
	if (!token)
		return NULL;
	q->slots[id].next = q->free_slot;
	q->free_slot = id;
	q->last_used = (uint16_t)(q->last_used + q->slots[id].count);
	if (q->last_used >= q->entries) {
		q->last_used = (uint16_t)(q->last_used - q->entries);
		q->used_wrap = !q->used_wrap;
	}
	if (q->interrupts && q->event_idx) {
		write_event(q, EVENT_AT_DESCRIPTOR, event_at(q->last_used, q->used_wrap));
		dma_mb(); /* before the next look at the flags: see virtq_packed_interrupts_on() */
	}
	return token;
}

bool virtq_packed_has_used(const struct virtq *q)
{
	return is_used(q, ring_read(&q->descriptors[ring_read(&q->last_used)].packed_flags),
		       ring_read(&q->used_wrap));
}

void virtq_packed_interrupts_off(struct virtq *q)
{
	write_event(q, EVENT_DISABLE, 0);
}

bool virtq_packed_interrupts_on(struct virtq *q, unsigned later)
{
	unsigned position = q->last_used + later;
	bool wrap = q->used_wrap;

	if (position >= q->entries) {
		position -= q->entries;
		wrap = !wrap;
	}
	if (q->event_idx)
		write_event(q, EVENT_AT_DESCRIPTOR, event_at((uint16_t)position, wrap));
	else
		write_event(q, EVENT_ENABLE, 0);
	/* The device writes flags of descriptors, then reads this: one of us sees the other's. */
	dma_mb();
	return !virtq_packed_has_used(q);
}
