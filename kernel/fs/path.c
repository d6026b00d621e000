/* SPDX-License-Identifier: BSD-3-Clause */
/* Operations by path: lookup and those that change the tree. Opening is in open.c. Thread context. */
#include <fs/path.h>

#include <base/errno.h>
#include <base/string.h>
#include <fs/notify.h>

#include "walk.h"

static bool is_dir(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFDIR;
}

static bool is_link(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFLNK;
}

static int lookup(struct walk *walk, unsigned flags, struct inode **out)
{
	struct inode *target;
	int error;

	for (;;) {
		error = walk_parent(walk);
		if (!error)
			error = walk_last(walk, out);
		if (error)
			return error;
		if (!is_link(*out) || (flags & PATH_NOFOLLOW && !walk->slash))
			break;
		error = walk_follow(walk, *out, &target);
		inode_put(*out);
		if (error)
			return error;
		if (target) {
			*out = target;
			break;
		}
	}
	if ((walk->slash || flags & PATH_DIRECTORY) && !is_dir(*out)) {
		inode_put(*out);
		return -ENOTDIR;
	}
	return 0;
}

int path_lookup(const struct path_context *context, struct inode *base, const char *path,
		unsigned flags, struct inode **out)
{
	struct walk walk;
	int error;

	if (!*path && flags & PATH_EMPTY) {
		*out = inode_get(base ? base : context->cwd);
		return 0;
	}
	walk_init(&walk, context, base, path);
	error = lookup(&walk, flags, out);
	walk_fini(&walk);
	return error;
}

/* Making */

enum create_kind { CREATE_NODE, CREATE_DIR, CREATE_SYMLINK, CREATE_LINK };

struct creation {
	enum create_kind kind;
	uint32_t mode;
	uint64_t rdev;
	const char *target_path; /* CREATE_SYMLINK */
	struct inode *target;    /* CREATE_LINK */
};

static int create_locked(struct walk *walk, const struct creation *c)
{
	struct inode *dir = walk->dir, *made;
	int error;

	error = dir->ops->lookup(dir, walk->name, walk->length, &made);
	if (!error) {
		inode_put(made);
		return -EEXIST;
	}
	if (error != -ENOENT)
		return error;
	if (walk->slash && c->kind != CREATE_DIR)
		return -ENOENT;
	switch (c->kind) {
	case CREATE_SYMLINK:
		if (!dir->ops->symlink)
			return -ENOENT; /* as Linux's /proc */
		return dir->ops->symlink(dir, walk->name, walk->length, c->target_path);
	case CREATE_LINK:
		if (!dir->ops->link || dir->fs != c->target->fs)
			return dir->fs != c->target->fs ? -EXDEV : -ENOENT;
		if (is_dir(c->target))
			return -EPERM;
		return dir->ops->link(dir, walk->name, walk->length, c->target);
	default:
		if (!dir->ops->create)
			return -ENOENT;
		error = dir->ops->create(dir, walk->name, walk->length, c->mode, c->rdev, &made);
		if (!error)
			inode_put(made);
		return error;
	}
}

static void tell_name(const struct walk *walk, unsigned mask, bool directory, uint32_t cookie)
{
	notify_name(walk->dir, &(struct notify_event){
				       .mask = mask | (directory ? NOTIFY_DIRECTORY : 0),
				       .cookie = cookie,
				       .name = walk->name,
				       .length = walk->length,
			       });
}

static int create(const struct path_context *context, struct inode *base, const char *path,
		  const struct creation *c)
{
	struct walk walk;
	int error;

	walk_init(&walk, context, base, path);
	error = walk_parent(&walk);
	if (!error && walk.last != WALK_NAME)
		error = -EEXIST;
	if (!error) {
		mutex_lock(&walk.dir->fs->lock);
		error = create_locked(&walk, c);
		mutex_unlock(&walk.dir->fs->lock);
	}
	if (!error && c->kind == CREATE_LINK)
		notify_name(c->target, &(struct notify_event){ .mask = NOTIFY_ATTRIBUTES });
	if (!error)
		tell_name(&walk, NOTIFY_CREATE, c->kind == CREATE_DIR, 0);
	walk_fini(&walk);
	return error;
}

int path_mknod(const struct path_context *context, struct inode *base, const char *path,
	       uint32_t mode, uint64_t rdev)
{
	enum { MODE_BITS = 07777 };
	struct creation c = { .kind = CREATE_NODE, .rdev = rdev };

	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFDIR:
		c.kind = CREATE_DIR;
		break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		return -EINVAL;
	}
	c.mode = mode & (S_IFMT | MODE_BITS) & ~(context->umask & 0777);
	return create(context, base, path, &c);
}

int path_symlink(const struct path_context *context, struct inode *base, const char *path,
		 const char *target)
{
	struct creation c = { .kind = CREATE_SYMLINK, .target_path = target };

	if (!*target)
		return -ENOENT;
	if (strlen(target) >= PATH_MAX)
		return -ENAMETOOLONG;
	return create(context, base, path, &c);
}

int path_link(const struct path_context *context, struct inode *target, struct inode *base,
	      const char *path)
{
	struct creation c = { .kind = CREATE_LINK, .target = target };

	return create(context, base, path, &c);
}

/* Removing */

/* *removed has a reference: whoever watches it is to be told. */
static int unlink_locked(struct walk *walk, struct inode **removed)
{
	struct inode *dir = walk->dir;
	int error = dir->ops->lookup(dir, walk->name, walk->length, removed);

	if (error)
		return error;
	error = is_dir(*removed) ? -EISDIR : walk->slash ? -ENOTDIR : 0;
	if (!error)
		error = dir->ops->unlink ? dir->ops->unlink(dir, walk->name, walk->length) : -EPERM;
	if (error)
		inode_put(*removed);
	return error;
}

static void tell_if_gone(struct inode *inode)
{
	struct inode_attr attr;

	if (inode->watches && !inode_getattr(inode, &attr) && !attr.nlink)
		notify_name(inode, &(struct notify_event){ .mask = NOTIFY_DELETE_SELF });
}

/* After a name of it has gone. Takes the reference over. */
static void tell_removed(const struct walk *walk, struct inode *inode)
{
	if (!is_dir(inode))
		notify_name(inode, &(struct notify_event){ .mask = NOTIFY_ATTRIBUTES });
	tell_name(walk, NOTIFY_DELETE, is_dir(inode), 0);
	tell_if_gone(inode);
	inode_put(inode);
}

int path_unlink(const struct path_context *context, struct inode *base, const char *path)
{
	struct inode *removed;
	struct walk walk;
	int error;

	walk_init(&walk, context, base, path);
	error = walk_parent(&walk);
	if (!error && walk.last != WALK_NAME)
		error = -EISDIR;
	if (!error) {
		mutex_lock(&walk.dir->fs->lock);
		error = unlink_locked(&walk, &removed);
		mutex_unlock(&walk.dir->fs->lock);
		if (!error)
			tell_removed(&walk, removed);
	}
	walk_fini(&walk);
	return error;
}

static int rmdir_locked(struct walk *walk, struct inode **removed)
{
	struct inode *dir = walk->dir;
	int error = dir->ops->lookup(dir, walk->name, walk->length, removed);

	if (error)
		return error;
	error = (*removed)->mounted ? -EBUSY : 0;
	if (!error)
		error = dir->ops->rmdir ? dir->ops->rmdir(dir, walk->name, walk->length) : -EPERM;
	if (error)
		inode_put(*removed);
	return error;
}

int path_rmdir(const struct path_context *context, struct inode *base, const char *path)
{
	static const int16_t not_names[] = { [WALK_NAME] = 0,
					     [WALK_DOT] = -EINVAL,
					     [WALK_DOTDOT] = -ENOTEMPTY,
					     [WALK_ROOT] = -EBUSY };
	struct inode *removed;
	struct walk walk;
	int error;

	walk_init(&walk, context, base, path);
	error = walk_parent(&walk);
	if (!error)
		error = not_names[walk.last];
	if (!error) {
		mutex_lock(&walk.dir->fs->lock);
		error = rmdir_locked(&walk, &removed);
		mutex_unlock(&walk.dir->fs->lock);
		if (!error)
			tell_removed(&walk, removed);
	}
	walk_fini(&walk);
	return error;
}

/* Renaming */

/* Slashes behind a name are for directories only; and nothing may be mounted on what moves. Which error wins: Linux's
 * fs/namei.c, do_renameat2. `target` NULL: there is none. */
static int check_ends(const struct walk *from, const struct inode *source, const struct walk *to,
		      const struct inode *target, unsigned flags)
{
	bool exchange = flags & RENAME_EXCHANGE;

	if (target && flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (exchange && !target)
		return -ENOENT;
	if (exchange && to->slash && !is_dir(target))
		return -ENOTDIR;
	if (!is_dir(source) && (from->slash || (to->slash && !exchange)))
		return -ENOTDIR;
	return source->mounted || (target && target->mounted) ? -EBUSY : 0;
}

/* What is renamed and what is there already (NULL: nothing), with references. */
struct renamed {
	struct inode *source, *target;
};

static int check_rename(struct walk *from, struct walk *to, unsigned flags, struct renamed *r)
{
	int error = from->dir->ops->lookup(from->dir, from->name, from->length, &r->source);

	if (error) {
		r->source = NULL;
		return error;
	}
	error = to->dir->ops->lookup(to->dir, to->name, to->length, &r->target);
	if (error)
		r->target = NULL;
	if (error && error != -ENOENT)
		return error;
	return check_ends(from, r->source, to, r->target, flags);
}

static int rename_locked(struct walk *from, struct walk *to, unsigned flags, struct renamed *r)
{
	int error = check_rename(from, to, flags, r);

	if (error)
		return error;
	if (!from->dir->ops->rename)
		return -EPERM;
	return from->dir->ops->rename(from->dir, from->name, from->length, to->dir, to->name,
				      to->length, flags);
}

/* `replaced`: what had the new name before, or NULL. */
static void tell_moved(const struct walk *from, const struct walk *to, struct inode *moved,
		       struct inode *replaced)
{
	uint32_t cookie = notify_cookie();

	tell_name(from, NOTIFY_MOVED_FROM, is_dir(moved), cookie);
	tell_name(to, NOTIFY_MOVED_TO, is_dir(moved), cookie);
	if (replaced)
		notify_name(replaced, &(struct notify_event){ .mask = NOTIFY_ATTRIBUTES });
	notify_name(moved, &(struct notify_event){ .mask = NOTIFY_MOVE_SELF });
}

static void tell_renamed(const struct walk *from, const struct walk *to, unsigned flags,
			 const struct renamed *r)
{
	bool exchanges = flags & RENAME_EXCHANGE;

	if (r->source == r->target)
		return; /* two names of one file: nothing has happened */
	tell_moved(from, to, r->source, exchanges ? NULL : r->target);
	if (exchanges)
		tell_moved(to, from, r->target, NULL);
	else if (r->target)
		tell_if_gone(r->target);
}

static int rename(struct walk *from, struct walk *to, unsigned flags)
{
	struct renamed r = { NULL, NULL };
	int error = walk_parent(from);

	if (!error)
		error = walk_parent(to);
	if (error)
		return error;
	if (from->dir->fs != to->dir->fs)
		return -EXDEV;
	if (from->last != WALK_NAME)
		return -EBUSY;
	if (to->last != WALK_NAME)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	mutex_lock(&from->dir->fs->lock);
	error = rename_locked(from, to, flags, &r);
	mutex_unlock(&from->dir->fs->lock);
	if (!error)
		tell_renamed(from, to, flags, &r);
	inode_put(r.target);
	inode_put(r.source);
	return error;
}

int path_rename(const struct path_context *context, struct inode *from_base, const char *from,
		struct inode *to_base, const char *to, unsigned flags)
{
	struct walk from_walk, to_walk;
	int error;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	walk_init(&from_walk, context, from_base, from);
	walk_init(&to_walk, context, to_base, to);
	error = rename(&from_walk, &to_walk, flags);
	walk_fini(&to_walk);
	walk_fini(&from_walk);
	return error;
}

ssize_t path_of_directory(const struct path_context *context, struct inode *dir, char *buffer,
			  size_t size)
{
	return inode_path(dir, context->root, buffer, size);
}
