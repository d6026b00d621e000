/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is written to the block cache, and from there to the device: in the order in which pages became dirty, neighbours together,
 * when it is asked for or when there is much of it. A page is clean from the moment its write begins; what changes it after that
 * makes it dirty again.
 */
#include "block_cache.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>
#include <mm/pages.h>

enum { DIRTY_MAX = 256, RUN_MAX = 32, RUNS_MAX = 8 };

/* Dirty pages */

void block_cache_make_dirty(struct cached *cached)
{
	if (cached->flags & CACHED_DIRTY)
		return;
	cached->flags |= CACHED_DIRTY;
	list_insert_before(&cached->cache->dirty, &cached->dirty);
	cached->cache->dirty_count++;
}

static void make_clean(struct cached *cached) REQUIRES(block_cache_lock)
{
	cached->flags &= ~(unsigned)(CACHED_DIRTY | CACHED_MAPPED);
	list_remove(&cached->dirty);
	cached->cache->dirty_count--;
}

/* Writing to the device */

/** Pages that lie one behind the other, with a reference each, on their way to the device. */
struct run {
	struct block_request request;
	struct block_cache *cache;
	unsigned *pending; /* [block_cache_lock] runs under way */
	uint64_t first;
	unsigned count;
	bool mapped;
	struct page *pages[RUN_MAX];
	struct block_segment segments[RUN_MAX];
};

static void run_done(struct block_request *request, int status)
{
	struct run *run = container_of(request, struct run, request);
	struct block_cache *cache = run->cache;

	for (unsigned i = 0; i < run->count; i++)
		page_put(run->pages[i]);
	spin_lock(&block_cache_lock);
	if (status)
		cache->write_error = status;
	--*run->pending;
	/* Under the lock: `pending` goes with the thread that waits. */
	waitq_wake_all(&cache->changed);
	spin_unlock(&block_cache_lock);
	mem_free(run);
}

/** Takes the oldest dirty page, and those behind it that are dirty too. False: there is none. */
static bool take_run(struct block_cache *cache, struct run *run) REQUIRES(block_cache_lock)
{
	struct cached *cached;

	run->count = 0;
	run->mapped = false;
	if (list_empty(&cache->dirty))
		return false;
	cached = list_entry(cache->dirty.next, struct cached, dirty);
	run->first = cached->index;
	while (cached && (cached->flags & CACHED_DIRTY) && run->count < RUN_MAX) {
		run->mapped |= cached->flags & CACHED_MAPPED;
		make_clean(cached);
		page_get(cached->page);
		run->pages[run->count++] = cached->page;
		cached = block_cache_find(cache, run->first + run->count);
	}
	return true;
}

static void submit(struct run *run)
{
	struct block_cache *cache = run->cache;
	uint64_t bytes = 0;

	/* What is written to a mapping from here on faults first, and makes its page dirty. */
	if (run->mapped)
		vm_object_unmap(&cache->object, run->first, run->first + run->count,
				VM_UNMAP_SHARED);
	for (unsigned i = 0; i < run->count; i++) {
		run->segments[i] = (struct block_segment){
			page_virt(run->pages[i]), block_cache_page_bytes(cache, run->first + i)
		};
		bytes += run->segments[i].bytes;
	}
	run->request = (struct block_request){
		.op = BLOCK_WRITE,
		.offset = run->first << PAGE_SHIFT,
		.bytes = bytes,
		.segments = run->segments,
		.segment_count = run->count,
		.complete = run_done,
	};
	block_submit(cache->dev, &run->request);
}

/** Waits until fewer than `most` runs are under way. */
static void wait_for_runs(struct block_cache *cache, const unsigned *pending, unsigned most)
{
	spin_lock(&block_cache_lock);
	while (*pending >= most) {
		int ignored = waitq_wait(&cache->changed, &block_cache_lock, TIME_NEVER,
					 WAIT_UNINTERRUPTIBLE);

		(void)ignored;
	}
	spin_unlock(&block_cache_lock);
}

int block_cache_write_dirty(struct block_cache *cache)
{
	unsigned pending = 0;
	int error = 0;

	for (;;) {
		struct run *run = mem_alloc(sizeof(*run));
		bool any;

		if (!run) {
			error = -ENOMEM;
			break;
		}
		run->cache = cache;
		run->pending = &pending;
		spin_lock(&block_cache_lock);
		any = take_run(cache, run);
		pending += any;
		spin_unlock(&block_cache_lock);
		if (!any) {
			mem_free(run);
			break;
		}
		submit(run);
		wait_for_runs(cache, &pending, RUNS_MAX);
	}
	wait_for_runs(cache, &pending, 1);
	return error;
}

int block_cache_sync(struct block_cache *cache)
{
	int error, flush_error;

	mutex_lock(&cache->write_lock);
	error = block_cache_write_dirty(cache);
	flush_error = block_transfer(cache->dev, BLOCK_FLUSH, 0, NULL, 0);
	spin_lock(&block_cache_lock);
	error = error ? error : cache->write_error;
	cache->write_error = 0;
	spin_unlock(&block_cache_lock);
	mutex_unlock(&cache->write_lock);
	return error ? error : flush_error;
}

void block_cache_sync_all(void)
{
	for (struct block_cache *cache = block_cache_next(NULL); cache;
	     cache = block_cache_next(cache)) {
		int ignored = block_cache_sync(cache);

		(void)ignored; /* sync(2) has no errors */
	}
}

/* Writing to the cache */

/** Who gives the bytes. */
struct source {
	ssize_t (*fill)(void *context, void *to, size_t bytes);
	void *context;
};

/** Into a page that is there, or is read. */
static ssize_t write_part(struct block_cache *cache, uint64_t offset, size_t bytes,
			  const struct source *source)
{
	uint64_t index = offset >> PAGE_SHIFT;
	struct cached *cached;
	struct page *page;
	ssize_t count;
	int error = block_cache_get(cache, index, BLOCK_CACHE_DETECT, &page);

	if (error)
		return error;
	count = source->fill(source->context, (char *)page_virt(page) + offset % PAGE_SIZE, bytes);
	spin_lock(&block_cache_lock);
	cached = block_cache_find(cache, index);
	if (count > 0 && cached && cached->page == page)
		block_cache_make_dirty(cached);
	spin_unlock(&block_cache_lock);
	page_put(page);
	return count;
}

static ssize_t fill_from_page(void *context, void *to, size_t bytes)
{
	memcpy(to, page_virt(context), bytes);
	return (ssize_t)bytes;
}

/** A page that is overwritten as a whole need not be read. It is filled before anybody can see it. */
static ssize_t write_whole(struct block_cache *cache, uint64_t index, const struct source *source)
{
	struct cached *cached = block_cache_new(cache, index);
	struct source page;
	bool inserted = false;
	ssize_t count;

	if (!cached)
		return -ENOMEM;
	count = source->fill(source->context, page_virt(cached->page), PAGE_SIZE);
	if (count == (ssize_t)PAGE_SIZE) {
		spin_lock(&block_cache_lock);
		inserted = block_cache_insert(cached);
		if (inserted)
			block_cache_make_dirty(cached);
		spin_unlock(&block_cache_lock);
	}
	if (inserted)
		return count;
	/* Somebody else was first, or the program's memory ended within the page. */
	page = (struct source){ fill_from_page, cached->page };
	if (count > 0)
		count = write_part(cache, index << PAGE_SHIFT, (size_t)count, &page);
	block_cache_free(cached);
	return count;
}

static bool is_there(struct block_cache *cache, uint64_t index)
{
	bool there;

	spin_lock(&block_cache_lock);
	there = block_cache_find(cache, index);
	spin_unlock(&block_cache_lock);
	return there;
}

/** Who writes more than the device takes does its work. */
static int throttle(struct block_cache *cache)
{
	int error = 0;

	if (__atomic_load_n(&cache->dirty_count, __ATOMIC_RELAXED) < DIRTY_MAX)
		return 0;
	mutex_lock(&cache->write_lock);
	error = block_cache_write_dirty(cache);
	mutex_unlock(&cache->write_lock);
	return error;
}

ssize_t block_cache_write(struct block_cache *cache, uint64_t offset, size_t bytes,
			  ssize_t (*fill)(void *context, void *to, size_t bytes), void *context)
{
	const struct source source = { fill, context };
	size_t done = 0;
	ssize_t count = 0;

	while (done < bytes && count >= 0) {
		uint64_t at = offset + done;
		size_t step = min(bytes - done, PAGE_SIZE - at % PAGE_SIZE);

		count = throttle(cache);
		if (!count)
			count = step == PAGE_SIZE && !is_there(cache, at >> PAGE_SHIFT)
					? write_whole(cache, at >> PAGE_SHIFT, &source)
					: write_part(cache, at, step, &source);
		if (count > 0)
			done += (size_t)count;
		if (count < (ssize_t)step)
			break;
	}
	return done ? (ssize_t)done : count;
}

/* Forgetting */

/** The first page of the cache in [first, end) that can be taken out now. */
static struct cached *take_out(struct block_cache *cache, uint64_t first, uint64_t end)
	REQUIRES(block_cache_lock)
{
	for (struct rb_node *at = rb_first(&cache->pages); at; at = rb_next(at)) {
		struct cached *cached = container_of(at, struct cached, node);

		if (cached->index < first || cached->index >= end ||
		    (cached->flags & CACHED_READING))
			continue;
		block_cache_remove(cached);
		return cached;
	}
	return NULL;
}

static void forget(struct block_cache *cache, uint64_t first, uint64_t end)
{
	struct cached *cached;

	do {
		spin_lock(&block_cache_lock);
		cached = take_out(cache, first, end);
		spin_unlock(&block_cache_lock);
		if (cached)
			block_cache_free(cached);
	} while (cached);
}

int block_cache_drop(struct block_cache *cache, uint64_t first, uint64_t end)
{
	int error;

	mutex_lock(&cache->write_lock);
	error = block_cache_write_dirty(cache);
	if (!error)
		forget(cache, first, end);
	mutex_unlock(&cache->write_lock);
	if (!error)
		vm_object_unmap(&cache->object, first, end, VM_UNMAP_SHARED);
	return error;
}
