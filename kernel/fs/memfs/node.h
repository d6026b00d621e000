/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The nodes of a file system in memory, private to memfs/. A node stands for a lower inode or is memory only.
 *
 * A node that stands for a lower inode is found by its id while it lives, so all its names lead to one node. While nothing of
 * it differs from the lower tree it lives by its users' references and vanishes with the last. Before its first change it is pinned:
 * it gets a reference of its own, until its last name is removed. A memory-only node lives by the directory
 * entries that name it.
 */
#pragma once

#include <base/bits.h>
#include <base/rbtree.h>
#include <fs/file.h>
#include <fs/memfs.h>

#include "../pagetree.h"

/* A name that differs from the lower directory: what it names now, or that there is nothing now. */
struct entry {
	struct rb_node node;
	uint64_t
		key; /* hash of the name and a number that makes it unique: the cookie for readdir */
	struct node *target; /* [reference] NULL: the name is gone (a whiteout) */
	size_t length;
	char name[];
};

struct directory {
	struct rb_tree entries; /* by key */
	uint64_t live;          /* entries that are no whiteouts */
};

/* The order: write_lock, the space's lock (a fault while copying), lock. */
struct data {
	struct mutex write_lock; /* of who changes size or content by a call, for all of the call */
	struct mutex lock;
	struct pagetree pages; /* [lock] what is not in it comes from the lower file, or is zero */
	uint64_t size;         /* [lock, write_lock] */
	uint64_t lower_bytes;  /* [lock] how much of the lower file still shows through */
	uint32_t seals;        /* [write_lock] */
	bool opened_writable; /* [lock] no frame of the image is lent any more: writes must reach those who map */
};

struct xattr;

struct node {
	struct inode inode;
	struct rb_node index_node; /* [index_lock] */
	uint64_t lower_id;
	bool has_lower;
	bool pinned;    /* [fs.lock] or, of a file, [data.lock] */
	bool linkable;  /* an O_TMPFILE that may get a name */
	uint32_t nlink; /* [fs.lock] as all of the following; times of a file [data.lock] */
	uint32_t uid, gid;
	uint64_t rdev;
	struct timestamp atime, mtime, ctime;
	struct xattr *xattrs; /* [owned] */
	union {
		struct directory dir;
		struct data data;
		struct {
			char *target; /* NULL: the lower one's */
			size_t bytes;
		} link;
	};
};

static inline struct node *node_of(struct inode *inode)
{
	return container_of(inode, struct node, inode);
}

static inline struct memfs *memfs_of(const struct node *node)
{
	return container_of(node->inode.fs, struct memfs, fs);
}

static inline bool node_is(const struct node *node, uint32_t type)
{
	return (node->inode.mode & S_IFMT) == type;
}

/* node.c */

/** A memory-only node with one reference and no name yet; NULL: no memory. */
struct node *node_create(struct memfs *fs, uint32_t mode, uint64_t rdev);

/** The node of a lower inode, which `entry` of `parent` names. A reference. `parent` NULL: the root. */
int must_check node_of_lower(struct memfs *fs, struct node *parent, const struct lower_entry *entry,
			     struct node **out);
void node_destroy(struct inode *inode);

/** Before anything of it changes. */
void node_pin(struct node *node);

/** It has lost this name. With the last one the node is free to go. */
void node_unlinked(struct node *node, struct node *dir, const char *name, size_t length);
struct timestamp memfs_now(const struct memfs *fs);

/** What is told of it has changed: pins it and sets its ctime. [fs.lock] */
void node_changed(struct node *node);

int node_getattr(struct inode *inode, struct inode_attr *out);
int node_setattr(struct inode *inode, const struct inode_attr *attr, unsigned set);

/* xattr.c */

ssize_t node_get_xattr(struct inode *inode, const char *name, void *value, size_t size);
ssize_t node_list_xattrs(struct inode *inode, char *names, size_t size);
int node_set_xattr(struct inode *inode, const char *name, const void *value, size_t bytes,
		   unsigned flags);
void node_remove_xattrs(struct node *node);

#define NODE_ATTRIBUTE_OPS                                                             \
	.getattr = node_getattr, .setattr = node_setattr, .get_xattr = node_get_xattr, \
	.set_xattr = node_set_xattr, .list_xattrs = node_list_xattrs

/* entry.c: the names that a directory has in memory */

struct entry *entry_find(struct node *dir, const char *name, size_t length);

/** Finds or adds an entry, a whiteout at first; `*added` tells. -ENOMEM, -ENOSPC. */
int must_check entry_prepare(struct node *dir, const char *name, size_t length, struct entry **out,
			     bool *added);

/** Makes it name `target` (NULL: nothing), with a reference of its own. */
void entry_set(struct node *dir, struct entry *entry, struct node *target);
void entry_remove(struct node *dir, struct entry *entry);

/** The first entry whose key is greater. */
struct entry *entry_after(struct node *dir, uint64_t key);
void entry_remove_all(struct node *dir);

/* dir.c, data.c */

extern const struct inode_ops memfs_dir_ops, memfs_file_inode_ops, memfs_link_ops, memfs_other_ops;
extern const struct vm_object_ops memfs_pages_ops;
int must_check data_truncate(struct node *node, uint64_t size);
uint64_t data_blocks_512(const struct node *node);

static inline uint64_t data_pages(uint64_t bytes)
{
	return (bytes >> PAGE_SHIFT) + !!(bytes % PAGE_SIZE);
}

static inline bool data_is_sealed(const struct node *node, unsigned seals)
	REQUIRES(node->data.write_lock)
{
	return node->data.seals & seals;
}

/** The page at an index, made if need be; the reference is the tree's. */
int must_check data_get_page(struct node *node, uint64_t index, struct page **out)
	REQUIRES(node->data.lock);

/** After a change: pins it, and sets its times. */
void data_changed(struct node *node) REQUIRES(node->data.lock);

/* allocate.c */

int must_check data_fallocate(struct file *file, int mode, uint64_t offset, uint64_t bytes);
