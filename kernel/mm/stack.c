/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kernel stacks lie in the kernel's mapped area, each above a page that stays unmapped. A place once made is kept: with
 * its frames, up to STACKS_READY of them, so that a new thread costs no mapping; else as bare addresses. Its
 * first word, which no healthy stack reaches, points to its book-keeping.
 */
#include <mm/stack.h>

#include <base/assert.h>
#include <base/bits.h>
#include <core/lock.h>
#include <mm/alloc.h>
#include <mm/pages.h>

enum { STACK_ORDER = 2, STACKS_READY = 16 };
static_assert(STACK_BYTES == PAGE_SIZE << STACK_ORDER, "a stack is one block");

#define PLACE_BYTES (STACK_BYTES + PAGE_SIZE)

struct place {
	struct place *next; /* [lock] of a list below */
	struct page *page;  /* NULL: bare */
	uintptr_t base;
};

/* The machine's stacks. */
static struct {
	struct spinlock lock;
	struct place *ready;  /* [lock] mapped */
	struct place *bare;   /* [lock] */
	unsigned ready_count; /* [lock] */
	size_t places;        /* [lock] made so far */
} stacks;

static struct place *pop(struct place **list)
{
	struct place *place = *list;

	if (place)
		*list = place->next;
	return place;
}

static void push(struct place **list, struct place *place)
{
	place->next = *list;
	*list = place;
}

/* Addresses nobody uses. NULL: no memory. */
static struct place *new_place(void)
{
	struct place *place = mem_alloc(sizeof(*place));

	if (!place)
		return NULL;
	spin_lock(&stacks.lock);
	/* No thread count comes near it: 256 GiB of stacks. */
	assert(stacks.places < KERNEL_AREA_BYTES / PLACE_BYTES);
	*place = (struct place){ .base = kernel_area_base + stacks.places * PLACE_BYTES +
					 PAGE_SIZE };
	stacks.places++;
	spin_unlock(&stacks.lock);
	return place;
}

static bool map_place(struct place *place)
{
	struct page *page = page_alloc(STACK_ORDER, PAGE_PLAIN);

	if (!page)
		return false;
	if (pages_map_kernel(place->base, page_phys(page), STACK_BYTES, MMU_READ | MMU_WRITE)) {
		page_put(page);
		return false;
	}
	place->page = page;
	return true;
}

void *stack_create(void)
{
	struct place *place;

	spin_lock(&stacks.lock);
	place = pop(&stacks.ready);
	if (place)
		stacks.ready_count--;
	else
		place = pop(&stacks.bare);
	spin_unlock(&stacks.lock);

	if (!place)
		place = new_place();
	if (!place)
		return NULL;
	if (!place->page && !map_place(place)) {
		spin_lock(&stacks.lock);
		push(&stacks.bare, place);
		spin_unlock(&stacks.lock);
		return NULL;
	}
	*(struct place **)place->base = place;
	return (void *)place->base;
}

void stack_destroy(void *base)
{
	struct place *place;
	bool keep;

	if (!base)
		return;
	place = *(struct place **)base;
	assert(place->base == (uintptr_t)base); /* else the stack ran over */
	spin_lock(&stacks.lock);
	keep = stacks.ready_count < STACKS_READY;
	if (keep) {
		push(&stacks.ready, place);
		stacks.ready_count++;
	}
	spin_unlock(&stacks.lock);
	if (keep)
		return;

	pages_unmap_kernel(place->base, STACK_BYTES);
	page_put(place->page);
	place->page = NULL;
	spin_lock(&stacks.lock);
	push(&stacks.bare, place);
	spin_unlock(&stacks.lock);
}
