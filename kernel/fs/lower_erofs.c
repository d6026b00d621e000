/* SPDX-License-Identifier: BSD-3-Clause */
/* An EROFS image as a lower tree: ids are the image's node numbers. */
#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <lib/erofs.h>
#include <mm/alloc.h>

#include "internal.h"

struct lower_erofs {
	struct lower lower;
	struct erofs image;
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
		*out = (struct lower_run){ run.data, run.bytes, true };
	return error;
}

static const struct lower_ops ops = { load, lookup, entry_at, map };

static int open_image(struct erofs *image, const void *data, uint64_t bytes)
{
	int error = erofs_open(image, data, bytes);

	if (!error)
		error = erofs_verify(image);
	switch (error) {
	case -EINVAL:
		log_error("initrd: not an EROFS image");
		return -EUCLEAN;
	case -EUCLEAN:
		log_error("initrd: the EROFS image is damaged, or was cut short");
		break;
	case -EOPNOTSUPP:
		if (image->unsupported)
			log_error("initrd: the EROFS image has features (0x%x) this kernel lacks; "
				  "make it without compression",
				  image->unsupported);
		else
			log_error("initrd: EROFS blocks of 2^%u bytes; make the image with 4096",
				  image->block_bits);
	}
	return error;
}

int lower_erofs_create(const void *image, uint64_t bytes, const struct lower **out)
{
	struct lower_erofs *lower = mem_alloc(sizeof *lower);
	int error;

	if (!lower)
		return -ENOMEM;
	error = open_image(&lower->image, image, bytes);
	if (error) {
		mem_free(lower);
		return error;
	}
	lower->lower = (struct lower){ .ops = &ops,
				       .root = lower->image.root_nid,
				       .id_max = bytes >> 5 }; /* inodes are 32 bytes at least */
	*out = &lower->lower;
	return 0;
}

void lower_erofs_destroy(const struct lower *lower)
{
	mem_free(container_of(lower, struct lower_erofs, lower));
}
