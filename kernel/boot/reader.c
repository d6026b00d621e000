/* SPDX-License-Identifier: BSD-3-Clause */
/* What the readers of all boot protocols share. */
#include "reader.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>

void boot_info_start(struct boot_info *info, const char *protocol)
{
	size_t i = 0;

	for (; protocol[i] && i < sizeof info->protocol - 1; i++)
		info->protocol[i] = protocol[i];
	for (; i < sizeof info->protocol; i++)
		info->protocol[i] = 0;
	info->image_start = info->image_end = 0;
	info->cmdline = info->cmdline_bytes = 0;
	info->initrd = info->initrd_bytes = 0;
	info->rsdp = 0;
	info->entry_tsc = 0;
	info->framebuffer = (struct boot_framebuffer){ 0 };
	info->ranges_lost = 0;
	info->range_count = 0;
}

static bool is_usable(uint32_t type)
{
	return type == BOOT_RANGE_USABLE;
}

/** Room for a range that is not usable, in place of one that is; NULL: nothing usable is left
 * anyway. */
static struct boot_range *replace_usable(struct boot_info *info)
{
	for (uint32_t i = info->range_count; i-- > 0;) {
		if (is_usable(info->ranges[i].type))
			return &info->ranges[i];
	}
	return NULL;
}

void boot_add_range(struct boot_info *info, uint64_t start, uint64_t bytes, uint32_t type)
{
	struct boot_range *last = info->range_count ? &info->ranges[info->range_count - 1] : NULL;
	struct boot_range *range;
	uint64_t end;

	if (!bytes)
		return;
	if (add_overflows(start, bytes, &end))
		end = UINT64_MAX;
	/* Firmware gives neighbours of one kind one by one, by the hundred. */
	if (last && last->end == start && last->type == type) {
		last->end = end;
		return;
	}
	if (info->range_count < BOOT_RANGES_MAX - BOOT_RANGES_KEPT) {
		range = &info->ranges[info->range_count++];
	} else {
		info->ranges_lost++;
		range = is_usable(type) ? NULL : replace_usable(info);
	}
	if (range)
		*range = (struct boot_range){ .start = start, .end = end, .type = type };
}

int boot_find_cmdline(struct boot_info *info, uint64_t address, const struct boot_memory *memory)
{
	uint64_t length = 0;

	if (!address)
		return 0;
	/* Page by page: what lies behind the string's end need not be reachable. */
	while (length < BOOT_CMDLINE_MAX) {
		uint64_t at = address + length;
		uint64_t chunk = PAGE_SIZE - (at & (PAGE_SIZE - 1));
		const char *text = boot_at(memory, at, chunk);
		size_t n;

		if (!text)
			return -EFAULT;
		n = strnlen(text, chunk);
		length += n;
		if (n < chunk)
			break;
	}
	if (length >= BOOT_CMDLINE_MAX)
		return -E2BIG;
	info->cmdline = address;
	info->cmdline_bytes = length;
	return 0;
}
