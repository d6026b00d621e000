/* SPDX-License-Identifier: BSD-3-Clause */
/* An EROFS image as a lower tree: ids are the image's node numbers. It lies in memory, or on a disk and is read through its cache;
 * then pages of directories, once read, stay. */
#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <fs/block_cache.h>
#include <lib/erofs.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "internal.h"
#include "pagetree.h"

struct lower_erofs {
	struct lower lower;
	struct erofs image;
	const char *where; /* "initrd", "vda": for messages */

	/* Of one on a disk. */
	struct block_cache *cache;
	struct erofs_source source;
	struct mutex lock;
	struct pagetree kept; /* [lock] pages that are pointed into */
};

static const struct erofs *image_of(const struct lower *lower)
{
	return &container_of(lower, struct lower_erofs, lower)->image;
}

static int load(const struct lower *lower, uint64_t id, struct inode_attr *out)
{
	struct erofs_inode inode;
	int error = erofs_load(image_of(lower), id, &inode);

	if (error)
		return error;
	*out = (struct inode_attr){
		.mode = inode.mode,
		.nlink = inode.nlink,
		.uid = inode.uid,
		.gid = inode.gid,
		.size = inode.size,
		.rdev = DEVICE(inode.major, inode.minor),
		.mtime = { inode.mtime_seconds, inode.mtime_nanoseconds },
	};
	return 0;
}

static void convert(const struct erofs_dirent *entry, struct lower_entry *out)
{
	static const uint16_t types[] = { 0,       S_IFREG, S_IFDIR,  S_IFCHR,
					  S_IFBLK, S_IFIFO, S_IFSOCK, S_IFLNK };

	*out = (struct lower_entry){ .name = entry->name,
				     .length = entry->length,
				     .id = entry->nid };
	if (entry->type < countof(types))
		out->type = types[entry->type];
}

static int lookup(const struct lower *lower, uint64_t dir, const char *name, size_t length,
		  struct lower_entry *out)
{
	struct erofs_inode inode;
	struct erofs_dirent entry;
	int error = erofs_load(image_of(lower), dir, &inode);

	if (!error)
		error = erofs_lookup(image_of(lower), &inode, name, length, &entry);
	if (!error)
		convert(&entry, out);
	return error;
}

static int entry_at(const struct lower *lower, uint64_t dir, uint64_t *position,
		    struct lower_entry *out)
{
	struct erofs_inode inode;
	struct erofs_dirent entry;
	int error = erofs_load(image_of(lower), dir, &inode);

	if (!error)
		error = erofs_entry(image_of(lower), &inode, position, &entry);
	if (!error)
		convert(&entry, out);
	return error;
}

static int map(const struct lower *lower, uint64_t id, uint64_t offset, struct lower_run *out)
{
	struct erofs_inode inode;
	struct erofs_run run;
	int error = erofs_load(image_of(lower), id, &inode);

	if (!error)
		error = erofs_map(image_of(lower), &inode, offset, &run);
	if (!error)
		*out = (struct lower_run){ .data = run.data, .bytes = run.bytes, .mappable = true };
	return error;
}

static const struct lower_ops ops = {
	.load = load, .lookup = lookup, .entry = entry_at, .map = map
};

/* On a disk */

static int get_page(const struct lower_erofs *lower, uint64_t offset, struct page **out)
{
	return block_cache_get(lower->cache, offset >> PAGE_SHIFT, BLOCK_CACHE_AROUND, out);
}

static int find_run(const struct lower *lower, uint64_t id, uint64_t offset, struct erofs_run *out)
{
	struct erofs_inode inode;
	int error = erofs_load(image_of(lower), id, &inode);

	return error ? error : erofs_map(image_of(lower), &inode, offset, out);
}

static int map_disk(const struct lower *lower, uint64_t id, uint64_t offset, struct lower_run *out)
{
	struct erofs_run run;
	struct page *page;
	size_t within;
	int error = find_run(lower, id, offset, &run);

	if (error)
		return error;
	*out = (struct lower_run){ .bytes = run.bytes };
	if (run.offset == EROFS_HOLE)
		return 0;
	error = get_page(container_of(lower, struct lower_erofs, lower), run.offset, &page);
	if (error)
		return error;
	within = run.offset % PAGE_SIZE;
	out->page = page;
	out->data = (char *)page_virt(page) + within;
	out->bytes = min(run.bytes, (uint64_t)(PAGE_SIZE - within));
	return 0;
}

static int page_disk(const struct lower *lower, uint64_t id, uint64_t index, struct page **out)
{
	struct erofs_run run;
	int error = find_run(lower, id, index << PAGE_SHIFT, &run);

	*out = NULL;
	if (error || run.offset == EROFS_HOLE || run.offset % PAGE_SIZE || run.bytes < PAGE_SIZE)
		return error;
	return get_page(container_of(lower, struct lower_erofs, lower), run.offset, out);
}

static const struct lower_ops disk_ops = {
	.load = load, .lookup = lookup, .entry = entry_at, .map = map_disk, .page = page_disk
};

static int read_disk(void *context, uint64_t offset, void *out, size_t bytes)
{
	uint8_t *to = out;

	while (bytes) {
		size_t within = offset % PAGE_SIZE, step = min(bytes, PAGE_SIZE - within);
		struct page *page;
		int error = get_page(context, offset, &page);

		if (error)
			return error;
		memcpy(to, (char *)page_virt(page) + within, step);
		page_put(page);
		to += step;
		offset += step;
		bytes -= step;
	}
	return 0;
}

/** A block lies within a page. */
static int keep_block(void *context, uint64_t offset, size_t bytes, const void **out)
{
	struct lower_erofs *lower = context;
	uint64_t index = offset >> PAGE_SHIFT;
	struct page *page;
	int error = 0;

	if (offset % PAGE_SIZE + bytes > PAGE_SIZE)
		return -EUCLEAN;
	mutex_lock(&lower->lock);
	page = pagetree_get(&lower->kept, index);
	if (!page) {
		error = get_page(lower, offset, &page);
		if (!error)
			error = pagetree_add(&lower->kept, index, page);
		if (error && page)
			page_put(page);
	}
	mutex_unlock(&lower->lock);
	if (!error)
		*out = (char *)page_virt(page) + offset % PAGE_SIZE;
	return error;
}

/* Opening */

static int explain(const struct lower_erofs *lower, int error)
{
	const char *where = lower->where;

	switch (error) {
	case -EINVAL:
		log_error("%s: not an EROFS image", where);
		return -EUCLEAN;
	case -EUCLEAN:
		log_error("%s: the EROFS image is damaged, or was cut short", where);
		break;
	case -EOPNOTSUPP:
		if (lower->image.unsupported)
			log_error("%s: the EROFS image has features (0x%x) this kernel lacks; "
				  "make it without compression",
				  where, lower->image.unsupported);
		else
			log_error("%s: EROFS blocks of 2^%u bytes; make the image with 4096", where,
				  lower->image.block_bits);
		break;
	case -EIO:
		log_error("%s: the disk cannot be read", where);
	}
	return error;
}

static int finish(struct lower_erofs *lower, const struct lower_ops *with, int error,
		  const struct lower **out)
{
	if (!error)
		error = erofs_verify(&lower->image);
	if (error) {
		error = explain(lower, error);
		lower_erofs_destroy(&lower->lower);
		return error;
	}
	lower->lower = (struct lower){
		.ops = with, .root = lower->image.root_nid, .id_max = lower->image.bytes >> 5
	}; /* inodes are 32 bytes at least */
	*out = &lower->lower;
	return 0;
}

int lower_erofs_create(const void *image, uint64_t bytes, const struct lower **out)
{
	struct lower_erofs *lower = mem_zalloc(sizeof *lower);

	if (!lower)
		return -ENOMEM;
	lower->where = "initrd";
	return finish(lower, &ops, erofs_open(&lower->image, image, bytes), out);
}

int lower_erofs_create_disk(struct block_dev *dev, const struct lower **out)
{
	struct lower_erofs *lower = mem_zalloc(sizeof *lower);
	int error;

	if (!lower)
		return -ENOMEM;
	lower->where = dev->name;
	lower->source = (struct erofs_source){ read_disk, keep_block, lower };
	mutex_init(&lower->lock);
	error = block_cache_of(dev, &lower->cache);
	if (!error)
		error = erofs_open_source(&lower->image, &lower->source, dev->bytes);
	return finish(lower, &disk_ops, error, out);
}

void lower_erofs_destroy(const struct lower *lower)
{
	struct lower_erofs *erofs = container_of(lower, struct lower_erofs, lower);

	pagetree_remove(&erofs->kept, 0, UINT64_MAX);
	mem_free(erofs);
}
