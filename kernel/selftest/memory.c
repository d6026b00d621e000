/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory: the map, and a pattern in all that is free. Each word gets a number made of its physical address, everywhere before
 * it is looked at anywhere, so that memory which is there twice, or not at all, shows; then the number's complement.
 *
 * Where that would take longer than the limit (`selftest.memory=SECONDS`; `all`: there is none), a piece of each block is tried,
 * then the next piece of each, as far as the time goes.
 */
#include "checks.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <boot/info.h>
#include <core/params.h>
#include <core/thread.h>
#include <core/time.h>
#include <hal/early.h>
#include <mm/pages.h>

#include "pattern.h"
#include "report.h"

enum {
	PIECE_ORDER = 4,
	PIECE_BYTES = 1 << (PIECE_ORDER + PAGE_SHIFT),
	SECONDS_DEFAULT = 2,
	PASSES = 3, /* fill, look and fill, look */
	RANGES_SHOWN = 64,
};
#define RESERVE_BYTES ((uint64_t)512 << 10) /* the kernel goes on meanwhile */
#define RESERVE_PART 64                     /* and so much of it all: page tables, the page array */

struct test {
	struct page *blocks;  /* linked by owner */
	uint64_t deadline_ns; /* for filling */
	uint64_t pieces;      /* how many were filled */
	uint64_t failed_at;   /* physical address; 0: nowhere */
	uint64_t wanted, found;
};

/* --- what is tried --- */

static void take_all(struct test *test)
{
	struct pages_stats stats = pages_stats();
	uint64_t reserve = RESERVE_BYTES + stats.free_bytes / RESERVE_PART;
	unsigned order = PAGE_ORDER_MAX;

	while (order >= PIECE_ORDER) {
		struct page *page = NULL;

		if (pages_stats().free_bytes > reserve + (PAGE_SIZE << order))
			page = page_alloc(order, PAGE_IF_FREE);
		if (!page) {
			order--;
			continue;
		}
		page->owner = test->blocks;
		test->blocks = page;
	}
}

static void give_back(struct test *test)
{
	while (test->blocks) {
		struct page *page = test->blocks;

		test->blocks = page->owner;
		page_put(page);
	}
}

/* Calls fn for the first `count` pieces, round by round; false stops. Returns how many it was called for. */
static uint64_t each_piece(struct test *test, uint64_t count,
			   bool (*fn)(struct test *test, uint64_t *words))
{
	uint64_t done = 0;

	for (uint64_t at = 0; done < count; at += PIECE_BYTES) {
		uint64_t before = done;

		for (struct page *page = test->blocks; page && done < count; page = page->owner) {
			if (at >= PAGE_SIZE << page->order)
				continue;
			done++;
			if (!fn(test, (uint64_t *)((char *)page_virt(page) + at)))
				return done;
		}
		if (done == before)
			break; /* there are no more */
	}
	return done;
}

/* --- the passes --- */

static bool fill(struct test *test, uint64_t *words)
{
	pattern_fill(words, PIECE_BYTES, virt_to_phys(words).raw, PATTERN_PLAIN);
	return time_now() < test->deadline_ns;
}

static bool look(struct test *test, const uint64_t *words, enum pattern pattern)
{
	uint64_t start = virt_to_phys(words).raw;
	size_t bad = pattern_find_bad(words, PIECE_BYTES, start, pattern);

	if (bad == PIECE_BYTES)
		return true;
	test->failed_at = start + bad;
	test->wanted = pattern_at(test->failed_at, pattern);
	test->found = words[bad / sizeof *words];
	return false;
}

static bool look_and_invert(struct test *test, uint64_t *words)
{
	if (!look(test, words, PATTERN_PLAIN))
		return false;
	pattern_fill(words, PIECE_BYTES, virt_to_phys(words).raw, PATTERN_INVERTED);
	return true;
}

static bool look_inverted(struct test *test, uint64_t *words)
{
	return look(test, words, PATTERN_INVERTED);
}

/* --- */

static uint64_t seconds_allowed(void)
{
	const char *value = params_get("selftest.memory");

	if (value && !strcmp(value, "all"))
		return 0;
	return value ? params_number("selftest.memory", SECONDS_DEFAULT) : SECONDS_DEFAULT;
}

static void check_patterns(void)
{
	uint64_t seconds = seconds_allowed();
	struct test test = { 0 };

	take_all(&test);
	test.deadline_ns = seconds ? time_now() + seconds * NS_PER_S / PASSES : TIME_NEVER;
	test.pieces = each_piece(&test, UINT64_MAX, fill);
	each_piece(&test, test.pieces, look_and_invert);
	if (!test.failed_at)
		each_piece(&test, test.pieces, look_inverted);
	give_back(&test);
	report_value("memory.tested", "%lu", test.pieces * PIECE_BYTES);
	if (test.failed_at)
		report_fail("memory pattern", "at %#lx is %#lx, not %#lx", test.failed_at,
			    test.found, test.wanted);
	else if (!test.pieces)
		report_fail("memory pattern", "nothing is free to be tried");
	else
		report_ok("memory pattern", "%lu KiB of %lu KiB that are free",
			  test.pieces * (PIECE_BYTES / 1024), pages_stats().free_bytes / 1024);
}

static void check_map(void)
{
	uint64_t bytes = boot_info.image_end - boot_info.image_start;

	for (uint32_t i = 0; i < boot_info.range_count; i++) {
		const struct boot_range *range = &boot_info.ranges[i];

		bytes += range->end - range->start;
		if (i < RANGES_SHOWN)
			report_value("memory.range", "%#lx-%#lx", range->start, range->end);
	}
	report_value("memory.bytes", "%lu", bytes);
	if (boot_info.ranges_lost)
		report_fail("memory map", "%u of its ranges are too many", boot_info.ranges_lost);
	else
		report_ok("memory map", "%lu KiB in %u ranges", bytes / 1024,
			  boot_info.range_count);
}

void check_memory(void)
{
	check_map();
	check_patterns();
}
