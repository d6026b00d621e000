/* SPDX-License-Identifier: BSD-3-Clause */
/* See walk.h. Thread context; takes the file systems' locks one at a time. */
#include "walk.h"

#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>

static bool is_dir(const struct inode *inode)
{
	return (inode->mode & S_IFMT) == S_IFDIR;
}

/* Replaces a reference by what is mounted there. */
static struct inode *cross_mounts(struct inode *inode)
{
	while (is_dir(inode) && inode->mounted) {
		struct inode *root = inode_get(inode->mounted->root);

		inode_put(inode);
		inode = root;
	}
	return inode;
}

static void enter(struct walk *walk, struct inode *dir)
{
	inode_put(walk->dir);
	walk->dir = dir;
}

/* Whether the walk may go on to this inode, which lies on another mount or does not. */
static int check_mount(const struct walk *walk, const struct inode *inode)
{
	return walk->context->resolve & RESOLVE_NO_XDEV && inode->fs != walk->dir->fs ? -EXDEV : 0;
}

static int go_to_root(struct walk *walk)
{
	int error = walk->context->resolve & RESOLVE_BENEATH
			    ? -EXDEV
			    : check_mount(walk, walk->context->root);

	if (!error)
		enter(walk, inode_get(walk->context->root));
	return error;
}

static int go_up(struct walk *walk)
{
	struct inode *at = walk->dir;
	struct filesystem *fs;
	int error;

	if (at == walk->context->root && walk->context->resolve & RESOLVE_BENEATH)
		return -EXDEV;
	while (at != walk->context->root && at == at->fs->root && at->parent)
		at = at->parent; /* where it is mounted */
	error = check_mount(walk, at);
	if (error || at == walk->context->root || !at->parent)
		return error;
	fs = at->fs;
	mutex_lock(&fs->lock); /* against a rename that moves it */
	at = inode_get(at->parent);
	mutex_unlock(&fs->lock);
	enter(walk, cross_mounts(at));
	return 0;
}

void walk_init(struct walk *walk, const struct path_context *context, struct inode *base,
	       const char *path)
{
	*walk = (struct walk){ .context = context, .rest = path };
	walk->dir = inode_get(base ? base : context->cwd);
}

void walk_fini(struct walk *walk)
{
	inode_put(walk->dir);
	mem_free(walk->texts);
}

/* Reads the next component into name, length, last; `rest` then stands behind it and its slashes. */
static int next_component(struct walk *walk)
{
	const char *end = walk->rest;

	while (*end && *end != '/')
		end++;
	walk->name = walk->rest;
	walk->length = (size_t)(end - walk->rest);
	walk->slash = *end == '/';
	while (*end == '/')
		end++;
	walk->rest = end;
	if (walk->length > NAME_MAX)
		return -ENAMETOOLONG;
	walk->last = WALK_NAME;
	if (walk->length == 1 && walk->name[0] == '.')
		walk->last = WALK_DOT;
	else if (walk->length == 2 && walk->name[0] == '.' && walk->name[1] == '.')
		walk->last = WALK_DOTDOT;
	return 0;
}

int walk_last(struct walk *walk, struct inode **out)
{
	struct inode *dir = walk->dir;
	int error = -ENOTDIR;

	if (walk->last != WALK_NAME) {
		*out = inode_get(dir);
		return 0;
	}
	if (!dir->ops->lookup)
		return error;
	mutex_lock(&dir->fs->lock);
	error = dir->ops->lookup(dir, walk->name, walk->length, out);
	mutex_unlock(&dir->fs->lock);
	if (error)
		return error;
	*out = cross_mounts(*out);
	error = check_mount(walk, *out);
	if (error)
		inode_put(*out);
	return error;
}

/* The link's text, followed by what is not walked yet. */
static int expand(struct walk *walk, struct inode *link)
{
	size_t left = strlen(walk->rest);
	bool slash = walk->slash; /* "link/" is "target/" */
	ssize_t length;
	char *scratch;

	if (!walk->texts)
		walk->texts = mem_alloc(2 * PATH_MAX);
	if (!walk->texts)
		return -ENOMEM;
	scratch = walk->texts + PATH_MAX;
	length = inode_readlink(link, scratch, PATH_MAX);
	if (length < 0)
		return (int)length;
	if (!length || memchr(scratch, 0, (size_t)length))
		return -ENOENT;
	if ((size_t)length + left + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	if (slash)
		scratch[length++] = '/';
	memcpy(scratch + length, walk->rest, left + 1);
	memcpy(walk->texts, scratch, (size_t)length + left + 1);
	walk->rest = walk->texts;
	return 0;
}

int walk_follow(struct walk *walk, struct inode *link, struct inode **out)
{
	unsigned resolve = walk->context->resolve;
	int error;

	*out = NULL;
	if (walk->links++ >= PATH_LINKS_MAX || resolve & RESOLVE_NO_SYMLINKS)
		return -ELOOP;
	if (!link->ops->follow)
		return expand(walk, link);
	if (resolve & RESOLVE_NO_MAGICLINKS)
		return -ELOOP;
	if (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EXDEV;
	mutex_lock(&link->fs->lock);
	error = link->ops->follow(link, out);
	mutex_unlock(&link->fs->lock);
	if (error)
		return error;
	error = check_mount(walk, *out);
	if (error) {
		inode_put(*out);
		*out = NULL;
	}
	return error;
}

/* Enters the component that was read, which is not the last. */
static int enter_component(struct walk *walk)
{
	struct inode *next, *target;
	int error;

	if (walk->last == WALK_DOTDOT)
		return go_up(walk);
	if (walk->last != WALK_NAME)
		return 0;
	error = walk_last(walk, &next);
	if (error)
		return error;
	if ((next->mode & S_IFMT) == S_IFLNK) {
		error = walk_follow(walk, next, &target);
		inode_put(next);
		if (error || !target)
			return error; /* the link's text is walked from the same directory */
		next = target;
	}
	if (is_dir(next)) {
		enter(walk, next);
		return 0;
	}
	inode_put(next);
	return -ENOTDIR;
}

int walk_parent(struct walk *walk)
{
	int error;

	if (!*walk->rest)
		return -ENOENT;
	for (;;) {
		if (*walk->rest == '/') {
			error = go_to_root(walk);
			if (error)
				return error;
			while (*walk->rest == '/')
				walk->rest++;
			if (!*walk->rest) {
				walk->last = WALK_ROOT;
				walk->slash = true;
				return 0;
			}
		}
		if (!is_dir(walk->dir))
			return -ENOTDIR;
		error = next_component(walk);
		if (error)
			return error;
		if (!*walk->rest)
			break;
		error = enter_component(walk);
		if (error)
			return error;
	}
	return walk->last == WALK_DOTDOT ? go_up(walk) : 0;
}
