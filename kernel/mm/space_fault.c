/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Demand paging. What is mapped lies as a right in the page tables, so a fault is either the first touch of a page, or a write to
 * one that is mapped read-only: of a private area that is a page still shared (with its file, or with another space),
 * which is copied, or one that no longer is, which is simply made writable.
 */
#include "space_private.h"

#include <base/assert.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/pages.h>

enum { AROUND_PAGES = 32 };

unsigned space_mmu_rights(unsigned prot)
{
	unsigned rights = prot & (SPACE_READ | SPACE_WRITE | SPACE_EXEC) ? MMU_READ : 0;

	rights |= prot & SPACE_WRITE ? MMU_WRITE : 0;
	return rights | (prot & SPACE_EXEC ? MMU_EXEC : 0);
}

static unsigned flags_of(const struct area *area)
{
	return MMU_USER | space_mmu_rights(area->prot);
}

static int map_new(struct space *space, uintptr_t va, phys_t frame, unsigned flags)
{
	int error = mmu_map(&space->mmu, va, frame, flags);

	if (!error)
		space->resident_pages++;
	else if (!(flags & MMU_BORROWED))
		page_put(page_of(frame));
	return error;
}

/* First touch */

static int map_zeroes(struct space *space, const struct area *area, uintptr_t va)
{
	if (space_map_large(space, area, va))
		return 0;

	struct page *page = page_alloc(0, PAGE_ZEROED);
	if (!page)
		return -ENOMEM;
	return map_new(space, va, page_phys(page), flags_of(area));
}

/* A private copy of a frame; NULL: no memory. */
static struct page *copy_frame(phys_t frame)
{
	struct page *page = page_alloc(0, PAGE_PLAIN);

	if (page)
		memcpy(page_virt(page), phys_to_virt(frame), PAGE_SIZE);
	return page;
}

static int map_shared(struct space *space, const struct area *area, uintptr_t va)
{
	bool write = area->max_prot & SPACE_WRITE;
	struct vm_page got;
	int error = area->object->ops->page(area->object, area_page(area, va), write, &got);

	if (error)
		return error;
	assert(!write || !got.borrowed);
	return map_new(space, va, got.frame, flags_of(area) | (got.borrowed ? MMU_BORROWED : 0));
}

/* Whether nobody but the caller has a frame that an object gave. */
static bool sole_owner(const struct vm_page *got)
{
	return !got->borrowed && __atomic_load_n(&page_of(got->frame)->refs, __ATOMIC_ACQUIRE) == 1;
}

static int map_private_for_write(struct space *space, const struct area *area, uintptr_t va)
{
	struct vm_page got;
	struct page *copy;
	int error = area->object->ops->page(area->object, area_page(area, va), false, &got);

	if (error)
		return error;
	if (sole_owner(&got))
		return map_new(space, va, got.frame, flags_of(area));
	copy = copy_frame(got.frame);
	if (!got.borrowed)
		page_put(page_of(got.frame));
	if (!copy)
		return -ENOMEM;
	return map_new(space, va, page_phys(copy), flags_of(area));
}

/* Maps the pages around `va`, which is mapped, that lie in memory just as they do in the area. Saves a fault each. */
static void map_around(struct space *space, const struct area *area, uintptr_t va, unsigned flags)
{
	uintptr_t span = AROUND_PAGES * PAGE_SIZE;
	uintptr_t start = max(align_down(va, span), area->start);
	uintptr_t end = min(align_down(va, span) + span, area->end);
	phys_t first;
	size_t count;

	if (!area->object->ops->run)
		return;
	count = area->object->ops->run(area->object, area_page(area, start),
				       (end - start) >> PAGE_SHIFT, &first);
	if (count)
		space->resident_pages += mmu_map_run(&space->mmu, start, first, count, flags);
}

static int map_private_for_read(struct space *space, const struct area *area, uintptr_t va)
{
	unsigned flags = flags_of(area) & ~(unsigned)MMU_WRITE;
	struct vm_page got;
	int error = area->object->ops->page(area->object, area_page(area, va), false, &got);

	if (error)
		return error;
	if (got.borrowed)
		flags |= MMU_BORROWED;
	error = map_new(space, va, got.frame, flags);
	if (!error && got.borrowed)
		map_around(space, area, va, flags);
	return error;
}

static int first_touch(struct space *space, const struct area *area, uintptr_t va,
		       enum user_access access)
{
	if (!area->object)
		return map_zeroes(space, area, va);
	if (area->flags & AREA_SHARED)
		return map_shared(space, area, va);
	if (access == USER_ACCESS_WRITE)
		return map_private_for_write(space, area, va);
	return map_private_for_read(space, area, va);
}

/* A page is mapped, but not with the right that is wanted and that its area gives. */

static int copy_on_write(struct space *space, const struct area *area, uintptr_t va, phys_t frame,
			 unsigned mapped)
{
	struct page *copy;
	int error;

	if (!(mapped & MMU_BORROWED) && sole_owner(&(struct vm_page){ .frame = frame }))
		return mmu_map(&space->mmu, va, frame, flags_of(area));
	copy = copy_frame(frame);
	if (!copy)
		return -ENOMEM;
	error = mmu_map(&space->mmu, va, page_phys(copy), flags_of(area));
	if (error)
		page_put(copy);
	else if (!(mapped & MMU_BORROWED))
		page_put(page_of(frame));
	return error;
}

static int widen(struct space *space, const struct area *area, uintptr_t va, phys_t frame,
		 unsigned mapped)
{
	unsigned kept = mapped & MMU_BORROWED;

	if (area->flags & AREA_SHARED)
		return mmu_map(&space->mmu, va, frame, flags_of(area) | kept);
	/* Not writable yet, and not to be written now: the write decides. */
	return mmu_map(&space->mmu, va, frame,
		       (flags_of(area) & ~(unsigned)MMU_WRITE) | (mapped & MMU_WRITE) | kept);
}

/* Stacks */

/* Lets a stack reach down to `va` (mm/mmap.c, expand_downwards). */
static int grow(struct space *space, struct area *area, uintptr_t va)
{
	const struct area *below = area_prev(area);
	size_t bytes = area->start - va;

	if (!(area->flags & AREA_STACK) || va < USER_MIN)
		return -EFAULT;
	if (area->end - va > space->stack_limit_bytes)
		return -EFAULT;
	if (below && !(below->flags & AREA_STACK) && below->prot &&
	    va - below->end < (uintptr_t)STACK_GAP_PAGES << PAGE_SHIFT)
		return -EFAULT;
	/* The program's own limits: a signal that it can handle, unlike want of memory. */
	if (!space_may_grow(space, area, bytes))
		return -EFAULT;
	if (area->object && area->object_page < bytes >> PAGE_SHIFT)
		return -EFAULT;
	if (area->object)
		area->object_page -= bytes >> PAGE_SHIFT;
	area->start = va;
	area_account(space, area, (int64_t)bytes);
	return 0;
}

static bool allowed(const struct area *area, enum user_access access)
{
	switch (access) {
	case USER_ACCESS_WRITE:
		return area->prot & SPACE_WRITE;
	case USER_ACCESS_EXEC:
		return area->prot & SPACE_EXEC;
	case USER_ACCESS_READ:
		break;
	}
	return area->prot; /* the CPU reads what it may write or run */
}

int space_fault_locked(struct space *space, uintptr_t address, enum user_access access)
{
	uintptr_t va = align_down(address, PAGE_SIZE);
	struct area *area = area_find(space, va);
	unsigned mapped;
	phys_t frame;

	if (!area)
		return -EFAULT;
	if (area->start > va) {
		int error = grow(space, area, va);

		if (error)
			return error;
	}
	if (!allowed(area, access))
		return -EACCES;
	mapped = mmu_lookup(&space->mmu, va, &frame);
	if (!mapped)
		return first_touch(space, area, va, access);
	if (mapped & MMU_LARGE) {
		/* Its rights are others than the area's now: that is found out page by page. */
		space_split_range(space, va, va + PAGE_SIZE);
		mapped &= ~(unsigned)MMU_LARGE;
	}
	if (access == USER_ACCESS_WRITE && !(area->flags & AREA_SHARED) && !(mapped & MMU_WRITE))
		return copy_on_write(space, area, va, frame, mapped);
	return widen(space, area, va, frame, mapped);
}

int space_fault(struct space *space, uintptr_t address, enum user_access access)
{
	int error;

	mutex_lock(&space->lock);
	error = space_fault_locked(space, address, access);
	mutex_unlock(&space->lock);
	return error;
}

int space_populate(struct space *space, uintptr_t start, uintptr_t end, enum user_access access)
{
	int error = 0;

	for (uintptr_t va = start; va < end && !error; va += PAGE_SIZE) {
		phys_t frame;
		unsigned mapped = mmu_lookup(&space->mmu, va, &frame);

		if (!(mapped & (access == USER_ACCESS_WRITE ? MMU_WRITE : MMU_READ)))
			error = space_fault_locked(space, va, access);
	}
	return error;
}
