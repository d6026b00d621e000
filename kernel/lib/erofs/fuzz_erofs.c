/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as an image: walked as a program would, with a bound on the steps. */
#include <lib/erofs.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { STEPS_MAX = 2000, DEPTH_MAX = 8 };

static unsigned steps, sum;

static void touch(const struct erofs *fs, const struct erofs_inode *inode)
{
	struct erofs_run run;

	for (uint64_t at = 0; at < inode->size && steps++ < STEPS_MAX; at += run.bytes) {
		if (erofs_map(fs, inode, at, &run))
			return;
		if (!run.bytes || run.bytes > inode->size - at)
			abort();
		if (run.data)
			sum += ((const uint8_t *)run.data)[0] +
			       ((const uint8_t *)run.data)[run.bytes - 1];
	}
}

static void walk(const struct erofs *fs, uint64_t nid, unsigned depth)
{
	struct erofs_dirent entry, found;
	struct erofs_inode inode;
	uint64_t position = 0;

	if (steps++ > STEPS_MAX || depth > DEPTH_MAX || erofs_load(fs, nid, &inode))
		return;
	touch(fs, &inode);
	while (steps++ < STEPS_MAX && !erofs_entry(fs, &inode, &position, &entry)) {
		if (!entry.length || entry.length > 255)
			abort();
		for (size_t i = 0; i < entry.length; i++)
			sum += (uint8_t)entry.name[i];
		if (!erofs_lookup(fs, &inode, entry.name, entry.length, &found))
			sum += (unsigned)found.nid;
		walk(fs, entry.nid, depth + 1);
	}
	position = sum;
	if (!erofs_entry(fs, &inode, &position, &entry))
		sum += (uint8_t)entry.name[0];
}

/* The same image behind a source, each read of which must lie within it. */
struct image {
	const uint8_t *data;
	size_t bytes;
};

static int read_image(void *context, uint64_t offset, void *out, size_t bytes)
{
	const struct image *image = context;

	if (offset > image->bytes || bytes > image->bytes - offset)
		abort();
	memcpy(out, image->data + offset, bytes);
	return 0;
}

static int keep_block(void *context, uint64_t offset, size_t bytes, const void **out)
{
	const struct image *image = context;

	if (offset > image->bytes || bytes > image->bytes - offset || bytes > 4096)
		abort();
	*out = image->data + offset;
	return 0;
}

static void walk_all(const struct erofs *fs)
{
	steps = 0;
	sum += (unsigned)erofs_verify(fs);
	walk(fs, fs->root_nid, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct image image = { data, bytes };
	const struct erofs_source source = { read_image, keep_block, &image };
	struct erofs fs;
	int error = erofs_open(&fs, data, bytes);

	if (!error)
		walk_all(&fs);
	if (erofs_open_source(&fs, &source, bytes) != error)
		abort();
	if (!error)
		walk_all(&fs);
	return 0;
}
