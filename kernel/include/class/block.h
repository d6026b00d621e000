/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Block devices: what drivers implement, their registry, partitions. Offsets and lengths are in bytes and multiples of block_bytes,
 * those of each segment too. Partitions (MBR, GPT) are looked for when somebody first asks for one, so that a disk costs nothing at
 * start.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>

struct block_dev;
struct block_request;
struct device;

enum block_op { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };

/** Memory in the direct map. */
struct block_segment {
	void *data;
	uint32_t bytes;
};

struct block_request {
	enum block_op op;
	uint64_t offset,
		bytes; /* bytes: sum of the segments; of DISCARD and WRITE_ZEROES: the range */
	const struct block_segment *segments;
	unsigned segment_count;
	/** status 0 or -errno (-EIO, -EROFS, -EOPNOTSUPP). Any context, also before submit returns. */
	void (*complete)(struct block_request *request, int status);
	void *owner;           /* the submitter's */
	struct list_node link; /* whoever holds the request */
	uint64_t
		device_offset; /* the class's: where on the whole disk. This is what a driver goes by */
	uint64_t driver[4]; /* the driver's */
};

struct block_ops {
	/** Starts a request that keeps the device's limits; it completes exactly once. Any context. */
	void (*submit)(struct block_dev *dev, struct block_request *request);
};

enum block_flags {
	BLOCK_READ_ONLY = BIT(0),
	BLOCK_CAN_FLUSH = BIT(1),
	BLOCK_CAN_DISCARD = BIT(2),
	BLOCK_CAN_ZERO = BIT(3)
};

struct block_dev {
	/* Set by the driver before block_register(). */
	const struct block_ops *ops;
	void *driver_data;
	struct device *device;
	const char *prefix; /* "vd": named vda, vdb, ... */
	uint64_t bytes;
	uint32_t block_bytes;                     /* logical: 512, 4096 */
	uint32_t segments_max, segment_bytes_max; /* of one request */
	uint64_t request_bytes_max;
	uint64_t discard_bytes_max; /* of one request; also of WRITE_ZEROES */
	unsigned flags;             /* enum block_flags */

	/* The class's. */
	char name[24];
	struct list_node link;
	struct block_dev *whole; /* of a partition: its disk, and where it starts */
	uint64_t start;
	unsigned partition; /* its number, from 1; 0: the whole disk */
	unsigned disk;      /* which one, from 0, of all */
	char uuid[37];      /* of a partition: as PARTUUID= has it */
	bool scanned;       /* for partitions */
	void *cache;        /* of the layer above */
	bool failed;        /* atomic */
};

/** Names it, and registers it for ever. -EINVAL: its limits make no sense. Thread context. */
int must_check block_register(struct block_dev *dev);

/** The size has changed, or the device has gone (failed): further requests end with -EIO. */
void block_resized(struct block_dev *dev, uint64_t bytes);
void block_failed(struct block_dev *dev);

/** Starts a request of any size and number of segments: splits it to what the device can do. Any context; `complete` any. */
void block_submit(struct block_dev *dev, struct block_request *request);

/** Does it and waits: 0 or -errno. `data` in the direct map. Thread context. */
int must_check block_transfer(struct block_dev *dev, enum block_op op, uint64_t offset, void *data,
			      uint64_t bytes);

/** "vda", "vda1", and what root= may say: "/dev/vda1", "PARTUUID=..."; NULL: none. Thread context: may read the disk. */
struct block_dev *block_find(const char *name);

/** All of them, partitions after their disk: NULL first, NULL last. block_scan_all() finds partitions before. */
struct block_dev *block_next(struct block_dev *dev);
void block_scan_all(void);

/** Its name, size and state in a few words, as for the tree of devices. */
enum { BLOCK_TEXT_BYTES = 64 };
void block_text(const struct block_dev *dev, char text[BLOCK_TEXT_BYTES]);
