/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Address spaces: their life, mmap and munmap, and what reads them. Areas are in areas.c, faults in
 * space_fault.c, changes to what is mapped in space_change.c.
 */
#include "space_private.h"

#include <base/assert.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>
#include <mm/pages.h>

struct space *space_create(void)
{
	struct space *space = mem_zalloc(sizeof(*space));

	if (!space)
		return NULL;
	if (mmu_create(&space->mmu)) {
		mem_free(space);
		return NULL;
	}
	mutex_init(&space->lock);
	space->refs = 1;
	space->mmap_top = USER_MAX;
	space->address_limit_bytes = UINT64_MAX;
	space->data_limit_bytes = UINT64_MAX;
	space->stack_limit_bytes = 8 << 20;
	return space;
}

void space_get(struct space *space)
{
	__atomic_fetch_add(&space->refs, 1, __ATOMIC_RELAXED);
}

bool space_get_alive(struct space *space)
{
	uint32_t refs = __atomic_load_n(&space->refs, __ATOMIC_RELAXED);

	while (refs)
		if (__atomic_compare_exchange_n(&space->refs, &refs, refs + 1, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

void space_put(struct space *space)
{
	struct rb_node *node;

	if (!space || __atomic_sub_fetch(&space->refs, 1, __ATOMIC_ACQ_REL))
		return;
	while ((node = space->areas.root)) {
		struct area *area = container_of(node, struct area, node);

		space_drop_pages(space, area->start, area->end);
		area_unlink(space, area);
		area_free(area);
	}
	mmu_destroy(&space->mmu);
	mem_free(space);
}

/* mmap */

/* Linux's checks in Linux's order (mm/mmap.c, do_mmap). */
static int check_request(const struct space *space, const struct space_map *request, size_t bytes)
{
	uint64_t last;

	if (!request->bytes)
		return -EINVAL;
	if (!bytes)
		return -ENOMEM;
	if (request->object && add_overflows(request->object_page, bytes >> PAGE_SHIFT, &last))
		return -EOVERFLOW;
	if (space->area_count >= AREAS_MAX || bytes > USER_MAX)
		return -ENOMEM;
	if (!(request->flags & (AREA_FIXED | AREA_NO_REPLACE)))
		return 0;
	if (!is_aligned(request->hint, PAGE_SIZE))
		return -EINVAL;
	if (!range_fits(request->hint, bytes, USER_MAX))
		return -ENOMEM;
	return request->hint < USER_MIN ? -EPERM : 0;
}

static int choose_place(struct space *space, const struct space_map *request, size_t bytes,
			uintptr_t *out)
{
	const struct area *there;

	if (!(request->flags & (AREA_FIXED | AREA_NO_REPLACE))) {
		*out = space_find_place(space, request->hint, bytes, request->flags);
		return *out ? 0 : -ENOMEM;
	}
	*out = request->hint;
	there = area_find(space, *out);
	if (request->flags & AREA_NO_REPLACE && there && there->start < *out + bytes)
		return -EEXIST;
	return 0;
}

/* Bytes of [start, end) that are mapped: they go before the new ones count. */
static size_t mapped_within(const struct space *space, uintptr_t start, uintptr_t end)
{
	size_t bytes = 0;

	for (const struct area *a = area_find(space, start); a && a->start < end; a = area_next(a))
		bytes += min(a->end, end) - max(a->start, start);
	return bytes;
}

static struct area *make_area(const struct space_map *request)
{
	struct area *area = mem_zalloc(sizeof(*area));

	if (!area)
		return NULL;
	area->prot = request->prot;
	area->max_prot = request->object ? request->max_prot | request->prot
					 : SPACE_READ | SPACE_WRITE | SPACE_EXEC;
	area->flags = request->flags & AREA_KEPT;
	area->object = request->object;
	area->label = request->label;
	if (area->object) {
		area->object_page = request->object_page;
		area->object->ops->get(area->object);
	} else if (request->flags & AREA_SHARED) {
		area->object = shared_object_create();
		if (!area->object) {
			mem_free(area);
			return NULL;
		}
	}
	return area;
}

static int map_locked(struct space *space, const struct space_map *request, uintptr_t *out)
{
	size_t bytes = align_up(request->bytes, PAGE_SIZE);
	int error = check_request(space, request, bytes);
	struct area *area;
	size_t replaced;
	uintptr_t at;

	if (!error)
		error = choose_place(space, request, bytes, &at);
	if (error)
		return error;
	area = make_area(request);
	if (!area)
		return -ENOMEM;
	area->start = at;
	area->end = at + bytes;
	replaced = mapped_within(space, at, area->end);
	error = space_may_grow(space, area, bytes - replaced) ? 0 : -ENOMEM;
	if (!error && replaced)
		error = space_unmap_range(space, at, area->end);
	if (error) {
		area_free(area);
		return error;
	}
	area_account(space, area, (int64_t)bytes);
	area_insert(space, area);
	*out = at;
	if (request->flags & AREA_POPULATE)
		space_populate(space, at, at + bytes,
			       request->prot & SPACE_WRITE ? USER_ACCESS_WRITE : USER_ACCESS_READ);
	return 0;
}

int space_map(struct space *space, const struct space_map *request, uintptr_t *out)
{
	int error;

	mutex_lock(&space->lock);
	error = map_locked(space, request, out);
	mutex_unlock(&space->lock);
	return error;
}

/* munmap */

static void put_page(void *context, uintptr_t va, phys_t frame, unsigned flags)
{
	struct space *space = context;

	(void)va;
	if (flags & MMU_LARGE) {
		space_put_large(space, frame);
		return;
	}
	space->resident_pages--;
	if (!(flags & MMU_BORROWED))
		page_put(page_of(frame));
}

void space_drop_pages(struct space *space, uintptr_t start, uintptr_t end)
{
	space_split_at(space, start);
	space_split_at(space, end);
	mmu_unmap(&space->mmu, start, end, put_page, space);
}

/* The search for a place need not look above search_top, unless a gap appears there. */
static void note_gap(struct space *space, uintptr_t at)
{
	const struct area *above = area_find(space, at);
	uintptr_t end = above ? min(above->start, space->mmap_top) : space->mmap_top;

	if (space->search_top && end > space->search_top)
		space->search_top = end;
}

int space_unmap_range(struct space *space, uintptr_t start, uintptr_t end)
{
	struct area *area = area_find(space, start), *next;
	int error;

	if (!area || area->start >= end || start >= end)
		return 0;
	error = area_split(space, start);
	if (error)
		return error;
	error = area_split(space, end);
	if (error) {
		area_join(space, area_find(space, start));
		return error;
	}
	for (area = area_find(space, start); area && area->start < end; area = next) {
		next = area_next(area);
		space_drop_pages(space, area->start, area->end);
		area_account(space, area, -(int64_t)area_bytes(area));
		area_unlink(space, area);
		area_free(area);
	}
	note_gap(space, start);
	return 0;
}

int space_unmap(struct space *space, uintptr_t start, size_t bytes)
{
	int error;

	if (!is_aligned(start, PAGE_SIZE) || !range_fits(start, bytes, USER_MAX) || !bytes)
		return -EINVAL;
	mutex_lock(&space->lock);
	error = space_unmap_range(space, start, align_up(start + bytes, PAGE_SIZE));
	mutex_unlock(&space->lock);
	return error;
}

/* Looking */

int space_check(struct space *space, uintptr_t start, size_t bytes)
{
	uintptr_t at = align_down(start, PAGE_SIZE), end;
	const struct area *area;

	if (add_overflows(start, bytes, &end) || end > USER_MAX)
		return -ENOMEM;
	mutex_lock(&space->lock);
	for (area = area_find(space, at); at < end && area && area->start <= at;
	     area = area_next(area))
		at = area->end;
	mutex_unlock(&space->lock);
	return at < end ? -ENOMEM : 0;
}

int space_shared_object(struct space *space, uintptr_t address, struct vm_object **object,
			uint64_t *page)
{
	int err = -EFAULT;

	*object = NULL;
	mutex_lock(&space->lock);
	const struct area *area = area_find(space, address);
	if (area && area->start <= address &&
	    area->prot & (area->object ? SPACE_READ | SPACE_WRITE | SPACE_EXEC : SPACE_WRITE))
		err = 0;
	if (!err && area->object && area->flags & AREA_SHARED) {
		*object = area->object;
		*page = area->object_page + ((address - area->start) >> PAGE_SHIFT);
		area->object->ops->get(area->object);
	}
	mutex_unlock(&space->lock);
	return err;
}

struct space_stats space_stats(struct space *space)
{
	struct space_stats stats;

	mutex_lock(&space->lock);
	stats = (struct space_stats){
		.mapped_bytes = space->mapped_bytes,
		.resident_bytes = space->resident_pages << PAGE_SHIFT,
		.data_bytes = space->data_bytes,
	};
	for (const struct area *a = area_find(space, 0); a; a = area_next(a)) {
		stats.stack_bytes += a->flags & AREA_STACK ? area_bytes(a) : 0;
		stats.exec_bytes += a->prot & SPACE_EXEC ? area_bytes(a) : 0;
	}
	mutex_unlock(&space->lock);
	return stats;
}

void space_each(struct space *space, bool (*fn)(void *context, const struct area *area),
		void *context)
{
	mutex_lock(&space->lock);
	for (const struct area *a = area_find(space, 0); a && fn(context, a); a = area_next(a))
		;
	mutex_unlock(&space->lock);
}

/* Writing */

static int write_page(struct space *space, uintptr_t dst, const void *src, size_t bytes)
{
	phys_t frame = phys(0);
	int error = 0;

	if (!(mmu_lookup(&space->mmu, dst, &frame) & MMU_WRITE)) {
		error = space_fault_locked(space, dst, USER_ACCESS_WRITE);
		if (!error)
			mmu_lookup(&space->mmu, dst, &frame);
	}
	if (error)
		return error == -EACCES ? -EFAULT : error;
	memcpy((char *)phys_to_virt(frame) + (dst & (PAGE_SIZE - 1)), src, bytes);
	return 0;
}

int space_write(struct space *space, uintptr_t dst, const void *src, size_t bytes)
{
	const char *from = src;
	int error = 0;

	if (bytes && (dst < USER_MIN || !range_fits(dst, bytes, USER_MAX)))
		return -EFAULT;
	mutex_lock(&space->lock);
	while (bytes && !error) {
		size_t part = min(bytes, PAGE_SIZE - (dst & (PAGE_SIZE - 1)));

		error = write_page(space, dst, from, part);
		dst += part;
		from += part;
		bytes -= part;
	}
	mutex_unlock(&space->lock);
	return error;
}
