/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests on their way to a driver: checked, moved to where the partition is, and cut where the device can do no more at once.
 * Pieces go out together and complete in any order.
 */
#include <class/block.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <mm/alloc.h>

#include "internal.h"

struct split {
	struct block_request *whole;
	uint32_t pending; /* atomic */
	int status;       /* atomic: the first that went wrong */
	struct block_segment *segments;
	struct block_request parts[];
};

static struct block_dev *disk_of(struct block_dev *dev)
{
	return dev->whole ? dev->whole : dev;
}

/* Checking */

static int check_op(const struct block_dev *disk, enum block_op op)
{
	bool changes = op == BLOCK_WRITE || op == BLOCK_DISCARD || op == BLOCK_WRITE_ZEROES;

	if (block_is_failed(disk))
		return -EIO;
	if (changes && (disk->flags & BLOCK_READ_ONLY))
		return -EROFS;
	if ((op == BLOCK_DISCARD && !(disk->flags & BLOCK_CAN_DISCARD)) ||
	    (op == BLOCK_WRITE_ZEROES && !(disk->flags & BLOCK_CAN_ZERO)))
		return -EOPNOTSUPP;
	return 0;
}

static int check_range(const struct block_dev *dev, const struct block_request *request)
{
	uint64_t size = __atomic_load_n(&dev->bytes, __ATOMIC_ACQUIRE);
	uint64_t end;

	if (!is_aligned(request->offset | request->bytes, dev->block_bytes))
		return -EINVAL;
	if (!range_fits(request->offset, request->bytes, size))
		return -EIO;
	/* A disk may have shrunk below its partitions. */
	if (dev->whole && (add_overflows(dev->start + request->offset, request->bytes, &end) ||
			   end > __atomic_load_n(&dev->whole->bytes, __ATOMIC_ACQUIRE)))
		return -EIO;
	return 0;
}

static bool has_data(enum block_op op)
{
	return op == BLOCK_READ || op == BLOCK_WRITE;
}

static bool within_limits(const struct block_dev *disk, const struct block_request *request)
{
	if (!has_data(request->op))
		return request->op == BLOCK_FLUSH || request->bytes <= disk->discard_bytes_max;
	if (request->bytes > disk->request_bytes_max || request->segment_count > disk->segments_max)
		return false;
	for (unsigned i = 0; i < request->segment_count; i++)
		if (request->segments[i].bytes > disk->segment_bytes_max)
			return false;
	return true;
}

/* Splitting */

static void part_done(struct block_request *part, int status)
{
	struct split *split = part->owner;
	struct block_request *whole = split->whole;
	int none = 0;

	if (status)
		__atomic_compare_exchange_n(&split->status, &none, status, false, __ATOMIC_ACQ_REL,
					    __ATOMIC_RELAXED);
	if (__atomic_sub_fetch(&split->pending, 1, __ATOMIC_ACQ_REL))
		return;
	status = split->status;
	mem_free(split->segments);
	mem_free(split);
	whole->complete(whole, status);
}

/** What a request is cut into: counted first, then laid out. */
struct cut {
	const struct block_dev *disk;
	const struct block_request *whole;
	struct split *split; /* NULL: only count */
	unsigned parts, pieces;
	uint64_t done; /* bytes in parts so far */
};

static void add_part(struct cut *cut, uint64_t bytes, const struct block_segment *segments,
		     unsigned count)
{
	if (cut->split) {
		cut->split->parts[cut->parts] = (struct block_request){
			.op = cut->whole->op,
			.offset = cut->whole->offset + cut->done,
			.device_offset = cut->whole->device_offset + cut->done,
			.bytes = bytes,
			.segments = segments,
			.segment_count = count,
			.complete = part_done,
			.owner = cut->split,
		};
	}
	cut->parts++;
	cut->done += bytes;
}

static void cut_range(struct cut *cut)
{
	while (cut->done < cut->whole->bytes)
		add_part(cut, min(cut->whole->bytes - cut->done, cut->disk->discard_bytes_max),
			 NULL, 0);
}

/** A part being put together: pieces that lie one behind the other in memory become one. */
struct part {
	unsigned first, pieces;
	uint64_t bytes;
	struct block_segment last;
};

static uint32_t piece_bytes(const struct cut *cut, const struct part *part, uint32_t wanted)
{
	uint64_t room = cut->disk->request_bytes_max - part->bytes;

	return (uint32_t)min((uint64_t)min(wanted, cut->disk->segment_bytes_max), room);
}

static bool extends(const struct cut *cut, const struct part *part, const void *data,
		    uint32_t bytes)
{
	return part->pieces && (const char *)part->last.data + part->last.bytes == data &&
	       bytes <= cut->disk->segment_bytes_max - part->last.bytes;
}

/** False: the part is full. */
static bool add_piece(struct cut *cut, struct part *part, void *data, uint32_t bytes)
{
	bool extension = extends(cut, part, data, bytes);

	if (!extension && part->pieces == cut->disk->segments_max)
		return false;
	if (extension)
		part->last.bytes += bytes;
	else
		part->last = (struct block_segment){ data, bytes };
	part->pieces += !extension;
	part->bytes += bytes;
	if (cut->split)
		cut->split->segments[part->first + part->pieces - 1] = part->last;
	return true;
}

static void end_part(struct cut *cut, struct part *part)
{
	const struct block_segment *segments = NULL;

	if (cut->split)
		segments = cut->split->segments + part->first;
	add_part(cut, part->bytes, segments, part->pieces);
	cut->pieces += part->pieces;
	*part = (struct part){ .first = cut->pieces };
}

static void cut_data(struct cut *cut)
{
	struct part part = { .first = 0 };

	for (unsigned i = 0; i < cut->whole->segment_count; i++) {
		const struct block_segment *segment = &cut->whole->segments[i];
		uint32_t within = 0;

		while (within < segment->bytes) {
			uint32_t bytes = piece_bytes(cut, &part, segment->bytes - within);

			if (bytes && add_piece(cut, &part, (char *)segment->data + within, bytes))
				within += bytes;
			else
				end_part(cut, &part);
		}
	}
	if (part.bytes)
		end_part(cut, &part);
}

static void lay_out(struct cut *cut)
{
	cut->parts = cut->pieces = 0;
	cut->done = 0;
	if (has_data(cut->whole->op))
		cut_data(cut);
	else
		cut_range(cut);
}

static struct split *make_split(const struct block_dev *disk, struct block_request *request)
{
	struct cut cut = { .disk = disk, .whole = request };
	struct split *split;

	lay_out(&cut);
	split = mem_alloc(sizeof(*split) + cut.parts * sizeof(split->parts[0]));
	if (!split)
		return NULL;
	*split = (struct split){ .whole = request, .pending = cut.parts };
	split->segments = mem_alloc(cut.pieces * sizeof(split->segments[0]));
	if (!split->segments) {
		mem_free(split);
		return NULL;
	}
	cut.split = split;
	lay_out(&cut);
	return split;
}

static void submit_split(struct block_dev *disk, struct block_request *request)
{
	struct split *split = make_split(disk, request);
	unsigned parts;

	if (!split) {
		request->complete(request, -ENOMEM);
		return;
	}
	/* With the last part all may be over, and the memory gone. */
	parts = split->pending;
	for (unsigned i = 0; i < parts; i++)
		disk->ops->submit(disk, &split->parts[i]);
}

void block_submit(struct block_dev *dev, struct block_request *request)
{
	struct block_dev *disk = disk_of(dev);
	int error = check_op(disk, request->op);

	if (!error)
		error = check_range(dev, request);
	/* A device without a cache of its own has nothing to flush. */
	if (error || (request->op == BLOCK_FLUSH && !(disk->flags & BLOCK_CAN_FLUSH)) ||
	    (request->op != BLOCK_FLUSH && !request->bytes)) {
		request->complete(request, error);
		return;
	}
	request->device_offset = dev->start + request->offset;
	if (within_limits(disk, request))
		disk->ops->submit(disk, request);
	else
		submit_split(disk, request);
}
