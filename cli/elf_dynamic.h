/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an ELF file tells its loader: interpreter, libraries, where to look for them (System V ABI, chapter 5). It has passed
 * no check; what is damaged is as if it were not there. Results point into the file, whose strings all end in it.
 */
#pragma once

#include <base/compiler.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_dynamic {
	const char *interpreter;     /* NULL: none */
	const char *rpath, *runpath; /* NULL: none */
	const char *soname;          /* NULL: none */
	bool no_default;             /* DF_1_NODEFLIB */
	/* private */
	const char *strings;
	uint64_t strings_bytes;
	const char *table; /* of Elf64_Dyn, not aligned */
	uint64_t table_entries;
};

/** false: no 64-bit x86-64 program or library. A static program gives nothing but true. */
must_check bool elf_dynamic_read(const void *file, size_t bytes, struct elf_dynamic *out);

/** The next DT_NEEDED, *position being 0 at first; NULL: no more. */
const char *elf_dynamic_needed(const struct elf_dynamic *d, uint64_t *position);

/** Whether the word is among its dynamic strings, which hold the names of the symbols that it imports and exports. */
bool elf_dynamic_mentions(const struct elf_dynamic *d, const char *word);

/** Whether the program or library has a note of this owner ("Go", "GNU"). */
bool elf_has_note(const void *file, size_t bytes, const char *owner);
