/* SPDX-License-Identifier: BSD-3-Clause */
/* Directories of the host, brought into a root with all that is in them. */
#pragma once

#include "root.h"

#include <base/compiler.h>

/**
 * The content of the host's directory `host` (as the user named it) into the directory `guest`, which is there: files are
 * replaced, directories merged. All becomes root's; sockets are left out. 0 or a negative errno, reported; -EINTR, when a
 * signal wants the command ended, is not.
 */
must_check int copy_directory(struct root *r, const char *host, const char *guest);

/** The same, from the host's directory of the same path, of what is not there yet; entries whose name fits `leave_out`
 * (fnmatch(3); NULL: none) and what cannot be read are left out. */
must_check int copy_missing(struct root *r, const char *path, const char *leave_out);

/** A node for what is at `path` on the host; NULL with errno set, nothing reported. */
struct node *copy_node(struct tree *t, const char *path, const struct stat *st);

/** The target of the host's link, to be freed; NULL with errno set. */
char *copy_read_link(const char *path);
