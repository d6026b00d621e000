/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../test_boot.h"

#include <base/errno.h>
#include <boot/protocols.h>

enum { INFO = 0x6000, MODULES = 0x6040, MAP = 0x7000, CMDLINE = 0x8010 };

static uint8_t bytes[TEST_MEMORY_BYTES];
static struct test_memory memory = { TEST_MEMORY_BASE, TEST_MEMORY_BYTES, bytes };
static struct boot_info info;

static int read_pvh(void)
{
	struct boot_memory at = test_boot_memory(&memory);

	memset(&info, 0xa5, sizeof info);
	return boot_read_pvh(&info, INFO, &at);
}

static void put_range(unsigned i, uint64_t start, uint64_t size, uint32_t type)
{
	test_put64(&memory, MAP + i * 24, start);
	test_put64(&memory, MAP + i * 24 + 8, size);
	test_put32(&memory, MAP + i * 24 + 16, type);
	test_put32(&memory, INFO + 48, i + 1);
}

/** What Firecracker leaves, for 128 MiB with an initrd. */
static int put_firecracker(void **state)
{
	(void)state;
	memset(bytes, 0, sizeof bytes);
	test_put32(&memory, INFO, 0x336ec578);
	test_put32(&memory, INFO + 4, 1);
	test_put32(&memory, INFO + 12, 1);
	test_put64(&memory, INFO + 16, MODULES);
	test_put64(&memory, INFO + 24, CMDLINE);
	test_put64(&memory, INFO + 40, MAP);
	test_put64(&memory, MODULES, 0x7f00000);
	test_put64(&memory, MODULES + 8, 0x100000);
	test_put(&memory, CMDLINE, "console=ttyS0 pci=off", 22);
	put_range(0, 0, 0x9fc00, 1);
	put_range(1, 0x9fc00, 0x40400, 2);
	put_range(2, 0xeec00000, 0x10000000, 2);
	put_range(3, 0x100000, 0x7f00000, 1);
	return 0;
}

static void pvh_reads_what_firecracker_gives(void **state)
{
	(void)state;
	assert_int_equal(read_pvh(), 0);
	assert_string_equal(info.protocol, "pvh");
	assert_int_equal(info.cmdline, CMDLINE);
	assert_int_equal(info.cmdline_bytes, 21);
	assert_int_equal(info.initrd, 0x7f00000);
	assert_int_equal(info.initrd_bytes, 0x100000);
	assert_int_equal(info.rsdp, 0);
	assert_int_equal(info.framebuffer.address, 0);
	assert_int_equal(info.image_end, 0);
	assert_int_equal(info.range_count, 4);
	assert_int_equal(boot_info_check(&info), 0);
	test_promises(&info);
	assert_int_equal(info.range_count, 3);
	assert_int_equal(info.ranges[0].end, 0x8000); /* the command line's page */
	assert_int_equal(info.ranges[2].start, 0x100000);
	assert_int_equal(info.ranges[2].end, 0x7f00000);
}

static void pvh_takes_rsdp_outside_of_the_map(void **state)
{
	(void)state;
	test_put64(&memory, INFO + 32, 0xa0000);
	assert_int_equal(read_pvh(), 0);
	assert_int_equal(info.rsdp, 0xa0000);
}

static void pvh_needs_neither_initrd_nor_cmdline(void **state)
{
	(void)state;
	test_put32(&memory, INFO + 12, 0);
	test_put64(&memory, INFO + 24, 0);
	assert_int_equal(read_pvh(), 0);
	assert_int_equal(info.initrd_bytes, 0);
	assert_int_equal(info.cmdline_bytes, 0);
}

/* QEMU microvm ends its map with an entry of zeroes. */
static void pvh_ignores_zero_entries(void **state)
{
	(void)state;
	put_range(4, 0, 0, 0);
	assert_int_equal(read_pvh(), 0);
	assert_int_equal(info.range_count, 4);
}

static void pvh_rejects_other_magic(void **state)
{
	(void)state;
	test_put32(&memory, INFO, 0x336ec579);
	assert_int_equal(read_pvh(), -EINVAL);
	assert_int_equal(info.range_count, 0);
}

static void pvh_version_0_has_no_memory_map(void **state)
{
	(void)state;
	test_put32(&memory, INFO + 4, 0);
	assert_int_equal(read_pvh(), -EPROTONOSUPPORT);
}

static void pvh_rejects_what_it_cannot_reach(void **state)
{
	const uint64_t fields[] = { INFO + 16, INFO + 24, INFO + 40 };
	struct boot_memory at = test_boot_memory(&memory);

	for (unsigned i = 0; i < 3; i++) {
		put_firecracker(state);
		test_put64(&memory, fields[i], UINT64_MAX - 3);
		assert_int_equal(read_pvh(), -EFAULT);
	}
	put_firecracker(state);
	test_put32(&memory, INFO + 48, 4000);
	assert_int_equal(read_pvh(), -EFAULT);
	assert_int_equal(boot_read_pvh(&info, 0, &at), -EFAULT);
}

static void pvh_rejects_a_map_beyond_reason(void **state)
{
	(void)state;
	test_put32(&memory, INFO + 48, UINT32_MAX);
	assert_int_equal(read_pvh(), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pvh_reads_what_firecracker_gives, put_firecracker),
		cmocka_unit_test_setup(pvh_takes_rsdp_outside_of_the_map, put_firecracker),
		cmocka_unit_test_setup(pvh_needs_neither_initrd_nor_cmdline, put_firecracker),
		cmocka_unit_test_setup(pvh_ignores_zero_entries, put_firecracker),
		cmocka_unit_test_setup(pvh_rejects_other_magic, put_firecracker),
		cmocka_unit_test_setup(pvh_version_0_has_no_memory_map, put_firecracker),
		cmocka_unit_test_setup(pvh_rejects_what_it_cannot_reach, put_firecracker),
		cmocka_unit_test_setup(pvh_rejects_a_map_beyond_reason, put_firecracker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
