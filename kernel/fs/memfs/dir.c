/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Directories: a name is looked for in memory first, where it may be gone, then in the lower directory. What can fail is done
 * before anything changes. Under the file system's lock.
 */
#include "node.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <fs/path.h>
#include <mm/alloc.h>

#include "../internal.h"

/* Cookies: lower entries have their position, memory's their key and this bit. */
#define COOKIE_MEMORY BIT64(62)
enum { COOKIE_START = 2 };

static bool is_dot(const char *name, size_t length)
{
	return name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.'));
}

/* Whether the lower directory has this name. */
static int lower_find(struct node *dir, const char *name, size_t length, struct lower_entry *out)
{
	const struct lower *lower = memfs_of(dir)->lower;

	if (!dir->has_lower)
		return -ENOENT;
	return lower->ops->lookup(lower, dir->lower_id, name, length, out);
}

static int find(struct node *dir, const char *name, size_t length, struct node **out)
{
	struct entry *entry = entry_find(dir, name, length);
	struct lower_entry lower;
	int error;

	if (entry) {
		if (!entry->target)
			return -ENOENT;
		inode_get(&entry->target->inode);
		*out = entry->target;
		return 0;
	}
	error = lower_find(dir, name, length, &lower);
	if (!error)
		return node_of_lower(memfs_of(dir), dir, &lower, out);
	if (error == -ENOENT && memfs_of(dir)->missing &&
	    memfs_of(dir)->missing(&dir->inode, name, length))
		return find(dir, name, length, out);
	return error;
}

static int lookup(struct inode *dir, const char *name, size_t length, struct inode **out)
{
	struct node *node;
	int error = find(node_of(dir), name, length, &node);

	if (!error)
		*out = &node->inode;
	return error;
}

static void changed(struct node *dir)
{
	node_pin(dir);
	dir->mtime = dir->ctime = memfs_now(memfs_of(dir));
}

static bool is_removed(const struct node *dir)
{
	return !dir->nlink && !dir->inode.name && dir->inode.parent;
}

/* Gives a node a new name, which is free. */
static int add_name(struct node *dir, const char *name, size_t length, struct node *node)
{
	struct entry *entry;
	bool added;
	int error;

	if (is_removed(dir))
		return -ENOENT;
	error = entry_prepare(dir, name, length, &entry, &added);
	if (error)
		return error;
	entry_set(dir, entry, node);
	if (!node->inode.name)
		inode_set_place(&node->inode, &dir->inode, entry->name, length);
	if (node_is(node, S_IFDIR))
		dir->nlink++;
	changed(dir);
	return 0;
}

static void inherit_group(struct node *node, const struct node *dir)
{
	enum { MODE_SETGID = 02000 };

	if (!(dir->inode.mode & MODE_SETGID))
		return;
	node->gid = dir->gid;
	if (node_is(node, S_IFDIR))
		node->inode.mode |= MODE_SETGID;
}

/* NULL: no room. */
static struct node *make_node(struct node *dir, uint32_t mode, uint64_t rdev)
{
	return memfs_room() < PAGE_SIZE ? NULL : node_create(memfs_of(dir), mode, rdev);
}

static int create(struct inode *inode, const char *name, size_t length, uint32_t mode,
		  uint64_t rdev, struct inode **out)
{
	struct node *dir = node_of(inode), *node = make_node(dir, mode, rdev);
	int error;

	if (!node)
		return -ENOSPC;
	inherit_group(node, dir);
	error = add_name(dir, name, length, node);
	if (error)
		inode_put(&node->inode);
	else
		*out = &node->inode;
	return error;
}

static int make_symlink(struct inode *inode, const char *name, size_t length, const char *target)
{
	struct node *dir = node_of(inode), *node = make_node(dir, S_IFLNK | 0777, 0);
	int error = -ENOSPC;

	if (!node)
		return error;
	node->link.bytes = strlen(target);
	node->link.target = mem_strdup(target);
	if (node->link.target)
		error = add_name(dir, name, length, node);
	inode_put(&node->inode);
	return error;
}

static int make_link(struct inode *inode, const char *name, size_t length, struct inode *target)
{
	struct node *node = node_of(target);
	int error;

	if (!node->nlink && !node->linkable)
		return -ENOENT;
	if (node->nlink == UINT32_MAX)
		return -EMLINK;
	error = add_name(node_of(inode), name, length, node);
	if (error)
		return error;
	node_pin(node);
	node->linkable = false;
	node->nlink++;
	node->ctime = memfs_now(memfs_of(node));
	return 0;
}

static int make_unnamed(struct inode *inode, uint32_t mode, struct inode **out)
{
	struct node *dir = node_of(inode), *node;

	if (is_removed(dir))
		return -ENOENT;
	node = make_node(dir, mode, 0);
	if (!node)
		return -ENOSPC;
	inherit_group(node, dir);
	node->nlink = 0;
	node->linkable = true;
	*out = &node->inode;
	return 0;
}

/* What will be done to take a name away: nothing can fail in carrying it out. */
struct removal {
	struct entry *entry; /* NULL: nothing to do */
	bool added;
	bool whiteout; /* it hides a lower name */
};

static int plan_removal(struct node *dir, const char *name, size_t length, struct removal *plan)
{
	struct lower_entry lower;
	int error = lower_find(dir, name, length, &lower);

	*plan = (struct removal){ .whiteout = !error };
	if (error && error != -ENOENT)
		return error;
	if (plan->whiteout)
		return entry_prepare(dir, name, length, &plan->entry, &plan->added);
	plan->entry = entry_find(dir, name, length);
	return 0;
}

static void carry_out(struct node *dir, const struct removal *plan)
{
	changed(dir);
	if (!plan->entry)
		return;
	if (plan->whiteout)
		entry_set(dir, plan->entry, NULL);
	else
		entry_remove(dir, plan->entry);
}

static int lower_is_empty(struct node *dir)
{
	const struct lower *lower = memfs_of(dir)->lower;
	struct lower_entry entry;
	uint64_t position = 0;
	int error = 0;

	while (dir->has_lower && !error) {
		error = lower->ops->entry(lower, dir->lower_id, &position, &entry);
		if (!error && !is_dot(entry.name, entry.length) &&
		    !entry_find(dir, entry.name, entry.length))
			error = -ENOTEMPTY;
	}
	return error == -ENOENT ? 0 : error;
}

static int check_empty(struct node *dir)
{
	return dir->dir.live ? -ENOTEMPTY : lower_is_empty(dir);
}

static int remove_name(struct node *dir, const char *name, size_t length, struct node *node)
{
	struct removal plan;
	int error = plan_removal(dir, name, length, &plan);

	if (error)
		return error;
	node_unlinked(node, dir, name, length);
	carry_out(dir, &plan);
	if (node_is(node, S_IFDIR) && dir->nlink)
		dir->nlink--;
	return 0;
}

static int remove_file(struct inode *inode, const char *name, size_t length)
{
	struct node *dir = node_of(inode), *node;
	int error = find(dir, name, length, &node);

	if (error)
		return error;
	error = node_is(node, S_IFDIR) ? -EISDIR : remove_name(dir, name, length, node);
	inode_put(&node->inode);
	return error;
}

static int remove_dir(struct inode *inode, const char *name, size_t length)
{
	struct node *dir = node_of(inode), *node;
	int error = find(dir, name, length, &node);

	if (error)
		return error;
	error = node_is(node, S_IFDIR) ? check_empty(node) : -ENOTDIR;
	if (!error)
		error = remove_name(dir, name, length, node);
	inode_put(&node->inode);
	return error;
}

/* Emits what the lower directory has and memory does not know. */
static int iterate_lower(struct node *dir, uint64_t cookie, struct dir_sink *sink, bool *full)
{
	const struct lower *lower = memfs_of(dir)->lower;
	uint64_t position = cookie - COOKIE_START;
	struct lower_entry entry;
	int error;

	while (!*full) {
		error = lower->ops->entry(lower, dir->lower_id, &position, &entry);
		if (error)
			return error == -ENOENT ? 0 : error;
		if (is_dot(entry.name, entry.length) || entry_find(dir, entry.name, entry.length))
			continue;
		*full = !sink->entry(sink, entry.name, entry.length, entry.id + 1, entry.type,
				     position + COOKIE_START);
	}
	return 0;
}

static int iterate(struct inode *inode, uint64_t cookie, struct dir_sink *sink)
{
	struct node *dir = node_of(inode);
	struct entry *entry;
	bool full = false;
	int error = 0;

	if (memfs_of(dir)->missing)
		memfs_of(dir)->missing(inode, NULL, 0);
	if (dir->has_lower && cookie < COOKIE_MEMORY)
		error = iterate_lower(dir, cookie, sink, &full);
	if (error || full)
		return error;
	entry = entry_after(dir, cookie < COOKIE_MEMORY ? 0 : cookie & ~COOKIE_MEMORY);
	for (; entry; entry = entry_after(dir, entry->key)) {
		const struct node *target = entry->target;

		if (target && !sink->entry(sink, entry->name, entry->length, target->inode.ino,
					   target->inode.mode & S_IFMT, entry->key | COOKIE_MEMORY))
			break;
	}
	return 0;
}

/* Renaming */

struct rename {
	struct node *from, *to; /* directories */
	const char *name, *new_name;
	size_t length, new_length;
	struct node *source, *target; /* [references] `target` may be NULL */
	unsigned flags;
};

static bool is_below(const struct node *node, const struct node *top)
{
	for (const struct inode *at = &node->inode; at; at = at->parent)
		if (at == &top->inode)
			return true;
		else if (at == at->fs->root)
			break;
	return false;
}

static int check_rename(const struct rename *r)
{
	bool exchange = r->flags & RENAME_EXCHANGE;

	if (!r->target)
		return exchange ? -ENOENT : is_removed(r->to) ? -ENOENT : 0;
	if (r->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (exchange)
		return node_is(r->target, S_IFDIR) && is_below(r->from, r->target) ? -EINVAL : 0;
	if (node_is(r->source, S_IFDIR) && !node_is(r->target, S_IFDIR))
		return -ENOTDIR;
	if (!node_is(r->target, S_IFDIR))
		return 0;
	return node_is(r->source, S_IFDIR) ? check_empty(r->target) : -EISDIR;
}

/* Directories count their subdirectories as links to themselves. */
static void move_links(struct node *from, struct node *to, const struct node *moved)
{
	if (!node_is(moved, S_IFDIR) || from == to)
		return;
	if (from->nlink)
		from->nlink--;
	to->nlink++;
}

static int exchange(const struct rename *r)
{
	struct entry *from, *to;
	bool from_added, to_added;
	int error = entry_prepare(r->from, r->name, r->length, &from, &from_added);

	if (error)
		return error;
	error = entry_prepare(r->to, r->new_name, r->new_length, &to, &to_added);
	if (error) {
		if (from_added)
			entry_remove(r->from, from);
		return error;
	}
	inode_set_place(&r->target->inode, &r->from->inode, from->name, from->length);
	inode_set_place(&r->source->inode, &r->to->inode, to->name, to->length);
	entry_set(r->from, from, r->target);
	entry_set(r->to, to, r->source);
	move_links(r->from, r->to, r->source);
	move_links(r->to, r->from, r->target);
	changed(r->from);
	changed(r->to);
	return 0;
}

static int replace(const struct rename *r)
{
	struct removal plan;
	struct entry *to;
	bool added;
	int error = entry_prepare(r->to, r->new_name, r->new_length, &to, &added);

	if (error)
		return error;
	error = plan_removal(r->from, r->name, r->length, &plan);
	if (error) {
		if (added)
			entry_remove(r->to, to);
		return error;
	}
	if (r->target) {
		node_unlinked(r->target, r->to, r->new_name, r->new_length);
		if (node_is(r->target, S_IFDIR) && r->to->nlink)
			r->to->nlink--;
	}
	inode_set_place(&r->source->inode, &r->to->inode, to->name, to->length);
	entry_set(r->to, to, r->source);
	carry_out(r->from, &plan);
	move_links(r->from, r->to, r->source);
	node_pin(r->source);
	r->source->ctime = memfs_now(memfs_of(r->source));
	changed(r->to);
	return 0;
}

static int carry_out_rename(struct rename *r)
{
	int error;

	if (r->source == r->target)
		return r->flags & RENAME_NOREPLACE ? -EEXIST : 0;
	if (node_is(r->source, S_IFDIR) && is_below(r->to, r->source))
		return -EINVAL;
	error = check_rename(r);
	if (error)
		return error;
	return r->flags & RENAME_EXCHANGE ? exchange(r) : replace(r);
}

static int rename(struct inode *from, const char *name, size_t length, struct inode *to,
		  const char *new_name, size_t new_length, unsigned flags)
{
	struct rename r = { .from = node_of(from),
			    .to = node_of(to),
			    .name = name,
			    .length = length,
			    .new_name = new_name,
			    .new_length = new_length,
			    .flags = flags };
	int error = find(r.from, name, length, &r.source);

	if (error)
		return error;
	error = find(r.to, new_name, new_length, &r.target);
	if (error == -ENOENT) {
		r.target = NULL;
		error = 0;
	}
	if (!error)
		error = carry_out_rename(&r);
	inode_put(&r.source->inode);
	if (r.target)
		inode_put(&r.target->inode);
	return error;
}

const struct inode_ops memfs_dir_ops = {
	.lookup = lookup,
	.create = create,
	.symlink = make_symlink,
	.link = make_link,
	.unlink = remove_file,
	.rmdir = remove_dir,
	.rename = rename,
	.iterate = iterate,
	.tmpfile = make_unnamed,
	NODE_ATTRIBUTE_OPS,
	.destroy = node_destroy,
};
