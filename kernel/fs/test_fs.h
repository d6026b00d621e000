/* SPDX-License-Identifier: BSD-3-Clause */
/* For the tests of fs/: a mounted root and short forms of the calls. The kernel's headers come first: the host's define macros
 * of the same names and values. */
#pragma once

#include <fs/file.h>
#include <fs/memfs.h>
#include <fs/path.h>
#include <fs/pipe.h>
#include <fs/root.h>

#include <base/bits.h>
#include <base/errno.h>
#include <core/thread.h>
#include <mm/alloc.h>
#include <mm/pages.h>
#include <mm/space.h>

#include "../port/host/host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct path_context at;
static size_t blocks_before;

static inline void mount(const void *image, size_t bytes)
{
	threads_start(NULL, 0); /* the test is a thread */
	blocks_before = host_allocations();
	assert_int_equal(root_mount(image, bytes), 0);
	at = (struct path_context){ .root = root_directory(),
				    .cwd = root_directory(),
				    .umask = 022 };
}

/* Nothing may be left over. */
static inline void unmount(void)
{
	root_unmount();
	assert_int_equal(host_allocations(), blocks_before);
}

static inline int open_at(const char *path, unsigned flags, struct file **out)
{
	return path_open(&at, NULL, path, flags, 0666, out);
}

/* The error of opening, and nothing more. */
static inline int try_open(const char *path, unsigned flags)
{
	struct file *file;
	int error = open_at(path, flags, &file);

	if (!error)
		file_put(file);
	return error;
}

static inline ssize_t file_put_bytes(struct file *file, const void *bytes, size_t count)
{
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, (void *)bytes, count);
	return file_write(file, &uio);
}

static inline ssize_t file_get_bytes(struct file *file, void *bytes, size_t count)
{
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, bytes, count);
	return file_read(file, &uio);
}

static inline ssize_t put_at(struct file *file, const void *bytes, size_t count, uint64_t position)
{
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, (void *)bytes, count);
	return file_write_at(file, &uio, position);
}

static inline ssize_t get_at(struct file *file, void *bytes, size_t count, uint64_t position)
{
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, bytes, count);
	return file_read_at(file, &uio, position);
}

static inline int make_file(const char *path, const char *text)
{
	struct file *file;
	int error = open_at(path, O_CREAT | O_WRONLY | O_TRUNC, &file);
	ssize_t count;

	if (error)
		return error;
	count = file_put_bytes(file, text, strlen(text));
	file_put(file);
	if (count >= 0)
		assert_int_equal(count, strlen(text));
	return count < 0 ? (int)count : 0;
}

/* Whether a file has this text. */
static inline bool has_text(const char *path, const char *text)
{
	char buffer[512];
	struct file *file;
	ssize_t count;

	if (open_at(path, O_RDONLY, &file))
		return false;
	count = file_get_bytes(file, buffer, sizeof buffer);
	file_put(file);
	return count == (ssize_t)strlen(text) && !memcmp(buffer, text, (size_t)count);
}

static inline int get_attr(const char *path, struct inode_attr *attr)
{
	struct inode *inode;
	int error = path_lookup(&at, NULL, path, PATH_NOFOLLOW, &inode);

	if (error)
		return error;
	error = inode_getattr(inode, attr);
	inode_put(inode);
	return error;
}

static inline int exists(const char *path)
{
	struct inode_attr attr;

	return get_attr(path, &attr);
}

static inline unsigned nlink(const char *path)
{
	struct inode_attr attr;

	assert_int_equal(get_attr(path, &attr), 0);
	return attr.nlink;
}

static inline int make_dir(const char *path)
{
	return path_mknod(&at, NULL, path, S_IFDIR | 0777, 0);
}

static inline int unlink_at(const char *path)
{
	return path_unlink(&at, NULL, path);
}

static inline int rmdir_at(const char *path)
{
	return path_rmdir(&at, NULL, path);
}

static inline int rename_at(const char *from, const char *to, unsigned flags)
{
	return path_rename(&at, NULL, from, NULL, to, flags);
}

static inline int symlink_at(const char *target, const char *path)
{
	return path_symlink(&at, NULL, path, target);
}

static inline int link_at(const char *from, const char *to)
{
	struct inode *inode;
	int error = path_lookup(&at, NULL, from, PATH_NOFOLLOW, &inode);

	if (error)
		return error;
	error = path_link(&at, inode, NULL, to);
	inode_put(inode);
	return error;
}

/* A directory as "name/name/...", in order of names, taken `batch` entries a call. */
struct lister {
	struct dir_sink sink;
	char (*names)[256];
	unsigned count, left;
};

static inline bool list_one(struct dir_sink *sink, const char *name, size_t length, uint64_t ino,
			    unsigned type, uint64_t cookie)
{
	struct lister *l = container_of(sink, struct lister, sink);

	if (!l->left)
		return false;
	assert_true(length && length < 256 && ino && type && cookie && cookie < INT64_MAX);
	memcpy(l->names[l->count], name, length);
	l->names[l->count][length] = '\0';
	l->count++;
	l->left--;
	return true;
}

static inline int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

enum { LIST_MAX = 2000 };

static inline unsigned list(const char *path, unsigned batch, char (*names)[256])
{
	struct lister l = { .sink.entry = list_one, .names = names };
	struct file *file;
	unsigned before;

	assert_int_equal(open_at(path, O_RDONLY | O_DIRECTORY, &file), 0);
	do {
		before = l.count;
		l.left = batch;
		assert_int_equal(file_iterate(file, &l.sink), 0);
	} while (l.count != before);
	file_put(file);
	qsort(names, l.count, 256, compare_names);
	return l.count;
}

/* Whether the directory has exactly these names, "." and ".." aside; `want` is sorted, with a blank between. */
static inline bool lists(const char *path, const char *want)
{
	char(*names)[256] = malloc(LIST_MAX * 256), text[4096] = "";
	bool same;

	for (unsigned batch = 1; batch < 100; batch += 33) {
		unsigned count = list(path, batch, names);

		text[0] = '\0';
		for (unsigned i = 0; i < count; i++) {
			if (!strcmp(names[i], ".") || !strcmp(names[i], ".."))
				continue;
			strcat(text, text[0] ? " " : "");
			strcat(text, names[i]);
		}
		same = !strcmp(text, want);
		if (!same) {
			print_message("%s has: %s\n", path, text);
			break;
		}
	}
	free(names);
	return same;
}
