/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio block device (virtio 1.2, 5.2). A request is a header, data, and a byte of status; header and status lie in a slot of
 * ours, of which there are as many as the ring has entries. Requests that find no slot or no room wait in a queue. A device
 * that tells no limit of segments takes one (Firecracker).
 *
 * Completions are handled in the interrupt, a ring full at most. The device may say anything: a request that it does not
 * answer for never completes before the device fails.
 */
#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <bus/virtio.h>
#include <class/block.h>
#include <core/lock.h>
#include <mm/alloc.h>

#include "regs.h"

enum {
	REQUESTQ = 0,
	ENTRIES = 256,
	ENTRIES_WITH_TABLES = 64,
	SEGMENTS_MAX = 32, /* 128 KiB of single pages */
	SEGMENTS_EXTRA = 2,
	STATUS_NONE = 0xff,
	COMPLETED_MAX = 16, /* taken in one go, without the lock in between */
};

/** Requests are cut to this, so that one does not hold up all others. */
#define REQUEST_BYTES_MAX ((uint64_t)1 << 20)

/** Shared with the device. */
struct slot {
	struct virtio_blk_header header;
	struct virtio_blk_range range;
	uint8_t status;
};

struct virtio_blk {
	struct block_dev block;
	struct virtio_dev *virtio;
	struct spinlock lock;
	struct virtio_queue *queue;    /* [lock] */
	struct list_node waiting;      /* [lock] struct block_request.link */
	struct slot *slots;            /* memory for the device */
	struct block_request **owners; /* [lock] of slots; NULL: free */
	uint16_t *free_slots;          /* [lock] a stack */
	unsigned free_count, slot_count;
};

static struct virtio_blk *blk_of(struct block_dev *dev)
{
	return container_of(dev, struct virtio_blk, block);
}

/* Submitting */

static enum virtio_blk_type type_of(enum block_op op)
{
	switch (op) {
	case BLOCK_WRITE:
		return VIRTIO_BLK_OUT;
	case BLOCK_FLUSH:
		return VIRTIO_BLK_FLUSH;
	case BLOCK_DISCARD:
		return VIRTIO_BLK_DISCARD;
	case BLOCK_WRITE_ZEROES:
		return VIRTIO_BLK_WRITE_ZEROES;
	default:
		return VIRTIO_BLK_IN;
	}
}

static void fill_slot(struct slot *slot, const struct block_request *request)
{
	bool is_range = request->op == BLOCK_DISCARD || request->op == BLOCK_WRITE_ZEROES;
	uint64_t sector = request->device_offset >> VIRTIO_BLK_SECTOR_SHIFT;

	slot->header.type = le32(type_of(request->op));
	slot->header.reserved = le32(0);
	slot->header.sector = le64(is_range || request->op == BLOCK_FLUSH ? 0 : sector);
	slot->range.sector = le64(sector);
	slot->range.sectors = le32((uint32_t)(request->bytes >> VIRTIO_BLK_SECTOR_SHIFT));
	slot->range.flags = le32(0);
	slot->status = STATUS_NONE;
}

static int add(struct virtio_blk *blk, unsigned index, struct block_request *request)
	REQUIRES(blk->lock)
{
	struct virtio_segment segments[SEGMENTS_MAX + SEGMENTS_EXTRA];
	struct slot *slot = &blk->slots[index];
	unsigned count = 0, readable;

	fill_slot(slot, request);
	segments[count++] = (struct virtio_segment){ &slot->header, sizeof(slot->header) };
	for (unsigned i = 0; i < request->segment_count; i++)
		segments[count++] = (struct virtio_segment){ request->segments[i].data,
							     request->segments[i].bytes };
	if (request->op == BLOCK_DISCARD || request->op == BLOCK_WRITE_ZEROES)
		segments[count++] = (struct virtio_segment){ &slot->range, sizeof(slot->range) };
	readable = request->op == BLOCK_READ ? 1 : count;
	segments[count++] = (struct virtio_segment){ &slot->status, sizeof(slot->status) };
	return virtio_queue_add(blk->queue, segments, readable, count - readable, slot);
}

/** -ENOSPC: no slot or no room now; -EIO: the device has failed. */
static int start_request(struct virtio_blk *blk, struct block_request *request) REQUIRES(blk->lock)
{
	unsigned index;
	int error;

	if (!blk->free_count)
		return -ENOSPC;
	index = blk->free_slots[blk->free_count - 1];
	error = add(blk, index, request);
	if (error)
		return error;
	blk->free_count--;
	blk->owners[index] = request;
	return 0;
}

static void submit(struct block_dev *dev, struct block_request *request)
{
	struct virtio_blk *blk = blk_of(dev);
	int error;

	spin_lock(&blk->lock);
	error = list_empty(&blk->waiting) ? start_request(blk, request) : -ENOSPC;
	if (error == -ENOSPC && !virtio_has_failed(blk->virtio)) {
		list_insert_before(&blk->waiting, &request->link);
		error = 0;
	} else if (!error) {
		virtio_queue_kick(blk->queue);
	}
	spin_unlock(&blk->lock);
	if (error)
		request->complete(request, -EIO);
}

/** Lets those go that had to wait. */
static void start_waiting(struct virtio_blk *blk) REQUIRES(blk->lock)
{
	bool any = false;

	while (!list_empty(&blk->waiting)) {
		struct block_request *request = list_entry(blk->waiting.next, struct block_request,
							   link);

		if (start_request(blk, request))
			break;
		list_remove(&request->link);
		any = true;
	}
	if (any)
		virtio_queue_kick(blk->queue);
}

/* Completing */

struct completed {
	struct block_request *request;
	int status;
};

static int status_of(const struct slot *slot)
{
	switch (__atomic_load_n(&slot->status, __ATOMIC_RELAXED)) {
	case VIRTIO_BLK_OK:
		return 0;
	case VIRTIO_BLK_UNSUPP:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

/** The token is a slot of ours, outstanding: the ring sees to that. */
static struct block_request *release_slot(struct virtio_blk *blk, const struct slot *slot)
	REQUIRES(blk->lock)
{
	unsigned index = (unsigned)(slot - blk->slots);
	struct block_request *request = blk->owners[index];

	blk->owners[index] = NULL;
	blk->free_slots[blk->free_count++] = (uint16_t)index;
	return request;
}

static unsigned take_completed(struct virtio_blk *blk, struct completed out[COMPLETED_MAX])
	REQUIRES(blk->lock)
{
	unsigned count = 0;
	uint32_t written;
	struct slot *slot;

	while (count < COMPLETED_MAX && (slot = virtio_queue_take(blk->queue, &written)) != NULL) {
		struct block_request *request = release_slot(blk, slot);
		int status = status_of(slot);

		/* What it did not write cannot be given on as if it had. Some devices (libkrun's) do not count the status, which
		 * tells by itself that it was written. */
		if (!status && request->op == BLOCK_READ && written < request->bytes &&
		    !virtio_is_legacy(blk->virtio))
			status = -EIO;
		out[count++] = (struct completed){ request, status };
	}
	return count;
}

static void arrived(void *context)
{
	struct virtio_blk *blk = context;
	struct completed completed[COMPLETED_MAX];
	unsigned count;

	do {
		spin_lock(&blk->lock);
		count = take_completed(blk, completed);
		if (count)
			start_waiting(blk);
		spin_unlock(&blk->lock);
		for (unsigned i = 0; i < count; i++)
			completed[i].request->complete(completed[i].request, completed[i].status);
	} while (count == COMPLETED_MAX);
}

static struct block_request *next_lost(struct virtio_blk *blk)
{
	struct block_request *request = NULL;
	struct list_node *node;
	struct slot *slot;

	spin_lock(&blk->lock);
	slot = virtio_queue_detach(blk->queue);
	if (slot) {
		request = release_slot(blk, slot);
	} else {
		node = list_pop_front(&blk->waiting);
		request = node ? list_entry(node, struct block_request, link) : NULL;
	}
	spin_unlock(&blk->lock);
	return request;
}

static void failed(struct virtio_dev *virtio)
{
	struct virtio_blk *blk = virtio_driver_data(virtio);
	struct block_request *request;

	block_failed(&blk->block);
	while ((request = next_lost(blk)) != NULL)
		request->complete(request, -EIO);
}

static const struct block_ops ops = { .submit = submit };

/* Attaching */

static uint32_t config32(struct virtio_blk *blk, uint32_t offset, uint32_t fallback)
{
	uint32_t value;

	return virtio_config_read(blk->virtio, offset, &value, sizeof(value)) ? value : fallback;
}

static bool read_capacity(struct virtio_blk *blk, uint64_t *bytes)
{
	uint64_t sectors;

	if (!virtio_config_read(blk->virtio, VIRTIO_BLK_CAPACITY, &sectors, sizeof(sectors)) ||
	    sectors > (uint64_t)INT64_MAX >> VIRTIO_BLK_SECTOR_SHIFT)
		return false;
	*bytes = sectors << VIRTIO_BLK_SECTOR_SHIFT;
	return true;
}

static void config_changed(struct virtio_dev *virtio)
{
	struct virtio_blk *blk = virtio_driver_data(virtio);
	uint64_t bytes;

	if (read_capacity(blk, &bytes) && bytes != blk->block.bytes)
		block_resized(&blk->block, bytes);
}

static uint64_t discard_bytes(struct virtio_blk *blk, uint32_t offset)
{
	return (uint64_t)config32(blk, offset, 0) << VIRTIO_BLK_SECTOR_SHIFT;
}

/** The smaller limit of the two serves for both. */
static void read_discard(struct virtio_blk *blk, uint64_t features)
{
	struct block_dev *dev = &blk->block;

	dev->discard_bytes_max = UINT64_MAX;
	if (features & VIRTIO_BLK_F_DISCARD) {
		dev->flags |= BLOCK_CAN_DISCARD;
		dev->discard_bytes_max = discard_bytes(blk, VIRTIO_BLK_MAX_DISCARD_SECTORS);
	}
	if (features & VIRTIO_BLK_F_WRITE_ZEROES) {
		dev->flags |= BLOCK_CAN_ZERO;
		dev->discard_bytes_max = min(
			dev->discard_bytes_max,
			discard_bytes(blk, VIRTIO_BLK_MAX_WRITE_ZEROES_SECTORS));
	}
	dev->discard_bytes_max = min(dev->discard_bytes_max,
				     (uint64_t)UINT32_MAX << VIRTIO_BLK_SECTOR_SHIFT);
}

static int read_limits(struct virtio_blk *blk, uint64_t features)
{
	struct block_dev *dev = &blk->block;

	if (!read_capacity(blk, &dev->bytes))
		return -EINVAL;
	dev->block_bytes = VIRTIO_BLK_SECTOR;
	if (features & VIRTIO_BLK_F_BLK_SIZE)
		dev->block_bytes = config32(blk, VIRTIO_BLK_BLK_SIZE, VIRTIO_BLK_SECTOR);
	dev->segments_max = 1;
	if (features & VIRTIO_BLK_F_SEG_MAX)
		dev->segments_max = min(config32(blk, VIRTIO_BLK_SEG_MAX, 1),
					(uint32_t)SEGMENTS_MAX);
	dev->segment_bytes_max = REQUEST_BYTES_MAX;
	if (features & VIRTIO_BLK_F_SIZE_MAX)
		dev->segment_bytes_max = min(config32(blk, VIRTIO_BLK_SIZE_MAX, 0),
					     (uint32_t)REQUEST_BYTES_MAX);
	dev->request_bytes_max = REQUEST_BYTES_MAX;
	if (features & VIRTIO_BLK_F_RO)
		dev->flags |= BLOCK_READ_ONLY;
	if (features & VIRTIO_BLK_F_FLUSH)
		dev->flags |= BLOCK_CAN_FLUSH;
	read_discard(blk, features);
	return 0;
}

static int open_queue(struct virtio_blk *blk, uint64_t features)
{
	struct virtio_queue_request request = {
		.index = REQUESTQ,
		.entries = features & VIRTIO_F_INDIRECT_DESC ? ENTRIES_WITH_TABLES : ENTRIES,
		.segments = blk->block.segments_max + SEGMENTS_EXTRA,
		.arrived = arrived,
		.context = blk,
		.cut_lengths = true, /* libkrun counts what it has read, too */
	};
	int error = virtio_queue_open(blk->virtio, &request, &blk->queue);

	if (error)
		return error;
	blk->slot_count = virtio_queue_entries(blk->queue);
	/* A request that does not fit an empty ring would wait for ever. */
	if (blk->slot_count <= SEGMENTS_EXTRA)
		return -EINVAL;
	blk->block.segments_max = min(blk->block.segments_max, blk->slot_count - SEGMENTS_EXTRA);
	blk->slots = mem_zalloc(blk->slot_count * sizeof(*blk->slots));
	blk->owners = mem_zalloc(blk->slot_count * sizeof(*blk->owners));
	blk->free_slots = mem_alloc(blk->slot_count * sizeof(*blk->free_slots));
	if (!blk->slots || !blk->owners || !blk->free_slots)
		return -ENOMEM;
	while (blk->free_count < blk->slot_count) {
		blk->free_slots[blk->free_count] = (uint16_t)blk->free_count;
		blk->free_count++;
	}
	return 0;
}

static void describe(const struct device *device, struct device_text *text)
{
	char words[BLOCK_TEXT_BYTES];

	block_text(device->class_device, words);
	device_print(text, "%s", words);
}

static int start(struct virtio_blk *blk)
{
	uint64_t features;
	int error = virtio_negotiate(blk->virtio,
				     VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX |
					     VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE |
					     VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD |
					     VIRTIO_BLK_F_WRITE_ZEROES,
				     &features);

	if (!error)
		error = read_limits(blk, features);
	if (!error)
		error = open_queue(blk, features);
	if (!error)
		error = virtio_start(blk->virtio);
	return error ? error : block_register(&blk->block);
}

static int attach(struct virtio_dev *virtio)
{
	struct virtio_blk *blk = mem_zalloc(sizeof(*blk));
	int error;

	if (!blk)
		return -ENOMEM;
	blk->virtio = virtio;
	blk->block.ops = &ops;
	blk->block.driver_data = blk;
	blk->block.device = virtio_device(virtio);
	blk->block.prefix = "vd";
	spin_init(&blk->lock);
	list_init(&blk->waiting);
	virtio_set_driver_data(virtio, blk);
	error = start(blk);
	if (error) {
		if (!virtio_stop(virtio))
			return error;
		virtio_set_driver_data(virtio, NULL);
		mem_free(blk->slots);
		mem_free(blk->owners);
		mem_free(blk->free_slots);
		mem_free(blk);
		return error;
	}
	blk->block.device->class_device = &blk->block;
	blk->block.device->describe_class = describe;
	return 0;
}

const struct virtio_driver virtio_blk_driver = {
	.name = "virtio-blk",
	.type = VIRTIO_BLOCK,
	.attach = attach,
	.failed = failed,
	.config_changed = config_changed,
};
VIRTIO_DRIVER(virtio_blk_driver);
