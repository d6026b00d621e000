/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory of files, taken and given back by fallocate(2), and seals, which forbid changes of files. */
#include "node.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/pages.h>

/* Clears [start, end) of the file where it lies within one page. */
static int clear_part(struct node *node, uint64_t start, uint64_t end) REQUIRES(node->data.lock)
{
	uint64_t index = start >> PAGE_SHIFT;
	struct page *page = pagetree_get(&node->data.pages, index);
	int error = 0;

	if (start >= end || (!page && start >= node->data.lower_bytes))
		return 0;
	if (!page)
		error = data_get_page(node, index, &page);
	if (!error)
		memset((uint8_t *)page_virt(page) + start % PAGE_SIZE, 0, end - start);
	return error;
}

/* fallocate */

/* Drops pages, but clears those that somebody has mapped: private areas, and faults that came since. */
static void drop_pages(struct node *node, uint64_t start, uint64_t end) REQUIRES(node->data.lock)
{
	struct page *page;

	for (; (page = pagetree_next(&node->data.pages, &start, end)); start++) {
		if (__atomic_load_n(&page->refs, __ATOMIC_ACQUIRE) > 1)
			memset(page_virt(page), 0, PAGE_SIZE);
		else
			pagetree_remove(&node->data.pages, start, start + 1);
	}
}

/* Whole pages of the lower file are hidden by pages of zeros. */
static int punch_pages(struct node *node, uint64_t start, uint64_t end) REQUIRES(node->data.lock)
{
	uint64_t lower_end = min(end, data_pages(node->data.lower_bytes));
	struct page *page;
	int error;

	for (uint64_t i = start; i < lower_end; i++) {
		error = data_get_page(node, i, &page);
		if (error)
			return error;
		memset(page_virt(page), 0, PAGE_SIZE);
	}
	drop_pages(node, max(start, lower_end), end);
	return 0;
}

static int punch(struct node *node, uint64_t start, uint64_t end) REQUIRES(node->data.lock)
{
	uint64_t first, last;
	int error;

	end = min(end, align_up(node->data.size, PAGE_SIZE));
	if (start >= end)
		return 0;
	first = data_pages(start);
	last = end >> PAGE_SHIFT;
	if (first > last) /* both in one page */
		return clear_part(node, start, end);
	error = clear_part(node, start, first << PAGE_SHIFT);
	if (!error)
		error = clear_part(node, last << PAGE_SHIFT, end);
	return error ? error : punch_pages(node, first, last);
}

/* Takes the memory for [start, end) now. */
static int reserve(struct node *node, uint64_t start, uint64_t end) REQUIRES(node->data.lock)
{
	uint64_t first = max(start >> PAGE_SHIFT, data_pages(node->data.lower_bytes));
	struct page *page;
	int error;

	if (data_pages(end) > first &&
	    data_pages(end) - first >
		    node->data.pages.count + (pages_stats().free_bytes >> PAGE_SHIFT))
		return -ENOSPC;
	for (uint64_t i = first; i < data_pages(end); i++) {
		error = data_get_page(node, i, &page);
		if (error)
			return error == -ENOMEM ? -ENOSPC : error;
	}
	return 0;
}

static int fallocate_locked(struct node *node, int mode, uint64_t start, uint64_t end)
	REQUIRES(node->data.lock)
{
	int error = 0;

	node_pin(node);
	if (mode & (FALLOCATE_PUNCH_HOLE | FALLOCATE_ZERO_RANGE))
		error = punch(node, start, end);
	if (!error && !(mode & FALLOCATE_PUNCH_HOLE))
		error = reserve(node, start, end);
	if (!error && !(mode & FALLOCATE_KEEP_SIZE) && end > node->data.size)
		node->data.size = end;
	data_changed(node);
	return error;
}

static int check_seals(const struct node *node, int mode, uint64_t end)
	REQUIRES(node->data.write_lock)
{
	bool clears = mode & (FALLOCATE_PUNCH_HOLE | FALLOCATE_ZERO_RANGE);
	bool grows = end > node->data.size; /* even if its size would stay */

	if (clears && data_is_sealed(node, SEAL_WRITE | SEAL_FUTURE_WRITE))
		return -EPERM;
	return grows && data_is_sealed(node, SEAL_GROW) ? -EPERM : 0;
}

int data_fallocate(struct file *file, int mode, uint64_t offset, uint64_t bytes)
{
	struct node *node = node_of(file->inode);
	int error;

	mutex_lock(&node->data.write_lock);
	error = check_seals(node, mode, offset + bytes);
	if (error)
		goto out;
	if (mode & FALLOCATE_PUNCH_HOLE)
		vm_object_unmap(&node->inode.pages, data_pages(offset),
				(offset + bytes) >> PAGE_SHIFT, VM_UNMAP_SHARED);
	mutex_lock(&node->data.lock);
	error = fallocate_locked(node, mode, offset, offset + bytes);
	mutex_unlock(&node->data.lock);
out:
	mutex_unlock(&node->data.write_lock);
	return error;
}

/* Seals */

static struct node *sealable(struct inode *inode)
{
	return inode->ops == &memfs_file_inode_ops ? node_of(inode) : NULL;
}

int memfs_get_seals(struct inode *inode)
{
	struct node *node = sealable(inode);

	return node ? (int)__atomic_load_n(&node->data.seals, __ATOMIC_RELAXED) : -EINVAL;
}

int memfs_add_seals(struct inode *inode, unsigned seals)
{
	const unsigned known = SEAL_SEAL | SEAL_SHRINK | SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE;
	struct node *node = sealable(inode);
	int error = 0;

	if (!node || seals & ~known)
		return -EINVAL;
	mutex_lock(&node->data.write_lock);
	if (data_is_sealed(node, SEAL_SEAL))
		error = -EPERM;
	else if (seals & ~node->data.seals & SEAL_WRITE && vm_object_has_writers(&inode->pages))
		error = -EBUSY;
	else
		node->data.seals |= seals;
	mutex_unlock(&node->data.write_lock);
	return error;
}

void memfs_allow_seals(struct inode *inode)
{
	node_of(inode)->data.seals = 0;
}
