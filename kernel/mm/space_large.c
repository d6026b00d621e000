/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Large pages (2 MiB) in anonymous private areas. One is a block of the page allocator with one reference. Whatever wants to treat a
 * part of it in another way makes it small pages first, which never fails: the frame for the table that takes is laid by when the
 * large page is made, as the block's owner. All under the space's lock.
 */
#include "space_private.h"

#include <base/assert.h>
#include <mm/pages.h>

enum { LARGE_ORDER = 9 };
#define LARGE_PAGES (MMU_LARGE_BYTES >> PAGE_SHIFT)
#define BIG_AREA (4 * MMU_LARGE_BYTES)

/* Whether memory is plentiful enough to give the program more than it has touched. Unasked, only where most of it is free. */
static bool is_plentiful(const struct area *area)
{
	struct pages_stats memory = pages_stats();
	uint64_t kept = area->flags & AREA_LARGE ? memory.total_bytes / 4
						 : memory.total_bytes / 8 * 5;

	return memory.free_bytes > kept + BIG_AREA;
}

/* Unasked, only where the program is filling an area from its start on: what it will not touch should not be zeroed. */
static bool is_worth_while(const struct space *space, const struct area *area, uintptr_t base)
{
	phys_t frame;

	if (area->flags & (AREA_SMALL | AREA_STACK | AREA_SHARED) || area->start > base ||
	    area->end - base < MMU_LARGE_BYTES || area->end < base)
		return false;
	if (!(area->flags & AREA_LARGE) && (area_bytes(area) < BIG_AREA || base == area->start ||
					    !mmu_lookup(&space->mmu, base - PAGE_SIZE, &frame)))
		return false;
	return is_plentiful(area);
}

bool space_map_large(struct space *space, const struct area *area, uintptr_t va)
{
	uintptr_t base = align_down(va, MMU_LARGE_BYTES);
	struct page *block, *table;

	if (!is_worth_while(space, area, base) ||
	    mmu_next(&space->mmu, base, base + MMU_LARGE_BYTES) < base + MMU_LARGE_BYTES)
		return false;
	block = page_alloc(LARGE_ORDER, PAGE_ZEROED | PAGE_IF_FREE);
	table = page_alloc(0, PAGE_PLAIN | PAGE_IF_FREE);
	if (!block || !table ||
	    mmu_map_large(&space->mmu, base, page_phys(block),
			  MMU_USER | space_mmu_rights(area->prot)))
		goto err_put;
	block->owner = table;
	space->resident_pages += LARGE_PAGES;
	return true;

err_put:
	if (block)
		page_put(block);
	if (table)
		page_put(table);
	return false;
}

void space_put_large(struct space *space, phys_t frame)
{
	struct page *block = page_of(frame);

	space->resident_pages -= LARGE_PAGES;
	page_put(block->owner);
	page_put(block);
}

static void split(struct space *space, uintptr_t va, phys_t frame)
{
	struct page *block = page_of(phys(align_down(frame.raw, MMU_LARGE_BYTES)));
	struct page *table = block->owner;

	page_split(block);
	mmu_split(&space->mmu, va, page_phys(table));
}

void space_split_at(struct space *space, uintptr_t va)
{
	phys_t frame;

	if (va % MMU_LARGE_BYTES && mmu_lookup(&space->mmu, va, &frame) & MMU_LARGE)
		split(space, va, frame);
}

void space_split_range(struct space *space, uintptr_t start, uintptr_t end)
{
	for (uintptr_t va = mmu_next(&space->mmu, start, end); va < end;
	     va = mmu_next(&space->mmu, align_down(va, MMU_LARGE_BYTES) + MMU_LARGE_BYTES, end)) {
		phys_t frame;

		if (mmu_lookup(&space->mmu, va, &frame) & MMU_LARGE)
			split(space, va, frame);
	}
}
