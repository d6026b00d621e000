/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux's 64-bit boot protocol (Documentation/arch/x86/boot.rst, zero-page.rst): struct
 * boot_params, the "zero page". Used by Firecracker and libkrun for an image without a PVH note,
 * and by Linux's own loaders. Context: <boot/protocols.h>.
 */
#include "../reader.h"

#include <base/errno.h>
#include <boot/protocols.h>

enum {
	ZERO_PAGE_BYTES = 4096,
	E820_TABLE_ENTRIES = 128,
	BOOT_FLAG = 0xaa55,
	HEADER_MAGIC = 0x53726448, /* "HdrS" */
	VIDEO_TYPE_VLFB = 0x23,
	VIDEO_TYPE_EFI = 0x70,
	SETUP_E820_EXT = 1,
	SETUP_DATA_NODES_MAX = 64,
};

struct e820_entry {
	le64_t addr, size;
	le32_t type;
} packed;
_Static_assert(sizeof(struct e820_entry) == 20, "zero-page.rst");

/** Of struct screen_info and struct boot_params, what is read here. */
struct zero_page {
	uint8_t pad_000[0x0f];
	uint8_t video_type;
	uint8_t pad_010[2];
	le16_t lfb_width, lfb_height, lfb_depth;
	le32_t lfb_base;
	uint8_t pad_01c[8];
	le16_t lfb_linelength;
	uint8_t pad_026[0x3a - 0x26];
	le32_t ext_lfb_base;
	uint8_t pad_03e[0x70 - 0x3e];
	le64_t acpi_rsdp_addr;
	uint8_t pad_078[0xc0 - 0x78];
	le32_t ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr;
	uint8_t pad_0cc[0x1e8 - 0xcc];
	uint8_t e820_entries;
	uint8_t pad_1e9[0x1fe - 0x1e9];
	le16_t boot_flag;
	uint8_t pad_200[2];
	le32_t header;
	uint8_t pad_206[0x218 - 0x206];
	le32_t ramdisk_image, ramdisk_size;
	uint8_t pad_220[8];
	le32_t cmd_line_ptr;
	uint8_t pad_22c[0x250 - 0x22c];
	le64_t setup_data;
	uint8_t pad_258[0x2d0 - 0x258];
	struct e820_entry e820_table[E820_TABLE_ENTRIES];
	uint8_t pad_cd0[ZERO_PAGE_BYTES - 0xcd0];
} packed;
_Static_assert(__builtin_offsetof(struct zero_page, lfb_linelength) == 0x24, "screen_info.h");
_Static_assert(__builtin_offsetof(struct zero_page, acpi_rsdp_addr) == 0x70, "zero-page.rst");
_Static_assert(__builtin_offsetof(struct zero_page, ext_cmd_line_ptr) == 0xc8, "zero-page.rst");
_Static_assert(__builtin_offsetof(struct zero_page, header) == 0x202, "boot.rst");
_Static_assert(__builtin_offsetof(struct zero_page, cmd_line_ptr) == 0x228, "boot.rst");
_Static_assert(__builtin_offsetof(struct zero_page, setup_data) == 0x250, "boot.rst");
_Static_assert(__builtin_offsetof(struct zero_page, e820_table) == 0x2d0, "zero-page.rst");
_Static_assert(sizeof(struct zero_page) == ZERO_PAGE_BYTES, "zero-page.rst");

struct setup_data {
	le64_t next;
	le32_t type, bytes;
} packed;
_Static_assert(sizeof(struct setup_data) == 16, "boot.rst, setup_data");

static uint64_t join(le32_t high, le32_t low)
{
	return (uint64_t)le32_get(high) << 32 | le32_get(low);
}

static void add_ranges(struct boot_info *out, const struct e820_entry *table, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		boot_add_range(out, le64_get(table[i].addr), le64_get(table[i].size),
			       le32_get(table[i].type));
}

/** The rest of a map of more than 128 entries hangs in the list of setup_data. */
static int read_setup_data(struct boot_info *out, uint64_t address,
			   const struct boot_memory *memory)
{
	for (unsigned nodes = 0; address; nodes++) {
		const struct setup_data *node = boot_at(memory, address, sizeof *node);
		uint32_t count;

		if (nodes == SETUP_DATA_NODES_MAX)
			return -E2BIG;
		if (!node)
			return -EFAULT;
		if (le32_get(node->type) == SETUP_E820_EXT) {
			const struct e820_entry *table;

			count = le32_get(node->bytes) / sizeof *table;
			if (count > BOOT_MAP_MAX)
				return -E2BIG;
			table = boot_at(memory, address + sizeof *node, count * sizeof *table);
			if (!table && count)
				return -EFAULT;
			add_ranges(out, table, count);
		}
		address = le64_get(node->next);
	}
	return 0;
}

static void read_framebuffer(struct boot_framebuffer *out, const struct zero_page *page)
{
	if (page->video_type != VIDEO_TYPE_VLFB && page->video_type != VIDEO_TYPE_EFI)
		return;
	out->address = join(page->ext_lfb_base, page->lfb_base);
	out->pitch_bytes = le16_get(page->lfb_linelength);
	out->width = le16_get(page->lfb_width);
	out->height = le16_get(page->lfb_height);
	out->bits_per_pixel = le16_get(page->lfb_depth);
}

int boot_read_linux64(struct boot_info *out, uint64_t zero_page, const struct boot_memory *memory)
{
	const struct zero_page *page = boot_at(memory, zero_page, sizeof *page);
	int error;

	boot_info_start(out, "linux64");
	if (!page)
		return -EFAULT;
	if (le16_get(page->boot_flag) != BOOT_FLAG || le32_get(page->header) != HEADER_MAGIC)
		return -EINVAL;
	/* Not bounded by hdr.cmdline_size: some loaders leave there what the kernel can take, not
	 * the length. */
	error = boot_find_cmdline(out, join(page->ext_cmd_line_ptr, page->cmd_line_ptr), memory);
	if (error)
		return error;
	out->initrd = join(page->ext_ramdisk_image, page->ramdisk_image);
	out->initrd_bytes = join(page->ext_ramdisk_size, page->ramdisk_size);
	out->rsdp = le64_get(page->acpi_rsdp_addr);
	read_framebuffer(&out->framebuffer, page);
	if (page->e820_entries > E820_TABLE_ENTRIES)
		return -EINVAL;
	add_ranges(out, page->e820_table, page->e820_entries);
	return read_setup_data(out, le64_get(page->setup_data), memory);
}
