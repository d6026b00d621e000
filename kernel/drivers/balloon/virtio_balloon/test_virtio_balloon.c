/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio balloon driver, with a page allocator that is played here as far as it is about reporting and reclaiming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "virtio_balloon.h"

#include "../../test_virtio.h"

#include <core/time.h>
#include <mm/stack.h>

enum { INFLATE, DEFLATE, STATS, HINT, REPORT, HELD_MAX = 8192, REPORTS_MAX = 16 };

static char boot_stack[4096];

/* What the host has, as it was told. */
static uint32_t held[HELD_MAX];
static unsigned held_count;

/* The page allocator. */
static const struct pages_report *report;
static struct pages_reclaimer *reclaimer;
static struct page *to_report[REPORTS_MAX];
static unsigned to_report_count, reported;

void pages_set_report(const struct pages_report *new_report)
{
	report = new_report;
}

struct page *page_report_take(void)
{
	return to_report_count ? to_report[--to_report_count] : NULL;
}

void page_report_done(struct page *page)
{
	reported++;
	page_put(page);
}

void pages_add_reclaimer(struct pages_reclaimer *new_reclaimer)
{
	reclaimer = new_reclaimer;
}

void pages_remove_reclaimer(struct pages_reclaimer *old)
{
	assert_ptr_equal(old, reclaimer);
	reclaimer = NULL;
}

/* Lets the balloon's thread run until it waits. */
static void settle(void)
{
	for (unsigned i = 0; i < 20; i++)
		thread_yield();
}

static void set_target(uint32_t frames)
{
	const le32_t value = le32(frames);

	memcpy(test_dev.config + VIRTIO_BALLOON_CONFIG_NUM_PAGES, &value, sizeof value);
	test_device_config_changed();
}

static uint32_t actual(void)
{
	le32_t value;

	memcpy(&value, test_dev.config + VIRTIO_BALLOON_CONFIG_ACTUAL, sizeof value);
	return le32_get(value);
}

static void hold(uint32_t frame)
{
	for (unsigned i = 0; i < held_count; i++)
		assert_int_not_equal(held[i], frame);
	assert_true(held_count < HELD_MAX);
	held[held_count++] = frame;
}

static void let_go(uint32_t frame)
{
	for (unsigned i = 0; i < held_count; i++) {
		if (held[i] == frame) {
			held[i] = held[--held_count];
			return;
		}
	}
	fail_msg("frame %#x was not the host's", frame);
}

/* The device takes one batch. False: there is none. */
static bool take_batch(unsigned index)
{
	struct test_buffer *buffer = test_device_take(test_dev.queues[index]);
	le32_t frames[BALLOON_BATCH];
	size_t count;

	if (!buffer)
		return false;
	count = test_device_read(buffer, frames, sizeof frames) / sizeof *frames;
	assert_true(count > 0);
	for (size_t i = 0; i < count; i++)
		(index == INFLATE ? hold : let_go)(le32_get(frames[i]));
	test_device_use(test_dev.queues[index], buffer, 0);
	test_device_notify(test_dev.queues[index]);
	settle();
	return true;
}

static void work(void)
{
	settle();
	while (take_batch(INFLATE) || take_batch(DEFLATE))
		;
}

static void attach(uint64_t features)
{
	test_device_reset(&virtio_balloon_driver, VIRTIO_F_VERSION_1 | features);
	held_count = to_report_count = reported = 0;
	assert_int_equal(test_device_attach(), 0);
	settle();
}

static int end(void **state)
{
	(void)state;
	if (virtio_driver_data(&test_dev))
		test_device_fail();
	settle();
	test_queues_free();
	assert_null(report);
	assert_null(reclaimer);
	assert_int_equal(host_allocations(), 0);
	return 0;
}

/* Size */

static void size_follows_the_host(void **state)
{
	static const uint32_t targets[] = { 1, 3, 300, 256, 1000, 2, 513, 0, 2048, 1 };

	(void)state;
	attach(0);
	for (unsigned i = 0; i < countof(targets); i++) {
		set_target(targets[i]);
		work();
		assert_int_equal(held_count, targets[i]);
		assert_int_equal(actual(), targets[i]);
	}
	set_target(0);
	work();
	assert_int_equal(host_allocations(), 4); /* driver, stack, two queues */
}

static void without_memory_it_tries_again_later(void **state)
{
	(void)state;
	attach(0);
	host_fail_allocation_after(0);
	set_target(10);
	settle();
	assert_true(host_allocation_failed());
	work();
	assert_int_equal(held_count, 0);
	host_fail_allocation_after(HOST_NEVER);
	host_advance_time(5 * NS_PER_S);
	balloon_wake(virtio_driver_data(&test_dev)); /* as its timer does */
	work();
	assert_int_equal(held_count, 10);
}

static void memory_comes_back_when_there_is_none(void **state)
{
	(void)state;
	attach(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	set_target(300);
	work();
	assert_int_equal(held_count, 300);
	assert_true(reclaimer->reclaim(reclaimer));
	assert_int_equal(test_dev.queues[DEFLATE]->shown.count, 1);
	work();
	assert_int_equal(held_count, 44);
	assert_int_equal(actual(), 44);
	/* It does not grow again until the host says so once more. */
	balloon_wake(virtio_driver_data(&test_dev));
	work();
	assert_int_equal(held_count, 44);
	set_target(300);
	work();
	assert_int_equal(held_count, 300);
}

static void device_that_is_slow_to_give_back_stops_nobody(void **state)
{
	(void)state;
	attach(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	set_target(600);
	work();
	assert_true(reclaimer->reclaim(reclaimer));
	assert_false(reclaimer->reclaim(reclaimer)); /* it still has the first */
	work();
	assert_true(reclaimer->reclaim(reclaimer));
	work();
	assert_true(reclaimer->reclaim(reclaimer));
	work();
	assert_int_equal(held_count, 0);
	assert_false(reclaimer->reclaim(reclaimer));
}

/* Statistics and reporting */

static void statistics_are_told_when_asked(void **state)
{
	struct virtio_balloon_stat stats[BALLOON_STATS];
	struct test_buffer *buffer;

	(void)state;
	attach(VIRTIO_BALLOON_F_STATS_VQ);
	for (unsigned i = 0; i < 3; i++) {
		buffer = test_device_take(test_dev.queues[STATS]);
		assert_non_null(buffer);
		assert_int_equal(test_device_read(buffer, stats, sizeof stats), sizeof stats);
		assert_int_equal(le16_get(stats[1].tag), VIRTIO_BALLOON_S_MEMTOT);
		assert_int_equal(le64_get(stats[1].value), pages_stats().total_bytes);
		settle();
		assert_int_equal(test_dev.queues[STATS]->shown.count, 0);
		test_device_use(test_dev.queues[STATS], buffer, 0);
		test_device_notify(test_dev.queues[STATS]);
		settle();
	}
}

static bool take_report(void)
{
	struct test_buffer *buffer = test_device_take(test_dev.queues[REPORT]);

	if (!buffer)
		return false;
	assert_int_equal(buffer->writable, 1);
	assert_int_equal(buffer->segments[0].bytes, PAGE_SIZE << 9);
	memset(buffer->segments[0].data, 0, buffer->segments[0].bytes);
	test_device_use(test_dev.queues[REPORT], buffer, 0);
	test_device_notify(test_dev.queues[REPORT]);
	settle();
	return true;
}

static void free_blocks_are_reported_after_a_while(void **state)
{
	(void)state;
	attach(VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_FREE_PAGE_HINT |
	       VIRTIO_BALLOON_F_PAGE_REPORTING);
	assert_non_null(report);
	while (to_report_count < 3)
		to_report[to_report_count++] = page_alloc(9, PAGE_PLAIN);
	report->wanted(report);
	settle();
	assert_false(take_report());
	host_advance_time(3 * NS_PER_S);
	balloon_wake(virtio_driver_data(&test_dev)); /* as its timer does */
	settle();
	for (unsigned i = 0; i < 3; i++)
		assert_true(take_report());
	assert_false(take_report());
	assert_int_equal(reported, 3);
}

static void change_of_size_while_reporting_is_seen(void **state)
{
	(void)state;
	attach(VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_FREE_PAGE_HINT |
	       VIRTIO_BALLOON_F_PAGE_REPORTING);
	to_report[to_report_count++] = page_alloc(9, PAGE_PLAIN);
	report->wanted(report);
	settle();
	host_advance_time(3 * NS_PER_S);
	balloon_wake(virtio_driver_data(&test_dev));
	settle();
	set_target(10);
	settle();
	assert_true(take_report());
	work();
	assert_int_equal(held_count, 10);
}

static void block_of_a_failed_device_is_given_back(void **state)
{
	(void)state;
	attach(VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_FREE_PAGE_HINT |
	       VIRTIO_BALLOON_F_PAGE_REPORTING);
	to_report[to_report_count++] = page_alloc(9, PAGE_PLAIN);
	report->wanted(report);
	settle();
	host_advance_time(3 * NS_PER_S);
	balloon_wake(virtio_driver_data(&test_dev));
	settle();
	assert_int_equal(test_dev.queues[REPORT]->shown.count, 1);
	test_device_fail();
	settle();
	assert_int_equal(reported, 0);
}

/* Hinting */

#define HINTING (VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_FREE_PAGE_HINT)

static void set_command(uint32_t command)
{
	const le32_t value = le32(command);

	memcpy(test_dev.config + VIRTIO_BALLOON_CONFIG_FREE_PAGE_HINT_CMD_ID, &value, sizeof value);
	test_device_config_changed();
	settle();
}

static void use_hint(struct test_buffer *buffer)
{
	test_device_use(test_dev.queues[HINT], buffer, 0);
	test_device_notify(test_dev.queues[HINT]);
	settle();
}

/* The next buffer is a command. */
static void take_command(uint32_t wanted)
{
	struct test_buffer *buffer = test_device_take(test_dev.queues[HINT]);
	le32_t told;

	assert_non_null(buffer);
	assert_int_equal(buffer->writable, 0);
	assert_int_equal(test_device_read(buffer, &told, sizeof told), sizeof told);
	assert_int_equal(le32_get(told), wanted);
	use_hint(buffer);
}

static void take_hint(void)
{
	struct test_buffer *buffer = test_device_take(test_dev.queues[HINT]);

	assert_non_null(buffer);
	assert_int_equal(buffer->readable, 0);
	assert_int_equal(buffer->writable, 1);
	assert_int_equal(buffer->segments[0].bytes, PAGE_SIZE << 9);
	memset(buffer->segments[0].data, 0, buffer->segments[0].bytes);
	use_hint(buffer);
}

static bool hints_end(void)
{
	return !test_dev.queues[HINT]->shown.count;
}

static void free_blocks_are_hinted_at_once_when_asked(void **state)
{
	(void)state;
	attach(HINTING);
	assert_non_null(report);
	while (to_report_count < 3)
		to_report[to_report_count++] = page_alloc(9, PAGE_PLAIN);
	report->wanted(report);
	settle();
	assert_true(hints_end());
	set_command(2);
	take_command(2);
	for (unsigned i = 0; i < 3; i++)
		take_hint();
	assert_int_equal(reported, 3);
	take_command(VIRTIO_BALLOON_CMD_ID_STOP);
	assert_true(hints_end());
	/* One round for a command, and the same device may ask again. */
	test_device_config_changed();
	settle();
	assert_true(hints_end());
	set_command(VIRTIO_BALLOON_CMD_ID_DONE);
	assert_true(hints_end());
	set_command(UINT32_MAX);
	take_command(UINT32_MAX);
	take_command(VIRTIO_BALLOON_CMD_ID_STOP);
	assert_true(hints_end());
}

static void command_that_is_hidden_meanwhile_goes_on(void **state)
{
	(void)state;
	attach(HINTING);
	while (to_report_count < 2)
		to_report[to_report_count++] = page_alloc(9, PAGE_PLAIN);
	set_command(2);
	memset(test_dev.config + VIRTIO_BALLOON_CONFIG_FREE_PAGE_HINT_CMD_ID, 0, sizeof(le32_t));
	take_command(2);
	take_hint();
	take_hint();
	take_command(VIRTIO_BALLOON_CMD_ID_STOP);
	balloon_wake(virtio_driver_data(&test_dev));
	settle();
	assert_true(hints_end());
}

static void another_size_does_not_end_a_round_of_hints(void **state)
{
	(void)state;
	attach(HINTING);
	while (to_report_count < 2)
		to_report[to_report_count++] = page_alloc(9, PAGE_PLAIN);
	set_command(2);
	take_command(2);
	set_target(10);
	take_hint();
	take_hint();
	take_command(VIRTIO_BALLOON_CMD_ID_STOP);
	work();
	assert_int_equal(held_count, 10);
	assert_true(hints_end());
}

static void round_of_hints_ends_when_another_command_comes(void **state)
{
	(void)state;
	attach(HINTING);
	while (to_report_count < 3)
		to_report[to_report_count++] = page_alloc(9, PAGE_PLAIN);
	set_command(5);
	take_command(5);
	set_command(6);
	take_hint(); /* was on its way */
	take_command(VIRTIO_BALLOON_CMD_ID_STOP);
	take_command(6);
	set_command(VIRTIO_BALLOON_CMD_ID_DONE);
	take_hint();
	take_command(VIRTIO_BALLOON_CMD_ID_STOP);
	assert_true(hints_end());
	assert_int_equal(to_report_count, 1);
	page_put(to_report[--to_report_count]);
}

static void blocks_that_hinting_left_are_reported(void **state)
{
	(void)state;
	attach(HINTING | VIRTIO_BALLOON_F_PAGE_REPORTING);
	host_advance_time(3 * NS_PER_S);
	balloon_wake(virtio_driver_data(&test_dev)); /* as its timer does */
	settle();
	while (to_report_count < 2)
		to_report[to_report_count++] = page_alloc(9, PAGE_PLAIN);
	set_command(2);
	take_command(2);
	set_command(VIRTIO_BALLOON_CMD_ID_DONE);
	take_hint();
	take_command(VIRTIO_BALLOON_CMD_ID_STOP);
	host_advance_time(3 * NS_PER_S);
	balloon_wake(virtio_driver_data(&test_dev));
	settle();
	assert_true(take_report());
	assert_int_equal(reported, 2);
}

static void device_that_fails_at_a_hint_keeps_nothing(void **state)
{
	(void)state;
	attach(HINTING);
	to_report[to_report_count++] = page_alloc(9, PAGE_PLAIN);
	set_command(2);
	take_command(2);
	assert_false(hints_end());
	test_device_fail();
	settle();
	assert_int_equal(reported, 0);
}

/* Ends */

static void failed_device_gives_back_all(void **state)
{
	(void)state;
	attach(VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
	set_target(700);
	work();
	set_target(1500);
	settle();
	assert_true(take_batch(INFLATE)); /* the next is with the device */
	assert_int_equal(test_dev.queues[INFLATE]->shown.count, 1);
	/* end() looks whether anything is left. */
}

static void failed_attach_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned n = 0;; n++) {
		int error;

		test_device_reset(&virtio_balloon_driver, VIRTIO_F_VERSION_1 | HINTING);
		host_fail_allocation_after(n);
		error = test_device_attach();
		if (!host_allocation_failed()) {
			assert_int_equal(error, 0);
			break;
		}
		assert_int_equal(error, -ENOMEM);
		assert_null(virtio_driver_data(&test_dev));
		assert_int_equal(host_allocations(), 0);
	}
	host_fail_allocation_after(HOST_NEVER);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(failed_attach_leaves_nothing),
		TEST(size_follows_the_host),
		TEST(without_memory_it_tries_again_later),
		TEST(memory_comes_back_when_there_is_none),
		TEST(device_that_is_slow_to_give_back_stops_nobody),
		TEST(statistics_are_told_when_asked),
		TEST(free_blocks_are_reported_after_a_while),
		TEST(change_of_size_while_reporting_is_seen),
		TEST(block_of_a_failed_device_is_given_back),
		TEST(free_blocks_are_hinted_at_once_when_asked),
		TEST(command_that_is_hidden_meanwhile_goes_on),
		TEST(another_size_does_not_end_a_round_of_hints),
		TEST(round_of_hints_ends_when_another_command_comes),
		TEST(blocks_that_hinting_left_are_reported),
		TEST(device_that_fails_at_a_hint_keeps_nothing),
		TEST(failed_device_gives_back_all),
	};

	/* Frame numbers have 32 bits: memory begins where ASan's does. */
	direct_map_base = 0x600000000000;
	threads_start(boot_stack, sizeof boot_stack);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
