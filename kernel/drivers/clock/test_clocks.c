/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference counters over simulated chips. */
#include <base/errno.h>
#include <bus/acpi.h>
#include <class/clock.h>
#include <hal/cpu.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../port/host/host.h"
#include "../../port/host/io.h"
#include "sim_clocks.h"

static uint64_t hpet_address;
static struct acpi_fixed fixed;

int acpi_read_hpet(uint64_t *address)
{
	*address = hpet_address;
	return hpet_address ? 0 : -ENOENT;
}

int acpi_read_fixed(struct acpi_fixed *out)
{
	*out = fixed;
	return fixed.pm_timer.address ? 0 : -ENOENT;
}

static int setup(void **state)
{
	(void)state;
	host_io_remove_all();
	host_set_time(123456789);
	hpet_address = 0;
	memset(&fixed, 0, sizeof(fixed));
	return 0;
}

/* The ticks between two readings are those of the cycles between them, within one tick and the access. */
static void expect_in_step(const struct clock_reference *clock, uint64_t advance_ns)
{
	struct clock_sample start, end;

	assert_true(clock->start(&start));
	host_advance_time(advance_ns);
	assert_true(clock->read(&end));
	uint64_t ticks = (end.ticks - start.ticks) & (clock->period_ticks() - 1);
	uint64_t wanted = (end.cycles - start.cycles) * clock->hz() / NS_PER_S;
	uint64_t slack = 2 + clock->hz() / 1000000;

	assert_in_range(ticks, wanted > slack ? wanted - slack : 0, wanted + slack);
	assert_false(end.wrapped);
	assert_in_range(end.window, 1, 2000);
}

static void pit_counts_from_its_start(void **state)
{
	struct sim_pit pit = { 0 };

	(void)state;
	sim_pit_attach(&pit);
	for (uint64_t ns = 0; ns < 54000000; ns += 5999999)
		expect_in_step(&clock_pit, ns);
}

static void pit_tells_that_its_period_has_passed(void **state)
{
	struct clock_sample sample;
	struct sim_pit pit = { 0 };

	(void)state;
	sim_pit_attach(&pit);
	assert_true(clock_pit.start(&sample));
	host_advance_time(56000000);
	assert_true(clock_pit.read(&sample));
	assert_true(sample.wrapped);
	assert_in_range(sample.ticks, 1, 65536 / 40);
}

static void pit_that_is_absent_is_noticed(void **state)
{
	struct clock_sample sample;

	(void)state;
	assert_true(clock_pit.start(&sample));
	assert_false(clock_pit.read(&sample));
}

static void hpet_is_absent_without_a_table(void **state)
{
	struct clock_sample sample;

	(void)state;
	assert_false(clock_hpet.start(&sample));
}

static void hpet_with_an_absurd_period_is_not_taken(void **state)
{
	struct clock_sample sample;

	(void)state;
	hpet_address = 0xfed00000;
	assert_false(clock_hpet.start(&sample)); /* nothing there: all ones */
	sim_hpet_attach(hpet_address, 0);
	assert_false(clock_hpet.start(&sample));
	host_fail_allocation_after(0);
	assert_false(clock_hpet.start(&sample));
	host_fail_allocation_after(HOST_NEVER);
}

static void hpet_is_enabled_and_counts(void **state)
{
	(void)state;
	hpet_address = 0xfed00000;
	sim_hpet_attach(hpet_address, 10000000); /* 100 MHz, as QEMU's */
	expect_in_step(&clock_hpet, 1500000);
	expect_in_step(&clock_hpet, 2500000000);
}

static void pm_timer_is_absent_without_a_port(void **state)
{
	struct clock_sample sample;

	(void)state;
	assert_false(clock_pm_timer.start(&sample));
	fixed.pm_timer.address = 0x10008;
	fixed.pm_timer.space = ACPI_SPACE_PORTS;
	assert_false(clock_pm_timer.start(&sample));
}

static void pm_timer_counts_24_bits(void **state)
{
	(void)state;
	fixed.pm_timer.address = 0x608;
	fixed.pm_timer.space = ACPI_SPACE_PORTS;
	sim_pm_timer_attach(0x608);
	expect_in_step(&clock_pm_timer, 1500000);
	assert_int_equal(clock_pm_timer.period_ticks(), 1 << 24);
	host_set_time(4600000000);
	expect_in_step(&clock_pm_timer, 200000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pit_counts_from_its_start, setup),
		cmocka_unit_test_setup(pit_tells_that_its_period_has_passed, setup),
		cmocka_unit_test_setup(pit_that_is_absent_is_noticed, setup),
		cmocka_unit_test_setup(hpet_is_absent_without_a_table, setup),
		cmocka_unit_test_setup(hpet_with_an_absurd_period_is_not_taken, setup),
		cmocka_unit_test_setup(hpet_is_enabled_and_counts, setup),
		cmocka_unit_test_setup(pm_timer_is_absent_without_a_port, setup),
		cmocka_unit_test_setup(pm_timer_counts_24_bits, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
