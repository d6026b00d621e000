/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The block cache: its pages, reading them, giving them back. A page is put into the cache before the device is asked for it, so
 * that a second thread waits for the first one's read. Pages that are asked for in order are read ahead, by twice as many
 * each time; half-way through what was read ahead, the next is asked for.
 */
#include "block_cache.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>
#include <mm/pages.h>

enum { WINDOW_MIN = 4, WINDOW_MAX = 32, AROUND_PAGES = 16, TRIES = 4 };

struct spinlock block_cache_lock = SPINLOCK_INIT;

static bool reclaim(struct pages_reclaimer *reclaimer);

/* The machine's. */
static struct {
	struct list_node caches; /* only added to, by a thread at a time: make_lock */
	struct list_node lru;    /* [block_cache_lock] */
	struct mutex make_lock;
	struct cache objects; /* struct cached */
	struct pages_reclaimer reclaimer;
} all = {
	.caches = { &all.caches, &all.caches },
	.lru = { &all.lru, &all.lru },
	.make_lock = { .waiters = { &all.make_lock.waiters, &all.make_lock.waiters } },
	.reclaimer.reclaim = reclaim,
};

/* Pages */

uint64_t block_cache_pages(const struct block_cache *cache)
{
	uint64_t bytes = __atomic_load_n(&cache->dev->bytes, __ATOMIC_ACQUIRE);

	return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

uint32_t block_cache_page_bytes(const struct block_cache *cache, uint64_t index)
{
	uint64_t bytes = __atomic_load_n(&cache->dev->bytes, __ATOMIC_ACQUIRE);
	uint64_t start = index << PAGE_SHIFT;

	return start < bytes ? (uint32_t)min(bytes - start, (uint64_t)PAGE_SIZE) : 0;
}

struct cached *block_cache_find(struct block_cache *cache, uint64_t index)
{
	struct rb_node *at = cache->pages.root;

	while (at) {
		struct cached *cached = container_of(at, struct cached, node);

		if (cached->index == index)
			return cached;
		at = index < cached->index ? at->left : at->right;
	}
	return NULL;
}

static struct cached *with_page(struct block_cache *cache, uint64_t index, struct page *page)
{
	struct cached *cached = cache_alloc(&all.objects);

	if (!cached)
		return NULL;
	*cached = (struct cached){ .cache = cache, .page = page, .index = index };
	list_init(&cached->lru);
	list_init(&cached->dirty);
	return cached;
}

struct cached *block_cache_new(struct block_cache *cache, uint64_t index)
{
	struct page *page = page_alloc(0, PAGE_PLAIN);
	struct cached *cached = page ? with_page(cache, index, page) : NULL;

	if (page && !cached)
		page_put(page);
	return cached;
}

void block_cache_free(struct cached *cached)
{
	page_put(cached->page);
	cache_free(&all.objects, cached);
}

bool block_cache_insert(struct cached *cached)
{
	struct rb_tree *tree = &cached->cache->pages;
	struct rb_node **at = &tree->root, *parent = NULL;

	while (*at) {
		struct cached *other = container_of(*at, struct cached, node);

		if (other->index == cached->index)
			return false;
		parent = *at;
		at = cached->index < other->index ? &parent->left : &parent->right;
	}
	rb_insert(tree, &cached->node, parent, at);
	list_insert_before(&all.lru, &cached->lru);
	all.reclaimer.bytes += PAGE_SIZE;
	return true;
}

void block_cache_remove(struct cached *cached)
{
	rb_remove(&cached->cache->pages, &cached->node);
	list_remove(&cached->lru);
	if (cached->flags & CACHED_DIRTY) {
		list_remove(&cached->dirty);
		cached->cache->dirty_count--;
	}
	all.reclaimer.bytes -= PAGE_SIZE;
}

uint64_t block_cache_bytes(void)
{
	return __atomic_load_n(&all.reclaimer.bytes, __ATOMIC_RELAXED);
}

/* Giving back */

static bool can_go(const struct cached *cached)
{
	return !(cached->flags & (CACHED_READING | CACHED_DIRTY)) &&
	       __atomic_load_n(&cached->page->refs, __ATOMIC_ACQUIRE) == 1;
}

/** The page that was used longest ago, of those that can go: one that was used since it was last looked at gets another round. */
static struct cached *oldest(void) REQUIRES(block_cache_lock)
{
	uint64_t steps = 2 * (all.reclaimer.bytes >> PAGE_SHIFT);

	while (steps--) {
		struct cached *cached = list_entry(all.lru.next, struct cached, lru);
		bool referenced = cached->flags & CACHED_REFERENCED;

		if (!referenced && can_go(cached))
			return cached;
		cached->flags &= ~(unsigned)CACHED_REFERENCED;
		list_remove(&cached->lru);
		list_insert_before(&all.lru, &cached->lru);
	}
	return NULL;
}

/** Called where somebody allocates, whatever that one holds; not under our own lock, under which nobody allocates. */
static bool reclaim(struct pages_reclaimer *reclaimer)
{
	struct cached *cached;

	(void)reclaimer;
	spin_lock(&block_cache_lock);
	cached = oldest();
	if (cached)
		block_cache_remove(cached);
	spin_unlock(&block_cache_lock);
	if (cached)
		block_cache_free(cached);
	return cached;
}

/* Reading */

struct read {
	struct block_request request;
	struct block_cache *cache;
	unsigned count;
	struct cached **pages;
	struct block_segment segments[];
};

static void read_done(struct block_request *request, int status)
{
	struct read *read = container_of(request, struct read, request);
	struct block_cache *cache = read->cache;

	spin_lock(&block_cache_lock);
	for (unsigned i = 0; i < read->count; i++) {
		read->pages[i]->flags &= ~(unsigned)CACHED_READING;
		if (status)
			read->pages[i]->flags |= CACHED_BAD;
	}
	spin_unlock(&block_cache_lock);
	waitq_wake_all(&cache->changed);
	mem_free(read);
}

/** The end of the device's last page is not the device's. */
static void clear_behind_end(const struct read *read)
{
	const struct block_segment *last = &read->segments[read->count - 1];

	if (last->bytes < PAGE_SIZE)
		memset((char *)last->data + last->bytes, 0, PAGE_SIZE - last->bytes);
}

/** Asks for pages that are in the cache as being read. */
static void submit(struct read *read)
{
	struct block_cache *cache = read->cache;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < read->count; i++) {
		read->segments[i] = (struct block_segment){
			page_virt(read->pages[i]->page),
			block_cache_page_bytes(cache, read->pages[i]->index),
		};
		bytes += read->segments[i].bytes;
	}
	clear_behind_end(read);
	read->request = (struct block_request){
		.op = BLOCK_READ,
		.offset = read->pages[0]->index << PAGE_SHIFT,
		.bytes = bytes,
		.segments = read->segments,
		.segment_count = read->count,
		.complete = read_done,
	};
	block_submit(cache->dev, &read->request);
}

static struct read *new_read(struct block_cache *cache, unsigned most)
{
	struct read *read = mem_alloc(sizeof(*read) +
				      most * (sizeof(read->segments[0]) + sizeof(read->pages[0])));

	if (!read)
		return NULL;
	read->cache = cache;
	read->count = 0;
	read->pages = (struct cached **)(read->segments + most);
	return read;
}

static bool is_cached(struct block_cache *cache, uint64_t index)
{
	bool found;

	spin_lock(&block_cache_lock);
	found = block_cache_find(cache, index);
	spin_unlock(&block_cache_lock);
	return found;
}

/** Adds the page to a read: false where somebody has it already, or there is no memory. */
static bool read_page(struct read *read, uint64_t index)
{
	struct cached *cached;
	bool inserted;

	if (is_cached(read->cache, index))
		return false;
	cached = block_cache_new(read->cache, index);
	if (!cached)
		return false;
	cached->flags = CACHED_READING;
	spin_lock(&block_cache_lock);
	inserted = block_cache_insert(cached);
	spin_unlock(&block_cache_lock);
	if (inserted)
		read->pages[read->count++] = cached;
	else
		block_cache_free(cached);
	return inserted;
}

/** Reads pages [first, end) that are not there, in one request for each run of them. -ENOMEM: for none. */
static int read_pages(struct block_cache *cache, uint64_t first, uint64_t end)
{
	uint64_t index = first;

	while (index < end) {
		struct read *read = new_read(cache, (unsigned)(end - index));

		if (!read)
			return index == first ? -ENOMEM : 0;
		while (index < end && read_page(read, index))
			index++;
		index += index < end; /* somebody has this one, or there is no memory */
		if (read->count)
			submit(read);
		else
			mem_free(read);
	}
	return 0;
}

/* Reading ahead */

struct window {
	uint64_t first, end; /* to be read now; empty: nothing */
};

/** What to read at an access to `index`, of which is known whether it is `there`. */
static struct window detect(struct block_cache *cache, uint64_t index, bool there)
	REQUIRES(block_cache_lock)
{
	struct window window = { index, there ? index : index + 1 };
	bool in_order = index == cache->next_index || index + 1 == cache->next_index;

	cache->next_index = index + 1;
	if (!in_order) {
		cache->window = 0;
		cache->ahead_end = 0;
		return window;
	}
	if (!there) {
		cache->window = min(max(2 * cache->window, (unsigned)WINDOW_MIN),
				    (unsigned)WINDOW_MAX);
		window.end = cache->ahead_end = index + cache->window;
	} else if (cache->window && index + cache->window / 2 >= cache->ahead_end) {
		window.first = max(cache->ahead_end, index + 1);
		cache->window = min(2 * cache->window, (unsigned)WINDOW_MAX);
		window.end = cache->ahead_end = window.first + cache->window;
	}
	return window;
}

static struct window choose(struct block_cache *cache, uint64_t index, bool there,
			    enum block_cache_reading reading) REQUIRES(block_cache_lock)
{
	uint64_t first = align_down(index, AROUND_PAGES);

	if (reading == BLOCK_CACHE_DETECT)
		return detect(cache, index, there);
	return (struct window){ there ? index : first, there ? index : first + AROUND_PAGES };
}

/** Waits until the page is read. The lock is taken, and held again. */
static void wait_for(struct block_cache *cache) REQUIRES(block_cache_lock)
{
	int ignored = waitq_wait(&cache->changed, &block_cache_lock, TIME_NEVER,
				 WAIT_UNINTERRUPTIBLE);

	(void)ignored;
}

/** The page if it is there or is being read, after that. 0: *out is NULL where it is not there; -EIO. */
static int look(struct block_cache *cache, uint64_t index, struct page **out)
	REQUIRES(block_cache_lock)
{
	struct cached *cached;

	*out = NULL;
	while ((cached = block_cache_find(cache, index)) != NULL &&
	       (cached->flags & CACHED_READING))
		wait_for(cache);
	if (!cached)
		return 0;
	if (cached->flags & CACHED_BAD) {
		block_cache_remove(cached);
		spin_unlock(&block_cache_lock);
		block_cache_free(cached);
		spin_lock(&block_cache_lock);
		return -EIO;
	}
	cached->flags |= CACHED_REFERENCED;
	page_get(cached->page);
	*out = cached->page;
	return 0;
}

int block_cache_get(struct block_cache *cache, uint64_t index, enum block_cache_reading reading,
		    struct page **out)
{
	uint64_t pages = block_cache_pages(cache);
	struct window window;
	struct cached *cached;
	int error = 0;

	if (index >= pages)
		return -ENXIO;
	spin_lock(&block_cache_lock);
	cached = block_cache_find(cache, index);
	window = choose(cache, index, cached, reading);
	window.end = min(window.end, pages);
	for (unsigned i = 0; i < TRIES; i++) {
		if (window.first < window.end) {
			spin_unlock(&block_cache_lock);
			error = read_pages(cache, window.first, window.end);
			spin_lock(&block_cache_lock);
		}
		if (!error)
			error = look(cache, index, out);
		if (error || *out)
			break;
		/* It was given back meanwhile, or there was no memory for it. */
		window = (struct window){ index, index + 1 };
	}
	spin_unlock(&block_cache_lock);
	return error || *out ? error : -ENOMEM;
}

/* Mappings */

static struct block_cache *cache_of(struct vm_object *object)
{
	return container_of(object, struct block_cache, object);
}

static int object_page(struct vm_object *object, uint64_t index, bool write, struct vm_page *out)
{
	struct block_cache *cache = cache_of(object);
	struct cached *cached;
	struct page *page;
	int error = block_cache_get(cache, index, BLOCK_CACHE_AROUND, &page);

	if (error)
		return error;
	if (write) {
		spin_lock(&block_cache_lock);
		cached = block_cache_find(cache, index);
		if (cached && cached->page == page) {
			cached->flags |= CACHED_MAPPED;
			block_cache_make_dirty(cached);
		}
		spin_unlock(&block_cache_lock);
	}
	*out = (struct vm_page){ .frame = page_phys(page) };
	return 0;
}

/** Caches stay for ever. */
static void object_keep(struct vm_object *object)
{
	(void)object;
}

static const struct vm_object_ops object_ops = {
	.page = object_page,
	.get = object_keep,
	.put = object_keep,
};

struct vm_object *block_cache_object(struct block_cache *cache)
{
	return &cache->object;
}

/* Caches */

static struct block_cache *create(struct block_dev *dev)
{
	struct block_cache *cache = mem_zalloc(sizeof(*cache));

	if (!cache)
		return NULL;
	cache->dev = dev;
	vm_object_init(&cache->object, &object_ops);
	waitq_init(&cache->changed);
	list_init(&cache->dirty);
	mutex_init(&cache->write_lock);
	cache->next_index = UINT64_MAX;
	if (list_empty(&all.caches)) {
		cache_init(&all.objects, "cached", sizeof(struct cached), sizeof(void *));
		pages_add_reclaimer(&all.reclaimer);
	}
	list_insert_before(&all.caches, &cache->link);
	return cache;
}

int block_cache_of(struct block_dev *dev, struct block_cache **out)
{
	mutex_lock(&all.make_lock);
	if (!dev->cache)
		dev->cache = create(dev);
	*out = dev->cache;
	mutex_unlock(&all.make_lock);
	return *out ? 0 : -ENOMEM;
}

struct block_dev *block_cache_device(const struct block_cache *cache)
{
	return cache->dev;
}

struct block_cache *block_cache_next(struct block_cache *cache)
{
	struct list_node *next = cache ? cache->link.next : all.caches.next;

	return next == &all.caches ? NULL : list_entry(next, struct block_cache, link);
}
