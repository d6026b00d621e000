/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Disks, by the contract of their class. Every one is read at many places, twice, for the two to be the same. One whose first sector
 * begins with SCRATCH_MARK is also written, from its second piece on, and read back: so nothing of it is kept but the mark.
 */
#include "checks.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <class/block.h>
#include <core/random.h>
#include <mm/alloc.h>

#include "pattern.h"
#include "report.h"

#define SCRATCH_MARK "capuchin scratch disk\n"

enum {
	PIECE_BYTES = 128 << 10, /* more than most devices take in one request */
	PLACES = 64,
	READ_BYTES = 4096,
	WRITTEN_BYTES_MAX = 1 << 20,
	NAME_BYTES = 40,
};

/* One disk's test. */
struct disk {
	struct block_dev *dev;
	uint8_t *one, *other; /* PIECE_BYTES each */
	uint64_t salt;        /* of what is written: another at each run */
	uint64_t failed_at;
	const char *failed_by;
};

static int failed(struct disk *disk, const char *by, uint64_t at, int error)
{
	disk->failed_by = by;
	disk->failed_at = at;
	return error;
}

/* --- reading --- */

/* -EIO and what else a device says; -EBADMSG: it does not give the same twice. */
static int read_twice(struct disk *disk, uint64_t at)
{
	struct block_dev *dev = disk->dev;
	uint64_t bytes = min((uint64_t)READ_BYTES, dev->bytes - at);
	int error = block_transfer(dev, BLOCK_READ, at, disk->one, bytes);

	if (!error)
		error = block_transfer(dev, BLOCK_READ, at, disk->other, bytes);
	if (!error && memcmp(disk->one, disk->other, bytes))
		error = -EBADMSG;
	return error ? failed(disk, "reading", at, error) : 0;
}

/* From the first block to the last. */
static int read_places(struct disk *disk)
{
	struct block_dev *dev = disk->dev;
	uint64_t last = dev->bytes - dev->block_bytes;
	int error = 0;

	for (unsigned i = 0; !error && i < PLACES; i++) {
		uint64_t at = i < PLACES - 1 ? last / (PLACES - 1) * i : last;

		error = read_twice(disk, align_down(at, dev->block_bytes));
	}
	return error;
}

/* --- writing --- */

static int is_scratch(struct disk *disk, bool *out)
{
	uint64_t bytes = disk->dev->block_bytes;
	int error = block_transfer(disk->dev, BLOCK_READ, 0, disk->one, bytes);

	*out = !error && !memcmp(disk->one, SCRATCH_MARK, sizeof SCRATCH_MARK - 1);
	return error ? failed(disk, "reading", 0, error) : 0;
}

static int write_piece(struct disk *disk, uint64_t at, uint64_t bytes)
{
	int error;

	pattern_fill((uint64_t *)disk->one, bytes, at + disk->salt, PATTERN_PLAIN);
	error = block_transfer(disk->dev, BLOCK_WRITE, at, disk->one, bytes);
	return error ? failed(disk, "writing", at, error) : 0;
}

static int verify_piece(struct disk *disk, uint64_t at, uint64_t bytes)
{
	int error = block_transfer(disk->dev, BLOCK_READ, at, disk->one, bytes);
	size_t bad;

	if (error)
		return failed(disk, "reading", at, error);
	bad = pattern_find_bad((uint64_t *)disk->one, bytes, at + disk->salt, PATTERN_PLAIN);
	return bad < bytes ? failed(disk, "comparing", at + bad, -EBADMSG) : 0;
}

static int each_piece(struct disk *disk, uint64_t start, uint64_t end,
		      int (*fn)(struct disk *disk, uint64_t at, uint64_t bytes))
{
	int error = 0;

	for (uint64_t at = start; !error && at < end; at += PIECE_BYTES)
		error = fn(disk, at, min((uint64_t)PIECE_BYTES, end - at));
	return error;
}

/* One block, and only that, becomes zeroes where the device can do so. Not the last one: libkrun makes a file shorter then. */
static int check_zeroes(struct disk *disk, uint64_t end)
{
	struct block_dev *dev = disk->dev;
	uint64_t at = end - 2 * (uint64_t)dev->block_bytes;
	int error;

	if (!(dev->flags & BLOCK_CAN_ZERO))
		return 0;
	error = block_transfer(dev, BLOCK_WRITE_ZEROES, at, NULL, dev->block_bytes);
	if (error)
		return failed(disk, "zeroing", at, error);
	error = block_transfer(dev, BLOCK_READ, at, disk->one, dev->block_bytes);
	if (error)
		return failed(disk, "reading", at, error);
	for (uint32_t i = 0; i < dev->block_bytes; i++)
		if (disk->one[i])
			return failed(disk, "comparing zeroes", at, -EBADMSG);
	return verify_piece(disk, at + dev->block_bytes, dev->block_bytes);
}

static int write_all(struct disk *disk, uint64_t start, uint64_t end)
{
	int error = each_piece(disk, start, end, write_piece);

	if (!error) {
		error = block_transfer(disk->dev, BLOCK_FLUSH, 0, NULL, 0);
		if (error)
			failed(disk, "flushing", 0, error);
	}
	if (!error)
		error = each_piece(disk, start, end, verify_piece);
	return error ? error : check_zeroes(disk, end);
}

/* --- */

static int check_scratch(struct disk *disk, const char *name)
{
	uint64_t start = disk->dev->block_bytes;
	uint64_t end = min(disk->dev->bytes, start + WRITTEN_BYTES_MAX);
	bool scratch;
	int error = is_scratch(disk, &scratch);

	if (error)
		return error;
	if (!scratch) {
		report_skip(name, "not written: it is not marked as scratch");
		return 0;
	}
	if (disk->dev->flags & BLOCK_READ_ONLY || end < start + 2 * disk->dev->block_bytes) {
		report_skip(name, "not written: it is %s",
			    disk->dev->flags & BLOCK_READ_ONLY ? "read-only" : "too small");
		return 0;
	}
	error = write_all(disk, start, end);
	if (!error)
		report_ok(name, "%lu KiB written and read back", (end - start) / 1024);
	return error;
}

static int check_reading(struct disk *disk, const char *name)
{
	int error = read_places(disk);

	if (!error)
		report_ok(name, "%lu KiB%s, read at %d places", disk->dev->bytes / 1024,
			  disk->dev->flags & BLOCK_READ_ONLY ? ", read-only" : "", PLACES);
	return error;
}

static void check_disk(struct disk *disk)
{
	struct block_dev *dev = disk->dev;
	char name[NAME_BYTES];
	int error;

	format(name, sizeof name, "disk.%s.bytes", dev->name);
	report_value(name, "%lu", dev->bytes);
	format(name, sizeof name, "disk.%s.readonly", dev->name);
	report_value(name, "%d", dev->flags & BLOCK_READ_ONLY ? 1 : 0);
	format(name, sizeof name, "disk %s", dev->name);
	if (!dev->bytes) {
		report_skip(name, "it is empty");
		return;
	}
	error = check_reading(disk, name);
	if (!error)
		error = check_scratch(disk, name);
	if (error == -EBADMSG)
		report_fail(name, "%s at %lu: not what was there before", disk->failed_by,
			    disk->failed_at);
	else if (error)
		report_fail(name, "%s at %lu: error %d", disk->failed_by, disk->failed_at, -error);
}

void check_disks(void)
{
	struct disk disk = {
		.one = mem_alloc(PIECE_BYTES),
		.other = mem_alloc(PIECE_BYTES),
		.salt = align_down(random_u64(), PIECE_BYTES),
	};
	unsigned count = 0;

	for (disk.dev = block_next(NULL); disk.dev; disk.dev = block_next(disk.dev)) {
		if (disk.dev->partition)
			continue;
		count++;
		if (disk.one && disk.other)
			check_disk(&disk);
		else
			report_fail("disks", "no memory for %s", disk.dev->name);
	}
	if (!count)
		report_skip("disks", "there are none");
	mem_free(disk.one);
	mem_free(disk.other);
}
