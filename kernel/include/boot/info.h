/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a boot protocol told us, the same for all protocols. Filled by one reader in
 * boot/<protocol>/, which trusts nothing it reads, then cleaned once by boot_info_check(). Nothing
 * past boot/ knows which protocol it was.
 *
 * After boot_info_check() the ranges are usable RAM only, page aligned, sorted, without overlap,
 * and without what must be kept: the kernel's image, the command line, the initrd, page 0.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

enum boot_range_type {
	BOOT_RANGE_USABLE = 1, /* the numbers are those of e820 and Multiboot2 */
	BOOT_RANGE_RESERVED = 2,
	BOOT_RANGE_ACPI = 3,
	BOOT_RANGE_NVS = 4,
	BOOT_RANGE_BAD = 5,
};

/** [start, end) in bytes; `end` of the top of the address space is clipped to 2^46. */
struct boot_range {
	uint64_t start, end;
	uint32_t type;
	uint32_t reserved;
};

enum { BOOT_RANGES_MAX = 512, BOOT_CMDLINE_MAX = 256 * 1024 };
#define BOOT_ADDRESS_MAX ((uint64_t)1 << 46)

struct boot_framebuffer {
	uint64_t address; /* physical; 0: none told */
	uint32_t pitch_bytes, width, height;
	uint32_t bits_per_pixel;
};

struct boot_info {
	char protocol[16];               /* "pvh", "linux64", "multiboot2" */
	uint64_t image_start, image_end; /* the kernel's own bytes, physical, bss included */
	uint64_t cmdline, cmdline_bytes; /* physical, length without NUL; 0, 0: none */
	uint64_t initrd, initrd_bytes;   /* physical; 0, 0: none */
	uint64_t rsdp;                   /* physical; 0: not told, look for it */
	uint64_t entry_tsc;              /* time stamp counter at the first instruction */
	struct boot_framebuffer framebuffer;
	uint32_t
		ranges_lost; /* ranges that did not fit the table: reported, and their RAM unused */
	uint32_t range_count;
	struct boot_range ranges[BOOT_RANGES_MAX];
};

_Static_assert(sizeof(struct boot_range) == 24, "boot_range is laid out without holes");
_Static_assert(__builtin_offsetof(struct boot_info, ranges) == 112, "read by tests/vmm");

/**
 * How a reader reaches physical memory. `at` returns a pointer to `bytes` readable bytes, or NULL
 * where that memory cannot be reached this early; `context` is handed through.
 */
struct boot_memory {
	const void *(*at)(void *context, uint64_t address, uint64_t bytes);
	void *context;
};
