/* SPDX-License-Identifier: BSD-3-Clause */
/* The root file system that a machine boots with: an EROFS image in memory, made by mkfs.erofs. */
#pragma once

#include "cmdline.h"
#include "options.h"
#include "program.h"

#include <base/compiler.h>

/** The path of mkfs.erofs, to be freed; NULL after a report that says what to install. */
char *image_find_tool(void);

/** An empty file in memory, named `name` in /proc: a descriptor or a negative errno. */
must_check int image_create(const char *name);

/**
 * Writes the image: the rootfs if there is one, else the program; what --add says; the files of `c`; and
 * the directories that have to be there. 0 or a negative errno; nothing stays in the host's file system.
 */
must_check int image_fill(int fd, const char *tool, const struct options *o,
			  const struct program *p, const struct cmdline *c);
