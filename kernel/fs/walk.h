/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walking a path up to its last component, which each operation then treats in its own way (path_resolution(7)).
 *
 *	walk_init(&w, context, base, path); walk_parent(&w); ... w.dir, w.last ...; walk_fini(&w)
 */
#pragma once

#include <fs/path.h>

enum walk_last {
	WALK_NAME, /* an ordinary name */
	WALK_DOT,  /* "." , ".." or nothing but slashes: `dir` is the result itself */
	WALK_DOTDOT,
	WALK_ROOT,
};

struct walk {
	const struct path_context *context;
	struct inode *dir; /* [reference] the directory that holds, or is, the last component */
	enum walk_last last;
	const char *name;
	size_t length;
	bool slash;       /* something must be a directory: a slash follows the name */
	const char *rest; /* what is not walked yet */
	unsigned links;   /* symbolic links followed */
	char *texts; /* [owned] two buffers of PATH_MAX for links, the second scratch; NULL until needed */
};

/** `base` NULL: the working directory. */
void walk_init(struct walk *walk, const struct path_context *context, struct inode *base,
	       const char *path);
void walk_fini(struct walk *walk);

/** Walks `rest` up to the last component. */
int must_check walk_parent(struct walk *walk);

/** What the last component names: takes it from `dir`, crosses mounts, follows no link. */
int must_check walk_last(struct walk *walk, struct inode **out);

/** Follows a symbolic link that is the last component: either *out is what it leads to, or it is NULL and `rest` has
 * a path for walk_parent(). -ELOOP. */
int must_check walk_follow(struct walk *walk, struct inode *link, struct inode **out);
