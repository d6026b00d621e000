/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The page allocator: a buddy system over all RAM that the boot gave. RAM is brought in piece by piece, only when what
 * there is has run out, so that start-up does not grow with the memory's size. A frame in use has a reference count (mappings, page
 * cache); a block of more than one frame is counted as a whole. Any context.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>
#include <hal/memory.h>

enum { PAGE_ORDER_MAX = 18 }; /* 1 GiB */

/** One per frame, at page_array_base. All zero bits mean nothing: it is not cleared before use. Only that of a
 * block's first frame means anything. */
struct page {
	union {
		uint32_t refs; /* atomic; of a block in use */
		struct {
			uint16_t next, previous;
		} free_high; /* bits 32-47 of `free` below */
	};
	uint8_t order;
	uint8_t state;  /* private to pages.c */
	uint16_t range; /* private to pages.c: the range of RAM it belongs to */
	union {
		struct {
			uint32_t next,
				previous; /* frame numbers, low bits; 0: none. Private to pages.c */
		} free;
		void *owner; /* whoever allocated it: mm/cache uses it */
	};
};
_Static_assert(sizeof(struct page) == 16, "16 bytes a frame: 0.4 % of RAM");

enum page_flags {
	PAGE_PLAIN = 0,
	PAGE_ZEROED = 1,
	PAGE_IF_FREE = 2, /* nobody is asked to give something back for it */
};

/** Hands usable RAM to the allocator, in any order; not touched before it is needed (but for what a table of very many
 * ranges takes). Start-up only. */
void pages_add(phys_t start, uint64_t bytes);

/** 2^order frames, physically contiguous and aligned to their size, with one reference; NULL: none left. Of memory once
 * brought in for smaller blocks, the largest that can be had again is 8 MiB. */
struct page *page_alloc(unsigned order, enum page_flags flags);

/** Takes, gives back a reference; the last one frees the whole block. */
void page_get(struct page *page);
void page_put(struct page *page);

/** Makes a block with one reference 2^order single frames, each with one. */
void page_split(struct page *block);

static inline phys_t page_phys(const struct page *page)
{
	return phys((uint64_t)(page - (const struct page *)page_array_base) << PAGE_SHIFT);
}

static inline struct page *page_of(phys_t frame)
{
	return (struct page *)page_array_base + (frame.raw >> PAGE_SHIFT);
}

static inline void *page_virt(const struct page *page)
{
	return phys_to_virt(page_phys(page));
}

struct pages_stats {
	uint64_t total_bytes, free_bytes; /* free includes what was not brought in yet */
	uint64_t reclaimable_bytes;       /* besides, what would be given back: caches */
};
struct pages_stats pages_stats(void);

/*
 * For a memory balloon, which shares the memory with the host.
 */

/** Reporting tells the host of free blocks whose content nobody needs. Blocks of at least `order` are reported, once each until something
 * next to them is freed. */
struct pages_report {
	unsigned order;
	/** There may be some again, after page_report_take() found none. Any context, with whatever locks that the freeing one
	 * holds. */
	void (*wanted)(const struct pages_report *report);
};

/** One at a time; NULL ends it. */
void pages_set_report(const struct pages_report *report);

/** A free block to report, the caller's until page_report_done(), or page_put() where it was not reported. NULL: none, or not enough
 * would be left meanwhile. */
struct page *page_report_take(void);
void page_report_done(struct page *page);

/** Somebody who can give memory back when there is none left. */
struct pages_reclaimer {
	struct list_node link;
	/** Whether it gave something back. Any context, with whatever locks that the allocating one holds. */
	bool (*reclaim)(struct pages_reclaimer *reclaimer);
	uint64_t bytes; /* atomic: what it might give back; pages_stats() counts it */
};

/** Thread context. */
void pages_add_reclaimer(struct pages_reclaimer *reclaimer);
void pages_remove_reclaimer(struct pages_reclaimer *reclaimer);

/** mmu_map_kernel() and mmu_unmap_kernel() under the lock that guards the kernel's half of the page tables. -ENOMEM. */
int must_check pages_map_kernel(uintptr_t va, phys_t start, size_t bytes, unsigned flags);
void pages_unmap_kernel(uintptr_t va, size_t bytes);
