/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stand-ins for mm/pages.h, mm/alloc.h and mm/stack.h over malloc, for tests outside kernel/mm: each block is one of
 * malloc's, so ASan sees what goes past its end or is used after it is freed. A physical address is the
 * host's pointer (machine.c).
 */
#include "host.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <mm/alloc.h>
#include <mm/pages.h>
#include <mm/stack.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

static void *counted(void *p)
{
	if (p)
		host_allocation_made();
	return p;
}

/* Pages */

void pages_add(phys_t start, uint64_t bytes)
{
	(void)start;
	(void)bytes;
}

struct page *page_alloc(unsigned order, enum page_flags flags)
{
	size_t bytes = PAGE_SIZE << order;
	struct page *page;
	void *p;

	assert(order <= PAGE_ORDER_MAX);
	if (host_allocation_must_fail() || posix_memalign(&p, bytes, bytes))
		return NULL;
	counted(p);
	memset(p, flags & PAGE_ZEROED ? 0 : 0xa5, bytes);
	page = page_of(virt_to_phys(p));
	*page = (struct page){ .refs = 1, .order = (uint8_t)order };
	return page;
}

void page_get(struct page *page)
{
	assert(page->refs);
	page->refs++;
}

void page_put(struct page *page)
{
	assert(page->refs);
	if (--page->refs)
		return;
	host_allocation_freed();
	free(page_virt(page));
}

/* A block is one piece of the host's memory. Tests that split have the real allocator. */
void page_split(struct page *block)
{
	assert(!block->order);
}

static struct list_node reclaimers = { &reclaimers, &reclaimers };

__attribute__((weak)) void pages_add_reclaimer(struct pages_reclaimer *reclaimer)
{
	list_insert_before(&reclaimers, &reclaimer->link);
}

__attribute__((weak)) void pages_remove_reclaimer(struct pages_reclaimer *reclaimer)
{
	list_remove(&reclaimer->link);
}

bool host_reclaim(void)
{
	list_for_each(node, &reclaimers) {
		struct pages_reclaimer *reclaimer = list_entry(node, struct pages_reclaimer, link);

		if (reclaimer->reclaim(reclaimer))
			return true;
	}
	return false;
}

struct pages_stats pages_stats(void)
{
	return (struct pages_stats){ .total_bytes = 64 << 20, .free_bytes = 32 << 20 };
}

/* Objects */

void cache_init(struct cache *cache, const char *name, size_t object_bytes, size_t align)
{
	*cache = (struct cache){ .name = name,
				 .object_bytes = (uint32_t)object_bytes,
				 .align = (uint32_t)align };
	list_init(&cache->partial);
	assert(is_pow2(align) && align <= PAGE_SIZE && object_bytes && object_bytes <= 2048);
}

void *cache_alloc(struct cache *cache)
{
	size_t align = max((size_t)cache->align, sizeof(void *));
	void *p;

	if (host_allocation_must_fail() || posix_memalign(&p, align, cache->object_bytes))
		return NULL;
	memset(p, 0xa5, cache->object_bytes);
	cache->in_use++;
	return counted(p);
}

void cache_free(struct cache *cache, void *object)
{
	if (!object)
		return;
	assert(cache->in_use);
	cache->in_use--;
	host_allocation_freed();
	free(object);
}

void *mem_alloc(size_t bytes)
{
	void *p;

	if (host_allocation_must_fail())
		return NULL;
	if (bytes > SIZE_MAX / 2 ||
	    posix_memalign(&p, bytes < PAGE_SIZE ? 16 : PAGE_SIZE, bytes ? bytes : 1))
		return NULL;
	memset(p, 0xa5, bytes);
	return counted(p);
}

void *mem_zalloc(size_t bytes)
{
	void *p = mem_alloc(bytes);

	if (p)
		memset(p, 0, bytes);
	return p;
}

void *mem_resize(void *p, size_t bytes)
{
	void *q;

	if (!p)
		return mem_alloc(bytes);
	q = mem_alloc(bytes);
	if (!q)
		return NULL;
	memcpy(q, p, min(bytes, malloc_usable_size(p))); /* ASan's is the size asked for */
	mem_free(p);
	return q;
}

void mem_free(void *p)
{
	if (!p)
		return;
	host_allocation_freed();
	free(p);
}

char *mem_strdup(const char *s)
{
	size_t bytes = strlen(s) + 1;
	char *copy = mem_alloc(bytes);

	if (copy)
		memcpy(copy, s, bytes);
	return copy;
}

/* Stacks */

void *stack_create(void)
{
	return mem_alloc(STACK_BYTES);
}

void stack_destroy(void *base)
{
	mem_free(base);
}

int pages_map_kernel(uintptr_t va, phys_t start, size_t bytes, unsigned flags)
{
	return mmu_map_kernel(va, start, bytes, flags);
}

void pages_unmap_kernel(uintptr_t va, size_t bytes)
{
	mmu_unmap_kernel(va, bytes);
}
