/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stand-ins for mm/pages.h, mm/alloc.h and mm/stack.h over malloc, for tests outside kernel/mm: each block is one of
 * malloc's, so ASan sees what goes past its end or is used after it is freed. A physical address is the
 * host's pointer: the direct map starts at 0, and the page array is a sparse mapping.
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
#include <sys/mman.h>

uintptr_t direct_map_base;
uintptr_t page_array_base;
uintptr_t kernel_area_base;

static size_t blocks;

size_t host_allocations(void)
{
	return blocks;
}

static void *counted(void *p)
{
	if (p)
		blocks++;
	return p;
}

/* Pages */

/* One struct page for each 4 KiB of the host's user half, untouched until used. */
__attribute__((constructor)) static void map_page_array(void)
{
	size_t bytes = ((size_t)1 << (47 - PAGE_SHIFT)) * sizeof(struct page);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(p != MAP_FAILED);
	page_array_base = (uintptr_t)p;
}

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
	blocks--;
	free(page_virt(page));
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
	blocks--;
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
	assert(blocks);
	blocks--;
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

/* Page tables: the kernel's half maps everything already; a user half has tables of its own. */

int host_table_get(phys_t *frame)
{
	void *p = mem_alloc(PAGE_SIZE);

	if (!p)
		return -ENOMEM;
	*frame = virt_to_phys(p);
	return 0;
}

void host_table_put(phys_t frame)
{
	mem_free(phys_to_virt(frame));
}

void mmu_set_frames(const struct mmu_frames *frames)
{
	(void)frames;
}

int mmu_map_direct(phys_t start, uint64_t bytes, unsigned flags)
{
	(void)start;
	(void)bytes;
	(void)flags;
	return host_allocation_must_fail() ? -ENOMEM : 0;
}

int mmu_map_kernel(uintptr_t va, phys_t start, size_t bytes, unsigned flags)
{
	(void)va;
	(void)start;
	(void)bytes;
	(void)flags;
	return host_allocation_must_fail() ? -ENOMEM : 0;
}

void mmu_unmap_kernel(uintptr_t va, size_t bytes)
{
	(void)va;
	(void)bytes;
}
