/* SPDX-License-Identifier: BSD-3-Clause */
/* A path from the program together with where it starts, for the *at calls. Thread context. */
#pragma once

#include "calls.h"

struct place {
	struct user_path path;
	struct file *file; /* [reference] of the directory; NULL: there is none */
	struct inode *base;
};

int must_check place_get(struct place *place, long dirfd, long address);
void place_put(struct place *place);

/** The inode a path means; with AT_EMPTY_PATH in `at_flags` that may be the descriptor's own. A reference. */
int must_check find_inode(long dirfd, long address, unsigned at_flags, struct inode **out);
