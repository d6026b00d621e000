/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pages of a block device in memory: one cache for each device (a partition has its own), from which files on /dev, mappings of
 * them, and file systems on the device read. Page `index` is what lies at index * 4096 of the device; behind its end there are zeros.
 * Clean pages that nobody holds are given back when memory runs out.
 *
 * Thread context, may sleep; callers hold no spinlock.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <class/block.h>
#include <mm/vm_object.h>

struct block_cache;
struct page;

/** The cache of a device, made at its first use, and kept. -ENOMEM. */
int must_check block_cache_of(struct block_dev *dev, struct block_cache **out);
struct block_dev *block_cache_device(const struct block_cache *cache);

enum block_cache_reading {
	BLOCK_CACHE_DETECT, /* more than the page only where pages are read in order */
	BLOCK_CACHE_AROUND, /* the pages around it as well, where it is not there: what lies together is wanted together */
};

/** A page, read where it is not there, with a reference. -EIO; -ENXIO: behind the end; -ENOMEM. */
int must_check block_cache_get(struct block_cache *cache, uint64_t index,
			       enum block_cache_reading reading, struct page **out);

/** What is to be mapped: shared areas that may be written make pages dirty for good, until the next sync. */
struct vm_object *block_cache_object(struct block_cache *cache);

/** Copies into the cache; the device gets it by block_cache_sync(), or when there is much of it. `fill` copies the bytes,
 * perhaps fewer, or returns -errno. A count, or -errno. */
ssize_t must_check block_cache_write(struct block_cache *cache, uint64_t offset, size_t bytes,
				     ssize_t (*fill)(void *context, void *to, size_t bytes),
				     void *context);

/** Writes all that is dirty, and has the device keep it. -EIO: something since the last call could not be written. */
int must_check block_cache_sync(struct block_cache *cache);
void block_cache_sync_all(void);

/** Writes what is dirty, and forgets pages [first, end), mapped ones too: what the device has there changes. */
int must_check block_cache_drop(struct block_cache *cache, uint64_t first, uint64_t end);

/** Bytes in all caches. */
uint64_t block_cache_bytes(void);
