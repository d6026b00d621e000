/* SPDX-License-Identifier: BSD-3-Clause */
/* Open directories. The position is the cookie of the entry last taken; "." and ".." are made here. */
#include <base/errno.h>

#include "internal.h"

enum { COOKIE_DOT = 1, COOKIE_DOTDOT = 2 };

/* Hands on to another sink, and remembers how far it got. */
struct position_sink {
	struct dir_sink sink;
	struct dir_sink *out;
	struct file *file;
};

static bool take(struct dir_sink *sink, const char *name, size_t length, uint64_t ino,
		 unsigned type, uint64_t cookie)
{
	struct position_sink *s = container_of(sink, struct position_sink, sink);

	if (!s->out->entry(s->out, name, length, ino, type, cookie))
		return false;
	s->file->position = cookie;
	return true;
}

static struct inode *parent_of(struct inode *dir)
{
	while (dir == dir->fs->root && dir->parent)
		dir = dir->parent; /* where it is mounted */
	return dir->parent ? dir->parent : dir;
}

static int dir_iterate(struct file *file, struct dir_sink *out)
{
	struct position_sink s = { .sink.entry = take, .out = out, .file = file };
	struct inode *dir = file->inode;
	int error;

	if (!dir->name && dir != dir->fs->root)
		return -ENOENT; /* removed */
	if (file->position < COOKIE_DOT && !take(&s.sink, ".", 1, dir->ino, S_IFDIR, COOKIE_DOT))
		return 0;
	if (file->position < COOKIE_DOTDOT &&
	    !take(&s.sink, "..", 2, parent_of(dir)->ino, S_IFDIR, COOKIE_DOTDOT))
		return 0;
	if (!dir->ops->iterate)
		return 0;
	mutex_lock(&dir->fs->lock);
	error = dir->ops->iterate(dir, file->position, &s.sink);
	mutex_unlock(&dir->fs->lock);
	return error;
}

static int64_t dir_seek(struct file *file, int64_t offset, int whence)
{
	if (whence == FILE_SEEK_SET)
		return offset;
	return whence == FILE_SEEK_CUR ? (int64_t)file->position + offset : -EINVAL;
}

static ssize_t dir_read(struct file *file, struct uio *uio, uint64_t *position)
{
	(void)file;
	(void)uio;
	(void)position;
	return -EISDIR;
}

const struct file_ops dir_file_ops = {
	.read = dir_read,
	.seek = dir_seek,
	.iterate = dir_iterate,
};
