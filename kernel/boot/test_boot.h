/* SPDX-License-Identifier: BSD-3-Clause */
/* For the tests and fuzz targets of the boot protocols: a piece of physical memory, and what must
 * be true of a checked boot_info. */
#pragma once

#include <base/bits.h>
#include <boot/info.h>

#include <stdlib.h>
#include <string.h>

enum { TEST_MEMORY_BASE = 0x6000, TEST_MEMORY_BYTES = 0x8000 };

/** Memory at [base, base + bytes); nothing else can be reached. */
struct test_memory {
	uint64_t base, bytes;
	uint8_t *data;
};

static const void *test_memory_at(void *context, uint64_t address, uint64_t bytes)
{
	const struct test_memory *memory = context;

	if (address < memory->base || !range_fits(address - memory->base, bytes, memory->bytes))
		return NULL;
	return memory->data + (address - memory->base);
}

static inline struct boot_memory test_boot_memory(struct test_memory *memory)
{
	return (struct boot_memory){ .at = test_memory_at, .context = memory };
}

static inline void test_put(struct test_memory *memory, uint64_t address, const void *bytes,
			    size_t count)
{
	if (!test_memory_at(memory, address, count))
		abort();
	memcpy(memory->data + (address - memory->base), bytes, count);
}

static inline void test_put8(struct test_memory *memory, uint64_t address, uint8_t value)
{
	test_put(memory, address, &value, sizeof value);
}

static inline void test_put16(struct test_memory *memory, uint64_t address, uint16_t value)
{
	test_put(memory, address, &value, sizeof value);
}

static inline void test_put32(struct test_memory *memory, uint64_t address, uint32_t value)
{
	test_put(memory, address, &value, sizeof value);
}

static inline void test_put64(struct test_memory *memory, uint64_t address, uint64_t value)
{
	test_put(memory, address, &value, sizeof value);
}

static inline bool test_overlaps(const struct boot_range *range, uint64_t start, uint64_t bytes)
{
	return bytes && range->start < start + bytes && start < range->end;
}

/** Aborts where boot_info_check() returned 0 but did not keep the promises of <boot/info.h>. */
static inline void test_promises(const struct boot_info *info)
{
	uint64_t before = 0;

	if (!info->range_count || info->range_count > BOOT_RANGES_MAX)
		abort();
	for (uint32_t i = 0; i < info->range_count; i++) {
		const struct boot_range *range = &info->ranges[i];

		if (range->type != BOOT_RANGE_USABLE || range->start >= range->end ||
		    range->end > BOOT_ADDRESS_MAX || !is_aligned(range->start, PAGE_SIZE) ||
		    !is_aligned(range->end, PAGE_SIZE) || range->start <= before ||
		    test_overlaps(range, info->image_start, info->image_end - info->image_start) ||
		    test_overlaps(range, info->cmdline, info->cmdline_bytes) ||
		    test_overlaps(range, info->initrd, info->initrd_bytes) ||
		    test_overlaps(range, info->rsdp, info->rsdp ? 36 : 0))
			abort();
		before = range->end;
	}
}
