/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EROFS directories: blocks that each hold sorted entries of fixed size followed by their names; the names of one block
 * sort before those of the next (erofs.rst, "Directories"). Any context.
 */
#include <lib/erofs.h>

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>

#include <lib/erofs_format.h>

enum { NAME_BYTES_MAX = 255, MODE_TYPE = 0170000, MODE_DIR = 0040000, POSITION_INDEX_BITS = 9 };

struct block {
	const uint8_t *data;
	unsigned bytes;
	unsigned count; /* entries, at least one */
};

static uint64_t block_count(const struct erofs *fs, const struct erofs_inode *dir)
{
	return (dir->size + BIT(fs->block_bits) - 1) >> fs->block_bits;
}

/* A directory's content cannot be larger than the image: no block of it may occur twice. */
static int check_dir(const struct erofs *fs, const struct erofs_inode *dir)
{
	if ((dir->mode & MODE_TYPE) != MODE_DIR)
		return -ENOTDIR;
	return dir->size <= fs->bytes ? 0 : -EUCLEAN;
}

static int load_block(const struct erofs *fs, const struct erofs_inode *dir, uint64_t number,
		      struct block *out)
{
	uint64_t start = number << fs->block_bits;
	const struct erofs_dirent_disk *first;
	struct erofs_run run;
	const void *data;
	unsigned names;
	int error = erofs_map(fs, dir, start, &run);

	if (error)
		return error;
	out->bytes = (unsigned)min((uint64_t)BIT(fs->block_bits), dir->size - start);
	if (run.offset == EROFS_HOLE || run.bytes < out->bytes || out->bytes < sizeof *first)
		return -EUCLEAN;
	error = erofs_block(fs, run.offset, out->bytes, &data);
	if (error)
		return error;
	out->data = data;
	first = data;
	names = le16_get(first->nameoff);
	if (names < sizeof *first || names >= out->bytes)
		return -EUCLEAN;
	out->count = names / sizeof *first;
	return 0;
}

static int load_entry(const struct block *block, unsigned index, struct erofs_dirent *out)
{
	const struct erofs_dirent_disk *disk = (const void *)block->data;
	unsigned start = le16_get(disk[index].nameoff), end = block->bytes;
	const uint8_t *nul;

	if (index + 1 < block->count)
		end = le16_get(disk[index + 1].nameoff);
	if (start < block->count * sizeof *disk || start >= end || end > block->bytes)
		return -EUCLEAN;
	out->nid = le64_get(disk[index].nid);
	out->type = disk[index].file_type;
	out->name = (const char *)block->data + start;
	out->length = end - start;
	if (index + 1 == block->count) { /* the last name ends with the block, or with a NUL */
		nul = memchr(out->name, 0, out->length);
		if (nul)
			out->length = (size_t)(nul - (block->data + start));
	}
	return out->length && out->length <= NAME_BYTES_MAX ? 0 : -EUCLEAN;
}

static int compare(const char *name, size_t length, const struct erofs_dirent *entry)
{
	int order = memcmp(name, entry->name, min(length, entry->length));

	if (order)
		return order;
	return length < entry->length ? -1 : length > entry->length;
}

/* The last block whose first name is not behind the one that is looked for. */
static int find_block(const struct erofs *fs, const struct erofs_inode *dir, const char *name,
		      size_t length, struct block *out)
{
	uint64_t low = 0, high = block_count(fs, dir);
	struct erofs_dirent first;
	struct block block;
	int error = -ENOENT;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		int bad = load_block(fs, dir, middle, &block);

		if (!bad)
			bad = load_entry(&block, 0, &first);
		if (bad)
			return bad;
		if (compare(name, length, &first) < 0) {
			high = middle;
		} else {
			low = middle + 1;
			*out = block;
			error = 0;
		}
	}
	return error;
}

int erofs_lookup(const struct erofs *fs, const struct erofs_inode *dir, const char *name,
		 size_t length, struct erofs_dirent *out)
{
	unsigned low = 0, high;
	struct block block;
	int error = check_dir(fs, dir);

	if (!error)
		error = find_block(fs, dir, name, length, &block);
	if (error)
		return error;
	high = block.count;
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order;

		error = load_entry(&block, middle, out);
		if (error)
			return error;
		order = compare(name, length, out);
		if (!order)
			return 0;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -ENOENT;
}

int erofs_entry(const struct erofs *fs, const struct erofs_inode *dir, uint64_t *position,
		struct erofs_dirent *out)
{
	uint64_t number = *position >> POSITION_INDEX_BITS;
	unsigned index = *position & (BIT(POSITION_INDEX_BITS) - 1);
	struct block block;
	int error = check_dir(fs, dir);

	for (; !error; number++, index = 0) {
		if (number >= block_count(fs, dir))
			return -ENOENT;
		error = load_block(fs, dir, number, &block);
		if (!error && index < block.count)
			break;
	}
	if (error)
		return error;
	error = load_entry(&block, index, out);
	if (!error && (memchr(out->name, '/', out->length) || memchr(out->name, 0, out->length)))
		error = -EUCLEAN;
	*position = (number << POSITION_INDEX_BITS) + index + 1;
	return error;
}
