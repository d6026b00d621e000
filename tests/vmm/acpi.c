/* SPDX-License-Identifier: BSD-3-Clause */
/* The ACPI tables of a Firecracker machine (ACPI 6.5, 5.2), as far as a kernel without an AML interpreter reads them. */
#include <string.h>

#include "virtio.h"

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

/* Device (Vnnn) { Name (_HID, "LNRO0005") Name (_UID, n) Name (_CCA, One) Name (_CRS, memory and interrupt) }, as Firecracker
 * writes it. Returns its length. */
static size_t write_device(uint8_t *at, unsigned slot)
{
	static const uint8_t device[] = {
		0x5b, 0x82, 0x42, 0x04, 'V',  '0',  '0', '0', /* Device */
		0x08, '_',  'H',  'I',  'D',  0x0d, 'L', 'N',  'R',  'O',  '0',  '0',  '0',
		'5',  0,    0x08, '_',  'U',  'I',  'D', 0x0a, 0,    0x08, '_',  'C',  'C',
		'A',  0x01, 0x08, '_',  'C',  'R',  'S', 0x11, 0x1a, 0x0a, 0x17,       /* Buffer */
		0x86, 0x09, 0x00, 0x01, 0,    0,    0,   0,    0x00, 0x10, 0x00, 0x00, /* Memory32Fixed */
		0x89, 0x06, 0x00, 0x03, 0x01, 0,    0,   0,    0, /* Interrupt: edge, high */
		0x79, 0x00,
	};
	enum { NAME = 7, UID = 29, ADDRESS = 49, GSI = 62 };

	memcpy(at, device, sizeof device);
	at[NAME] = (uint8_t)('0' + slot);
	at[UID] = (uint8_t)slot;
	put(at + ADDRESS, VIRTIO_SLOTS_GPA + slot * VIRTIO_SLOT_BYTES, 4);
	put(at + GSI, VIRTIO_GSI_FIRST + slot, 4);
	return sizeof device;
}

static uint64_t write_dsdt(struct ram *ram, uint64_t gpa, unsigned devices)
{
	uint8_t *at = clear_table(ram, gpa, HEADER_BYTES);
	size_t length = HEADER_BYTES;

	for (unsigned slot = 0; slot < devices; slot++)
		length += write_device(at + length, slot);
	return finish_table(ram, gpa, "DSDT", length, 2);
}

void acpi_write(struct ram *ram, unsigned devices)
{
	uint64_t dsdt = SYSTEM_DATA_GPA + 0x131;
	uint64_t fadt = write_dsdt(ram, dsdt, devices);
	uint64_t madt = write_fadt(ram, fadt, dsdt);
	uint64_t xsdt = write_madt(ram, madt);
	uint8_t *table = clear_table(ram, xsdt, HEADER_BYTES + 16);

	put(table + HEADER_BYTES, fadt, 8);
	put(table + HEADER_BYTES + 8, madt, 8);
	finish_table(ram, xsdt, "XSDT", HEADER_BYTES + 16, 1);
	write_rsdp(ram, xsdt);
}
