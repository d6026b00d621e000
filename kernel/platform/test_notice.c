/* SPDX-License-Identifier: BSD-3-Clause */
/* VMGenID and VMClock in memory that the test writes, what announces their changes, and tables that point elsewhere. */
#include "notice.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../port/host/host.h"
#include "../port/host/io.h"

enum { PAGES = 4, SCI = 9, GPE_PORT = 0xafe0, GPE_BYTES = 4, LINE = 17 };

static struct {
	uint8_t *ram; /* PAGES pages */
	struct boot_info boot;
	bool has_clock;
	struct acpi_notice clock;
	struct acpi_fixed fixed;
	unsigned line_count, checks;
	const struct resume_machine *machine;
	enum resume_change by_platform;
	uint8_t gpe[GPE_BYTES];
} sim;

int acpi_read_vmgenid(struct acpi_notice *out)
{
	(void)out;
	return -ENOENT;
}

int acpi_read_vmclock(struct acpi_notice *out)
{
	*out = sim.clock;
	return sim.has_clock ? 0 : -ENOENT;
}

unsigned acpi_read_event_lines(struct acpi_line lines[], unsigned count)
{
	(void)count;
	lines[0] = (struct acpi_line){ .gsi = LINE };
	return sim.line_count;
}

int acpi_read_fixed(struct acpi_fixed *out)
{
	*out = sim.fixed;
	return 0;
}

static enum resume_change platform_look(void)
{
	enum resume_change change = sim.by_platform;

	sim.by_platform = RESUME_NONE;
	return change;
}

static const struct platform sim_platform = { .name = "simulated", .look = platform_look };

const struct platform *platform_current(void)
{
	return &sim_platform;
}

bool platform_map_register(struct io_region *io, const struct acpi_register *reg, uint32_t bytes)
{
	*io = io_ports((uint16_t)reg->address, (uint16_t)bytes);
	return reg->address;
}

void platform_enable_acpi(const struct acpi_fixed *fixed)
{
	(void)fixed;
}

void resume_set_machine(const struct resume_machine *machine)
{
	sim.machine = machine;
}

void resume_check(void)
{
	sim.checks++;
}

static uint64_t gpe_read(void *context, uint32_t offset, unsigned bytes)
{
	(void)context;
	assert_int_equal(bytes, 1);
	return sim.gpe[offset];
}

static void gpe_write(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	(void)context;
	assert_int_equal(bytes, 1);
	if (offset < GPE_BYTES / 2)
		sim.gpe[offset] &= (uint8_t)~value;
	else
		sim.gpe[offset] = (uint8_t)value;
}

static struct host_device gpe_device = {
	.base = GPE_PORT, .bytes = GPE_BYTES, .read = gpe_read, .write = gpe_write
};

static int setup(void **state)
{
	(void)state;
	memset(&sim, 0, sizeof(sim));
	memset(&notices, 0, sizeof(notices));
	host_machine_set_low();
	host_irq_forget();
	host_io_remove_all();
	host_io_add(&gpe_device);
	sim.ram = aligned_alloc(PAGE_SIZE, PAGES * PAGE_SIZE);
	memset(sim.ram, 0, PAGES * PAGE_SIZE);
	sim.clock.event = ACPI_NO_EVENT;
	sim.fixed.hw_reduced = true;
	notice_start(&sim.boot);
	assert_non_null(sim.machine);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(sim.ram);
	return 0;
}

static struct vmclock *make_vmclock(void)
{
	struct vmclock *clock = (struct vmclock *)(sim.ram + PAGE_SIZE);

	*clock = (struct vmclock){ .magic = VMCLOCK_MAGIC, .size = PAGE_SIZE, .version = 1 };
	sim.has_clock = true;
	sim.clock.address = virt_to_phys(clock).raw;
	return clock;
}

static void nothing_is_watched_where_there_is_nothing(void **state)
{
	(void)state;
	sim.line_count = 1;
	sim.machine->find();
	assert_false(host_irq_attached(LINE));
	assert_int_equal(sim.machine->look(), RESUME_NONE);
	sim.by_platform = RESUME_PAUSED;
	assert_int_equal(sim.machine->look(), RESUME_PAUSED);
}

static void vmclock_tells_of_each_change_once(void **state)
{
	struct vmclock *clock = make_vmclock();

	(void)state;
	sim.machine->find();
	assert_int_equal(sim.machine->look(), RESUME_NONE);
	clock->generation++;
	clock->sequence += 2;
	assert_int_equal(sim.machine->look(), RESUME_RESTORED);
	assert_int_equal(sim.machine->look(), RESUME_NONE);
	clock->disruption_marker++;
	assert_int_equal(sim.machine->look(), RESUME_RESTORED);
	assert_int_equal(sim.machine->look(), RESUME_NONE);
}

static void resume_that_the_platform_sees_as_well_is_told_of_once(void **state)
{
	struct vmclock *clock = make_vmclock();

	(void)state;
	sim.machine->find();
	clock->generation++;
	sim.by_platform = RESUME_PAUSED;
	assert_int_equal(sim.machine->look(), RESUME_RESTORED);
	assert_int_equal(sim.machine->look(), RESUME_NONE);
}

static void vmclock_that_is_written_for_ever_tells_nothing(void **state)
{
	struct vmclock *clock = make_vmclock();

	(void)state;
	sim.machine->find();
	clock->sequence++;
	clock->generation++;
	assert_int_equal(sim.machine->look(), RESUME_NONE);
	clock->sequence++;
	assert_int_equal(sim.machine->look(), RESUME_RESTORED);
	setup(NULL);
	make_vmclock()->sequence = 1;
	sim.machine->find();
	assert_null(notices.clock);
}

static void vmclock_page_that_is_none_is_not_taken(void **state)
{
	(void)state;
	make_vmclock()->magic++;
	sim.machine->find();
	assert_null(notices.clock);
	make_vmclock()->version = 2;
	sim.machine->find();
	assert_null(notices.clock);
	make_vmclock()->size = 104;
	sim.machine->find();
	assert_null(notices.clock);
	make_vmclock();
	sim.clock.address += 8;
	sim.machine->find();
	assert_null(notices.clock);
	make_vmclock();
	sim.machine->find();
	assert_non_null(notices.clock);
}

/* Where it would be taken it is not read: these addresses are another machine's. */
static bool would_take_id_at(uint64_t address)
{
	return is_plausible(address, VMGENID_BYTES) &&
	       address < end_of_low_ram() + FIRMWARE_RAM_BYTES;
}

static void an_id_is_taken_only_where_firmware_keeps_ram(void **state)
{
	static const struct boot_range ranges[] = {
		{ .start = 0x1000, .end = 0x9f000 },
		{ .start = 0x100000, .end = 0x7ffe000 },
		{ .start = 0x100000000, .end = 0x140000000 },
	};
	static const struct {
		uint64_t address;
		bool taken;
	} cases[] = {
		{ 0xdfff0, true },         /* Firecracker */
		{ 0x7fff028, true },       /* QEMU with SeaBIOS */
		{ 0x7fff02c, false },      /* not aligned */
		{ 0x7fffff8, false },      /* over the end of a page */
		{ 0x10, false },           /* nothing is at the first page */
		{ 0x200000, false },       /* the kernel's */
		{ 0x7ffdff0, false },      /* its last bytes */
		{ 0xfee00000, false },     /* registers */
		{ 0x100000010, false },    /* the kernel's */
		{ 0x7ffffffffff8, false }, /* nowhere */
		{ UINT64_MAX - 15, false },
	};

	(void)state;
	sim.boot.range_count = countof(ranges);
	memcpy(sim.boot.ranges, ranges, sizeof(ranges));
	for (unsigned i = 0; i < countof(cases); i++)
		assert_int_equal(would_take_id_at(cases[i].address), cases[i].taken);
}

static void lines_of_the_event_device_have_it_looked_at(void **state)
{
	(void)state;
	make_vmclock();
	sim.line_count = 1;
	sim.machine->find();
	assert_true(host_irq_attached(LINE));
	host_irq_raise(LINE);
	assert_int_equal(sim.checks, 1);
}

static void general_purpose_event_is_the_only_one_enabled_and_is_cleared(void **state)
{
	(void)state;
	make_vmclock();
	sim.clock.event = 8;
	sim.fixed = (struct acpi_fixed){ .sci_interrupt = SCI,
					 .gpe0 = { .address = GPE_PORT },
					 .gpe0_bytes = GPE_BYTES / 2 };
	memset(sim.gpe, 0xff, sizeof(sim.gpe));
	sim.machine->find();
	assert_true(host_irq_attached(SCI));
	assert_int_equal(sim.gpe[2], 0);
	assert_int_equal(sim.gpe[3], 1);
	sim.gpe[1] = 1;
	host_irq_raise(SCI);
	assert_int_equal(sim.gpe[1], 0);
	assert_int_equal(sim.checks, 1);
}

static void event_beyond_the_registers_is_not_used(void **state)
{
	(void)state;
	make_vmclock();
	sim.clock.event = 16;
	sim.fixed = (struct acpi_fixed){ .sci_interrupt = SCI,
					 .gpe0 = { .address = GPE_PORT },
					 .gpe0_bytes = GPE_BYTES / 2 };
	sim.machine->find();
	assert_false(host_irq_attached(SCI));
	assert_int_equal(notices.event_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_watched_where_there_is_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(vmclock_tells_of_each_change_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			resume_that_the_platform_sees_as_well_is_told_of_once, setup, teardown),
		cmocka_unit_test_setup_teardown(vmclock_that_is_written_for_ever_tells_nothing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(vmclock_page_that_is_none_is_not_taken, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_id_is_taken_only_where_firmware_keeps_ram, setup,
						teardown),
		cmocka_unit_test_setup_teardown(lines_of_the_event_device_have_it_looked_at, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			general_purpose_event_is_the_only_one_enabled_and_is_cleared, setup,
			teardown),
		cmocka_unit_test_setup_teardown(event_beyond_the_registers_is_not_used, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
