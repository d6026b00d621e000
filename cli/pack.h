/* SPDX-License-Identifier: BSD-3-Clause */
/* What goes into a machine's root directory, and the image that is made of it. */
#pragma once

#include "cmdline.h"
#include "options.h"
#include "program.h"
#include "root.h"

#include <base/compiler.h>

/**
 * Puts the root directory together: the rootfs if there is one, what --add says, the program with what it needs, and the
 * directories that have to be there. Files are looked at, not read. `r` is empty before. Fills `p`, to be freed in every
 * case. 0 or a negative errno.
 */
must_check int pack_root(struct root *r, struct program *p, const struct options *o,
			 const struct strings *env);

/** Adds the files of the kernel's command line. */
must_check int pack_cmdline(struct root *r, const struct program *p, const struct cmdline *c);

/** An empty file in memory, named `name` in /proc: a descriptor or a negative errno. */
must_check int pack_create_file(const char *name);
