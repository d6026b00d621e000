/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pages of one file by index: a radix tree of 64 slots a level, as high as its greatest index needs. A file of
 * one page needs no level. Each page in it is one reference, the tree's. No locking of its own.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

struct page;

struct pagetree {
	void *root; /* a page where height is 0 */
	unsigned height;
	uint64_t count;
};

struct page *pagetree_get(const struct pagetree *tree, uint64_t index);

/** Puts a page where there is none; takes over the caller's reference on success. -ENOMEM. */
int must_check pagetree_add(struct pagetree *tree, uint64_t index, struct page *page);

/** Drops all pages in [start, end). */
void pagetree_remove(struct pagetree *tree, uint64_t start, uint64_t end);

/** The first page in [*index, end); *index is set to its place. NULL: none. */
struct page *pagetree_next(const struct pagetree *tree, uint64_t *index, uint64_t end);
