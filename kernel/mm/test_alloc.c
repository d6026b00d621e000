/* SPDX-License-Identifier: BSD-3-Clause */
/* Object caches, mem_alloc() and kernel stacks on the real page allocator. */
#include <mm/alloc.h>
#include <mm/pages.h>
#include <mm/stack.h>

#include "../port/host/host.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((uint64_t)1 << 20)

static void cache_alloc_returns_distinct_aligned_objects(void **state)
{
	static const struct {
		size_t bytes, align;
	} kinds[] = { { 1, 1 },    { 24, 8 },   { 64, 64 },    { 100, 16 },  { 576, 64 },
		      { 1000, 8 }, { 2048, 8 }, { 100, 2048 }, { 64, 4096 }, { 2048, 4096 } };

	(void)state;
	for (size_t k = 0; k < countof(kinds); k++) {
		unsigned char *objects[300];
		struct cache cache;

		cache_init(&cache, "test", kinds[k].bytes, kinds[k].align);
		for (size_t i = 0; i < countof(objects); i++) {
			objects[i] = cache_alloc(&cache);
			assert_non_null(objects[i]);
			assert_true(is_aligned((uintptr_t)objects[i], kinds[k].align));
			memset(objects[i], (int)i, kinds[k].bytes);
		}
		assert_int_equal(cache.in_use, countof(objects));
		for (size_t i = 0; i < countof(objects); i++) {
			for (size_t j = 0; j < kinds[k].bytes; j++)
				assert_int_equal(objects[i][j], (unsigned char)i);
			cache_free(&cache, objects[i]);
		}
		assert_int_equal(cache.in_use, 0);
	}
}

static void cache_free_gives_back_all_pages_but_one(void **state)
{
	struct cache cache;
	void *objects[1000];
	uint64_t before = pages_stats().free_bytes;

	(void)state;
	cache_init(&cache, "test", 96, 8);
	for (size_t i = 0; i < countof(objects); i++)
		objects[i] = cache_alloc(&cache);
	assert_true(pages_stats().free_bytes < before - 20 * PAGE_SIZE);
	for (size_t i = 0; i < countof(objects); i += 2)
		cache_free(&cache, objects[i]);
	for (size_t i = 1; i < countof(objects); i += 2)
		cache_free(&cache, objects[i]);
	assert_int_equal(pages_stats().free_bytes, before - PAGE_SIZE);
	cache_free(&cache, NULL);
}

static void mem_alloc_serves_every_size(void **state)
{
	uint64_t before;
	unsigned char *p[2100];

	(void)state;
	for (int round = 0; round < 2; round++) {
		before = pages_stats().free_bytes;
		for (size_t n = 0; n < countof(p); n++) {
			p[n] = mem_alloc(n);
			assert_non_null(p[n]);
			assert_true(is_aligned((uintptr_t)p[n], 16));
			memset(p[n], (int)n, n);
		}
		for (size_t n = 0; n < countof(p); n++) {
			for (size_t j = 0; j < n; j++)
				assert_int_equal(p[n][j], (unsigned char)n);
			mem_free(p[n]);
		}
	}
	/* The second time the spare slabs are there already. */
	assert_int_equal(pages_stats().free_bytes, before);
}

static void mem_alloc_of_whole_pages_is_page_aligned(void **state)
{
	(void)state;
	for (size_t bytes = 4096; bytes < 9 * MIB; bytes = bytes * 3 / 2) {
		void *p = mem_zalloc(bytes);

		assert_non_null(p);
		assert_true(is_aligned((uintptr_t)p, PAGE_SIZE));
		for (size_t i = 0; i < bytes; i += 512)
			assert_int_equal(((char *)p)[i], 0);
		mem_free(p);
	}
	assert_null(mem_alloc(SIZE_MAX));
	assert_null(mem_alloc(SIZE_MAX / 2));
	assert_null(mem_zalloc((size_t)1 << 40));
}

static void mem_resize_keeps_the_content(void **state)
{
	unsigned char *p = NULL;
	size_t bytes = 0;

	(void)state;
	for (size_t next = 1; next < 100000; next = next * 5 / 4 + 1) {
		p = mem_resize(p, next);
		assert_non_null(p);
		for (size_t i = 0; i < bytes; i++)
			assert_int_equal(p[i], (unsigned char)(i * 7));
		for (size_t i = bytes; i < next; i++)
			p[i] = (unsigned char)(i * 7);
		bytes = next;
	}
	while (bytes > 3) {
		bytes = bytes * 2 / 3;
		p = mem_resize(p, bytes);
		for (size_t i = 0; i < bytes; i++)
			assert_int_equal(p[i], (unsigned char)(i * 7));
	}
	mem_free(p);
	mem_free(NULL);
}

static void mem_strdup_copies(void **state)
{
	char *copy = mem_strdup("capuchin");

	(void)state;
	assert_string_equal(copy, "capuchin");
	mem_free(copy);
}

static void free_object_twice(void)
{
	void *a = mem_alloc(40), *b = mem_alloc(40);

	(void)b;
	mem_free(a);
	mem_free(a);
}

static void free_page_twice(void)
{
	struct page *page = page_alloc(0, PAGE_PLAIN);

	page_put(page);
	page_put(page);
}

static void free_block_twice(void)
{
	struct page *page = page_alloc(3, PAGE_PLAIN);

	page_put(page);
	page_put(page);
}

/* Whether the kernel stops (aborts, on the host) when it does this. */
static bool stops(void (*fn)(void))
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL); /* cmocka's handler would go on with the tests */
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void freeing_twice_is_noticed(void **state)
{
	(void)state;
	assert_true(stops(free_object_twice));
	assert_true(stops(free_page_twice));
	assert_true(stops(free_block_twice));
}

static void stacks_are_writable_and_recycled(void **state)
{
	char *stacks[40];
	size_t pages;

	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < countof(stacks); i++) {
			stacks[i] = stack_create();
			assert_non_null(stacks[i]);
			memset(stacks[i] + 64, (int)i, STACK_BYTES - 64);
		}
		if (round == 0)
			pages = host_kernel_pages();
		assert_int_equal(host_kernel_pages(), pages); /* no more for the next round */
		for (size_t i = 0; i < countof(stacks); i++) {
			assert_int_equal(stacks[i][STACK_BYTES - 1], i);
			stack_destroy(stacks[i]);
		}
		assert_int_equal(host_kernel_pages(),
				 pages - (countof(stacks) - 16) * STACK_BYTES / PAGE_SIZE);
	}
	stack_destroy(NULL);
}

static void overrun_stack(void)
{
	volatile char *stack = stack_create();

	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	stack[-1] = 1;
}

static void stacks_have_a_guard_page(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (!child) {
		close(STDERR_FILENO);
		overrun_stack();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void stack_create_without_tables_fails_and_loses_nothing(void **state)
{
	void *stacks[64];
	size_t count = 0;
	uint64_t before;

	(void)state;
	/* Enough stacks that the next needs a table of its own. */
	while (count < countof(stacks)) {
		stacks[count] = stack_create();
		assert_non_null(stacks[count++]);
	}
	for (unsigned i = 0; i < 100; i++) {
		void *stack;

		before = pages_stats().free_bytes;
		host_fail_allocation_after(0);
		stack = stack_create();
		if (!stack) {
			assert_true(host_allocation_failed());
			assert_int_equal(pages_stats().free_bytes, before);
		}
		host_fail_allocation_after(HOST_NEVER);
		stack_destroy(stack);
	}
	while (count)
		stack_destroy(stacks[--count]);
}

/* What another has of a cache, and gives back when memory is short. */
struct hoard {
	struct pages_reclaimer reclaimer;
	struct cache cache;
	void *objects[200];
	unsigned count;
};

static bool give_back(struct pages_reclaimer *reclaimer)
{
	struct hoard *hoard = container_of(reclaimer, struct hoard, reclaimer);

	if (!hoard->count)
		return false;
	cache_free(&hoard->cache, hoard->objects[--hoard->count]);
	return true;
}

static void objects_can_be_freed_to_make_room_for_others(void **state)
{
	struct hoard hoard = { .reclaimer.reclaim = give_back };
	struct list_node taken = { &taken, &taken };
	struct page *page;
	void *object;

	(void)state;
	cache_init(&hoard.cache, "test", 1000, 8);
	while (hoard.count < countof(hoard.objects))
		hoard.objects[hoard.count++] = cache_alloc(&hoard.cache);
	while ((page = page_alloc(0, PAGE_IF_FREE)) != NULL)
		list_insert_before(&taken, page_virt(page));
	pages_add_reclaimer(&hoard.reclaimer);
	/* Slabs are full: a new one is wanted, for which the other gives up some. */
	object = cache_alloc(&hoard.cache);
	assert_non_null(object);
	assert_true(hoard.count < countof(hoard.objects));
	pages_remove_reclaimer(&hoard.reclaimer);
	cache_free(&hoard.cache, object);
	while (give_back(&hoard.reclaimer))
		;
	while (!list_empty(&taken)) {
		page = page_of(virt_to_phys(taken.next));
		list_remove(taken.next);
		page_put(page);
	}
	assert_int_equal(hoard.cache.in_use, 0);
}

static void out_of_memory_is_an_answer_not_an_end(void **state)
{
	struct cache cache;
	void **list = NULL, **next;
	void *last = NULL;

	(void)state;
	cache_init(&cache, "test", 2032, 16);
	while ((next = cache_alloc(&cache))) {
		*next = list;
		list = next;
	}
	assert_null(mem_alloc(MIB));
	assert_null(page_alloc(0, PAGE_PLAIN));
	for (unsigned i = 0; i < 1000 && (next = mem_alloc(100)); i++) {
		*next = last;
		last = next;
	}
	for (unsigned i = 0; i < 20; i++)
		stack_create();
	while (list) {
		next = *list;
		cache_free(&cache, list);
		list = next;
	}
	assert_int_equal(cache.in_use, 0);
	assert_non_null(page_alloc(8, PAGE_PLAIN));
}

static int start(void **state)
{
	(void)state;
	host_machine_reset();
	pages_add(phys(4096), 600 * 1024);
	pages_add(phys(MIB + 77 * 4096), 63 * MIB);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cache_alloc_returns_distinct_aligned_objects),
		cmocka_unit_test(cache_free_gives_back_all_pages_but_one),
		cmocka_unit_test(mem_alloc_serves_every_size),
		cmocka_unit_test(mem_alloc_of_whole_pages_is_page_aligned),
		cmocka_unit_test(mem_resize_keeps_the_content),
		cmocka_unit_test(mem_strdup_copies),
		cmocka_unit_test(freeing_twice_is_noticed),
		cmocka_unit_test(stacks_are_writable_and_recycled),
		cmocka_unit_test(stacks_have_a_guard_page),
		cmocka_unit_test(stack_create_without_tables_fails_and_loses_nothing),
		cmocka_unit_test(objects_can_be_freed_to_make_room_for_others),
		cmocka_unit_test(out_of_memory_is_an_answer_not_an_end),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
