/* SPDX-License-Identifier: BSD-3-Clause */
/* Detection, and the clock as a whole: platform, CPUID, chips, <core/time.h>. */
#include <base/errno.h>
#include <base/string.h>
#include <bus/acpi.h>
#include <class/clock.h>
#include <core/params.h>
#include <hal/cpu.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../port/host/host.h"
#include "../port/host/io.h"
#include "platform.h"

static bool has_madt, has_fixed, has_cmos;
static struct acpi_interrupts interrupts;
static struct acpi_fixed fixed;
static enum acpi_search searched;
static unsigned told_processors; /* by ACPI */

void acpi_init(uint64_t rsdp, enum acpi_search search)
{
	(void)rsdp;
	searched = search;
}

int acpi_read_interrupts(struct acpi_interrupts *out)
{
	*out = interrupts;
	return has_madt ? 0 : -ENOENT;
}

int acpi_read_fixed(struct acpi_fixed *out)
{
	*out = fixed;
	return has_fixed ? 0 : -ENOENT;
}

int acpi_read_cpu(unsigned index, uint32_t *apic_id)
{
	*apic_id = 2 * index;
	return index < told_processors ? 0 : -ENOENT;
}

bool acpi_made_by(const char oem[6])
{
	(void)oem;
	return false;
}

int acpi_read_hpet(uint64_t *address)
{
	(void)address;
	return -ENOENT;
}

bool clock_cmos_read(uint8_t century_register, uint64_t *wall_ns)
{
	*wall_ns = century_register * NS_PER_S;
	return has_cmos;
}

void notice_start(const struct boot_info *boot)
{
	(void)boot;
}

static struct boot_info info;

static void start(const char *protocol)
{
	memset(&info, 0, sizeof(info));
	memcpy(info.protocol, protocol, strlen(protocol) + 1);
	info.entry_tsc = cpu_cycles();
	platform_start(&info);
}

static void platform_is_a_pc_where_nothing_answers(void **state)
{
	(void)state;
	start("pvh");
	assert_string_equal(platform_name(), "pc");
	assert_int_equal(searched, ACPI_SEARCH_KNOWN);
	start("multiboot2");
	assert_int_equal(searched, ACPI_SEARCH_ALL);
}

static void platform_tells_interrupt_controllers_and_lines(void **state)
{
	struct host_isa_line isa[16];

	(void)state;
	assert_int_equal(host_irq_discover(isa), 0);
	has_madt = true;
	interrupts.ioapic_count = 2;
	interrupts.isa[0].gsi = 2;
	interrupts.isa[9] = (struct acpi_isa_line){ .gsi = 9, .level = true };
	interrupts.isa[10] = (struct acpi_isa_line){ .gsi = 20, .level = true, .low = true };
	assert_int_equal(host_irq_discover(isa), 2);
	assert_int_equal(isa[0].line, 2);
	assert_int_equal(isa[0].trigger, IRQ_EDGE_HIGH);
	assert_int_equal(isa[9].trigger, IRQ_LEVEL_HIGH);
	assert_int_equal(isa[10].trigger, IRQ_LEVEL_LOW);
	assert_int_equal(isa[10].line, 20);
}

static uint64_t hz_of(struct time_rate rate)
{
	return rate.mult ? (NS_PER_S << rate.shift) / rate.mult : 0;
}

static uint64_t told_hz(void)
{
	struct time_rate rate = { 0 };
	uint64_t (*now)(void) = NULL;

	platform_clock.start(&rate, &now);
	assert_null(now);
	return hz_of(rate);
}

static void platform_takes_the_frequency_from_cpuid(void **state)
{
	(void)state;
	host_forget_cpu();
	assert_false(platform_knows_rate());
	assert_int_equal(told_hz(), 0);
	host_set_cpuid(0x15, (struct cpuid_regs){ 2, 200, 0, 0 }); /* crystal unknown */
	assert_false(platform_knows_rate());
	host_set_cpuid(0x15, (struct cpuid_regs){ 2, 200, 24000000, 0 });
	assert_true(platform_knows_rate());
	assert_in_range(told_hz(), 2399999990, 2400000010);
	host_set_cpuid(0x40000010, (struct cpuid_regs){ 3000000, 0, 0, 0 });
	assert_in_range(told_hz(), 2999999990, 3000000010);
	host_forget_cpu();
}

static void platform_has_references_best_first(void **state)
{
	(void)state;
	assert_ptr_equal(platform_clock.reference(0), &clock_pit);
	assert_ptr_equal(platform_clock.reference(1), &clock_hpet);
	assert_ptr_equal(platform_clock.reference(2), &clock_pm_timer);
	assert_null(platform_clock.reference(3));
}

static void platform_takes_the_wall_clock_that_firmware_admits(void **state)
{
	uint64_t ns;

	(void)state;
	assert_false(platform_clock.wall(&ns));
	has_cmos = true;
	assert_true(platform_clock.wall(&ns));
	has_fixed = true;
	fixed.century = 0x32;
	assert_true(platform_clock.wall(&ns));
	assert_int_equal(ns, 0x32 * NS_PER_S);
	fixed.boot_flags = ACPI_BOOT_NO_RTC; /* means nothing in the first revision */
	fixed.revision = 1;
	assert_true(platform_clock.wall(&ns));
	fixed.revision = 5;
	assert_false(platform_clock.wall(&ns));
}

static void processors_are_counted_by_acpi_else_by_cpuid(void **state)
{
	(void)state;
	told_processors = 3;
	assert_int_equal(platform_processors(), 3);
	told_processors = 0;
	host_set_cpuid(1, (struct cpuid_regs){ 0, 5 << 16, 0, 1 << 28 });
	assert_int_equal(platform_processors(), 5);
	host_set_cpuid(1, (struct cpuid_regs){ 0, 5 << 16, 0, 0 });
	assert_int_equal(platform_processors(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(platform_is_a_pc_where_nothing_answers),
		cmocka_unit_test(platform_tells_interrupt_controllers_and_lines),
		cmocka_unit_test(platform_takes_the_frequency_from_cpuid),
		cmocka_unit_test(platform_has_references_best_first),
		cmocka_unit_test(platform_takes_the_wall_clock_that_firmware_admits),
		cmocka_unit_test(processors_are_counted_by_acpi_else_by_cpuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
