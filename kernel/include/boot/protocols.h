/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From what a boot protocol left in memory to a clean `struct boot_info`.
 *
 * One boot_read_<protocol>() first, then whoever knows them sets image_start, image_end and
 * entry_tsc, then boot_info_check(). All of this runs at the very start: identity-mapped, before
 * the image is relocated, on a small stack, interrupts off. So nothing here has static data that
 * holds pointers, and memory is reached through `memory->at()` only.
 *
 * `out` may be memory with anything in it; a reader sets every field but the unused part of
 * `ranges`.
 *
 * Errors of the readers: -EINVAL what is there is not the structure it should be; -EFAULT it refers
 * to memory that cannot be reached; -E2BIG a command line beyond BOOT_CMDLINE_MAX or a table beyond
 * all reason; -EPROTONOSUPPORT a version without a memory map. `out` is then as far as it got, and
 * safe to report from.
 */
#pragma once

#include <base/compiler.h>
#include <boot/info.h>

/** Xen PVH: `start_info` is EBX at the entry. The first module is the initrd. */
int must_check boot_read_pvh(struct boot_info *out, uint64_t start_info,
			     const struct boot_memory *memory);

/** Linux's 64-bit protocol: `zero_page` is RSI at the entry. */
int must_check boot_read_linux64(struct boot_info *out, uint64_t zero_page,
				 const struct boot_memory *memory);

/** Multiboot2: `info` is EBX at the entry. The first module is the initrd. The RSDP may be a copy
 * in the information block. */
int must_check boot_read_multiboot2(struct boot_info *out, uint64_t info,
				    const struct boot_memory *memory);

/** Makes of the ranges what <boot/info.h> promises: where ranges overlap, anything else wins over
 * usable. Drops a framebuffer that cannot be one. -EINVAL: image, command line or initrd wrap or
 * lie above BOOT_ADDRESS_MAX, or one of the latter overlaps the image; -ENOMEM: not a page is
 * usable. */
int must_check boot_info_check(struct boot_info *info);
