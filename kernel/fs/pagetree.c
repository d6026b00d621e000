/* SPDX-License-Identifier: BSD-3-Clause */
/* See pagetree.h. Recursion is as deep as the tree is high: 64-bit byte offsets have 52 bits of index, so nine levels. */
#include "pagetree.h"

#include <base/bits.h>
#include <base/errno.h>
#include <mm/alloc.h>
#include <mm/pages.h>

enum { SLOT_BITS = 6, SLOTS = 1 << SLOT_BITS, HEIGHT_MAX = 9 };

struct level {
	void *slots[SLOTS];
};

/* Indexes below this one fit a tree of that height. */
static uint64_t span(unsigned height)
{
	return (uint64_t)1 << (height * SLOT_BITS);
}

static unsigned slot_of(uint64_t index, unsigned height)
{
	return (index >> ((height - 1) * SLOT_BITS)) & (SLOTS - 1);
}

struct page *pagetree_get(const struct pagetree *tree, uint64_t index)
{
	void *at = tree->root;

	if (index >= span(tree->height))
		return NULL;
	for (unsigned height = tree->height; height && at; height--)
		at = ((struct level *)at)->slots[slot_of(index, height)];
	return at;
}

/* A new level on top, with what there is in its first slot. */
static int grow(struct pagetree *tree)
{
	struct level *top = NULL;

	if (tree->root) {
		top = mem_zalloc(sizeof *top);
		if (!top)
			return -ENOMEM;
		top->slots[0] = tree->root;
	}
	tree->root = top;
	tree->height++;
	return 0;
}

int pagetree_add(struct pagetree *tree, uint64_t index, struct page *page)
{
	void **at = &tree->root;

	if (index >= span(HEIGHT_MAX))
		return -EFBIG;
	while (index >= span(tree->height))
		if (grow(tree))
			return -ENOMEM;
	for (unsigned height = tree->height; height; height--) {
		if (!*at)
			*at = mem_zalloc(sizeof(struct level));
		if (!*at)
			return -ENOMEM; /* levels without pages are harmless, and are used or dropped later */
		at = &((struct level *)*at)->slots[slot_of(index, height)];
	}
	*at = page;
	tree->count++;
	return 0;
}

/* Removes [start, end), indexes within this subtree. Returns what is left of it: NULL where it is empty. */
static void *remove_below(struct pagetree *tree, void *at, unsigned height, uint64_t start,
			  uint64_t end)
{
	struct level *level = at;
	uint64_t step;
	bool empty = true;

	if (!at)
		return NULL;
	if (!height) {
		page_put(at);
		tree->count--;
		return NULL;
	}
	step = span(height - 1);
	for (unsigned i = 0; i < SLOTS; i++) {
		uint64_t low = i * step, high = low + step;

		if (level->slots[i] && start < high && end > low)
			level->slots[i] = remove_below(tree, level->slots[i], height - 1,
						       max(start, low) - low, min(end, high) - low);
		empty = empty && !level->slots[i];
	}
	if (!empty)
		return at;
	mem_free(level);
	return NULL;
}

void pagetree_remove(struct pagetree *tree, uint64_t start, uint64_t end)
{
	end = min(end, span(tree->height));
	if (start >= end)
		return;
	tree->root = remove_below(tree, tree->root, tree->height, start, end);
	if (!tree->root)
		tree->height = 0;
}

static struct page *next_below(void *at, unsigned height, uint64_t start, uint64_t end,
			       uint64_t *offset)
{
	const struct level *level = at;
	uint64_t step, within;

	if (!height) {
		*offset = 0;
		return at;
	}
	step = span(height - 1);
	within = start & (step - 1);
	for (unsigned i = slot_of(start, height); i < SLOTS && i * step < end; i++, within = 0) {
		struct page *page;

		if (!level->slots[i])
			continue;
		page = next_below(level->slots[i], height - 1, within, end - i * step, offset);
		if (page) {
			*offset += i * step;
			return page;
		}
	}
	return NULL;
}

struct page *pagetree_next(const struct pagetree *tree, uint64_t *index, uint64_t end)
{
	if (*index >= end || *index >= span(tree->height) || !tree->root)
		return NULL;
	return next_below(tree->root, tree->height, *index, end, index);
}
