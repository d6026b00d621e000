/* SPDX-License-Identifier: BSD-3-Clause */
/* open(2) by path. Thread context. */
#include <base/errno.h>
#include <base/string.h>
#include <fs/notify.h>
#include <fs/path.h>
#include <mm/alloc.h>

#include "walk.h"

/* O_TMPFILE contains O_DIRECTORY */
enum { TMPFILE_ALONE = O_TMPFILE & ~O_DIRECTORY, MODE_BITS = 07777 };

struct open {
	const struct path_context *context;
	unsigned flags;
	uint32_t mode;
	bool created;
	bool magic; /* reached by a link that is no path: nothing to be known about its name */
	struct inode *inode; /* [reference] */
};

static int create_locked(struct walk *walk, struct open *o)
{
	struct inode *dir = walk->dir;
	int error = dir->ops->lookup(dir, walk->name, walk->length, &o->inode);

	if (error != -ENOENT)
		return error;
	if (!dir->ops->create)
		return -ENOENT; /* as Linux's /proc */
	o->created = true;
	return dir->ops->create(dir, walk->name, walk->length,
				S_IFREG | (o->mode & MODE_BITS & ~(o->context->umask & 0777)), 0,
				&o->inode);
}

/* The last component: finds it, or makes it. */
static int find_last(struct walk *walk, struct open *o)
{
	int error;

	if (!(o->flags & O_CREAT))
		return walk_last(walk, &o->inode);
	if (walk->last != WALK_NAME)
		return o->flags & O_EXCL ? -EEXIST : -EISDIR;
	if (walk->slash)
		return -EISDIR;
	error = walk_last(walk, &o->inode); /* usually there: crosses mounts */
	if (error == -ENOENT) {
		mutex_lock(&walk->dir->fs->lock);
		error = create_locked(walk, o);
		mutex_unlock(&walk->dir->fs->lock);
		if (o->created && !error)
			notify_name(walk->dir, &(struct notify_event){ .mask = NOTIFY_CREATE,
								       .name = walk->name,
								       .length = walk->length });
	}
	if (!error && !o->created && o->flags & O_EXCL) {
		inode_put(o->inode);
		error = -EEXIST;
	}
	return error;
}

/* Walks to what is to be opened, through links. */
static int find(struct walk *walk, struct open *o)
{
	struct inode *link;
	int error;

	for (;;) {
		error = walk_parent(walk);
		if (!error)
			error = find_last(walk, o);
		if (error)
			return error;
		if ((o->inode->mode & S_IFMT) != S_IFLNK || (o->flags & O_NOFOLLOW && !walk->slash))
			return 0;
		link = o->inode;
		error = walk_follow(walk, link, &o->inode);
		inode_put(link);
		o->magic = !error && o->inode;
		if (error || o->magic)
			return error;
	}
}

static int check(const struct walk *walk, const struct open *o)
{
	uint32_t type = o->inode->mode & S_IFMT;
	bool writes = (o->flags & O_ACCMODE) != O_RDONLY || o->flags & O_TRUNC;

	if (type != S_IFDIR && (o->flags & O_DIRECTORY || (walk->slash && !o->magic)))
		return -ENOTDIR;
	if (o->flags & O_PATH)
		return 0;
	if (type == S_IFLNK)
		return -ELOOP;
	if (type == S_IFDIR && (writes || o->flags & O_CREAT))
		return -EISDIR;
	return 0;
}

/* The path of what was opened, from the place of its directory. NULL where unknown. */
static char *path_of(const struct walk *walk, const struct open *o)
{
	enum { GUESS = 64 };
	size_t size = GUESS, name = walk->last == WALK_NAME ? walk->length : 0;
	bool own_place = o->magic || !name || (o->inode->mode & S_IFMT) == S_IFDIR;
	char *path = NULL, *larger;
	ssize_t length;

	do {
		larger = mem_resize(path, size + 1 + name);
		if (!larger)
			break;
		path = larger;
		length = inode_path(own_place ? o->inode : walk->dir, NULL, path, size);
		size *= 2;
	} while (length == -ERANGE && size <= PATH_MAX);
	if (!larger || length < 0) {
		mem_free(path);
		return NULL;
	}
	if (own_place)
		return path;
	if (length > 2) /* "/" is its own slash */
		path[length++ - 1] = '/';
	memcpy(path + length - 1, walk->name, name);
	path[(size_t)length - 1 + name] = '\0';
	return path;
}

static int open_found(const struct walk *walk, struct open *o, struct file **out)
{
	struct inode_attr empty = { .size = 0 };
	int error = check(walk, o);

	if (!error && o->flags & O_TRUNC && !o->created && (o->inode->mode & S_IFMT) == S_IFREG)
		error = inode_setattr(o->inode, &empty, INODE_SET_SIZE);
	if (error == -EPERM) /* nothing to truncate: a file of /proc */
		error = 0;
	if (!error)
		error = file_open_inode(o->inode, o->flags, out);
	if (error)
		return error;
	(*out)->path = path_of(walk, o);
	if (!(o->flags & O_PATH))
		notify_inode(o->inode, NOTIFY_OPEN);
	return 0;
}

static int open_unnamed(struct walk *walk, struct open *o, struct file **out)
{
	struct inode *dir;
	int error;

	if ((o->flags & O_ACCMODE) == O_RDONLY || !(o->flags & O_DIRECTORY))
		return -EINVAL;
	error = path_lookup(o->context, walk->dir, walk->rest, PATH_DIRECTORY, &dir);
	if (error)
		return error;
	if (dir->ops->tmpfile) {
		mutex_lock(&dir->fs->lock);
		error = dir->ops->tmpfile(
			dir, S_IFREG | (o->mode & MODE_BITS & ~(o->context->umask & 0777)),
			&o->inode);
		mutex_unlock(&dir->fs->lock);
	} else {
		error = -EOPNOTSUPP;
	}
	inode_put(dir);
	if (error)
		return error;
	error = file_open_inode(o->inode, o->flags & ~(unsigned)O_TMPFILE, out);
	inode_put(o->inode);
	return error;
}

int path_open(const struct path_context *context, struct inode *base, const char *path,
	      unsigned open_flags, uint32_t mode, struct file **out)
{
	struct open o = { .context = context, .flags = open_flags, .mode = mode };
	struct walk walk;
	int error;

	if (o.flags & O_PATH)
		o.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if ((o.flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return -EINVAL;
	if (o.flags & O_CREAT && o.flags & O_EXCL)
		o.flags |= O_NOFOLLOW;
	walk_init(&walk, context, base, path);
	if (o.flags & TMPFILE_ALONE) {
		error = open_unnamed(&walk, &o, out);
	} else {
		error = find(&walk, &o);
		if (!error) {
			error = open_found(&walk, &o, out);
			inode_put(o.inode);
		}
	}
	walk_fini(&walk);
	return error;
}
