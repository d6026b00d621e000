/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the entries to the kernel's final place. Runs identity mapped where the image was loaded, so
 * nothing here may use static data that holds pointers before relocate(). Order: boot information,
 * a random place, relocation, the kernel's page tables, and back to the assembly, which jumps
 * there.
 */
#include "early.h"

#include "asm_defs.h"
#include "image.h"
#include "instructions.h"
#include "mmu.h"

#include <base/bits.h>
#include <base/string.h>
#include <boot/protocols.h>
#include <core/params.h>
#include <hal/early.h>

enum { EARLY_GIB_MAX = 4, ENTRIES = 512, HUGE_SHIFT = 21 };

struct boot_info boot_info __attribute__((section(".noinit")));
char early_cmdline[EARLY_CMDLINE_BYTES] __attribute__((section(".noinit")));
static uint64_t early_pds[EARLY_GIB_MAX - 1][ENTRIES] aligned(4096)
	__attribute__((section(".noinit")));
static int boot_error;

uintptr_t direct_map_base, page_array_base, kernel_area_base;
uint64_t image_delta;
uintptr_t __stack_chk_guard = 0x595e9fbd94fda766;

/** The page directory for one of the first GiB, made on first use. */
static uint64_t *early_directory(unsigned gib)
{
	uint64_t *pd = early_pd;

	if (gib > 0) {
		pd = early_pds[gib - 1];
		if (!early_pdpt[gib]) {
			for (unsigned i = 0; i < ENTRIES; i++)
				pd[i] = 0;
			early_pdpt[gib] = (uintptr_t)pd | PTE_PRESENT | PTE_WRITE;
		}
	}
	return pd;
}

/** Reaches the first 4 GiB, where every known loader puts what it tells. */
static const void *early_memory_at(void *context, uint64_t address, uint64_t bytes)
{
	(void)context;
	if (!range_fits(address, bytes, (uint64_t)EARLY_GIB_MAX << 30))
		return NULL;
	for (uint64_t huge = address >> HUGE_SHIFT; huge <= (address + bytes) >> HUGE_SHIFT;
	     huge++) {
		if (huge >= EARLY_GIB_MAX * ENTRIES)
			break;
		uint64_t *entry = &early_directory(huge / ENTRIES)[huge % ENTRIES];

		if (!*entry)
			*entry = huge << HUGE_SHIFT | PTE_LARGE | PTE_PRESENT | PTE_WRITE;
	}
	return (const void *)address;
}

static int read_boot_info(unsigned protocol, uint64_t info, uint64_t tsc)
{
	const struct boot_memory memory = { .at = early_memory_at };
	int error;

	if (protocol == PROTOCOL_PVH)
		error = boot_read_pvh(&boot_info, info, &memory);
	else if (protocol == PROTOCOL_LINUX64)
		error = boot_read_linux64(&boot_info, info, &memory);
	else
		error = boot_read_multiboot2(&boot_info, info, &memory);
	boot_info.entry_tsc = tsc;
	boot_info.image_start = (uintptr_t)image_start;
	boot_info.image_end = (uintptr_t)image_end;
	return error ? error : boot_info_check(&boot_info);
}

static const char *cmdline(void)
{
	if (!boot_info.cmdline_bytes)
		return NULL;
	return early_memory_at(NULL, boot_info.cmdline, boot_info.cmdline_bytes);
}

static bool occurs(const char *text, const char *in, size_t bytes)
{
	size_t length = strlen(text);

	for (; bytes >= length; in++, bytes--) {
		if (*in == *text && !memcmp(in, text, length))
			return true;
	}
	return false;
}

/** Most lines do not have it anywhere, which is told without reading them word for word. */
static bool cmdline_has_nokaslr(void)
{
	const char *line = cmdline();
	size_t bytes = boot_info.cmdline_bytes;

	return line && occurs("nokaslr", line, bytes) && params_early_flag(line, bytes, "nokaslr");
}

static void keep_cmdline(void)
{
	const char *line = cmdline();

	if (line && boot_info.cmdline_bytes <= sizeof early_cmdline)
		memcpy(early_cmdline, line, boot_info.cmdline_bytes);
}

/** Good enough for a place, and never for a key: the CPU's generator where there is one, cycles
 * otherwise. */
static uint64_t early_random(void)
{
	uint64_t value = 0;
	uint64_t mixed = boot_info.entry_tsc ^ cpu_cycles();

	if (cpuid_raw(1, 0).ecx & BIT(30))
		rdrand(&value);
	mixed = (mixed ^ (mixed >> 31)) * 0x9e3779b97f4a7c15;
	mixed = (mixed ^ (mixed >> 29)) * 0xbf58476d1ce4e5b9;
	return value ^ mixed ^ (mixed >> 32);
}

/**
 * The kernel's regions, each in top-level slots of its own (512 GiB each) of the upper half:
 * direct map in 128 slots of 256..., page array and kernel area together in one, the image in the
 * last.
 */
static uintptr_t choose_places(uint64_t random)
{
	const uintptr_t slot = (uintptr_t)1 << 39;
	const uintptr_t upper = 0xffff800000000000;
	unsigned direct_slot = random % 96;
	unsigned array_slot = 224 + (random >> 8) % 30;
	uintptr_t span = align_up(image_end - image_start, PAGE_SIZE);
	uintptr_t huge = (random >> 16) % ((1 << 18) - 2);
	uintptr_t within = (random >> 36) % ((((uintptr_t)1 << HUGE_SHIFT) - span) >> PAGE_SHIFT);

	direct_map_base = upper + direct_slot * slot;
	page_array_base = upper + array_slot * slot;
	kernel_area_base = page_array_base + slot / 2;
	return (uintptr_t)0 - slot + (huge << HUGE_SHIFT) + (within << PAGE_SHIFT);
}

/** Adds `slide` to every pointer in the image (generic ABI, DT_RELR: an even word is the address of
 * one, an odd word a bitmap of the next 63). */
static void relocate(uint64_t slide)
{
	uint64_t *where = NULL;
	uint64_t loaded = (uintptr_t)image_start - IMAGE_LINK_BASE;

	for (const uint64_t *entry = relr_start; entry < relr_end; entry++) {
		if (!(*entry & 1)) {
			where = (uint64_t *)(*entry + loaded);
			*where++ += slide;
			continue;
		}
		for (uint64_t bits = *entry >> 1; bits; bits &= bits - 1)
			where[__builtin_ctzll(bits)] += slide;
		where += 63;
	}
}

/** The image at its place: text, constants, data. Early frames cannot run out here. */
static int map_image(uintptr_t base)
{
	const struct {
		const char *start, *end;
		unsigned flags;
	} parts[] = {
		{ image_start, text_end, MMU_READ | MMU_EXEC },
		{ rodata_start, relro_end, MMU_READ },
		{ relro_end, boot_stack_guard, MMU_READ | MMU_WRITE },
		{ boot_stack, image_end, MMU_READ | MMU_WRITE },
	};

	for (unsigned i = 0; i < countof(parts); i++) {
		uintptr_t start = align_down((uintptr_t)parts[i].start, PAGE_SIZE);
		uintptr_t end = align_up((uintptr_t)parts[i].end, PAGE_SIZE);
		int error = mmu_map_kernel(base + (start - (uintptr_t)image_start), phys(start),
					   end - start, parts[i].flags);

		if (error)
			return error;
	}
	return 0;
}

struct early_place early_main(unsigned protocol, uint64_t info, uint64_t tsc)
{
	uint64_t random;
	uintptr_t base;

	boot_error = read_boot_info(protocol, info, tsc);
	keep_cmdline();
	random = cmdline_has_nokaslr() ? 0 : early_random();
	base = choose_places(random);
	/* The lowest byte 0 ends strings before they reach the guard. */
	__stack_chk_guard = early_random() & ~(uint64_t)0xff;
	mmu_start();
	if (map_image(base))
		cpu_reset();
	relocate(base - IMAGE_LINK_BASE);
	image_delta = base - (uintptr_t)image_start;
	return (struct early_place){ .go_on = (uintptr_t)early_high + image_delta,
				     .stack_top = (uintptr_t)boot_stack_top + image_delta };
}

/** The first code at the final place. */
void early_high(void)
{
	kernel_pml4[0] = 0;
	mmu_flush_all();
	kernel_main(boot_error);
}
