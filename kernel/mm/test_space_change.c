/* SPDX-License-Identifier: BSD-3-Clause */
/* Address spaces, continued: mprotect, madvise, mremap, brk, and what happens when memory is short. */
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

/* mprotect */

static void protect_splits_and_joins(void **state)
{
	(void)state;
	map_at(AT, 8 * P, RW, AREA_FIXED);
	is(space_protect(space, AT + 2 * P, 2 * P, R), 0);
	is(areas(), 3);
	is(poke(AT + 2 * P, 1), -EACCES);
	is(poke(AT + P, 1), 0);
	is(space_protect(space, AT, 8 * P, RW), 0);
	is(areas(), 1);
	is(poke(AT + 2 * P, 1), 0);
}

static void protect_none_keeps_the_content(void **state)
{
	uintptr_t at = map(P, RW);

	(void)state;
	is(poke(at, 42), 0);
	is(space_protect(space, at, P, 0), 0);
	is(try_peek(at), -EACCES);
	is(space_protect(space, at, P, R), 0);
	is(peek(at), 42);
	is(poke(at, 1), -EACCES);
	is(space_protect(space, at, P, RW), 0);
	is(poke(at, 43), 0);
	is(space->resident_pages, 1);
	is(host_mmu_counted_pages(), 1);
}

static void protect_refuses_what_linux_refuses(void **state)
{
	struct space_map request = { .hint = AT,
				     .bytes = 2 * P,
				     .prot = R,
				     .max_prot = R,
				     .flags = AREA_SHARED | AREA_FIXED,
				     .object = &file.object };
	uintptr_t at;

	(void)state;
	is(space_protect(space, AT + 1, P, R), -EINVAL);
	is(space_protect(space, AT, 0, R), 0);
	is(space_protect(space, AT, P, R), -ENOMEM);
	is(space_protect(space, AT, SIZE_MAX, R), -ENOMEM);
	is(space_map(space, &request, &at), 0);
	is(space_protect(space, AT, P, RW), -EACCES);
	/* What comes before a hole is changed all the same. */
	map_at(AT - 2 * P, P, RW, AREA_FIXED);
	is(space_protect(space, AT - 2 * P, 3 * P, R), -ENOMEM);
	is(poke(AT - 2 * P, 1), -EACCES);
	map_at(AT, P, R, AREA_FIXED | AREA_LOCKED_LAYOUT);
	is(space_protect(space, AT, P, RW), -EPERM);
}

static void protect_makes_a_private_file_writable_by_copy(void **state)
{
	(void)state;
	map_file(AT, 0, 4 * P, R, 0);
	is(peek(AT), 1000);
	is(space_protect(space, AT, 4 * P, RW), 0);
	is(poke(AT, 1), 0);
	is(peek(AT), 1);
	is(*(uint32_t *)page_virt(file.memory), 1000);
	is(space_protect(space, AT, 4 * P, R), 0); /* as after relocation */
	is(peek(AT), 1);
}

/* madvise */

static void advise_dontneed_zeroes(void **state)
{
	uintptr_t at = map(4 * P, RW);

	(void)state;
	is(poke(at + P, 8), 0);
	is(space_advise(space, at, 4 * P, 4), 0);
	is(space->resident_pages, 0);
	is(peek(at + P), 0);
	is(poke(at + P, 8), 0);
	is(space_advise(space, at + P, P, 8), 0); /* MADV_FREE */
	is(peek(at + P), 0);
	map_file(AT, 0, P, RW, 0);
	is(poke(AT, 8), 0);
	is(space_advise(space, AT, P, 4), 0);
	is(peek(AT), 1000);
	is(space_advise(space, AT, P, 8), -EINVAL);
}

static void advise_refuses_what_linux_refuses(void **state)
{
	(void)state;
	map_at(AT, P, RW, AREA_FIXED);
	is(space_advise(space, AT, P, 999), -EINVAL);
	is(space_advise(space, AT, P, -1), -EINVAL);
	is(space_advise(space, AT, P, 102), -EINVAL); /* MADV_GUARD_INSTALL */
	is(space_advise(space, AT, P, 9), -EINVAL);
	is(space_advise(space, AT + 1, P, 0), -EINVAL);
	is(space_advise(space, AT, 0, 4), 0);
	is(space_advise(space, AT, SIZE_MAX, 4), -EINVAL);
	is(space_advise(space, AT, P, 14), 0); /* MADV_HUGEPAGE: a hint */
	/* A hole is told, after the rest was done. */
	is(poke(AT, 1), 0);
	is(space_advise(space, AT - P, 3 * P, 4), -ENOMEM);
	is(peek(AT), 0);
}

static void advise_populate_faults_in(void **state)
{
	(void)state;
	map_at(AT, 4 * P, RW, AREA_FIXED);
	is(space_advise(space, AT, 4 * P, 23), 0);
	is(space->resident_pages, 4);
	is(space_protect(space, AT, P, R), 0);
	is(space_advise(space, AT, P, 23), -EINVAL);
	is(space_advise(space, AT, P, 18), 0); /* MADV_WIPEONFORK splits */
	is(space_advise(space, AT, P, 19), 0);
}

/* mremap */

static void remap_shrinks_in_place(void **state)
{
	uintptr_t out;

	(void)state;
	map_at(AT, 4 * P, RW, AREA_FIXED);
	is(poke(AT, 1), 0);
	is(space_remap(space, AT, 4 * P, P, 0, 0, &out), 0);
	is(out, AT);
	is(peek(AT), 1);
	is(try_peek(AT + P), -EFAULT);
}

static void remap_grows_in_place_where_there_is_room(void **state)
{
	uintptr_t out;

	(void)state;
	map_at(AT, 2 * P, RW, AREA_FIXED);
	is(space_remap(space, AT, 2 * P, 4 * P, 0, 0, &out), 0);
	is(out, AT);
	is(poke(AT + 3 * P, 1), 0);
	map_at(AT + 4 * P, P, R, AREA_FIXED);
	is(space_remap(space, AT, 4 * P, 5 * P, 0, 0, &out), -ENOMEM);
	is(space_remap(space, AT, P, 2 * P, 0, 0, &out), -ENOMEM); /* not at the area's end */
}

static void remap_moves_the_content(void **state)
{
	uintptr_t out;

	(void)state;
	map_at(AT, 4 * P, RW, AREA_FIXED);
	for (unsigned i = 0; i < 4; i++)
		is(poke(AT + i * P, i + 1), 0);
	map_at(AT + 4 * P, P, R, AREA_FIXED);
	is(space_remap(space, AT + P, 3 * P, 100 * P, SPACE_REMAP_MAYMOVE, 0, &out), 0);
	is(out, TOP - 100 * P);
	for (unsigned i = 1; i < 4; i++)
		is(peek(out + (i - 1) * P), i + 1);
	is(peek(out + 99 * P), 0);
	is(peek(AT), 1);
	is(try_peek(AT + P), -EFAULT);
	is(space->mapped_bytes, 102 * P);
}

static void remap_fixed_replaces_its_target(void **state)
{
	uintptr_t out, to = AT + 100 * P;

	(void)state;
	map_file(AT, 2, 2 * P, RW, 0);
	is(poke(AT, 9), 0);
	map_at(to, 2 * P, RW, AREA_FIXED | AREA_POPULATE);
	is(space_remap(space, AT, 2 * P, 2 * P, SPACE_REMAP_MAYMOVE | SPACE_REMAP_FIXED, to, &out),
	   0);
	is(out, to);
	is(peek(to), 9);
	is(peek(to + P), 1003);
	is(try_peek(AT), -EFAULT);
	is(areas(), 1);
}

static void remap_dontunmap_leaves_an_empty_area(void **state)
{
	uintptr_t out;

	(void)state;
	map_at(AT, 2 * P, RW, AREA_FIXED);
	is(poke(AT, 9), 0);
	is(space_remap(space, AT, 2 * P, 2 * P, SPACE_REMAP_MAYMOVE | SPACE_REMAP_DONTUNMAP, 0,
		       &out),
	   0);
	is(peek(out), 9);
	is(peek(AT), 0);
}

static void remap_refuses_what_linux_refuses(void **state)
{
	unsigned may = SPACE_REMAP_MAYMOVE, fixed = SPACE_REMAP_FIXED, keep = SPACE_REMAP_DONTUNMAP;
	uintptr_t out, to = AT + 100 * P;

	(void)state;
	map_at(AT, 2 * P, RW, AREA_FIXED);
	is(space_remap(space, AT, P, P, 8, 0, &out), -EINVAL);
	is(space_remap(space, AT, P, P, fixed, to, &out), -EINVAL);
	is(space_remap(space, AT, P, P, keep, 0, &out), -EINVAL);
	is(space_remap(space, AT, P, 2 * P, keep | may, 0, &out), -EINVAL);
	is(space_remap(space, AT + 1, P, P, may, 0, &out), -EINVAL);
	is(space_remap(space, AT, P, 0, may, 0, &out), -EINVAL);
	is(space_remap(space, AT, P, SIZE_MAX, may, 0, &out), -EINVAL);
	is(space_remap(space, AT, SIZE_MAX - P, P, may, 0, &out), -EINVAL);
	is(space_remap(space, to, P, P, may, 0, &out), -EFAULT);
	is(space_remap(space, AT, 3 * P, 4 * P, may, 0, &out), -EFAULT);
	is(space_remap(space, AT, 0, P, may, 0, &out), -EINVAL);
	is(space_remap(space, AT, P, P, may | fixed, AT, &out), -EINVAL); /* overlap */
	is(space_remap(space, AT, P, P, may | fixed, to + 1, &out), -EINVAL);
	is(space_remap(space, AT, P, P, may | fixed, USER_MAX, &out), -EINVAL);
	is(space_remap(space, AT, P, USER_MAX, may, 0, &out), -ENOMEM);
	is(areas(), 1);
}

/* brk */

static void brk_moves_the_heap(void **state)
{
	(void)state;
	space->brk_start = space->brk_end = AT + 100;
	is(space_brk(space, 0), AT + 100);
	is(space_brk(space, AT + 3 * P), AT + 3 * P);
	is(try_peek(AT), -EFAULT); /* the break's own page is the program's bss */
	is(poke(AT + 2 * P, 5), 0);
	is(space_brk(space, AT + 3 * P + 1), AT + 3 * P + 1);
	is(areas(), 1);
	is(space_brk(space, AT + 2 * P), AT + 2 * P);
	is(try_peek(AT + 2 * P), -EFAULT);
	is(space_brk(space, AT + 99), AT + 2 * P);
	map_at(AT + 5 * P, P, RW, AREA_FIXED);
	is(space_brk(space, AT + 5 * P), AT + 2 * P); /* a page must stay free */
	is(space_brk(space, AT + 4 * P), AT + 4 * P);
	space->data_limit_bytes = 2 * P;
	is(space_brk(space, AT + 3 * P), AT + 4 * P);
	is(space_brk(space, UINTPTR_MAX), AT + 4 * P);
}

/* Others */

static void write_reaches_a_space_that_is_not_current(void **state)
{
	char text[3 * P];

	(void)state;
	memset(text, 'x', sizeof(text));
	map_at(AT, 4 * P, RW, AREA_FIXED);
	is(space_write(space, AT + P / 2, text, sizeof(text)), 0);
	is(peek(AT + 2 * P), 0x78787878);
	is(peek(AT + 3 * P + P / 2 - 4), 0x78787878);
	is(peek(AT + 3 * P + P / 2), 0);
	is(space_write(space, AT + 2 * P, text, sizeof(text)), -EFAULT);
	is(space_write(space, 0, text, 1), -EFAULT);
	is(space_write(space, USER_MAX - 1, text, 2), -EFAULT);
	map_at(AT, P, R, AREA_FIXED);
	is(space_write(space, AT, text, 1), -EFAULT);
}

static void check_sees_holes(void **state)
{
	(void)state;
	map_at(AT, P, RW, AREA_FIXED);
	map_at(AT + P, P, R, AREA_FIXED);
	map_at(AT + 3 * P, P, R, AREA_FIXED);
	is(space_check(space, AT, 2 * P), 0);
	is(space_check(space, AT, 2 * P + 1), -ENOMEM);
	is(space_check(space, AT + P, SIZE_MAX), -ENOMEM);
	is(space_stats(space).mapped_bytes, 3 * P);
	is(space_stats(space).data_bytes, P);
}

static void references_keep_a_space_alive(void **state)
{
	(void)state;
	space_get(space);
	space_put(space);
	map(P, RW);
	space_put(NULL);
}

/* Memory */

/* Everything once; whatever fails must leave the space whole. */
static void use_everything(void)
{
	uintptr_t out;

	for (unsigned i = 0; i < 30; i++)
		try_map(AT + 512 * i * P, 4 * P, i & 1 ? R : RW, AREA_FIXED);
	try_map(AT + GIB, 8 * P, RW, AREA_FIXED | AREA_SHARED | AREA_POPULATE);
	for (unsigned i = 0; i < 30; i++) {
		poke(AT + 512 * i * P, 1);
		(void)!space_unmap(space, AT + 512 * i * P + P, P);
		(void)!space_protect(space, AT + 512 * i * P + 3 * P, P, X);
	}
	(void)!space_remap(space, AT, P, 40 * P, SPACE_REMAP_MAYMOVE, 0, &out);
	(void)!space_advise(space, AT + 512 * P, P, 18);
	struct space_map request = {
		.hint = AT, .bytes = 16 * P, .prot = RW, .flags = AREA_FIXED, .object = &file.object
	};
	if (!space_map(space, &request, &out)) {
		poke(AT + 3 * P, 1);
		try_peek(AT);
		try_peek(AT + 12 * P);
		poke(AT + 12 * P, 1);
	}
	space->brk_start = space->brk_end = AT + 2 * GIB;
	space_brk(space, AT + 2 * GIB + 10 * P);
	poke(AT + 2 * GIB, 1);
}

static void want_of_page_tables_loses_nothing(void **state)
{
	for (uint32_t n = 0;; n++) {
		fresh(state);
		host_fail_allocation_after(n);
		use_everything();
		if (!host_allocation_failed())
			break;
		areas();
		finish(state);
		space = NULL;
	}
}

/* Leaves `n` free frames, and gives them back afterwards. */
static struct page *hoard(uint64_t n)
{
	struct page *list = NULL, *page;

	while (pages_stats().free_bytes > n * P && (page = page_alloc(0, PAGE_PLAIN))) {
		page->owner = list;
		list = page;
	}
	return list;
}

static void give_back(struct page *list)
{
	while (list) {
		struct page *next = list->owner;

		page_put(list);
		list = next;
	}
}

static void want_of_frames_is_enomem_and_loses_nothing(void **state)
{
	(void)state;
	/* All RAM is in use first, so that what is free is what is left. */
	give_back(hoard(0));
	space_put(space);
	free_at_start = pages_stats().free_bytes;
	for (uint64_t n = 0; n < 120; n++) {
		struct page *list = hoard(n);

		space = space_create();
		if (space) {
			space->mmap_top = TOP;
			use_everything();
			areas();
			space_put(space);
		}
		give_back(list);
		pages_check();
		assert_int_equal(pages_stats().free_bytes, free_at_start);
		assert_int_equal(file.refs, 1);
	}
	space = space_create();
}

/* Takes all memory but room for `n` areas; give_back_objects() undoes it. */
static struct page *hoarded;
static void *objects;

static void hoard_objects(unsigned n)
{
	void **object, **spare = NULL;

	hoarded = hoard(0);
	objects = NULL;
	while ((object = mem_alloc(sizeof(struct area)))) {
		*object = objects;
		objects = object;
	}
	for (; n; n--) {
		spare = objects;
		objects = *spare;
		mem_free(spare);
	}
}

static void give_back_objects(void)
{
	while (objects) {
		void *next = *(void **)objects;

		mem_free(objects);
		objects = next;
	}
	give_back(hoarded);
}

static void an_area_that_cannot_be_split_stays_whole(void **state)
{
	uintptr_t out;

	(void)state;
	give_back(hoard(0)); /* all RAM is in use first */
	space_put(space);
	free_at_start = pages_stats().free_bytes;
	space = space_create();
	map_at(AT, 8 * P, RW, AREA_FIXED | AREA_POPULATE);
	map_at(AT + 8 * P, P, R, AREA_FIXED);
	for (unsigned n = 0; n < 4; n++) {
		int error;

		hoard_objects(n);
		error = space_remap(space, AT + 2 * P, 3 * P, 6 * P, SPACE_REMAP_MAYMOVE, 0, &out);
		is(error, -ENOMEM); /* if for nothing else, for a table at the new place */
		is(areas(), 2);
		error = space_unmap(space, AT + 2 * P, 3 * P);
		is(error, n < 2 ? -ENOMEM : 0);
		give_back_objects();
		is(areas(), n < 2 ? 2 : 3);
		is(space->resident_pages, n < 2 ? 8 : 5);
		map_at(AT + 2 * P, 3 * P, RW, AREA_FIXED | AREA_POPULATE);
		is(areas(), 2);

		hoard_objects(n);
		error = space_protect(space, AT + 2 * P, 3 * P, R);
		is(error, n < 2 ? -ENOMEM : 0);
		is(areas(), n < 2 ? 2 : 4);
		give_back_objects();
		is(space_protect(space, AT, 8 * P, RW), 0);
		is(areas(), 2);
		is(host_mmu_counted_pages(), 8);
	}
}

static void remap_that_fails_late_is_undone(void **state)
{
	uintptr_t out, to = AT + 16 * P; /* under the same page table */

	(void)state;
	give_back(hoard(0));
	space_put(space);
	free_at_start = pages_stats().free_bytes;
	space = space_create();
	map_at(AT, 8 * P, RW, AREA_FIXED | AREA_POPULATE);
	space->mmap_top = to + 16 * P;
	for (unsigned n = 0; n < 4; n++) {
		int error;

		is(poke(AT + 2 * P, 7), 0);
		hoard_objects(n);
		error = space_remap(space, AT + 2 * P, 3 * P, 6 * P, SPACE_REMAP_MAYMOVE, 0, &out);
		is(error, n < 3 ? -ENOMEM : 0);
		give_back_objects();
		is(host_mmu_pages(), 8);
		is(areas(), n < 3 ? 1 : 3);
	}
	is(peek(out), 7);
}

static void a_program_that_eats_all_memory_gets_enomem(void **state)
{
	uintptr_t at = map_at(0, GIB, RW, AREA_NO_RESERVE);
	size_t got = 0;
	int error;

	(void)state;
	while (!(error = poke(at + got * P, 1)))
		got++;
	is(error, -ENOMEM);
	assert_true(got > 7000);
	is(space_unmap(space, at, GIB), 0);
	is(poke(map(P, RW), 1), 0);
	/* Bringing in the rest of RAM took frames for struct pages and tables, for good. */
	assert_true(free_at_start - pages_stats().free_bytes < 64 * P);
	space_put(space);
	free_at_start = pages_stats().free_bytes;
	space = space_create();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fresh, finish)
	const struct CMUnitTest tests[] = {
		T(protect_splits_and_joins),
		T(protect_none_keeps_the_content),
		T(protect_refuses_what_linux_refuses),
		T(protect_makes_a_private_file_writable_by_copy),
		T(advise_dontneed_zeroes),
		T(advise_refuses_what_linux_refuses),
		T(advise_populate_faults_in),
		T(remap_shrinks_in_place),
		T(remap_grows_in_place_where_there_is_room),
		T(remap_moves_the_content),
		T(remap_fixed_replaces_its_target),
		T(remap_dontunmap_leaves_an_empty_area),
		T(remap_refuses_what_linux_refuses),
		T(brk_moves_the_heap),
		T(write_reaches_a_space_that_is_not_current),
		T(check_sees_holes),
		T(references_keep_a_space_alive),
		T(want_of_page_tables_loses_nothing),
		T(want_of_frames_is_enomem_and_loses_nothing),
		T(an_area_that_cannot_be_split_stays_whole),
		T(remap_that_fails_late_is_undone),
		T(a_program_that_eats_all_memory_gets_enomem),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
