/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of the machine: the platform's own means, ACPI's soft-off (ACPI 6.5, 4.8.3.2, 4.8.3.7, 16.1.7), the keyboard controller's
 * reset line (which small VMMs take for the end), a triple fault (which QEMU with -no-reboot takes for the end). A
 * VMM may take a while to act on a write, and must not meet the next means meanwhile: a reset would start it all over.
 */
#include "platform.h"

#include <base/log.h>
#include <base/string.h>
#include <bus/acpi.h>
#include <core/params.h>
#include <hal/cpu.h>
#include <hal/io.h>

enum {
	PM1_SCI_EN = 1,
	PM1_SLP_TYP_SHIFT = 10,
	PM1_SLP_TYP = 7 << PM1_SLP_TYP_SHIFT,
	PM1_SLP_EN = 1 << 13,
	SLEEP_CONTROL_TYP_SHIFT = 2,
	SLEEP_CONTROL_EN = 0x20,
	SLEEP_TYPE_USUAL = 5, /* of hardware-reduced machines whose \_S5 was not found */

	I8042_BASE = 0x60,
	I8042_COMMAND = 4,
	I8042_BYTES = 5,
	I8042_ABSENT = 0xff,
	I8042_INPUT_FULL = 0x02,
	I8042_PULSE_RESET = 0xfe,

	POLLS_MAX = 1000,
};

/* Seconds at any frequency: passes only where the means has not worked. */
#define WAIT_CYCLES ((uint64_t)3 << 31)

static void wait_for_the_end(void)
{
	uint64_t start = cpu_cycles();

	while (cpu_cycles() - start < WAIT_CYCLES)
		cpu_relax();
}

bool platform_map_register(struct io_region *io, const struct acpi_register *reg, uint32_t bytes)
{
	if (!reg->address)
		return false;
	if (reg->space == ACPI_SPACE_MEMORY)
		return !io_map(io, phys(reg->address), bytes);
	if (reg->space != ACPI_SPACE_PORTS || reg->address > UINT16_MAX - bytes)
		return false;
	*io = io_ports((uint16_t)reg->address, (uint16_t)bytes);
	return true;
}

static void reduced_off(const struct acpi_fixed *fixed)
{
	uint8_t types[2] = { SLEEP_TYPE_USUAL };
	struct io_region control;

	if (!platform_map_register(&control, &fixed->sleep_control, 1))
		return;
	if (acpi_read_s5(types))
		log_debug("ACPI: no \\_S5");
	io_write8(&control, 0, (uint8_t)(types[0] << SLEEP_CONTROL_TYP_SHIFT | SLEEP_CONTROL_EN));
	wait_for_the_end();
}

void platform_enable_acpi(const struct acpi_fixed *fixed)
{
	const struct io_region smi = io_ports(fixed->smi_command, 1);
	struct io_region pm1a;

	if (!fixed->smi_command || !fixed->acpi_enable ||
	    !platform_map_register(&pm1a, &fixed->pm1a_control, 2) ||
	    io_read16(&pm1a, 0) & PM1_SCI_EN)
		return;
	io_write8(&smi, 0, fixed->acpi_enable);
	for (unsigned i = 0; i < POLLS_MAX && !(io_read16(&pm1a, 0) & PM1_SCI_EN); i++)
		cpu_relax();
}

static void write_sleep(const struct io_region *pm1, uint8_t type)
{
	unsigned value = io_read16(pm1, 0) & ~(unsigned)PM1_SLP_TYP;

	io_write16(pm1, 0, (uint16_t)(value | (unsigned)type << PM1_SLP_TYP_SHIFT | PM1_SLP_EN));
}

static void acpi_off(void)
{
	struct io_region pm1a, pm1b;
	struct acpi_fixed fixed;
	uint8_t types[2];

	if (acpi_read_fixed(&fixed))
		return;
	if (fixed.hw_reduced) {
		reduced_off(&fixed);
		return;
	}
	if (!platform_map_register(&pm1a, &fixed.pm1a_control, 2) || acpi_read_s5(types))
		return;
	platform_enable_acpi(&fixed);
	write_sleep(&pm1a, types[0]);
	if (platform_map_register(&pm1b, &fixed.pm1b_control, 2))
		write_sleep(&pm1b, types[1]);
	wait_for_the_end();
}

static void keyboard_off(void)
{
	const struct io_region io = io_ports(I8042_BASE, I8042_BYTES);

	if (io_read8(&io, I8042_COMMAND) == I8042_ABSENT)
		return;
	for (unsigned i = 0; i < POLLS_MAX && io_read8(&io, I8042_COMMAND) & I8042_INPUT_FULL; i++)
		cpu_relax();
	io_write8(&io, I8042_COMMAND, I8042_PULSE_RESET);
	wait_for_the_end();
}

_Noreturn void platform_power_off(unsigned status)
{
	const struct platform *platform = platform_current();
	const char *reboot = params_get("reboot");

	cpu_irq_disable();
	if (platform && platform->power_off)
		platform->power_off(status);
	acpi_off();
	if (!reboot || *reboot != 't')
		keyboard_off();
	cpu_reset();
}
