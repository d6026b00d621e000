/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Taking an object's pages out of the areas that show them. An area is looked at under its space's lock, which comes before
 * the object's: so between the two the list may change, and a cursor keeps the place in it. An area that comes to show
 * other pages (made, split off, moved, joined) goes to the list's end, so that none is passed over.
 */
#include "space_private.h"

#include <base/bits.h>

struct unmapping {
	struct vm_object *object;
	uint64_t first, end; /* pages */
	enum vm_unmap which;
	struct area
		cursor; /* on the object's list, behind the area that is looked at; has no space */
};

/* Moves the cursor behind the next area; its space, with a reference. NULL: there is none. */
static struct space *next_space(struct unmapping *u)
{
	struct list_node *cursor = &u->cursor.object_link, *next;
	struct space *space = NULL;

	spin_lock(&u->object->lock);
	while (!space && (next = cursor->next) != &u->object->areas) {
		struct space *its = container_of(next, struct area, object_link)->space;

		list_remove(cursor);
		list_insert_after(next, cursor);
		if (its &&
		    space_get_alive(its)) /* else another cursor, or it goes with its space */
			space = its;
	}
	spin_unlock(&u->object->lock);
	return space;
}

/* The area before the cursor, if it is one of this space, whose lock keeps it. If it is not the one that the cursor was
 * put behind, that one is gone, with its pages. */
static const struct area *area_at(struct unmapping *u, const struct space *space)
{
	const struct area *area = NULL;
	struct list_node *node;

	spin_lock(&u->object->lock);
	node = u->cursor.object_link.prev;
	if (node != &u->object->areas)
		area = container_of(node, struct area, object_link);
	if (area && area->space != space)
		area = NULL;
	spin_unlock(&u->object->lock);
	return area;
}

static void drop_borrowed(struct space *space, uintptr_t start, uintptr_t end)
{
	for (uintptr_t va = mmu_next(&space->mmu, start, end); va < end;
	     va = mmu_next(&space->mmu, va + PAGE_SIZE, end)) {
		phys_t frame;

		if (mmu_lookup(&space->mmu, va, &frame) & MMU_BORROWED)
			space_drop_pages(space, va, va + PAGE_SIZE);
	}
}

static void unmap_from(const struct unmapping *u, struct space *space, const struct area *area)
	REQUIRES(space->lock)
{
	uint64_t first = max(u->first, area->object_page);
	uint64_t end = min(u->end, area_page(area, area->end));
	uintptr_t from, to;

	if (first >= end || (u->which == VM_UNMAP_SHARED && !(area->flags & AREA_SHARED)))
		return;
	from = area->start + ((first - area->object_page) << PAGE_SHIFT);
	to = area->start + ((end - area->object_page) << PAGE_SHIFT);
	if (u->which == VM_UNMAP_BORROWED)
		drop_borrowed(space, from, to);
	else
		space_drop_pages(space, from, to);
}

static bool has_areas(struct vm_object *object)
{
	bool has;

	spin_lock(&object->lock);
	has = list_linked(&object->areas);
	spin_unlock(&object->lock);
	return has;
}

void vm_object_unmap(struct vm_object *object, uint64_t first, uint64_t end, enum vm_unmap which)
{
	struct unmapping u = { .object = object, .first = first, .end = end, .which = which };
	struct space *space;

	if (first >= end || !has_areas(object))
		return;
	spin_lock(&object->lock);
	list_insert_after(&object->areas, &u.cursor.object_link);
	spin_unlock(&object->lock);
	while ((space = next_space(&u))) {
		const struct area *area;

		mutex_lock(&space->lock);
		area = area_at(&u, space);
		if (area)
			unmap_from(&u, space, area);
		mutex_unlock(&space->lock);
		space_put(space);
	}
	spin_lock(&object->lock);
	list_remove(&u.cursor.object_link);
	spin_unlock(&object->lock);
}

bool vm_object_has_writers(struct vm_object *object)
{
	bool found = false;

	spin_lock(&object->lock);
	list_for_each(node, &object->areas) {
		const struct area *area = container_of(node, struct area, object_link);

		found |= area->space && area->flags & AREA_SHARED && area->max_prot & SPACE_WRITE;
	}
	spin_unlock(&object->lock);
	return found;
}
