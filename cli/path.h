/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Paths: made absolute and plain, searched for as a shell would, and resolved inside a directory that is
 * to be a machine's root, so that no link in it leads out of it. What they return is the caller's to
 * free; NULL means none, with errno set and nothing reported.
 */
#pragma once

/** `path` below `base` (unless it is absolute itself) without ".", "..", and double slashes. */
char *path_normalise(const char *base, const char *path);

/** The directory, such as "/proc", in which the machine has files of its kernel's, so that one at the absolute path `plain`, as of
 * path_normalise(), would not be seen; NULL: it would. Not to be freed. */
const char *path_hidden_by(const char *plain);

/** `path` as an absolute one, by text alone: links stay as they are. */
char *path_absolute(const char *path);

/**
 * Follows all symbolic links of the absolute `path` as they read with `root` as "/". What does not exist
 * stays as it is. The result is absolute too, as seen from within `root`. ELOOP, ENAMETOOLONG.
 */
char *path_in_root(const char *root, const char *path);

/** The executable file called `name`: itself if it has a slash, else from $PATH. */
char *path_find_command(const char *name);

/** The directory that holds this command's own executable. */
char *path_own_directory(void);
