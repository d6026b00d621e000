/* SPDX-License-Identifier: BSD-3-Clause */
/* Split rings (virtio 1.2, 2.7). */
#include "ring.h"

#include <base/errno.h>
#include <hal/cpu.h>

enum { AVAIL_NO_INTERRUPT = 1, USED_NO_NOTIFY = 1 };

struct avail_ring {
	uint16_t flags, index;
	uint16_t ring[]; /* then used_event */
};

struct used_element {
	uint32_t id, bytes;
};

struct used_ring {
	uint16_t flags, index;
	struct used_element ring[]; /* then avail_event */
};

static struct avail_ring *avail_of(const struct virtq *q)
{
	return q->driver_area;
}

static struct used_ring *used_of(const struct virtq *q)
{
	return q->device_area;
}

static uint16_t *used_event(const struct virtq *q)
{
	return &avail_of(q)->ring[q->entries];
}

static uint16_t *avail_event(const struct virtq *q)
{
	return (uint16_t *)&used_of(q)->ring[q->entries];
}

void virtq_split_init(struct virtq *q)
{
	if (!q->interrupts && !q->event_idx)
		ring_write(&avail_of(q)->flags, AVAIL_NO_INTERRUPT);
	/* An index that is not passed before all others were: as good as no interrupt. */
	if (!q->interrupts && q->event_idx)
		ring_write(used_event(q), UINT16_MAX);
}

static uint32_t fill_table(const struct virtq *q, struct virtq_descriptor *table,
			   const struct virtio_segment *segments, unsigned readable, unsigned count)
{
	uint32_t total = 0;

	for (unsigned i = 0; i < count; i++) {
		table[i].address = device_address(q, segments[i].data);
		table[i].bytes = segments[i].bytes;
		table[i].flags = (uint16_t)((i + 1 < count ? DESCRIPTOR_NEXT : 0) |
					    (i < readable ? 0 : DESCRIPTOR_WRITE));
		table[i].next = (uint16_t)(i + 1);
		if (i >= readable)
			total = saturated_sum(total, segments[i].bytes);
	}
	return total;
}

static void add_indirect(struct virtq *q, const struct virtio_segment *segments, unsigned readable,
			 unsigned count)
{
	unsigned head = q->free_slot;
	struct virtq_slot *slot = &q->slots[head];
	struct virtq_descriptor *table = table_of(q, head);

	slot->writable = fill_table(q, table, segments, readable, count);
	slot->last = (uint16_t)head;
	slot->count = 1;
	q->descriptors[head].address = device_address(q, table);
	q->descriptors[head].bytes = (uint32_t)(count * sizeof(*table));
	q->descriptors[head].flags = DESCRIPTOR_INDIRECT;
	q->free_slot = slot->next;
}

static void add_chain(struct virtq *q, const struct virtio_segment *segments, unsigned readable,
		      unsigned count)
{
	struct virtq_slot *slot = &q->slots[q->free_slot];
	unsigned at = q->free_slot, last = at;
	uint32_t total = 0;

	for (unsigned i = 0; i < count; i++) {
		struct virtq_descriptor *d = &q->descriptors[at];
		uint16_t flags = i + 1 < count ? DESCRIPTOR_NEXT : 0;

		if (i >= readable) {
			flags |= DESCRIPTOR_WRITE;
			total = saturated_sum(total, segments[i].bytes);
		}
		d->address = device_address(q, segments[i].data);
		d->bytes = segments[i].bytes;
		d->flags = flags;
		d->next = q->slots[at].next;
		last = at;
		at = q->slots[at].next;
	}
	slot->writable = total;
	slot->last = (uint16_t)last;
	slot->count = (uint16_t)count;
	q->free_slot = (uint16_t)at;
}

/* The same for one segment, as most buffers have. */
static void add_one(struct virtq *q, const struct virtio_segment *segment, unsigned readable)
{
	unsigned head = q->free_slot;
	struct virtq_slot *slot = &q->slots[head];
	struct virtq_descriptor *d = &q->descriptors[head];

	d->address = device_address(q, segment->data);
	d->bytes = segment->bytes;
	d->flags = readable ? 0 : DESCRIPTOR_WRITE;
	slot->writable = readable ? 0 : segment->bytes;
	slot->last = (uint16_t)head;
	slot->count = 1;
	q->free_slot = slot->next;
}

int virtq_split_add(struct virtq *q, const struct virtio_segment *segments, unsigned readable,
		    unsigned count, void *token)
{
	unsigned head = q->free_slot;

	if (likely(count == 1 && q->free_count))
		add_one(q, segments, readable);
	else if (wants_table(q, count))
		add_indirect(q, segments, readable, count);
	else if (count <= q->free_count)
		add_chain(q, segments, readable, count);
	else
		return -ENOSPC;
	q->slots[head].token = token;
	q->free_count = (uint16_t)(q->free_count - q->slots[head].count);
	ring_write(&avail_of(q)->ring[(uint16_t)(q->next_add + q->added) & q->mask],
		   (uint16_t)head);
	q->added++;
	return 0;
}

bool virtq_split_publish(struct virtq *q)
{
	uint16_t old = q->next_add, new = (uint16_t)(old + q->added);

	if (!q->added)
		return false;
	q->next_add = new;
	q->added = 0;
	dma_wmb(); /* descriptors and entries before the index that shows them */
	ring_write(&avail_of(q)->index, new);
	/* The device does the same the other way round: it writes avail_event (or the flag), then looks at the index once more.
	 * Without a full barrier on both sides, each could miss what the other has just written, and both would wait for ever. */
	dma_mb();
	if (q->event_idx)
		return passes_event(ring_read(avail_event(q)), new, old);
	return !(ring_read(&used_of(q)->flags) & USED_NO_NOTIFY);
}

void *virtq_split_take(struct virtq *q, uint32_t *written)
{
	uint16_t index = ring_read(&used_of(q)->index);
	const struct used_element *element = &used_of(q)->ring[q->last_used & q->mask];
	uint32_t id, bytes;
	void *token;

	if (index == q->last_used)
		return NULL;
	if (unlikely((uint16_t)(index - q->last_used) > q->in_use)) {
		q->broken = "it used more buffers than it has";
		return NULL;
	}
	dma_rmb(); /* the index before the entries that it shows */
	id = ring_read(&element->id);
	bytes = ring_read(&element->bytes);
	token = complete_slot(q, id, bytes, written);
	if (!token)
		return NULL;
	q->slots[q->slots[id].last].next = q->free_slot;
	q->free_slot = (uint16_t)id;
	q->last_used++;
	if (q->interrupts && q->event_idx) {
		ring_write(used_event(q), q->last_used);
		dma_mb(); /* before the next look at the index: see virtq_split_interrupts_on() */
	}
	return token;
}

bool virtq_split_has_used(const struct virtq *q)
{
	return ring_read(&used_of(q)->index) != ring_read(&q->last_used);
}

void virtq_split_interrupts_off(struct virtq *q)
{
	/* With events, used_event stays where it is: in the past once more is used. */
	if (!q->event_idx)
		ring_write(&avail_of(q)->flags, AVAIL_NO_INTERRUPT);
}

bool virtq_split_interrupts_on(struct virtq *q, unsigned later)
{
	if (q->event_idx)
		ring_write(used_event(q), (uint16_t)(q->last_used + later));
	else
		ring_write(&avail_of(q)->flags, 0);
	/* The device writes its index, then reads used_event (or the flag): one of us sees the other's. */
	dma_mb();
	return (uint16_t)(ring_read(&used_of(q)->index) - q->last_used) <= later;
}
