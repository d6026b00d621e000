/* SPDX-License-Identifier: BSD-3-Clause */
/* What the readers of all boot protocols share. The same context and errors as <boot/protocols.h>.
 */
#pragma once

#include <base/compiler.h>
#include <boot/info.h>

/** Rooms in the table that boot_info_check() wants for what must be kept: page 0, image, command
 * line, initrd, RSDP. */
enum { BOOT_RANGES_KEPT = 5 };

/** Ranges in the map of a machine: more is not a map. */
enum { BOOT_MAP_MAX = 8192 };

/** Sets every field to "none told". */
void boot_info_start(struct boot_info *info, const char *protocol);

/** Adds [start, start + bytes); an end past 2^64 means up to there. When the table is full, usable
 * memory is given up for a range that is not, and never the other way round. */
void boot_add_range(struct boot_info *info, uint64_t start, uint64_t bytes, uint32_t type);

/** Takes the NUL-terminated string at `address` as the command line. 0: none. */
int must_check boot_find_cmdline(struct boot_info *info, uint64_t address,
				 const struct boot_memory *memory);

static inline const void *boot_at(const struct boot_memory *memory, uint64_t address,
				  uint64_t bytes)
{
	return memory->at(memory->context, address, bytes);
}
