/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Advisory locks on files (fcntl(2), flock(2)). A record lock belongs to a descriptor table (a process), and goes when that
 * closes any descriptor of the file; or to an open file, as flock's, and goes with it. Thread context.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <fs/file.h>

enum file_lock_type { FILE_LOCK_READ, FILE_LOCK_WRITE, FILE_LOCK_NONE }; /* = F_RDLCK, ... */

struct file_lock {
	enum file_lock_type type;
	uint64_t start, last; /* bytes; to FILE_LOCK_END: however large the file becomes */
	const void *owner;    /* the descriptor table, or the file itself */
	int pid;              /* for who asks; -1: belongs to an open file */
};
#define FILE_LOCK_END ((uint64_t)INT64_MAX)

/** Sets (or with FILE_LOCK_NONE takes back) a record lock. -EAGAIN: somebody else has one; with `wait` instead -EDEADLK: they wait
 * for the caller's; -EINTR. -ENOLCK: no memory. */
int must_check file_lock_set(struct file *file, const struct file_lock *lock, bool wait);

/** The first lock that is in the way of `lock`, in its place; FILE_LOCK_NONE: there is none. */
void file_lock_query(struct file *file, struct file_lock *lock);

/** flock(2) of the whole file for an open file. -EAGAIN, -EINTR, -ENOLCK. */
int must_check file_flock(struct file *file, enum file_lock_type type, bool wait);

/** A descriptor table closes a descriptor of the file, or an open file (`owner` is itself) goes. */
void file_locks_drop(struct inode *inode, const void *owner);

/** Before the inode goes: there are no locks any more. */
void file_locks_free(struct inode *inode);
