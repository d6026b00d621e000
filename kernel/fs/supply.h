/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of /etc that are supplied where the image has none. Under the root file system's lock. */
#pragma once

#include <base/compiler.h>
#include <fs/inode.h>

/** The root's memfs.missing. */
bool supply_missing(struct inode *dir, const char *name, size_t length);

/** Gives one of the files known here another text, which is copied. -EINVAL: not one of them; -ENOMEM. */
int must_check supply_set(const char *name, const char *text, size_t bytes);

/** Writes the text again to a file that has been made already, below the directory `etc`. */
int must_check supply_renew(struct inode *etc, const char *name);

/** Forgets everything. For tests. */
void supply_reset(void);
