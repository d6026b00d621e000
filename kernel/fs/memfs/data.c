/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data of regular files: pages in memory, below them the lower file, below that zeros. read() takes lower bytes from where
 * they lie; a page is copied up when it is written or cannot be lent to a mapping. Pages past the file's end are
 * zero, but for the one that a write is filling.
 *
 * Those who map a file see what it is now. Frames of the image are lent to mappings only until somebody opens the file for
 * writing; then they are taken back, and each page is one that all share. A page that leaves the file is taken back too: first the
 * file changes, under `lock`, then vm_object_unmap() waits for the faults that were on their way, under write_lock.
 */
#include "node.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/memory.h>
#include <mm/pages.h>

#include "../internal.h"

static struct node *node_of_pages(struct vm_object *object)
{
	return container_of(object, struct node, inode.pages);
}

uint64_t data_blocks_512(const struct node *node)
{
	uint64_t lower = data_pages(node->data.lower_bytes);

	return max(lower, node->data.pages.count) << (PAGE_SHIFT - 9);
}

/* What was lent by map_lower(). */
static void put_lower(const struct lower_run *run)
{
	if (run->page)
		page_put(run->page);
}

/* The lower bytes at `at`, which is below lower_bytes. */
static int map_lower(const struct node *node, uint64_t at, struct lower_run *run)
{
	const struct lower *lower = memfs_of(node)->lower;

	return lower->ops->map(lower, node->lower_id, at, run);
}

/* What the page shows of the lower file, into memory that becomes that page. */
static int copy_lower(const struct node *node, uint64_t index, uint8_t *to)
{
	uint64_t at = index << PAGE_SHIFT, end = min(at + PAGE_SIZE, node->data.lower_bytes);
	struct lower_run run;
	size_t done = 0;
	int error;

	for (; at < end; at += run.bytes, done += run.bytes) {
		error = map_lower(node, at, &run);
		if (error)
			return error;
		run.bytes = min(run.bytes, end - at);
		if (run.data)
			memcpy(to + done, run.data, run.bytes);
		else
			memset(to + done, 0, run.bytes);
		put_lower(&run);
	}
	memset(to + done, 0, PAGE_SIZE - done);
	return 0;
}

/* A new page with what the file shows there, but for [from, to) of it where that lies behind the end of the lower file: the
 * caller fills it at once. */
static int add_page(struct node *node, uint64_t index, size_t from, size_t to, struct page **out)
	REQUIRES(node->data.lock)
{
	struct page *page = page_alloc(0, PAGE_PLAIN);
	uint8_t *bytes;
	int error = 0;

	if (!page)
		return -ENOMEM;
	bytes = page_virt(page);
	if (index < data_pages(node->data.lower_bytes)) {
		error = copy_lower(node, index, bytes);
	} else {
		memset(bytes, 0, from);
		memset(bytes + to, 0, PAGE_SIZE - to);
	}
	if (!error)
		error = pagetree_add(&node->data.pages, index, page);
	if (error)
		page_put(page);
	else
		*out = page;
	return error;
}

int data_get_page(struct node *node, uint64_t index, struct page **out) REQUIRES(node->data.lock)
{
	*out = pagetree_get(&node->data.pages, index);
	return *out ? 0 : add_page(node, index, 0, 0, out);
}

/* Mapping */

/* How many whole pages from this one on lie one behind the other in pages of the image, the first of them in *frame. */
static uint64_t lend(const struct node *node, uint64_t index, phys_t *frame)
{
	uint64_t at = index << PAGE_SHIFT;
	struct lower_run run;

	if (node->data.opened_writable || !range_fits(at, PAGE_SIZE, node->data.lower_bytes) ||
	    map_lower(node, at, &run))
		return 0;
	put_lower(&run); /* such a page is not lent but shared: share_lower() */
	if (!run.data || !run.mappable || (uintptr_t)run.data % PAGE_SIZE)
		return 0;
	*frame = virt_to_phys(run.data);
	return min(run.bytes, node->data.lower_bytes - at) >> PAGE_SHIFT;
}

/* The page of a lower tree that keeps its own, with a reference; NULL: there is none. */
static int share_lower(const struct node *node, uint64_t index, struct page **out)
{
	const struct lower *lower = memfs_of(node)->lower;

	*out = NULL;
	if (node->data.opened_writable ||
	    !range_fits(index << PAGE_SHIFT, PAGE_SIZE, node->data.lower_bytes) ||
	    !lower->ops->page)
		return 0;
	return lower->ops->page(lower, node->lower_id, index, out);
}

static int pages_page_locked(struct node *node, uint64_t index, bool write, struct vm_page *out)
	REQUIRES(node->data.lock)
{
	struct page *page = pagetree_get(&node->data.pages, index);
	int error;

	if (index >= data_pages(node->data.size))
		return -ENXIO;
	if (write)
		node_pin(node);
	if (!page) {
		error = write ? 0 : share_lower(node, index, &page);
		if (error || page) {
			*out = (struct vm_page){ .frame = page ? page_phys(page) : phys(0) };
			return error;
		}
		out->borrowed = !write && lend(node, index, &out->frame);
		if (out->borrowed)
			return 0;
		error = add_page(node, index, 0, 0, &page);
		if (error)
			return error;
	}
	page_get(page);
	*out = (struct vm_page){ .frame = page_phys(page) };
	return 0;
}

static int pages_page(struct vm_object *object, uint64_t index, bool write, struct vm_page *out)
{
	struct node *node = node_of_pages(object);
	int error;

	mutex_lock(&node->data.lock);
	error = pages_page_locked(node, index, write, out);
	mutex_unlock(&node->data.lock);
	return error;
}

static size_t pages_run_locked(struct node *node, uint64_t index, size_t count, phys_t *first)
	REQUIRES(node->data.lock)
{
	uint64_t own = index;

	if (index >= data_pages(node->data.size))
		return 0;
	count = min(count, lend(node, index, first));
	return pagetree_next(&node->data.pages, &own, index + count) ? own - index : count;
}

static size_t pages_run(struct vm_object *object, uint64_t index, size_t count, phys_t *first)
{
	struct node *node = node_of_pages(object);
	size_t run;

	mutex_lock(&node->data.lock);
	run = pages_run_locked(node, index, count, first);
	mutex_unlock(&node->data.lock);
	return run;
}

static void pages_get(struct vm_object *object)
{
	inode_get(&node_of_pages(object)->inode);
}

static void pages_put(struct vm_object *object)
{
	inode_put(&node_of_pages(object)->inode);
}

static size_t pages_name(struct vm_object *object, char *buffer, size_t size)
{
	static const char deleted[] = "/ (deleted)";
	ssize_t length = inode_path(&node_of_pages(object)->inode, NULL, buffer, size);

	if (length > 0)
		return (size_t)length - 1;
	if (size < sizeof deleted)
		return 0;
	memcpy(buffer, deleted, sizeof deleted);
	return sizeof deleted - 1;
}

static void pages_identity(struct vm_object *object, uint64_t *device, uint64_t *inode)
{
	struct node *node = node_of_pages(object);

	*device = node->inode.fs->device;
	*inode = node->inode.ino;
}

const struct vm_object_ops memfs_pages_ops = {
	.page = pages_page,
	.run = pages_run,
	.get = pages_get,
	.put = pages_put,
	.name = pages_name,
	.identity = pages_identity,
};

/* Reading */

/* What a read can take in one piece: a page (a reference), or lower bytes, or zeros. */
struct piece {
	struct page *page;
	const uint8_t *data; /* NULL: zeros */
	size_t bytes;        /* 0: end of file */
};

static int find_piece(struct node *node, uint64_t at, size_t wanted, struct piece *out)
	REQUIRES(node->data.lock)
{
	const struct data *data = &node->data;
	size_t within = at % PAGE_SIZE;
	struct lower_run run;
	int error;

	*out = (struct piece){ NULL, NULL, 0 };
	if (at >= data->size)
		return 0;
	out->bytes = min(wanted, data->size - at);
	if (data->pages.count)
		out->bytes = min(out->bytes, PAGE_SIZE - within);
	out->page = pagetree_get(&data->pages, at >> PAGE_SHIFT);
	if (out->page) {
		page_get(out->page);
		out->data = (const uint8_t *)page_virt(out->page) + within;
	} else if (at < data->lower_bytes) {
		error = map_lower(node, at, &run);
		if (error)
			return error;
		out->data = run.data;
		out->page = run.page;
		out->bytes = min(out->bytes, min(run.bytes, data->lower_bytes - at));
	}
	return 0;
}

static ssize_t read_piece(struct node *node, struct uio *uio, uint64_t at)
{
	struct piece piece;
	ssize_t count;
	int error;

	mutex_lock(&node->data.lock);
	error = find_piece(node, at, uio->left, &piece);
	mutex_unlock(&node->data.lock);
	if (error)
		return error;
	count = piece.data ? uio_put(uio, piece.data, piece.bytes)
			   : uio_put_zeros(uio, piece.bytes);
	if (piece.page)
		page_put(piece.page);
	return count;
}

static ssize_t data_read(struct file *file, struct uio *uio, uint64_t *position)
{
	struct node *node = node_of(file->inode);
	ssize_t count = 0, total = 0;

	while (uio->left) {
		count = read_piece(node, uio, *position);
		if (count <= 0)
			break;
		*position += (uint64_t)count;
		total += count;
	}
	return total ? total : count;
}

/* Writing: under write_lock, and `lock` where the tree or the size is touched, never while copying from the program. */

void data_changed(struct node *node) REQUIRES(node->data.lock)
{
	node_pin(node);
	node->mtime = node->ctime = memfs_now(memfs_of(node));
}

/* The page to be written in [from, to), with a reference. */
static int page_for_write(struct node *node, uint64_t index, size_t from, size_t to,
			  struct page **out)
{
	bool beyond;
	int error = 0;

	mutex_lock(&node->data.lock);
	node_pin(node);
	beyond = index >=
		 data_pages(node->data.size); /* nobody can see it before the size changes */
	*out = pagetree_get(&node->data.pages, index);
	if (!*out)
		error = memfs_room() < PAGE_SIZE
				? -ENOSPC
				: add_page(node, index, beyond ? from : 0, beyond ? to : 0, out);
	if (!error)
		page_get(*out);
	mutex_unlock(&node->data.lock);
	return error;
}

static ssize_t write_piece(struct node *node, struct uio *uio, uint64_t at)
{
	size_t from = at % PAGE_SIZE, bytes = min(uio->left, PAGE_SIZE - from);
	struct page *page;
	ssize_t count;
	int error = page_for_write(node, at >> PAGE_SHIFT, from, from + bytes, &page);

	if (error)
		return error;
	count = uio_get(uio, (uint8_t *)page_virt(page) + from, bytes);
	mutex_lock(&node->data.lock);
	if (count > 0)
		node->data.size = max(node->data.size, at + (uint64_t)count);
	if (count < (ssize_t)bytes && node->data.size < at + bytes) {
		/* A fault: what was not filled is past the end, and not zero yet. */
		uint64_t zero = max(node->data.size, at);

		memset((uint8_t *)page_virt(page) + zero % PAGE_SIZE, 0, at + bytes - zero);
	}
	data_changed(node);
	mutex_unlock(&node->data.lock);
	page_put(page);
	return count;
}

static ssize_t write_locked(struct node *node, struct uio *uio, uint64_t *position)
	REQUIRES(node->data.write_lock)
{
	ssize_t count = 0, total = 0;
	uint64_t end;

	if (add_overflows(*position, uio->left, &end) || end > INT64_MAX)
		return -EFBIG;
	if (data_is_sealed(node, SEAL_WRITE | SEAL_FUTURE_WRITE) ||
	    (end > node->data.size && data_is_sealed(node, SEAL_GROW)))
		return -EPERM;
	while (uio->left) {
		count = write_piece(node, uio, *position);
		if (count <= 0)
			break;
		*position += (uint64_t)count;
		total += count;
	}
	if (total)
		return total;
	return count == -ENOMEM ? -ENOSPC : count;
}

static ssize_t data_write(struct file *file, struct uio *uio, uint64_t *position)
{
	struct node *node = node_of(file->inode);
	ssize_t count;

	mutex_lock(&node->data.write_lock);
	if (file->flags & O_APPEND || uio->append)
		*position = node->data.size;
	count = write_locked(node, uio, position);
	mutex_unlock(&node->data.write_lock);
	return count;
}

/* The copies that private areas have go as well, but not of the last page that is left, as on Linux. */
static void take_back_cut(struct node *node, uint64_t size) REQUIRES(node->data.write_lock)
{
	uint64_t end = data_pages(size);

	if (size % PAGE_SIZE)
		vm_object_unmap(&node->inode.pages, end - 1, end, VM_UNMAP_BORROWED);
	vm_object_unmap(&node->inode.pages, end, UINT64_MAX, VM_UNMAP_ALL);
}

static void truncate_locked(struct node *node, uint64_t size) REQUIRES(node->data.lock)
{
	struct data *data = &node->data;
	struct page *page;

	if (size < data->size) {
		data->lower_bytes = min(data->lower_bytes, size);
		pagetree_remove(&data->pages, data_pages(size), UINT64_MAX);
		page = pagetree_get(&data->pages, size >> PAGE_SHIFT);
		if (page)
			memset((uint8_t *)page_virt(page) + size % PAGE_SIZE, 0,
			       PAGE_SIZE - size % PAGE_SIZE);
	}
	data->size = size;
	data_changed(node);
}

static int change_size(struct node *node, uint64_t size) REQUIRES(node->data.write_lock)
{
	bool cut = size<node->data.size, grows = size> node->data.size;

	if ((cut && data_is_sealed(node, SEAL_SHRINK)) ||
	    (grows && data_is_sealed(node, SEAL_GROW)))
		return -EPERM;
	mutex_lock(&node->data.lock);
	truncate_locked(node, size);
	mutex_unlock(&node->data.lock);
	if (cut)
		take_back_cut(node, size);
	return 0;
}

int data_truncate(struct node *node, uint64_t size)
{
	int error;

	if (size > INT64_MAX)
		return -EINVAL;
	mutex_lock(&node->data.write_lock);
	error = change_size(node, size);
	mutex_unlock(&node->data.write_lock);
	return error;
}

static int file_truncate_data(struct file *file, uint64_t size)
{
	return data_truncate(node_of(file->inode), size);
}

/* Seeking */

/* The lower file counts as data, all of it. */
static int64_t seek_data(struct node *node, uint64_t at) REQUIRES(node->data.lock)
{
	uint64_t index = at >> PAGE_SHIFT;

	if (at < node->data.lower_bytes)
		return (int64_t)at;
	if (!pagetree_next(&node->data.pages, &index, data_pages(node->data.size)))
		return -ENXIO;
	return (int64_t)max(at, index << PAGE_SHIFT);
}

static int64_t seek_hole(struct node *node, uint64_t at) REQUIRES(node->data.lock)
{
	uint64_t index;

	at = max(at, align_down(node->data.lower_bytes, PAGE_SIZE));
	for (index = at >> PAGE_SHIFT; index < data_pages(node->data.size); index++)
		if (!pagetree_get(&node->data.pages, index) &&
		    index >= data_pages(node->data.lower_bytes))
			break;
	return (int64_t)min(max(at, index << PAGE_SHIFT), node->data.size);
}

static int64_t seek_within(struct node *node, int64_t offset, int whence) REQUIRES(node->data.lock)
{
	if (whence == FILE_SEEK_END)
		return add_overflows((int64_t)node->data.size, offset, &offset) ? -EOVERFLOW
										: offset;
	if (offset < 0 || (uint64_t)offset >= node->data.size)
		return -ENXIO;
	return whence == FILE_SEEK_DATA ? seek_data(node, (uint64_t)offset)
					: seek_hole(node, (uint64_t)offset);
}

static int64_t data_seek(struct file *file, int64_t offset, int whence)
{
	struct node *node = node_of(file->inode);

	if (whence == FILE_SEEK_CUR && add_overflows((int64_t)file->position, offset, &offset))
		return -EOVERFLOW;
	if (whence > FILE_SEEK_CUR) {
		mutex_lock(&node->data.lock);
		offset = seek_within(node, offset, whence);
		mutex_unlock(&node->data.lock);
	}
	return offset;
}

static const struct file_ops data_ops = {
	.read = data_read,
	.write = data_write,
	.seek = data_seek,
	.truncate = file_truncate_data,
	.fallocate = data_fallocate,
};

static int data_open(struct inode *inode, struct file *file)
{
	struct node *node = node_of(inode);
	uint64_t lent = 0;

	file->ops = &data_ops;
	if ((file->flags & O_ACCMODE) == O_RDONLY)
		return 0;
	mutex_lock(&node->data.lock);
	if (!node->data.opened_writable)
		lent = data_pages(node->data.lower_bytes);
	node->data.opened_writable = true;
	mutex_unlock(&node->data.lock);
	vm_object_unmap(&node->inode.pages, 0, lent, VM_UNMAP_BORROWED);
	if (lent && memfs_of(node)->lower->ops->page)
		vm_object_unmap(&node->inode.pages, 0, lent, VM_UNMAP_SHARED);
	return 0;
}

const struct inode_ops memfs_file_inode_ops = {
	NODE_ATTRIBUTE_OPS,
	.open = data_open,
	.destroy = node_destroy,
};
