/* SPDX-License-Identifier: BSD-3-Clause */
/* The setting of the address space's tests. See sim_space.h. */
#include "sim_space.h"

#include "../port/host/host.h"
#include "pages_private.h"

#include <base/assert.h>
#include <base/errno.h>
#include <mm/alloc.h>
#include <mm/pages.h>

struct sim_file file;

static int object_page(struct vm_object *object, uint64_t index, bool write, struct vm_page *out)
{
	struct sim_file *f = container_of(object, struct sim_file, object);

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
	struct sim_file *f = container_of(object, struct sim_file, object);

	if (index >= OBJECT_PAGES / 2)
		return 0;
	*first = phys_add(page_phys(f->memory), index * P);
	return min(count, OBJECT_PAGES / 2 - index);
}

static void object_get(struct vm_object *object)
{
	container_of(object, struct sim_file, object)->refs++;
}

static void object_put(struct vm_object *object)
{
	container_of(object, struct sim_file, object)->refs--;
}

static const struct vm_object_ops object_ops = {
	.page = object_page, .run = object_run, .get = object_get, .put = object_put
};

struct space *space;
uint64_t free_at_start;

/* Page i of the file begins with the word 1000 + i. */
static void make_file(void)
{
	file = (struct sim_file){ .refs = 1 };
	vm_object_init(&file.object, &object_ops);
	file.memory = page_alloc(3, PAGE_ZEROED);
	assert(file.memory);
	for (unsigned i = 0; i < OBJECT_PAGES / 2; i++) {
		*(uint32_t *)((char *)page_virt(file.memory) + i * P) = 1000 + i;
		file.cached[i] = page_alloc(0, PAGE_ZEROED);
		assert(file.cached[i]);
		*(uint32_t *)page_virt(file.cached[i]) = 1000 + OBJECT_PAGES / 2 + i;
	}
}

int fresh(void **state)
{
	struct space_map request = { .bytes = P, .prot = RW, .flags = AREA_SHARED };
	struct space *warm;
	uintptr_t at;

	(void)state;
	host_machine_reset();
	host_fail_allocation_after(HOST_NEVER);
	pages_forget();
	pages_add(phys(MIB), 32 * MIB);
	make_file();
	/* Slabs that stay are there before the count. (The caches of the test before are of a machine that is gone.) */
	mem_forget();
	warm = space_create();
	assert(space_brk(warm, 0) == 0);
	assert(space_map(warm, &request, &at) == 0);
	space_put(warm);
	free_at_start = pages_stats().free_bytes;
	space = space_create();
	assert(space);
	space->mmap_top = TOP;
	return 0;
}

int finish(void **state)
{
	(void)state;
	host_fail_allocation_after(HOST_NEVER);
	space_put(space);
	pages_check();
	assert(host_mmu_pages() == 0);
	assert(file.refs == 1);
	assert(list_empty(&file.object.areas));
	for (unsigned i = 0; i < OBJECT_PAGES / 2; i++)
		assert(file.cached[i]->refs == 1);
	assert(pages_stats().free_bytes == free_at_start);
	return 0;
}

/* Short forms */

uintptr_t map_at(uintptr_t hint, size_t bytes, unsigned prot, unsigned flags)
{
	struct space_map request = { .hint = hint, .bytes = bytes, .prot = prot, .flags = flags };
	uintptr_t at = 0;

	assert(space_map(space, &request, &at) == 0);
	return at;
}

uintptr_t map(size_t bytes, unsigned prot)
{
	return map_at(0, bytes, prot, 0);
}

int try_map(uintptr_t hint, size_t bytes, unsigned prot, unsigned flags)
{
	struct space_map request = { .hint = hint, .bytes = bytes, .prot = prot, .flags = flags };
	uintptr_t at;

	return space_map(space, &request, &at);
}

uintptr_t map_file(uintptr_t hint, uint64_t page, size_t bytes, unsigned prot, unsigned flags)
{
	struct space_map request = { .hint = hint,
				     .bytes = bytes,
				     .prot = prot,
				     .max_prot = R | W | X,
				     .flags = flags | AREA_FIXED,
				     .object = &file.object,
				     .object_page = page };
	uintptr_t at;

	assert(space_map(space, &request, &at) == 0);
	return at;
}

int touch_word(uintptr_t va, enum user_access kind, uint32_t **word)
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
	panic("a resolved fault did not help");
}

int poke(uintptr_t va, uint32_t value)
{
	uint32_t *word;
	int error = touch_word(va, USER_ACCESS_WRITE, &word);

	if (!error)
		*word = value;
	return error;
}

int try_peek(uintptr_t va)
{
	uint32_t *word;

	return touch_word(va, USER_ACCESS_READ, &word);
}

uint32_t peek(uintptr_t va)
{
	uint32_t *word;

	assert(touch_word(va, USER_ACCESS_READ, &word) == 0);
	return *word;
}

static bool count_one(void *context, const struct area *area)
{
	(void)area;
	++*(unsigned *)context;
	return true;
}

unsigned areas(void)
{
	unsigned count = 0;

	space_each(space, count_one, &count);
	assert(count == space->area_count);
	return count;
}
