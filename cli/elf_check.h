/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether a file is a program that the kernel can run, told before a machine is started for it. */
#pragma once

#include <base/compiler.h>

#include <stddef.h>
#include <stdint.h>

struct elf_facts {
	char why[160]; /* where the check fails: what is wrong, as the end of a sentence */
	uint64_t
		writable_bytes; /* memory of its own that it takes besides its file, in whole pages */
};

/** Checks the `bytes` of `file`, trusting none; -ENOEXEC with `why` set. Reports nothing. */
must_check int elf_check(const void *file, size_t bytes, struct elf_facts *facts);
