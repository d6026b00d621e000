/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as firmware tables. The input is all of the memory; its RSDP and the root table's signature are put there, and
 * checksums are mended on the way, so that the fuzzer need not guess them.
 */
#include "parse.h"

#include <base/assert.h>
#include <base/bits.h>

#include <stdlib.h>
#include <string.h>

#include "../../port/host/host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint8_t *bytes;
	size_t size;
};

static void mend(uint8_t *sum, const uint8_t *bytes, size_t count)
{
	uint8_t total = 0;

	for (size_t i = 0; i < count; i++)
		total = (uint8_t)(total + bytes[i]);
	*sum = (uint8_t)(*sum - total);
}

/* Also a machine whose memory changes: each access mends what it can. */
static const void *at(void *context, uint64_t address, uint64_t bytes)
{
	struct input *input = context;
	uint8_t *p;

	if (!range_fits(address, bytes, input->size))
		return NULL;
	p = input->bytes + address;
	if (bytes >= 20 && !memcmp(p, "RSD PTR ", 8))
		mend(p + 8, p, 20);
	if (bytes == 36 && !memcmp(p, "RSD PTR ", 8))
		mend(p + 32, p, 36);
	if (bytes >= ACPI_HEADER_BYTES && memcmp(p, "RSD PTR ", 8))
		mend(p + 9, p, bytes);
	return p;
}

static void parse_all(const struct acpi_table *table)
{
	struct acpi_interrupts interrupts;
	struct acpi_fixed fixed;
	struct acpi_ecam ecam;
	struct acpi_virtio device;
	uint64_t address;
	uint8_t types[2];
	uint32_t id, position = 0, before = 0;
	struct acpi_line lines[2];
	struct acpi_notice notice;

	acpi_parse_madt(table, &interrupts);
	assert(interrupts.ioapic_count <= ACPI_IOAPICS_MAX);
	assert(acpi_madt_cpu(table, 0, &id) == (interrupts.cpu_count > 0));
	acpi_parse_fadt(table, &fixed);
	if (acpi_parse_s5(table, types))
		assert(types[0] <= 7 && types[1] <= 7);
	(void)!acpi_parse_hpet(table, &address);
	for (unsigned i = 0; acpi_parse_mcfg(table, i, &ecam); i++)
		assert(ecam.start_bus <= ecam.end_bus);
	(void)!acpi_parse_cba(table, &address);
	if (acpi_parse_vmgenid(table, &notice) || acpi_parse_vmclock(table, &notice))
		assert(notice.event <= UINT8_MAX || notice.event == ACPI_NO_EVENT);
	assert(acpi_parse_event_lines(table, lines, countof(lines)) <= countof(lines));
	while (acpi_parse_virtio(table, &position, &device)) {
		assert(position > before && position <= table->length);
		before = position;
	}
}

enum { RSDP = 0x10, ROOT = 0x40, ROOT_END = ROOT + ACPI_HEADER_BYTES };

static void put_root(uint8_t *bytes)
{
	bool extended = bytes[0] & 1;

	memset(bytes + RSDP, 0, ROOT - RSDP);
	memcpy(bytes + RSDP, "RSD PTR ", 8);
	bytes[RSDP + 15] = extended ? 2 : 0;
	bytes[RSDP + (extended ? 24 : 16)] = ROOT;
	memcpy(bytes + ROOT, extended ? "XSDT" : "RSDT", 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const signatures[] = { "APIC", "FACP", "SSDT", "HPET", "MCFG" };
	struct input input = { malloc(size + 1), size };
	const struct acpi_memory memory = { at, &input };
	const struct acpi_table whole = { input.bytes, (uint32_t)size };
	struct acpi_table table;
	struct acpi_root root;

	host_set_log_level(-1);
	memcpy(input.bytes, data, size);
	if (size >= ROOT_END)
		put_root(input.bytes);
	if (!acpi_find_root(&memory, RSDP, ACPI_SEARCH_ALL, &root)) {
		for (unsigned i = 0; i < countof(signatures); i++) {
			if (!acpi_find_in_root(&memory, &root, signatures[i], i & 1, &table))
				parse_all(&table);
		}
	}
	if (size >= ACPI_HEADER_BYTES)
		parse_all(&whole);
	free(input.bytes);
	return 0;
}
