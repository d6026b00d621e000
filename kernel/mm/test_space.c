/* SPDX-License-Identifier: BSD-3-Clause */
/* Address spaces on the real allocators and simulated page tables: a rule of Linux's per test. */
#include <mm/alloc.h>
#include <mm/pages.h>
#include <mm/space.h>

#include "../port/host/host.h"
#include "pages_private.h"

#include <base/errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TOP ((uintptr_t)0x7f0000000000)
#define AT ((uintptr_t)0x10000000)
#define P PAGE_SIZE

enum { R = SPACE_READ, W = SPACE_WRITE, RW = SPACE_READ | SPACE_WRITE, X = SPACE_EXEC };

/* A file of OBJECT_PAGES pages: the first half borrowed, the second counted and kept by the file. */
enum { OBJECT_PAGES = 16 };

struct test_object {
	struct vm_object object;
	struct page *memory; /* one block, for the borrowed half */
	struct page *cached[OBJECT_PAGES / 2];
	int refs;
	unsigned asked;
	int fail; /* what page() returns, if not 0 */
};

static struct test_object file;

static int object_page(struct vm_object *object, uint64_t index, bool write, struct vm_page *out)
{
	struct test_object *f = container_of(object, struct test_object, object);

	f->asked++;
	if (f->fail)
		return f->fail;
	if (index >= OBJECT_PAGES)
		return -ENXIO;
	if (index < OBJECT_PAGES / 2 && !write) {
		*out = (struct vm_page){ phys_add(page_phys(f->memory), index * P), true };
		return 0;
	}
	struct page *page = f->cached[index % (OBJECT_PAGES / 2)];

	page_get(page);
	*out = (struct vm_page){ page_phys(page), false };
	return 0;
}

static size_t object_run(struct vm_object *object, uint64_t index, size_t count, phys_t *first)
{
	struct test_object *f = container_of(object, struct test_object, object);

	if (index >= OBJECT_PAGES / 2)
		return 0;
	*first = phys_add(page_phys(f->memory), index * P);
	return min(count, OBJECT_PAGES / 2 - index);
}

static void object_get(struct vm_object *object)
{
	container_of(object, struct test_object, object)->refs++;
}

static void object_put(struct vm_object *object)
{
	container_of(object, struct test_object, object)->refs--;
}

static const struct vm_object_ops object_ops = {
	.page = object_page, .run = object_run, .get = object_get, .put = object_put
};

static struct space *space;
static uint64_t free_at_start;

/* Page i of the file begins with the word 1000 + i. */
static void make_file(void)
{
	file = (struct test_object){ .object.ops = &object_ops, .refs = 1 };
	file.memory = page_alloc(3, PAGE_ZEROED);
	assert_non_null(file.memory);
	for (unsigned i = 0; i < OBJECT_PAGES / 2; i++) {
		*(uint32_t *)((char *)page_virt(file.memory) + i * P) = 1000 + i;
		file.cached[i] = page_alloc(0, PAGE_ZEROED);
		assert_non_null(file.cached[i]);
		*(uint32_t *)page_virt(file.cached[i]) = 1000 + OBJECT_PAGES / 2 + i;
	}
}

static int fresh(void **state)
{
	struct space *warm;

	(void)state;
	host_machine_reset();
	host_fail_allocation_after(HOST_NEVER);
	pages_forget();
	pages_add(phys(MIB), 32 * MIB);
	make_file();
	/* Slabs that stay are there before the count. (The caches of the test before are of a machine that is gone.) */
	mem_forget();
	warm = space_create();
	assert_int_equal(space_brk(warm, 0), 0);
	struct space_map request = { .bytes = P, .prot = RW, .flags = AREA_SHARED };
	uintptr_t at;

	assert_int_equal(space_map(warm, &request, &at), 0);
	space_put(warm);
	free_at_start = pages_stats().free_bytes;
	space = space_create();
	assert_non_null(space);
	space->mmap_top = TOP;
	return 0;
}

/* Nothing is lost. */
static int finish(void **state)
{
	(void)state;
	host_fail_allocation_after(HOST_NEVER);
	space_put(space);
	pages_check();
	assert_int_equal(host_mmu_pages(), 0);
	assert_int_equal(file.refs, 1);
	for (unsigned i = 0; i < OBJECT_PAGES / 2; i++)
		assert_int_equal(file.cached[i]->refs, 1);
	assert_int_equal(pages_stats().free_bytes, free_at_start);
	return 0;
}

/* Short forms */

static uintptr_t map_at(uintptr_t hint, size_t bytes, unsigned prot, unsigned flags)
{
	struct space_map request = { .hint = hint, .bytes = bytes, .prot = prot, .flags = flags };
	uintptr_t at = 0;

	assert_int_equal(space_map(space, &request, &at), 0);
	return at;
}

static uintptr_t map(size_t bytes, unsigned prot)
{
	return map_at(0, bytes, prot, 0);
}

static int try_map(uintptr_t hint, size_t bytes, unsigned prot, unsigned flags)
{
	struct space_map request = { .hint = hint, .bytes = bytes, .prot = prot, .flags = flags };
	uintptr_t at;

	return space_map(space, &request, &at);
}

static uintptr_t map_file(uintptr_t hint, uint64_t page, size_t bytes, unsigned prot,
			  unsigned flags)
{
	struct space_map request = { .hint = hint,
				     .bytes = bytes,
				     .prot = prot,
				     .max_prot = R | W | X,
				     .flags = flags | AREA_FIXED,
				     .object = &file.object,
				     .object_page = page };
	uintptr_t at;

	assert_int_equal(space_map(space, &request, &at), 0);
	return at;
}

/* What the program would do: through the page tables, with faults resolved. */
static int access(uintptr_t va, enum user_access kind, uint32_t **word)
{
	static const unsigned needs[] = { MMU_READ, MMU_WRITE, MMU_EXEC };

	for (unsigned tries = 0; tries < 2; tries++) {
		phys_t frame;
		int error;

		if (mmu_lookup(&space->mmu, va, &frame) & needs[kind]) {
			*word = (uint32_t *)((char *)phys_to_virt(frame) + va % P);
			return 0;
		}
		error = space_fault(space, va, kind);
		if (error)
			return error;
	}
	fail_msg("a resolved fault did not help");
	return 0;
}

static int poke(uintptr_t va, uint32_t value)
{
	uint32_t *word;
	int error = access(va, USER_ACCESS_WRITE, &word);

	if (!error)
		*word = value;
	return error;
}

static int try_peek(uintptr_t va)
{
	uint32_t *word;

	return access(va, USER_ACCESS_READ, &word);
}

static uint32_t peek(uintptr_t va)
{
	uint32_t *word;

	assert_int_equal(access(va, USER_ACCESS_READ, &word), 0);
	return *word;
}

static bool count_one(void *context, const struct area *area)
{
	(void)area;
	++*(unsigned *)context;
	return true;
}

static unsigned areas(void)
{
	unsigned count = 0;

	space_each(space, count_one, &count);
	assert_int_equal(count, space->area_count);
	return count;
}

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
	is(access(AT, USER_ACCESS_EXEC, &word), -EACCES);
	is(try_peek(AT + P), -EFAULT);
	is(try_peek(0), -EFAULT);
	is(try_peek(UINTPTR_MAX), -EFAULT);
	map_at(AT, P, X, AREA_FIXED);
	is(try_peek(AT), 0); /* x86 cannot forbid it */
	is(access(AT, USER_ACCESS_EXEC, &word), 0);
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
		T(map_places_areas_downwards_from_the_top),
		T(map_takes_the_highest_gap_that_fits),
		T(map_joins_equal_neighbours),
		T(map_honours_a_free_hint_and_ignores_a_taken_one),
		T(map_low_stays_below_2_gib),
		T(map_fixed_replaces_what_is_there),
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
		T(stacks_keep_a_gap_of_256_pages),
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
