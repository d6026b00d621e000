/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of the machine: what is written where, in which order. The end itself is a jump back to the test. */
#define cpu_relax test_relax
#define cpu_reset test_reset
#include "power.c"

#include <base/errno.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../port/host/host.h"
#include "../port/host/io.h"

static jmp_buf end;
static struct {
	uint64_t address, value;
	unsigned bytes;
} writes[16];
static unsigned write_count;
static bool ends_at_first_write;
static uint8_t keyboard_status;
static uint16_t pm1_value;

static struct acpi_fixed fixed;
static bool has_fixed, has_s5;
static uint8_t s5[2];

_Noreturn void test_reset(void)
{
	longjmp(end, 1);
}

void test_relax(void)
{
	host_advance_time(WAIT_CYCLES / 8);
}

int acpi_read_fixed(struct acpi_fixed *out)
{
	*out = fixed;
	return has_fixed ? 0 : -ENOENT;
}

int acpi_read_s5(uint8_t types[2])
{
	if (!has_s5)
		return -ENOENT;
	memcpy(types, s5, 2);
	return 0;
}

const struct platform *platform_current(void)
{
	return NULL;
}

static void note(uint64_t address, unsigned bytes, uint64_t value)
{
	writes[write_count].address = address;
	writes[write_count].bytes = bytes;
	writes[write_count++].value = value;
	if (ends_at_first_write)
		longjmp(end, 2);
}

static void write_register(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	const struct host_device *device = context;

	note(device->base + offset, bytes, value);
	if (device->base == 0xb2)
		pm1_value |= 1;
}

static uint64_t read_register(void *context, uint32_t offset, unsigned bytes)
{
	const struct host_device *device = context;

	(void)bytes;
	if (device->base == 0x60 && offset == 4)
		return keyboard_status;
	return device->base == 0x604 ? pm1_value : 0;
}

static struct host_device devices[] = {
	{ .base = 0x604, .bytes = 2 },
	{ .base = 0xb2, .bytes = 1 },
	{ .base = 0x60, .bytes = 5 },
	{ .base = 0x600, .bytes = 1 },
	{ .base = 0xfea00200, .bytes = 1, .is_memory = true },
};

static int setup(void **state)
{
	(void)state;
	host_io_remove_all();
	for (unsigned i = 0; i < sizeof(devices) / sizeof(*devices); i++) {
		devices[i].read = read_register;
		devices[i].write = write_register;
		devices[i].context = &devices[i];
		host_io_add(&devices[i]);
	}
	write_count = 0;
	ends_at_first_write = has_fixed = has_s5 = false;
	keyboard_status = 0xff;
	pm1_value = 0;
	memset(&fixed, 0, sizeof(fixed));
	memset(s5, 0, sizeof(s5));
	return 0;
}

/* Returns 1 where it ended by the reset, 2 by a write. */
static int power_off(void)
{
	int how = setjmp(end);

	if (!how)
		platform_power_off(0);
	return how;
}

static void expect_write(unsigned i, uint64_t address, unsigned bytes, uint64_t value)
{
	assert_true(i < write_count);
	assert_int_equal(writes[i].address, address);
	assert_int_equal(writes[i].bytes, bytes);
	assert_int_equal(writes[i].value, value);
}

static void power_off_of_a_bare_machine_is_the_reset_at_once(void **state)
{
	uint64_t before = cpu_cycles();

	(void)state;
	assert_int_equal(power_off(), 1);
	assert_int_equal(write_count, 0);
	assert_int_equal(cpu_cycles(), before);
}

static void power_off_by_the_keyboard_controller_waits_for_the_vmm(void **state)
{
	(void)state;
	uint64_t before = cpu_cycles();

	keyboard_status = 0x18;
	assert_int_equal(power_off(), 1);
	assert_int_equal(write_count, 1);
	expect_write(0, 0x64, 1, 0xfe);
	assert_true(cpu_cycles() - before >= WAIT_CYCLES);
}

static void power_off_of_a_pc_enables_acpi_and_writes_the_sleep_type(void **state)
{
	(void)state;
	has_fixed = has_s5 = true;
	s5[0] = 5;
	pm1_value = 0x0400; /* an old type */
	fixed.smi_command = 0xb2;
	fixed.acpi_enable = 0xf1;
	fixed.pm1a_control = (struct acpi_register){ 0x604, ACPI_SPACE_PORTS, 16 };
	power_off();
	assert_int_equal(write_count, 2);
	expect_write(0, 0xb2, 1, 0xf1);
	expect_write(1, 0x604, 2, 5 << 10 | 1 << 13 | 1);
}

static void power_off_of_a_pc_that_has_acpi_on_writes_once(void **state)
{
	(void)state;
	has_fixed = has_s5 = true;
	pm1_value = 1;
	fixed.smi_command = 0xb2;
	fixed.acpi_enable = 2;
	fixed.pm1a_control = (struct acpi_register){ 0x604, ACPI_SPACE_PORTS, 16 };
	ends_at_first_write = true;
	assert_int_equal(power_off(), 2);
	expect_write(0, 0x604, 2, 1 << 13 | 1);
}

static void power_off_of_a_hardware_reduced_machine_writes_a_byte(void **state)
{
	(void)state;
	has_fixed = fixed.hw_reduced = true;
	fixed.sleep_control = (struct acpi_register){ 0xfea00200, ACPI_SPACE_MEMORY, 8 };
	power_off();
	expect_write(0, 0xfea00200, 1, 0x34);
	setup(state);
	has_fixed = fixed.hw_reduced = has_s5 = true;
	s5[0] = 4;
	fixed.sleep_control = (struct acpi_register){ 0x600, ACPI_SPACE_PORTS, 8 };
	power_off();
	expect_write(0, 0x600, 1, 0x30);
}

static void power_off_passes_over_acpi_that_tells_nothing(void **state)
{
	(void)state;
	has_fixed = fixed.hw_reduced = true; /* Firecracker */
	keyboard_status = 0;
	ends_at_first_write = true;
	assert_int_equal(power_off(), 2);
	expect_write(0, 0x64, 1, 0xfe);
	setup(state);
	has_fixed = true; /* no \_S5: the type is not known */
	fixed.pm1a_control = (struct acpi_register){ 0x604, ACPI_SPACE_PORTS, 16 };
	assert_int_equal(power_off(), 1);
	assert_int_equal(write_count, 0);
	setup(state);
	has_fixed = has_s5 = true; /* a register in a space that we cannot reach */
	fixed.pm1a_control = (struct acpi_register){ 0x604, ACPI_SPACE_PCI, 16 };
	assert_int_equal(power_off(), 1);
	assert_int_equal(write_count, 0);
}

static void reboot_parameter_can_skip_the_keyboard_controller(void **state)
{
	static char *params[32];

	(void)state;
	keyboard_status = 0;
	params_parse("reboot=t", 8, params);
	assert_int_equal(power_off(), 1);
	assert_int_equal(write_count, 0);
	params_parse("", 0, params);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(power_off_of_a_bare_machine_is_the_reset_at_once, setup),
		cmocka_unit_test_setup(power_off_by_the_keyboard_controller_waits_for_the_vmm,
				       setup),
		cmocka_unit_test_setup(power_off_of_a_pc_enables_acpi_and_writes_the_sleep_type,
				       setup),
		cmocka_unit_test_setup(power_off_of_a_pc_that_has_acpi_on_writes_once, setup),
		cmocka_unit_test_setup(power_off_of_a_hardware_reduced_machine_writes_a_byte,
				       setup),
		cmocka_unit_test_setup(power_off_passes_over_acpi_that_tells_nothing, setup),
		cmocka_unit_test_setup(reboot_parameter_can_skip_the_keyboard_controller, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
