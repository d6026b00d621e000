/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file system in memory, optionally above a read-only lower tree of which it holds only what was changed. A node that
 * has not been changed exists only while somebody uses it. Life cycle: memfs_create(), use; never destroyed by the kernel
 * (memfs_destroy() is for tests). Locks: <fs/inode.h>'s for directories; each node has its own for its data.
 */
#pragma once

#include <base/rbtree.h>
#include <fs/inode.h>

/** A lower tree: inodes are known by an id, stable for ever. All pointers it gives stay valid for ever, but for data in a page that
 * it gives a reference to. */
struct lower;
struct page;

struct lower_run {
	const void *data; /* NULL: zeros */
	uint64_t bytes;
	bool mappable;     /* `data` lies in frames of the direct map that nobody writes */
	struct page *page; /* where `data` lies, a reference for the caller; NULL: it stays */
};

struct lower_entry {
	const char *name; /* not NUL-terminated */
	size_t length;
	uint64_t id;
	unsigned type; /* S_IFMT bits */
};

struct lower_ops {
	/** Everything of `out` but the inode number. */
	int (*load)(const struct lower *lower, uint64_t id, struct inode_attr *out);
	int (*lookup)(const struct lower *lower, uint64_t dir, const char *name, size_t length,
		      struct lower_entry *out);
	/** The entry at *position (0 at first), which is moved on; below 2^60. -ENOENT: no more. */
	int (*entry)(const struct lower *lower, uint64_t dir, uint64_t *position,
		     struct lower_entry *out);
	/** What lies at `offset`, which is below the size of the file or symbolic link; at least one byte. */
	int (*map)(const struct lower *lower, uint64_t id, uint64_t offset, struct lower_run *out);
	/** A page that holds what the file has at page `index`, all of which is below its size, with a reference. NULL: there is
	 * none, it has to be copied; -errno. May be NULL itself. */
	int (*page)(const struct lower *lower, uint64_t id, uint64_t index, struct page **out);
};

struct lower {
	const struct lower_ops *ops;
	uint64_t root;
	uint64_t id_max; /* ids of inodes are at most this */
};

struct memfs {
	struct filesystem fs;
	const struct lower *lower; /* NULL: none */
	uint64_t ino_next;         /* atomic */
	bool keeps_time; /* false at first: new nodes get the lower root's times, so that mounting asks for no clock */
	/** May make a name that `dir` does not have, under fs.lock; true: look again. `name` NULL: `dir` is listed. May be NULL. */
	bool (*missing)(struct inode *dir, const char *name, size_t length);
	struct spinlock index_lock;
	struct rb_tree index; /* [index_lock] nodes that stand for a lower inode, by its id */
};

/** `lower` lives as long as the file system; NULL: an empty root directory, 0755. */
int must_check memfs_create(const char *type, uint64_t device, const struct lower *lower,
			    struct memfs **out);

/** A file of `bytes` zeros without a name. */
int must_check memfs_create_file(struct memfs *fs, uint64_t bytes, struct inode **out);

/* Seals of a file (fcntl(2), "File Sealing"). Only a file that was made with memfs_create_file() may get any. */
enum {
	SEAL_SEAL = 1,
	SEAL_SHRINK = 2,
	SEAL_GROW = 4,
	SEAL_WRITE = 8,
	SEAL_FUTURE_WRITE = 16,
};

/** -EINVAL: this is no file of a memfs. */
int must_check memfs_get_seals(struct inode *inode);

/** -EINVAL; -EPERM: it is sealed against that; -EBUSY: somebody maps it who may write. */
int must_check memfs_add_seals(struct inode *inode, unsigned seals);

/** Lets a new file be sealed. */
void memfs_allow_seals(struct inode *inode);

/** Drops all names of a file system without a lower tree, under fs.lock; what is in use stays as if it were removed. */
void memfs_clear(struct memfs *fs);

/** Drops the tree and the memory of all that nobody holds. */
void memfs_destroy(struct memfs *fs);
