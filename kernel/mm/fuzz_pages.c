/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random RAM, random allocations, and frees, against a plain list of what is held: blocks never overlap, keep what is
 * written into them, and all memory comes back.
 */
#include "pages_private.h"

#include "../port/host/host.h"

#include <base/assert.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include <string.h>

enum { HELD_MAX = 512, RANGES_MAX = 24 };

#define RAM_FRAMES (1u << 14) /* 64 MiB, where the ranges lie */

struct held {
	struct page *page; /* of a block; NULL: an object */
	unsigned char *bytes;
	size_t size;
	unsigned char mark;
	bool reporting;
};

struct input {
	const uint8_t *at, *end;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned next(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static unsigned next16(struct input *in)
{
	unsigned low = next(in);

	return low | next(in) << 8;
}

/* Ranges in ascending order, so that none overlap. */
static void add_ram(struct input *in)
{
	uint64_t frame = next(in) % 4;
	unsigned count = 1 + next(in) % RANGES_MAX;

	for (unsigned i = 0; i < count && frame < RAM_FRAMES; i++) {
		uint64_t frames = next16(in) % (i & 1 ? RAM_FRAMES / 2 : 700);

		frames = min(frames, RAM_FRAMES - frame);
		pages_add(phys(frame << PAGE_SHIFT), frames << PAGE_SHIFT);
		frame += frames + next16(in) % 600;
	}
}

static void fill(struct held *h)
{
	/* Ends and some between; whole blocks would take too long. */
	for (size_t i = 0; i < h->size; i += i < 64 ? 1 : 1021)
		h->bytes[i] = h->mark;
	if (h->size)
		h->bytes[h->size - 1] = h->mark;
}

static void check(const struct held *h)
{
	for (size_t i = 0; i < h->size; i += i < 64 ? 1 : 1021)
		assert(h->bytes[i] == h->mark);
	assert(!h->size || h->bytes[h->size - 1] == h->mark);
}

static void take(struct held *h, unsigned what, unsigned amount)
{
	static unsigned char mark;

	*h = (struct held){ .mark = ++mark };
	if ((what & 0x43) == 0x40) {
		h->reporting = true;
		h->page = page_report_take();
		if (!h->page)
			return;
		h->bytes = page_virt(h->page);
		h->size = PAGE_SIZE << h->page->order;
	} else if (what & 1) {
		unsigned order = amount % (PAGE_ORDER_MAX + 1);

		order = order > 12 ? order % 4 : order;
		h->page = page_alloc(order, what & 2 ? PAGE_ZEROED : PAGE_PLAIN);
		if (!h->page)
			return;
		h->bytes = page_virt(h->page);
		h->size = PAGE_SIZE << order;
		assert(is_aligned(page_phys(h->page).raw, h->size));
		for (size_t i = 0; what & 2 && i < h->size; i += 509)
			assert(!h->bytes[i]);
	} else {
		h->size = what & 2 ? amount % 100 : amount % 10000;
		h->bytes = mem_alloc(h->size);
		if (!h->bytes)
			return;
		assert(is_aligned((uintptr_t)h->bytes, 16));
	}
	fill(h);
}

static void drop(struct held *h)
{
	check(h);
	if (h->reporting && h->mark & 3)
		page_report_done(h->page);
	else if (h->page)
		page_put(h->page);
	else
		mem_free(h->bytes);
	h->bytes = NULL;
}

static void ignore(const struct pages_report *report)
{
	(void)report;
}

static void resize(struct held *h, size_t size)
{
	unsigned char *bytes;
	size_t kept = min(min(size, h->size), (size_t)64);

	if (h->page)
		return;
	check(h);
	bytes = mem_resize(h->bytes, size);
	if (!bytes)
		return;
	for (size_t i = 0; i < kept; i++)
		assert(bytes[i] == h->mark);
	h->bytes = bytes;
	h->size = size;
	fill(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct held held[HELD_MAX];
	struct pages_report report = { .wanted = ignore };
	struct input in = { data, data + size };
	uint64_t free_bytes;

	host_machine_reset();
	pages_forget();
	mem_forget();
	memset(held, 0, sizeof(held));
	host_fail_allocation_after(next(&in) & 1 ? next(&in) : HOST_NEVER);
	add_ram(&in);
	report.order = next(&in) % 12;
	pages_set_report(&report);
	while (in.at < in.end) {
		unsigned what = next(&in);
		struct held *h = &held[next16(&in) % HELD_MAX];

		if (!h->bytes)
			take(h, what, next16(&in));
		else if (what & 128)
			resize(h, next16(&in) % 9000);
		else
			drop(h);
		if (!(what & 60))
			pages_check();
	}
	for (unsigned i = 0; i < HELD_MAX; i++) {
		if (held[i].bytes)
			drop(&held[i]);
	}
	pages_check();
	/* What stays taken: struct pages, tables, a spare slab of each size. */
	free_bytes = pages_stats().free_bytes;
	assert(pages_stats().total_bytes - free_bytes <=
	       pages_stats().total_bytes / 200 + 150 * PAGE_SIZE);
	return 0;
}
