/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A temporary directory in which a machine's root directory is put together, by hard links where the
 * host allows them. Guest paths are absolute; links in them are followed within the staged root, so that
 * nothing is ever written outside of it. A file that is already there is replaced, a directory merged.
 * All return 0 or a negative errno; -EINTR, when a signal wants the command ended, is not reported.
 */
#pragma once

#include "text.h"

#include <base/compiler.h>

struct stage {
	char *top;  /* the temporary directory, private to the user */
	char *root; /* within it: what becomes the root directory */
};

/**
 * In $TMPDIR; where that is not set, in the host's memory if the files to come are few and small (a
 * directory on a disk costs a millisecond each), else in /tmp. To be ended by stage_remove() on success.
 */
enum stage_size { STAGE_SMALL, STAGE_LARGE };
must_check int stage_create(struct stage *s, enum stage_size size);
void stage_remove(struct stage *s);

/** The file, or the directory with all that is in it, as `guest`. */
must_check int stage_add(struct stage *s, const char *host, const char *guest);
must_check int stage_write(struct stage *s, const char *guest, const struct text *content);
must_check int stage_link(struct stage *s, const char *guest, const char *target);
/** Makes the directory unless there is one. */
must_check int stage_directory(struct stage *s, const char *guest, unsigned mode);
