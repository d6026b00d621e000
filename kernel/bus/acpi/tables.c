/* SPDX-License-Identifier: BSD-3-Clause */
/* From the RSDP to a table (ACPI 6.5, 5.2.5-5.2.8). Tables may lie at any address, unaligned. */
#include "parse.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>

enum {
	RSDP_V1_BYTES = 20,
	RSDP_V2_BYTES = 36,
	RSDP_ALIGN = 16,
	EBDA_POINTER = 0x40e, /* the segment of the extended BIOS data area */
	EBDA_BYTES = 1024,
	BIOS_START = 0xe0000,
	BIOS_BYTES = 0x20000,
	FIRECRACKER_RSDP = 0xe0000,
	CLOUD_HYPERVISOR_RSDP = 0xa0000,
	LOW_MEMORY_END = 0xa0000,
	ROOT_BYTES_MAX = 64 << 10,
};

bool acpi_sum_is_zero(const uint8_t *bytes, size_t count)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return !sum;
}

static bool field_fits(const struct acpi_table *table, uint32_t offset, uint32_t bytes)
{
	return range_fits(offset, bytes, table->length);
}

uint8_t acpi_get8(const struct acpi_table *table, uint32_t offset)
{
	return field_fits(table, offset, 1) ? table->bytes[offset] : 0;
}

uint16_t acpi_get16(const struct acpi_table *table, uint32_t offset)
{
	uint16_t value = 0;

	if (field_fits(table, offset, sizeof(value)))
		memcpy(&value, table->bytes + offset, sizeof(value));
	return value;
}

uint32_t acpi_get32(const struct acpi_table *table, uint32_t offset)
{
	uint32_t value = 0;

	if (field_fits(table, offset, sizeof(value)))
		memcpy(&value, table->bytes + offset, sizeof(value));
	return value;
}

uint64_t acpi_get64(const struct acpi_table *table, uint32_t offset)
{
	uint64_t value = 0;

	if (field_fits(table, offset, sizeof(value)))
		memcpy(&value, table->bytes + offset, sizeof(value));
	return value;
}

int acpi_table_at(const struct acpi_memory *memory, uint64_t address, struct acpi_table *out)
{
	const uint8_t *header = memory->at(memory->context, address, ACPI_HEADER_BYTES);
	uint32_t length;

	if (!header)
		return -EFAULT;
	memcpy(&length, header + 4, sizeof(length));
	if (length < ACPI_HEADER_BYTES || length > ACPI_TABLE_BYTES_MAX)
		return -EINVAL;
	out->bytes = memory->at(memory->context, address, length);
	out->length = length;
	return out->bytes ? 0 : -EFAULT;
}

static bool has_signature(const struct acpi_table *table, const char signature[4])
{
	return !memcmp(table->bytes, signature, 4);
}

static bool root_table_at(const struct acpi_memory *memory, uint64_t address,
			  const char signature[4], struct acpi_table *out)
{
	return address && !acpi_table_at(memory, address, out) && has_signature(out, signature) &&
	       out->length <= ROOT_BYTES_MAX && acpi_sum_is_zero(out->bytes, out->length);
}

/* Whether an RSDP at `p`, of which `bytes` can be read, leads to a root table. */
static bool root_of_rsdp(const struct acpi_memory *memory, const uint8_t *p, uint64_t bytes,
			 struct acpi_root *out)
{
	const struct acpi_table rsdp = { p, (uint32_t)min(bytes, (uint64_t)RSDP_V2_BYTES) };

	if (bytes < RSDP_V1_BYTES || memcmp(p, "RSD PTR ", 8) ||
	    !acpi_sum_is_zero(p, RSDP_V1_BYTES))
		return false;
	out->entry_bytes = 8;
	if (acpi_get8(&rsdp, 15) >= 2 && bytes >= RSDP_V2_BYTES &&
	    acpi_sum_is_zero(p, RSDP_V2_BYTES) &&
	    root_table_at(memory, acpi_get64(&rsdp, 24), "XSDT", &out->table))
		return true;
	out->entry_bytes = 4;
	return root_table_at(memory, acpi_get32(&rsdp, 16), "RSDT", &out->table);
}

static bool scan(const struct acpi_memory *memory, uint64_t start, uint64_t bytes,
		 struct acpi_root *out)
{
	const uint8_t *p = memory->at(memory->context, start, bytes);

	if (!p)
		return false;
	for (uint64_t at = 0; at + RSDP_V1_BYTES <= bytes; at += RSDP_ALIGN) {
		if (p[at] == 'R' && root_of_rsdp(memory, p + at, bytes - at, out))
			return true;
	}
	return false;
}

static bool scan_ebda(const struct acpi_memory *memory, struct acpi_root *out)
{
	const uint8_t *p = memory->at(memory->context, EBDA_POINTER, 2);
	uint64_t start;

	if (!p)
		return false;
	start = (uint64_t)(p[0] | p[1] << 8) << 4;
	if (start < PAGE_SIZE || start > LOW_MEMORY_END - EBDA_BYTES)
		return false;
	return scan(memory, start, EBDA_BYTES, out);
}

int acpi_find_root(const struct acpi_memory *memory, uint64_t hint, enum acpi_search search,
		   struct acpi_root *out)
{
	if (hint &&
	    (scan(memory, hint, RSDP_V2_BYTES, out) || scan(memory, hint, RSDP_V1_BYTES, out)))
		return 0;
	if (scan(memory, FIRECRACKER_RSDP, RSDP_V2_BYTES, out) ||
	    scan(memory, CLOUD_HYPERVISOR_RSDP, RSDP_V2_BYTES, out))
		return 0;
	if (search == ACPI_SEARCH_ALL &&
	    (scan(memory, BIOS_START, BIOS_BYTES, out) || scan_ebda(memory, out)))
		return 0;
	return -ENOENT;
}

static uint64_t root_entry(const struct acpi_root *root, uint32_t offset)
{
	return root->entry_bytes == 8 ? acpi_get64(&root->table, offset)
				      : acpi_get32(&root->table, offset);
}

int acpi_find_in_root(const struct acpi_memory *memory, const struct acpi_root *root,
		      const char signature[4], unsigned index, struct acpi_table *out)
{
	const struct acpi_table *table = &root->table;

	for (uint32_t at = ACPI_HEADER_BYTES; range_fits(at, root->entry_bytes, table->length);
	     at += root->entry_bytes) {
		uint64_t address = root_entry(root, at);

		if (!address || acpi_table_at(memory, address, out) ||
		    !has_signature(out, signature))
			continue;
		if (!acpi_sum_is_zero(out->bytes, out->length)) {
			log_warning("ACPI: %.4s has a wrong checksum: not used", signature);
			continue;
		}
		if (!index--)
			return 0;
	}
	return -ENOENT;
}
