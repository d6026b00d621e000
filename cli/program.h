/* SPDX-License-Identifier: BSD-3-Clause */
/* The program to run: where it will be in the machine, that it can run, and what has to be there for it. */
#pragma once

#include "root.h"
#include "text.h"

#include <base/compiler.h>

#include <stdint.h>

struct program {
	char *guest_path;        /* absolute, with the name it was given: that may be a link */
	struct strings binaries; /* ELF files, links resolved: itself, or a script's interpreters */
	uint64_t writable_bytes; /* memory of its own that it takes at its start */
};

/**
 * Finds and checks the program called `name`, and brings it into the root; a script's interpreters too. `rootfs` is what
 * the user calls the root directory, NULL where it is the host's; `env` are the program's variables. Fills `p`, to be freed
 * in every case. 0 or a negative errno.
 */
must_check int program_find(struct program *p, struct root *r, const char *name, const char *rootfs,
			    const struct strings *env);
void program_free(struct program *p);
