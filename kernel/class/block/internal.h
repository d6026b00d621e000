/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the class of block devices. */
#pragma once

#include <class/block.h>

enum { BLOCK_PARTITIONS_MAX = 128 };

/** Reads `bytes` at `offset` of a disk; 0 or -errno. */
typedef int block_read_fn(void *context, uint64_t offset, void *out, size_t bytes);

struct partition {
	unsigned number;
	uint64_t start, bytes; /* within the disk, at least a block */
	char uuid[37];         /* "" where it has none */
};

/** Finds the partitions of a disk: GPT (UEFI 2.10, 5.3), else MBR with logical ones. `block_bytes` 512 to 4096. Calls found() for
 * each, in any order. 0, or what read() or found() said; a table that makes no sense has no partitions. */
int must_check partitions_find(const struct block_dev *disk, block_read_fn *read, void *context,
			       int (*found)(void *context, const struct partition *partition));

/** Makes devices of a disk's partitions, once. Thread context. */
void block_scan(struct block_dev *disk);

/** Adds a partition to the registry, behind its disk. */
void block_add_partition(struct block_dev *partition);

/** block_submit() of what is within limits. */
static inline bool block_is_failed(const struct block_dev *dev)
{
	return __atomic_load_n(&dev->failed, __ATOMIC_ACQUIRE);
}
