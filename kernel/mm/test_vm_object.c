/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages that an object takes back out of the areas that show them. Of the file, pages 0-7 are borrowed, 8-15 kept by it. */
#include "sim_space.h"

#include "../port/host/host.h"

#include <base/errno.h>
#include <mm/pages.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define is(a, b) assert_int_equal(a, b)

static bool mapped(uintptr_t va)
{
	phys_t frame;

	return mmu_lookup(&space->mmu, va, &frame) != 0;
}

static void unmap(uint64_t first, uint64_t end, enum vm_unmap which)
{
	vm_object_unmap(&file.object, first, end, which);
}

static void an_object_without_areas_has_nothing_to_unmap(void **state)
{
	(void)state;
	unmap(0, UINT64_MAX, VM_UNMAP_ALL);
	map_file(AT, 0, 4 * P, R, 0);
	is(space_unmap(space, AT, 4 * P), 0);
	unmap(0, UINT64_MAX, VM_UNMAP_ALL);
}

static void unmap_all_takes_copies_too(void **state)
{
	(void)state;
	map_file(AT, 6, 4 * P, RW, 0);
	for (unsigned i = 0; i < 4; i++)
		is(poke(AT + i * P, i), 0);
	unmap(8, UINT64_MAX, VM_UNMAP_ALL);
	is(peek(AT), 0);
	is(peek(AT + P), 1);
	assert_false(mapped(AT + 2 * P) || mapped(AT + 3 * P));
	is(peek(AT + 2 * P), 1008);
	is(space->resident_pages, 3);
}

static void unmap_keeps_to_its_range(void **state)
{
	(void)state;
	map_file(AT, 8, 4 * P, RW, AREA_SHARED);
	for (unsigned i = 0; i < 4; i++)
		is(poke(AT + i * P, i), 0);
	unmap(9, 11, VM_UNMAP_ALL);
	assert_true(mapped(AT) && mapped(AT + 3 * P));
	assert_false(mapped(AT + P) || mapped(AT + 2 * P));
	unmap(12, 100, VM_UNMAP_ALL);
	unmap(0, 8, VM_UNMAP_ALL);
	unmap(9, 9, VM_UNMAP_ALL);
	is(space->resident_pages, 2);
	is(peek(AT + P), 1); /* the object kept it */
}

static void unmap_borrowed_leaves_pages_that_are_counted(void **state)
{
	(void)state;
	map_file(AT, 0, 16 * P, RW, 0);
	is(poke(AT + 2 * P, 42), 0);
	is(peek(AT + P), 1001); /* and all that lie around */
	is(peek(AT + 9 * P), 1009);
	is(host_mmu_counted_pages(), 2);
	is(space->resident_pages, 9);
	unmap(0, UINT64_MAX, VM_UNMAP_BORROWED);
	is(space->resident_pages, 2);
	is(peek(AT + 2 * P), 42);
	assert_true(mapped(AT + 9 * P));
}

static void unmap_shared_leaves_private_areas(void **state)
{
	(void)state;
	map_file(AT, 8, P, RW, AREA_SHARED);
	map_file(AT + P, 8, P, R, 0);
	is(peek(AT), 1008);
	is(peek(AT + P), 1008);
	unmap(8, 9, VM_UNMAP_SHARED);
	assert_false(mapped(AT));
	assert_true(mapped(AT + P));
}

static void unmap_sees_areas_that_were_split_joined_and_moved(void **state)
{
	uintptr_t to = AT + 64 * P;

	(void)state;
	map_file(AT, 0, 16 * P, RW, 0);
	for (unsigned i = 0; i < 16; i++)
		is(poke(AT + i * P, i), 0);
	is(space_protect(space, AT + 4 * P, 4 * P, R), 0);
	is(space_unmap(space, AT + 2 * P, P), 0);
	is(space_remap(space, AT + 8 * P, 2 * P, 2 * P, SPACE_REMAP_MAYMOVE | SPACE_REMAP_FIXED, to,
		       &to),
	   0);
	is(space_protect(space, AT + 4 * P, 4 * P, RW), 0);
	is(areas(), 4);
	is(space->resident_pages, 15);
	unmap(1, 15, VM_UNMAP_ALL);
	is(space->resident_pages, 2);
	is(peek(AT), 0);
	is(peek(AT + 15 * P), 15);
}

static void unmap_reaches_all_spaces(void **state)
{
	struct space *first = space, *second = space_create();

	(void)state;
	assert_non_null(second);
	for (unsigned i = 0; i < 3; i++)
		map_file(AT + 2 * i * P, 8 + i, P, RW, AREA_SHARED);
	is(poke(AT, 1), 0);
	is(poke(AT + 4 * P, 1), 0);
	space = second;
	map_file(AT, 10, P, RW, AREA_SHARED);
	is(poke(AT, 2), 0);
	space = first;
	map_file(AT + P, 10, P, R, AREA_SHARED);
	is(peek(AT + P), 2);
	unmap(0, UINT64_MAX, VM_UNMAP_ALL);
	is(first->resident_pages, 0);
	is(second->resident_pages, 0);
	is(first->refs, 1);
	is(second->refs, 1);
	space_put(second);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
	const struct CMUnitTest tests[] = {
		T(an_object_without_areas_has_nothing_to_unmap),
		T(unmap_all_takes_copies_too),
		T(unmap_keeps_to_its_range),
		T(unmap_borrowed_leaves_pages_that_are_counted),
		T(unmap_shared_leaves_private_areas),
		T(unmap_sees_areas_that_were_split_joined_and_moved),
		T(unmap_reaches_all_spaces),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
