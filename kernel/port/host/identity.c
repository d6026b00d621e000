/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's half of the page tables for tests outside kernel/mm: a physical address is the host's pointer, so
 * that what malloc gives is memory of the machine, and all of it is mapped. The page array is a sparse mapping.
 */
#include "host.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <hal/memory.h>
#include <mm/pages.h>

#include <stdlib.h>
#include <sys/mman.h>

uintptr_t direct_map_base;
uintptr_t page_array_base;
uintptr_t kernel_area_base;

/* One struct page for each 4 KiB of the host's user half, untouched until used. */
__attribute__((constructor)) static void map_page_array(void)
{
	size_t bytes = ((size_t)1 << (47 - PAGE_SHIFT)) * sizeof(struct page);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert(p != MAP_FAILED);
	page_array_base = (uintptr_t)p;
}

int host_table_get(phys_t *frame)
{
	void *p;

	if (host_allocation_must_fail())
		return -ENOMEM;
	p = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
	assert(p);
	*frame = virt_to_phys(p);
	host_allocation_made();
	return 0;
}

void host_table_put(phys_t frame)
{
	host_allocation_freed();
	free(phys_to_virt(frame));
}

void mmu_set_frames(const struct mmu_frames *frames)
{
	(void)frames;
}

int mmu_map_direct(phys_t start, uint64_t bytes, unsigned flags)
{
	(void)start;
	(void)bytes;
	(void)flags;
	return host_allocation_must_fail() ? -ENOMEM : 0;
}

int mmu_map_kernel(uintptr_t va, phys_t start, size_t bytes, unsigned flags)
{
	(void)va;
	(void)start;
	(void)bytes;
	(void)flags;
	return host_allocation_must_fail() ? -ENOMEM : 0;
}

void mmu_unmap_kernel(uintptr_t va, size_t bytes)
{
	(void)va;
	(void)bytes;
}
