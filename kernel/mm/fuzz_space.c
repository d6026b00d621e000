/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random calls on an address space, against a model that knows each page of a window: whether it is mapped, what
 * may be done with it, and the first word that it holds. Page tables and frames run short where the input says.
 */
#include "pages_private.h"

#include "../port/host/host.h"

#include <base/assert.h>
#include <base/errno.h>
#include <mm/pages.h>
#include <mm/space.h>

#include <string.h>

enum { WINDOW = 64, FILE_PAGES = 48, BORROWED_PAGES = 32 };

#define AT ((uintptr_t)0x10000000 - 32 * PAGE_SIZE) /* two page tables */
#define RIGHTS (SPACE_READ | SPACE_WRITE | SPACE_EXEC)

struct model_page {
	bool mapped, file;
	unsigned prot;
	unsigned file_page;
	bool written;  /* private: has a page of its own */
	uint32_t word; /* of such a page */
};

static struct model_page model[WINDOW];
static struct space *space;

struct input {
	const uint8_t *at, *end;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned next(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

/* The file: some pages borrowed, some kept and counted, and some made for who asks. */

static struct page *borrowed, *cached[FILE_PAGES];
static unsigned file_pages; /* how many it has now */
static int object_refs;

static int object_page(struct vm_object *object, uint64_t index, bool write, struct vm_page *out)
{
	struct page *page;

	(void)object;
	(void)write;
	if (index >= file_pages)
		return -ENXIO;
	if (index < BORROWED_PAGES) {
		*out = (struct vm_page){ phys_add(page_phys(borrowed), index * PAGE_SIZE), true };
		return 0;
	}
	page = cached[index];
	if (page) {
		page_get(page);
	} else {
		page = page_alloc(0, PAGE_PLAIN);
		if (!page)
			return -ENOMEM;
		*(uint32_t *)page_virt(page) = 1000 + (uint32_t)index;
	}
	*out = (struct vm_page){ page_phys(page), false };
	return 0;
}

static size_t object_run(struct vm_object *object, uint64_t index, size_t count, phys_t *first)
{
	(void)object;
	if (index >= min(file_pages, (unsigned)BORROWED_PAGES))
		return 0;
	*first = phys_add(page_phys(borrowed), index * PAGE_SIZE);
	return min(count, min(file_pages, (unsigned)BORROWED_PAGES) - index);
}

static void object_get(struct vm_object *object)
{
	(void)object;
	object_refs++;
}

static void object_put(struct vm_object *object)
{
	(void)object;
	object_refs--;
}

static const struct vm_object_ops object_ops = {
	.page = object_page, .run = object_run, .get = object_get, .put = object_put
};
static struct vm_object object = VM_OBJECT_INIT(object, &object_ops);

/* The model */

static uint32_t model_word(const struct model_page *m)
{
	if (m->written)
		return m->word;
	return m->file ? 1000 + m->file_page : 0;
}

static uintptr_t va_of(unsigned i)
{
	return AT + i * PAGE_SIZE;
}

static void model_unmap(unsigned from, unsigned count)
{
	memset(&model[from], 0, count * sizeof(model[0]));
}

/* Whether [from, from + count) could be one area. */
static bool uniform(unsigned from, unsigned count)
{
	const struct model_page *first = &model[from];

	for (unsigned i = 0; i < count; i++) {
		const struct model_page *m = &model[from + i];

		if (!m->mapped || m->file != first->file || m->prot != first->prot ||
		    (m->file && m->file_page != first->file_page + i))
			return false;
	}
	return true;
}

static void touch(unsigned i, enum user_access access, uint32_t value)
{
	struct model_page *m = &model[i];
	int error = space_fault(space, va_of(i), access);
	uint32_t *word;
	phys_t frame;
	bool allowed = access == USER_ACCESS_WRITE ? m->prot & SPACE_WRITE : m->prot;

	if (error == -ENOMEM) {
		assert(host_allocation_failed());
		return;
	}
	if (!m->mapped)
		assert(error == -EFAULT);
	else if (!allowed)
		assert(error == -EACCES);
	else if (m->file && m->file_page >= file_pages)
		assert(error == -ENXIO);
	else
		assert(!error);
	if (error)
		return;
	assert(mmu_lookup(&space->mmu, va_of(i), &frame) & MMU_READ);
	word = phys_to_virt(frame);
	assert(*word == model_word(m));
	if (access == USER_ACCESS_WRITE) {
		*word = m->word = value;
		m->written = true;
	}
}

/* Calls */

static void do_map(struct input *in, unsigned from, unsigned count)
{
	struct space_map request = { .hint = va_of(from),
				     .bytes = count * PAGE_SIZE,
				     .prot = next(in) & RIGHTS,
				     .max_prot = RIGHTS,
				     .flags = AREA_FIXED };
	unsigned file_page = next(in);
	uintptr_t out;
	int error;

	if (file_page & 1) {
		request.object = &object;
		request.object_page = file_page >>= 2;
	}
	error = space_map(space, &request, &out);
	if (error) {
		assert(error == -ENOMEM);
		return;
	}
	assert(out == va_of(from));
	for (unsigned i = 0; i < count; i++)
		model[from + i] = (struct model_page){ .mapped = true,
						       .prot = request.prot,
						       .file = request.object,
						       .file_page = file_page + i };
}

static void do_protect(unsigned from, unsigned count, unsigned prot)
{
	int error = space_protect(space, va_of(from), count * PAGE_SIZE, prot);
	bool hole = false;

	for (unsigned i = from; i < from + count && !hole; i++) {
		hole = !model[i].mapped;
		if (!hole)
			model[i].prot = prot;
	}
	assert(error == (hole ? -ENOMEM : 0));
}

static void do_drop(unsigned from, unsigned count)
{
	int error = space_advise(space, va_of(from), count * PAGE_SIZE, 4);
	bool hole = false;

	for (unsigned i = from; i < from + count; i++) {
		hole |= !model[i].mapped;
		model[i].written = false;
	}
	assert(error == (hole ? -ENOMEM : 0));
}

static void do_remap(unsigned from, unsigned count, unsigned to)
{
	struct model_page moved[WINDOW];
	uintptr_t out;
	int error;

	if (from + count > WINDOW || to + count > WINDOW)
		return;
	error = space_remap(space, va_of(from), count * PAGE_SIZE, count * PAGE_SIZE,
			    SPACE_REMAP_MAYMOVE | SPACE_REMAP_FIXED, va_of(to), &out);
	if (!model[from].mapped) {
		assert(error == -EFAULT);
		return;
	}
	if (from < to + count && to < from + count) {
		assert(error == -EINVAL);
		return;
	}
	model_unmap(to, count); /* also where it fails later */
	if (error) {
		assert(error == -EFAULT ? !uniform(from, count)
					: error == -ENOMEM && host_allocation_failed());
		return;
	}
	assert(uniform(from, count) && out == va_of(to));
	memcpy(moved, &model[from], count * sizeof(model[0]));
	model_unmap(from, count);
	memcpy(&model[to], moved, count * sizeof(model[0]));
}

/* Somewhere in the space, and gone again: places never overlap what is there. */
static void do_map_anywhere(struct input *in, unsigned pages)
{
	struct space_map request = { .hint = next(in) & 1 ? va_of(next(in) % WINDOW) : 0,
				     .bytes = pages * PAGE_SIZE,
				     .prot = SPACE_READ };
	uintptr_t out;

	space->mmap_top = va_of(next(in) % WINDOW + 1);
	if (space_map(space, &request, &out))
		return;
	for (unsigned i = 0; i < WINDOW; i++)
		assert(!model[i].mapped || va_of(i) >= out + request.bytes || va_of(i + 1) <= out);
	assert(!space_unmap(space, out, request.bytes));
}

/* The file becomes longer or shorter. */
static void do_resize(unsigned pages)
{
	bool cut = pages < file_pages;

	file_pages = pages;
	if (!cut)
		return;
	vm_object_unmap(&object, pages, UINT64_MAX, VM_UNMAP_ALL);
	for (unsigned i = 0; i < WINDOW; i++) {
		phys_t frame;

		if (!model[i].file || model[i].file_page < pages)
			continue;
		model[i].written = false;
		assert(!mmu_lookup(&space->mmu, va_of(i), &frame));
	}
}

static void do_take_back(unsigned first, unsigned count)
{
	vm_object_unmap(&object, first, first + count, VM_UNMAP_BORROWED);
	for (unsigned i = 0; i < WINDOW; i++) {
		unsigned page = model[i].file_page;
		phys_t frame;

		if (model[i].file && page >= first && page < first + count)
			assert(!(mmu_lookup(&space->mmu, va_of(i), &frame) & MMU_BORROWED));
	}
}

static void step(struct input *in)
{
	unsigned what = next(in), from = next(in) % WINDOW;
	unsigned count = 1 + next(in) % 16;

	count = min(count, WINDOW - from);
	switch (what % 12) {
	case 0:
	case 1:
		do_map(in, from, count);
		break;
	case 2:
		assert(!space_unmap(space, va_of(from), count * PAGE_SIZE));
		model_unmap(from, count);
		break;
	case 3:
		do_protect(from, count, what / 12 & RIGHTS);
		break;
	case 4:
		do_drop(from, count);
		break;
	case 5:
		do_remap(from, count, next(in) % WINDOW);
		break;
	case 6:
		do_map_anywhere(in, count);
		break;
	case 7:
		touch(from, USER_ACCESS_READ, 0);
		break;
	case 8:
		do_resize(from % (FILE_PAGES + 1));
		break;
	case 9:
		do_take_back(from, count);
		break;
	default:
		touch(from, USER_ACCESS_WRITE, what + 1);
		break;
	}
}

static void start_machine(void)
{
	pages_add(phys(1 << 20), 16 << 20);
	borrowed = page_alloc(5, PAGE_ZEROED);
	assert(borrowed);
	for (uint32_t i = 0; i < BORROWED_PAGES; i++)
		*(uint32_t *)((char *)page_virt(borrowed) + i * PAGE_SIZE) = 1000 + i;
	for (uint32_t i = BORROWED_PAGES; i < FILE_PAGES; i += 2) {
		cached[i] = page_alloc(0, PAGE_ZEROED);
		*(uint32_t *)page_virt(cached[i]) = 1000 + i;
	}
}

/* Every page of the space is the model's. */
static void check(void)
{
	size_t pages = 0, mapped = 0;

	for (unsigned i = 0; i < WINDOW; i++) {
		phys_t frame;
		unsigned flags = mmu_lookup(&space->mmu, va_of(i), &frame);

		pages += !!flags;
		mapped += model[i].mapped;
		assert(!flags || model[i].mapped);
		assert(!(flags & MMU_WRITE) || model[i].prot & SPACE_WRITE);
		assert(!(flags & MMU_EXEC) || model[i].prot & SPACE_EXEC);
		if (flags)
			assert(*(uint32_t *)phys_to_virt(frame) == model_word(&model[i]));
		else
			assert(!model[i].written);
	}
	assert(space->resident_pages == pages && host_mmu_pages() == pages);
	assert(space->mapped_bytes == mapped * PAGE_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };

	host_machine_reset();
	pages_forget();
	mem_forget();
	start_machine();
	space = space_create();
	assert(space);
	memset(model, 0, sizeof(model));
	file_pages = FILE_PAGES;
	if (next(&in) & 1)
		host_fail_allocation_after(next(&in));
	while (in.at < in.end) {
		step(&in);
		check();
	}
	host_fail_allocation_after(HOST_NEVER);
	space_put(space);
	assert(!host_mmu_pages() && !object_refs && list_empty(&object.areas));
	assert(borrowed->refs == 1);
	for (unsigned i = BORROWED_PAGES; i < FILE_PAGES; i += 2)
		assert(cached[i]->refs == 1);
	pages_check();
	return 0;
}
