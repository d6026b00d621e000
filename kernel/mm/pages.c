/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buddy allocator (Knuth, The Art of Computer Programming vol. 1, 2.5) that starts with nothing and brings RAM in piece by piece.
 *
 * Ranges. What pages_add() gets is cut at the first and last 2 MiB boundary, so that the body can be mapped with big
 * pages; head and tail are ranges of their own. No block of the buddy system crosses from one to another, and
 * none is lost by it. Of each range, [start, next) is brought in.
 *
 * Bringing in a piece: map it directly, map its part of the page array onto the piece's own first frames, and insert
 * what is left as O(log) free blocks. [start, next) is always wholly divided into blocks whose heads (the first frame's struct page)
 * are written; so the head of a block's buddy, where it lies in [start, next), is never uninitialised.
 *
 * Page tables for a piece come from this allocator too. LOW_FRAMES are kept for that as long as there is RAM to bring
 * in; for the very first piece the port has a few of its own.
 *
 * Single frames go through a short list of their own, `hot`, which spares the splitting and merging.
 *
 * Reported blocks are free ones whose memory the host may have taken. They are at the end of their lists, so that others are used
 * first, and are joined with blocks of their kind only, until something next to them is freed.
 */
#include "pages_private.h"

#include <base/assert.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <core/lock.h>
#include <hal/cpu.h>
#include <mm/pages.h>

enum {
	PIECE_FRAMES = 4096, /* 16 MiB: its struct pages fill 16 frames */
	BIG_FRAMES = 512,    /* a big page of the direct map */
	ARRAY_FRAMES = PAGE_SIZE / sizeof(struct page), /* whose struct pages fill one frame */
	LOW_FRAMES = 24, /* tables for the largest piece: direct map 7, page array 8 */
	HOT_MAX = 64,
	HOT_ORDER = 4, /* refilled, and drained, by so many frames at a time */
	RANGES_FIRST = 16,
	RANGE_CHUNKS = 16,
	REPORT_ORDER_MAX =
		11, /* a block that is being reported cannot be allocated: not too much at once */
	RECLAIM_ORDER_MAX = 9,
};

enum { STATE_USED = 0xa1, STATE_FREE = 0xa2, STATE_HOT = 0xa3, STATE_REPORTED = 0xa4 };

/* In frames. */
struct range {
	uint64_t start, next, end;
};

enum { RANGES_PER_CHUNK = PAGE_SIZE / sizeof(struct range) };

/* The machine's memory: one per machine. */
static struct {
	struct spinlock lock; /* guards everything here, and the kernel's half of the page tables */
	struct page *hot;     /* single frames, linked by owner */
	uint32_t hot_count;
	uint32_t orders;       /* bit n: free[n] is not empty */
	uint64_t free_count;   /* frames, hot ones included */
	uint64_t absent_count; /* frames not brought in yet */
	uint64_t total_count;
	struct page *free[PAGE_ORDER_MAX + 1];
	struct page *last[PAGE_ORDER_MAX + 1]; /* valid where free[n] is not NULL */
	const struct pages_report *report;     /* NULL: nobody reports */
	bool report_armed, report_due;
	struct list_node *reclaimers; /* struct pages_reclaimer.link; NULL: none yet */
	bool mapping; /* this CPU holds the lock and changes the kernel's page tables */
	unsigned mapping_cpu;
	bool tables_ours;
	uint32_t range_count;
	struct range first_ranges[RANGES_FIRST];
	struct range *more_ranges[RANGE_CHUNKS];
} ram;

static struct page *page_at(uint64_t frame)
{
	return (struct page *)page_array_base + frame;
}

static uint64_t frame_of(const struct page *page)
{
	return (uint64_t)(page - (const struct page *)page_array_base);
}

static struct range *range_at(uint32_t i)
{
	if (i < RANGES_FIRST)
		return &ram.first_ranges[i];
	i -= RANGES_FIRST;
	return &ram.more_ranges[i / RANGES_PER_CHUNK][i % RANGES_PER_CHUNK];
}

/* Free lists */

static void set_next(struct page *page, uint64_t frame)
{
	page->free.next = (uint32_t)frame;
	page->free_high.next = (uint16_t)(frame >> 32);
}

static void set_previous(struct page *page, uint64_t frame)
{
	page->free.previous = (uint32_t)frame;
	page->free_high.previous = (uint16_t)(frame >> 32);
}

static struct page *next_of(const struct page *page)
{
	uint64_t frame = page->free.next | (uint64_t)page->free_high.next << 32;

	return frame ? page_at(frame) : NULL;
}

static struct page *previous_of(const struct page *page)
{
	uint64_t frame = page->free.previous | (uint64_t)page->free_high.previous << 32;

	return frame ? page_at(frame) : NULL;
}

static bool is_free(const struct page *page)
{
	return page->state == STATE_FREE || page->state == STATE_REPORTED;
}

static void link_first(struct page *page, unsigned order)
{
	struct page *next = ram.free[order];

	set_previous(page, 0);
	set_next(page, next ? frame_of(next) : 0);
	if (next)
		set_previous(next, frame_of(page));
	else
		ram.last[order] = page;
	ram.free[order] = page;
}

static void link_last(struct page *page, unsigned order)
{
	struct page *previous = ram.free[order] ? ram.last[order] : NULL;

	set_next(page, 0);
	set_previous(page, previous ? frame_of(previous) : 0);
	if (previous)
		set_next(previous, frame_of(page));
	else
		ram.free[order] = page;
	ram.last[order] = page;
}

static void link_block(struct page *page, unsigned order, uint16_t range, uint8_t state)
{
	page->order = (uint8_t)order;
	page->state = state;
	page->range = range;
	if (likely(state == STATE_FREE))
		link_first(page, order);
	else
		link_last(page, order);
	ram.orders |= BIT(order);
}

static void unlink_block(struct page *page)
{
	struct page *next = next_of(page), *previous = previous_of(page);

	if (next)
		set_previous(next, previous ? frame_of(previous) : 0);
	else
		ram.last[page->order] = previous;
	if (previous)
		set_next(previous, next ? frame_of(next) : 0);
	else
		ram.free[page->order] = next;
	if (!ram.free[page->order])
		ram.orders &= ~BIT(page->order);
}

static bool may_join(const struct page *other, unsigned order, uint8_t state)
{
	return is_free(other) && other->order == order &&
	       (state == STATE_FREE || other->state == STATE_REPORTED);
}

/* Puts a block among the free ones, joined with its buddies as far as they are. */
static void put_block(struct page *page, unsigned order, uint16_t range, uint8_t state)
{
	const struct range *r = range_at(range);
	uint64_t frame = frame_of(page);

	for (; order < PAGE_ORDER_MAX; order++) {
		uint64_t buddy = frame ^ (uint64_t)1 << order;
		struct page *other = page_at(buddy);

		if (buddy < r->start || buddy + ((uint64_t)1 << order) > r->next)
			break;
		if (!may_join(other, order, state))
			break;
		unlink_block(other);
		frame = min(frame, buddy);
	}
	link_block(page_at(frame), order, range, state);
	if (unlikely(ram.report_armed) && state == STATE_FREE && order >= ram.report->order)
		ram.report_due = true;
}

static void free_block(struct page *page, unsigned order, uint16_t range)
{
	put_block(page, order, range, STATE_FREE);
}

/* Makes one of `order` of a block off the lists; the rest of it is free, in the same state. */
static void split(struct page *page, unsigned from, unsigned order)
{
	while (from > order) {
		from--;
		link_block(page + ((size_t)1 << from), from, page->range, page->state);
	}
	page->order = (uint8_t)order;
}

/* Takes a block off the free lists, split to size. NULL: no block is large enough. */
static struct page *take_block(unsigned order)
{
	uint32_t fit = ram.orders >> order << order;
	struct page *page;

	if (!fit)
		return NULL;
	unsigned found = (unsigned)__builtin_ctz(fit);

	page = ram.free[found];
	assert(is_free(page) && page->order == found);
	unlink_block(page);
	split(page, found, order);
	return page;
}

/* Single frames */

static void hot_push(struct page *page, uint16_t range)
{
	page->order = 0;
	page->state = STATE_HOT;
	page->range = range;
	page->owner = ram.hot;
	ram.hot = page;
	ram.hot_count++;
}

static struct page *hot_pop(void)
{
	struct page *page = ram.hot;

	assert(page->state == STATE_HOT);
	ram.hot = page->owner;
	ram.hot_count--;
	return page;
}

static void hot_drain(unsigned count)
{
	for (; count && ram.hot; count--) {
		struct page *page = hot_pop();

		free_block(page, 0, page->range);
	}
}

/* Fills the list, if need be from blocks smaller than wished. */
static void hot_fill(void)
{
	struct page *block;
	unsigned order = HOT_ORDER;

	if (!ram.orders)
		return;
	while (!(ram.orders >> order))
		order--;
	block = take_block(order);
	for (unsigned i = 1u << order; i--;)
		hot_push(block + i, block->range);
}

/* Bringing in */

/* Writes the heads of the blocks that [start, end) divides into; frees them, or leaves them in use for ever. */
static void divide(uint64_t start, uint64_t end, uint16_t range, uint8_t state)
{
	while (start < end) {
		unsigned fits = ilog2(end - start);
		unsigned order = min(min(fits, (unsigned)PAGE_ORDER_MAX),
				     (unsigned)__builtin_ctzll(start));
		struct page *page = page_at(start);

		if (state == STATE_FREE) {
			free_block(page, order, range);
		} else {
			*page = (struct page){ .order = (uint8_t)order,
					       .state = state,
					       .range = range };
			page->refs = 1;
		}
		start += (uint64_t)1 << order;
	}
}

/* Whether another range has mapped the piece of the page array that describes `frame`. Only ranges smaller than a
 * big page share one. */
static bool array_mapped(const struct range *but, uint64_t frame)
{
	uint64_t group = frame / ARRAY_FRAMES;

	for (uint32_t i = 0; i < ram.range_count; i++) {
		const struct range *r = range_at(i);

		if (r != but && r->next > r->start && r->start / ARRAY_FRAMES <= group &&
		    (r->next - 1) / ARRAY_FRAMES >= group)
			return true;
	}
	return false;
}

/* Maps [r->next, end) directly and its part of the page array; `*used` becomes the frames that took. */
static int map_piece(const struct range *r, uint64_t end, uint64_t *used)
{
	uint64_t first = r->next / ARRAY_FRAMES, last = (end - 1) / ARRAY_FRAMES;
	int error;

	/* A range that is not cut at big pages is brought in at once, so only its ends can share. */
	if (!is_aligned(r->next, ARRAY_FRAMES) && array_mapped(r, r->next))
		first++;
	if (!is_aligned(end, ARRAY_FRAMES) && first <= last && array_mapped(r, end - 1))
		last--;
	*used = last + 1 - first;
	assert(*used <= end - r->next);
	error = mmu_map_direct(phys(r->next << PAGE_SHIFT), (end - r->next) << PAGE_SHIFT,
			       MMU_READ | MMU_WRITE);
	if (error || !*used)
		return error;
	return mmu_map_kernel((uintptr_t)page_at(first * ARRAY_FRAMES), phys(r->next << PAGE_SHIFT),
			      *used << PAGE_SHIFT, MMU_READ | MMU_WRITE);
}

/* First what is left of the big page behind 1 MiB, where the image mostly is: the host has provided
 * that memory already. Then what lies below 4 GiB, where the tables mostly are already; what is
 * below 1 MiB is wanted for the start of other CPUs, so last. */
static unsigned preference(const struct range *r)
{
	if (r->start < (1 << 20 >> PAGE_SHIFT))
		return 1;
	if (r->start < BIG_FRAMES)
		return 4;
	return r->start < ((uint64_t)1 << 32 >> PAGE_SHIFT) ? 3 : 2;
}

static bool better(const struct range *a, const struct range *b)
{
	if (preference(a) != preference(b))
		return preference(a) > preference(b);
	return a->end - a->next > b->end - b->next;
}

static bool choose_range(uint32_t *out)
{
	const struct range *best = NULL;

	for (uint32_t i = 0; i < ram.range_count; i++) {
		const struct range *r = range_at(i);

		if (r->next < r->end && (!best || better(r, best))) {
			best = r;
			*out = i;
		}
	}
	return best;
}

/* Where the next piece ends: a block of the wanted order has room behind the struct pages. */
static uint64_t piece_end(const struct range *r, unsigned order)
{
	uint64_t block = (uint64_t)1 << order;
	uint64_t end = align_up(r->next + PIECE_FRAMES / 2, PIECE_FRAMES);
	uint64_t room = align_up(r->next + 2 * block / ARRAY_FRAMES + 1, block) + block;

	return min(max(end, align_up(room, BIG_FRAMES)), r->end);
}

static const struct mmu_frames table_frames;

/* Brings in another piece. False: there is none, or no page table for it. */
static bool bring_in(unsigned order)
{
	uint64_t start, end, used;
	struct range *r;
	uint32_t index;
	int error;

	if (!ram.absent_count || ram.mapping || !choose_range(&index))
		return false;
	r = range_at(index);
	start = r->next;
	end = piece_end(r, order);
	ram.mapping_cpu = cpu_index();
	ram.mapping = true;
	error = map_piece(r, end, &used);
	ram.mapping = false;
	if (error)
		return false;

	r->next = end;
	ram.absent_count -= end - start;
	ram.free_count += end - start - used;
	divide(start, start + used, (uint16_t)index, STATE_USED);
	divide(start + used, end, (uint16_t)index, STATE_FREE);
	if (!ram.tables_ours) {
		ram.tables_ours = true;
		mmu_set_frames(&table_frames);
	}
	return true;
}

/* Allocation */

static struct page *take(unsigned order)
{
	uint64_t count = (uint64_t)1 << order;
	struct page *page = NULL;

	while (unlikely(ram.free_count < count + LOW_FRAMES) && bring_in(order))
		;
	if (!order) {
		if (!ram.hot)
			hot_fill();
		if (ram.hot)
			page = hot_pop();
	} else {
		page = take_block(order);
		if (!page) {
			hot_drain(ram.hot_count);
			page = take_block(order);
		}
		while (!page && bring_in(order))
			page = take_block(order);
	}
	if (!page)
		return NULL;
	ram.free_count -= count;
	page->refs = 1;
	page->state = STATE_USED;
	page->owner = NULL;
	return page;
}

static struct page *locked_take(unsigned order)
{
	struct page *page;

	spin_lock(&ram.lock);
	page = take(order);
	spin_unlock(&ram.lock);
	return page;
}

/* Whether somebody could give something back. */
static bool reclaim(unsigned order)
{
	if (!ram.reclaimers || order > RECLAIM_ORDER_MAX)
		return false;
	list_for_each(node, ram.reclaimers) {
		struct pages_reclaimer *reclaimer = list_entry(node, struct pages_reclaimer, link);

		if (reclaimer->reclaim(reclaimer))
			return true;
	}
	return false;
}

struct page *page_alloc(unsigned order, enum page_flags flags)
{
	struct page *page;

	assert(order <= PAGE_ORDER_MAX);
	page = locked_take(order);
	while (unlikely(!page) && !(flags & PAGE_IF_FREE) && reclaim(order))
		page = locked_take(order);
	if (page && flags & PAGE_ZEROED)
		memset(page_virt(page), 0, PAGE_SIZE << order);
	return page;
}

void page_get(struct page *page)
{
	assert(page->state == STATE_USED);
	__atomic_fetch_add(&page->refs, 1, __ATOMIC_RELAXED);
}

void page_split(struct page *block)
{
	uint64_t frames = (uint64_t)1 << block->order;

	spin_lock(&ram.lock);
	assert(block->state == STATE_USED && block->refs == 1);
	for (uint64_t i = 0; i < frames; i++)
		block[i] = (struct page){ .refs = 1, .state = STATE_USED, .range = block->range };
	spin_unlock(&ram.lock);
}

static void release(struct page *page)
{
	unsigned order = page->order;

	ram.free_count += (uint64_t)1 << order;
	if (order) {
		free_block(page, order, page->range);
		return;
	}
	hot_push(page, page->range);
	if (unlikely(ram.hot_count > HOT_MAX))
		hot_drain(1 << HOT_ORDER);
}

void page_put(struct page *page)
{
	const struct pages_report *report = NULL;

	assert(page->state == STATE_USED && page->refs);
	if (__atomic_sub_fetch(&page->refs, 1, __ATOMIC_ACQ_REL))
		return;
	spin_lock(&ram.lock);
	release(page);
	if (unlikely(ram.report_due)) {
		ram.report_due = ram.report_armed = false;
		report = ram.report;
	}
	spin_unlock(&ram.lock);
	if (unlikely(report))
		report->wanted(report);
}

/* For a balloon */

void pages_set_report(const struct pages_report *report)
{
	spin_lock(&ram.lock);
	ram.report = report;
	ram.report_armed = ram.report_due = false;
	spin_unlock(&ram.lock);
}

/* The first block of an order that is not reported is in front. */
static struct page *unreported(void)
{
	uint32_t orders = ram.orders >> ram.report->order << ram.report->order;

	for (; orders; orders &= orders - 1) {
		struct page *page = ram.free[__builtin_ctz(orders)];

		if (page->state == STATE_FREE)
			return page;
	}
	return NULL;
}

struct page *page_report_take(void)
{
	struct page *page;
	unsigned order;

	spin_lock(&ram.lock);
	page = ram.report ? unreported() : NULL;
	order = page ? min((unsigned)page->order, (unsigned)REPORT_ORDER_MAX) : 0;
	/* As much has to stay. */
	if (page && ram.free_count + ram.absent_count < (uint64_t)2 << order)
		page = NULL;
	if (page) {
		unlink_block(page);
		split(page, page->order, order);
		ram.free_count -= (uint64_t)1 << order;
		page->state = STATE_USED;
		page->refs = 1;
		page->owner = NULL;
	}
	ram.report_armed = !page && ram.report;
	spin_unlock(&ram.lock);
	return page;
}

void page_report_done(struct page *page)
{
	assert(page->state == STATE_USED && page->refs == 1);
	spin_lock(&ram.lock);
	ram.free_count += (uint64_t)1 << page->order;
	put_block(page, page->order, page->range, STATE_REPORTED);
	spin_unlock(&ram.lock);
}

void pages_add_reclaimer(struct pages_reclaimer *reclaimer)
{
	static struct list_node reclaimers = { &reclaimers, &reclaimers };

	spin_lock(&ram.lock);
	ram.reclaimers = &reclaimers;
	list_insert_before(&reclaimers, &reclaimer->link);
	spin_unlock(&ram.lock);
}

void pages_remove_reclaimer(struct pages_reclaimer *reclaimer)
{
	spin_lock(&ram.lock);
	list_remove(&reclaimer->link);
	spin_unlock(&ram.lock);
}

/* Page tables. While the lock's holder maps, it asks for tables itself: then they come from the frames kept back. */

static bool mapping_here(void)
{
	return ram.mapping && ram.mapping_cpu == cpu_index();
}

static bool table_get(phys_t *frame) NO_THREAD_SAFETY_ANALYSIS
{
	struct page *page = mapping_here() ? take(0) : page_alloc(0, PAGE_PLAIN);

	if (page)
		*frame = page_phys(page);
	return page;
}

static void table_put(phys_t frame) NO_THREAD_SAFETY_ANALYSIS
{
	struct page *page = page_of(frame);

	if (!mapping_here()) {
		page_put(page);
		return;
	}
	assert(page->state == STATE_USED && page->refs == 1);
	release(page);
}

static const struct mmu_frames table_frames = { .get = table_get, .put = table_put };

int pages_map_kernel(uintptr_t va, phys_t start, size_t bytes, unsigned flags)
{
	int error;

	spin_lock(&ram.lock);
	while (ram.free_count < LOW_FRAMES && bring_in(0))
		;
	ram.mapping_cpu = cpu_index();
	ram.mapping = true;
	error = mmu_map_kernel(va, start, bytes, flags);
	ram.mapping = false;
	spin_unlock(&ram.lock);
	return error;
}

void pages_unmap_kernel(uintptr_t va, size_t bytes)
{
	spin_lock(&ram.lock);
	ram.mapping_cpu = cpu_index();
	ram.mapping = true;
	mmu_unmap_kernel(va, bytes);
	ram.mapping = false;
	spin_unlock(&ram.lock);
}

/* Start */

/* Room for one more range: past the first few, in pages of the RAM known so far. */
static struct range *new_range(void)
{
	uint32_t i = ram.range_count, chunk;

	if (i >= RANGES_FIRST && (i - RANGES_FIRST) % RANGES_PER_CHUNK == 0) {
		struct page *page;

		chunk = (i - RANGES_FIRST) / RANGES_PER_CHUNK;
		page = chunk < RANGE_CHUNKS ? take(0) : NULL;
		if (!page)
			return NULL;
		ram.more_ranges[chunk] = page_virt(page);
	}
	ram.range_count++;
	return range_at(i);
}

static void add_range(uint64_t start, uint64_t end)
{
	struct range *r;

	if (start >= end)
		return;
	r = new_range();
	if (!r) {
		log_warning("no room to note %llu KiB of RAM at %#llx: unused",
			    (unsigned long long)(end - start) * PAGE_SIZE / 1024,
			    (unsigned long long)start << PAGE_SHIFT);
		return;
	}
	*r = (struct range){ .start = start, .next = start, .end = end };
	ram.absent_count += end - start;
	ram.total_count += end - start;
}

void pages_add(phys_t start, uint64_t bytes)
{
	uint64_t limit = (uint64_t)1 << 46;
	uint64_t from = min(start.raw, limit), to = from + min(bytes, limit - from);
	uint64_t body, tail;

	/* Frame 0 is the free lists' "none". */
	from = max(align_up(from, PAGE_SIZE) >> PAGE_SHIFT, (uint64_t)1);
	to >>= PAGE_SHIFT;
	if (from >= to)
		return;
	spin_lock(&ram.lock);
	body = min(align_up(from, BIG_FRAMES), to);
	tail = max(align_down(to, BIG_FRAMES), body);
	add_range(body, tail);
	add_range(from, body);
	add_range(tail, to);
	spin_unlock(&ram.lock);
}

static uint64_t reclaimable(void)
{
	uint64_t bytes = 0;

	if (!ram.reclaimers)
		return 0;
	list_for_each(node, ram.reclaimers)
		bytes += __atomic_load_n(&list_entry(node, struct pages_reclaimer, link)->bytes,
					 __ATOMIC_RELAXED);
	return bytes;
}

struct pages_stats pages_stats(void)
{
	struct pages_stats stats = { .reclaimable_bytes = reclaimable() };

	spin_lock(&ram.lock);
	stats.total_bytes = ram.total_count << PAGE_SHIFT;
	stats.free_bytes = (ram.free_count + ram.absent_count) << PAGE_SHIFT;
	spin_unlock(&ram.lock);
	return stats;
}

/* For tests */

static uint64_t check_list(unsigned order)
{
	const struct page *previous = NULL;
	uint64_t count = 0, frames = (uint64_t)1 << order;

	for (struct page *p = ram.free[order]; p; p = next_of(p)) {
		const struct range *r = range_at(p->range);
		uint64_t frame = frame_of(p);

		assert(is_free(p) && p->order == order && previous_of(p) == previous);
		/* Reported ones come last. */
		assert(p->state == STATE_REPORTED || !previous || previous->state == STATE_FREE);
		assert(is_aligned(frame, frames) && frame >= r->start && frame + frames <= r->next);
		previous = p;
		count += frames;
	}
	assert(!previous || ram.last[order] == previous);
	assert(!count == !(ram.orders & BIT(order)));
	return count;
}

void pages_check(void)
{
	uint64_t count = 0;
	uint32_t hot = 0;

	for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++)
		count += check_list(order);
	for (const struct page *p = ram.hot; p; p = p->owner) {
		assert(p->state == STATE_HOT);
		hot++;
	}
	assert(hot == ram.hot_count && count + hot == ram.free_count);
}

void pages_forget(void)
{
	memset(&ram, 0, sizeof(ram));
}
