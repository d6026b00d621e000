/* SPDX-License-Identifier: BSD-3-Clause */
/* What procfs.c and proc_file.c share. */
#pragma once

#include <fs/root.h>

/* Made at each lookup. */
struct proc_inode {
	struct inode inode;
	const struct procfs_entry
		*entry; /* a directory: any entry below it; NULL: the root, or the link "self" */
	size_t prefix;  /* of a directory: how much of the entry's path is its own */
	int number;     /* what the "*" of its path stands for; -1: there is none */
	size_t child_bytes; /* a child of a `list` directory, or a number; its name follows */
	char child[];
};

/** What is shown is made now. -EACCES: not to be read, or written, at all. */
int must_check proc_file_open(const struct proc_inode *inode, struct file *file);

/** Forgets all tables and the root. For tests. */
void procfs_reset(void);
