/* SPDX-License-Identifier: BSD-3-Clause */
/* The multiple APIC description table (ACPI 6.5, 5.2.12). */
#include "parse.h"

#include <base/log.h>

enum {
	MADT_LAPIC_ADDRESS = 36,
	MADT_FLAGS = 40,
	MADT_ENTRIES = 44,

	ENTRY_LAPIC = 0,
	ENTRY_IOAPIC = 1,
	ENTRY_OVERRIDE = 2,
	ENTRY_LAPIC_ADDRESS = 5,
	ENTRY_X2APIC = 9,

	CPU_ENABLED = 1,
	LAPIC_DEFAULT = 0xfee00000,
};

struct entry {
	struct acpi_table bytes; /* the entry alone, so that no field is read from the next */
	uint8_t type;
};

/* The entry at *offset, which moves behind it; false at the table's end, or where the rest makes no sense. */
static bool next_entry(const struct acpi_table *madt, uint32_t *offset, struct entry *out)
{
	uint8_t length = acpi_get8(madt, *offset + 1);

	if (length < 2 || length > madt->length - *offset)
		return false;
	out->type = acpi_get8(madt, *offset);
	out->bytes = (struct acpi_table){ madt->bytes + *offset, length };
	*offset += length;
	return true;
}

static void add_ioapic(const struct acpi_table *entry, struct acpi_interrupts *out)
{
	uint32_t address = acpi_get32(entry, 4);

	if (entry->length < 12 || !address)
		return;
	if (out->ioapic_count == ACPI_IOAPICS_MAX) {
		log_warning("ACPI: more than %d IOAPICs", ACPI_IOAPICS_MAX);
		return;
	}
	out->ioapics[out->ioapic_count++] = (struct acpi_ioapic){
		.address = address,
		.id = acpi_get8(entry, 2),
		.gsi_base = acpi_get32(entry, 8),
	};
}

/* Polarity and trigger "as the bus has it" (0) are high and edge on ISA. */
static void add_override(const struct acpi_table *entry, struct acpi_interrupts *out)
{
	uint8_t line = acpi_get8(entry, 3);
	uint16_t flags = acpi_get16(entry, 8);

	if (entry->length < 10 || acpi_get8(entry, 2) != 0 || line >= ACPI_ISA_LINES)
		return;
	out->isa[line] = (struct acpi_isa_line){
		.gsi = acpi_get32(entry, 4),
		.low = (flags & 3) == 3,
		.level = (flags >> 2 & 3) == 3,
	};
}

static bool is_enabled_cpu(const struct entry *entry, uint32_t *apic_id)
{
	if (entry->type == ENTRY_LAPIC) {
		*apic_id = acpi_get8(&entry->bytes, 3);
		return acpi_get32(&entry->bytes, 4) & CPU_ENABLED;
	}
	if (entry->type == ENTRY_X2APIC) {
		*apic_id = acpi_get32(&entry->bytes, 4);
		return acpi_get32(&entry->bytes, 8) & CPU_ENABLED;
	}
	return false;
}

void acpi_parse_madt(const struct acpi_table *madt, struct acpi_interrupts *out)
{
	uint32_t offset = MADT_ENTRIES, apic_id;
	struct entry entry;

	*out = (struct acpi_interrupts){
		.lapic_address = acpi_get32(madt, MADT_LAPIC_ADDRESS),
		.has_8259 = acpi_get32(madt, MADT_FLAGS) & 1,
	};
	if (!out->lapic_address)
		out->lapic_address = LAPIC_DEFAULT;
	for (unsigned line = 0; line < ACPI_ISA_LINES; line++)
		out->isa[line].gsi = line;
	while (next_entry(madt, &offset, &entry)) {
		if (entry.type == ENTRY_IOAPIC)
			add_ioapic(&entry.bytes, out);
		else if (entry.type == ENTRY_OVERRIDE)
			add_override(&entry.bytes, out);
		else if (entry.type == ENTRY_LAPIC_ADDRESS && entry.bytes.length >= 12)
			out->lapic_address = acpi_get64(&entry.bytes, 4);
		else if (is_enabled_cpu(&entry, &apic_id))
			out->cpu_count++;
	}
}

bool acpi_madt_cpu(const struct acpi_table *madt, unsigned index, uint32_t *apic_id)
{
	uint32_t offset = MADT_ENTRIES;
	struct entry entry;

	while (next_entry(madt, &offset, &entry)) {
		if (is_enabled_cpu(&entry, apic_id) && !index--)
			return true;
	}
	return false;
}
