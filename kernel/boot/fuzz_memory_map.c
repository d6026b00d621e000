/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * boot_info_check() against a plain oracle: memory as a table of half pages. Each 4 bytes of input
 * are a range, in half pages; the first 16 give the image, command line, initrd and RSDP.
 */
#include "reader.h"
#include "test_boot.h"

#include <base/errno.h>
#include <boot/protocols.h>

enum { HALVES = 512, HALF = PAGE_SIZE / 2 };

enum { HALF_UNKNOWN, HALF_USABLE, HALF_TAKEN };

static void oracle_set(uint8_t *halves, uint64_t start, uint64_t bytes, uint8_t what)
{
	for (uint64_t i = start / HALF; bytes && i <= (start + bytes - 1) / HALF && i < HALVES;
	     i++) {
		if (halves[i] < what)
			halves[i] = what;
	}
}

static void compare(const struct boot_info *info, const uint8_t *halves)
{
	for (uint64_t page = 0; page < HALVES / 2; page++) {
		bool usable = halves[2 * page] == HALF_USABLE &&
			      halves[2 * page + 1] == HALF_USABLE;
		bool found = false;

		for (uint32_t i = 0; i < info->range_count; i++)
			found |= test_overlaps(&info->ranges[i], page * PAGE_SIZE, 1);
		if (usable != found)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_info info;
	uint8_t halves[HALVES] = { 0 };

	if (size < 16)
		return 0;
	boot_info_start(&info, "fuzz");
	info.image_start = data[0] * HALF;
	info.image_end = info.image_start + data[1];
	info.cmdline = data[2] * HALF;
	info.cmdline_bytes = data[3];
	info.initrd = data[4] * HALF + 1;
	info.initrd_bytes = data[5] * HALF;
	info.rsdp = data[6] * HALF;
	for (size_t i = 16; i + 4 <= size; i += 4) {
		uint64_t start = (data[i] | (data[i + 1] & 1u) << 8) * (uint64_t)HALF;
		uint64_t bytes = data[i + 2] * (uint64_t)HALF;
		uint32_t type = data[i + 3] % 6;

		boot_add_range(&info, start, bytes, type);
		oracle_set(halves, start, bytes,
			   type == BOOT_RANGE_USABLE ? HALF_USABLE : HALF_TAKEN);
	}
	oracle_set(halves, 0, PAGE_SIZE, HALF_TAKEN);
	oracle_set(halves, info.image_start, info.image_end - info.image_start, HALF_TAKEN);
	oracle_set(halves, info.cmdline, info.cmdline_bytes ? info.cmdline_bytes + 1 : 0,
		   HALF_TAKEN);
	oracle_set(halves, info.initrd, info.initrd_bytes, HALF_TAKEN);
	oracle_set(halves, info.rsdp, info.rsdp ? 36 : 0, HALF_TAKEN);
	int error = boot_info_check(&info);
	if (!error)
		test_promises(&info);
	if (error == -EINVAL) /* something lies over the image */
		return 0;
	/* Beyond the oracle's memory, and where the table was too small, only the promises count.
	 */
	for (size_t i = 16; i + 4 <= size; i += 4) {
		if ((data[i] | (data[i + 1] & 1u) << 8) + data[i + 2] > HALVES)
			return 0;
	}
	if (!info.ranges_lost)
		compare(&info, halves);
	return 0;
}
