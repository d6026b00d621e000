/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ACPI tables (ACPI 6.5, chapter 5), read without an AML interpreter. Nothing is read before somebody asks for a table; then
 * what lies on the way to it is mapped and checked. Tables stay where the firmware put them, which may be in memory that
 * was told to be usable: they are to be read before that memory is given away, or in ranges that were not.
 *
 * What is wrong in a table makes it absent, with a warning. Thread context, or start-up.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** Where to look for the RSDP when nobody said. */
enum acpi_search {
	ACPI_SEARCH_KNOWN, /* places that VMMs use which do not say it */
	ACPI_SEARCH_ALL,   /* all of the BIOS area, as on a PC */
};

/** `rsdp` as the boot protocol said it; 0: it did not. With `acpi=off` there are no tables. */
void acpi_init(uint64_t rsdp, enum acpi_search search);

/** A whole table, header included. Fields are read by acpi_get(), which knows where it ends. */
struct acpi_table {
	const uint8_t *bytes;
	uint32_t length;
};

/** The `index`-th table of this signature. -ENOENT: there is none. */
int must_check acpi_find_table(const char signature[4], unsigned index, struct acpi_table *out);

/** Little-endian fields, of any alignment; 0 where the table ends before. */
uint8_t acpi_get8(const struct acpi_table *table, uint32_t offset);
uint16_t acpi_get16(const struct acpi_table *table, uint32_t offset);
uint32_t acpi_get32(const struct acpi_table *table, uint32_t offset);
uint64_t acpi_get64(const struct acpi_table *table, uint32_t offset);

/* MADT: interrupt controllers (5.2.12). */

enum { ACPI_IOAPICS_MAX = 16, ACPI_ISA_LINES = 16 };

struct acpi_ioapic {
	uint64_t address;
	uint32_t id, gsi_base;
};

struct acpi_isa_line {
	uint32_t gsi;
	bool level, low;
};

struct acpi_interrupts {
	uint64_t lapic_address;
	bool has_8259;
	unsigned ioapic_count;
	struct acpi_ioapic ioapics[ACPI_IOAPICS_MAX];
	struct acpi_isa_line
		isa[ACPI_ISA_LINES]; /* identity, edge, high where nothing overrides it */
	unsigned cpu_count;          /* enabled ones */
};

/** -ENOENT: no MADT. */
int must_check acpi_read_interrupts(struct acpi_interrupts *out);

/** Whether the root table names this maker (its OEM id, 6 characters). */
bool acpi_made_by(const char oem[6]);

/** The APIC id of the `index`-th enabled CPU. -ENOENT: there are not as many. */
int must_check acpi_read_cpu(unsigned index, uint32_t *apic_id);

/* FADT: fixed hardware (5.2.9). */

enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_PORTS = 1, ACPI_SPACE_PCI = 2 };

/** A register; address 0: there is none. */
struct acpi_register {
	uint64_t address;
	uint8_t space; /* enum acpi_space; others are not for us */
	uint8_t bits;
};

enum acpi_boot_flags {
	ACPI_BOOT_8042 = 1 << 1,
	ACPI_BOOT_NO_VGA = 1 << 2,
	ACPI_BOOT_NO_MSI = 1 << 3,
	ACPI_BOOT_NO_RTC = 1 << 5,
};

struct acpi_fixed {
	uint64_t dsdt;
	uint16_t sci_interrupt;
	uint16_t smi_command; /* port; 0: none */
	uint8_t acpi_enable;
	uint8_t revision;
	uint8_t century;     /* CMOS register; 0: none */
	uint16_t boot_flags; /* enum acpi_boot_flags; valid from revision 2 */
	bool hw_reduced;
	bool timer_32bit;
	uint8_t reset_value;
	struct acpi_register reset; /* address 0 unless the flags say that it works */
	struct acpi_register pm1a_control, pm1b_control, pm_timer;
	struct acpi_register gpe0; /* `gpe0_bytes` of status, then as many of enables */
	uint8_t gpe0_bytes;
	struct acpi_register sleep_control, sleep_status;
};

/** -ENOENT: no FADT. Read once, kept. */
int must_check acpi_read_fixed(struct acpi_fixed *out);

/** SLP_TYPa and SLP_TYPb for soft-off: \_S5, found by pattern in the DSDT, then the SSDTs. -ENOENT: none. */
int must_check acpi_read_s5(uint8_t types[2]);

/* HPET, MCFG. */

/** Physical address of the (first) HPET's registers. -ENOENT: none. */
int must_check acpi_read_hpet(uint64_t *address);

struct acpi_ecam {
	uint64_t address; /* of bus 0 of the segment, even where start_bus is not 0 */
	uint16_t segment;
	uint8_t start_bus, end_bus;
};

/** The `index`-th range of PCI Express configuration space: from the MCFG, or the one that a hardware-reduced machine's DSDT has
 * (_CBA). -ENOENT: no more. */
int must_check acpi_read_ecam(unsigned index, struct acpi_ecam *out);

/* Devices of virtio on memory-mapped registers (LNRO0005), by pattern in the DSDT of a hardware-reduced machine. */

struct acpi_virtio {
	uint32_t address, bytes, gsi;
	bool level, low;
};

/** The next one behind *position, 0 at first, which is moved on. -ENOENT: no more. */
int must_check acpi_next_virtio(uint32_t *position, struct acpi_virtio *out);

/* What tells that the machine was resumed, by pattern in the SSDTs and in the DSDT of a hardware-reduced machine: VMGenID, a number of
 * 128 bits (Microsoft, "Virtual Machine Generation ID"), and VMClock, a page. */

enum { ACPI_NO_EVENT = UINT32_MAX, ACPI_EVENT_LINES_MAX = 8 };

struct acpi_notice {
	uint64_t address; /* physical; as the table says it, not checked */
	uint32_t
		event; /* the general-purpose event that announces a change; ACPI_NO_EVENT: none, but perhaps event lines */
};

/** -ENOENT: there is none. */
int must_check acpi_read_vmgenid(struct acpi_notice *out);
int must_check acpi_read_vmclock(struct acpi_notice *out);

struct acpi_line {
	uint32_t gsi;
	bool level, low;
};

/** The lines of the generic event device (5.6.9): how many there are, up to `count`. */
unsigned acpi_read_event_lines(struct acpi_line lines[], unsigned count);
