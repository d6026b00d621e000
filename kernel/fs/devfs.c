/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What /dev has at first: a lower tree for memfs in a table, so it costs nothing at boot and can be changed like any
 * other directory; behind it the disks and partitions, which are looked for when they are asked for. Ids are indexes of the table,
 * then BLOCK_ID and more: a disk's number and a partition's.
 */
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <class/block.h>

#include "internal.h"

enum { BLOCK_ID = 1 << 16, BLOCK_MODE = S_IFBLK | 0660 };

struct dev_entry {
	char name[10];
	uint16_t mode;
	uint8_t major, minor;
	const char *target; /* of a symbolic link */
};

/* Entry 0 is the directory itself. */
static const struct dev_entry entries[] = {
	{ "", S_IFDIR | 0755, 0, 0, NULL },
	{ "console", S_IFCHR | 0600, 5, 1, NULL },
	{ "fd", S_IFLNK | 0777, 0, 0, "/proc/self/fd" },
	{ "full", S_IFCHR | 0666, 1, 7, NULL },
	{ "null", S_IFCHR | 0666, 1, 3, NULL },
	{ "random", S_IFCHR | 0666, 1, 8, NULL },
	{ "shm", S_IFDIR | 01777, 0, 0, NULL },
	{ "stderr", S_IFLNK | 0777, 0, 0, "/proc/self/fd/2" },
	{ "stdin", S_IFLNK | 0777, 0, 0, "/proc/self/fd/0" },
	{ "stdout", S_IFLNK | 0777, 0, 0, "/proc/self/fd/1" },
	{ "tty", S_IFCHR | 0666, 5, 0, NULL },
	{ "urandom", S_IFCHR | 0666, 1, 9, NULL },
	{ "vsock", S_IFCHR | 0666, MAJOR_MISC, MINOR_VSOCK, NULL },
	{ "zero", S_IFCHR | 0666, 1, 5, NULL },
};

static void fill(uint64_t id, struct lower_entry *out)
{
	*out = (struct lower_entry){ .name = entries[id].name,
				     .length = strlen(entries[id].name),
				     .id = id,
				     .type = entries[id].mode & S_IFMT };
}

/* Disks */

static uint64_t block_id(const struct block_dev *dev)
{
	return BLOCK_ID + (uint64_t)dev->disk * BLOCK_MINORS + dev->partition;
}

static void fill_block(const struct block_dev *dev, struct lower_entry *out)
{
	*out = (struct lower_entry){
		.name = dev->name, .length = strlen(dev->name), .id = block_id(dev), .type = S_IFBLK
	};
}

static int load_block(uint64_t id, struct inode_attr *out)
{
	for (struct block_dev *dev = block_next(NULL); dev; dev = block_next(dev)) {
		if (block_id(dev) != id)
			continue;
		*out = (struct inode_attr){ .mode = BLOCK_MODE,
					    .nlink = 1,
					    .rdev = block_device_number(dev) };
		return 0;
	}
	return -ENOENT;
}

static int lookup_block(const char *name, size_t length, struct lower_entry *out)
{
	char text[sizeof(((struct block_dev *)0)->name)];
	struct block_dev *dev;

	if (length >= sizeof(text) || !block_next(NULL))
		return -ENOENT;
	memcpy(text, name, length);
	text[length] = 0;
	dev = block_find(text);
	if (!dev)
		return -ENOENT;
	fill_block(dev, out);
	return 0;
}

/** The entry behind that with this id; 0: the first. */
static int next_block(uint64_t after, struct lower_entry *out)
{
	const struct block_dev *best = NULL;

	if (!after)
		block_scan_all();
	for (struct block_dev *dev = block_next(NULL); dev; dev = block_next(dev))
		if (block_id(dev) > after && (!best || block_id(dev) < block_id(best)))
			best = dev;
	if (!best)
		return -ENOENT;
	fill_block(best, out);
	return 0;
}

/* All */

static int load(const struct lower *lower, uint64_t id, struct inode_attr *out)
{
	const struct dev_entry *entry = &entries[id < countof(entries) ? id : 0];

	(void)lower;
	if (id >= BLOCK_ID)
		return load_block(id, out);
	*out = (struct inode_attr){ .mode = entry->mode,
				    .nlink = id ? 1 : 3,
				    .rdev = DEVICE(entry->major, entry->minor) };
	if (entry->target)
		out->size = strlen(entry->target);
	if (id && (entry->mode & S_IFMT) == S_IFDIR)
		out->nlink = 2;
	return 0;
}

static int lookup(const struct lower *lower, uint64_t dir, const char *name, size_t length,
		  struct lower_entry *out)
{
	(void)lower;
	for (size_t i = 1; !dir && i < countof(entries); i++) {
		if (strncmp(entries[i].name, name, length) || entries[i].name[length])
			continue;
		fill(i, out);
		return 0;
	}
	return dir ? -ENOENT : lookup_block(name, length, out);
}

static int entry_at(const struct lower *lower, uint64_t dir, uint64_t *position,
		    struct lower_entry *out)
{
	(void)lower;
	if (dir)
		return -ENOENT;
	if (*position < countof(entries) - 1) {
		fill(++*position, out);
		return 0;
	}
	if (next_block(*position >= BLOCK_ID ? *position : 0, out))
		return -ENOENT;
	*position = out->id;
	return 0;
}

static int map(const struct lower *lower, uint64_t id, uint64_t offset, struct lower_run *out)
{
	const char *target = entries[id].target;

	(void)lower;
	*out = (struct lower_run){ .data = target + offset, .bytes = strlen(target) - offset };
	return 0;
}

static const struct lower_ops ops = {
	.load = load, .lookup = lookup, .entry = entry_at, .map = map
};

const struct lower devfs_lower = { .ops = &ops, .root = 0, .id_max = UINT32_MAX };
