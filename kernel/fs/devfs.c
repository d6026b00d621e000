/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What /dev has at first: a lower tree for memfs in a table, so it costs nothing at boot and can be changed like any
 * other directory. Ids are indexes of the table.
 */
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>

#include "internal.h"

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
	{ "zero", S_IFCHR | 0666, 1, 5, NULL },
};

static void fill(uint64_t id, struct lower_entry *out)
{
	*out = (struct lower_entry){ .name = entries[id].name,
				     .length = strlen(entries[id].name),
				     .id = id,
				     .type = entries[id].mode & S_IFMT };
}

static int load(const struct lower *lower, uint64_t id, struct inode_attr *out)
{
	const struct dev_entry *entry = &entries[id];

	(void)lower;
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
	return -ENOENT;
}

static int entry_at(const struct lower *lower, uint64_t dir, uint64_t *position,
		    struct lower_entry *out)
{
	(void)lower;
	if (dir || *position >= countof(entries) - 1)
		return -ENOENT;
	fill(++*position, out);
	return 0;
}

static int map(const struct lower *lower, uint64_t id, uint64_t offset, struct lower_run *out)
{
	const char *target = entries[id].target;

	(void)lower;
	*out = (struct lower_run){ .data = target + offset, .bytes = strlen(target) - offset };
	return 0;
}

static const struct lower_ops ops = { load, lookup, entry_at, map };

const struct lower devfs_lower = { .ops = &ops, .root = 0, .id_max = countof(entries) };
