/* SPDX-License-Identifier: BSD-3-Clause */
/* What a PVH kernel is told (xen/include/public/arch-x86/hvm/start_info.h). The processor's byte order is the protocol's. */
#pragma once

#include <stdint.h>

#define PVH_MAGIC 0x336ec578u

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist_paddr, cmdline_paddr, rsdp_paddr, memmap_paddr;
	uint32_t memmap_entries, reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "start_info.h, version 1");

struct pvh_module {
	uint64_t paddr, size, cmdline_paddr, reserved;
};
_Static_assert(sizeof(struct pvh_module) == 32, "start_info.h");

enum { PVH_MEMMAP_RAM = 1 }; /* types are those of e820 */

struct pvh_memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};
_Static_assert(sizeof(struct pvh_memmap_entry) == 24, "start_info.h");
