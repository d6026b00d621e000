/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The object behind shared anonymous memory (MAP_SHARED | MAP_ANONYMOUS): pages of zeros that come into being when first
 * asked for, in a radix tree that is as high as the highest index needs.
 */
#include "space_private.h"

#include <base/assert.h>
#include <base/errno.h>
#include <mm/alloc.h>
#include <mm/pages.h>

enum { SLOT_BITS = 9, SLOTS = 1 << SLOT_BITS, LEVELS_MAX = 6 /* 54 bits of index */ };

struct tree_node {
	struct page *slots[SLOTS]; /* of the last level: the content; else nodes */
};
static_assert(sizeof(struct tree_node) == PAGE_SIZE, "a node is a page");

struct shared_object {
	struct vm_object object;
	struct mutex lock;
	uint32_t refs;     /* atomic */
	unsigned levels;   /* [lock] of nodes */
	struct page *root; /* [lock] */
};

static struct shared_object *shared_of(struct vm_object *object)
{
	return container_of(object, struct shared_object, object);
}

static struct tree_node *node_of(const struct page *page)
{
	return page_virt(page);
}

/* Makes the tree high enough for `index`. */
static int raise(struct shared_object *shared, uint64_t index)
{
	while (index >> (shared->levels * SLOT_BITS)) {
		struct page *page;

		if (shared->levels == LEVELS_MAX)
			return -ENXIO;
		page = page_alloc(0, PAGE_ZEROED);
		if (!page)
			return -ENOMEM;
		node_of(page)->slots[0] = shared->root;
		shared->root = page;
		shared->levels++;
	}
	return 0;
}

static int find_page(struct shared_object *shared, uint64_t index, struct vm_page *out)
{
	int error = raise(shared, index);
	struct page **at = &shared->root;

	if (error)
		return error;
	for (unsigned level = shared->levels;; level--) {
		if (!*at)
			*at = page_alloc(0, PAGE_ZEROED);
		if (!*at)
			return -ENOMEM;
		if (!level)
			break;
		at = &node_of(*at)->slots[index >> ((level - 1) * SLOT_BITS) & (SLOTS - 1)];
	}
	page_get(*at);
	*out = (struct vm_page){ .frame = page_phys(*at) };
	return 0;
}

static int shared_page(struct vm_object *object, uint64_t index, bool write, struct vm_page *out)
{
	struct shared_object *shared = shared_of(object);
	int error;

	(void)write;
	mutex_lock(&shared->lock);
	error = find_page(shared, index, out);
	mutex_unlock(&shared->lock);
	return error;
}

static void shared_get(struct vm_object *object)
{
	__atomic_fetch_add(&shared_of(object)->refs, 1, __ATOMIC_RELAXED);
}

/* Frees a subtree; as deep as the tree is high, LEVELS_MAX at most. */
static void free_below(struct page *page, unsigned level)
{
	if (!page)
		return;
	for (unsigned i = 0; level && i < SLOTS; i++)
		free_below(node_of(page)->slots[i], level - 1);
	page_put(page);
}

static void shared_put(struct vm_object *object)
{
	struct shared_object *shared = shared_of(object);

	if (__atomic_sub_fetch(&shared->refs, 1, __ATOMIC_ACQ_REL))
		return;
	free_below(shared->root, shared->levels);
	mem_free(shared);
}

static size_t shared_name(struct vm_object *object, char *buffer, size_t size)
{
	static const char name[] = "/dev/zero (deleted)";
	size_t i = 0;

	(void)object;
	for (; i + 1 < size && name[i]; i++)
		buffer[i] = name[i];
	if (size)
		buffer[i] = 0;
	return i;
}

static const struct vm_object_ops shared_ops = {
	.page = shared_page,
	.get = shared_get,
	.put = shared_put,
	.name = shared_name,
};

struct vm_object *shared_object_create(void)
{
	struct shared_object *shared = mem_zalloc(sizeof(*shared));

	if (!shared)
		return NULL;
	vm_object_init(&shared->object, &shared_ops);
	shared->refs = 1;
	mutex_init(&shared->lock);
	return &shared->object;
}
