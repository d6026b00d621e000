/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../test_boot.h"

#include <base/errno.h>
#include <boot/protocols.h>

enum { PAGE = 0x7000, CMDLINE = 0x9000, SETUP_DATA = 0xa000 };

static uint8_t bytes[TEST_MEMORY_BYTES];
static struct test_memory memory = { TEST_MEMORY_BASE, TEST_MEMORY_BYTES, bytes };
static struct boot_info info;

static int read_linux64(void)
{
	struct boot_memory at = test_boot_memory(&memory);

	memset(&info, 0xa5, sizeof info);
	return boot_read_linux64(&info, PAGE, &at);
}

static void put_range(uint64_t at, uint64_t start, uint64_t size, uint32_t type)
{
	test_put64(&memory, at, start);
	test_put64(&memory, at + 8, size);
	test_put32(&memory, at + 16, type);
}

/** What Firecracker leaves for an ELF without a PVH note, for 128 MiB. */
static int put_firecracker(void **state)
{
	(void)state;
	memset(bytes, 0, sizeof bytes);
	test_put16(&memory, PAGE + 0x1fe, 0xaa55);
	test_put(&memory, PAGE + 0x202, "HdrS", 4);
	test_put8(&memory, PAGE + 0x210, 0xff);
	test_put32(&memory, PAGE + 0x218, 0x7f00000);
	test_put32(&memory, PAGE + 0x21c, 0x1234);
	test_put32(&memory, PAGE + 0x228, CMDLINE);
	test_put32(&memory, PAGE + 0x238, 14);
	test_put64(&memory, PAGE + 0x70, 0xe0000);
	test_put(&memory, CMDLINE, "console=ttyS0", 14);
	test_put8(&memory, PAGE + 0x1e8, 4);
	put_range(PAGE + 0x2d0, 0, 0x9fc00, 1);
	put_range(PAGE + 0x2d0 + 20, 0x9fc00, 0x40400, 2);
	put_range(PAGE + 0x2d0 + 40, 0xeec00000, 0x10000000, 2);
	put_range(PAGE + 0x2d0 + 60, 0x100000, 0x7f00000, 1);
	return 0;
}

static void linux64_reads_what_firecracker_gives(void **state)
{
	(void)state;
	assert_int_equal(read_linux64(), 0);
	assert_string_equal(info.protocol, "linux64");
	assert_int_equal(info.cmdline, CMDLINE);
	assert_int_equal(info.cmdline_bytes, 13);
	assert_int_equal(info.initrd, 0x7f00000);
	assert_int_equal(info.initrd_bytes, 0x1234);
	assert_int_equal(info.rsdp, 0xe0000);
	assert_int_equal(info.framebuffer.address, 0);
	assert_int_equal(info.range_count, 4);
	assert_int_equal(boot_info_check(&info), 0);
	test_promises(&info);
	/* The rest of the initrd's last page goes to the kernel neither. */
	assert_int_equal(info.range_count, 4);
	assert_int_equal(info.ranges[0].end, CMDLINE);
	assert_int_equal(info.ranges[3].start, 0x7f02000);
	assert_int_equal(info.ranges[3].end, 0x8000000);
}

static void linux64_joins_the_upper_halves(void **state)
{
	(void)state;
	test_put32(&memory, PAGE + 0xc0, 1);
	test_put32(&memory, PAGE + 0xc4, 2);
	assert_int_equal(read_linux64(), 0);
	assert_int_equal(info.initrd, 0x107f00000);
	assert_int_equal(info.initrd_bytes, 0x200001234);
	test_put32(&memory, PAGE + 0xc8, 1);
	assert_int_equal(read_linux64(), -EFAULT);
}

/* hdr.cmdline_size is what the kernel can take (boot.rst), or 0, and not the length. */
static void linux64_does_not_trust_cmdline_size(void **state)
{
	(void)state;
	test_put32(&memory, PAGE + 0x238, 3);
	assert_int_equal(read_linux64(), 0);
	assert_int_equal(info.cmdline_bytes, 13);
}

static void linux64_rejects_what_is_no_zero_page(void **state)
{
	test_put16(&memory, PAGE + 0x1fe, 0);
	assert_int_equal(read_linux64(), -EINVAL);
	put_firecracker(state);
	test_put32(&memory, PAGE + 0x202, 0);
	assert_int_equal(read_linux64(), -EINVAL);
}

static void linux64_rejects_more_entries_than_the_page_holds(void **state)
{
	(void)state;
	test_put8(&memory, PAGE + 0x1e8, 129);
	assert_int_equal(read_linux64(), -EINVAL);
	test_put8(&memory, PAGE + 0x1e8, 128);
	assert_int_equal(read_linux64(), 0);
}

static void linux64_reads_the_rest_of_the_map_from_setup_data(void **state)
{
	(void)state;
	test_put64(&memory, PAGE + 0x250, SETUP_DATA);
	test_put64(&memory, SETUP_DATA, SETUP_DATA + 0x100);
	test_put32(&memory, SETUP_DATA + 8, 9);
	test_put32(&memory, SETUP_DATA + 12, 32);
	test_put32(&memory, SETUP_DATA + 0x108, 1);
	test_put32(&memory, SETUP_DATA + 0x10c, 40);
	put_range(SETUP_DATA + 0x110, 0x100000000, 0x1000, 1);
	put_range(SETUP_DATA + 0x110 + 20, 0x100001000, 0x1000, 2);
	assert_int_equal(read_linux64(), 0);
	assert_int_equal(info.range_count, 6);
	test_put32(&memory, SETUP_DATA + 0x10c, 0xfffffff0);
	assert_int_equal(read_linux64(), -E2BIG);
	test_put32(&memory, SETUP_DATA + 0x10c, 20000);
	assert_int_equal(read_linux64(), -EFAULT);
}

static void linux64_leaves_a_ring_of_setup_data(void **state)
{
	(void)state;
	test_put64(&memory, PAGE + 0x250, SETUP_DATA);
	test_put64(&memory, SETUP_DATA, SETUP_DATA);
	assert_int_equal(read_linux64(), -E2BIG);
}

static void linux64_takes_a_framebuffer_but_no_text_screen(void **state)
{
	(void)state;
	test_put8(&memory, PAGE + 0x0f, 0x70);
	test_put16(&memory, PAGE + 0x12, 1024);
	test_put16(&memory, PAGE + 0x14, 768);
	test_put16(&memory, PAGE + 0x16, 32);
	test_put32(&memory, PAGE + 0x18, 0xe0000000);
	test_put16(&memory, PAGE + 0x24, 4096);
	test_put32(&memory, PAGE + 0x3a, 1);
	assert_int_equal(read_linux64(), 0);
	assert_int_equal(boot_info_check(&info), 0);
	assert_int_equal(info.framebuffer.address, 0x1e0000000);
	assert_int_equal(info.framebuffer.height, 768);
	test_put8(&memory, PAGE + 0x0f, 1);
	assert_int_equal(read_linux64(), 0);
	assert_int_equal(info.framebuffer.address, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(linux64_reads_what_firecracker_gives, put_firecracker),
		cmocka_unit_test_setup(linux64_joins_the_upper_halves, put_firecracker),
		cmocka_unit_test_setup(linux64_does_not_trust_cmdline_size, put_firecracker),
		cmocka_unit_test_setup(linux64_rejects_what_is_no_zero_page, put_firecracker),
		cmocka_unit_test_setup(linux64_rejects_more_entries_than_the_page_holds,
				       put_firecracker),
		cmocka_unit_test_setup(linux64_reads_the_rest_of_the_map_from_setup_data,
				       put_firecracker),
		cmocka_unit_test_setup(linux64_leaves_a_ring_of_setup_data, put_firecracker),
		cmocka_unit_test_setup(linux64_takes_a_framebuffer_but_no_text_screen,
				       put_firecracker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
