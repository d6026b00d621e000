/* SPDX-License-Identifier: BSD-3-Clause */
/* The fixed description table (ACPI 6.5, 5.2.9), \_S5 by pattern (20.2), HPET and MCFG. */
#include "parse.h"

#include <base/bits.h>
#include <base/string.h>

enum {
	FADT_DSDT = 40,
	FADT_SCI_INT = 46,
	FADT_SMI_CMD = 48,
	FADT_ACPI_ENABLE = 52,
	FADT_PM1A_CNT = 64,
	FADT_PM1B_CNT = 68,
	FADT_PM_TMR = 76,
	FADT_GPE0 = 80,
	FADT_GPE0_LEN = 92,
	FADT_CENTURY = 108,
	FADT_IAPC_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET_REG = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140,
	FADT_X_PM1A_CNT = 172,
	FADT_X_PM1B_CNT = 184,
	FADT_X_PM_TMR = 208,
	FADT_X_GPE0 = 220,
	FADT_SLEEP_CONTROL = 244,
	FADT_SLEEP_STATUS = 256,

	GAS_BYTES = 12,
	HEADER_REVISION = 8,

	HPET_ADDRESS = 40,
	MCFG_ENTRIES = 44,
	MCFG_ENTRY_BYTES = 16,
};

enum fadt_flags {
	TMR_VAL_EXT = BIT(8),
	RESET_REG_SUP = BIT(10),
	HW_REDUCED_ACPI = BIT(20),
};

/* AML (20.2.3): bytes around a package of integers. */
enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_PACKAGE = 0x12,
	SLEEP_TYPE_MAX = 7,
};

/* A generic address structure (5.2.3.2). */
static struct acpi_register get_register(const struct acpi_table *table, uint32_t offset)
{
	struct acpi_register reg = { 0 };

	if (!range_fits(offset, GAS_BYTES, table->length))
		return reg;
	reg.space = acpi_get8(table, offset);
	reg.bits = acpi_get8(table, offset + 1);
	reg.address = acpi_get64(table, offset + 4);
	return reg;
}

/* The extended field where it is there and set, else the old port number. */
static struct acpi_register get_either(const struct acpi_table *table, uint32_t extended,
				       uint32_t old, uint8_t bits)
{
	struct acpi_register reg = get_register(table, extended);

	if (!reg.address) {
		reg.address = acpi_get32(table, old);
		reg.space = ACPI_SPACE_PORTS;
		reg.bits = bits;
	}
	return reg;
}

void acpi_parse_fadt(const struct acpi_table *fadt, struct acpi_fixed *out)
{
	uint32_t flags = acpi_get32(fadt, FADT_FLAGS);

	*out = (struct acpi_fixed){
		.dsdt = acpi_get64(fadt, FADT_X_DSDT),
		.sci_interrupt = acpi_get16(fadt, FADT_SCI_INT),
		.smi_command = acpi_get16(fadt, FADT_SMI_CMD),
		.acpi_enable = acpi_get8(fadt, FADT_ACPI_ENABLE),
		.revision = acpi_get8(fadt, HEADER_REVISION),
		.century = acpi_get8(fadt, FADT_CENTURY),
		.boot_flags = acpi_get16(fadt, FADT_IAPC_BOOT_ARCH),
		.hw_reduced = flags & HW_REDUCED_ACPI,
		.timer_32bit = flags & TMR_VAL_EXT,
		.reset_value = acpi_get8(fadt, FADT_RESET_VALUE),
		.sleep_control = get_register(fadt, FADT_SLEEP_CONTROL),
		.sleep_status = get_register(fadt, FADT_SLEEP_STATUS),
	};
	if (!out->dsdt)
		out->dsdt = acpi_get32(fadt, FADT_DSDT);
	if (flags & RESET_REG_SUP)
		out->reset = get_register(fadt, FADT_RESET_REG);
	if (out->hw_reduced)
		return; /* the PM1 and timer fields mean nothing then */
	out->pm1a_control = get_either(fadt, FADT_X_PM1A_CNT, FADT_PM1A_CNT, 16);
	out->pm1b_control = get_either(fadt, FADT_X_PM1B_CNT, FADT_PM1B_CNT, 16);
	out->pm_timer = get_either(fadt, FADT_X_PM_TMR, FADT_PM_TMR, 32);
	out->gpe0 = get_either(fadt, FADT_X_GPE0, FADT_GPE0, 8);
	out->gpe0_bytes = acpi_get8(fadt, FADT_GPE0_LEN) / 2;
}

/* An integer of a package at *at, which moves behind it. */
static bool get_integer(const struct acpi_table *aml, uint32_t *at, uint8_t *out)
{
	uint32_t value, bytes;

	switch (acpi_get8(aml, *at)) {
	case AML_ZERO:
	case AML_ONE:
		value = acpi_get8(aml, *at);
		bytes = 1;
		break;
	case AML_BYTE:
		value = acpi_get8(aml, *at + 1);
		bytes = 2;
		break;
	case AML_WORD:
		value = acpi_get16(aml, *at + 1);
		bytes = 3;
		break;
	case AML_DWORD:
		value = acpi_get32(aml, *at + 1);
		bytes = 5;
		break;
	default:
		return false;
	}
	*at += bytes;
	*out = (uint8_t)value;
	return value <= SLEEP_TYPE_MAX && *at <= aml->length;
}

/* Whether the name that begins at `at` is that of a package: Name (_S5_, Package () {a, b, ...}). */
static bool package_of_name(const struct acpi_table *aml, uint32_t at, uint8_t types[2])
{
	bool named = acpi_get8(aml, at - 1) == AML_NAME ||
		     (acpi_get8(aml, at - 1) == '\\' && acpi_get8(aml, at - 2) == AML_NAME);
	uint8_t elements;

	at += 4;
	if (!named || acpi_get8(aml, at++) != AML_PACKAGE)
		return false;
	at += 1 + (acpi_get8(aml, at) >> 6); /* PkgLength */
	elements = acpi_get8(aml, at++);
	if (!elements || !get_integer(aml, &at, &types[0]))
		return false;
	types[1] = types[0];
	return elements == 1 || get_integer(aml, &at, &types[1]);
}

/* Where the name would begin of which aml->bytes[at] is a byte; 0: none. The "5" is the rare one: the others are in every
 * second name. */
static uint32_t s5_around(const uint8_t *bytes, uint32_t at)
{
	switch (bytes[at]) {
	case '5':
		return at - 2;
	case 'S':
		return bytes[at + 1] == '5' ? at - 1 : 0;
	case '_':
		return bytes[at - 1] == '5' ? at - 3 : bytes[at + 2] == '5' ? at : 0;
	default:
		return 0;
	}
}

/* Looks at every fourth byte only: the table is long, and this lies on the way to the machine's end. The package behind the
 * name has four bytes and more, so the last ones are no name's. */
bool acpi_parse_s5(const struct acpi_table *aml, uint8_t types[2])
{
	const uint8_t *bytes = aml->bytes;
	uint32_t end = aml->length - 3;

	for (uint32_t at = ACPI_HEADER_BYTES + 4; at < end; at += 4) {
		uint32_t name;

		if (bytes[at] < '5')
			continue;
		name = s5_around(bytes, at);
		if (name && !memcmp(bytes + name, "_S5_", 4) && package_of_name(aml, name, types))
			return true;
	}
	return false;
}

bool acpi_parse_hpet(const struct acpi_table *hpet, uint64_t *address)
{
	struct acpi_register reg = get_register(hpet, HPET_ADDRESS);

	*address = reg.address;
	return reg.address && reg.space == ACPI_SPACE_MEMORY;
}

bool acpi_parse_mcfg(const struct acpi_table *mcfg, unsigned index, struct acpi_ecam *out)
{
	uint32_t at;

	if (index >= ACPI_TABLE_BYTES_MAX / MCFG_ENTRY_BYTES)
		return false;
	at = MCFG_ENTRIES + index * MCFG_ENTRY_BYTES;
	if (!range_fits(at, MCFG_ENTRY_BYTES, mcfg->length))
		return false;
	*out = (struct acpi_ecam){
		.address = acpi_get64(mcfg, at),
		.segment = acpi_get16(mcfg, at + 8),
		.start_bus = acpi_get8(mcfg, at + 10),
		.end_bus = acpi_get8(mcfg, at + 11),
	};
	return out->start_bus <= out->end_bus;
}
