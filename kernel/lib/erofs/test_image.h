/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For tests: images made by mkfs.erofs from a tree on the host. image_tree() fills an empty directory with one of
 * everything; image_make() runs mkfs.erofs and returns the image in page-aligned memory.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

struct image {
	void *data;
	size_t bytes;
};

enum { IMAGE_LONG_LINK = 3000, IMAGE_MANY = 700 };

static inline void image_require(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "cannot prepare a test image: %s: %s\n", what, strerror(errno));
	abort();
}

/* Content that tells where in the file it is. */
static inline uint8_t image_byte(size_t at)
{
	return (uint8_t)(at * 7 + at / 251 + at / 4096 * 13);
}

static inline void image_file(const char *dir, const char *name, size_t bytes)
{
	char path[512];
	uint8_t *data = malloc(bytes + 1);
	int fd;

	for (size_t i = 0; i < bytes; i++)
		data[i] = image_byte(i);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
	image_require(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes, path);
	close(fd);
	free(data);
}

static inline void image_dir(const char *dir, const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	image_require(!mkdir(path, 0755), path);
}

static inline void image_links(const char *dir)
{
	char path[512], other[512], text[IMAGE_LONG_LINK + 1];

	memset(text, 'x', IMAGE_LONG_LINK);
	text[IMAGE_LONG_LINK] = '\0';
	snprintf(path, sizeof path, "%s/longlink", dir);
	image_require(!symlink(text, path), path);
	snprintf(path, sizeof path, "%s/link", dir);
	image_require(!symlink("sub/inner/file", path), path);
	snprintf(path, sizeof path, "%s/dirlink", dir);
	image_require(!symlink("/sub", path), path);
	snprintf(path, sizeof path, "%s/loop", dir);
	image_require(!symlink("loop", path), path);
	snprintf(path, sizeof path, "%s/tail", dir);
	snprintf(other, sizeof other, "%s/sub/hard", dir);
	image_require(!link(path, other), other);
}

/* Fills `dir`, a template for mkdtemp(). */
static inline void image_tree(char *dir)
{
	static const struct {
		const char *name;
		size_t bytes;
	} files[] = {
		{ "empty", 0 },
		{ "small", 11 },
		{ "tail", 5000 },
		{ "block", 4096 },
		{ "big", 300000 },
		{ "sub/inner/file", 123 },
		{ "sub/two-blocks", 8192 },
		{ "nearly", 4095 },
		{ "sub/more", 4097 },
	};
	char path[512];

	image_require(!!mkdtemp(dir), dir);
	image_dir(dir, "sub");
	image_dir(dir, "sub/inner");
	image_dir(dir, "many");
	image_dir(dir, "emptydir");
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		image_file(dir, files[i].name, files[i].bytes);
	for (int i = 0; i < IMAGE_MANY; i++) {
		snprintf(path, sizeof path, "many/entry-number-%d", i * 37 % IMAGE_MANY);
		image_file(dir, path, (size_t)i % 5);
	}
	image_links(dir);
	snprintf(path, sizeof path, "%s/fifo", dir);
	image_require(!mkfifo(path, 0600), path);
	snprintf(path, sizeof path, "%s/device", dir);
	if (mknod(path, S_IFCHR | 0600, makedev(1, 3))) /* wants root */
		image_file(dir, "device", 0);
	snprintf(path, sizeof path, "%s/small", dir);
	setxattr(path, "user.note", "some text", 9, 0); /* where the host can */
	chmod(path, 04755);
}

static inline void image_remove_tree(const char *dir)
{
	char command[512];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	image_require(!system(command), command);
}

static inline struct image image_load(const char *path)
{
	struct image image = { NULL, 0 };
	struct stat st;
	int fd = open(path, O_RDONLY);

	image_require(fd >= 0 && !fstat(fd, &st), path);
	image.bytes = (size_t)st.st_size;
	image_require(!posix_memalign(&image.data, 4096, image.bytes), "memory");
	image_require(read(fd, image.data, image.bytes) == (ssize_t)image.bytes, path);
	close(fd);
	return image;
}

static inline struct image image_make(const char *dir, const char *options)
{
	char path[64] = "/tmp/capuchin-image-XXXXXX", command[512];
	struct image image;
	int fd = mkstemp(path);

	image_require(fd >= 0, path);
	close(fd);
	snprintf(command, sizeof command, "mkfs.erofs %s %s %s >/dev/null 2>&1", options, path,
		 dir);
	image_require(!system(command), command);
	image = image_load(path);
	unlink(path);
	return image;
}
