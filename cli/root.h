/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine's root directory as it comes to be: a tree, and below it, where the machine has the host's own files, the host's
 * root directory. What is looked for is found in the tree first; what is to be packed is brought from the host into
 * the tree, with the links on the way to it. Paths are absolute as seen in the root, and links never lead out of it.
 *
 * Functions that return an error report it, in the user's words; those called root_find_* report nothing.
 */
#pragma once

#include "tree.h"

#include <base/compiler.h>

#include <stdbool.h>

struct root {
	struct tree tree;
	bool host_below; /* the host's root directory shows where the tree has nothing */
};

void root_init(struct root *r, bool host_below);
void root_fini(struct root *r);

/** What a path leads to. */
struct found {
	char *path;        /* without links in it; to be freed */
	struct node *node; /* NULL: on the host only */
	mode_t mode;
};

/** Follows links, also the last one; a slash at the end asks for a directory. 0, -ENOENT, -ENOTDIR, -ELOOP, ... and then nothing is to be freed. */
must_check int root_find(struct root *r, const char *path, struct found *out);

/**
 * Brings what the path leads to into the tree: a file, or a directory with all that is in it, but for entries whose name
 * fits `leave_out` (fnmatch(3); NULL: none) and what cannot be read on the host. What is there stays. Errors as
 * root_find().
 */
must_check int root_import(struct root *r, const char *path, const char *leave_out);
/** The same, but of a directory the entries are left out. */
must_check int root_import_alone(struct root *r, const char *path, struct node **out);

/** The content of a file, wherever it is. */
must_check int root_map(struct root *r, const char *path, struct mapping *out);

/** The file, or the directory with all that is in it, of the host as `guest`. A file at a directory's path goes into that. */
must_check int root_add(struct root *r, const char *host, const char *guest);

/** A file, a link or an empty directory; what is there is replaced, but for a directory, which stays. */
must_check int root_write(struct root *r, const char *guest, const void *data, size_t bytes);
must_check int root_link(struct root *r, const char *guest, const char *target);
must_check int root_directory(struct root *r, const char *guest, mode_t mode);

/** Where `guest` is, or is to be: its directory is made if it is missing. For who enters nodes of its own. */
struct place {
	struct node *dir;
	char *name;           /* to be freed; "" for the root itself, whose directory is itself */
	struct node *present; /* what has the name, or NULL */
};
enum follow { FOLLOW_LAST, FOLLOW_BUT_LAST };
must_check int root_locate(struct root *r, const char *guest, enum follow follow,
			   struct place *out);
