/* SPDX-License-Identifier: BSD-3-Clause */
/* Changes to what is mapped: mprotect, madvise, mremap, brk. Checks come in Linux's order (its mm/mprotect.c and so on),
 * since programs see which error wins. */
#include "space_private.h"

#include <base/assert.h>
#include <base/errno.h>
#include <mm/alloc.h>

/* The range of a call: start aligned, length rounded up. False: it wraps. */
static bool page_range(uintptr_t start, size_t bytes, uintptr_t *end)
{
	*end = start + align_up(bytes, PAGE_SIZE);
	return *end >= start && align_up(bytes, PAGE_SIZE) >= bytes;
}

/* Changes prot and flags of the part of `area` within [start, end); `*out` becomes the area that part is in then. */
static int change_area(struct space *space, struct area **out, uintptr_t start, uintptr_t end,
		       const struct area *like)
{
	struct area *area = *out;
	uintptr_t from = max(area->start, start);
	int error;

	if (area->prot == like->prot && area->flags == like->flags)
		return 0;
	error = area_split(space, from);
	if (!error)
		error = area_split(space, end);
	if (error) {
		*out = area_join(space, area_find(space, from));
		return error;
	}
	area = area_find(space, from);
	area_account(space, area, -(int64_t)area_bytes(area));
	area->prot = like->prot;
	area->flags = like->flags;
	area_account(space, area, (int64_t)area_bytes(area));
	*out = area_join(space, area);
	return 0;
}

/* mprotect */

static int protect_area(struct space *space, struct area **area, uintptr_t start, uintptr_t end,
			unsigned prot)
{
	struct area like = **area;
	uintptr_t from = max(like.start, start), to = min(like.end, end);
	int error;

	if (like.flags & AREA_LOCKED_LAYOUT)
		return -EPERM;
	if (prot & ~like.max_prot)
		return -EACCES;
	like.prot = prot;
	if (!((*area)->prot & SPACE_WRITE) && !space_may_become(space, &like, to - from))
		return -ENOMEM;
	error = change_area(space, area, start, end, &like);
	if (error)
		return error;
	space_split_at(space, from);
	space_split_at(space, to);
	mmu_protect(&space->mmu, from, to, space_mmu_rights(prot));
	return 0;
}

static int protect_locked(struct space *space, uintptr_t start, uintptr_t end, unsigned prot)
{
	struct area *area;

	for (uintptr_t at = start; at < end; at = area->end) {
		int error;

		area = area_find(space, at);
		if (!area || area->start > at)
			return -ENOMEM;
		error = protect_area(space, &area, at, end, prot);
		if (error)
			return error;
	}
	return 0;
}

int space_protect(struct space *space, uintptr_t start, size_t bytes, unsigned prot)
{
	uintptr_t end;
	int error;

	if (!is_aligned(start, PAGE_SIZE))
		return -EINVAL;
	if (!bytes)
		return 0;
	if (!page_range(start, bytes, &end) || end == start)
		return -ENOMEM;
	mutex_lock(&space->lock);
	error = protect_locked(space, start, end, prot);
	mutex_unlock(&space->lock);
	return error;
}

/* madvise: the numbers of asm-generic/mman-common.h */

enum advice {
	ADVICE_NORMAL = 0,
	ADVICE_RANDOM = 1,
	ADVICE_SEQUENTIAL = 2,
	ADVICE_WILLNEED = 3,
	ADVICE_DONTNEED = 4,
	ADVICE_FREE = 8,
	ADVICE_DONTFORK = 10,
	ADVICE_DOFORK = 11,
	ADVICE_MERGEABLE = 12,
	ADVICE_UNMERGEABLE = 13,
	ADVICE_HUGEPAGE = 14,
	ADVICE_NOHUGEPAGE = 15,
	ADVICE_DONTDUMP = 16,
	ADVICE_DODUMP = 17,
	ADVICE_WIPEONFORK = 18,
	ADVICE_KEEPONFORK = 19,
	ADVICE_COLD = 20,
	ADVICE_PAGEOUT = 21,
	ADVICE_POPULATE_READ = 22,
	ADVICE_POPULATE_WRITE = 23,
	ADVICE_DONTNEED_LOCKED = 24,
};

static bool advice_known(int advice)
{
	uint32_t known = BIT(ADVICE_NORMAL) | BIT(ADVICE_RANDOM) | BIT(ADVICE_SEQUENTIAL) |
			 BIT(ADVICE_WILLNEED) | BIT(ADVICE_DONTNEED) | BIT(ADVICE_FREE);

	for (int a = ADVICE_DONTFORK; a <= ADVICE_DONTNEED_LOCKED; a++)
		known |= BIT(a);
	return advice >= 0 && advice < 32 && known & BIT(advice);
}

static int advise_flags(struct space *space, struct area **area, uintptr_t start, uintptr_t end,
			int advice)
{
	struct area like = **area;

	switch (advice) {
	case ADVICE_DONTFORK:
		like.flags |= AREA_DONT_FORK;
		break;
	case ADVICE_DOFORK:
		like.flags &= ~(unsigned)AREA_DONT_FORK;
		break;
	case ADVICE_HUGEPAGE:
		like.flags = (like.flags & ~(unsigned)AREA_SMALL) | AREA_LARGE;
		break;
	case ADVICE_NOHUGEPAGE:
		like.flags = (like.flags & ~(unsigned)AREA_LARGE) | AREA_SMALL;
		break;
	case ADVICE_WIPEONFORK:
		if (like.object)
			return -EINVAL;
		like.flags |= AREA_WIPE_ON_FORK;
		break;
	default:
		like.flags &= ~(unsigned)AREA_WIPE_ON_FORK;
		break;
	}
	return change_area(space, area, start, end, &like);
}

static int advise_area(struct space *space, struct area **area, uintptr_t start, uintptr_t end,
		       int advice)
{
	uintptr_t from = max((*area)->start, start), to = min((*area)->end, end);
	int error;

	switch (advice) {
	case ADVICE_FREE:
		if ((*area)->object)
			return -EINVAL;
		/* fall through */
	case ADVICE_DONTNEED:
	case ADVICE_DONTNEED_LOCKED:
		space_drop_pages(space, from, to);
		return 0;
	case ADVICE_DONTFORK:
	case ADVICE_DOFORK:
	case ADVICE_WIPEONFORK:
	case ADVICE_KEEPONFORK:
	case ADVICE_HUGEPAGE:
	case ADVICE_NOHUGEPAGE:
		return advise_flags(space, area, from, to, advice);
	case ADVICE_POPULATE_READ:
	case ADVICE_POPULATE_WRITE:
		error = space_populate(space, from, to,
				       advice == ADVICE_POPULATE_WRITE ? USER_ACCESS_WRITE
								       : USER_ACCESS_READ);
		return error == -EACCES                   ? -EINVAL
		       : error == -ENXIO || error == -EIO ? -EFAULT
							  : error;
	default:
		return 0;
	}
}

/* Holes are skipped, but told at the end. */
static int advise_locked(struct space *space, uintptr_t start, uintptr_t end, int advice)
{
	struct area *area = area_find(space, start);
	int holes = 0;

	for (uintptr_t at = start; at < end; area = area_find(space, at)) {
		int error;

		if (!area || area->start > at)
			holes = -ENOMEM;
		if (!area || area->start >= end)
			return -ENOMEM;
		error = advise_area(space, &area, max(at, area->start), end, advice);
		if (error)
			return error;
		at = area->end;
	}
	return holes;
}

int space_advise(struct space *space, uintptr_t start, size_t bytes, int advice)
{
	uintptr_t end;
	int error;

	if (!advice_known(advice) || !is_aligned(start, PAGE_SIZE) ||
	    !page_range(start, bytes, &end))
		return -EINVAL;
	if (end == start)
		return bytes ? -EINVAL : 0;
	mutex_lock(&space->lock);
	error = advise_locked(space, start, end, advice);
	mutex_unlock(&space->lock);
	return error;
}

/* brk */

static bool brk_move(struct space *space, uintptr_t end)
{
	uintptr_t old_top = align_up(space->brk_end, PAGE_SIZE);
	uintptr_t new_top = align_up(end, PAGE_SIZE);
	const struct area *next;
	struct area *heap;

	if (new_top == old_top)
		return true;
	if (new_top < old_top)
		return !space_unmap_range(space, new_top, old_top);
	next = area_find(space, old_top);
	/* As Linux, one page stays free above. */
	if (next && area_start_with_gap(next) < new_top + PAGE_SIZE)
		return false;
	if (space->area_count >= AREAS_MAX)
		return false;
	heap = mem_zalloc(sizeof(*heap));
	if (!heap)
		return false;
	*heap = (struct area){ .start = old_top,
			       .end = new_top,
			       .prot = SPACE_READ | SPACE_WRITE,
			       .max_prot = SPACE_READ | SPACE_WRITE | SPACE_EXEC,
			       .label = "[heap]" };
	if (!space_may_grow(space, heap, new_top - old_top)) {
		mem_free(heap);
		return false;
	}
	area_account(space, heap, (int64_t)area_bytes(heap));
	area_insert(space, heap);
	return true;
}

uintptr_t space_brk(struct space *space, uintptr_t end)
{
	uintptr_t now;

	mutex_lock(&space->lock);
	if (end >= space->brk_start && end <= USER_MAX - PAGE_SIZE &&
	    end - space->brk_start <= space->data_limit_bytes && brk_move(space, end))
		space->brk_end = end;
	now = space->brk_end;
	mutex_unlock(&space->lock);
	return now;
}
