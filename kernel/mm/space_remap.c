/* SPDX-License-Identifier: BSD-3-Clause */
/* mremap. Checks come in the order of Linux's mm/mremap.c. */
#include "space_private.h"

#include <base/assert.h>
#include <base/errno.h>
#include <mm/alloc.h>

/* A call's arguments, rounded to pages. */
struct remap {
	uintptr_t old, new_hint;
	size_t old_bytes, new_bytes;
	unsigned flags;
};

static int check_arguments(const struct remap *r)
{
	unsigned known = SPACE_REMAP_MAYMOVE | SPACE_REMAP_FIXED | SPACE_REMAP_DONTUNMAP;

	if (r->flags & ~known)
		return -EINVAL;
	if (r->flags & (SPACE_REMAP_FIXED | SPACE_REMAP_DONTUNMAP) &&
	    !(r->flags & SPACE_REMAP_MAYMOVE))
		return -EINVAL;
	if (r->flags & SPACE_REMAP_DONTUNMAP && r->old_bytes != r->new_bytes)
		return -EINVAL;
	if (!is_aligned(r->old, PAGE_SIZE) || !r->new_bytes)
		return -EINVAL;
	if (r->old_bytes > r->new_bytes && !range_fits(r->old, r->old_bytes, USER_MAX))
		return -EINVAL;
	return 0;
}

/* Whether `area` may be moved or grown as asked. */
static int check_area(const struct space *space, const struct area *area, const struct remap *r)
{
	size_t more = r->new_bytes > r->old_bytes ? r->new_bytes - r->old_bytes : 0;
	uint64_t last;

	if (!r->old_bytes && !(area->flags & AREA_SHARED))
		return -EINVAL;
	if (r->old_bytes > area->end - r->old)
		return -EFAULT;
	if (area->object &&
	    add_overflows(area_page(area, r->old), r->new_bytes >> PAGE_SHIFT, &last))
		return -EINVAL;
	if (area->flags & AREA_LOCKED_LAYOUT && more)
		return -EFAULT;
	return space_may_grow(space, area, more) ? 0 : -ENOMEM;
}

/* Copies the mappings of [r->old, + bytes) to `to`. -ENOMEM: undone. Until the old ones go, frames are mapped twice
 * on one reference. */
static int copy_mappings(struct space *space, const struct remap *r, uintptr_t to, size_t bytes)
{
	uintptr_t end = r->old + bytes;

	for (uintptr_t va = mmu_next(&space->mmu, r->old, end); va < end;
	     va = mmu_next(&space->mmu, va + PAGE_SIZE, end)) {
		phys_t frame;
		unsigned flags = mmu_lookup(&space->mmu, va, &frame);
		int error = mmu_map(&space->mmu, to + (va - r->old), frame, flags);

		if (error) {
			mmu_unmap(&space->mmu, to, to + (va - r->old), NULL, NULL);
			return error;
		}
	}
	return 0;
}

/* Moves the pages of `area` to `copy`, which takes its place in the space. */
static int move(struct space *space, const struct remap *r, const struct area *area, uintptr_t to)
{
	struct area *copy = area_copy(area);
	int error;

	if (!copy)
		return -ENOMEM;
	if (copy->object)
		copy->object_page = area_page(area, r->old);
	copy->start = to;
	copy->end = to + r->new_bytes;
	space_split_range(space, r->old, r->old + r->old_bytes);
	error = copy_mappings(space, r, to, min(r->old_bytes, r->new_bytes));
	if (error)
		goto err_free;
	if (r->old_bytes && !(r->flags & SPACE_REMAP_DONTUNMAP)) {
		/* Borders first: from then on nothing fails. */
		error = area_split(space, r->old);
		if (!error)
			error = area_split(space, r->old + r->old_bytes);
		if (error)
			goto err_unmap;
	}
	/* The old entries go, their frames stay: the new ones have their references. */
	mmu_unmap(&space->mmu, r->old, r->old + r->old_bytes, NULL, NULL);
	if (r->old_bytes && !(r->flags & SPACE_REMAP_DONTUNMAP)) {
		error = space_unmap_range(space, r->old, r->old + r->old_bytes);
		assert(!error);
	}
	area_account(space, copy, (int64_t)r->new_bytes);
	area_insert(space, copy);
	return 0;

err_unmap:
	area_join(space, area_find(space, r->old));
	mmu_unmap(&space->mmu, to, copy->end, NULL, NULL);
err_free:
	area_free(copy);
	return error;
}

/* MREMAP_FIXED, MREMAP_DONTUNMAP */
static int remap_to(struct space *space, struct remap *r, uintptr_t *out)
{
	bool fixed = r->flags & SPACE_REMAP_FIXED;
	const struct area *area;
	int error;

	if (!is_aligned(r->new_hint, PAGE_SIZE) || !range_fits(r->new_hint, r->new_bytes, USER_MAX))
		return -EINVAL;
	if (r->old < r->new_hint + r->new_bytes && r->new_hint < r->old + r->old_bytes)
		return -EINVAL;
	if (fixed && r->new_hint < USER_MIN)
		return -EPERM;
	if (space->area_count + 5 >= AREAS_MAX)
		return -ENOMEM;
	if (fixed) {
		error = space_unmap_range(space, r->new_hint, r->new_hint + r->new_bytes);
		if (error)
			return error;
	}
	if (r->old_bytes > r->new_bytes) {
		error = space_unmap_range(space, r->old + r->new_bytes, r->old + r->old_bytes);
		if (error)
			return error;
		r->old_bytes = r->new_bytes;
	}
	area = area_find(space, r->old);
	if (!area || area->start > r->old)
		return -EFAULT;
	error = check_area(space, area, r);
	if (error)
		return error;
	if (r->flags & SPACE_REMAP_DONTUNMAP && !space_may_grow(space, area, r->new_bytes))
		return -ENOMEM;
	*out = fixed ? r->new_hint : space_find_place(space, r->new_hint, r->new_bytes, 0);
	return *out ? move(space, r, area, *out) : -ENOMEM;
}

/* Grows the area in place, where the mapped part ends with it and there is room. */
static bool grow_in_place(struct space *space, struct area *area, const struct remap *r)
{
	size_t more = r->new_bytes - r->old_bytes;
	const struct area *next = area_next(area);

	if (r->old + r->old_bytes != area->end || !range_fits(area->end, more, USER_MAX))
		return false;
	if (next && area_start_with_gap(next) < area->end + more)
		return false;
	area->end += more;
	area_account(space, area, (int64_t)more);
	area_join(space, area);
	return true;
}

static int remap_locked(struct space *space, struct remap *r, uintptr_t *out)
{
	struct area *area = area_find(space, r->old);
	int error;

	if (!area || area->start > r->old)
		return -EFAULT;
	if (area->flags & AREA_LOCKED_LAYOUT)
		return -EPERM;
	if (r->flags & (SPACE_REMAP_FIXED | SPACE_REMAP_DONTUNMAP))
		return remap_to(space, r, out);
	*out = r->old;
	if (r->old_bytes >= r->new_bytes)
		return space_unmap_range(space, r->old + r->new_bytes, r->old + r->old_bytes);
	error = check_area(space, area, r);
	if (error || (r->old_bytes && grow_in_place(space, area, r)))
		return error;
	if (!(r->flags & SPACE_REMAP_MAYMOVE))
		return -ENOMEM;
	if (space->area_count + 3 >= AREAS_MAX)
		return -ENOMEM;
	*out = space_find_place(space, 0, r->new_bytes, 0);
	return *out ? move(space, r, area, *out) : -ENOMEM;
}

int space_remap(struct space *space, uintptr_t old, size_t old_bytes, size_t new_bytes,
		unsigned flags, uintptr_t new_hint, uintptr_t *out)
{
	struct remap r = { .old = old,
			   .new_hint = new_hint,
			   .old_bytes = align_up(old_bytes, PAGE_SIZE),
			   .new_bytes = align_up(new_bytes, PAGE_SIZE),
			   .flags = flags };
	int error = check_arguments(&r);

	if (error)
		return error;
	mutex_lock(&space->lock);
	error = remap_locked(space, &r, out);
	mutex_unlock(&space->lock);
	return error;
}
