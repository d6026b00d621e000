/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is found in the DSDT without running it: devices of virtio (ids as in QEMU's and Firecracker's tables) with their resources
 * (ACPI 6.5, 6.4), and where configuration space is (_CBA; PCI Firmware 3.3, 4.1.3).
 */
#include "parse.h"

#include <base/bits.h>
#include <base/string.h>

enum {
	ID_BYTES = 8,
	ID_ZEROS = 4, /* where the run of three zeros begins in it */
	SPAN = 96,    /* from the id to the end of the resources, generously */
	MEMORY32_FIXED = 0x86,
	MEMORY32_BYTES = 9,
	EXTENDED_INTERRUPT = 0x89,
	EXTENDED_BYTES_MIN = 6,
	INTERRUPT_EDGE = 1 << 1,
	INTERRUPT_LOW = 1 << 2,
	AML_METHOD_FLAGS = 1,
	AML_RETURN = 0xa4,
	AML_DWORD = 0x0c,
	AML_QWORD = 0x0e,
};

static const char virtio_id[] = "LNRO0005";

/** Where the next id begins at or behind `at`; 0: none. Every third byte is looked at: one of them is among its zeros. */
static uint32_t find_id(const struct acpi_table *aml, uint32_t at)
{
	if (aml->length < ACPI_HEADER_BYTES + ID_BYTES)
		return 0;
	for (uint32_t i = at + ID_ZEROS + 2; i < aml->length; i += 3) {
		if (aml->bytes[i] != '0')
			continue;
		for (uint32_t back = ID_ZEROS; back < ID_ZEROS + 3; back++) {
			uint32_t start = i - back;

			if (start >= at && range_fits(start, ID_BYTES, aml->length) &&
			    !memcmp(aml->bytes + start, virtio_id, ID_BYTES))
				return start;
		}
	}
	return 0;
}

/** A large resource of this type in [at, end), with at least so many bytes behind its header; 0: none. */
static uint32_t find_resource(const struct acpi_table *aml, uint32_t at, uint32_t end, uint8_t type,
			      uint32_t bytes)
{
	for (; range_fits(at, 3 + bytes, end); at++) {
		uint16_t length = acpi_get16(aml, at + 1);

		if (aml->bytes[at] == type && length >= bytes && length < SPAN)
			return at;
	}
	return 0;
}

/** What follows an id, up to the next one's. */
static bool read_resources(const struct acpi_table *aml, uint32_t at, struct acpi_virtio *out)
{
	uint32_t end = min(aml->length, at + SPAN);
	uint32_t memory = find_resource(aml, at, end, MEMORY32_FIXED, MEMORY32_BYTES);
	uint32_t interrupt;
	uint8_t flags;

	if (!memory)
		return false;
	interrupt = find_resource(aml, memory + 3 + MEMORY32_BYTES, end, EXTENDED_INTERRUPT,
				  EXTENDED_BYTES_MIN);
	if (!interrupt || !aml->bytes[interrupt + 4])
		return false;
	flags = aml->bytes[interrupt + 3];
	*out = (struct acpi_virtio){
		.address = acpi_get32(aml, memory + 4),
		.bytes = acpi_get32(aml, memory + 8),
		.gsi = acpi_get32(aml, interrupt + 5),
		.level = !(flags & INTERRUPT_EDGE),
		.low = flags & INTERRUPT_LOW,
	};
	return true;
}

bool acpi_parse_virtio(const struct acpi_table *aml, uint32_t *position, struct acpi_virtio *out)
{
	uint32_t at = max(*position, (uint32_t)ACPI_HEADER_BYTES);

	while ((at = find_id(aml, at)) != 0) {
		at += ID_BYTES;
		*position = at;
		if (read_resources(aml, at, out))
			return true;
	}
	return false;
}

/** Name (_CBA, x), or Method (_CBA) {Return (x)}; a method's flags are its count of arguments, 0, with or without "serialized". */
bool acpi_parse_cba(const struct acpi_table *aml, uint64_t *address)
{
	for (uint32_t at = ACPI_HEADER_BYTES; range_fits(at, 4 + 2 + 1 + 8, aml->length); at++) {
		uint32_t value = at + 4;

		if (aml->bytes[at] != '_' || memcmp(aml->bytes + at, "_CBA", 4))
			continue;
		if (acpi_get8(aml, value + AML_METHOD_FLAGS) == AML_RETURN)
			value += 2;
		if (acpi_get8(aml, value) == AML_DWORD)
			*address = acpi_get32(aml, value + 1);
		else if (acpi_get8(aml, value) == AML_QWORD)
			*address = acpi_get64(aml, value + 1);
		else
			continue;
		return true;
	}
	return false;
}
