/* SPDX-License-Identifier: BSD-3-Clause */
/* Root directories from archives: tar, also compressed, as `docker export` and its like write it. */
#pragma once

#include "root.h"

#include <base/compiler.h>

/**
 * All that is in the archive, with its owners, modes, times, links and device nodes; no rights are needed for any. Names are
 * taken as they read within the root, and ones that have ".." are left out, which is reported. Contents go to a spool in
 * $TMPDIR that has no name. 0 or a negative errno, reported.
 */
must_check int tarball_add(struct root *r, const char *path);
