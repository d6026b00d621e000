/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../test_boot.h"

#include <base/errno.h>
#include <boot/protocols.h>

enum { INFO = 0x6000 };

static uint8_t bytes[TEST_MEMORY_BYTES];
static struct test_memory memory = { TEST_MEMORY_BASE, TEST_MEMORY_BYTES, bytes };
static struct boot_info info;
static uint64_t next;

/** Begins a block without tags. */
static int begin(void **state)
{
	(void)state;
	memset(bytes, 0xee, sizeof bytes);
	next = INFO + 8;
	return 0;
}

/** Adds a tag and returns where its content is. */
static uint64_t put_tag(uint32_t type, uint32_t content_bytes)
{
	uint64_t at = next;

	test_put32(&memory, at, type);
	test_put32(&memory, at + 4, content_bytes + 8);
	next = align_up(at + content_bytes + 8, 8);
	return at + 8;
}

static void put_total(void)
{
	test_put32(&memory, INFO, (uint32_t)(next - INFO));
}

static int read_multiboot2(void)
{
	struct boot_memory at = test_boot_memory(&memory);

	memset(&info, 0xa5, sizeof info);
	return boot_read_multiboot2(&info, INFO, &at);
}

static int end_and_read(void)
{
	put_tag(0, 0);
	put_total();
	return read_multiboot2();
}

static void put_mmap(uint32_t stride)
{
	uint64_t at = put_tag(6, 8 + 2 * stride);

	test_put32(&memory, at, stride);
	test_put32(&memory, at + 4, 0);
	test_put64(&memory, at + 8, 0x100000);
	test_put64(&memory, at + 16, 0x7f00000);
	test_put32(&memory, at + 24, 1);
	test_put64(&memory, at + 8 + stride, 0xf0000);
	test_put64(&memory, at + 16 + stride, 0x10000);
	test_put32(&memory, at + 24 + stride, 2);
}

static void put_efi_mmap(const uint32_t *types, uint32_t count)
{
	uint64_t at = put_tag(17, 8 + count * 48);

	test_put32(&memory, at, 48);
	test_put32(&memory, at + 4, 1);
	for (uint32_t i = 0; i < count; i++) {
		test_put32(&memory, at + 8 + i * 48, types[i]);
		test_put64(&memory, at + 8 + i * 48 + 8, 0x100000 + i * 0x10000);
		test_put64(&memory, at + 8 + i * 48 + 24, 16);
	}
}

static void put_module(uint32_t start, uint32_t end)
{
	uint64_t at = put_tag(3, 8 + 5);

	test_put32(&memory, at, start);
	test_put32(&memory, at + 4, end);
	test_put(&memory, at + 8, "root", 5);
}

static void multiboot2_reads_what_grub_gives(void **state)
{
	uint64_t cmdline, rsdp, fb;

	(void)state;
	cmdline = put_tag(1, 6);
	test_put(&memory, cmdline, "quiet", 6);
	put_tag(2, 10);
	put_module(0x200000, 0x212345);
	put_module(0x300000, 0x300001);
	put_mmap(24);
	fb = put_tag(8, 24);
	test_put64(&memory, fb, 0xfd000000);
	test_put32(&memory, fb + 8, 4096);
	test_put32(&memory, fb + 12, 1024);
	test_put32(&memory, fb + 16, 768);
	test_put8(&memory, fb + 20, 32);
	test_put8(&memory, fb + 21, 1);
	rsdp = put_tag(15, 36);
	put_tag(14, 20);
	put_tag(0xdead, 3);
	assert_int_equal(end_and_read(), 0);
	assert_string_equal(info.protocol, "multiboot2");
	assert_int_equal(info.cmdline, cmdline);
	assert_int_equal(info.cmdline_bytes, 5);
	assert_int_equal(info.initrd, 0x200000);
	assert_int_equal(info.initrd_bytes, 0x12345);
	assert_int_equal(info.rsdp, rsdp);
	assert_int_equal(info.framebuffer.address, 0xfd000000);
	assert_int_equal(info.framebuffer.bits_per_pixel, 32);
	assert_int_equal(info.range_count, 2);
	assert_int_equal(boot_info_check(&info), 0);
	test_promises(&info);
}

static void multiboot2_takes_the_old_rsdp_where_there_is_no_new_one(void **state)
{
	uint64_t rsdp;

	(void)state;
	rsdp = put_tag(14, 20);
	put_mmap(24);
	assert_int_equal(end_and_read(), 0);
	assert_int_equal(info.rsdp, rsdp);
}

static void multiboot2_keeps_the_copy_of_the_rsdp_out_of_use(void **state)
{
	uint64_t at;

	(void)state;
	put_tag(15, 36);
	at = put_tag(6, 8 + 24);
	test_put32(&memory, at, 24);
	test_put64(&memory, at + 8, 0);
	test_put64(&memory, at + 16, 0x100000);
	test_put32(&memory, at + 24, 1);
	assert_int_equal(end_and_read(), 0);
	assert_int_equal(boot_info_check(&info), 0);
	test_promises(&info);
	assert_int_equal(info.ranges[0].end, 0x6000);
	assert_int_equal(info.ranges[1].start, 0x7000);
}

static void multiboot2_steps_by_the_entry_size_told(void **state)
{
	(void)state;
	put_mmap(40);
	assert_int_equal(end_and_read(), 0);
	assert_int_equal(info.range_count, 2);
	assert_int_equal(info.ranges[1].start, 0xf0000);
}

static void multiboot2_reads_the_efi_map_where_there_is_no_other(void **state)
{
	const uint32_t types[] = { 1, 2, 3, 4, 7, 0, 5, 9, 10, 11, 7, 14 };

	(void)state;
	put_efi_mmap(types, 12);
	assert_int_equal(end_and_read(), 0);
	assert_int_equal(boot_info_check(&info), 0);
	assert_int_equal(info.range_count, 2);
	assert_int_equal(info.ranges[0].start, 0x100000);
	assert_int_equal(info.ranges[0].end, 0x150000);
	assert_int_equal(info.ranges[1].start, 0x1a0000);
	assert_int_equal(info.ranges[1].end, 0x1b0000);
}

static void multiboot2_prefers_the_mmap_tag(void **state)
{
	const uint32_t types[] = { 7 };

	(void)state;
	put_efi_mmap(types, 1);
	put_mmap(24);
	assert_int_equal(end_and_read(), 0);
	assert_int_equal(info.range_count, 2);
}

static void multiboot2_needs_a_memory_map(void **state)
{
	(void)state;
	put_module(1, 2);
	assert_int_equal(end_and_read(), -EPROTONOSUPPORT);
}

static void multiboot2_takes_no_text_screen(void **state)
{
	uint64_t fb;

	(void)state;
	put_mmap(24);
	fb = put_tag(8, 22);
	test_put8(&memory, fb + 21, 2);
	assert_int_equal(end_and_read(), 0);
	assert_int_equal(info.framebuffer.address, 0);
}

static void multiboot2_rejects_tags_too_small_for_their_type(void **state)
{
	const struct {
		uint32_t type, bytes;
	} tags[] = { { 1, 0 }, { 3, 7 }, { 6, 7 }, { 8, 21 }, { 17, 4 } };

	for (unsigned i = 0; i < countof(tags); i++) {
		begin(state);
		put_tag(tags[i].type, tags[i].bytes);
		assert_int_equal(end_and_read(), -EINVAL);
	}
}

static void multiboot2_rejects_a_tag_that_does_not_end_in_the_block(void **state)
{
	uint64_t at;

	put_mmap(24);
	put_total();
	assert_int_equal(read_multiboot2(), -EINVAL); /* no end tag */
	begin(state);
	at = put_tag(1, 100);
	test_put32(&memory, at - 4, 0xfffffff8);
	assert_int_equal(end_and_read(), -EINVAL);
	test_put32(&memory, at - 4, 7);
	assert_int_equal(end_and_read(), -EINVAL);
	test_put32(&memory, at - 4, 0);
	assert_int_equal(end_and_read(), -EINVAL);
}

static void multiboot2_rejects_a_cmdline_without_end(void **state)
{
	uint64_t at = put_tag(1, 8);

	(void)state;
	test_put(&memory, at, "12345678", 8);
	put_mmap(24);
	assert_int_equal(end_and_read(), -EINVAL);
}

static void multiboot2_rejects_a_small_entry_size(void **state)
{
	uint64_t at = put_tag(6, 8 + 24);

	(void)state;
	test_put32(&memory, at, 0);
	assert_int_equal(end_and_read(), -EINVAL);
	test_put32(&memory, at, 23);
	assert_int_equal(end_and_read(), -EINVAL);
}

static void multiboot2_rejects_a_module_that_ends_before_it_starts(void **state)
{
	(void)state;
	put_module(2, 1);
	put_mmap(24);
	assert_int_equal(end_and_read(), -EINVAL);
}

static void multiboot2_bounds_the_block(void **state)
{
	struct boot_memory at = test_boot_memory(&memory);

	(void)state;
	test_put32(&memory, INFO, 7);
	assert_int_equal(read_multiboot2(), -EINVAL);
	test_put32(&memory, INFO, 8);
	assert_int_equal(read_multiboot2(), -EINVAL);
	test_put32(&memory, INFO, UINT32_MAX);
	assert_int_equal(read_multiboot2(), -E2BIG);
	test_put32(&memory, INFO, TEST_MEMORY_BYTES + 8);
	assert_int_equal(read_multiboot2(), -EFAULT);
	assert_int_equal(boot_read_multiboot2(&info, INFO + 4, &at), -EINVAL);
	assert_int_equal(boot_read_multiboot2(&info, 0, &at), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(multiboot2_reads_what_grub_gives, begin),
		cmocka_unit_test_setup(multiboot2_takes_the_old_rsdp_where_there_is_no_new_one,
				       begin),
		cmocka_unit_test_setup(multiboot2_keeps_the_copy_of_the_rsdp_out_of_use, begin),
		cmocka_unit_test_setup(multiboot2_steps_by_the_entry_size_told, begin),
		cmocka_unit_test_setup(multiboot2_reads_the_efi_map_where_there_is_no_other, begin),
		cmocka_unit_test_setup(multiboot2_prefers_the_mmap_tag, begin),
		cmocka_unit_test_setup(multiboot2_needs_a_memory_map, begin),
		cmocka_unit_test_setup(multiboot2_takes_no_text_screen, begin),
		cmocka_unit_test_setup(multiboot2_rejects_tags_too_small_for_their_type, begin),
		cmocka_unit_test_setup(multiboot2_rejects_a_tag_that_does_not_end_in_the_block,
				       begin),
		cmocka_unit_test_setup(multiboot2_rejects_a_cmdline_without_end, begin),
		cmocka_unit_test_setup(multiboot2_rejects_a_small_entry_size, begin),
		cmocka_unit_test_setup(multiboot2_rejects_a_module_that_ends_before_it_starts,
				       begin),
		cmocka_unit_test_setup(multiboot2_bounds_the_block, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
