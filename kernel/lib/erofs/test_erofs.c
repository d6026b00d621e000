/* SPDX-License-Identifier: BSD-3-Clause */
/* Images of mkfs.erofs, compared with the tree they were made from; and what damaged ones get. */
#define _GNU_SOURCE
#include <lib/crc32c.h>
#include <lib/erofs.h>

#include <base/errno.h>

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "test_image.h"
#include <lib/erofs_format.h>

static char tree[] = "/tmp/capuchin-tree-XXXXXX";

static const char *const variants[] = {
	"",
	"-Enoinline_data",
	"-Eforce-inode-extended",
	"-Eforce-inode-compact",
	"--chunksize=4096",
	"--chunksize=65536 -Eforce-inode-extended",
	"--chunksize=4096 -Eforce-chunk-indexes",
	"-x-1 -T1000000000",
};

static void check_content(const struct erofs *fs, const struct erofs_inode *inode, const char *path)
{
	uint8_t *want = malloc(inode->size + 1), *got = malloc(inode->size + 1);
	int fd = open(path, O_RDONLY);
	struct erofs_run run;
	uint64_t at = 0;

	assert_int_equal(read(fd, want, inode->size + 1), inode->size);
	close(fd);
	assert_int_equal(erofs_read(fs, inode, 0, got, inode->size + 1), inode->size);
	assert_memory_equal(got, want, inode->size);
	for (; at < inode->size; at += run.bytes) {
		assert_int_equal(erofs_map(fs, inode, at, &run), 0);
		assert_true(run.bytes && run.bytes <= inode->size - at);
	}
	assert_int_equal(erofs_map(fs, inode, inode->size, &run), -EINVAL);
	free(want);
	free(got);
}

static void check_inode(const struct erofs *fs, const struct erofs_inode *inode, const char *path)
{
	char want[IMAGE_LONG_LINK + 10], got[IMAGE_LONG_LINK + 10];
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(inode->mode, st.st_mode);
	assert_int_equal(inode->nlink, st.st_nlink);
	assert_int_equal(inode->uid, st.st_uid);
	if (S_ISREG(st.st_mode)) {
		assert_int_equal(inode->size, st.st_size);
		check_content(fs, inode, path);
	} else if (S_ISLNK(st.st_mode)) {
		assert_int_equal(inode->size, st.st_size);
		assert_int_equal(readlink(path, want, sizeof want), st.st_size);
		assert_int_equal(erofs_read(fs, inode, 0, got, sizeof got), st.st_size);
		assert_memory_equal(got, want, (size_t)st.st_size);
	} else if (S_ISCHR(st.st_mode)) {
		assert_int_equal(inode->major, 1);
		assert_int_equal(inode->minor, 3);
	}
}

static unsigned count_entries(const struct erofs *fs, const struct erofs_inode *dir)
{
	struct erofs_dirent entry;
	uint64_t position = 0;
	unsigned count = 0;
	int error;

	while (!(error = erofs_entry(fs, dir, &position, &entry)))
		count++;
	assert_int_equal(error, -ENOENT);
	return count;
}

static void check_dir(const struct erofs *fs, const struct erofs_inode *dir, const char *path)
{
	struct erofs_inode inode;
	struct erofs_dirent entry;
	struct dirent *host;
	unsigned count = 0;
	char below[512];
	DIR *d = opendir(path);

	assert_non_null(d);
	for (; (host = readdir(d)); count++) {
		assert_int_equal(erofs_lookup(fs, dir, host->d_name, strlen(host->d_name), &entry),
				 0);
		if (!strcmp(host->d_name, ".") || !strcmp(host->d_name, ".."))
			continue;
		assert_int_equal(erofs_load(fs, entry.nid, &inode), 0);
		snprintf(below, sizeof below, "%s/%s", path, host->d_name);
		check_inode(fs, &inode, below);
		if (S_ISDIR(inode.mode))
			check_dir(fs, &inode, below);
	}
	closedir(d);
	assert_int_equal(count_entries(fs, dir), count);
	assert_int_equal(erofs_lookup(fs, dir, "no such", 7, &entry), -ENOENT);
	assert_int_equal(erofs_lookup(fs, dir, "!", 1, &entry), -ENOENT);
	assert_int_equal(erofs_lookup(fs, dir, "\377", 1, &entry), -ENOENT);
}

/* The image as on a disk. */

static int read_image(void *context, uint64_t offset, void *out, size_t bytes)
{
	const struct image *image = context;

	assert_true(offset <= image->bytes && bytes <= image->bytes - offset);
	memcpy(out, (const char *)image->data + offset, bytes);
	return 0;
}

static int keep_block(void *context, uint64_t offset, size_t bytes, const void **out)
{
	const struct image *image = context;

	assert_true(offset % 4096 + bytes <= 4096 && offset <= image->bytes &&
		    bytes <= image->bytes - offset);
	*out = (const char *)image->data + offset;
	return 0;
}

static void check_behind_source(struct image *image)
{
	const struct erofs_source source = { read_image, keep_block, image };
	struct erofs_inode root;
	struct erofs fs;

	assert_int_equal(erofs_open_source(&fs, &source, image->bytes), 0);
	assert_int_equal(erofs_verify(&fs), 0);
	assert_int_equal(erofs_load(&fs, fs.root_nid, &root), 0);
	check_dir(&fs, &root, tree);
}

static int read_nothing(void *context, uint64_t offset, void *out, size_t bytes)
{
	(void)context;
	(void)offset;
	(void)out;
	(void)bytes;
	return -EIO;
}

static void errors_of_a_source_are_handed_on(void **state)
{
	const struct erofs_source source = { read_nothing, keep_block, NULL };
	struct erofs fs;

	(void)state;
	assert_int_equal(erofs_open_source(&fs, &source, 1 << 20), -EIO);
}

static void erofs_reads_what_mkfs_wrote(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
		struct image image = image_make(tree, variants[i]);
		struct erofs_inode root;
		struct erofs fs;

		assert_int_equal(erofs_open(&fs, image.data, image.bytes), 0);
		assert_int_equal(erofs_verify(&fs), 0);
		assert_int_equal(erofs_load(&fs, fs.root_nid, &root), 0);
		check_dir(&fs, &root, tree);
		check_behind_source(&image);
		free(image.data);
	}
}

static void erofs_keeps_hard_links_and_times(void **state)
{
	struct image image = image_make(tree, "-T1000000000");
	struct erofs_inode root, sub, inode;
	struct erofs_dirent a, b, dir;
	struct erofs fs;

	(void)state;
	assert_int_equal(erofs_open(&fs, image.data, image.bytes), 0);
	assert_int_equal(erofs_load(&fs, fs.root_nid, &root), 0);
	assert_int_equal(erofs_lookup(&fs, &root, "tail", 4, &a), 0);
	assert_int_equal(a.type, 1);
	assert_int_equal(erofs_lookup(&fs, &root, "sub", 3, &dir), 0);
	assert_int_equal(erofs_load(&fs, dir.nid, &sub), 0);
	assert_int_equal(erofs_lookup(&fs, &sub, "hard", 4, &b), 0);
	assert_int_equal(a.nid, b.nid);
	assert_int_equal(erofs_load(&fs, a.nid, &inode), 0);
	assert_int_equal(inode.mtime_seconds, 1000000000);
	assert_int_equal(erofs_lookup(&fs, &inode, "x", 1, &b), -ENOTDIR);
	free(image.data);
}

static void erofs_refuses_compression(void **state)
{
	struct image image = image_make(tree, "-zlz4hc");
	struct erofs fs;
	int error = erofs_open(&fs, image.data, image.bytes);

	(void)state;
	/* Zero padding alone is harmless: then it is the inodes that say so. */
	if (!error) {
		struct erofs_inode root, inode;
		struct erofs_dirent entry;

		assert_int_equal(erofs_load(&fs, fs.root_nid, &root), 0);
		assert_int_equal(erofs_lookup(&fs, &root, "big", 3, &entry), 0);
		error = erofs_load(&fs, entry.nid, &inode);
	}
	assert_int_equal(error, -EOPNOTSUPP);
	free(image.data);
}

static void erofs_notices_other_and_cut_images(void **state)
{
	struct image image = image_make(tree, "");
	struct erofs_super_block *super = (void *)((char *)image.data + EROFS_SUPER_OFFSET);
	struct erofs fs;

	(void)state;
	assert_int_equal(erofs_open(&fs, image.data, 0), -EINVAL);
	assert_int_equal(erofs_open(&fs, image.data, 1100), -EINVAL);
	assert_int_equal(erofs_open(&fs, image.data, image.bytes - 1), -EUCLEAN);
	assert_int_equal(erofs_open(&fs, image.data, 8192), -EUCLEAN);
	super->uuid[3] ^= 1;
	assert_int_equal(erofs_open(&fs, image.data, image.bytes), 0);
	assert_int_equal(erofs_verify(&fs), -EUCLEAN);
	super->blkszbits = 13;
	assert_int_equal(erofs_open(&fs, image.data, image.bytes), -EOPNOTSUPP);
	super->blkszbits = 12;
	super->feature_incompat = le32(0x80000008);
	assert_int_equal(erofs_open(&fs, image.data, image.bytes), -EOPNOTSUPP);
	assert_int_equal(fs.unsupported, 0x80000008);
	super->magic = le32(1);
	assert_int_equal(erofs_open(&fs, image.data, image.bytes), -EINVAL);
	free(image.data);
}

static void erofs_load_checks_the_node_number(void **state)
{
	struct image image = image_make(tree, "");
	struct erofs_inode inode;
	struct erofs fs;

	(void)state;
	assert_int_equal(erofs_open(&fs, image.data, image.bytes), 0);
	assert_int_equal(erofs_load(&fs, image.bytes / 32, &inode), -EUCLEAN);
	assert_int_equal(erofs_load(&fs, UINT64_MAX, &inode), -EUCLEAN);
	assert_int_equal(erofs_load(&fs, (uint64_t)1 << 59, &inode), -EUCLEAN);
	free(image.data);
}

static void crc32c_gives_the_known_sum(void **state)
{
	(void)state;
	assert_int_equal(crc32c(UINT32_MAX, "123456789", 9) ^ UINT32_MAX, 0xe3069283);
}

static int make_tree(void **state)
{
	(void)state;
	image_tree(tree);
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	image_remove_tree(tree);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(erofs_reads_what_mkfs_wrote),
		cmocka_unit_test(errors_of_a_source_are_handed_on),
		cmocka_unit_test(erofs_keeps_hard_links_and_times),
		cmocka_unit_test(erofs_refuses_compression),
		cmocka_unit_test(erofs_notices_other_and_cut_images),
		cmocka_unit_test(erofs_load_checks_the_node_number),
		cmocka_unit_test(crc32c_gives_the_known_sum),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
