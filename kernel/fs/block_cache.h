/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the block cache. */
#pragma once

#include <base/list.h>
#include <base/rbtree.h>
#include <core/lock.h>
#include <core/thread.h>
#include <fs/block_cache.h>

enum cached_flags {
	CACHED_READING = 1,    /* the device is asked for it: contents are not there */
	CACHED_BAD = 2,        /* it could not be read: goes with the next who looks */
	CACHED_DIRTY = 4,      /* on the list `dirty` */
	CACHED_REFERENCED = 8, /* since it was last thought of giving it back */
	CACHED_MAPPED = 16,    /* a shared area may write it */
};

/** A page of a cache. All of it is guarded by block_cache_lock, contents aside. */
struct cached {
	struct rb_node node;
	struct list_node lru;   /* of all caches; the oldest first */
	struct list_node dirty; /* of its cache, in the order of becoming so */
	struct block_cache *cache;
	struct page *page; /* one reference */
	uint64_t index;
	unsigned flags; /* enum cached_flags */
};

struct block_cache {
	struct list_node link; /* of all; never removed */
	struct block_dev *dev;
	struct vm_object object;
	struct waitq changed;    /* something was read or written */
	struct rb_tree pages;    /* [block_cache_lock] */
	struct list_node dirty;  /* [block_cache_lock] */
	size_t dirty_count;      /* [block_cache_lock] */
	struct mutex write_lock; /* one thread writes at a time */
	int write_error;         /* [block_cache_lock] told at the next sync */
	uint64_t next_index;     /* [block_cache_lock] behind what was asked for last */
	uint64_t ahead_end;      /* [block_cache_lock] behind what is read ahead */
	unsigned window;         /* [block_cache_lock] pages to read ahead; 0: not in order */
};

/** Guards all caches: held for a walk down a tree at most; nothing is allocated under it, since allocating may give pages back. */
extern struct spinlock block_cache_lock;

/** Pages that the device has. */
uint64_t block_cache_pages(const struct block_cache *cache);

/** Bytes of the device in page `index`; it has some. */
uint32_t block_cache_page_bytes(const struct block_cache *cache, uint64_t index);

struct cached *block_cache_find(struct block_cache *cache, uint64_t index)
	REQUIRES(block_cache_lock);

/** A page that is in no cache yet; its contents are undefined. NULL: no memory. */
struct cached *block_cache_new(struct block_cache *cache, uint64_t index);
void block_cache_free(struct cached *cached);

/** Puts it in; false: there is one already, and this one is still the caller's. */
bool block_cache_insert(struct cached *cached) REQUIRES(block_cache_lock);

/** Takes it out, clean or not; the caller frees it. */
void block_cache_remove(struct cached *cached) REQUIRES(block_cache_lock);

void block_cache_make_dirty(struct cached *cached) REQUIRES(block_cache_lock);

/** Writes what is dirty, without telling the device to keep it. Under write_lock. */
int must_check block_cache_write_dirty(struct block_cache *cache) REQUIRES(cache->write_lock);

struct block_cache *block_cache_next(struct block_cache *cache);
