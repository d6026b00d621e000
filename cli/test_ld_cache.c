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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_paths_of_a_name_are_found),
		cmocka_unit_test(newer_format_is_found_behind_the_older),
		cmocka_unit_test(damage_gives_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
