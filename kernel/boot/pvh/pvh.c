/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PVH boot protocol: hvm_start_info (xen/include/public/arch-x86/hvm/start_info.h). Memory
 * below 4 GiB, flat. Used by QEMU, Firecracker, Cloud Hypervisor, libkrun and Xen. Context:
 * <boot/protocols.h>.
 */
#include "../reader.h"

#include <base/errno.h>
#include <boot/protocols.h>

#define PVH_MAGIC 0x336ec578u /* "xEn3" with bit 7 of the E set */

struct pvh_start_info {
	le32_t magic, version, flags, nr_modules;
	le64_t modlist_paddr, cmdline_paddr, rsdp_paddr;
} packed;
_Static_assert(sizeof(struct pvh_start_info) == 40, "start_info.h, version 0");

/** Behind the above, from version 1 on. */
struct pvh_start_info_v1 {
	le64_t memmap_paddr;
	le32_t memmap_entries, reserved;
} packed;
_Static_assert(sizeof(struct pvh_start_info_v1) == 16, "start_info.h, version 1");

struct pvh_module {
	le64_t paddr, size, cmdline_paddr, reserved;
} packed;
_Static_assert(sizeof(struct pvh_module) == 32, "start_info.h");

/** `type` as in e820. */
struct pvh_memmap_entry {
	le64_t addr, size;
	le32_t type, reserved;
} packed;
_Static_assert(sizeof(struct pvh_memmap_entry) == 24, "start_info.h");

static int read_memory_map(struct boot_info *out, uint64_t address,
			   const struct boot_memory *memory)
{
	const struct pvh_start_info_v1 *v1 = boot_at(memory, address, sizeof *v1);
	const struct pvh_memmap_entry *map;
	uint32_t count;

	if (!v1)
		return -EFAULT;
	count = le32_get(v1->memmap_entries);
	if (count > BOOT_MAP_MAX)
		return -E2BIG;
	map = boot_at(memory, le64_get(v1->memmap_paddr), count * sizeof *map);
	if (!map && count)
		return -EFAULT;
	for (uint32_t i = 0; i < count; i++)
		boot_add_range(out, le64_get(map[i].addr), le64_get(map[i].size),
			       le32_get(map[i].type));
	return 0;
}

static int read_initrd(struct boot_info *out, uint64_t modlist, const struct boot_memory *memory)
{
	const struct pvh_module *module = boot_at(memory, modlist, sizeof *module);

	if (!module)
		return -EFAULT;
	out->initrd = le64_get(module->paddr);
	out->initrd_bytes = le64_get(module->size);
	return 0;
}

int boot_read_pvh(struct boot_info *out, uint64_t start_info, const struct boot_memory *memory)
{
	const struct pvh_start_info *info = boot_at(memory, start_info, sizeof *info);
	int error = 0;

	boot_info_start(out, "pvh");
	if (!info)
		return -EFAULT;
	if (le32_get(info->magic) != PVH_MAGIC)
		return -EINVAL;
	error = boot_find_cmdline(out, le64_get(info->cmdline_paddr), memory);
	if (!error && le32_get(info->nr_modules))
		error = read_initrd(out, le64_get(info->modlist_paddr), memory);
	if (error)
		return error;
	out->rsdp = le64_get(info->rsdp_paddr);
	if (le32_get(info->version) < 1)
		return -EPROTONOSUPPORT;
	return read_memory_map(out, start_info + sizeof *info, memory);
}
