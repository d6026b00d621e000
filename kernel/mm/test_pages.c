/* SPDX-License-Identifier: BSD-3-Clause */
/* The page allocator on machines of many shapes. */
#include "pages_private.h"

#include "../port/host/host.h"

#include <mm/pages.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

enum { KEPT_FRAMES = 24 + 16 }; /* for tables while there is RAM to bring in, and struct pages */

static int fresh_machine(void **state)
{
	(void)state;
	host_machine_reset();
	host_fail_allocation_after(HOST_NEVER);
	pages_forget();
	return 0;
}

static void page_alloc_without_ram_fails(void **state)
{
	(void)state;
	assert_null(page_alloc(0, PAGE_PLAIN));
	pages_add(phys(0), PAGE_SIZE);             /* frame 0 is not used */
	pages_add(phys(PAGE_SIZE + 1), PAGE_SIZE); /* no whole frame */
	assert_null(page_alloc(0, PAGE_PLAIN));
	assert_int_equal(pages_stats().total_bytes, 0);
}

static void page_alloc_returns_aligned_blocks(void **state)
{
	(void)state;
	pages_add(phys(MIB + 5 * PAGE_SIZE), 300 * MIB);
	for (unsigned order = 0; order <= 14; order++) {
		struct page *page = page_alloc(order, PAGE_PLAIN);

		assert_non_null(page);
		assert_int_equal(page->order, order);
		assert_int_equal(page->refs, 1);
		assert_true(is_aligned(page_phys(page).raw, PAGE_SIZE << order));
		memset(page_virt(page), 1, PAGE_SIZE << order);
		assert_ptr_equal(page_of(virt_to_phys(page_virt(page))), page);
		pages_check();
	}
}

static void page_alloc_zeroes_when_asked(void **state)
{
	struct page *page;

	(void)state;
	pages_add(phys(16 * MIB), 2 * MIB);
	page = page_alloc(3, PAGE_PLAIN);
	memset(page_virt(page), 0xff, PAGE_SIZE * 8);
	page_put(page);
	page = page_alloc(3, PAGE_ZEROED);
	for (size_t i = 0; i < PAGE_SIZE * 8; i++)
		assert_int_equal(((char *)page_virt(page))[i], 0);
}

static void page_put_frees_with_the_last_reference(void **state)
{
	struct page *page;
	uint64_t free_bytes;

	(void)state;
	pages_add(phys(16 * MIB), 4 * MIB);
	page = page_alloc(2, PAGE_PLAIN);
	free_bytes = pages_stats().free_bytes;
	page_get(page);
	page_put(page);
	assert_int_equal(pages_stats().free_bytes, free_bytes);
	page_put(page);
	assert_int_equal(pages_stats().free_bytes, free_bytes + 4 * PAGE_SIZE);
}

/* Allocates until nothing is left; all distinct, in RAM; then frees all. Returns how many frames there were. */
static size_t exhaust(size_t limit)
{
	struct page **pages = calloc(limit, sizeof(*pages));
	size_t count = 0;

	while (count < limit && (pages[count] = page_alloc(0, PAGE_PLAIN))) {
		uint64_t *word = page_virt(pages[count]);

		*word = count;
		word[PAGE_SIZE / 8 - 1] = count;
		count++;
	}
	pages_check();
	for (size_t i = 0; i < count; i++) {
		const uint64_t *word = page_virt(pages[i]);

		assert_int_equal(*word, i);
		assert_int_equal(word[PAGE_SIZE / 8 - 1], i);
		page_put(pages[i]);
	}
	pages_check();
	free(pages);
	return count;
}

static void pages_give_nearly_all_of_a_small_machine(void **state)
{
	size_t count;

	(void)state;
	pages_add(phys(PAGE_SIZE), 640 * 1024 - PAGE_SIZE);
	pages_add(phys(MIB + 300 * 1024), 3 * MIB - 300 * 1024);
	count = exhaust(1024);
	/* 159 + 693 frames; struct pages and tables take no more than 12. */
	assert_true(count >= 159 + 693 - 12);
	assert_int_equal(exhaust(1024), count);
	assert_int_equal(pages_stats().total_bytes, (159 + 693) * PAGE_SIZE);
	assert_int_equal(pages_stats().free_bytes, count * PAGE_SIZE);
}

static void pages_beside_the_image_come_first(void **state)
{
	(void)state;
	pages_add(phys(64 * PAGE_SIZE), 64 * PAGE_SIZE);
	pages_add(phys(64 * MIB), 3 * PAGE_SIZE);
	pages_add(phys(2 * MIB - 60 * PAGE_SIZE), 60 * MIB);
	for (unsigned i = 0; i < 30; i++)
		assert_true(page_phys(page_alloc(0, PAGE_PLAIN)).raw - MIB < MIB);
	pages_check();
}

static void pages_below_1_mib_come_last(void **state)
{
	(void)state;
	pages_add(phys(PAGE_SIZE), 600 * 1024);
	pages_add(phys(2 * MIB), 2 * MIB);
	for (unsigned i = 0; i < 2 * MIB / PAGE_SIZE - KEPT_FRAMES; i++)
		assert_true(page_phys(page_alloc(0, PAGE_PLAIN)).raw >= MIB);
}

static void pages_join_again_to_the_largest_blocks(void **state)
{
	struct page *page;
	size_t count;

	(void)state;
	pages_add(phys(16 * MIB), 64 * MIB);
	count = exhaust(64 * MIB / PAGE_SIZE);
	/* Each piece of 16 MiB begins with its struct pages: 8 MiB is the largest whole block. */
	page = page_alloc(11, PAGE_PLAIN);
	assert_non_null(page);
	page_put(page);
	assert_int_equal(exhaust(64 * MIB / PAGE_SIZE), count);
}

static void page_alloc_gives_a_block_of_1_gib(void **state)
{
	struct page *page;

	(void)state;
	pages_add(phys(MIB), 2 * MIB);
	pages_add(phys(4 * GIB + MIB), 4 * GIB);
	assert_non_null(page_alloc(0, PAGE_PLAIN));
	page = page_alloc(PAGE_ORDER_MAX, PAGE_PLAIN);
	assert_non_null(page);
	assert_true(is_aligned(page_phys(page).raw, GIB));
	pages_check();
	page_put(page);
	pages_check();
}

static void page_alloc_of_too_much_fails_and_harms_nothing(void **state)
{
	(void)state;
	pages_add(phys(2 * MIB), 30 * MIB);
	assert_null(page_alloc(PAGE_ORDER_MAX, PAGE_PLAIN));
	assert_null(page_alloc(13, PAGE_PLAIN));
	assert_non_null(page_alloc(11, PAGE_PLAIN));
	pages_check();
}

static void pages_of_64_gib_cost_what_those_of_128_mib_cost(void **state)
{
	(void)state;
	pages_add(phys(MIB), 127 * MIB);
	assert_non_null(page_alloc(0, PAGE_PLAIN));
	uint64_t direct = host_direct_bytes();
	size_t kernel = host_kernel_pages();

	fresh_machine(NULL);
	pages_add(phys(MIB), 3 * GIB);
	pages_add(phys(4 * GIB), 61 * GIB);
	assert_int_equal(host_direct_bytes(), 0);
	assert_non_null(page_alloc(0, PAGE_PLAIN));
	assert_int_equal(host_direct_bytes(), direct);
	assert_int_equal(host_kernel_pages(), kernel);
	assert_true(direct <= 16 * MIB && kernel <= 16);
	assert_int_equal(pages_stats().total_bytes, 64 * GIB);
}

static void pages_serve_ranges_that_share_a_mebibyte(void **state)
{
	size_t frames = 0;

	(void)state;
	pages_add(phys(256 * MIB), 2 * MIB);
	for (unsigned i = 0; i < 200; i++) {
		/* From one to seven frames, with holes between, across MiB borders. */
		uint64_t bytes = (1 + i % 7) * PAGE_SIZE;

		pages_add(phys(16 * MIB + i * 11 * PAGE_SIZE), bytes);
		frames += bytes / PAGE_SIZE;
	}
	assert_int_equal(pages_stats().total_bytes, (512 + frames) * PAGE_SIZE);
	assert_true(exhaust(4096) >= 512 + frames - 9 - 9 - KEPT_FRAMES);
}

static void pages_survive_any_garbage_in_the_page_array(void **state)
{
	uint8_t free_state;

	(void)state;
	/* The second is split off a larger block, so its buddy is free. */
	pages_add(phys(16 * MIB), 2 * MIB);
	page_alloc(7, PAGE_PLAIN);
	free_state = page_alloc(7, PAGE_PLAIN)[1 << 7].state;
	for (unsigned order = 0; order < PAGE_ORDER_MAX; order += 3) {
		/* Like a free block of this order, should the state's value be guessed. */
		struct page like_free = { .order = (uint8_t)order, .state = free_state };
		uint8_t garbage[16];

		memcpy(garbage, &like_free, sizeof(garbage));
		fresh_machine(NULL);
		host_machine_set_garbage(garbage);
		pages_add(phys(MIB + 17 * PAGE_SIZE), 40 * MIB + 3 * PAGE_SIZE);
		assert_true(exhaust(16384) > 10000);
	}
}

static void page_alloc_fails_cleanly_when_tables_are_refused(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 40; n++) {
		fresh_machine(NULL);
		pages_add(phys(MIB), 40 * MIB);
		host_fail_allocation_after(n);
		for (unsigned i = 0; i < 3; i++)
			page_alloc(13, PAGE_PLAIN);
		pages_check();
		host_fail_allocation_after(HOST_NEVER);
		exhaust(16384);
	}
}

static void pages_map_kernel_never_runs_out_of_tables_while_there_is_ram(void **state)
{
	struct page *page;

	(void)state;
	pages_add(phys(MIB), 64 * MIB);
	page = page_alloc(0, PAGE_PLAIN);
	for (size_t i = 0; i < 2000; i++) {
		uintptr_t va = kernel_area_base + i * 2 * MIB; /* each wants a table */

		assert_int_equal(
			pages_map_kernel(va, page_phys(page), PAGE_SIZE, MMU_READ | MMU_WRITE), 0);
	}
	pages_check();
	pages_unmap_kernel(kernel_area_base, PAGE_SIZE);
}

/* Reporting */

static unsigned wanted_calls;

static void count_wanted(const struct pages_report *report)
{
	assert_int_equal(report->order, 9);
	wanted_calls++;
}

static const struct pages_report report = { .order = 9, .wanted = count_wanted };

/* Reports all there is. Returns how many frames. */
static uint64_t report_all(void)
{
	uint64_t frames = 0;
	struct page *page;

	while ((page = page_report_take()) != NULL) {
		assert_true(page->order >= 9);
		frames += (uint64_t)1 << page->order;
		assert_true(frames <= GIB / PAGE_SIZE);
		page_report_done(page);
		pages_check();
	}
	return frames;
}

static void free_blocks_are_reported_once(void **state)
{
	struct page *page, *big;
	uint64_t frames;

	(void)state;
	pages_add(phys(16 * MIB), 64 * MIB);
	assert_null(page_report_take());   /* nobody reports */
	page = page_alloc(13, PAGE_PLAIN); /* brings in most */
	page_put(page);
	wanted_calls = 0;
	pages_set_report(&report);
	frames = report_all();
	assert_true(frames >= (32 * MIB) / PAGE_SIZE);
	assert_int_equal(report_all(), 0);
	assert_int_equal(wanted_calls, 0);
	/* They are joined again, and can be had. */
	big = page_alloc(12, PAGE_ZEROED);
	assert_non_null(big);
	assert_int_equal(report_all(), 0);
	/* What was in use in between is told again, when it is enough. */
	page_put(big);
	assert_int_equal(wanted_calls, 1);
	assert_true(report_all() >= 1 << 12);
	page = page_alloc(0, PAGE_PLAIN);
	page_put(page);
	assert_int_equal(wanted_calls, 1);
	pages_set_report(NULL);
	page_put(page_alloc(12, PAGE_PLAIN));
	assert_int_equal(wanted_calls, 1);
	pages_check();
}

static void reporting_leaves_enough_to_allocate(void **state)
{
	struct page *page;

	(void)state;
	pages_add(phys(2 * MIB), 4 * MIB);
	pages_set_report(&report);
	page_put(page_alloc(0, PAGE_PLAIN));
	page = page_report_take();
	assert_true(!page || pages_stats().free_bytes >= PAGE_SIZE << page->order);
	if (page)
		page_put(page); /* it was not reported after all */
	pages_check();
	pages_set_report(NULL);
}

/* Reclaiming */

struct hoard {
	struct pages_reclaimer reclaimer;
	struct page *pages[8];
	unsigned count;
};

static bool give_back(struct pages_reclaimer *reclaimer)
{
	struct hoard *hoard = container_of(reclaimer, struct hoard, reclaimer);

	if (!hoard->count)
		return false;
	page_put(hoard->pages[--hoard->count]);
	return true;
}

static void memory_is_taken_back_when_there_is_none(void **state)
{
	struct hoard hoard = { .reclaimer.reclaim = give_back };

	(void)state;
	pages_add(phys(2 * MIB), MIB);
	pages_add_reclaimer(&hoard.reclaimer);
	while (hoard.count < countof(hoard.pages))
		hoard.pages[hoard.count++] = page_alloc(0, PAGE_IF_FREE);
	while (page_alloc(0, PAGE_IF_FREE))
		;
	assert_int_equal(hoard.count, 8);
	for (unsigned left = 8; left; left--) {
		assert_int_equal(hoard.count, left);
		assert_non_null(page_alloc(0, PAGE_PLAIN));
	}
	assert_null(page_alloc(0, PAGE_PLAIN));
	pages_remove_reclaimer(&hoard.reclaimer);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, fresh_machine)
	const struct CMUnitTest tests[] = {
		T(page_alloc_without_ram_fails),
		T(page_alloc_returns_aligned_blocks),
		T(page_alloc_zeroes_when_asked),
		T(page_put_frees_with_the_last_reference),
		T(pages_give_nearly_all_of_a_small_machine),
		T(pages_beside_the_image_come_first),
		T(pages_below_1_mib_come_last),
		T(pages_join_again_to_the_largest_blocks),
		T(page_alloc_gives_a_block_of_1_gib),
		T(page_alloc_of_too_much_fails_and_harms_nothing),
		T(pages_of_64_gib_cost_what_those_of_128_mib_cost),
		T(pages_serve_ranges_that_share_a_mebibyte),
		T(pages_survive_any_garbage_in_the_page_array),
		T(page_alloc_fails_cleanly_when_tables_are_refused),
		T(pages_map_kernel_never_runs_out_of_tables_while_there_is_ram),
		T(free_blocks_are_reported_once),
		T(reporting_leaves_enough_to_allocate),
		T(memory_is_taken_back_when_there_is_none),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
