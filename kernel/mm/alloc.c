/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Slabs of one page (Bonwick 1994): a header, then objects of one size. A free object holds the offset of the next free
 * one, and a mark by which a second free of it is noticed. Objects never used yet are not on that list, so that
 * a new slab costs nothing for them. No object of a slab is page aligned, by which mem_free() tells
 * it from whole pages.
 */
#include "pages_private.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/string.h>
#include <mm/alloc.h>
#include <mm/pages.h>

struct slab {
	struct list_node link; /* on cache->partial while an object is free */
	struct cache *cache;
	uint16_t free;  /* offset of the first freed object; 0: none */
	uint16_t fresh; /* offset of the first object never used */
	uint16_t used;
};

struct free_object {
	uint64_t next;
	uint64_t mark;
};

/* Sizes that divide what a header leaves of a page with little waste. */
static const uint16_t class_bytes[] = { 16,  32,  48,  64,  96,   128,  192, 256,
					336, 496, 576, 800, 1008, 1344, 2032 };
/* The class for each multiple of 16 bytes. */
static const uint8_t class_of[] = {
	[0 ... 1] = 0,    [2] = 1,          [3] = 2,          [4] = 3,          [5 ... 6] = 4,
	[7 ... 8] = 5,    [9 ... 12] = 6,   [13 ... 16] = 7,  [17 ... 21] = 8,  [22 ... 31] = 9,
	[32 ... 36] = 10, [37 ... 50] = 11, [51 ... 63] = 12, [64 ... 84] = 13, [85 ... 127] = 14,
};
static struct cache classes[countof(class_bytes)]; /* each initialised when first used */
static struct spinlock classes_lock;

static uint64_t mark_of(const struct free_object *object)
{
	return ~(uint64_t)(uintptr_t)object * 0x9e3779b97f4a7c15;
}

void cache_init(struct cache *cache, const char *name, size_t object_bytes, size_t align)
{
	size_t step = max(align, (size_t)8);

	assert(is_pow2(align) && align <= PAGE_SIZE && object_bytes && object_bytes <= 2048);
	*cache = (struct cache){ .name = name, .align = (uint32_t)align };
	spin_init(&cache->lock);
	list_init(&cache->partial);
	cache->stride_bytes = (uint32_t)align_up(max(object_bytes, sizeof(struct free_object)),
						 step);
	cache->first = (uint32_t)align_up(sizeof(struct slab), step);
	if (cache->first + cache->stride_bytes > PAGE_SIZE)
		cache->stride_bytes = cache->first = 0;
	/* Last: what says that it is initialised. */
	__atomic_store_n(&cache->object_bytes, (uint32_t)object_bytes, __ATOMIC_RELEASE);
}

static struct slab *slab_of(void *object)
{
	return (struct slab *)align_down((uintptr_t)object, PAGE_SIZE);
}

static void slab_create(struct cache *cache, struct page *page)
{
	struct slab *slab = page_virt(page);

	*slab = (struct slab){ .cache = cache, .fresh = (uint16_t)cache->first };
	list_insert_after(&cache->partial, &slab->link);
}

static void *slab_take(struct slab *slab)
{
	struct cache *cache = slab->cache;
	struct free_object *object;

	slab->used++;
	if (slab->free) {
		object = (void *)((char *)slab + slab->free);
		slab->free = (uint16_t)object->next;
		object->mark = 0;
	} else {
		object = (void *)((char *)slab + slab->fresh);
		slab->fresh = (uint16_t)(slab->fresh + cache->stride_bytes);
		object->mark = 0;
	}
	if (!slab->free && slab->fresh + cache->stride_bytes > PAGE_SIZE)
		list_remove(&slab->link);
	return object;
}

static void *page_object_alloc(struct cache *cache)
{
	struct page *page = page_alloc(0, PAGE_PLAIN);

	if (!page)
		return NULL;
	page->owner = cache;
	spin_lock(&cache->lock);
	cache->in_use++;
	spin_unlock(&cache->lock);
	return page_virt(page);
}

void *cache_alloc(struct cache *cache)
{
	void *object;

	if (unlikely(!cache->stride_bytes))
		return page_object_alloc(cache);
	spin_lock(&cache->lock);
	while (list_empty(&cache->partial)) {
		/* Without the lock: when memory is short, others free objects, perhaps of this cache. */
		spin_unlock(&cache->lock);
		struct page *page = page_alloc(0, PAGE_PLAIN);

		if (!page)
			return NULL;
		spin_lock(&cache->lock);
		slab_create(cache, page);
	}
	object = slab_take(list_entry(cache->partial.next, struct slab, link));
	cache->in_use++;
	spin_unlock(&cache->lock);
	return object;
}

/* Whether a slab without objects in use is one too many. The last one with room stays, lest its page
 * goes back and forth. */
static bool spare(const struct cache *cache, const struct slab *slab)
{
	return cache->partial.next != &slab->link || slab->link.next != &cache->partial;
}

static void slab_give(struct slab *slab, struct free_object *object)
{
	struct cache *cache = slab->cache;

	assert(slab->used && object->mark != mark_of(object)); /* not freed twice */
	object->mark = mark_of(object);
	object->next = slab->free;
	slab->free = (uint16_t)((char *)object - (char *)slab);
	slab->used--;
	cache->in_use--;
	if (!list_linked(&slab->link))
		list_insert_after(&cache->partial, &slab->link);
	if (!slab->used && spare(cache, slab)) {
		list_remove(&slab->link);
		slab->cache = NULL;
		page_put(page_of(virt_to_phys(slab)));
	}
}

void cache_free(struct cache *cache, void *object)
{
	if (!object)
		return;
	if (unlikely(!cache->stride_bytes)) {
		struct page *page = page_of(virt_to_phys(object));

		assert(page->owner == cache && cache->in_use);
		spin_lock(&cache->lock);
		cache->in_use--;
		spin_unlock(&cache->lock);
		page_put(page);
		return;
	}
	assert(slab_of(object)->cache == cache);
	spin_lock(&cache->lock);
	slab_give(slab_of(object), object);
	spin_unlock(&cache->lock);
}

/* Sizes known at run time */

static struct cache *class_for(size_t bytes)
{
	unsigned i = class_of[(bytes + 15) / 16];

	if (likely(__atomic_load_n(&classes[i].object_bytes, __ATOMIC_ACQUIRE)))
		return &classes[i];
	spin_lock(&classes_lock);
	if (!classes[i].object_bytes)
		cache_init(&classes[i], "mem", class_bytes[i], 16);
	spin_unlock(&classes_lock);
	return &classes[i];
}

static void *whole_pages(size_t bytes)
{
	unsigned order = bytes > PAGE_SIZE ? ilog2((bytes - 1) >> PAGE_SHIFT) + 1 : 0;
	struct page *page = order <= PAGE_ORDER_MAX ? page_alloc(order, PAGE_PLAIN) : NULL;

	return page ? page_virt(page) : NULL;
}

void *mem_alloc(size_t bytes)
{
	if (bytes > class_bytes[countof(class_bytes) - 1])
		return whole_pages(bytes);
	return cache_alloc(class_for(bytes));
}

void *mem_zalloc(size_t bytes)
{
	void *p = mem_alloc(bytes);

	if (p)
		memset(p, 0, bytes);
	return p;
}

static bool is_whole_pages(const void *p)
{
	return is_aligned((uintptr_t)p, PAGE_SIZE);
}

static size_t room_of(void *p)
{
	if (is_whole_pages(p))
		return PAGE_SIZE << page_of(virt_to_phys(p))->order;
	return slab_of(p)->cache->object_bytes;
}

void *mem_resize(void *p, size_t bytes)
{
	size_t room;
	void *q;

	if (!p)
		return mem_alloc(bytes);
	room = room_of(p);
	if (bytes <= room && bytes > room / 4)
		return p;
	q = mem_alloc(bytes);
	if (!q)
		return bytes <= room ? p : NULL;
	memcpy(q, p, min(bytes, room));
	mem_free(p);
	return q;
}

void mem_free(void *p)
{
	if (!p)
		return;
	if (is_whole_pages(p))
		page_put(page_of(virt_to_phys(p)));
	else
		cache_free(slab_of(p)->cache, p);
}

char *mem_strdup(const char *s)
{
	size_t bytes = strlen(s) + 1;
	char *copy = mem_alloc(bytes);

	if (copy)
		memcpy(copy, s, bytes);
	return copy;
}

void mem_forget(void)
{
	memset(classes, 0, sizeof(classes));
}
