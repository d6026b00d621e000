/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the table reader that touch no machine: bytes in, facts out. All input is untrusted. */
#pragma once

#include <bus/acpi.h>

/** How memory is reached: `bytes` readable bytes at a physical address, or NULL. */
struct acpi_memory {
	const void *(*at)(void *context, uint64_t address, uint64_t bytes);
	void *context;
};

enum { ACPI_HEADER_BYTES = 36, ACPI_TABLE_BYTES_MAX = 8 << 20 };

/** The root table: XSDT (entries of 8 bytes) or RSDT (4 bytes). */
struct acpi_root {
	struct acpi_table table;
	uint32_t entry_bytes;
};

/** Finds and checks the RSDP (at `hint` if that is not 0, else where `search` says) and its root table. -ENOENT. */
int must_check acpi_find_root(const struct acpi_memory *memory, uint64_t hint,
			      enum acpi_search search, struct acpi_root *out);

/** Any table by its address, with a length that makes sense. -EINVAL, -EFAULT. */
int must_check acpi_table_at(const struct acpi_memory *memory, uint64_t address,
			     struct acpi_table *out);

/** The sum of all bytes is 0. */
bool acpi_sum_is_zero(const uint8_t *bytes, size_t count);

/** Walks the root table. Tables with a wrong checksum are passed over. */
int must_check acpi_find_in_root(const struct acpi_memory *memory, const struct acpi_root *root,
				 const char signature[4], unsigned index, struct acpi_table *out);

void acpi_parse_madt(const struct acpi_table *madt, struct acpi_interrupts *out);
bool acpi_madt_cpu(const struct acpi_table *madt, unsigned index, uint32_t *apic_id);
void acpi_parse_fadt(const struct acpi_table *fadt, struct acpi_fixed *out);
bool acpi_parse_s5(const struct acpi_table *aml, uint8_t types[2]);
bool acpi_parse_hpet(const struct acpi_table *hpet, uint64_t *address);
bool acpi_parse_mcfg(const struct acpi_table *mcfg, unsigned index, struct acpi_ecam *out);

/** The first device of this kind behind *position (0: the first of all), which is moved behind it. */
bool acpi_parse_virtio(const struct acpi_table *aml, uint32_t *position, struct acpi_virtio *out);

/** Devices that tell of a resume, by their ids. False: this table has none in a form that is known. */
bool acpi_parse_vmgenid(const struct acpi_table *aml, struct acpi_notice *out);
bool acpi_parse_vmclock(const struct acpi_table *aml, struct acpi_notice *out);
unsigned acpi_parse_event_lines(const struct acpi_table *aml, struct acpi_line lines[],
				unsigned count);

/** The base address of the one host bridge (Name or Method _CBA). */
bool acpi_parse_cba(const struct acpi_table *aml, uint64_t *address);
