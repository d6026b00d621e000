/* SPDX-License-Identifier: BSD-3-Clause */
/* The block cache over a disk in memory that does each request at once: what is read, when it is written, what is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <base/bits.h>
#include <base/errno.h>
#include <mm/pages.h>

#include "../port/host/host.h"
#include "block_cache.h"

#include <stdlib.h>
#include <string.h>

enum { PAGES = 256, DISK_BYTES = PAGES * 4096 - 512, SEGMENTS = 64 };

static struct {
	struct block_dev *dev;
	unsigned char memory[PAGES * 4096];
	unsigned reads, writes, flushes;
	uint64_t bytes_read, bytes_written, last_write;
	uint64_t bad_from, bad_end; /* what cannot be read or written */
} disk;

static bool is_bad(const struct block_request *request)
{
	return request->offset < disk.bad_end && request->offset + request->bytes > disk.bad_from;
}

static void count(const struct block_request *request)
{
	if (request->op == BLOCK_READ) {
		disk.reads++;
		disk.bytes_read += request->bytes;
	} else if (request->op == BLOCK_WRITE) {
		disk.writes++;
		disk.bytes_written += request->bytes;
		disk.last_write = request->offset;
	} else {
		disk.flushes++;
	}
}

static void submit(struct block_dev *dev, struct block_request *request)
{
	unsigned char *at = disk.memory + request->device_offset;
	int status = is_bad(request) ? -EIO : 0;

	(void)dev;
	count(request);
	for (unsigned i = 0; i < request->segment_count && !status; i++) {
		const struct block_segment *s = &request->segments[i];

		if (request->op == BLOCK_READ)
			memcpy(s->data, at, s->bytes);
		else
			memcpy(at, s->data, s->bytes);
		at += s->bytes;
	}
	request->complete(request, status);
}

static const struct block_ops ops = { .submit = submit };

static struct block_cache *start(void)
{
	struct block_cache *cache;

	while (host_reclaim())
		; /* what the test before left */
	memset(&disk, 0, sizeof(disk));
	for (unsigned i = 0; i < sizeof(disk.memory); i++)
		disk.memory[i] = (unsigned char)(i >> 12 ^ i);
	disk.dev = calloc(1, sizeof(*disk.dev));
	*disk.dev = (struct block_dev){ .ops = &ops,
					.prefix = "vd",
					.bytes = DISK_BYTES,
					.block_bytes = 512,
					.segments_max = SEGMENTS,
					.segment_bytes_max = UINT32_MAX,
					.request_bytes_max = 1 << 20,
					.flags = BLOCK_CAN_FLUSH };
	assert_int_equal(block_register(disk.dev), 0);
	assert_int_equal(block_cache_of(disk.dev, &cache), 0);
	return cache;
}

static void expect_page(struct block_cache *cache, uint64_t index)
{
	struct page *page;
	size_t bytes = index == PAGES - 1 ? 4096 - 512 : 4096;

	assert_int_equal(block_cache_get(cache, index, BLOCK_CACHE_DETECT, &page), 0);
	assert_memory_equal(page_virt(page), disk.memory + index * 4096, bytes);
	page_put(page);
}

static void a_page_is_read_once(void **state)
{
	struct block_cache *cache = start(), *again;

	(void)state;
	expect_page(cache, 100);
	expect_page(cache, 100);
	assert_int_equal(disk.reads, 1);
	assert_int_equal(disk.bytes_read, 4096);
	assert_int_equal(block_cache_of(disk.dev, &again), 0);
	assert_ptr_equal(again, cache);
}

static void pages_in_order_are_read_ahead(void **state)
{
	struct block_cache *cache = start();

	(void)state;
	for (unsigned i = 0; i < PAGES; i++)
		expect_page(cache, i);
	assert_in_range(disk.reads, 5, 24);
	assert_int_equal(disk.bytes_read, DISK_BYTES);
}

static void pages_at_random_are_not(void **state)
{
	struct block_cache *cache = start();

	(void)state;
	for (unsigned i = 1; i < PAGES; i++)
		expect_page(cache, i * 101 % PAGES);
	assert_int_equal(disk.reads, PAGES - 1);
}

static void around_reads_the_neighbourhood(void **state)
{
	struct block_cache *cache = start();
	struct page *page;

	(void)state;
	assert_int_equal(block_cache_get(cache, 37, BLOCK_CACHE_AROUND, &page), 0);
	page_put(page);
	assert_int_equal(disk.reads, 1);
	assert_int_equal(disk.bytes_read, 16 * 4096);
	expect_page(cache, 32);
	expect_page(cache, 47);
	assert_int_equal(disk.reads, 1);
}

static void behind_the_end_there_are_zeros_and_then_nothing(void **state)
{
	struct block_cache *cache = start();
	struct page *page;

	(void)state;
	assert_int_equal(block_cache_get(cache, PAGES - 1, BLOCK_CACHE_DETECT, &page), 0);
	for (unsigned i = 4096 - 512; i < 4096; i++)
		assert_int_equal(((unsigned char *)page_virt(page))[i], 0);
	page_put(page);
	assert_int_equal(block_cache_get(cache, PAGES, BLOCK_CACHE_DETECT, &page), -ENXIO);
	assert_int_equal(block_cache_get(cache, UINT64_MAX, BLOCK_CACHE_AROUND, &page), -ENXIO);
}

static void an_error_is_told_and_tried_again(void **state)
{
	struct block_cache *cache = start();
	struct page *page;

	(void)state;
	disk.bad_from = 40 * 4096;
	disk.bad_end = disk.bad_from + 512;
	assert_int_equal(block_cache_get(cache, 40, BLOCK_CACHE_DETECT, &page), -EIO);
	assert_int_equal(block_cache_get(cache, 40, BLOCK_CACHE_DETECT, &page), -EIO);
	disk.bad_end = 0;
	expect_page(cache, 40);
}

static void pages_that_nobody_holds_are_given_back(void **state)
{
	struct block_cache *cache = start();
	struct page *held;
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < 20; i++)
		expect_page(cache, i * 7);
	assert_int_equal(block_cache_get(cache, 200, BLOCK_CACHE_DETECT, &held), 0);
	assert_int_equal(block_cache_bytes(), 21 * 4096);
	while (host_reclaim())
		count++;
	assert_int_equal(count, 20);
	disk.reads = 0;
	expect_page(cache, 200);
	assert_int_equal(disk.reads, 0);
	expect_page(cache, 7);
	assert_int_equal(disk.reads, 1);
	page_put(held);
}

/* Writing */

static ssize_t fill(void *context, void *to, size_t bytes)
{
	memset(to, *(int *)context, bytes);
	return (ssize_t)bytes;
}

static ssize_t write_bytes(struct block_cache *cache, uint64_t offset, size_t bytes, int value)
{
	return block_cache_write(cache, offset, bytes, fill, &value);
}

static void what_is_written_is_there_and_goes_out_at_a_sync(void **state)
{
	struct block_cache *cache = start();
	struct page *page;

	(void)state;
	assert_int_equal(write_bytes(cache, 4096 * 3 + 100, 5000, 'x'), 5000);
	assert_int_equal(disk.writes, 0);
	assert_int_equal(block_cache_get(cache, 4, BLOCK_CACHE_DETECT, &page), 0);
	assert_int_equal(((char *)page_virt(page))[0], 'x');
	assert_int_equal(((unsigned char *)page_virt(page))[1004], disk.memory[4096 * 4 + 1004]);
	page_put(page);
	assert_false(disk.memory[4096 * 3 + 100] == 'x');
	assert_int_equal(block_cache_sync(cache), 0);
	assert_int_equal(disk.writes, 1);
	assert_int_equal(disk.flushes, 1);
	assert_int_equal(disk.memory[4096 * 3 + 100], 'x');
	assert_int_equal(disk.memory[4096 * 3 + 99], (unsigned char)(3 ^ 99));
	assert_int_equal(block_cache_sync(cache), 0);
	assert_int_equal(disk.writes, 1);
}

static void whole_pages_are_not_read_before(void **state)
{
	struct block_cache *cache = start();

	(void)state;
	assert_int_equal(write_bytes(cache, 4096 * 8, 4096 * 4, 'y'), 4096 * 4);
	assert_int_equal(disk.reads, 0);
	assert_int_equal(block_cache_sync(cache), 0);
	assert_int_equal(disk.writes, 1);
	assert_int_equal(disk.memory[4096 * 12 - 1], 'y');
}

static void the_last_page_is_written_to_the_disks_end(void **state)
{
	struct block_cache *cache = start();

	(void)state;
	assert_int_equal(write_bytes(cache, DISK_BYTES - 10, 10, 'z'), 10);
	assert_int_equal(block_cache_sync(cache), 0);
	assert_int_equal(disk.bytes_written, 4096 - 512);
	assert_int_equal(disk.memory[DISK_BYTES - 1], 'z');
}

static void much_that_is_dirty_is_written_by_who_writes(void **state)
{
	struct block_cache *cache = start();

	(void)state;
	cache->dirty_count += 200; /* as if other pages were dirty */
	assert_int_equal(write_bytes(cache, 0, 4096 * 100, 'w'), 4096 * 100);
	cache->dirty_count -= 200;
	assert_true(disk.writes > 0);
	assert_int_equal(block_cache_sync(cache), 0);
}

static void dirty_pages_are_not_given_back(void **state)
{
	struct block_cache *cache = start();

	(void)state;
	assert_int_equal(write_bytes(cache, 4096 * 5, 4096, 'd'), 4096);
	while (host_reclaim())
		;
	assert_int_equal(block_cache_bytes(), 4096);
	assert_int_equal(block_cache_sync(cache), 0);
	assert_true(host_reclaim());
	assert_int_equal(disk.memory[4096 * 5], 'd');
}

static void an_error_of_writing_is_told_once(void **state)
{
	struct block_cache *cache = start();

	(void)state;
	disk.bad_end = UINT64_MAX;
	assert_int_equal(write_bytes(cache, 0, 4096, 'e'), 4096);
	assert_int_equal(block_cache_sync(cache), -EIO);
	disk.bad_end = 0;
	assert_int_equal(block_cache_sync(cache), 0);
}

static void what_is_dropped_is_read_anew(void **state)
{
	struct block_cache *cache = start();

	(void)state;
	expect_page(cache, 10);
	expect_page(cache, 20);
	assert_int_equal(write_bytes(cache, 4096 * 10, 100, 'k'), 100);
	assert_int_equal(block_cache_drop(cache, 5, 15), 0);
	assert_int_equal(disk.memory[4096 * 10], 'k'); /* written before */
	disk.memory[4096 * 10] = 'n';
	disk.reads = 0;
	expect_page(cache, 20);
	assert_int_equal(disk.reads, 0);
	expect_page(cache, 10);
	assert_int_equal(disk.reads, 1);
}

static ssize_t fill_half(void *context, void *to, size_t bytes)
{
	memset(to, 'h', bytes / 2);
	(void)context;
	return (ssize_t)bytes / 2;
}

/* The program's memory ends: the page keeps the rest of what the disk has. */
static void a_write_that_ends_early_leaves_the_rest(void **state)
{
	struct block_cache *cache = start();

	(void)state;
	assert_int_equal(block_cache_write(cache, 4096 * 6, 8192, fill_half, NULL), 2048);
	assert_int_equal(block_cache_sync(cache), 0);
	assert_int_equal(disk.memory[4096 * 6 + 2047], 'h');
	assert_int_equal(disk.memory[4096 * 6 + 2048], (unsigned char)(6 ^ 2048));
}

static void without_memory_nothing_is_lost(void **state)
{
	struct block_cache *cache = start();
	unsigned n = 0;
	struct page *page;
	int error;

	(void)state;
	do {
		while (host_reclaim())
			;
		host_fail_allocation_after(n++);
		error = block_cache_get(cache, 50, BLOCK_CACHE_AROUND, &page);
		assert_true(!error || error == -ENOMEM);
		if (!error)
			page_put(page);
	} while (host_allocation_failed() && n < 100);
	host_fail_allocation_after(HOST_NEVER);
	assert_in_range(n, 10, 99);
	expect_page(cache, 50);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_read_once),
		cmocka_unit_test(pages_in_order_are_read_ahead),
		cmocka_unit_test(pages_at_random_are_not),
		cmocka_unit_test(around_reads_the_neighbourhood),
		cmocka_unit_test(behind_the_end_there_are_zeros_and_then_nothing),
		cmocka_unit_test(an_error_is_told_and_tried_again),
		cmocka_unit_test(pages_that_nobody_holds_are_given_back),
		cmocka_unit_test(what_is_written_is_there_and_goes_out_at_a_sync),
		cmocka_unit_test(whole_pages_are_not_read_before),
		cmocka_unit_test(the_last_page_is_written_to_the_disks_end),
		cmocka_unit_test(much_that_is_dirty_is_written_by_who_writes),
		cmocka_unit_test(dirty_pages_are_not_given_back),
		cmocka_unit_test(an_error_of_writing_is_told_once),
		cmocka_unit_test(what_is_dropped_is_read_anew),
		cmocka_unit_test(a_write_that_ends_early_leaves_the_rest),
		cmocka_unit_test(without_memory_nothing_is_lost),
	};

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	while (host_reclaim())
		;
	return failed;
}
