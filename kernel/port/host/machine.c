/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's half of the page tables, in one of two ways.
 *
 * Identity, until host_machine_reset(): a physical address is the host's pointer, so that what malloc gives is memory of the
 * machine; all of it is mapped. The page array is a sparse mapping.
 *
 * A machine, for tests of the real kernel/mm: RAM is a sparse memory file; what is mapped twice in the kernel is mapped
 * twice here, and what is not mapped faults.
 */
#define _GNU_SOURCE
#include "host.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <hal/memory.h>
#include <mm/pages.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARRAY_BYTES (HOST_RAM_BYTES / PAGE_SIZE * sizeof(struct page))
#define TABLE_SPAN ((size_t)2 << 20) /* of a table of the last level */

enum { EARLY_FRAMES = 16 };

uintptr_t direct_map_base;
uintptr_t page_array_base;
uintptr_t kernel_area_base;

static struct {
	int fd;
	const struct mmu_frames *frames;
	unsigned early_left;
	uint64_t *tables; /* spans that have a table, by virtual address */
	size_t table_count;
	uint64_t direct_bytes;
	size_t kernel_pages;
	uint8_t garbage[16];
} machine = { .fd = -1 }; /* fd -1: identity */

static uintptr_t reserve(uintptr_t old, size_t bytes)
{
	void *p = mmap((void *)old, bytes, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (old ? MAP_FIXED : 0), -1, 0);

	assert(p != MAP_FAILED);
	return (uintptr_t)p;
}

void host_machine_reset(void)
{
	if (machine.fd < 0) {
		page_array_base = 0;
		machine.fd = memfd_create("ram", 0);
		memset(machine.garbage, 0xa5, sizeof(machine.garbage));
	}
	direct_map_base = reserve(direct_map_base, HOST_RAM_BYTES);
	page_array_base = reserve(page_array_base, ARRAY_BYTES);
	kernel_area_base = reserve(kernel_area_base, KERNEL_AREA_BYTES);
	assert(!ftruncate(machine.fd, 0) && !ftruncate(machine.fd, (off_t)HOST_RAM_BYTES));
	free(machine.tables);
	machine.tables = NULL;
	machine.table_count = 0;
	machine.frames = NULL;
	machine.early_left = EARLY_FRAMES;
	machine.direct_bytes = 0;
	machine.kernel_pages = 0;
}

/* One struct page for each 4 KiB of the host's user half, untouched until used. */
__attribute__((constructor)) static void start_as_identity(void)
{
	size_t bytes = ((size_t)1 << (47 - PAGE_SHIFT)) * sizeof(struct page);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(p != MAP_FAILED);
	page_array_base = (uintptr_t)p;
}

static bool identity(void)
{
	return machine.fd < 0;
}

void host_machine_set_garbage(const uint8_t pattern[16])
{
	memcpy(machine.garbage, pattern, 16);
}

uint64_t host_direct_bytes(void)
{
	return machine.direct_bytes;
}

size_t host_kernel_pages(void)
{
	return machine.kernel_pages;
}

void host_machine_set_low(void)
{
	void *p = malloc(PAGE_SIZE);

	assert(identity() && p);
	direct_map_base = align_down((uintptr_t)p, (uintptr_t)1 << 43);
	free(p);
}

/* Tables */

void mmu_set_frames(const struct mmu_frames *frames)
{
	machine.frames = frames;
}

int host_table_get(phys_t *frame)
{
	if (host_allocation_must_fail())
		return -ENOMEM;
	if (identity()) {
		*frame = virt_to_phys(aligned_alloc(PAGE_SIZE, PAGE_SIZE));
		host_allocation_made();
		return 0;
	}
	if (!machine.frames) {
		if (!machine.early_left)
			return -ENOMEM;
		machine.early_left--;
		*frame = phys(0);
		return 0;
	}
	if (!machine.frames->get(frame))
		return -ENOMEM;
	memset(phys_to_virt(*frame), 0x5a, PAGE_SIZE); /* as the port would write it */
	return 0;
}

void host_table_put(phys_t frame)
{
	if (identity()) {
		host_allocation_freed();
		free(phys_to_virt(frame));
	} else if (frame.raw) {
		machine.frames->put(frame);
	}
}

/* Tables of the kernel's half are not freed again, as in the real port. */
static int need_table(uint64_t va, uint64_t span)
{
	uint64_t key = align_down(va, span) | (uint64_t)ilog2(span);
	phys_t frame;

	for (size_t i = 0; i < machine.table_count; i++) {
		if (machine.tables[i] == key)
			return 0;
	}
	if (host_table_get(&frame))
		return -ENOMEM;
	machine.tables = realloc(machine.tables, (machine.table_count + 1) * sizeof(uint64_t));
	machine.tables[machine.table_count++] = key;
	return 0;
}

static int map_file(uintptr_t va, phys_t start, uint64_t bytes)
{
	void *p = mmap((void *)va, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		       machine.fd, (off_t)start.raw);

	assert(p != MAP_FAILED);
	return 0;
}

int mmu_map_direct(phys_t start, uint64_t bytes, unsigned flags)
{
	uintptr_t va = direct_map_base + start.raw, end = va + bytes;
	uint64_t gib = (uint64_t)1 << 30;

	if (identity())
		return host_allocation_must_fail() ? -ENOMEM : 0;
	assert(is_aligned(start.raw | bytes, PAGE_SIZE) && !(flags & (MMU_USER | MMU_EXEC)));
	assert(range_fits(start.raw, bytes, HOST_RAM_BYTES));
	for (uint64_t at = align_down(start.raw, gib); at < start.raw + bytes; at += gib) {
		if (need_table(direct_map_base + at, gib))
			return -ENOMEM;
	}
	if (!is_aligned(start.raw, TABLE_SPAN) &&
	    need_table(direct_map_base + align_down(start.raw, TABLE_SPAN), TABLE_SPAN))
		return -ENOMEM;
	if (!is_aligned(start.raw + bytes, TABLE_SPAN) &&
	    need_table(direct_map_base + align_down(start.raw + bytes, TABLE_SPAN), TABLE_SPAN))
		return -ENOMEM;
	machine.direct_bytes += end - va;
	return map_file(va, start, bytes);
}

static bool in_array(uintptr_t va)
{
	return va >= page_array_base && va < page_array_base + ARRAY_BYTES;
}

int mmu_map_kernel(uintptr_t va, phys_t start, size_t bytes, unsigned flags)
{
	if (identity())
		return host_allocation_must_fail() ? -ENOMEM : 0;
	assert(is_aligned(va | start.raw | bytes, PAGE_SIZE) && bytes && !(flags & MMU_USER));
	assert(in_array(va) ? in_array(va + bytes - 1)
			    : va >= kernel_area_base &&
				      range_fits(va - kernel_area_base, bytes, KERNEL_AREA_BYTES));
	for (uintptr_t at = align_down(va, TABLE_SPAN); at < va + bytes; at += TABLE_SPAN) {
		if (need_table(at, TABLE_SPAN))
			return -ENOMEM;
	}
	machine.kernel_pages += bytes / PAGE_SIZE;
	if (map_file(va, start, bytes))
		return -ENOMEM;
	for (size_t i = 0; in_array(va) && i < bytes; i += sizeof(machine.garbage))
		memcpy((void *)(va + i), machine.garbage, sizeof(machine.garbage));
	return 0;
}

void mmu_unmap_kernel(uintptr_t va, size_t bytes)
{
	if (identity())
		return;
	assert(is_aligned(va | bytes, PAGE_SIZE));
	machine.kernel_pages -= bytes / PAGE_SIZE;
	reserve(va, bytes);
}
