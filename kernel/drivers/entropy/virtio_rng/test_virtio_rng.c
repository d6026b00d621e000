/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio entropy driver, with a generator that tells what it is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../test_virtio.h"

#include <core/random.h>

extern const struct virtio_driver virtio_rng_driver;

static uint8_t added[256];
static size_t added_bytes;
static void (*source)(void *context);
static void *source_context;

void random_add(const void *bytes, size_t count)
{
	assert_true(count <= sizeof added);
	memcpy(added, bytes, count);
	added_bytes += count;
}

void random_set_source(void (*fn)(void *context), void *context)
{
	source = fn;
	source_context = context;
}

void random_remove_source(const void *context)
{
	if (context == source_context)
		source = NULL;
}

static int start(void **state)
{
	(void)state;
	added_bytes = 0;
	source = NULL;
	test_device_reset(&virtio_rng_driver, VIRTIO_F_VERSION_1);
	return 0;
}

static int end(void **state)
{
	void *driver = virtio_driver_data(&test_dev);

	(void)state;
	if (driver) {
		test_device_fail();
		mem_free(driver);
	}
	test_queues_free();
	assert_int_equal(host_allocations(), 0);
	return 0;
}

/* The device answers with so many bytes. False: it was not asked. */
static bool answer(uint32_t count)
{
	static uint8_t bytes[64];
	struct test_buffer *buffer = test_device_take(test_dev.queues[0]);

	if (!buffer)
		return false;
	memset(bytes, 0x5a, sizeof bytes);
	test_device_write(buffer, bytes, sizeof bytes);
	test_device_use(test_dev.queues[0], buffer, count);
	test_device_notify(test_dev.queues[0]);
	return true;
}

static void device_is_asked_at_once_and_not_again(void **state)
{
	(void)state;
	assert_int_equal(test_device_attach(), 0);
	assert_true(answer(64));
	assert_int_equal(added_bytes, 64);
	assert_int_equal(added[63], 0x5a);
	assert_false(answer(64));
}

static void device_is_asked_again_when_bytes_are_wanted(void **state)
{
	(void)state;
	assert_int_equal(test_device_attach(), 0);
	source(source_context); /* it has the buffer already */
	assert_true(answer(64));
	assert_false(answer(64));
	for (unsigned i = 0; i < 100; i++) {
		source(source_context);
		assert_true(answer(32));
	}
	assert_int_equal(added_bytes, 64 + 100 * 32);
}

static void answer_may_be_short_or_empty(void **state)
{
	(void)state;
	assert_int_equal(test_device_attach(), 0);
	assert_true(answer(0));
	assert_int_equal(added_bytes, 0);
	source(source_context);
	assert_true(answer(3));
	assert_int_equal(added_bytes, 3);
}

static void spurious_interrupt_adds_nothing(void **state)
{
	(void)state;
	assert_int_equal(test_device_attach(), 0);
	test_interrupt(test_dev.queues[0]);
	assert_int_equal(added_bytes, 0);
	assert_true(answer(64));
}

static void failed_device_is_asked_no_more(void **state)
{
	(void)state;
	assert_int_equal(test_device_attach(), 0);
	assert_non_null(source);
	test_device_fail();
	assert_null(source);
}

static void failed_attach_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned n = 0;; n++) {
		int error;

		start(NULL);
		host_fail_allocation_after(n);
		error = test_device_attach();
		if (!host_allocation_failed()) {
			assert_int_equal(error, 0);
			break;
		}
		assert_int_equal(error, -ENOMEM);
		assert_int_equal(host_allocations(), 0);
		assert_null(source);
	}
	host_fail_allocation_after(HOST_NEVER);
}

static void device_that_disagrees_is_refused(void **state)
{
	(void)state;
	test_dev.refuses = true;
	assert_int_equal(test_device_attach(), -ENODEV);
	start(NULL);
	test_dev.missing_queue = 1;
	assert_int_equal(test_device_attach(), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(device_is_asked_at_once_and_not_again),
		TEST(device_is_asked_again_when_bytes_are_wanted),
		TEST(answer_may_be_short_or_empty),
		TEST(spurious_interrupt_adds_nothing),
		TEST(failed_device_is_asked_no_more),
		TEST(failed_attach_leaves_nothing),
		TEST(device_that_disagrees_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
