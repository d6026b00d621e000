/* SPDX-License-Identifier: BSD-3-Clause */
/* Names are found in both formats, for this processor only, and damage ends the search. */
#include "ld_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct entry {
	int32_t flags;
	uint32_t key, value, osversion;
	uint64_t hwcap;
};

struct cache {
	char magic[20];
	uint32_t count, string_bytes;
	uint32_t rest[5];
	struct entry entries[3];
	char strings[64];
};

enum { STRINGS = offsetof(struct cache, strings), X86_64 = 0x303, I386 = 0x803 };

static struct cache good(void)
{
	struct cache c = { .count = 3, .string_bytes = sizeof c.strings };

	memcpy(c.magic, "glibc-ld.so.cache1.1", sizeof c.magic);
	memcpy(c.strings, "liba.so\0/x/liba.so\0/y/liba.so\0/z/liba.so\0libb.so", 49);
	c.entries[0] = (struct entry){ X86_64, STRINGS, STRINGS + 8, 0, 0 };
	c.entries[1] = (struct entry){ I386, STRINGS, STRINGS + 19, 0, 0 };
	c.entries[2] = (struct entry){ X86_64, STRINGS, STRINGS + 30, 0, 0 };
	return c;
}

static void check(const void *file, size_t bytes, const char *name, size_t count)
{
	struct strings paths = { 0 };

	ld_cache_find(file, bytes, name, &paths);
	assert_int_equal(paths.count, count);
	if (count > 0)
		assert_string_equal(paths.items[0], "/x/liba.so");
	if (count > 1)
		assert_string_equal(paths.items[1], "/z/liba.so");
	strings_free(&paths);
}

static void all_paths_of_a_name_are_found(void **state)
{
	struct cache c = good();

	(void)state;
	check(&c, sizeof c, "liba.so", 2);
	check(&c, sizeof c, "lib", 0);
	check(&c, sizeof c, "libb.so", 0);
}

static void newer_format_is_found_behind_the_older(void **state)
{
	struct {
		char magic[12];
		uint32_t count;
		char entries[12], padding[4];
		struct cache cache;
	} both = { .magic = "ld.so-1.7.0", .count = 1, .cache = good() };

	(void)state;
	check(&both, sizeof both, "liba.so", 2);
	both.count = UINT32_MAX;
	check(&both, sizeof both, "liba.so", 0);
}

static void damage_gives_what_is_left(void **state)
{
	struct cache c = good();

	(void)state;
	c.entries[0].key = UINT32_MAX;
	c.entries[1].value = sizeof c;
	check(&c, 10, "liba.so", 0);
	check(&c, sizeof c - 64, "liba.so", 0);
	c = good();
	c.count = UINT32_MAX;
	check(&c, sizeof c, "liba.so", 2);
	c.magic[19] = '2';
	check(&c, sizeof c, "liba.so", 0);
}

static void made_cache_is_found_in(void **state)
{
	struct strings names = { 0 }, paths = { 0 };
	struct text cache = { 0 };

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		strings_printf(&names, "lib%u.so.%u", i / 2, i * 7 % 12);
		strings_printf(&paths, "/lib/%u", i);
	}
	ld_cache_make(&names, &paths, &cache);
	for (unsigned i = 0; i < 12; i++) {
		struct strings found = { 0 };

		ld_cache_find(cache.data, cache.bytes, names.items[i], &found);
		assert_int_equal(found.count, 1);
		assert_string_equal(found.items[0], paths.items[i]);
		strings_free(&found);
	}
	strings_free(&names);
	strings_free(&paths);
	text_free(&cache);
}

/* The loader's binary search depends on it. */
static void made_cache_is_sorted_backwards_by_number(void **state)
{
	static const char *const sorted[] = { "libz.so.1", "libc.so.10", "libc.so.6", "libc-2.so" };
	struct strings names = { 0 }, paths = { 0 };
	struct text cache = { 0 };
	const char *last = "";

	(void)state;
	for (size_t i = countof(sorted); i--;) {
		strings_add(&names, sorted[i]);
		strings_add(&paths, "/lib/x");
	}
	ld_cache_make(&names, &paths, &cache);
	for (size_t i = 0; i < countof(sorted); i++) {
		const char *at = memmem(cache.data, cache.bytes, sorted[i], strlen(sorted[i]) + 1);

		assert_non_null(at);
		assert_true(!i || at > last);
		last = at;
	}
	strings_free(&names);
	strings_free(&paths);
	text_free(&cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_paths_of_a_name_are_found),
		cmocka_unit_test(newer_format_is_found_behind_the_older),
		cmocka_unit_test(damage_gives_what_is_left),
		cmocka_unit_test(made_cache_is_found_in),
		cmocka_unit_test(made_cache_is_sorted_backwards_by_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
