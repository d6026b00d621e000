/* SPDX-License-Identifier: BSD-3-Clause */
/* Address spaces on the real allocators and simulated page tables: what mmap, munmap, faults and stacks do; a rule of
 * Linux's per test. */
#include "sim_space.h"

#include "../port/host/host.h"
#include "pages_private.h"

#include <base/errno.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define is(a, b) assert_int_equal(a, b)

/* mmap */

static void map_places_areas_downwards_from_the_top(void **state)
{
	(void)state;
	is(map(3 * P, RW), TOP - 3 * P);
	is(map(1, R), TOP - 4 * P);
	is(map(P, RW), TOP - 5 * P);
	is(areas(), 3);
}

static void map_takes_the_highest_gap_that_fits(void **state)
{
	uintptr_t a = map(4 * P, RW), b = map(2 * P, R), c = map(8 * P, RW);

	(void)state;
	is(space_unmap(space, a, 4 * P), 0);
	is(map(5 * P, RW), c - 5 * P);
	is(map(3 * P, R), TOP - 3 * P);
	is(map(P, RW), TOP - 4 * P);
	is(space_unmap(space, b, 2 * P), 0);
	is(map(2 * P, RW), b);
}

static void map_joins_equal_neighbours(void **state)
{
	(void)state;
	map(P, RW);
	map(P, RW);
	is(areas(), 1);
	map(P, R);
	is(areas(), 2);
	map_file(AT, 0, 2 * P, R, 0);
	map_file(AT + 2 * P, 2, 2 * P, R, 0);
	is(areas(), 3);
	map_file(AT + 4 * P, 5, P, R, 0); /* not the next page of the file */
	is(areas(), 4);
}

static void map_honours_a_free_hint_and_ignores_a_taken_one(void **state)
{
	(void)state;
	is(map_at(AT + 123, P, RW, 0), AT);
	is(map_at(AT, P, RW, 0), TOP - P);
	is(map_at(P, P, RW, 0), USER_MIN);
	is(map_at(USER_MAX, P, RW, 0), TOP - 2 * P);
}

static void map_low_stays_below_2_gib(void **state)
{
	uintptr_t at = map_at(0, 16 * P, RW, AREA_LOW);

	(void)state;
	assert_true(at >= 0x40000000 && at + 16 * P <= 0x80000000);
	is(map_at(0x20000000, P, RW, AREA_LOW), 0x20000000);
	is(try_map(0, 2 * GIB, 0, AREA_LOW), -ENOMEM);
}

static void map_fixed_replaces_what_is_there(void **state)
{
	(void)state;
	map_at(AT, 4 * P, RW, AREA_FIXED);
	for (unsigned i = 0; i < 4; i++)
		is(poke(AT + i * P, 7), 0);
	map_at(AT + P, P, R, AREA_FIXED);
	is(areas(), 3);
	is(peek(AT), 7);
	is(peek(AT + P), 0);
	is(peek(AT + 2 * P), 7);
	is(poke(AT + P, 1), -EACCES);
}

/* As musl's malloc does first of all: below the heap there is the program, and little room. */
static void map_fixed_over_something_low_leaves_the_first_place_high(void **state)
{
	(void)state;
	is(map_at(AT, 4 * P, RW, AREA_FIXED), AT);
	is(map_at(AT, P, 0, AREA_FIXED), AT);
	is(map(P, R), TOP - P);
}

static void map_no_replace_refuses_overlap(void **state)
{
	(void)state;
	map_at(AT, 2 * P, RW, AREA_NO_REPLACE);
	is(try_map(AT + P, P, RW, AREA_NO_REPLACE), -EEXIST);
	is(try_map(AT - P, 2 * P, RW, AREA_NO_REPLACE), -EEXIST);
	is(try_map(AT - P, P, RW, AREA_NO_REPLACE), 0);
	is(try_map(AT + 2 * P, P, RW, AREA_NO_REPLACE), 0);
}

static void map_refuses_what_linux_refuses(void **state)
{
	struct space_map request = { .bytes = P,
				     .object = &file.object,
				     .object_page = UINT64_MAX };
	uintptr_t at;

	(void)state;
	is(try_map(0, 0, RW, 0), -EINVAL);
	is(try_map(0, SIZE_MAX, RW, 0), -ENOMEM);
	is(try_map(0, USER_MAX + P, 0, 0), -ENOMEM);
	is(try_map(AT + 1, P, RW, AREA_FIXED), -EINVAL);
	is(try_map(USER_MAX, P, RW, AREA_FIXED), -ENOMEM);
	is(try_map(USER_MAX - P, 2 * P, RW, AREA_FIXED), -ENOMEM);
	is(try_map(0, P, RW, AREA_FIXED), -EPERM);
	is(space_map(space, &request, &at), -EOVERFLOW);
	is(try_map(0, GIB, RW, 0), -ENOMEM); /* more than the machine has */
	is(try_map(0, GIB, RW, AREA_NO_RESERVE), 0);
	is(try_map(USER_MAX - P, P, RW, AREA_FIXED), 0);
}

static void map_keeps_to_the_limits(void **state)
{
	(void)state;
	space->address_limit_bytes = 10 * P;
	map(8 * P, R);
	is(try_map(0, 3 * P, R, 0), -ENOMEM);
	is(try_map(TOP - 8 * P, 10 * P, R, AREA_FIXED), 0); /* eight of them go first */
	is(space->mapped_bytes, 10 * P);
	space->address_limit_bytes = UINT64_MAX;
	space->data_limit_bytes = 2 * P;
	is(try_map(0, 3 * P, RW, 0), -ENOMEM);
	is(try_map(0, 3 * P, R, 0), 0);
	map(2 * P, RW);
	is(space_protect(space, TOP - 8 * P, P, RW), -ENOMEM);
}

static void reservations_of_tens_of_gib_cost_nothing(void **state)
{
	uint64_t before;
	uintptr_t at;

	(void)state;
	map(P, R);
	before = pages_stats().free_bytes;
	at = map(64 * GIB, 0);
	is(try_peek(at), -EACCES);
	is(space_protect(space, at + 3 * GIB, P, RW), 0);
	is(poke(at + 3 * GIB, 1), 0);
	is(space_unmap(space, at, 64 * GIB), 0);
	assert_int_equal(pages_stats().free_bytes, before);
}

static void map_populate_faults_everything_in(void **state)
{
	(void)state;
	map_at(AT, 20 * P, RW, AREA_FIXED | AREA_POPULATE);
	is(space->resident_pages, 20);
	is(host_mmu_counted_pages(), 20);
}

/* munmap */

static void unmap_of_the_middle_leaves_both_ends(void **state)
{
	(void)state;
	map_file(AT, 0, 8 * P, R, 0);
	is(space_unmap(space, AT + 3 * P, 2 * P), 0);
	is(areas(), 2);
	is(file.refs, 3);
	is(peek(AT + 2 * P), 1002);
	is(peek(AT + 5 * P), 1005);
	is(try_peek(AT + 3 * P), -EFAULT);
	is(try_peek(AT + 4 * P), -EFAULT);
}

static void unmap_refuses_what_linux_refuses(void **state)
{
	(void)state;
	is(space_unmap(space, AT + 1, P), -EINVAL);
	is(space_unmap(space, AT, 0), -EINVAL);
	is(space_unmap(space, USER_MAX, P), -EINVAL);
	is(space_unmap(space, AT, SIZE_MAX), -EINVAL);
	is(space_unmap(space, AT, P), 0); /* nothing there is no error */
}

static void unmap_spans_areas_and_holes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		is(poke(map_at(AT + 3 * i * P, P, i & 1 ? RW : RW | X, AREA_FIXED), 1), 0);
	is(space_unmap(space, AT + P, 20 * P), 0);
	is(areas(), 4);
	is(space->resident_pages, 4);
	is(space->mapped_bytes, 4 * P);
}

/* Faults */

static void anonymous_memory_is_zero_and_keeps_what_is_written(void **state)
{
	uintptr_t at = map(8 * P, RW);

	(void)state;
	is(peek(at + P), 0);
	is(poke(at + P, 5), 0);
	is(peek(at + P), 5);
	is(poke(at + 7 * P + 4092, 9), 0);
	is(peek(at + 7 * P + 4092), 9);
	is(space->resident_pages, 2);
}

static void faults_tell_missing_areas_from_missing_rights(void **state)
{
	uint32_t *word;

	(void)state;
	map_at(AT, P, R, AREA_FIXED);
	is(poke(AT, 1), -EACCES);
	is(touch_word(AT, USER_ACCESS_EXEC, &word), -EACCES);
	is(try_peek(AT + P), -EFAULT);
	is(try_peek(0), -EFAULT);
	is(try_peek(UINTPTR_MAX), -EFAULT);
	map_at(AT, P, X, AREA_FIXED);
	is(try_peek(AT), 0); /* x86 cannot forbid it */
	is(touch_word(AT, USER_ACCESS_EXEC, &word), 0);
}

static void private_file_pages_are_borrowed_until_written(void **state)
{
	(void)state;
	map_file(AT, 0, 16 * P, RW, 0);
	is(peek(AT + P), 1001);
	is(host_mmu_counted_pages(), 0);
	is(poke(AT + P, 77), 0);
	is(peek(AT + P), 77);
	is(host_mmu_counted_pages(), 1);
	is(*(uint32_t *)((char *)page_virt(file.memory) + P), 1001);
	/* A cached page, read and then written; and one written at once. */
	is(peek(AT + 9 * P), 1009);
	is(poke(AT + 9 * P, 78), 0);
	is(poke(AT + 10 * P, 79), 0);
	is(*(uint32_t *)page_virt(file.cached[1]), 1009);
	is(*(uint32_t *)page_virt(file.cached[2]), 1010);
	is(file.cached[1]->refs, 1);
}

static void one_fault_maps_the_borrowed_pages_around(void **state)
{
	(void)state;
	map_file(AT, 0, 16 * P, R | X, 0);
	is(peek(AT + 3 * P), 1003);
	is(host_mmu_pages(), 8);
	for (unsigned i = 0; i < 8; i++)
		is(peek(AT + i * P), 1000 + i);
	is(file.asked, 1);
	is(poke(AT, 1), -EACCES);
}

static void pages_mapped_around_are_still_copied_on_write(void **state)
{
	(void)state;
	map_file(AT, 0, 8 * P, RW, 0);
	is(poke(AT + 2 * P, 5), 0);
	is(peek(AT), 1000);
	is(peek(AT + 2 * P), 5); /* not replaced by the file's */
	is(poke(AT + 4 * P, 6), 0);
	is(*(uint32_t *)((char *)page_virt(file.memory) + 4 * P), 1004);
}

static void shared_file_pages_are_the_files_own(void **state)
{
	(void)state;
	map_file(AT, 8, 8 * P, RW, AREA_SHARED);
	is(poke(AT, 55), 0);
	is(*(uint32_t *)page_virt(file.cached[0]), 55);
	is(file.cached[0]->refs, 2);
	*(uint32_t *)page_virt(file.cached[0]) = 1008;
}

static void the_end_of_the_file_is_told_as_such(void **state)
{
	(void)state;
	map_file(AT, 15, 2 * P, R, 0);
	is(peek(AT), 1015);
	is(try_peek(AT + P), -ENXIO);
	file.fail = -EIO;
	map_file(AT, 0, P, RW, 0);
	is(try_peek(AT), -EIO);
	is(poke(AT, 1), -EIO);
}

static void shared_anonymous_memory_is_one_object(void **state)
{
	uintptr_t at = map_at(0, 600 * P, RW, AREA_SHARED), other;

	(void)state;
	is(poke(at + 599 * P, 3), 0);
	is(poke(at + 5 * P, 4), 0);
	/* mremap with an old length of 0 maps it once more. */
	is(space_remap(space, at, 0, 600 * P, SPACE_REMAP_MAYMOVE, 0, &other), 0);
	assert_int_not_equal(at, other);
	is(peek(other + 599 * P), 3);
	is(poke(other + 5 * P, 6), 0);
	is(peek(at + 5 * P), 6);
	is(space_advise(space, at, 600 * P, 4), 0); /* MADV_DONTNEED loses nothing that is shared */
	is(peek(at + 5 * P), 6);
}

/* Stacks */

static void stacks_grow_down_to_their_limit(void **state)
{
	(void)state;
	space->stack_limit_bytes = 64 * P;
	map_at(AT, 2 * P, RW, AREA_FIXED | AREA_STACK);
	is(poke(AT - 10 * P + 8, 1), 0);
	is(peek(AT - P), 0);
	is(poke(AT - 62 * P, 1), 0);
	is(poke(AT - 63 * P, 1), -EFAULT);
	is(space->mapped_bytes, 64 * P);
	is(areas(), 1);
}

static void stacks_grow_down_to_the_limit_of_addresses(void **state)
{
	(void)state;
	map_at(AT, 2 * P, RW, AREA_FIXED | AREA_STACK);
	space->address_limit_bytes = 4 * P;
	is(poke(AT - 2 * P, 1), 0);
	is(poke(AT - 3 * P, 1), -EFAULT); /* -ENOMEM would end the program */
	is(space->mapped_bytes, 4 * P);
}

static void stacks_keep_a_gap_of_256_pages(void **state)
{
	(void)state;
	map_at(AT, 2 * P, RW, AREA_FIXED | AREA_STACK);
	map_at(AT - 300 * P, P, RW, AREA_FIXED);
	is(poke(AT - 43 * P, 1), 0);
	is(poke(AT - 44 * P, 1), -EFAULT);
	/* Memory without rights does not count as neighbour. */
	is(space_protect(space, AT - 300 * P, P, 0), 0);
	is(poke(AT - 44 * P, 1), 0);
	/* Nothing is placed in the gap, unless fixed. */
	space->mmap_top = AT;
	is(map(P, R), AT - 300 * P - P);
	map_at(AT - 1000 * P, P, RW, AREA_FIXED | AREA_STACK);
	map_at(AT - 1300 * P, 44 * P, RW, AREA_FIXED); /* ends where the gap begins */
	space->mmap_top = AT - 999 * P;
	is(map(P, R), AT - 1300 * P - P);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
	const struct CMUnitTest tests[] = {
		T(map_places_areas_downwards_from_the_top),
		T(map_takes_the_highest_gap_that_fits),
		T(map_joins_equal_neighbours),
		T(map_honours_a_free_hint_and_ignores_a_taken_one),
		T(map_low_stays_below_2_gib),
		T(map_fixed_replaces_what_is_there),
		T(map_fixed_over_something_low_leaves_the_first_place_high),
		T(map_no_replace_refuses_overlap),
		T(map_refuses_what_linux_refuses),
		T(map_keeps_to_the_limits),
		T(reservations_of_tens_of_gib_cost_nothing),
		T(map_populate_faults_everything_in),
		T(unmap_of_the_middle_leaves_both_ends),
		T(unmap_refuses_what_linux_refuses),
		T(unmap_spans_areas_and_holes),
		T(anonymous_memory_is_zero_and_keeps_what_is_written),
		T(faults_tell_missing_areas_from_missing_rights),
		T(private_file_pages_are_borrowed_until_written),
		T(one_fault_maps_the_borrowed_pages_around),
		T(pages_mapped_around_are_still_copied_on_write),
		T(shared_file_pages_are_the_files_own),
		T(the_end_of_the_file_is_told_as_such),
		T(shared_anonymous_memory_is_one_object),
		T(stacks_grow_down_to_their_limit),
		T(stacks_grow_down_to_the_limit_of_addresses),
		T(stacks_keep_a_gap_of_256_pages),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
