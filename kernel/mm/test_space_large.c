/* SPDX-License-Identifier: BSD-3-Clause */
/* Address spaces: large pages, and what makes small ones of them. */
#include "sim_space.h"

#include "../port/host/host.h"
#include "pages_private.h"

#include <base/bits.h>
#include <base/errno.h>
#include <mm/pages.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define is(a, b) assert_int_equal(a, b)
#define LARGE MMU_LARGE_BYTES
enum { HUGEPAGE = 14, NOHUGEPAGE = 15, DONTNEED = 4, PAGES = MMU_LARGE_BYTES / PAGE_SIZE };

/* All RAM is in use first: bringing it in takes frames for good. */
static int fresh_and_whole(void **state)
{
	struct page *blocks[16];
	unsigned count = 0;
	int error = fresh(state);

	space_put(space);
	while (count < 16 && (blocks[count] = page_alloc(9, PAGE_PLAIN)))
		count++;
	while (count)
		page_put(blocks[--count]);
	free_at_start = pages_stats().free_bytes;
	space = space_create();
	return error;
}

static bool is_large(uintptr_t va)
{
	phys_t frame;

	return mmu_lookup(&space->mmu, va, &frame) & MMU_LARGE;
}

/* One large page, at AT, in an area of three; its first and last words are written. */
static void make_large(void)
{
	map_at(AT - LARGE, 3 * LARGE, RW, AREA_FIXED);
	is(space_advise(space, AT - LARGE, 3 * LARGE, HUGEPAGE), 0);
	is(poke(AT + LARGE - P, 2), 0);
	is(poke(AT, 1), 0);
	assert_true(is_large(AT) && is_large(AT + 7 * P));
	is(space->resident_pages, PAGES);
}

static void check_content(void)
{
	is(peek(AT), 1);
	is(peek(AT + LARGE - P), 2);
	is(peek(AT + 100 * P), 0);
}

static void large_pages_come_where_they_are_asked_for(void **state)
{
	(void)state;
	make_large();
	check_content();
	assert_false(is_large(AT - P) || is_large(AT + LARGE));
	is(space_unmap(space, AT, LARGE), 0);
	is(space->resident_pages, 0);
}

static void large_pages_need_room_and_emptiness(void **state)
{
	(void)state;
	map_at(AT, LARGE, RW, AREA_FIXED);
	is(poke(AT + P, 1), 0); /* small: nobody asked */
	is(space_advise(space, AT, LARGE, HUGEPAGE), 0);
	is(poke(AT, 1), 0);
	assert_false(is_large(AT));
	map_at(AT + 2 * LARGE + P, 2 * LARGE - 2 * P, RW, AREA_FIXED);
	is(space_advise(space, AT + 2 * LARGE + P, 2 * LARGE - 2 * P, HUGEPAGE), 0);
	is(poke(AT + 2 * LARGE + P, 1), 0);
	is(poke(AT + 3 * LARGE, 1), 0);
	assert_false(is_large(AT + 2 * LARGE + P) || is_large(AT + 3 * LARGE));
	is(space->resident_pages, 4);
}

static void large_pages_stop_when_refused(void **state)
{
	(void)state;
	map_at(AT, 2 * LARGE, RW, AREA_FIXED);
	is(space_advise(space, AT, 2 * LARGE, HUGEPAGE), 0);
	is(space_advise(space, AT, 2 * LARGE, NOHUGEPAGE), 0);
	is(poke(AT, 1), 0);
	assert_false(is_large(AT));
}

static void large_pages_leave_memory_for_others(void **state)
{
	unsigned large = 0;

	(void)state;
	map_at(AT, 16 * LARGE, RW, AREA_FIXED);
	is(space_advise(space, AT, 16 * LARGE, HUGEPAGE), 0);
	for (unsigned i = 0; i < 16; i++) {
		is(poke(AT + i * LARGE, i), 0);
		large += is_large(AT + i * LARGE);
	}
	assert_true(large > 2 && large < 12);
	assert_true(pages_stats().free_bytes > pages_stats().total_bytes / 4);
}

static void part_of_a_large_page_can_go(void **state)
{
	(void)state;
	make_large();
	is(space_unmap(space, AT + 10 * P, 5 * P), 0);
	is(space->resident_pages, PAGES - 5);
	assert_false(is_large(AT));
	check_content();
	is(try_peek(AT + 12 * P), -EFAULT);
	is(space_advise(space, AT, P, DONTNEED), 0);
	is(peek(AT), 0);
	is(poke(AT + P, 3), 0);
	is(peek(AT + P), 3);
}

static void part_of_a_large_page_can_be_protected(void **state)
{
	(void)state;
	make_large();
	is(space_protect(space, AT + 10 * P, P, R), 0);
	is(poke(AT + 10 * P, 1), -EACCES);
	is(poke(AT + 11 * P, 1), 0);
	check_content();
	is(space_protect(space, AT + 10 * P, P, RW), 0);
	is(poke(AT + 10 * P, 5), 0);
}

static void a_large_page_changes_its_rights_whole(void **state)
{
	(void)state;
	make_large();
	is(space_protect(space, AT - LARGE, 3 * LARGE, R), 0);
	assert_true(is_large(AT));
	is(poke(AT, 9), -EACCES);
	check_content();
	is(space_protect(space, AT - LARGE, 3 * LARGE, 0), 0);
	is(try_peek(AT), -EACCES);
	is(space_protect(space, AT - LARGE, 3 * LARGE, RW), 0);
	check_content();
	is(poke(AT + P, 7), 0);
	is(peek(AT + P), 7);
	check_content();
}

static void large_pages_move(void **state)
{
	uintptr_t to;

	(void)state;
	make_large();
	is(space_remap(space, AT, LARGE, LARGE, SPACE_REMAP_MAYMOVE | SPACE_REMAP_FIXED,
		       AT + 8 * LARGE + P, &to),
	   0);
	is(peek(to), 1);
	is(peek(to + LARGE - P), 2);
	is(try_peek(AT), -EFAULT);
	is(space->resident_pages, PAGES);
}

static void an_area_may_end_within_a_large_page(void **state)
{
	(void)state;
	make_large();
	is(space_advise(space, AT + 10 * P, P, 10), 0); /* MADV_DONTFORK splits the area alone */
	is(areas(), 3);
	assert_true(is_large(AT));
	is(space_unmap(space, AT + 10 * P, P), 0);
	check_content();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh_and_whole, finish)
	const struct CMUnitTest tests[] = {
		T(large_pages_come_where_they_are_asked_for),
		T(large_pages_need_room_and_emptiness),
		T(large_pages_stop_when_refused),
		T(large_pages_leave_memory_for_others),
		T(part_of_a_large_page_can_go),
		T(part_of_a_large_page_can_be_protected),
		T(a_large_page_changes_its_rights_whole),
		T(large_pages_move),
		T(an_area_may_end_within_a_large_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
