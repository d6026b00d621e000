/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes: their life, the index of those that stand for lower inodes, attributes. See node.h. */
#include "node.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <core/time.h>
#include <mm/alloc.h>
#include <mm/pages.h>

enum { MODE_BITS = 07777 };

struct timestamp memfs_now(const struct memfs *fs)
{
	uint64_t now;

	if (!fs->keeps_time)
		return fs->fs.root ? node_of(fs->fs.root)->mtime : (struct timestamp){ 0, 0 };
	now = time_wall();
	return (struct timestamp){ (int64_t)(now / NS_PER_S), (uint32_t)(now % NS_PER_S) };
}

static void init_type(struct node *node)
{
	switch (node->inode.mode & S_IFMT) {
	case S_IFDIR:
		node->inode.ops = &memfs_dir_ops;
		break;
	case S_IFREG:
		node->inode.ops = &memfs_file_inode_ops;
		vm_object_init(&node->inode.pages, &memfs_pages_ops);
		mutex_init(&node->data.write_lock);
		mutex_init(&node->data.lock);
		node->data.seals = SEAL_SEAL;
		break;
	case S_IFLNK:
		node->inode.ops = &memfs_link_ops;
		break;
	default:
		node->inode.ops = &memfs_other_ops;
	}
}

struct node *node_create(struct memfs *fs, uint32_t mode, uint64_t rdev)
{
	struct node *node = mem_zalloc(sizeof *node);

	if (!node)
		return NULL;
	inode_init(&node->inode, NULL, &fs->fs, mode);
	node->inode.ino = __atomic_fetch_add(&fs->ino_next, 1, __ATOMIC_RELAXED);
	node->nlink = (mode & S_IFMT) == S_IFDIR ? 2 : 1;
	node->rdev = rdev;
	node->atime = node->mtime = node->ctime = memfs_now(fs);
	init_type(node);
	return node;
}

/* Where a node with this id is, or would be. */
static struct rb_node **index_place(struct memfs *fs, uint64_t id, struct rb_node **parent)
{
	struct rb_node **at = &fs->index.root;

	*parent = NULL;
	while (*at) {
		const struct node *node = container_of(*at, struct node, index_node);

		if (node->lower_id == id)
			break;
		*parent = *at;
		at = id < node->lower_id ? &(*at)->left : &(*at)->right;
	}
	return at;
}

/* Takes a reference unless the last one is gone already. */
static bool get_if_alive(struct inode *inode)
{
	uint32_t refs = __atomic_load_n(&inode->refs, __ATOMIC_RELAXED);

	while (refs)
		if (__atomic_compare_exchange_n(&inode->refs, &refs, refs + 1, true,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

static struct node *index_find(struct memfs *fs, uint64_t id)
{
	struct node *node = NULL;
	struct rb_node *parent, *at;

	spin_lock(&fs->index_lock);
	at = *index_place(fs, id, &parent);
	if (at) {
		node = container_of(at, struct node, index_node);
		if (!get_if_alive(&node->inode)) {
			/* On its way out, and unchanged: a new one takes its place. */
			rb_remove(&fs->index, at);
			node->has_lower = false;
			node = NULL;
		}
	}
	spin_unlock(&fs->index_lock);
	return node;
}

static void index_add(struct memfs *fs, struct node *node)
{
	struct rb_node *parent, **at;

	spin_lock(&fs->index_lock);
	at = index_place(fs, node->lower_id, &parent);
	assert(!*at); /* the file system's lock is held: nobody else adds */
	rb_insert(&fs->index, &node->index_node, parent, at);
	spin_unlock(&fs->index_lock);
}

static int check_type(const struct inode_attr *attr, bool root)
{
	static const uint16_t types = BIT(S_IFIFO >> 12) | BIT(S_IFCHR >> 12) | BIT(S_IFDIR >> 12) |
				      BIT(S_IFBLK >> 12) | BIT(S_IFREG >> 12) | BIT(S_IFLNK >> 12) |
				      BIT(S_IFSOCK >> 12);

	if (root && (attr->mode & S_IFMT) != S_IFDIR)
		return -EUCLEAN;
	return types & BIT((attr->mode & S_IFMT) >> 12) ? 0 : -EUCLEAN;
}

static int create_of_lower(struct memfs *fs, uint64_t id, bool root, struct node **out)
{
	struct inode_attr attr;
	struct node *node;
	int error = fs->lower->ops->load(fs->lower, id, &attr);

	if (!error)
		error = check_type(&attr, root);
	if (error)
		return error;
	node = mem_zalloc(sizeof *node);
	if (!node)
		return -ENOMEM;
	inode_init(&node->inode, NULL, &fs->fs, attr.mode & (S_IFMT | MODE_BITS));
	node->inode.ino = id + 1; /* 0 is no inode number to many programs */
	node->lower_id = id;
	node->has_lower = true;
	node->nlink = attr.nlink;
	node->uid = attr.uid;
	node->gid = attr.gid;
	node->rdev = attr.rdev;
	node->atime = attr.mtime;
	node->mtime = attr.mtime;
	node->ctime = attr.ctime;
	init_type(node);
	if (node_is(node, S_IFREG))
		node->data.size = node->data.lower_bytes = attr.size;
	else if (node_is(node, S_IFLNK))
		node->link.bytes = attr.size;
	index_add(fs, node);
	*out = node;
	return 0;
}

int node_of_lower(struct memfs *fs, struct node *parent, const struct lower_entry *entry,
		  struct node **out)
{
	struct node *node = index_find(fs, entry->id);
	int error;

	if (node) {
		/* A directory has one place in the tree: everything else is a loop. */
		if (!node_is(node, S_IFDIR) || node->inode.parent == &parent->inode) {
			*out = node;
			return 0;
		}
		inode_put(&node->inode);
		return -EUCLEAN;
	}
	error = create_of_lower(fs, entry->id, !parent, &node);
	if (error)
		return error;
	if (parent)
		inode_set_place(&node->inode, &parent->inode, entry->name, entry->length);
	*out = node;
	return 0;
}

void node_destroy(struct inode *inode)
{
	struct node *node = node_of(inode);
	struct memfs *fs = memfs_of(node);

	spin_lock(&fs->index_lock);
	if (node->has_lower)
		rb_remove(&fs->index, &node->index_node);
	spin_unlock(&fs->index_lock);
	if (node_is(node, S_IFDIR))
		entry_remove_all(node);
	else if (node_is(node, S_IFREG))
		pagetree_remove(&node->data.pages, 0, UINT64_MAX);
	else if (node_is(node, S_IFLNK))
		mem_free(node->link.target);
	node_remove_xattrs(node);
	mem_free(node);
}

void node_pin(struct node *node)
{
	if (!node->has_lower || node->pinned)
		return;
	node->pinned = true;
	inode_get(&node->inode);
}

static bool is_place(const struct inode *inode, const struct inode *dir, const char *name,
		     size_t length)
{
	return inode->parent == dir && inode->name && inode->name_bytes == length &&
	       !memcmp(inode->name, name, length);
}

void node_unlinked(struct node *node, struct node *dir, const char *name, size_t length)
{
	node_pin(node); /* a name that is left must lead to this count of names */
	node->ctime = memfs_now(memfs_of(node));
	if (is_place(&node->inode, &dir->inode, name, length))
		inode_set_place(&node->inode, NULL, NULL, 0);
	if (node->nlink)
		node->nlink--;
	if (node_is(node, S_IFDIR))
		node->nlink = 0;
	if (node->nlink || !node->pinned)
		return;
	node->pinned = false;
	inode_put(&node->inode);
}

/* The lock of a file's size and times; other nodes have the file system's. */
static void lock_data(struct node *node) NO_THREAD_SAFETY_ANALYSIS
{
	if (node_is(node, S_IFREG))
		mutex_lock(&node->data.lock);
}

static void unlock_data(struct node *node) NO_THREAD_SAFETY_ANALYSIS
{
	if (node_is(node, S_IFREG))
		mutex_unlock(&node->data.lock);
}

int node_getattr(struct inode *inode, struct inode_attr *out)
{
	struct node *node = node_of(inode);

	lock_data(node);
	*out = (struct inode_attr){
		.ino = inode->ino,
		.mode = inode->mode,
		.nlink = node->nlink,
		.uid = node->uid,
		.gid = node->gid,
		.rdev = node->rdev,
		.atime = node->atime,
		.mtime = node->mtime,
		.ctime = node->ctime,
	};
	if (node_is(node, S_IFREG)) {
		out->size = node->data.size;
		out->blocks_512 = data_blocks_512(node);
	} else if (node_is(node, S_IFDIR)) {
		out->size = PAGE_SIZE;
	} else if (node_is(node, S_IFLNK)) {
		out->size = node->link.bytes;
	}
	unlock_data(node);
	return 0;
}

void node_changed(struct node *node)
{
	lock_data(node);
	node_pin(node);
	node->ctime = memfs_now(memfs_of(node));
	unlock_data(node);
}

int node_setattr(struct inode *inode, const struct inode_attr *attr, unsigned set)
{
	struct node *node = node_of(inode);
	int error = 0;

	if (set & INODE_SET_SIZE)
		error = node_is(node, S_IFREG)   ? data_truncate(node, attr->size)
			: node_is(node, S_IFDIR) ? -EISDIR
						 : -EINVAL;
	if (error)
		return error;
	lock_data(node);
	node_pin(node);
	if (set & INODE_SET_MODE)
		inode->mode = (inode->mode & S_IFMT) | (attr->mode & MODE_BITS);
	if (set & INODE_SET_UID)
		node->uid = attr->uid;
	if (set & INODE_SET_GID)
		node->gid = attr->gid;
	if (set & INODE_SET_ATIME)
		node->atime = attr->atime;
	if (set & INODE_SET_MTIME)
		node->mtime = attr->mtime;
	node->ctime = memfs_now(memfs_of(node));
	unlock_data(node);
	return 0;
}
