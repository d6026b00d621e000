/* SPDX-License-Identifier: BSD-3-Clause */
/* What Firecracker's loader puts into guest memory: the ELF file's segments, initrd, command line, zero page or start_info. */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm.h"

enum { E820_RAM = 1, E820_RESERVED = 2, NOTE_PHYS32_ENTRY = 18 };
enum { RUBBISH = 0xa5 };
#define RUBBISH_BYTES ((uint64_t)64 << 20) /* all of it would cost the host that memory */
#define GIB ((uint64_t)1 << 30)

/* struct boot_params, Linux Documentation/arch/x86/zero-page.rst and boot.rst */
enum {
	BP_RSDP = 0x70,
	BP_E820_ENTRIES = 0x1e8,
	BP_BOOT_FLAG = 0x1fe,
	BP_HEADER = 0x202,
	BP_TYPE_OF_LOADER = 0x210,
	BP_RAMDISK_IMAGE = 0x218,
	BP_RAMDISK_SIZE = 0x21c,
	BP_CMD_LINE_PTR = 0x228,
	BP_KERNEL_ALIGNMENT = 0x230,
	BP_CMDLINE_SIZE = 0x238,
	BP_E820_TABLE = 0x2d0,
};

static uint8_t *map_memory(uint64_t bytes)
{
	uint8_t *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		die("no memory for a machine of %llu bytes", (unsigned long long)bytes);
	return at;
}

struct ram ram_create(uint64_t bytes)
{
	struct ram ram = { .low_bytes = bytes < MMIO_GAP_GPA ? bytes : MMIO_GAP_GPA };

	ram.high_bytes = bytes - ram.low_bytes;
	ram.low = map_memory(ram.low_bytes);
	if (ram.high_bytes)
		ram.high = map_memory(ram.high_bytes);
	memset(ram.low, RUBBISH, ram.low_bytes < RUBBISH_BYTES ? ram.low_bytes : RUBBISH_BYTES);
	return ram;
}

void *ram_at(struct ram *ram, uint64_t gpa, uint64_t bytes)
{
	if (gpa <= ram->low_bytes && bytes <= ram->low_bytes - gpa)
		return ram->low + gpa;
	gpa -= FOUR_GIB; /* wraps where it lies below */
	if (gpa <= ram->high_bytes && bytes <= ram->high_bytes - gpa)
		return ram->high + gpa;
	return NULL;
}

static void *must_at(struct ram *ram, uint64_t gpa, uint64_t bytes)
{
	void *at = ram_at(ram, gpa, bytes);

	if (!at)
		die("%llu bytes at 0x%llx do not fit into memory", (unsigned long long)bytes,
		    (unsigned long long)gpa);
	return at;
}

static void put(struct ram *ram, uint64_t gpa, uint64_t value, size_t bytes)
{
	memcpy(must_at(ram, gpa, bytes), &value, bytes);
}

static const Elf64_Phdr *program_headers(const struct blob *kernel, const Elf64_Ehdr *header)
{
	if (kernel->length < sizeof(*header) || memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_phoff > kernel->length ||
	    header->e_phnum > (kernel->length - header->e_phoff) / sizeof(Elf64_Phdr))
		die("the kernel is not an ELF file");
	return (const Elf64_Phdr *)(kernel->bytes + header->e_phoff);
}

/* Copies what the file has; what a segment has beyond that stays as it is, as with linux-loader. */
static void load_segments(struct ram *ram, const struct blob *kernel, const Elf64_Phdr *ph,
			  unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (ph[i].p_type != PT_LOAD || !ph[i].p_filesz)
			continue;
		if (ph[i].p_paddr < HIGH_RAM_GPA)
			die("a segment lies below 1 MiB");
		if (ph[i].p_offset > kernel->length ||
		    ph[i].p_filesz > kernel->length - ph[i].p_offset)
			die("the kernel's file is cut short");
		memcpy(must_at(ram, ph[i].p_paddr, ph[i].p_filesz), kernel->bytes + ph[i].p_offset,
		       ph[i].p_filesz);
	}
}

/* The first note "Xen", type 18, in a PT_NOTE segment: the 32-bit entry. */
static uint64_t find_pvh_entry(const struct blob *kernel, const Elf64_Phdr *ph, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint64_t at = ph[i].p_offset, end = at + ph[i].p_filesz;

		while (ph[i].p_type == PT_NOTE && end <= kernel->length && at + 16 < end) {
			const uint32_t *note = (const uint32_t *)(kernel->bytes + at);

			if (note[0] == 4 && note[2] == NOTE_PHYS32_ENTRY &&
			    !memcmp(note + 3, "Xen", 4))
				return note[4];
			at += 12 + ((note[0] + 3) & ~3u) + ((note[1] + 3) & ~3u);
		}
	}
	die("the kernel has no PVH note");
}

static size_t list_memory(const struct ram *ram, enum monitor monitor, struct memory_range *out)
{
	size_t n = 0;
	uint64_t excess = 0;

	out[n++] = (struct memory_range){ 0, SYSTEM_DATA_GPA, E820_RAM };
	if (monitor == MONITOR_FIRECRACKER) {
		out[n++] = (struct memory_range){ SYSTEM_DATA_GPA, RSDP_GPA - SYSTEM_DATA_GPA,
						  E820_RESERVED };
		out[n++] = (struct memory_range){ ECAM_GPA, ECAM_BYTES, E820_RESERVED };
	} else {
		excess = 1;
	}
	out[n++] = (struct memory_range){ HIGH_RAM_GPA, ram->low_bytes - HIGH_RAM_GPA, E820_RAM };
	if (ram->high_bytes)
		out[n++] = (struct memory_range){ FOUR_GIB, ram->high_bytes, E820_RAM };
	out[n - 1].bytes += excess;
	return n;
}

/* Identity map of the first GiB and no more, by 2 MiB pages. */
static void write_page_tables(struct ram *ram)
{
	memset(must_at(ram, PML4_GPA, 3 * 4096), 0, 3 * 4096);
	put(ram, PML4_GPA, PDPT_GPA | 3, 8);
	put(ram, PDPT_GPA, PD_GPA | 3, 8);
	for (uint64_t i = 0; i < GIB >> 21; i++)
		put(ram, PD_GPA + 8 * i, (i << 21) | 0x83, 8);
}

static void write_zero_page(struct ram *ram, const struct boot_plan *plan, uint64_t initrd)
{
	struct memory_range ranges[8];
	size_t count = list_memory(ram, plan->monitor, ranges);
	uint64_t page = ZERO_PAGE_GPA;

	memset(must_at(ram, page, 4096), 0, 4096);
	if (plan->monitor == MONITOR_FIRECRACKER)
		put(ram, page + BP_RSDP, RSDP_GPA, 8);
	put(ram, page + BP_BOOT_FLAG, 0xaa55, 2);
	memcpy(must_at(ram, page + BP_HEADER, 4), "HdrS", 4);
	put(ram, page + BP_TYPE_OF_LOADER, 0xff, 1);
	put(ram, page + BP_CMD_LINE_PTR, CMDLINE_GPA, 4);
	put(ram, page + BP_CMDLINE_SIZE, strlen(plan->cmdline) + 1, 4);
	put(ram, page + BP_KERNEL_ALIGNMENT, 0x01000000, 4);
	put(ram, page + BP_RAMDISK_IMAGE, initrd, 4);
	put(ram, page + BP_RAMDISK_SIZE, plan->initrd.length, 4);
	put(ram, page + BP_E820_ENTRIES, count, 1);
	for (size_t i = 0; i < count; i++) {
		uint64_t at = page + BP_E820_TABLE + 20 * i;

		put(ram, at, ranges[i].start, 8);
		put(ram, at + 8, ranges[i].bytes, 8);
		put(ram, at + 16, ranges[i].type, 4);
	}
}

/* struct hvm_start_info version 1 (Xen, public/arch-x86/hvm/start_info.h); the RSDP is not told. */
static void write_start_info(struct ram *ram, const struct boot_plan *plan, uint64_t initrd)
{
	struct memory_range ranges[8];
	size_t count = list_memory(ram, plan->monitor, ranges);

	memset(must_at(ram, START_INFO_GPA, 0x60), 0, 0x60);
	put(ram, START_INFO_GPA, 0x336ec578, 4);
	put(ram, START_INFO_GPA + 4, 1, 4);
	put(ram, START_INFO_GPA + 24, CMDLINE_GPA, 8);
	put(ram, START_INFO_GPA + 40, ZERO_PAGE_GPA, 8);
	put(ram, START_INFO_GPA + 48, count, 4);
	if (plan->initrd.length) {
		put(ram, START_INFO_GPA + 12, 1, 4);
		put(ram, START_INFO_GPA + 16, MODULE_LIST_GPA, 8);
		put(ram, MODULE_LIST_GPA, initrd, 8);
		put(ram, MODULE_LIST_GPA + 8, plan->initrd.length, 8);
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t at = ZERO_PAGE_GPA + 24 * i;

		put(ram, at, ranges[i].start, 8);
		put(ram, at + 8, ranges[i].bytes, 8);
		put(ram, at + 16, ranges[i].type, 8);
	}
}

/* At the page-aligned top of the low memory. */
static uint64_t load_initrd(struct ram *ram, const struct blob *initrd)
{
	uint64_t gpa = (ram->low_bytes - initrd->length) & ~(uint64_t)4095;

	if (!initrd->length)
		return 0;
	memcpy(must_at(ram, gpa, initrd->length), initrd->bytes, initrd->length);
	return gpa;
}

static void write_tables(struct ram *ram, bool pvh)
{
	static const uint64_t gdt64[] = { 0, 0x00af9b000000ffff, 0x00cf93000000ffff,
					  0x008f8b000000ffff };
	static const uint64_t gdt32[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff,
					  0x00008b0000000067 };

	memcpy(must_at(ram, GDT_GPA, sizeof(gdt64)), pvh ? gdt32 : gdt64, sizeof(gdt64));
	put(ram, IDT_GPA, 0, 8);
}

uint64_t boot_load(struct ram *ram, const struct boot_plan *plan)
{
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)plan->kernel.bytes;
	const Elf64_Phdr *ph = program_headers(&plan->kernel, header);
	size_t cmdline_bytes = strlen(plan->cmdline) + 1;

	if (cmdline_bytes > CMDLINE_MAX)
		die("the command line has more than %d bytes", CMDLINE_MAX);
	load_segments(ram, &plan->kernel, ph, header->e_phnum);
	memcpy(must_at(ram, CMDLINE_GPA, cmdline_bytes), plan->cmdline, cmdline_bytes);
	if (plan->monitor == MONITOR_FIRECRACKER)
		acpi_write(ram, plan->virtio_devices);
	write_tables(ram, plan->pvh);
	uint64_t initrd = load_initrd(ram, &plan->initrd);
	if (plan->pvh) {
		write_start_info(ram, plan, initrd);
		return find_pvh_entry(&plan->kernel, ph, header->e_phnum);
	}
	write_page_tables(ram);
	write_zero_page(ram, plan, initrd);
	return header->e_entry;
}
