/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio console driver. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "regs.h"

#include "../../test_virtio.h"

#include <class/console.h>
#include <core/params.h>

extern const struct virtio_driver virtio_console_driver;

/* What the virtio device's driver is for. */
static struct console_device *device;
static bool has_other;
static const char *console_param;
static unsigned inputs;
static char output[65536];
static size_t output_bytes;

bool console_present(void)
{
	return device || has_other;
}

void console_set_device(struct console_device *new_device)
{
	device = new_device;
}

void console_lose_device(struct console_device *lost)
{
	if (device == lost)
		device = NULL;
}

void console_input(struct console_device *which)
{
	assert_ptr_equal(which, device);
	inputs++;
}

const char *params_get(const char *name)
{
	assert_string_equal(name, "console");
	return console_param;
}

static void reset(void)
{
	device = NULL;
	has_other = false;
	console_param = NULL;
	inputs = 0;
	output_bytes = 0;
	test_device_reset(&virtio_console_driver,
			  VIRTIO_F_VERSION_1 | VIRTIO_CONSOLE_F_EMERG_WRITE);
}

static int start(void **state)
{
	(void)state;
	reset();
	assert_int_equal(test_device_attach(), 0);
	return 0;
}

static int start_unattached(void **state)
{
	(void)state;
	reset();
	return 0;
}

static int end(void **state)
{
	(void)state;
	test_device_fail();
	assert_null(device);
	test_queues_free();
	assert_int_equal(host_allocations(), 0);
	return 0;
}

/* The device takes output, as many buffers as that. */
static void take_output(unsigned count)
{
	struct virtio_queue *queue = test_dev.queues[VIRTIO_CONSOLE_TRANSMITQ];
	struct test_buffer *buffer;

	while (count-- && (buffer = test_device_take(queue)) != NULL) {
		output_bytes += test_device_read(buffer, output + output_bytes,
						 sizeof output - output_bytes);
		test_device_use(queue, buffer, 0);
	}
}

static bool type(const char *text, size_t count)
{
	struct virtio_queue *queue = test_dev.queues[VIRTIO_CONSOLE_RECEIVEQ];
	struct test_buffer *buffer = test_device_take(queue);

	if (!buffer)
		return false;
	test_device_write(buffer, text, count);
	test_device_use(queue, buffer, (uint32_t)count);
	test_device_notify(queue);
	return true;
}

/* Ports */

static void first_port_is_opened_where_there_are_several(void **state)
{
	static const uint16_t events[] = { VIRTIO_CONSOLE_DEVICE_READY, VIRTIO_CONSOLE_PORT_READY,
					   VIRTIO_CONSOLE_PORT_OPEN };
	struct virtio_console_control message;
	struct virtio_queue *queue;
	struct test_buffer *buffer;

	(void)state;
	assert_null(test_dev.queues[VIRTIO_CONSOLE_CONTROL_TRANSMITQ]);
	test_device_fail();
	test_queues_free();
	reset();
	test_device_reset(&virtio_console_driver, VIRTIO_F_VERSION_1 | VIRTIO_CONSOLE_F_MULTIPORT);
	assert_int_equal(test_device_attach(), 0);
	queue = test_dev.queues[VIRTIO_CONSOLE_CONTROL_TRANSMITQ];
	for (size_t i = 0; i < countof(events); i++) {
		buffer = test_device_take(queue);
		assert_non_null(buffer);
		assert_int_equal(test_device_read(buffer, &message, sizeof message), 8);
		assert_int_equal(le32_get(message.id), 0);
		assert_int_equal(le16_get(message.event), events[i]);
		assert_int_equal(le16_get(message.value), 1);
		test_device_use(queue, buffer, 0);
	}
	assert_null(test_device_take(queue));
	/* It may talk of other ports as much as it likes. */
	queue = test_dev.queues[VIRTIO_CONSOLE_CONTROL_RECEIVEQ];
	while ((buffer = test_device_take(queue)) != NULL)
		test_device_use(queue, buffer, 8);
	test_device_notify(queue);
	assert_true(type("x", 1));
	assert_int_equal(inputs, 1);
}

/* Which device is the console */

static void device_is_used_where_there_is_no_other(void **state)
{
	(void)state;
	has_other = true;
	assert_int_equal(test_device_attach(), 0);
	assert_null(device);
	reset();
	has_other = true;
	console_param = "ttyS0";
	assert_int_equal(test_device_attach(), 0);
	assert_null(device);
	reset();
	has_other = true;
	console_param = "hvc0";
	assert_int_equal(test_device_attach(), 0);
	assert_non_null(device);
}

static void failed_attach_leaves_nothing(void **state)
{
	size_t before = host_allocations();

	(void)state;
	for (unsigned n = 0;; n++) {
		int error;

		reset();
		host_fail_allocation_after(n);
		error = test_device_attach();
		if (!host_allocation_failed()) {
			assert_int_equal(error, 0);
			break;
		}
		assert_int_equal(error, -ENOMEM);
		assert_null(device);
		assert_int_equal(host_allocations(), before);
	}
	host_fail_allocation_after(HOST_NEVER);
}

/* Output */

static void output_arrives_in_order(void **state)
{
	static char text[20000];
	size_t done = 0;

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 7 + (i >> 8));
	while (done < sizeof text) {
		size_t taken = device->ops->write(device, text + done,
						  min(sizeof text - done, (size_t)900));

		done += taken;
		take_output(1);
	}
	take_output(UINT32_MAX);
	assert_int_equal(output_bytes, sizeof text);
	assert_memory_equal(output, text, sizeof text);
	assert_true(device->ops->flush(device));
}

static void large_output_takes_few_notifications(void **state)
{
	static char text[16384];

	(void)state;
	assert_int_equal(device->ops->write(device, text, sizeof text), sizeof text);
	assert_int_equal(test_dev.queues[VIRTIO_CONSOLE_TRANSMITQ]->kicks, 4);
}

/* The clock stands still here, so a wait that is not bounded by it would never end: the bound is tried with a moving one. */
static unsigned ticks_per_look;

uint64_t cpu_cycles(void)
{
	static uint64_t cycles;

	return cycles += ticks_per_look ? (uint64_t)1 << 20 : 1;
}

static void stuck_device_takes_what_fits(void **state)
{
	static char text[40000];
	size_t taken;

	(void)state;
	ticks_per_look = 1;
	device->ops->write(device, "x", 1);
	take_output(1);
	taken = device->ops->write(device, text, sizeof text);
	assert_true(taken > 0 && taken < sizeof text);
	assert_int_equal(device->ops->write(device, text, 1), 0);
	assert_false(device->ops->flush(device));
	take_output(1);
	assert_int_equal(device->ops->write(device, text, 1), 1);
	take_output(UINT32_MAX);
	assert_true(device->ops->flush(device));
	ticks_per_look = 0;
}

static void output_to_a_device_that_never_takes_any_is_lost(void **state)
{
	static char text[40000];

	(void)state;
	ticks_per_look = 1;
	assert_true(device->ops->write(device, text, sizeof text) > 0);
	assert_int_equal(device->ops->write(device, text, 100), 100);
	assert_true(device->ops->flush(device));
	ticks_per_look = 0;
}

static void output_to_a_failed_device_is_lost(void **state)
{
	(void)state;
	virtio_fail(&test_dev, "test");
	assert_int_equal(device->ops->write(device, "abc", 3), 3);
	assert_true(device->ops->flush(device));
}

/* Input */

static void input_is_read_as_it_came(void **state)
{
	char got[64] = "";

	(void)state;
	assert_int_equal(device->ops->start_input(device), 0);
	assert_int_equal(device->ops->read(device, got, sizeof got), 0);
	assert_true(type("hello ", 6));
	assert_int_equal(inputs, 1);
	assert_true(type("world", 5));
	assert_int_equal(device->ops->read(device, got, 3), 3);
	assert_int_equal(device->ops->read(device, got + 3, sizeof got - 3), 8);
	assert_string_equal(got, "hello world");
	assert_int_equal(device->ops->read(device, got, sizeof got), 0);
	inputs = 0;
	assert_true(type("!", 1));
	assert_int_equal(inputs, 1);
}

static void input_that_nobody_takes_stays_with_the_host(void **state)
{
	static char line[512], got[8192];
	unsigned typed = 0;

	(void)state;
	device->ops->start_input(device);
	device->ops->pause_input(device);
	while (type(line, sizeof line))
		typed++;
	assert_int_equal(inputs, 0);
	assert_int_equal(typed, 4);
	device->ops->resume_input(device);
	assert_int_equal(device->ops->read(device, got, sizeof got), 4 * sizeof line);
	assert_int_equal(device->ops->read(device, got, sizeof got), 0);
	assert_true(type(line, 1));
	assert_int_equal(inputs, 1);
}

static void empty_buffers_are_given_back(void **state)
{
	char got[8];

	(void)state;
	device->ops->start_input(device);
	for (unsigned i = 0; i < 100; i++) {
		assert_true(type("", 0));
		assert_int_equal(device->ops->read(device, got, sizeof got), 0);
	}
	assert_true(type("x", 1));
	assert_int_equal(device->ops->read(device, got, sizeof got), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(failed_attach_leaves_nothing, start_unattached,
						end),
		cmocka_unit_test_setup_teardown(first_port_is_opened_where_there_are_several, start,
						end),
		cmocka_unit_test_setup_teardown(device_is_used_where_there_is_no_other,
						start_unattached, end),
		TEST(output_arrives_in_order),
		TEST(large_output_takes_few_notifications),
		TEST(stuck_device_takes_what_fits),
		TEST(output_to_a_device_that_never_takes_any_is_lost),
		TEST(output_to_a_failed_device_is_lost),
		TEST(input_is_read_as_it_came),
		TEST(input_that_nobody_takes_stays_with_the_host),
		TEST(empty_buffers_are_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
