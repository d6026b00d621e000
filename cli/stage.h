/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A temporary directory, private to the user, in which an ISO image's content is put together. Paths in it are absolute and
 * plain; their directories are made. All return 0 or a negative errno; -EINTR, when a signal wants the command ended, is not
 * reported.
 */
#pragma once

#include "text.h"

#include <base/compiler.h>

struct stage {
	char *top;  /* the temporary directory, for the temporary files of others too */
	char *root; /* within it: the content */
};

/** In $TMPDIR, else in /tmp. To be ended by stage_remove() on success. */
must_check int stage_create(struct stage *s);
void stage_remove(struct stage *s);

/** A copy of the host's file. */
must_check int stage_add(struct stage *s, const char *host, const char *path);
must_check int stage_write(struct stage *s, const char *path, const struct text *content);
/** An empty file, open for writing: its descriptor or a negative errno. */
must_check int stage_open(struct stage *s, const char *path);
