/* SPDX-License-Identifier: BSD-3-Clause */
/* What `build --for` makes: a directory with kernel, root image and all that a VMM needs to start them without this command. */
#pragma once

#include "options.h"
#include "tree.h"

#include <base/compiler.h>

struct bundle_setup {
	struct options *options; /* with the memory chosen; disks' paths become absolute */
	const char *kernel;      /* its file */
	const char *line;        /* the kernel's command line */
	struct tree *tree;       /* the root directory */
};

/** Makes the directory if need be; files of the same names in it are replaced. 0 or a negative errno; -EINTR, when a signal
 * wants the command ended, is not reported. */
must_check int bundle_write(const struct bundle_setup *setup);
