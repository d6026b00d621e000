/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inodes and file systems. An inode is a file, directory, symbolic link, device node, or pipe; it has a reference count and
 * belongs to one `struct filesystem`. All directory operations run under the file system's one mutex, taken by the path
 * functions (<fs/path.h>), so an implementation needs no locking of its own for its tree.
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>
#include <core/lock.h>
#include <mm/vm_object.h>

struct file;
struct inode;

/* Linux's mode bits (stat.h) */
enum {
	S_IFMT = 0170000,
	S_IFSOCK = 0140000,
	S_IFLNK = 0120000,
	S_IFREG = 0100000,
	S_IFBLK = 0060000,
	S_IFDIR = 0040000,
	S_IFCHR = 0020000,
	S_IFIFO = 0010000,
};

struct timestamp {
	int64_t seconds;
	uint32_t nanoseconds;
};

struct inode_attr {
	uint64_t ino;
	uint32_t mode, nlink, uid, gid;
	uint64_t size, blocks_512;
	uint64_t rdev; /* of device nodes: major << 32 | minor */
	struct timestamp atime, mtime, ctime;
};

enum inode_set {
	INODE_SET_MODE = 1,
	INODE_SET_UID = 2,
	INODE_SET_GID = 4,
	INODE_SET_SIZE = 8,
	INODE_SET_ATIME = 16,
	INODE_SET_MTIME = 32
};

/** Receives one directory entry; false: full, stop (the entry was not taken). `cookie` is where to go on after it. */
struct dir_sink {
	bool (*entry)(struct dir_sink *sink, const char *name, size_t length, uint64_t ino,
		      unsigned type /* S_IFMT bits */, uint64_t cookie);
};

struct inode_ops {
	/* Directories. `name` has `length` bytes, no slash, not "." nor "..". Results carry a reference. */
	int (*lookup)(struct inode *dir, const char *name, size_t length, struct inode **out);
	int (*create)(struct inode *dir, const char *name, size_t length, uint32_t mode,
		      uint64_t rdev, struct inode **out); /* any type but link and symlink */
	int (*symlink)(struct inode *dir, const char *name, size_t length, const char *target);
	int (*link)(struct inode *dir, const char *name, size_t length, struct inode *target);
	int (*unlink)(struct inode *dir, const char *name, size_t length);
	int (*rmdir)(struct inode *dir, const char *name, size_t length);
	int (*rename)(struct inode *from, const char *name, size_t length, struct inode *to,
		      const char *new_name, size_t new_length, unsigned flags /* RENAME_* */);
	/* Without . and .., whose cookies are 1 and 2: the first call comes with 2, and all others' are greater. */
	int (*iterate)(struct inode *dir, uint64_t cookie, struct dir_sink *sink);
	int (*tmpfile)(struct inode *dir, uint32_t mode,
		       struct inode **out); /* O_TMPFILE; NULL: -EOPNOTSUPP */
	/* Symbolic links: not NUL-terminated; returns the length, at most `size`. */
	ssize_t (*readlink)(struct inode *inode, char *buffer, size_t size);
	int (*follow)(struct inode *link,
		      struct inode **out); /* leads to an inode, not to a path (/proc/self/exe) */
	/* All */
	int (*getattr)(struct inode *inode, struct inode_attr *out);
	int (*setattr)(struct inode *inode, const struct inode_attr *attr, unsigned set);
	/* Extended attributes, by their whole names; under fs->lock, from and to kernel memory. NULL: there are none. The lengths are
	 * returned, also where `size` is 0 and nothing is copied; -ERANGE: too small; -ENODATA: it has no such one. */
	ssize_t (*get_xattr)(struct inode *inode, const char *name, void *value, size_t size);
	ssize_t (*list_xattrs)(struct inode *inode, char *names, size_t size);
	/* `value` NULL: takes it away. -EEXIST, -ENODATA (INODE_XATTR_*), -ENOMEM. */
	int (*set_xattr)(struct inode *inode, const char *name, const void *value, size_t bytes,
			 unsigned flags);
	/* Fills file->ops and what else it needs. NULL: the file system's default for the type. */
	int (*open)(struct inode *inode, struct file *file);
	void (*destroy)(struct inode *inode); /* the last reference is gone */
};

/** What statfs(2) tells. Block sizes are a page's. */
struct fs_stats {
	uint64_t magic; /* f_type */
	uint64_t blocks, blocks_free;
	uint64_t files, files_free;
};

struct filesystem {
	const char *type; /* "rootfs", "devtmpfs", "proc", "tmpfs" */
	struct inode *root;
	uint64_t device; /* st_dev */
	uint64_t magic;  /* of statfs(2) */
	bool removable;  /* umount(2) may take it away: it is a tmpfs that mount(2) made */
	struct filesystem *next_mounted; /* [mounts_lock] */
	struct mutex lock;               /* the tree */
};

struct file_locks;
struct pipe;

struct inode {
	const struct inode_ops *ops;
	struct filesystem *fs;
	uint32_t refs; /* atomic */
	uint32_t mode; /* type bits never change */
	uint64_t ino;
	struct vm_object pages; /* regular files and mappable devices; ops NULL: cannot be mapped */
	struct filesystem *mounted; /* directories: what is mounted here */
	/* Where it is in the tree, changed by inode_set_place(). Directories: the containing one and their name in it; the root of a
	 * file system: where it is mounted; others: one of their names, if known. */
	struct inode *parent; /* [reference] NULL: "/" */
	const char *name;     /* not NUL-terminated; NULL: removed */
	size_t name_bytes;
	int32_t writers; /* atomic; regular files: open ones that may write; negative: that forbid it */
	struct file_locks *locks; /* [owned] <fs/lock.h>; NULL: there never were any */
	void *watches;     /* theirs who are told by <fs/notify.h>; NULL: nobody watches it */
	struct pipe *pipe; /* S_IFIFO: while it is open; see <fs/pipe.h> */
};

/** One reference, no parent, cannot be mapped. */
void inode_init(struct inode *inode, const struct inode_ops *ops, struct filesystem *fs,
		uint32_t mode);

struct inode *inode_get(struct inode *inode);
void inode_put(struct inode *inode); /* NULL allowed */

/** Gives it a place; `name` lives as long as it is its name. Without a name (NULL) the parent stays. */
void inode_set_place(struct inode *inode, struct inode *parent, const char *name, size_t bytes);

/** The directory that an inode is in, with a reference, and its name there in `name` (NAME_MAX bytes, not NUL-terminated); NULL: it has
 * no known place, or is the root of a file system. */
struct inode *inode_place(struct inode *inode, char *name, size_t *bytes);

/** The absolute path of an inode below `root` (NULL: the whole tree's): its length with NUL. -ENOENT: removed, no name known, or
 * not below `root`; -ERANGE: longer than `size`. Any thread context, under any mutex. */
ssize_t must_check inode_path(struct inode *inode, const struct inode *root, char *buffer,
			      size_t size);

int must_check inode_getattr(struct inode *inode, struct inode_attr *out);

/** Takes the file system's lock. -EPERM where nothing can be changed; -ETXTBSY: the size of a program that runs. */
int must_check inode_setattr(struct inode *inode, const struct inode_attr *attr, unsigned set);

/* Extended attributes (xattr(7)): as the operations, with the file system's lock taken; -EOPNOTSUPP: it has none. */
enum { INODE_XATTR_CREATE = 1, INODE_XATTR_REPLACE = 2 };
ssize_t must_check inode_get_xattr(struct inode *inode, const char *name, void *value, size_t size);
ssize_t must_check inode_list_xattrs(struct inode *inode, char *names, size_t size);
int must_check inode_set_xattr(struct inode *inode, const char *name, const void *value,
			       size_t bytes, unsigned flags);

/** The text of a symbolic link, not NUL-terminated: its length, at most `size`. -EINVAL: is none. */
ssize_t must_check inode_readlink(struct inode *inode, char *buffer, size_t size);

/** access(2) for the one user there is, root: anything but executing a file without any x bit (-EACCES). `mask`: R_OK 4,
 * W_OK 2, X_OK 1. */
int must_check inode_access(const struct inode *inode, unsigned mask);

void inode_stats(const struct inode *inode, struct fs_stats *out);
