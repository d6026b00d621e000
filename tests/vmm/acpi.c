/* SPDX-License-Identifier: BSD-3-Clause */
/* The ACPI tables of a Firecracker machine (ACPI 6.5, 5.2), as far as a kernel without an AML interpreter reads them. */
#include <string.h>

#include "vmm.h"

enum { HEADER_BYTES = 36, RSDP_BYTES = 36, FADT_BYTES = 276 };
enum { FADT_FLAGS = 112, FADT_MINOR = 131, FADT_X_DSDT = 140, FADT_HYPERVISOR = 268 };
enum { FADT_PWR_BUTTON = 1 << 4, FADT_SLP_BUTTON = 1 << 5, FADT_HW_REDUCED = 1 << 20 };

static uint8_t checksum(const uint8_t *bytes, size_t length)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum += bytes[i];
	return (uint8_t)-sum;
}

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
	memcpy(at, &value, bytes);
}

/* Completes the header of a table whose body is there; returns the address behind it. */
static uint64_t finish_table(struct ram *ram, uint64_t gpa, const char *signature, size_t length,
			     uint8_t revision)
{
	uint8_t *table = ram_at(ram, gpa, length);

	memcpy(table, signature, 4);
	put(table + 4, length, 4);
	table[8] = revision;
	table[9] = 0;
	memcpy(table + 10, "FIRECKFCVMTEST", 14);
	put(table + 24, 1, 4);
	memcpy(table + 28, "FCAT", 4);
	put(table + 32, 1, 4);
	table[9] = checksum(table, length);
	return gpa + length;
}

static uint8_t *clear_table(struct ram *ram, uint64_t gpa, size_t length)
{
	uint8_t *table = ram_at(ram, gpa, length);

	memset(table, 0, length);
	return table;
}

static uint64_t write_fadt(struct ram *ram, uint64_t gpa, uint64_t dsdt)
{
	uint8_t *fadt = clear_table(ram, gpa, FADT_BYTES);

	put(fadt + FADT_FLAGS, FADT_HW_REDUCED | FADT_PWR_BUTTON | FADT_SLP_BUTTON, 4);
	fadt[FADT_MINOR] = 5;
	put(fadt + FADT_X_DSDT, dsdt, 8);
	memcpy(fadt + FADT_HYPERVISOR, "FIRECKVM", 8);
	return finish_table(ram, gpa, "FACP", FADT_BYTES, 6);
}

/* One IOAPIC with lines from 0, one local APIC. */
static uint64_t write_madt(struct ram *ram, uint64_t gpa)
{
	enum { IOAPIC = HEADER_BYTES + 8, LAPIC = IOAPIC + 12, BYTES = LAPIC + 8 };
	uint8_t *madt = clear_table(ram, gpa, BYTES);

	put(madt + HEADER_BYTES, 0xfee00000, 4);
	madt[IOAPIC] = 1;
	madt[IOAPIC + 1] = 12;
	put(madt + IOAPIC + 4, 0xfec00000, 4);
	madt[LAPIC + 1] = 8;
	put(madt + LAPIC + 4, 1, 4); /* enabled */
	return finish_table(ram, gpa, "APIC", BYTES, 6);
}

static void write_rsdp(struct ram *ram, uint64_t xsdt)
{
	uint8_t *rsdp = clear_table(ram, RSDP_GPA, RSDP_BYTES);

	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "FIRECK", 6);
	rsdp[15] = 2;
	put(rsdp + 20, RSDP_BYTES, 4);
	put(rsdp + 24, xsdt, 8);
	rsdp[8] = checksum(rsdp, 20);
	rsdp[32] = checksum(rsdp, RSDP_BYTES);
}

void acpi_write(struct ram *ram)
{
	uint64_t dsdt = SYSTEM_DATA_GPA + 0x131;
	uint64_t fadt = finish_table(ram, dsdt, "DSDT", HEADER_BYTES, 2);
	uint64_t madt = write_fadt(ram, fadt, dsdt);
	uint64_t xsdt = write_madt(ram, madt);
	uint8_t *table = clear_table(ram, xsdt, HEADER_BYTES + 16);

	put(table + HEADER_BYTES, fadt, 8);
	put(table + HEADER_BYTES + 8, madt, 8);
	finish_table(ram, xsdt, "XSDT", HEADER_BYTES + 16, 1);
	write_rsdp(ram, xsdt);
}
