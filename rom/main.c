/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The boot ROM for QEMU's microvm: enters the PVH kernel that QEMU has put into memory (-kernel),
 * and does nothing else. It is there for the start's time, of which QEMU's own firmware takes more.
 *
 * The initrd goes right behind the kernel's image, or below 640 KiB if it is small: the closer
 * together the memory is that a start touches, the less of it the host has to provide.
 */
#include "fw_cfg.h"
#include "layout.h"
#include "port.h"
#include "pvh.h"

#include <core/status.h>

#include <stddef.h>

enum { PAGE_BYTES = 4096, RANGES_MAX = 64 };
enum { COM1 = 0x3f8, COM1_STATUS = 0x3fd, STATUS_MAY_SEND = 0x20, SEND_TRIES = 100000 };

/* At START_INFO. */
struct start_data {
	struct pvh_start_info info;
	struct pvh_module initrd;
	struct pvh_memmap_entry map[RANGES_MAX];
	char cmdline[];
};

/* The item "etc/e820" is an array of these. */
struct e820_entry {
	uint64_t addr, size;
	uint32_t type;
} __attribute__((packed));

static void print(const char *text)
{
	for (; *text; text++) {
		for (unsigned i = 0; i < SEND_TRIES && !(in8(COM1_STATUS) & STATUS_MAY_SEND); i++)
			;
		out8(COM1, (uint8_t)*text);
	}
}

/** Says why, and ends the machine with the status of a boot that failed (core/status.h). */
static _Noreturn void fail(const char *what)
{
	print("[capuchin] boot ROM: ");
	print(what);
	print("\r\n" STATUS_RECORD_BEGIN "124" STATUS_RECORD_END);
	triple_fault();
}
_Static_assert(STATUS_BOOT_FAILED == 124, "the record in fail()");

static void add_range(struct start_data *data, uint64_t start, uint64_t end, uint32_t type)
{
	uint32_t i = data->info.memmap_entries;

	if (start >= end)
		return;
	if (i == RANGES_MAX)
		fail("the memory map has too many ranges");
	data->map[i] = (struct pvh_memmap_entry){ start, end - start, type, 0 };
	data->info.memmap_entries = i + 1;
}

/* QEMU's map has one range from 0 on, without the hole for devices and ROMs. */
static void read_memory_map(struct start_data *data)
{
	struct e820_entry entry;
	uint32_t bytes;
	uint16_t key;

	if (!fw_cfg_find("etc/e820", &key, &bytes))
		fail("QEMU tells no memory map");
	fw_cfg_select(key);
	for (; bytes >= sizeof entry; bytes -= sizeof entry) {
		fw_cfg_read_on(&entry, sizeof entry);
		uint64_t start = entry.addr, end = entry.addr + entry.size;

		if (entry.type == PVH_MEMMAP_RAM && start < HIGH_START) {
			add_range(data, start, end < LOW_END ? end : LOW_END, entry.type);
			start = HIGH_START;
		}
		add_range(data, start, end, entry.type);
	}
}

static bool is_memory(const struct start_data *data, uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < data->info.memmap_entries; i++) {
		const struct pvh_memmap_entry *range = &data->map[i];

		if (range->type == PVH_MEMMAP_RAM && start >= range->addr &&
		    end - range->addr <= range->size)
			return true;
	}
	return false;
}

static uint64_t align_page(uint64_t address)
{
	return (address + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

/** Returns where the line ends. */
static uint32_t read_cmdline(struct start_data *data)
{
	uint32_t start = START_INFO + offsetof(struct start_data, cmdline);
	uint32_t bytes = fw_cfg_read_number(FW_CFG_CMDLINE_SIZE);

	if (bytes > LOW_END - start || !is_memory(data, start, start + bytes))
		fail("the command line is too long");
	fw_cfg_read(FW_CFG_CMDLINE_DATA, data->cmdline, bytes);
	data->info.cmdline_paddr = start;
	return start + bytes;
}

static void read_initrd(struct start_data *data, uint32_t low_start)
{
	uint32_t bytes = fw_cfg_read_number(FW_CFG_INITRD_SIZE);
	uint64_t start = align_page(low_start);

	if (!bytes)
		return;
	if (start + bytes > LOW_END)
		start = align_page((uint64_t)fw_cfg_read_number(FW_CFG_KERNEL_ADDR) +
				   fw_cfg_read_number(FW_CFG_KERNEL_SIZE));
	if (start + bytes > UINT32_MAX || !is_memory(data, start, start + bytes))
		fail("the machine has too little memory for the initrd");
	fw_cfg_read(FW_CFG_INITRD_DATA, (void *)(uintptr_t)start, bytes);
	data->initrd = (struct pvh_module){ .paddr = start, .size = bytes };
	data->info.modlist_paddr = (uintptr_t)&data->initrd;
	data->info.nr_modules = 1;
}

/** Returns the kernel's entry; what it is told is at START_INFO. */
uint32_t rom_main(void);
uint32_t rom_main(void)
{
	struct start_data *data = (struct start_data *)START_INFO;

	if (!fw_cfg_present())
		fail("this is no QEMU with fw_cfg and DMA");
	data->info = (struct pvh_start_info){
		.magic = PVH_MAGIC,
		.version = 1,
		.memmap_paddr = (uintptr_t)data->map,
	};
	uint32_t entry = fw_cfg_read_number(FW_CFG_KERNEL_ENTRY);
	if (!entry)
		fail("there is no kernel with a PVH entry (see -kernel)");
	read_memory_map(data);
	read_initrd(data, read_cmdline(data));
	return entry;
}
