/* SPDX-License-Identifier: BSD-3-Clause */
/* The queues of a device: their memory, and the rings of <lib/virtqueue.h> as drivers see them. */
#include <base/assert.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "transport.h"

static unsigned order_of(size_t bytes)
{
	return bytes <= PAGE_SIZE ? 0 : ilog2(bytes - 1) + 1 - PAGE_SHIFT;
}

static enum virtq_flags ring_flags(const struct virtio_dev *dev,
				   const struct virtio_queue_request *request)
{
	unsigned flags = request->arrived ? 0 : VIRTQ_SILENT;

	if (dev->features & VIRTIO_F_RING_PACKED)
		flags |= VIRTQ_PACKED;
	if (dev->features & VIRTIO_F_EVENT_IDX)
		flags |= VIRTQ_EVENT_IDX;
	if (virtio_is_legacy(dev))
		flags |= VIRTQ_LEGACY;
	if (request->cut_lengths)
		flags |= VIRTQ_CUT;
	return flags;
}

/** What the driver asks for, what the device has, and a power of two (packed rings need none). 0: there is no such queue. */
static unsigned choose_entries(struct virtio_dev *dev, const struct virtio_queue_request *request)
{
	unsigned most = dev->transport->queue_entries(dev, request->index);

	if (!most || most > VIRTQ_ENTRIES_MAX)
		return 0;
	if (dev->fixed_entries)
		return is_pow2(most) ? most : 0;
	most = min(most, request->entries);
	return 1u << ilog2(most);
}

static void free_memory(struct virtio_queue *queue)
{
	if (queue->ring_page)
		page_put(queue->ring_page);
	mem_free(queue->tables);
	mem_free(queue->ring.slots);
	mem_free(queue);
}

static int make_ring(struct virtio_queue *queue, unsigned entries,
		     const struct virtio_queue_request *request)
{
	struct virtio_dev *dev = queue->dev;
	enum virtq_flags flags = ring_flags(dev, request);
	struct virtq_memory memory = { .segments = request->segments,
				       .direct_base = direct_map_base };

	queue->layout = virtq_layout(entries, flags);
	queue->ring_page = page_alloc(order_of(queue->layout.bytes), PAGE_ZEROED);
	queue->ring.slots = memory.slots = mem_alloc(virtq_slots_bytes(entries));
	if (!queue->ring_page || !memory.slots)
		return -ENOMEM;
	if ((dev->features & VIRTIO_F_INDIRECT_DESC) && request->segments > 1) {
		queue->tables = mem_alloc(virtq_tables_bytes(entries, request->segments));
		if (!queue->tables)
			return -ENOMEM;
		memory.tables = queue->tables;
	}
	memory.ring = page_virt(queue->ring_page);
	virtq_init(&queue->ring, entries, flags, &memory);
	return 0;
}

int virtio_queue_open(struct virtio_dev *dev, const struct virtio_queue_request *request,
		      struct virtio_queue **out)
{
	struct virtio_queue *queue;
	unsigned entries;
	int error;

	assert(is_pow2(request->entries) && request->index < VIRTIO_QUEUES_MAX &&
	       !dev->queues[request->index]);
	if (virtio_has_failed(dev))
		return -EIO;
	entries = choose_entries(dev, request);
	if (!entries)
		return -ENOENT;
	virtio_dev_start_interrupts(dev);
	queue = mem_zalloc(sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	queue->dev = dev;
	queue->index = request->index;
	queue->arrived = request->arrived;
	queue->context = request->context;
	error = make_ring(queue, entries, request);
	if (!error)
		error = dev->transport->queue_start(queue);
	if (error) {
		free_memory(queue);
		return error;
	}
	dev->queues[request->index] = queue;
	dev->queue_count = max(dev->queue_count, request->index + 1);
	*out = queue;
	return 0;
}

void virtio_queues_close(struct virtio_dev *dev)
{
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (dev->queues[i])
			free_memory(dev->queues[i]);
		dev->queues[i] = NULL;
	}
	dev->queue_count = 0;
}

uint64_t virtio_queue_descriptors(const struct virtio_queue *queue)
{
	return page_phys(queue->ring_page).raw;
}

uint64_t virtio_queue_driver_area(const struct virtio_queue *queue)
{
	return virtio_queue_descriptors(queue) + queue->layout.driver_offset;
}

uint64_t virtio_queue_device_area(const struct virtio_queue *queue)
{
	return virtio_queue_descriptors(queue) + queue->layout.device_offset;
}

/* Traffic */

int virtio_queue_add(struct virtio_queue *queue, const struct virtio_segment *segments,
		     unsigned readable, unsigned writable, void *token)
{
	return virtq_add(&queue->ring, segments, readable, writable, token);
}

void virtio_queue_kick(struct virtio_queue *queue)
{
	if (virtq_publish(&queue->ring))
		queue->dev->transport->notify(queue);
}

void *virtio_queue_take(struct virtio_queue *queue, uint32_t *written)
{
	void *token = virtq_take(&queue->ring, written);

	if (unlikely(!token && queue->ring.broken))
		virtio_fail(queue->dev, queue->ring.broken);
	return token;
}

unsigned virtio_queue_room(const struct virtio_queue *queue)
{
	return queue->ring.free_count;
}

unsigned virtio_queue_entries(const struct virtio_queue *queue)
{
	return queue->ring.entries;
}

void virtio_queue_disable(struct virtio_queue *queue)
{
	virtq_interrupts_off(&queue->ring);
}

bool virtio_queue_enable(struct virtio_queue *queue)
{
	return virtq_interrupts_on(&queue->ring);
}

bool virtio_queue_enable_late(struct virtio_queue *queue)
{
	return virtq_interrupts_late(&queue->ring);
}

void *virtio_queue_detach(struct virtio_queue *queue)
{
	return virtq_detach(&queue->ring);
}
