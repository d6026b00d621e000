/* SPDX-License-Identifier: BSD-3-Clause */
/* What is mounted where (mount(2), proc(5) "mounts"). Thread context. */
#pragma once

#include <base/compiler.h>
#include <fs/inode.h>

/** Puts a file system at a directory (takes over the reference); NULL: it is the root. Before others can walk there, or
 * where nothing is mounted yet. */
void mounts_add(struct filesystem *fs, struct inode *place);

/** Mounts a new tmpfs whose root has this mode. -EBUSY: something is mounted there; -ENOMEM. */
int must_check mounts_create_tmpfs(struct inode *place, uint32_t mode);

/** Unmounts the file system whose root this is, and drops what is in it. -EINVAL: it is not a mounted one's root; -EBUSY. */
int must_check mounts_remove(struct inode *root);

/** In order of mounting, until fn returns false. */
void mounts_each(bool (*fn)(void *context, struct filesystem *fs), void *context);

/** Forgets all. For tests. */
void mounts_reset(void);
