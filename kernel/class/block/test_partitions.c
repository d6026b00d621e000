/* SPDX-License-Identifier: BSD-3-Clause */
/* Partition tables, good and damaged, on a disk in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <base/bits.h>
#include <base/errno.h>
#include <lib/crc32.h>

#include "../../port/host/host.h"
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 4096, MAX = 200 };

static unsigned char memory[BLOCKS * 4096];
static struct block_dev disk = { .name = "vda" };
static struct partition parts[MAX];
static unsigned count;
static int read_error;

static int read_memory(void *context, uint64_t offset, void *out, size_t bytes)
{
	(void)context;
	assert_true(range_fits(offset, bytes, disk.bytes));
	memcpy(out, memory + offset, bytes);
	return read_error;
}

static int found(void *context, const struct partition *partition)
{
	(void)context;
	assert_true(count < MAX && partition->bytes);
	assert_true(range_fits(partition->start, partition->bytes, disk.bytes));
	parts[count++] = *partition;
	return 0;
}

static int find(void)
{
	count = 0;
	return partitions_find(&disk, read_memory, NULL, found);
}

static int set_up(void **state)
{
	(void)state;
	memset(memory, 0, sizeof(memory));
	disk.block_bytes = 512;
	disk.bytes = BLOCKS * 512;
	read_error = 0;
	return 0;
}

static void put32(unsigned char *at, uint32_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void put64(unsigned char *at, uint64_t value)
{
	memcpy(at, &value, sizeof(value));
}

static void entry(unsigned block, unsigned index, uint8_t type, uint32_t first, uint32_t blocks)
{
	unsigned char *table = memory + block * disk.block_bytes;

	table[510] = 0x55;
	table[511] = 0xaa;
	table[446 + 16 * index + 4] = type;
	put32(table + 446 + 16 * index + 8, first);
	put32(table + 446 + 16 * index + 12, blocks);
}

static void expect(unsigned index, unsigned number, uint64_t first, uint64_t blocks)
{
	assert_true(index < count);
	assert_int_equal(parts[index].number, number);
	assert_int_equal(parts[index].start, first * disk.block_bytes);
	assert_int_equal(parts[index].bytes, blocks * disk.block_bytes);
}

static void an_empty_disk_has_none(void **state)
{
	(void)state;
	assert_int_equal(find(), 0);
	assert_int_equal(count, 0);
	disk.bytes = 0;
	assert_int_equal(find(), 0);
}

static void primary_partitions_are_found(void **state)
{
	(void)state;
	entry(0, 0, 0x83, 100, 50);
	entry(0, 3, 0x0c, 200, 60);
	put32(memory + 0x1b8, 0x1234abcd);
	assert_int_equal(find(), 0);
	assert_int_equal(count, 2);
	expect(0, 1, 100, 50);
	expect(1, 4, 200, 60);
	assert_string_equal(parts[0].uuid, "1234abcd-01");
}

static void logical_partitions_are_found(void **state)
{
	(void)state;
	entry(0, 1, 0x05, 1000, 500);
	entry(1000, 0, 0x83, 10, 20);
	entry(1000, 1, 0x05, 100, 50);
	entry(1100, 0, 0x83, 5, 6);
	assert_int_equal(find(), 0);
	assert_int_equal(count, 3);
	expect(0, 2, 1000, 500);
	expect(1, 5, 1010, 20);
	expect(2, 6, 1105, 6);
}

static void a_chain_in_circles_ends(void **state)
{
	(void)state;
	entry(0, 0, 0x0f, 1000, 500);
	entry(1000, 0, 0x83, 10, 20);
	entry(1000, 1, 0x05, 100, 50);
	entry(1100, 0, 0x83, 10, 20);
	entry(1100, 1, 0x05, 100, 50); /* itself */
	assert_int_equal(find(), 0);
	assert_in_range(count, 3, BLOCK_PARTITIONS_MAX);
}

static void what_lies_behind_the_disk_is_cut_or_left_out(void **state)
{
	(void)state;
	entry(0, 0, 0x83, BLOCKS - 10, 50);
	entry(0, 1, 0x83, BLOCKS, 50);
	entry(0, 2, 0x83, 0xffffffff, 0xffffffff);
	entry(0, 3, 0x05, 0xfffffff0, 0xffffffff);
	assert_int_equal(find(), 0);
	assert_int_equal(count, 1);
	expect(0, 1, BLOCKS - 10, 10);
}

static void a_boot_sector_without_a_table_has_none(void **state)
{
	(void)state;
	entry(0, 0, 0x83, 100, 50);
	memory[446 + 16] = 0x12; /* code, where a flag would be 0 or 0x80 */
	assert_int_equal(find(), 0);
	assert_int_equal(count, 0);
}

/* GPT */

static void seal(uint64_t number, uint64_t table)
{
	unsigned char *header = memory + number * disk.block_bytes;

	memcpy(header, "EFI PART\0\0\1\0", 12);
	put32(header + 12, 92);
	put64(header + 24, number);
	put64(header + 40, 34);
	put64(header + 48, disk.bytes / disk.block_bytes - 34);
	put64(header + 72, table);
	put32(header + 80, 128);
	put32(header + 84, 128);
	put32(header + 88, crc32(0, memory + table * disk.block_bytes, 128 * 128));
	put32(header + 16, 0);
	put32(header + 16, crc32(0, header, 92));
}

static void gpt_entry(uint64_t table, unsigned index, uint64_t first, uint64_t last)
{
	unsigned char *e = memory + table * disk.block_bytes + 128 * index;

	memset(e, 0x11, 16);
	for (unsigned i = 0; i < 16; i++)
		e[16 + i] = (unsigned char)(i + 1);
	put64(e + 32, first);
	put64(e + 40, last);
}

static void make_gpt(void)
{
	uint64_t last = disk.bytes / disk.block_bytes - 1;
	uint64_t copy = last - 128 * 128 / disk.block_bytes;

	entry(0, 0, 0xee, 1, UINT32_MAX);
	gpt_entry(2, 0, 100, 199);
	gpt_entry(2, 4, 300, 300);
	memcpy(memory + copy * disk.block_bytes, memory + 2 * disk.block_bytes, 128 * 128);
	seal(1, 2);
	seal(last, copy);
}

static void gpt_partitions_are_found(void **state)
{
	(void)state;
	for (disk.block_bytes = 512; disk.block_bytes <= 4096; disk.block_bytes *= 8) {
		memset(memory, 0, sizeof(memory));
		disk.bytes = (uint64_t)BLOCKS * disk.block_bytes;
		make_gpt();
		assert_int_equal(find(), 0);
		assert_int_equal(count, 2);
		expect(0, 1, 100, 100);
		expect(1, 5, 300, 1);
		assert_string_equal(parts[0].uuid, "04030201-0605-0807-090a-0b0c0d0e0f10");
	}
}

static void the_copy_serves_where_the_table_is_damaged(void **state)
{
	(void)state;
	make_gpt();
	memory[2 * 512 + 40] ^= 1;
	assert_int_equal(find(), 0);
	assert_int_equal(count, 2);
	memory[512 + 20] ^= 1; /* the header too */
	assert_int_equal(find(), 0);
	assert_int_equal(count, 2);
	memory[(BLOCKS - 1) * 512] ^= 1;
	assert_int_equal(find(), 0);
	assert_int_equal(count, 0);
}

static void gpt_entries_outside_are_left_out(void **state)
{
	(void)state;
	make_gpt();
	gpt_entry(2, 1, 10, 20);              /* over the table */
	gpt_entry(2, 2, 500, 400);            /* backwards */
	gpt_entry(2, 3, 500, UINT64_MAX - 1); /* behind the end */
	seal(1, 2);
	assert_int_equal(find(), 0);
	assert_int_equal(count, 2);
}

static void a_header_that_asks_for_too_much_is_damaged(void **state)
{
	unsigned char *header = memory + 512;

	(void)state;
	make_gpt();
	memset(memory + (BLOCKS - 1) * 512, 0, 512);
	put32(header + 80, UINT32_MAX);
	put32(header + 16, 0);
	put32(header + 16, crc32(0, header, 92));
	assert_int_equal(find(), 0);
	assert_int_equal(count, 0);
}

static void errors_of_the_disk_are_told(void **state)
{
	(void)state;
	make_gpt();
	read_error = -EIO;
	assert_int_equal(find(), -EIO);
}

static void want_of_memory_is_told(void **state)
{
	(void)state;
	make_gpt();
	for (unsigned n = 0; n < 2; n++) {
		host_fail_allocation_after(n);
		assert_int_equal(find(), -ENOMEM);
	}
	host_fail_allocation_after(HOST_NEVER);
}

static void crc32_is_that_of_the_standard(void **state)
{
	(void)state;
	assert_int_equal(crc32(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(crc32(crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_empty_disk_has_none, set_up),
		cmocka_unit_test_setup(primary_partitions_are_found, set_up),
		cmocka_unit_test_setup(logical_partitions_are_found, set_up),
		cmocka_unit_test_setup(a_chain_in_circles_ends, set_up),
		cmocka_unit_test_setup(what_lies_behind_the_disk_is_cut_or_left_out, set_up),
		cmocka_unit_test_setup(a_boot_sector_without_a_table_has_none, set_up),
		cmocka_unit_test_setup(gpt_partitions_are_found, set_up),
		cmocka_unit_test_setup(the_copy_serves_where_the_table_is_damaged, set_up),
		cmocka_unit_test_setup(gpt_entries_outside_are_left_out, set_up),
		cmocka_unit_test_setup(a_header_that_asks_for_too_much_is_damaged, set_up),
		cmocka_unit_test_setup(errors_of_the_disk_are_told, set_up),
		cmocka_unit_test_setup(want_of_memory_is_told, set_up),
		cmocka_unit_test_setup(crc32_is_that_of_the_standard, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
