/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two kinds of ring share: descriptors, book-keeping, event arithmetic. */
#pragma once

#include <base/assert.h>
#include <lib/virtqueue.h>

enum descriptor_flags {
	DESCRIPTOR_NEXT = 1,
	DESCRIPTOR_WRITE = 2,
	DESCRIPTOR_INDIRECT = 4,
};

/** The last two fields are flags and next in a split ring, id and flags in a packed one (2.7.5, 2.8.13). */
struct virtq_descriptor {
	uint64_t address;
	uint32_t bytes;
	union {
		struct {
			uint16_t flags, next;
		};
		struct {
			uint16_t id, packed_flags;
		};
	};
};
static_assert(sizeof(struct virtq_descriptor) == 16, "2.7.5");

struct virtq_slot {
	void *token;       /* NULL: not outstanding */
	uint32_t writable; /* bytes that the device may write */
	uint16_t next;     /* free slot; split: also the next descriptor of the chain */
	uint16_t last;     /* split: the last descriptor of the chain */
	uint16_t count;    /* descriptors of the ring in use */
};

/* Memory shared with the device: each access is one, and none is repeated or left out. */
#define ring_read(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define ring_write(p, value) __atomic_store_n(p, value, __ATOMIC_RELAXED)

/** Whether moving an index from `old` to `new` passed the `event` that the other side waits for (2.7.10). */
static inline bool passes_event(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static inline uint64_t device_address(const struct virtq *q, const void *p)
{
	return (uintptr_t)p - q->direct_base;
}

static inline uint32_t saturated_sum(uint32_t a, uint32_t b)
{
	uint32_t sum;

	return add_overflows(a, b, &sum) ? UINT32_MAX : sum;
}

/** Whether a buffer goes into its slot's table, for which one descriptor is free. While the ring has room, a chain of descriptors in
 * it is cheaper for both sides. */
static inline bool wants_table(const struct virtq *q, unsigned count)
{
	return count > 1 && count <= q->table_segments && q->free_count &&
	       (q->free_count < q->entries / 2 || q->free_count < count);
}

static inline struct virtq_descriptor *table_of(const struct virtq *q, unsigned slot)
{
	return q->tables + (size_t)slot * q->table_segments;
}

/** Ends the outstanding buffer `id`, of which the device says that it wrote `bytes`: its token; NULL where it cannot be. */
static inline void *complete_slot(struct virtq *q, uint32_t id, uint32_t bytes, uint32_t *written)
{
	struct virtq_slot *slot = &q->slots[id < q->entries ? id : 0];
	void *token = slot->token;

	if (unlikely(id >= q->entries)) {
		q->broken = "it used a buffer whose number is out of range";
		return NULL;
	}
	if (unlikely(!token)) {
		q->broken = "it used a buffer that it does not have";
		return NULL;
	}
	if (unlikely(bytes > slot->writable)) {
		/* Where there was nothing to write the length says nothing: libkrun's console tells how much it read. */
		if (!q->cuts_lengths && slot->writable) {
			q->broken = "it wrote more than a buffer holds";
			return NULL;
		}
		bytes = slot->writable;
	}
	*written = bytes;
	slot->token = NULL;
	q->free_count = (uint16_t)(q->free_count + slot->count);
	q->in_use--;
	return token;
}

void virtq_split_init(struct virtq *q);
int must_check virtq_split_add(struct virtq *q, const struct virtio_segment *segments,
			       unsigned readable, unsigned count, void *token);
bool must_check virtq_split_publish(struct virtq *q);
void *virtq_split_take(struct virtq *q, uint32_t *written);
bool virtq_split_has_used(const struct virtq *q);
void virtq_split_interrupts_off(struct virtq *q);
bool must_check virtq_split_interrupts_on(struct virtq *q, unsigned later);

void virtq_packed_init(struct virtq *q);
int must_check virtq_packed_add(struct virtq *q, const struct virtio_segment *segments,
				unsigned readable, unsigned count, void *token);
bool must_check virtq_packed_publish(struct virtq *q);
void *virtq_packed_take(struct virtq *q, uint32_t *written);
bool virtq_packed_has_used(const struct virtq *q);
void virtq_packed_interrupts_off(struct virtq *q);
bool must_check virtq_packed_interrupts_on(struct virtq *q, unsigned later);
