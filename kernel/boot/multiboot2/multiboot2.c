/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Multiboot2's boot information (Multiboot2 specification 2.0, section 3.6): a block of tags,
 * 8-byte aligned, each with its type and size. Used by GRUB, on BIOS and UEFI. Context:
 * <boot/protocols.h>.
 */
#include "../reader.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <boot/protocols.h>

enum {
	INFO_BYTES_MAX = 1 << 20,
	TAG_ALIGN = 8,
	FRAMEBUFFER_RGB = 1,
	RSDP_V1_BYTES = 20,
};

enum tag_type {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_MODULE = 3,
	TAG_MMAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
	TAG_EFI_MMAP = 17,
};

/** EFI_MEMORY_TYPE, UEFI 2.10, 7.2: what is RAM once the boot services have ended. */
enum efi_memory_type {
	EFI_LOADER_CODE = 1,
	EFI_LOADER_DATA = 2,
	EFI_BOOT_SERVICES_CODE = 3,
	EFI_BOOT_SERVICES_DATA = 4,
	EFI_CONVENTIONAL = 7,
	EFI_ACPI_RECLAIM = 9,
	EFI_ACPI_NVS = 10,
};

struct mb2_info {
	le32_t total_size, reserved;
} packed;

struct mb2_tag {
	le32_t type, size;
} packed;

struct mb2_module {
	struct mb2_tag tag;
	le32_t mod_start, mod_end;
} packed;

/** Both memory maps begin like this; the entries follow. */
struct mb2_map {
	struct mb2_tag tag;
	le32_t entry_size, entry_version;
} packed;

struct mb2_map_entry {
	le64_t addr, size;
	le32_t type, reserved;
} packed;

struct efi_descriptor {
	le32_t type, pad;
	le64_t physical_start, virtual_start, pages, attribute;
} packed;

struct mb2_framebuffer {
	struct mb2_tag tag;
	le64_t addr;
	le32_t pitch, width, height;
	uint8_t bpp, type;
} packed;
_Static_assert(sizeof(struct mb2_framebuffer) == 30, "3.6.12");

/** The tags that are read at the end, as which of them count depends on the others. */
struct mb2_maps {
	const struct mb2_map *mmap, *efi;
};

/** Entries of at least `least` bytes in a map; *stride is the distance from one to the next. */
static int map_entries(const struct mb2_map *map, size_t least, uint32_t *count, uint32_t *stride)
{
	uint32_t size = le32_get(map->tag.size);

	*count = *stride = 0;
	if (size < sizeof *map)
		return -EINVAL;
	*stride = le32_get(map->entry_size);
	if (*stride < least)
		return -EINVAL;
	*count = (uint32_t)(size - sizeof *map) / *stride;
	return *count > BOOT_MAP_MAX ? -E2BIG : 0;
}

static int read_mmap(struct boot_info *out, const struct mb2_map *map)
{
	uint32_t count, stride;
	int error = map_entries(map, sizeof(struct mb2_map_entry), &count, &stride);

	for (uint32_t i = 0; !error && i < count; i++) {
		const struct mb2_map_entry *entry = (const void *)((const char *)(map + 1) +
								   (size_t)i * stride);

		boot_add_range(out, le64_get(entry->addr), le64_get(entry->size),
			       le32_get(entry->type));
	}
	return error;
}

static uint32_t efi_range_type(uint32_t type)
{
	if (type == EFI_CONVENTIONAL || (type >= EFI_LOADER_CODE && type <= EFI_BOOT_SERVICES_DATA))
		return BOOT_RANGE_USABLE;
	if (type == EFI_ACPI_RECLAIM)
		return BOOT_RANGE_ACPI;
	return type == EFI_ACPI_NVS ? BOOT_RANGE_NVS : BOOT_RANGE_RESERVED;
}

static int read_efi_mmap(struct boot_info *out, const struct mb2_map *map)
{
	uint32_t count, stride;
	int error = map_entries(map, sizeof(struct efi_descriptor), &count, &stride);

	for (uint32_t i = 0; !error && i < count; i++) {
		const struct efi_descriptor *entry = (const void *)((const char *)(map + 1) +
								    (size_t)i * stride);
		uint64_t bytes;

		if (mul_overflows(le64_get(entry->pages), (uint64_t)PAGE_SIZE, &bytes))
			bytes = UINT64_MAX;
		boot_add_range(out, le64_get(entry->physical_start), bytes,
			       efi_range_type(le32_get(entry->type)));
	}
	return error;
}

static int read_module(struct boot_info *out, const struct mb2_module *module)
{
	uint32_t start, end;

	if (le32_get(module->tag.size) < sizeof *module)
		return -EINVAL;
	start = le32_get(module->mod_start);
	end = le32_get(module->mod_end);
	if (end < start)
		return -EINVAL;
	if (!out->initrd_bytes) {
		out->initrd = start;
		out->initrd_bytes = end - start;
	}
	return 0;
}

static int read_framebuffer(struct boot_framebuffer *out, const struct mb2_framebuffer *tag)
{
	if (le32_get(tag->tag.size) < sizeof *tag)
		return -EINVAL;
	if (tag->type != FRAMEBUFFER_RGB)
		return 0;
	out->address = le64_get(tag->addr);
	out->pitch_bytes = le32_get(tag->pitch);
	out->width = le32_get(tag->width);
	out->height = le32_get(tag->height);
	out->bits_per_pixel = tag->bpp;
	return 0;
}

static int read_cmdline(struct boot_info *out, const struct mb2_tag *tag, uint64_t address)
{
	size_t room = le32_get(tag->size) - sizeof *tag;
	size_t length = strnlen((const char *)(tag + 1), room);

	if (length == room)
		return -EINVAL;
	if (length >= BOOT_CMDLINE_MAX)
		return -E2BIG;
	out->cmdline = address;
	out->cmdline_bytes = length;
	return 0;
}

/** The tag's `size` bytes are there; its content is at physical `address`. */
static int read_tag(struct boot_info *out, const struct mb2_tag *tag, uint64_t address,
		    struct mb2_maps *maps)
{
	uint32_t type = le32_get(tag->type), content = le32_get(tag->size) - sizeof *tag;

	if (type == TAG_CMDLINE)
		return read_cmdline(out, tag, address);
	if (type == TAG_MODULE)
		return read_module(out, (const void *)tag);
	if (type == TAG_FRAMEBUFFER)
		return read_framebuffer(&out->framebuffer, (const void *)tag);
	if (type == TAG_MMAP)
		maps->mmap = (const void *)tag;
	if (type == TAG_EFI_MMAP)
		maps->efi = (const void *)tag;
	/* The new RSDP has the XSDT; both are whole copies. */
	if (content >= RSDP_V1_BYTES &&
	    (type == TAG_ACPI_NEW || (type == TAG_ACPI_OLD && !out->rsdp)))
		out->rsdp = address;
	return 0;
}

/** `offset` moves behind the last tag. -EINVAL: the tags do not end in an end tag. */
static int read_tags(struct boot_info *out, const char *info, uint64_t info_address,
		     struct mb2_maps *maps)
{
	uint32_t total = le32_get(((const struct mb2_info *)info)->total_size);
	uint32_t at = sizeof(struct mb2_info);

	while (range_fits(at, sizeof(struct mb2_tag), total)) {
		const struct mb2_tag *tag = (const void *)(info + at);
		uint32_t size = le32_get(tag->size);
		int error;

		if (size < sizeof *tag || !range_fits(at, size, total))
			return -EINVAL;
		if (le32_get(tag->type) == TAG_END)
			return 0;
		error = read_tag(out, tag, info_address + at + sizeof *tag, maps);
		if (error)
			return error;
		at = (uint32_t)align_up(at + size, TAG_ALIGN);
	}
	return -EINVAL;
}

int boot_read_multiboot2(struct boot_info *out, uint64_t info, const struct boot_memory *memory)
{
	const struct mb2_info *head = boot_at(memory, info, sizeof *head);
	struct mb2_maps maps = { 0 };
	uint32_t total;
	int error;

	boot_info_start(out, "multiboot2");
	if (!head)
		return -EFAULT;
	total = le32_get(head->total_size);
	if (total < sizeof *head || !is_aligned(info, TAG_ALIGN))
		return -EINVAL;
	if (total > INFO_BYTES_MAX)
		return -E2BIG;
	head = boot_at(memory, info, total);
	if (!head)
		return -EFAULT;
	error = read_tags(out, (const char *)head, info, &maps);
	if (error)
		return error;
	/* GRUB makes the former from the latter, and asks the BIOS where there is no EFI. */
	if (maps.mmap)
		return read_mmap(out, maps.mmap);
	return maps.efi ? read_efi_mmap(out, maps.efi) : -EPROTONOSUPPORT;
}
