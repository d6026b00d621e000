/* SPDX-License-Identifier: BSD-3-Clause */
/* The program to run: where it is on the host, where it will be in the machine, and that it can run. */
#pragma once

#include <base/compiler.h>

#include <stdint.h>

struct program {
	char *host_path;  /* the file, links resolved */
	char *guest_path; /* absolute: the file's own path, or as named in the rootfs */
	uint64_t file_bytes, writable_bytes;
};

/**
 * Finds and checks the program called `name`; with a `rootfs` (or NULL) its path is one within that.
 * Fills `p`, to be freed in every case. 0 or a negative errno.
 */
must_check int program_find(struct program *p, const char *name, const char *rootfs);
void program_free(struct program *p);
