/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "reader.h"
#include "test_boot.h"

#include <base/errno.h>
#include <boot/protocols.h>

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static struct boot_info info;

/** As a reader finds it: with rubbish in it. */
static int start(void **state)
{
	(void)state;
	memset(&info, 0xa5, sizeof info);
	boot_info_start(&info, "test");
	return 0;
}

static void usable(uint64_t from, uint64_t to)
{
	boot_add_range(&info, from, to - from, BOOT_RANGE_USABLE);
}

static void reserved(uint64_t from, uint64_t to)
{
	boot_add_range(&info, from, to - from, BOOT_RANGE_RESERVED);
}

static void assert_range(uint32_t index, uint64_t from, uint64_t to)
{
	assert_true(index < info.range_count);
	assert_int_equal(info.ranges[index].start, from);
	assert_int_equal(info.ranges[index].end, to);
}

static void check(void)
{
	assert_int_equal(boot_info_check(&info), 0);
	test_promises(&info);
}

static void check_sorts_ranges(void **state)
{
	(void)state;
	usable(4 * GIB, 5 * GIB);
	usable(MIB, 2 * MIB);
	usable(16 * MIB, 32 * MIB);
	check();
	assert_int_equal(info.range_count, 3);
	assert_range(0, MIB, 2 * MIB);
	assert_range(1, 16 * MIB, 32 * MIB);
	assert_range(2, 4 * GIB, 5 * GIB);
}

static void check_joins_overlapping_and_adjacent_ranges(void **state)
{
	(void)state;
	usable(2 * MIB, 4 * MIB);
	usable(MIB, 3 * MIB);
	usable(MIB, MIB + 1);
	usable(4 * MIB, 5 * MIB);
	check();
	assert_int_equal(info.range_count, 1);
	assert_range(0, MIB, 5 * MIB);
}

static void check_lets_reserved_win_over_usable(void **state)
{
	(void)state;
	reserved(2 * MIB, 3 * MIB);
	usable(MIB, 8 * MIB);
	boot_add_range(&info, 4 * MIB, MIB, BOOT_RANGE_ACPI);
	boot_add_range(&info, 6 * MIB, MIB, 77);
	check();
	assert_int_equal(info.range_count, 4);
	assert_range(0, MIB, 2 * MIB);
	assert_range(1, 3 * MIB, 4 * MIB);
	assert_range(2, 5 * MIB, 6 * MIB);
	assert_range(3, 7 * MIB, 8 * MIB);
}

static void check_lets_reserved_inside_reserved_not_end_it(void **state)
{
	(void)state;
	usable(MIB, 8 * MIB);
	reserved(2 * MIB, 6 * MIB);
	boot_add_range(&info, 3 * MIB, MIB, BOOT_RANGE_NVS);
	check();
	assert_int_equal(info.range_count, 2);
	assert_range(0, MIB, 2 * MIB);
	assert_range(1, 6 * MIB, 8 * MIB);
}

/* libkrun's last range is one byte too long. */
static void check_rounds_usable_ranges_inward(void **state)
{
	(void)state;
	usable(MIB + 1, 2 * MIB);
	usable(0x7000000, 0x7f00001);
	usable(0x9000001, 0x9000fff);
	check();
	assert_int_equal(info.range_count, 2);
	assert_range(0, MIB + PAGE_SIZE, 2 * MIB);
	assert_range(1, 0x7000000, 0x7f00000);
}

static void check_keeps_a_page_that_comes_in_two_pieces(void **state)
{
	(void)state;
	usable(MIB, MIB + 0x1800);
	usable(MIB + 0x1800, 2 * MIB);
	usable(2 * MIB + 0x800, 2 * MIB + 0x2000);
	usable(2 * MIB, 2 * MIB + 0x800);
	check();
	assert_int_equal(info.range_count, 1);
	assert_range(0, MIB, 2 * MIB + 0x2000);
}

static void check_gives_up_a_page_reserved_in_part(void **state)
{
	(void)state;
	usable(MIB, 2 * MIB);
	reserved(MIB + 0x2fff, MIB + 0x3001);
	check();
	assert_int_equal(info.range_count, 2);
	assert_range(0, MIB, MIB + 0x2000);
	assert_range(1, MIB + 0x4000, 2 * MIB);
}

static void check_ignores_empty_ranges(void **state)
{
	(void)state;
	usable(MIB, 2 * MIB);
	usable(0, 0);
	boot_add_range(&info, 0, 0, 0);
	check();
	assert_int_equal(info.range_count, 1);
}

static void check_clips_to_46_bits_and_survives_ends_past_64(void **state)
{
	(void)state;
	boot_add_range(&info, BOOT_ADDRESS_MAX - MIB, UINT64_MAX, BOOT_RANGE_USABLE);
	boot_add_range(&info, UINT64_MAX - 5, 100, BOOT_RANGE_USABLE);
	boot_add_range(&info, BOOT_ADDRESS_MAX, MIB, BOOT_RANGE_USABLE);
	check();
	assert_int_equal(info.range_count, 1);
	assert_range(0, BOOT_ADDRESS_MAX - MIB, BOOT_ADDRESS_MAX);
}

/* Memory below 1 MiB is what the map says: there are machines with none of the PC's holes. */
static void check_keeps_page_0_and_nothing_else_below_1_mib(void **state)
{
	(void)state;
	usable(0, 0x9fc00);
	usable(MIB, 2 * MIB);
	check();
	assert_int_equal(info.range_count, 2);
	assert_range(0, PAGE_SIZE, 0x9f000);
	assert_range(1, MIB, 2 * MIB);
}

static void check_cuts_out_image_cmdline_initrd_and_rsdp(void **state)
{
	(void)state;
	usable(MIB, 16 * MIB);
	info.image_start = 2 * MIB;
	info.image_end = 2 * MIB + 0x12345;
	info.cmdline = 4 * MIB + 0xff0;
	info.cmdline_bytes = 0x10; /* its NUL is in the next page */
	info.initrd = 6 * MIB + 1;
	info.initrd_bytes = 0xfff;
	info.rsdp = 8 * MIB + 8;
	check();
	assert_int_equal(info.range_count, 5);
	assert_range(0, MIB, 2 * MIB);
	assert_range(1, 2 * MIB + 0x13000, 4 * MIB);
	assert_range(2, 4 * MIB + 0x2000, 6 * MIB);
	assert_range(3, 6 * MIB + 0x1000, 8 * MIB);
	assert_range(4, 8 * MIB + 0x1000, 16 * MIB);
}

static void check_takes_cmdline_and_initrd_in_reserved_memory(void **state)
{
	(void)state;
	usable(MIB, 2 * MIB);
	boot_add_range(&info, 0xd0000, 0x20000, BOOT_RANGE_NVS);
	info.cmdline = 0xeff00;
	info.cmdline_bytes = 10;
	info.initrd = 3 * GIB;
	info.initrd_bytes = MIB;
	check();
	assert_range(0, MIB, 2 * MIB);
}

static void check_rejects_an_initrd_that_wraps_or_is_out_of_reach(void **state)
{
	usable(MIB, 2 * MIB);
	info.initrd = UINT64_MAX - 10;
	info.initrd_bytes = 20;
	assert_int_equal(boot_info_check(&info), -EINVAL);
	info.initrd = BOOT_ADDRESS_MAX - 10;
	assert_int_equal(boot_info_check(&info), -EINVAL);
	info.initrd = MIB;
	info.initrd_bytes = UINT64_MAX;
	assert_int_equal(boot_info_check(&info), -EINVAL);
	start(state);
	usable(MIB, 2 * MIB);
	info.image_start = 3 * MIB;
	info.image_end = 2 * MIB;
	assert_int_equal(boot_info_check(&info), -EINVAL);
}

/* As QEMU places an initrd in a machine with too little memory. */
static void check_rejects_what_overlaps_the_image(void **state)
{
	(void)state;
	usable(MIB, 16 * MIB);
	info.image_start = 2 * MIB;
	info.image_end = 3 * MIB;
	info.initrd = 3 * MIB - 1;
	info.initrd_bytes = MIB;
	assert_int_equal(boot_info_check(&info), -EINVAL);
	info.initrd = MIB;
	info.initrd_bytes = MIB + 1;
	assert_int_equal(boot_info_check(&info), -EINVAL);
	info.initrd_bytes = 8 * MIB;
	assert_int_equal(boot_info_check(&info), -EINVAL);
	info.initrd_bytes = MIB;
	info.cmdline = 2 * MIB + 100;
	info.cmdline_bytes = 10;
	assert_int_equal(boot_info_check(&info), -EINVAL);
	info.cmdline = 2 * MIB - 10; /* its NUL */
	assert_int_equal(boot_info_check(&info), -EINVAL);
	info.cmdline = 3 * MIB;
	check();
}

static void check_finds_that_nothing_is_usable(void **state)
{
	assert_int_equal(boot_info_check(&info), -ENOMEM);
	start(state);
	usable(0, PAGE_SIZE);
	reserved(MIB, 2 * MIB);
	usable(MIB + 0x800, 2 * MIB);
	assert_int_equal(boot_info_check(&info), -ENOMEM);
}

static void check_drops_an_impossible_framebuffer(void **state)
{
	(void)state;
	usable(MIB, 2 * MIB);
	info.framebuffer = (struct boot_framebuffer){ 0xe0000000, 4096, 1024, 768, 32 };
	check();
	assert_int_equal(info.framebuffer.address, 0xe0000000);
	info.framebuffer.pitch_bytes = 4095;
	assert_int_equal(boot_info_check(&info), 0);
	assert_int_equal(info.framebuffer.address, 0);
	info.framebuffer = (struct boot_framebuffer){ UINT64_MAX, 4096, 1024, 768, 32 };
	assert_int_equal(boot_info_check(&info), 0);
	assert_int_equal(info.framebuffer.address, 0);
	info.rsdp = UINT64_MAX - 3;
	assert_int_equal(boot_info_check(&info), 0);
	assert_int_equal(info.rsdp, 0);
}

static void full_table_loses_usable_ranges_and_says_so(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 600; i++)
		usable(i * MIB, i * MIB + PAGE_SIZE);
	assert_int_equal(info.ranges_lost, 600 - (BOOT_RANGES_MAX - BOOT_RANGES_KEPT));
	info.initrd = MIB;
	info.initrd_bytes = 1;
	check();
	assert_int_equal(info.range_count, BOOT_RANGES_MAX - BOOT_RANGES_KEPT - 1);
}

static void full_table_never_loses_a_reserved_range(void **state)
{
	(void)state;
	usable(MIB, 4096 * MIB);
	for (uint64_t i = 1; i <= 506; i++)
		usable(5 * GIB + i * MIB, 5 * GIB + i * MIB + PAGE_SIZE);
	reserved(2 * MIB, 3 * MIB);
	check();
	assert_range(0, MIB, 2 * MIB);
	assert_range(1, 3 * MIB, 4096 * MIB);
}

static void full_table_can_be_split_to_its_end(void **state)
{
	(void)state;
	usable(MIB, 4096 * MIB);
	for (uint64_t i = 2; i < 600; i++)
		reserved(i * MIB, i * MIB + PAGE_SIZE);
	/* Usable memory is given up for the last of these. */
	assert_int_equal(boot_info_check(&info), -ENOMEM);
	start(state);
	usable(MIB, 4096 * MIB);
	for (uint64_t i = 2; i < 508; i++)
		reserved(i * MIB, i * MIB + PAGE_SIZE);
	info.initrd = 1000 * MIB;
	info.cmdline = 1001 * MIB;
	info.image_start = 1002 * MIB;
	info.rsdp = 1003 * MIB;
	info.initrd_bytes = info.cmdline_bytes = 1;
	info.image_end = info.image_start + 1;
	check();
	assert_int_equal(info.range_count, BOOT_RANGES_MAX - 1);
}

static void add_joins_neighbours_of_one_type(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= 1000; i++)
		usable(i * MIB, (i + 1) * MIB);
	assert_int_equal(info.range_count, 1);
	reserved(1001 * MIB, 1002 * MIB);
	assert_int_equal(info.range_count, 2);
	assert_int_equal(info.ranges_lost, 0);
}

static void cmdline_is_found_across_pages_up_to_its_limit(void **state)
{
	uint64_t bytes = BOOT_CMDLINE_MAX + 2 * PAGE_SIZE;
	struct test_memory memory = { .base = MIB, .bytes = bytes, .data = malloc(bytes) };
	struct boot_memory at = test_boot_memory(&memory);

	(void)state;
	memset(memory.data, 'x', bytes);
	memory.data[5000] = 0;
	assert_int_equal(boot_find_cmdline(&info, MIB + 7, &at), 0);
	assert_int_equal(info.cmdline, MIB + 7);
	assert_int_equal(info.cmdline_bytes, 4993);
	assert_int_equal(boot_find_cmdline(&info, MIB + 5000, &at), 0);
	assert_int_equal(info.cmdline_bytes, 0);
	assert_int_equal(boot_find_cmdline(&info, MIB + 5001, &at), -E2BIG);
	assert_int_equal(boot_find_cmdline(&info, MIB + bytes - 100, &at), -EFAULT);
	assert_int_equal(boot_find_cmdline(&info, UINT64_MAX, &at), -EFAULT);
	free(memory.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(check_sorts_ranges, start),
		cmocka_unit_test_setup(check_joins_overlapping_and_adjacent_ranges, start),
		cmocka_unit_test_setup(check_lets_reserved_win_over_usable, start),
		cmocka_unit_test_setup(check_lets_reserved_inside_reserved_not_end_it, start),
		cmocka_unit_test_setup(check_rounds_usable_ranges_inward, start),
		cmocka_unit_test_setup(check_keeps_a_page_that_comes_in_two_pieces, start),
		cmocka_unit_test_setup(check_gives_up_a_page_reserved_in_part, start),
		cmocka_unit_test_setup(check_ignores_empty_ranges, start),
		cmocka_unit_test_setup(check_clips_to_46_bits_and_survives_ends_past_64, start),
		cmocka_unit_test_setup(check_keeps_page_0_and_nothing_else_below_1_mib, start),
		cmocka_unit_test_setup(check_cuts_out_image_cmdline_initrd_and_rsdp, start),
		cmocka_unit_test_setup(check_takes_cmdline_and_initrd_in_reserved_memory, start),
		cmocka_unit_test_setup(check_rejects_an_initrd_that_wraps_or_is_out_of_reach,
				       start),
		cmocka_unit_test_setup(check_rejects_what_overlaps_the_image, start),
		cmocka_unit_test_setup(check_finds_that_nothing_is_usable, start),
		cmocka_unit_test_setup(check_drops_an_impossible_framebuffer, start),
		cmocka_unit_test_setup(full_table_loses_usable_ranges_and_says_so, start),
		cmocka_unit_test_setup(full_table_never_loses_a_reserved_range, start),
		cmocka_unit_test_setup(full_table_can_be_split_to_its_end, start),
		cmocka_unit_test_setup(add_joins_neighbours_of_one_type, start),
		cmocka_unit_test_setup(cmdline_is_found_across_pages_up_to_its_limit, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
