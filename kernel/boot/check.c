/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the memory map that a boot protocol gave to the RAM that the kernel may use: sorted, without
 * overlap, page aligned, without what must be kept. What must be kept is added as reserved ranges,
 * and then the whole is one sweep, in place. Context: <boot/protocols.h>.
 */
#include "reader.h"

#include <base/bits.h>
#include <base/errno.h>
#include <boot/protocols.h>

enum { RSDP_BYTES = 36 }; /* ACPI 6.5, 5.2.5.3 */

/** Takes one of the rooms that boot_add_range() left. */
static void keep(struct boot_info *info, uint64_t start, uint64_t bytes)
{
	if (bytes && info->range_count < BOOT_RANGES_MAX)
		info->ranges[info->range_count++] = (struct boot_range){
			.start = start, .end = start + bytes, .type = BOOT_RANGE_RESERVED
		};
}

/** All of it was checked against BOOT_ADDRESS_MAX, so no sum wraps. */
static void keep_what_is_needed(struct boot_info *info)
{
	keep(info, 0, PAGE_SIZE);
	keep(info, info->image_start, info->image_end - info->image_start);
	keep(info, info->cmdline, info->cmdline_bytes ? info->cmdline_bytes + 1 : 0);
	keep(info, info->initrd, info->initrd_bytes);
	keep(info, info->rsdp, info->rsdp ? RSDP_BYTES : 0);
}

static void clip(struct boot_info *info)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < info->range_count; i++) {
		struct boot_range range = info->ranges[i];

		if (range.end > BOOT_ADDRESS_MAX)
			range.end = BOOT_ADDRESS_MAX;
		if (range.start < range.end)
			info->ranges[count++] = range;
	}
	info->range_count = count;
}

/** By start. Maps come nearly sorted, and for these insertion is the quickest sort. */
static void sort(struct boot_info *info)
{
	for (uint32_t i = 1; i < info->range_count; i++) {
		struct boot_range range = info->ranges[i];
		uint32_t to = i;

		for (; to > 0 && info->ranges[to - 1].start > range.start; to--)
			info->ranges[to] = info->ranges[to - 1];
		info->ranges[to] = range;
	}
}

/** Appends usable memory, joining neighbours. */
static void emit(struct boot_info *info, uint64_t start, uint64_t end)
{
	struct boot_range *last = info->range_count ? &info->ranges[info->range_count - 1] : NULL;

	if (start >= end)
		return;
	if (last && last->end == start)
		last->end = end;
	else
		info->ranges[info->range_count++] = (struct boot_range){
			.start = start, .end = end, .type = BOOT_RANGE_USABLE
		};
}

/**
 * Leaves what is usable and nothing else. Between two neighbouring starts, memory is usable up to
 * the furthest end of the usable ranges so far, but not before that of the others: at most one
 * piece. So the pieces written never overtake the ranges read, and the same table serves for both.
 */
static void sweep(struct boot_info *info)
{
	uint64_t at = 0, usable_end = 0, other_end = 0;
	uint32_t count = info->range_count;

	info->range_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct boot_range range = info->ranges[i];
		uint64_t *end = range.type == BOOT_RANGE_USABLE ? &usable_end : &other_end;

		emit(info, max(at, other_end), min(range.start, usable_end));
		at = range.start;
		*end = max(*end, range.end);
	}
	emit(info, max(at, other_end), usable_end);
}

/** Whole pages only; after the neighbours were joined, as one page may come in two pieces. */
static void align_inward(struct boot_info *info)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < info->range_count; i++) {
		struct boot_range range = info->ranges[i];

		range.start = align_up(range.start, PAGE_SIZE);
		range.end = align_down(range.end, PAGE_SIZE);
		if (range.start < range.end)
			info->ranges[count++] = range;
	}
	info->range_count = count;
}

static bool is_framebuffer(const struct boot_framebuffer *fb)
{
	uint64_t line_bytes = (uint64_t)fb->width * ((fb->bits_per_pixel + 7) / 8);
	uint64_t bytes = (uint64_t)fb->pitch_bytes * fb->height;

	return fb->address && fb->width && fb->height && fb->bits_per_pixel >= 8 &&
	       fb->bits_per_pixel <= 32 && fb->pitch_bytes >= line_bytes &&
	       range_fits(fb->address, bytes, BOOT_ADDRESS_MAX);
}

/** The loader has put one over the other, and there is no telling which is still whole. */
static bool overlaps_image(const struct boot_info *info, uint64_t start, uint64_t bytes)
{
	return bytes && start < info->image_end && info->image_start < start + bytes;
}

int boot_info_check(struct boot_info *info)
{
	if (!is_framebuffer(&info->framebuffer))
		info->framebuffer = (struct boot_framebuffer){ 0 };
	if (!range_fits(info->rsdp, RSDP_BYTES, BOOT_ADDRESS_MAX))
		info->rsdp = 0;
	if (info->image_end < info->image_start || info->image_end > BOOT_ADDRESS_MAX ||
	    info->cmdline_bytes > BOOT_CMDLINE_MAX ||
	    !range_fits(info->cmdline, info->cmdline_bytes + 1, BOOT_ADDRESS_MAX) ||
	    !range_fits(info->initrd, info->initrd_bytes, BOOT_ADDRESS_MAX))
		return -EINVAL;
	if (overlaps_image(info, info->initrd, info->initrd_bytes) ||
	    overlaps_image(info, info->cmdline, info->cmdline_bytes ? info->cmdline_bytes + 1 : 0))
		return -EINVAL;
	if (info->range_count > BOOT_RANGES_MAX - BOOT_RANGES_KEPT)
		return -EINVAL;
	clip(info);
	keep_what_is_needed(info);
	sort(info);
	sweep(info);
	align_inward(info);
	return info->range_count ? 0 : -ENOMEM;
}
