/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths: walking them, and every operation that takes one. Paths are NUL-terminated kernel strings below PATH_MAX. Thread context.
 * Errors as path_resolution(7) and the calls' own pages tell.
 */
#pragma once

#include <fs/file.h>
#include <fs/inode.h>

#undef PATH_MAX /* <limits.h> of a host test */
#undef NAME_MAX
enum { PATH_MAX = 4096, NAME_MAX = 255, PATH_LINKS_MAX = 40 };

/* renameat2(2) */
enum { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2, RENAME_WHITEOUT = 4 };

/** How a path may be walked: openat2(2)'s RESOLVE_ flags. */
enum path_resolve {
	RESOLVE_NO_XDEV = 1,
	RESOLVE_NO_MAGICLINKS = 2,
	RESOLVE_NO_SYMLINKS = 4,
	RESOLVE_BENEATH = 8, /* the context's root is the directory to stay below */
	RESOLVE_IN_ROOT = 16,
	RESOLVE_CACHED = 32,
};

/** Where relative paths start and where "/" is. Each process has one; each holds references. */
struct path_context {
	struct inode *root, *cwd;
	uint32_t umask;
	uint32_t resolve; /* enum path_resolve; 0 but in a context made for one call */
};

enum path_flags {
	PATH_NOFOLLOW = 1,  /* a symbolic link as last component is the result itself */
	PATH_DIRECTORY = 2, /* the result must be one: -ENOTDIR */
	PATH_EMPTY = 4,     /* "" means `base` (AT_EMPTY_PATH) */
};

/** Walks `path` from `base` (NULL: context->cwd). */
int must_check path_lookup(const struct path_context *context, struct inode *base, const char *path,
			   unsigned flags, struct inode **out);
int must_check path_open(const struct path_context *context, struct inode *base, const char *path,
			 unsigned open_flags, uint32_t mode, struct file **out);
int must_check path_mknod(const struct path_context *context, struct inode *base, const char *path,
			  uint32_t mode,
			  uint64_t rdev); /* mkdir too: S_IFDIR; the umask is applied */
int must_check path_symlink(const struct path_context *context, struct inode *base,
			    const char *path, const char *target);
int must_check path_link(const struct path_context *context, struct inode *target,
			 struct inode *base, const char *path);
int must_check path_unlink(const struct path_context *context, struct inode *base,
			   const char *path);
int must_check path_rmdir(const struct path_context *context, struct inode *base, const char *path);
int must_check path_rename(const struct path_context *context, struct inode *from_base,
			   const char *from, struct inode *to_base, const char *to, unsigned flags);

/** The absolute path of a directory (getcwd): its length with NUL; -ERANGE, -ENOENT (removed). */
ssize_t must_check path_of_directory(const struct path_context *context, struct inode *dir,
				     char *buffer, size_t size);
