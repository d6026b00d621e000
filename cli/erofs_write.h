/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes a tree as an EROFS image, as Linux's Documentation/filesystems/erofs.rst has it: uncompressed, blocks of 4096 bytes,
 * no checksum (to compute it would be most of the cost of mounting). Whole pages of files lie on pages of the image, so
 * that they can be mapped in place. The same tree gives the same image.
 */
#pragma once

#include "tree.h"

#include <base/compiler.h>

/**
 * Writes to `fd`, an empty file that can be written anywhere. 0 or a negative errno, reported; -EINTR, when a signal wants
 * the command ended, is not. Sets *bytes to the image's size.
 */
must_check int erofs_write(int fd, struct tree *t, uint64_t *bytes);

/** The bytes that the image will have, all but exactly: for plans that are made before. Reads no file. */
uint64_t erofs_write_estimate(struct tree *t);
