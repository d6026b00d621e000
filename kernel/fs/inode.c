/* SPDX-License-Identifier: BSD-3-Clause */
/* Inodes: references, attributes, and the defaults of all file systems. Thread context. */
#include <fs/inode.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <fs/lock.h>
#include <fs/notify.h>
#include <mm/pages.h>

#include "internal.h"

enum { ACCESS_EXECUTE = 1, MODE_EXECUTE_ANY = 0111 };

/* Of all inodes' parent and name: a spinlock, so that a path can be made for /proc/self/maps under the space's lock, which is
 * taken under the file systems' locks where getdents faults. */
static struct spinlock places_lock = SPINLOCK_INIT;

void inode_init(struct inode *inode, const struct inode_ops *ops, struct filesystem *fs,
		uint32_t mode)
{
	*inode = (struct inode){ .ops = ops, .fs = fs, .refs = 1, .mode = mode };
}

struct inode *inode_get(struct inode *inode)
{
	uint32_t before = __atomic_fetch_add(&inode->refs, 1, __ATOMIC_RELAXED);

	assert(before);
	return inode;
}

/* A loop, since what a directory holds last is its parent: a removed chain may be long. */
void inode_put(struct inode *inode)
{
	while (inode && __atomic_sub_fetch(&inode->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		struct inode *parent = inode->parent;

		if (unlikely(inode->locks))
			file_locks_free(inode);
		inode->ops->destroy(inode);
		inode = parent;
	}
}

void inode_set_place(struct inode *inode, struct inode *parent, const char *name, size_t bytes)
{
	struct inode *before = NULL;

	if (name)
		inode_get(parent);
	spin_lock(&places_lock);
	if (name) {
		before = inode->parent;
		inode->parent = parent;
	}
	inode->name = name;
	inode->name_bytes = bytes;
	spin_unlock(&places_lock);
	inode_put(before);
}

struct inode *inode_place(struct inode *inode, char *name, size_t *bytes)
{
	struct inode *dir = NULL;

	spin_lock(&places_lock);
	if (inode->parent && inode->name && inode != inode->fs->root) {
		dir = inode_get(inode->parent);
		*bytes = inode->name_bytes;
		memcpy(name, inode->name, inode->name_bytes);
	}
	spin_unlock(&places_lock);
	return dir;
}

/* Writes the path to the buffer's end, from its end. Returns where it starts, or what was wrong. */
static ssize_t path_backwards(const struct inode *inode, const struct inode *root, char *buffer,
			      size_t size) REQUIRES(places_lock)
{
	size_t at = size;

	for (; inode != root; inode = inode->parent) {
		if (inode == inode->fs->root &&
		    inode->parent) /* a mounted one has its place's name */
			continue;
		if (inode == inode->fs->root && !root)
			break;
		if (!inode->parent || !inode->name)
			return -ENOENT;
		if (at < inode->name_bytes + 1)
			return -ERANGE;
		at -= inode->name_bytes;
		memcpy(buffer + at, inode->name, inode->name_bytes);
		buffer[--at] = '/';
	}
	if (at == size && at)
		buffer[--at] = '/';
	return at == size ? -ERANGE : (ssize_t)at;
}

ssize_t inode_path(struct inode *inode, const struct inode *root, char *buffer, size_t size)
{
	ssize_t at;
	size_t length;

	if (!size)
		return -ERANGE;
	spin_lock(&places_lock);
	at = path_backwards(inode, root, buffer, size - 1);
	spin_unlock(&places_lock);
	if (at < 0)
		return at;
	length = size - 1 - (size_t)at;
	memmove(buffer, buffer + at, length);
	buffer[length] = '\0';
	return (ssize_t)length + 1;
}

int inode_getattr(struct inode *inode, struct inode_attr *out)
{
	*out = (struct inode_attr){ .ino = inode->ino, .mode = inode->mode, .nlink = 1 };
	return inode->ops->getattr ? inode->ops->getattr(inode, out) : 0;
}

int inode_setattr(struct inode *inode, const struct inode_attr *attr, unsigned set)
{
	int error;

	if (!inode->ops->setattr)
		return -EPERM;
	if (set & INODE_SET_SIZE && __atomic_load_n(&inode->writers, __ATOMIC_ACQUIRE) < 0)
		return -ETXTBSY;
	mutex_lock(&inode->fs->lock);
	error = inode->ops->setattr(inode, attr, set);
	mutex_unlock(&inode->fs->lock);
	if (!error)
		notify_inode(inode, set & INODE_SET_SIZE ? NOTIFY_MODIFY : NOTIFY_ATTRIBUTES);
	return error;
}

ssize_t inode_get_xattr(struct inode *inode, const char *name, void *value, size_t size)
{
	if (!inode->ops->get_xattr)
		return -EOPNOTSUPP;
	mutex_lock(&inode->fs->lock);
	ssize_t result = inode->ops->get_xattr(inode, name, value, size);
	mutex_unlock(&inode->fs->lock);
	return result;
}

ssize_t inode_list_xattrs(struct inode *inode, char *names, size_t size)
{
	if (!inode->ops->list_xattrs)
		return 0;
	mutex_lock(&inode->fs->lock);
	ssize_t result = inode->ops->list_xattrs(inode, names, size);
	mutex_unlock(&inode->fs->lock);
	return result;
}

int inode_set_xattr(struct inode *inode, const char *name, const void *value, size_t bytes,
		    unsigned flags)
{
	if (!inode->ops->set_xattr)
		return -EOPNOTSUPP;
	mutex_lock(&inode->fs->lock);
	int error = inode->ops->set_xattr(inode, name, value, bytes, flags);
	mutex_unlock(&inode->fs->lock);
	if (!error)
		notify_inode(inode, NOTIFY_ATTRIBUTES);
	return error;
}

ssize_t inode_readlink(struct inode *inode, char *buffer, size_t size)
{
	if ((inode->mode & S_IFMT) != S_IFLNK || !inode->ops->readlink)
		return -EINVAL;
	return inode->ops->readlink(inode, buffer, size);
}

int inode_access(const struct inode *inode, unsigned mask)
{
	if (!(mask & ACCESS_EXECUTE) || (inode->mode & S_IFMT) == S_IFDIR)
		return 0;
	return inode->mode & MODE_EXECUTE_ANY ? 0 : -EACCES;
}

void inode_stats(const struct inode *inode, struct fs_stats *out)
{
	struct pages_stats memory = pages_stats();

	*out = (struct fs_stats){ .magic = inode->fs->magic };
	if (!inode->ops->setattr) /* made up, as /proc is: Linux gives zeros */
		return;
	out->blocks = memory.total_bytes >> PAGE_SHIFT;
	out->blocks_free = memfs_room() >> PAGE_SHIFT;
	out->files = out->blocks;
	out->files_free = out->blocks_free;
}
