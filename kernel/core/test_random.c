/* SPDX-License-Identifier: BSD-3-Clause */
#include "random.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "../port/host/host.h"

/* What was wiped since `wiped_bytes` was last 0. */
static uint8_t wiped[1024];
static size_t wiped_bytes;

void wipe(void *bytes, size_t count)
{
	if (count <= sizeof(wiped) - wiped_bytes) {
		memcpy(wiped + wiped_bytes, bytes, count);
		wiped_bytes += count;
	}
	memset(bytes, 0, count);
}

static bool was_wiped(const void *bytes, size_t count)
{
	for (size_t i = 0; i + count <= wiped_bytes; i++)
		if (!memcmp(wiped + i, bytes, count))
			return true;
	return false;
}

static int setup(void **state)
{
	(void)state;
	memset(&pool, 0, sizeof(pool));
	wiped_bytes = 0;
	host_seed_random(1);
	host_set_time(1);
	return 0;
}

static void random_bytes_differ_each_time(void **state)
{
	uint64_t seen[64];

	(void)state;
	for (unsigned i = 0; i < countof(seen); i++) {
		seen[i] = random_u64();
		for (unsigned j = 0; j < i; j++)
			assert_true(seen[i] != seen[j]);
	}
}

static void random_bytes_fill_any_length(void **state)
{
	uint8_t bytes[200];

	(void)state;
	for (size_t length = 0; length < 150; length += 7) {
		memset(bytes, 0, sizeof(bytes));
		random_bytes(bytes, length);
		for (size_t i = length; i < sizeof(bytes); i++)
			assert_int_equal(bytes[i], 0);
	}
	random_bytes(bytes, sizeof(bytes));
	unsigned zeros = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		zeros += !bytes[i];
	assert_in_range(zeros, 0, 8);
}

static void random_bytes_are_erased_when_handed_out(void **state)
{
	static const uint8_t erased[8];
	uint64_t value;

	(void)state;
	value = random_u64();
	assert_true(value != 0);
	assert_memory_equal(pool.ready, erased, sizeof(erased));
	assert_int_equal(pool.left, READY_BYTES - sizeof(value));
}

static void random_key_changes_with_each_block(void **state)
{
	uint32_t key[CHACHA20_KEY_WORDS];
	uint8_t bytes[READY_BYTES];

	(void)state;
	random_u64();
	memcpy(key, pool.key, sizeof(key));
	random_bytes(bytes, sizeof(bytes));
	assert_memory_not_equal(key, pool.key, sizeof(key));
}

static void random_leaves_no_copy_on_the_stack(void **state)
{
	uint32_t key[CHACHA20_KEY_WORDS];
	uint8_t bytes[READY_BYTES];

	(void)state;
	random_bytes(bytes, sizeof(bytes));
	memcpy(key, pool.key, sizeof(key));
	wiped_bytes = 0;
	random_bytes(bytes, sizeof(bytes));
	assert_true(was_wiped(key, sizeof(key)));
	assert_true(was_wiped(bytes, sizeof(bytes)));
	assert_true(was_wiped(pool.key, sizeof(pool.key)));
}

static uint64_t first_with_param(const char *line)
{
	static char *memory[32];

	setup(NULL);
	params_parse(line, strlen(line), memory);
	return random_u64();
}

static void random_takes_in_the_seed_parameter(void **state)
{
	(void)state;
	assert_true(first_with_param("seed=1") != first_with_param("seed=2"));
	assert_true(first_with_param("seed=1") == first_with_param("seed=1"));
}

static void random_add_changes_what_comes(void **state)
{
	uint64_t without;

	(void)state;
	without = random_u64();
	setup(NULL);
	random_add("some bytes that are longer than one key of the generator", 56);
	assert_true(random_u64() != without);
}

static void ask(void *context)
{
	(*(unsigned *)context)++;
	random_add("fresh", 5); /* at once: no lock is held */
}

static void source_is_asked_after_so_much(void **state)
{
	static uint8_t bytes[READY_BYTES * SOURCE_BLOCKS];
	unsigned asked = 0, other = 0;

	(void)state;
	random_bytes(bytes, sizeof(bytes));
	assert_int_equal(asked, 0);
	random_set_source(ask, &other);
	random_set_source(ask, &asked);
	random_remove_source(&other);
	random_bytes(bytes, sizeof(bytes) - 2 * READY_BYTES);
	assert_int_equal(asked, 0);
	random_bytes(bytes, 3 * READY_BYTES);
	assert_int_equal(asked, 1);
	random_bytes(bytes, sizeof(bytes));
	assert_int_equal(asked, 2);
	random_remove_source(&asked);
	random_bytes(bytes, sizeof(bytes));
	assert_int_equal(asked, 2);
	assert_int_equal(other, 0);
}

static void renewal_throws_away_what_was_prepared(void **state)
{
	uint64_t prepared[3], after[3];

	(void)state;
	random_u64();
	for (unsigned i = 0; i < countof(prepared); i++)
		memcpy(&prepared[i], pool.ready + (i + 1) * sizeof(uint64_t), sizeof(uint64_t));
	random_renew();
	random_bytes(after, sizeof(after));
	for (unsigned i = 0; i < countof(after); i++)
		for (unsigned j = 0; j < countof(prepared); j++)
			assert_true(after[i] != prepared[j]);
}

/* Two machines from one snapshot, whose CPUs even give the same random numbers and times. */
static uint64_t first_of_clone(const void *snapshot, const uint64_t id[2], uint64_t generation[2])
{
	memcpy(&pool, snapshot, sizeof(pool));
	memcpy(generation, id, 2 * sizeof(*id));
	host_seed_random(7);
	host_set_time(7);
	return random_u64();
}

static void machines_from_one_snapshot_get_different_bytes(void **state)
{
	static const uint64_t ids[3][2] = { { 1, 2 }, { 1, 3 }, { 4, 2 } };
	static uint64_t generation[2];
	uint8_t snapshot[sizeof(pool)];
	uint64_t first[3];
	unsigned renewals;

	(void)state;
	random_set_generation(generation);
	random_u64();
	renewals = random_renewals();
	memcpy(snapshot, &pool, sizeof(pool));
	for (unsigned i = 0; i < countof(ids); i++) {
		first[i] = first_of_clone(snapshot, ids[i], generation);
		assert_int_equal(random_renewals(), renewals + 1);
		for (unsigned j = 0; j < i; j++)
			assert_true(first[i] != first[j]);
	}
	/* That the number decides: the same one gives the same bytes here. */
	assert_true(first_of_clone(snapshot, ids[0], generation) == first[0]);
	random_set_generation(NULL);
}

static void a_change_of_the_generation_is_seen_by_who_has_taken_bytes(void **state)
{
	static uint64_t generation[2];
	unsigned renewals;

	(void)state;
	random_set_generation(generation);
	renewals = random_renewals();
	random_u64();
	assert_int_equal(random_renewals(), renewals);
	generation[1]++;
	assert_int_equal(random_renewals(), renewals + 1);
	assert_int_equal(random_renewals(), renewals + 1);
	random_set_generation(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(random_bytes_differ_each_time, setup),
		cmocka_unit_test_setup(random_bytes_fill_any_length, setup),
		cmocka_unit_test_setup(random_bytes_are_erased_when_handed_out, setup),
		cmocka_unit_test_setup(random_key_changes_with_each_block, setup),
		cmocka_unit_test_setup(random_leaves_no_copy_on_the_stack, setup),
		cmocka_unit_test_setup(random_takes_in_the_seed_parameter, setup),
		cmocka_unit_test_setup(random_add_changes_what_comes, setup),
		cmocka_unit_test_setup(source_is_asked_after_so_much, setup),
		cmocka_unit_test_setup(renewal_throws_away_what_was_prepared, setup),
		cmocka_unit_test_setup(machines_from_one_snapshot_get_different_bytes, setup),
		cmocka_unit_test_setup(a_change_of_the_generation_is_seen_by_who_has_taken_bytes,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
