/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page tables. The kernel's half of the address space holds four regions, each at a place of its
 * own: the image, the direct map (all RAM the kernel uses, and device registers, at direct_map_base
 * + physical address), the page array (mm/pages), and the kernel's mapped area (stacks with guard
 * pages). User halves are `struct mmu`. Nothing is ever mapped writable and executable by the
 * kernel for itself.
 *
 * Callers serialise changes to one tree (a space's lock; the page allocator's for the kernel's
 * half). Any context, but unmap callbacks run in the caller's. Source: Intel SDM vol. 3, chapter 4.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/types.h>

enum mmu_flags {
	MMU_READ = BIT(0),
	MMU_WRITE = BIT(1),
	MMU_EXEC = BIT(2),
	MMU_USER = BIT(3),
	MMU_UNCACHED = BIT(4),
	MMU_BORROWED = BIT(
		5), /* kept in the entry: the frame is not counted by mm/pages (image, initrd) */
	MMU_LARGE = BIT(6), /* told of a page that is part of a large one */
};

/** What a large page spans. */
#define MMU_LARGE_BYTES ((uintptr_t)2 << 20)

/** Bounds of the user half: [USER_MIN, USER_MAX). The last page stays free, so that no `syscall`
 * returns to a non-canonical address (Intel SDM vol. 2, SYSRET). */
#define USER_MIN ((uintptr_t)0x10000)
#define USER_MAX (((uintptr_t)1 << 47) - PAGE_SIZE)

extern uintptr_t direct_map_base;  /* virtual address of physical address 0 */
extern uintptr_t page_array_base;  /* room for one struct page per frame below 2^46 */
extern uintptr_t kernel_area_base; /* KERNEL_AREA_BYTES for mm's own mappings */
#define KERNEL_AREA_BYTES ((size_t)1 << 38)

/** Valid for physical memory that mmu_map_direct() has mapped. */
static inline void *phys_to_virt(phys_t p)
{
	return (void *)(direct_map_base + p.raw);
}

/** The inverse; `p` must point into the direct map (so not into the image, nor a kernel stack). */
static inline phys_t virt_to_phys(const void *p)
{
	return phys((uintptr_t)p - direct_map_base);
}

/** Physical address of something in the kernel's image (functions, static data). */
phys_t image_phys(const void *p);

/** Where page tables get their frames. `get` returns false when there is none left. */
struct mmu_frames {
	bool (*get)(phys_t *frame);
	void (*put)(phys_t frame);
};

/** From now on tables come from `frames` (which lives for ever); before, from a small early pool.
 */
void mmu_set_frames(const struct mmu_frames *frames);

/** Maps [start, start + bytes), page aligned, at its place in the direct map, with the largest
 * pages that fit. What is mapped already stays as it is. `flags` without MMU_USER. -ENOMEM;
 * -EINVAL: beyond what the CPU can address, or 2^46. */
int must_check mmu_map_direct(phys_t start, uint64_t bytes, unsigned flags);

/** Maps, page by page, into the kernel's half. -ENOMEM (then nothing of it is mapped). */
int must_check mmu_map_kernel(uintptr_t va, phys_t start, size_t bytes, unsigned flags);
void mmu_unmap_kernel(uintptr_t va, size_t bytes);

/** A user half. */
struct mmu {
	phys_t root;
	unsigned kernel_generation; /* the port's: which state of the kernel's half the root refers
				       to */
};

int must_check mmu_create(struct mmu *mmu);

/** Frees the tables. Every page must have been unmapped, and the tree must not be active. */
void mmu_destroy(struct mmu *mmu);

/** Makes a user half current on this CPU; NULL leaves none. */
void mmu_activate(struct mmu *mmu);

/** Maps one page, in place of what was there (whose frame the caller has taken care of). -ENOMEM.
 */
int must_check mmu_map(struct mmu *mmu, uintptr_t va, phys_t frame, unsigned flags);

/** Maps up to `count` pages from `va` on to frames that follow one another, where nothing is mapped
 * yet. Only under a table that is there, so at least up to the 2 MiB around a mapped page: never
 * wants memory. Returns how many it mapped. */
size_t mmu_map_run(struct mmu *mmu, uintptr_t va, phys_t frame, size_t count, unsigned flags);

/** Maps a large page, `va` and `frame` aligned to it. -EEXIST: something is mapped there, or a table is; -ENOMEM. */
int must_check mmu_map_large(struct mmu *mmu, uintptr_t va, phys_t frame, unsigned flags);

/** Makes the large page around `va` small ones, with the same frames and rights. `table` is a frame of the kind that
 * struct mmu_frames gives; it is taken over. The functions here that change a range want that none of its ends lies within a
 * large page; mmu_map() wants none at all. */
void mmu_split(struct mmu *mmu, uintptr_t va, phys_t table);

/** What is mapped at `va`: its flags and frame; 0 where nothing is. A page without any of READ,
 * WRITE and EXEC (mprotect with PROT_NONE) stays present for this call: it returns MMU_USER and
 * MMU_BORROWED as set. */
unsigned mmu_lookup(const struct mmu *mmu, uintptr_t va, phys_t *frame);

/** The first page in [va, end) that is mapped; `end`: there is none. What no table covers is passed over at once. */
uintptr_t mmu_next(const struct mmu *mmu, uintptr_t va, uintptr_t end);

/** Called for each page that was mapped, after the CPU can no longer reach it; once for a large one (MMU_LARGE). */
typedef void mmu_unmapped_fn(void *context, uintptr_t va, phys_t frame, unsigned flags);

/** Unmaps all of [start, end) and frees tables that hold nothing any more. `fn` may be NULL. */
void mmu_unmap(struct mmu *mmu, uintptr_t start, uintptr_t end, mmu_unmapped_fn *fn, void *context);

/** Changes the rights of the mapped pages in [start, end) to `flags` & (READ | WRITE | EXEC), but
 * never grants MMU_WRITE to a page that lacks it: the next write faults, and the space decides
 * (copy on write). */
void mmu_protect(struct mmu *mmu, uintptr_t start, uintptr_t end, unsigned flags);
