/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's tables: mapped where they lie, when they are asked for. */
#include <bus/acpi.h>

#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <core/params.h>
#include <hal/memory.h>

#include "parse.h"

#define ADDRESS_MAX ((uint64_t)1 << 46)

enum { FIRMWARE_END = 0x100000 }; /* nothing below it is given away */

/* One per machine. */
static struct {
	uint64_t rsdp;
	enum acpi_search search;
	bool looked, found, has_fixed;
	struct acpi_root root;
	struct acpi_fixed fixed;
} acpi;

/* Writable, although nobody writes: a table may lie in RAM that the page allocator brings in later, where a mapping stays as it is. */
static const void *mapped_at(void *context, uint64_t address, uint64_t bytes)
{
	uint64_t start = align_down(address, PAGE_SIZE);

	(void)context;
	if (!range_fits(address, bytes, ADDRESS_MAX - PAGE_SIZE))
		return NULL;
	if (mmu_map_direct(phys(start), align_up(address + bytes, PAGE_SIZE) - start,
			   MMU_READ | MMU_WRITE))
		return NULL;
	return phys_to_virt(phys(address));
}

static const struct acpi_memory machine_memory = { mapped_at, NULL };

static bool find_root(void)
{
	const char *param = params_get("acpi");

	if (acpi.looked)
		return acpi.found;
	acpi.looked = true;
	if (param && !strcmp(param, "off"))
		return false;
	acpi.found = !acpi_find_root(&machine_memory, acpi.rsdp, acpi.search, &acpi.root);
	if (!acpi.found)
		log_debug("ACPI: no tables");
	return acpi.found;
}

void acpi_init(uint64_t rsdp, enum acpi_search search)
{
	memset(&acpi, 0, sizeof(acpi));
	acpi.rsdp = rsdp;
	acpi.search = search;
	/* A loader's copy lies in memory that will be used for other things. */
	if (rsdp >= FIRMWARE_END)
		find_root();
}

bool acpi_made_by(const char oem[6])
{
	enum { OEM_ID = 10 };

	return find_root() && !memcmp(acpi.root.table.bytes + OEM_ID, oem, 6);
}

int acpi_find_table(const char signature[4], unsigned index, struct acpi_table *out)
{
	if (!find_root())
		return -ENOENT;
	return acpi_find_in_root(&machine_memory, &acpi.root, signature, index, out);
}

int acpi_read_interrupts(struct acpi_interrupts *out)
{
	struct acpi_table madt;
	int err = acpi_find_table("APIC", 0, &madt);

	if (err)
		return err;
	acpi_parse_madt(&madt, out);
	return 0;
}

int acpi_read_cpu(unsigned index, uint32_t *apic_id)
{
	struct acpi_table madt;
	int err = acpi_find_table("APIC", 0, &madt);

	if (err)
		return err;
	return acpi_madt_cpu(&madt, index, apic_id) ? 0 : -ENOENT;
}

int acpi_read_fixed(struct acpi_fixed *out)
{
	struct acpi_table fadt;

	if (!acpi.has_fixed) {
		int err = acpi_find_table("FACP", 0, &fadt);

		if (err)
			return err;
		acpi_parse_fadt(&fadt, &acpi.fixed);
		acpi.has_fixed = true;
	}
	*out = acpi.fixed;
	return 0;
}

int acpi_read_s5(uint8_t types[2])
{
	struct acpi_fixed fixed;
	struct acpi_table table;
	int err = acpi_read_fixed(&fixed);

	if (err)
		return err;
	/* The DSDT's checksum is not looked at: it is long, and the pattern is strict. */
	if (fixed.dsdt && !acpi_table_at(&machine_memory, fixed.dsdt, &table) &&
	    acpi_parse_s5(&table, types))
		return 0;
	for (unsigned i = 0; !acpi_find_table("SSDT", i, &table); i++) {
		if (acpi_parse_s5(&table, types))
			return 0;
	}
	return -ENOENT;
}

int acpi_read_hpet(uint64_t *address)
{
	struct acpi_table hpet;
	int err = acpi_find_table("HPET", 0, &hpet);

	if (err)
		return err;
	return acpi_parse_hpet(&hpet, address) ? 0 : -ENOENT;
}

/** Of a machine that has no legacy hardware, and so was made by a VMM: the DSDT is small, and the patterns are its own. */
static bool reduced_dsdt(struct acpi_table *out)
{
	struct acpi_fixed fixed;

	return !acpi_read_fixed(&fixed) && fixed.hw_reduced && fixed.dsdt &&
	       !acpi_table_at(&machine_memory, fixed.dsdt, out);
}

static bool read_cba(struct acpi_ecam *out)
{
	struct acpi_table dsdt;

	*out = (struct acpi_ecam){ .end_bus = UINT8_MAX };
	return reduced_dsdt(&dsdt) && acpi_parse_cba(&dsdt, &out->address);
}

int acpi_read_ecam(unsigned index, struct acpi_ecam *out)
{
	struct acpi_table mcfg;
	int err = acpi_find_table("MCFG", 0, &mcfg);

	if (err)
		return !index && read_cba(out) ? 0 : err;
	return acpi_parse_mcfg(&mcfg, index, out) ? 0 : -ENOENT;
}

int acpi_next_virtio(uint32_t *position, struct acpi_virtio *out)
{
	struct acpi_table dsdt;

	return reduced_dsdt(&dsdt) && acpi_parse_virtio(&dsdt, position, out) ? 0 : -ENOENT;
}

/** Tries a parser on the SSDTs and the DSDT. */
static int read_notice(bool (*parse)(const struct acpi_table *aml, struct acpi_notice *out),
		       struct acpi_notice *out)
{
	struct acpi_table table;

	for (unsigned i = 0; !acpi_find_table("SSDT", i, &table); i++) {
		if (parse(&table, out))
			return 0;
	}
	return reduced_dsdt(&table) && parse(&table, out) ? 0 : -ENOENT;
}

int acpi_read_vmgenid(struct acpi_notice *out)
{
	return read_notice(acpi_parse_vmgenid, out);
}

int acpi_read_vmclock(struct acpi_notice *out)
{
	return read_notice(acpi_parse_vmclock, out);
}

unsigned acpi_read_event_lines(struct acpi_line lines[], unsigned count)
{
	struct acpi_table dsdt;

	return reduced_dsdt(&dsdt) ? acpi_parse_event_lines(&dsdt, lines, count) : 0;
}
