/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * User page tables, simulated: a sorted array of pages per tree, and one table frame per 2 MiB that holds any. Checks what
 * hal/memory.h asks of callers.
 */
#include "host.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <hal/memory.h>

#include <stdlib.h>
#include <string.h>

#define TABLE_SPAN ((uintptr_t)2 << 20)

struct mapped {
	uintptr_t va;
	phys_t frame;
	unsigned flags;
};

struct table {
	uintptr_t span;
	phys_t frame;
};

struct tree {
	struct tree *next;
	phys_t root;
	bool active;
	struct mapped *pages; /* by va */
	size_t count, room;
	struct table *tables;
	size_t table_count;
};

static struct tree *trees;

enum { RIGHTS = MMU_READ | MMU_WRITE | MMU_EXEC };

static struct tree *tree_of(const struct mmu *mmu)
{
	for (struct tree *t = trees; t; t = t->next) {
		if (t->root.raw == mmu->root.raw)
			return t;
	}
	panic("no such page table");
}

/* Index of the first page at or after `va`. */
static size_t find(const struct tree *t, uintptr_t va)
{
	size_t low = 0, high = t->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (t->pages[middle].va < va)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The entry that covers `va`, small or large; NULL: there is none. */
static struct mapped *covering(const struct tree *t, uintptr_t va)
{
	size_t i = find(t, align_down(va, PAGE_SIZE) + 1);
	struct mapped *before = i ? &t->pages[i - 1] : NULL;
	uintptr_t span;

	if (!before)
		return NULL;
	span = before->flags & MMU_LARGE ? MMU_LARGE_BYTES : PAGE_SIZE;
	return va - before->va < span ? before : NULL;
}

size_t host_mmu_pages(void)
{
	size_t count = 0;

	for (const struct tree *t = trees; t; t = t->next)
		count += t->count;
	return count;
}

size_t host_mmu_counted_pages(void)
{
	size_t count = 0;

	for (const struct tree *t = trees; t; t = t->next) {
		for (size_t i = 0; i < t->count; i++)
			count += !(t->pages[i].flags & MMU_BORROWED);
	}
	return count;
}

int mmu_create(struct mmu *mmu)
{
	struct tree *t;

	if (host_table_get(&mmu->root))
		return -ENOMEM;
	t = calloc(1, sizeof(*t));
	assert(t);
	t->root = mmu->root;
	t->next = trees;
	trees = t;
	return 0;
}

void mmu_destroy(struct mmu *mmu)
{
	struct tree *t = tree_of(mmu), **at = &trees;

	assert(!t->count && !t->table_count && !t->active);
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	host_table_put(t->root);
	free(t->pages);
	free(t->tables);
	free(t);
}

void mmu_activate(struct mmu *mmu)
{
	for (struct tree *t = trees; t; t = t->next)
		t->active = mmu && t->root.raw == mmu->root.raw;
}

static int need_table(struct tree *t, uintptr_t va)
{
	uintptr_t span = align_down(va, TABLE_SPAN);
	phys_t frame;

	for (size_t i = 0; i < t->table_count; i++) {
		if (t->tables[i].span == span)
			return 0;
	}
	if (host_table_get(&frame))
		return -ENOMEM;
	t->tables = realloc(t->tables, (t->table_count + 1) * sizeof(*t->tables));
	t->tables[t->table_count++] = (struct table){ span, frame };
	return 0;
}

static void drop_empty_tables(struct tree *t)
{
	for (size_t i = 0; i < t->table_count;) {
		struct table *table = &t->tables[i];
		size_t at = find(t, table->span);

		if (at < t->count && t->pages[at].va < table->span + TABLE_SPAN) {
			i++;
			continue;
		}
		host_table_put(table->frame);
		*table = t->tables[--t->table_count];
	}
}

int mmu_map(struct mmu *mmu, uintptr_t va, phys_t frame, unsigned flags)
{
	struct tree *t = tree_of(mmu);
	size_t i = find(t, va);

	assert(is_aligned(va | frame.raw, PAGE_SIZE) && va >= USER_MIN && va < USER_MAX);
	assert(flags & MMU_USER && !(flags & MMU_LARGE));
	assert(!covering(t, va) || !(covering(t, va)->flags & MMU_LARGE));
	if (i < t->count && t->pages[i].va == va) {
		t->pages[i] = (struct mapped){ va, frame, flags };
		return 0;
	}
	if (need_table(t, va))
		return -ENOMEM;
	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		t->pages = realloc(t->pages, t->room * sizeof(*t->pages));
	}
	memmove(&t->pages[i + 1], &t->pages[i], (t->count - i) * sizeof(*t->pages));
	t->pages[i] = (struct mapped){ va, frame, flags };
	t->count++;
	return 0;
}

size_t mmu_map_run(struct mmu *mmu, uintptr_t va, phys_t frame, size_t count, unsigned flags)
{
	const struct tree *t = tree_of(mmu);
	uintptr_t span = align_down(va, TABLE_SPAN);
	size_t mapped = 0;

	for (size_t i = 0; i < t->table_count; i++) {
		if (t->tables[i].span != span)
			continue;
		for (size_t n = 0; n < count && va + n * PAGE_SIZE < span + TABLE_SPAN; n++) {
			uintptr_t at = va + n * PAGE_SIZE;

			if (mmu_lookup(mmu, at, NULL))
				continue;
			assert(!mmu_map(mmu, at, phys_add(frame, n * PAGE_SIZE), flags));
			mapped++;
		}
	}
	return mapped;
}

int mmu_map_large(struct mmu *mmu, uintptr_t va, phys_t frame, unsigned flags)
{
	struct tree *t = tree_of(mmu);
	size_t i = find(t, va);

	assert(is_aligned(va | frame.raw, MMU_LARGE_BYTES));
	if (i < t->count && t->pages[i].va < va + MMU_LARGE_BYTES)
		return -EEXIST;
	for (size_t n = 0; n < t->table_count; n++)
		assert(t->tables[n].span != va); /* a table holds something */
	if (t->count == t->room) {
		t->room = t->room ? t->room * 2 : 64;
		t->pages = realloc(t->pages, t->room * sizeof(*t->pages));
	}
	memmove(&t->pages[i + 1], &t->pages[i], (t->count - i) * sizeof(*t->pages));
	t->pages[i] = (struct mapped){ va, frame, flags | MMU_LARGE };
	t->count++;
	return 0;
}

void mmu_split(struct mmu *mmu, uintptr_t va, phys_t table)
{
	struct tree *t = tree_of(mmu);
	struct mapped *large = covering(t, va), old;

	assert(large && large->flags & MMU_LARGE);
	old = *large;
	t->count--;
	memmove(large, large + 1, (size_t)(&t->pages[t->count] - large) * sizeof(*large));
	t->tables = realloc(t->tables, (t->table_count + 1) * sizeof(*t->tables));
	t->tables[t->table_count++] = (struct table){ old.va, table };
	for (size_t at = 0; at < MMU_LARGE_BYTES; at += PAGE_SIZE)
		assert(!mmu_map(mmu, old.va + at, phys_add(old.frame, at),
				old.flags & ~(unsigned)MMU_LARGE));
}

unsigned mmu_lookup(const struct mmu *mmu, uintptr_t va, phys_t *frame)
{
	const struct mapped *m = covering(tree_of(mmu), va);

	if (!m)
		return 0;
	if (frame)
		*frame = phys_add(m->frame, align_down(va, PAGE_SIZE) - m->va);
	return m->flags;
}

uintptr_t mmu_next(const struct mmu *mmu, uintptr_t va, uintptr_t end)
{
	const struct tree *t = tree_of(mmu);
	size_t i = find(t, va);

	if (covering(t, va))
		return va;
	return i < t->count && t->pages[i].va < end ? t->pages[i].va : end;
}

/* No large page reaches over an end of the range. */
static void check_ends(const struct tree *t, uintptr_t start, uintptr_t end)
{
	const struct mapped *first = covering(t, start), *last = covering(t, end - 1);

	assert(!first || first->va == start || !(first->flags & MMU_LARGE));
	assert(!last || !(last->flags & MMU_LARGE) || last->va + MMU_LARGE_BYTES == end);
}

void mmu_unmap(struct mmu *mmu, uintptr_t start, uintptr_t end, mmu_unmapped_fn *fn, void *context)
{
	struct tree *t = tree_of(mmu);
	size_t from = find(t, start), to = find(t, end), count = to - from;
	struct mapped *gone = malloc((count + 1) * sizeof(*gone));

	if (start < end)
		check_ends(t, start, end);
	assert(is_aligned(start | end, PAGE_SIZE) && start <= end && gone);
	if (count)
		memcpy(gone, &t->pages[from], count * sizeof(*gone));
	if (t->count > to)
		memmove(&t->pages[from], &t->pages[to], (t->count - to) * sizeof(*gone));
	t->count -= count;
	for (size_t i = 0; fn && i < count; i++)
		fn(context, gone[i].va, gone[i].frame, gone[i].flags);
	free(gone);
	drop_empty_tables(t);
}

void mmu_protect(struct mmu *mmu, uintptr_t start, uintptr_t end, unsigned flags)
{
	struct tree *t = tree_of(mmu);

	assert(is_aligned(start | end, PAGE_SIZE));
	if (start < end)
		check_ends(t, start, end);
	for (size_t i = find(t, start); i < t->count && t->pages[i].va < end; i++) {
		unsigned *old = &t->pages[i].flags;
		unsigned granted = flags & RIGHTS;

		if (!(*old & MMU_WRITE))
			granted &= ~(unsigned)MMU_WRITE;
		*old = (*old & ~(unsigned)RIGHTS) | granted;
	}
}
