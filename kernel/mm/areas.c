/* SPDX-License-Identifier: BSD-3-Clause */
/* The areas of a space, in a tree by address: finding, joining, splitting, and room for new ones. */
#include "space_private.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <mm/alloc.h>
#include <mm/pages.h>

/* Where MAP_32BIT puts things (arch/x86/kernel/sys_x86_64.c). */
#define LOW_START ((uintptr_t)0x40000000)
#define LOW_END ((uintptr_t)0x80000000)

static struct area *area_of(struct rb_node *node)
{
	return node ? container_of(node, struct area, node) : NULL;
}

struct area *area_find(const struct space *space, uintptr_t va)
{
	struct rb_node *node = space->areas.root;
	struct area *best = NULL;

	while (node) {
		struct area *area = area_of(node);

		if (area->end > va) {
			best = area;
			if (area->start <= va)
				break;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return best;
}

struct area *area_next(const struct area *area)
{
	return area_of(rb_next(&area->node));
}

struct area *area_prev(const struct area *area)
{
	return area_of(rb_prev(&area->node));
}

uintptr_t area_start_with_gap(const struct area *area)
{
	uintptr_t gap = STACK_GAP_PAGES << PAGE_SHIFT;

	if (!(area->flags & AREA_STACK))
		return area->start;
	return area->start > gap ? area->start - gap : 0;
}

struct area *area_copy(const struct area *area)
{
	struct area *copy = mem_alloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *area;
	if (copy->object)
		copy->object->ops->get(copy->object);
	return copy;
}

void area_free(struct area *area)
{
	if (area->object)
		area->object->ops->put(area->object);
	mem_free(area);
}

/* At the end of the list, where vm_object_unmap() comes yet. */
static void list_area(struct space *space, struct area *area)
{
	struct vm_object *object = area->object;

	if (!object)
		return;
	spin_lock(&object->lock);
	area->space = space;
	list_insert_before(&object->areas, &area->object_link);
	spin_unlock(&object->lock);
}

static void unlist_area(struct area *area)
{
	struct vm_object *object = area->object;

	if (!object)
		return;
	spin_lock(&object->lock);
	list_remove(&area->object_link);
	spin_unlock(&object->lock);
}

static void link_area(struct space *space, struct area *area)
{
	struct rb_node **at = &space->areas.root, *parent = NULL;

	while (*at) {
		parent = *at;
		at = area->start < area_of(parent)->start ? &parent->left : &parent->right;
	}
	rb_insert(&space->areas, &area->node, parent, at);
	space->area_count++;
	list_area(space, area);
}

void area_unlink(struct space *space, struct area *area)
{
	unlist_area(area);
	rb_remove(&space->areas, &area->node);
	space->area_count--;
}

/* Whether `b` only continues `a`. */
static bool alike(const struct area *a, const struct area *b)
{
	return a->end == b->start && a->prot == b->prot && a->max_prot == b->max_prot &&
	       a->flags == b->flags && !(a->flags & AREA_LOCKED_LAYOUT) && a->object == b->object &&
	       a->label == b->label && (!a->object || area_page(a, a->end) == b->object_page);
}

/* Makes `a`, which `b` continues, both. */
static struct area *join(struct space *space, struct area *a, struct area *b)
{
	area_unlink(space, b);
	a->end = b->end;
	area_free(b);
	/* vm_object_unmap() may be past it, and have to see the pages of the other yet. */
	unlist_area(a);
	list_area(space, a);
	return a;
}

struct area *area_join(struct space *space, struct area *area)
{
	struct area *next = area_next(area), *prev = area_prev(area);

	if (next && alike(area, next))
		join(space, area, next);
	if (prev && alike(prev, area))
		area = join(space, prev, area);
	return area;
}

struct area *area_insert(struct space *space, struct area *area)
{
	link_area(space, area);
	return area_join(space, area);
}

int area_split(struct space *space, uintptr_t at)
{
	struct area *area = area_find(space, at), *upper;

	if (!area || area->start >= at)
		return 0;
	if (space->area_count >= AREAS_MAX)
		return -ENOMEM;
	upper = area_copy(area);
	if (!upper)
		return -ENOMEM;
	if (upper->object)
		upper->object_page = area_page(area, at);
	upper->start = at;
	area->end = at;
	link_area(space, upper);
	return 0;
}

/* Limits */

/* What RLIMIT_DATA counts (mm/mmap.c, is_data_mapping). */
static bool is_data(const struct area *area)
{
	return area->prot & SPACE_WRITE && !(area->flags & (AREA_SHARED | AREA_STACK));
}

void area_account(struct space *space, const struct area *area, int64_t bytes)
{
	space->mapped_bytes += (uint64_t)bytes;
	if (is_data(area))
		space->data_bytes += (uint64_t)bytes;
}

/* Like Linux's heuristic (mm/util.c, __vm_enough_memory): refuses only what cannot ever be had. A thread's usual
 * stack is let through even on a machine that is smaller. */
static bool obviously_too_much(const struct area *area, size_t bytes)
{
	uint64_t small = (uint64_t)16 << 20;

	if (!(area->prot & SPACE_WRITE) || area->flags & (AREA_NO_RESERVE | AREA_SHARED))
		return false;
	return bytes > small && bytes > pages_stats().total_bytes;
}

bool space_may_become(const struct space *space, const struct area *like, size_t bytes)
{
	if (is_data(like) && !range_fits(space->data_bytes, bytes, space->data_limit_bytes))
		return false;
	return !obviously_too_much(like, bytes);
}

bool space_may_grow(const struct space *space, const struct area *like, size_t bytes)
{
	if (!bytes)
		return true;
	return range_fits(space->mapped_bytes, bytes, space->address_limit_bytes) &&
	       space_may_become(space, like, bytes);
}

/* Places */

/* The highest gap of `bytes` in [low, high); 0: none. `*largest` becomes the largest of the gaps passed over. */
static uintptr_t find_gap(const struct space *space, uintptr_t low, uintptr_t high, size_t bytes,
			  size_t *largest)
{
	const struct area *area = area_find(space, high);
	uintptr_t top = area ? min(high, area_start_with_gap(area)) : high;

	area = area ? area_prev(area) : area_of(rb_last(&space->areas));
	for (;;) {
		uintptr_t bottom = area ? max(area->end, low) : low;

		if (top > bottom) {
			if (top - bottom >= bytes)
				return top - bytes;
			*largest = max(*largest, top - bottom);
		}
		if (!area || area->start <= low)
			return 0;
		top = min(top, area_start_with_gap(area));
		area = area_prev(area);
	}
}

static bool place_free(const struct space *space, uintptr_t at, size_t bytes)
{
	const struct area *area;

	if (at < USER_MIN || !range_fits(at, bytes, USER_MAX))
		return false;
	area = area_find(space, at);
	return !area || at + bytes <= area_start_with_gap(area);
}

/* Below mmap_top. What was passed over before is passed over at once. */
static uintptr_t find_below_top(struct space *space, size_t bytes)
{
	uintptr_t at;

	if (!space->search_top || space->search_top > space->mmap_top ||
	    bytes <= space->largest_gap) {
		space->search_top = space->mmap_top;
		space->largest_gap = 0;
	}
	at = find_gap(space, USER_MIN, space->search_top, bytes, &space->largest_gap);
	if (at)
		space->search_top = at + bytes; /* the place may yet stay free, if the call fails */
	return at;
}

uintptr_t space_find_place(struct space *space, uintptr_t hint, size_t bytes, unsigned flags)
{
	size_t ignored = 0;
	uintptr_t at;

	hint = align_down(hint, PAGE_SIZE);
	if (hint && hint < USER_MIN)
		hint = USER_MIN;
	if (flags & AREA_LOW) {
		if (hint && range_fits(hint, bytes, LOW_END) && place_free(space, hint, bytes))
			return hint;
		return find_gap(space, LOW_START, LOW_END, bytes, &ignored);
	}
	if (hint && place_free(space, hint, bytes))
		return hint;
	at = find_below_top(space, bytes);
	return at ? at : find_gap(space, USER_MIN, USER_MAX, bytes, &ignored);
}
