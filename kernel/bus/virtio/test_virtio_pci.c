/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtio over PCI: registers found by capabilities that may say anything, messages shared out, a shared line, the old registers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <base/errno.h>
#include <core/params.h>
#include <mm/alloc.h>

#include "../../port/host/host.h"
#include "../../port/host/pci.h"
#include "../pci/pci.h"
#include "pci.h"

#include <stdlib.h>
#include <string.h>

enum { TYPE = 40, BAR = 0xfebc0000, BAR_BYTES = 0x4000, QUEUES = 4, NOTIFY = 0x3000 };

static struct host_pci sim;
static struct host_pci_function *function;
static struct host_device bar_device;

/* The device behind BAR 4: common registers at 0, ISR at 0x1000, configuration at 0x2000, notification at 0x3000. */
static struct {
	uint8_t status, isr;
	uint16_t select, config_vector, vectors[QUEUES], notify_off;
	uint16_t vectors_max;
	bool enabled[QUEUES];
	unsigned notified;
	uint32_t table[4 * 8]; /* of messages, in the second half of the ISR's page */
} device;

static uint64_t read_common(uint32_t offset)
{
	switch (offset) {
	case 0x04:
		return 1; /* VERSION_1 in the upper half */
	case 0x10:
		return device.config_vector;
	case 0x12:
		return QUEUES;
	case 0x14:
		return device.status;
	case 0x18:
		return device.select < QUEUES ? 16 : 0;
	case 0x1a:
		return device.vectors[device.select];
	case 0x1e:
		return device.notify_off;
	default:
		return 0;
	}
}

static uint64_t read_bar(void *context, uint32_t offset, unsigned bytes)
{
	uint8_t isr = device.isr;

	(void)context;
	if (offset < 0x1000)
		return read_common(offset);
	if (offset == 0x1000) {
		assert_int_equal(bytes, 1);
		device.isr = 0;
		return isr;
	}
	return 0;
}

static uint16_t vector(uint64_t value)
{
	return value < device.vectors_max ? (uint16_t)value : VIRTIO_PCI_NO_VECTOR;
}

static void write_bar(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	(void)context;
	if (offset >= NOTIFY) {
		assert_true(bytes == 2 && value < QUEUES);
		device.notified++;
	}
	if (offset >= 0x1800 && offset < 0x1800 + sizeof(device.table))
		device.table[(offset - 0x1800) / 4] = (uint32_t)value;
	switch (offset) {
	case 0x10:
		device.config_vector = vector(value);
		break;
	case 0x14:
		device.status = (uint8_t)value;
		break;
	case 0x16:
		device.select = (uint16_t)value;
		break;
	case 0x1a:
		device.vectors[device.select] = vector(value);
		break;
	case 0x1c:
		device.enabled[device.select] = value;
		break;
	}
}

/* A driver of two queues. */
static struct {
	struct virtio_dev *dev;
	struct virtio_queue *queues[2];
	unsigned arrived[2], config_changed;
} test;

static void arrived(void *context)
{
	++*(unsigned *)context;
}

static int attach(struct virtio_dev *dev)
{
	uint64_t features;
	int error = virtio_negotiate(dev, 0, &features);

	test.dev = dev;
	for (unsigned i = 0; i < 2 && !error; i++) {
		struct virtio_queue_request request = { .index = i,
							.entries = 8,
							.segments = 1,
							.arrived = arrived,
							.context = &test.arrived[i] };

		error = virtio_queue_open(dev, &request, &test.queues[i]);
	}
	return error ? error : virtio_start(dev);
}

static void config_changed(struct virtio_dev *dev)
{
	(void)dev;
	test.config_changed++;
}

static const struct virtio_driver driver = {
	.name = "test", .type = TYPE, .attach = attach, .config_changed = config_changed
};
VIRTIO_DRIVER(driver);

/* Functions */

static void capability(uint8_t at, uint8_t type, uint8_t bar, uint32_t offset, uint32_t bytes)
{
	host_pci_capability(function, at, 9);
	function->config[at + 2] = type == 2 ? 20 : 16;
	function->config[at + 3] = type;
	function->config[at + 4] = bar;
	host_pci_set32(function, at + 8, offset);
	host_pci_set32(function, at + 12, bytes);
}

static void messages(unsigned count)
{
	host_pci_capability(function, 0xa0, 0x11);
	host_pci_set16(function, 0xa2, (uint16_t)(count - 1));
	host_pci_set32(function, 0xa4, 0x1800 | 4);
	device.vectors_max = (uint16_t)count;
}

static int set_up(void **state)
{
	static const char line[] = "acpi=off";
	static char memory[256];

	(void)state;
	params_parse(line, sizeof(line) - 1, memory);
	host_io_remove_all();
	host_irq_forget();
	list_init(&pci_devices); /* those of the test before are forgotten */
	memset(&sim, 0, sizeof(sim));
	memset(&device, 0, sizeof(device));
	memset(&test, 0, sizeof(test));
	host_pci_function(&sim, NULL, 0, 0x29c08086, 0x060000);
	function = host_pci_function(&sim, NULL, 1, 0x00001af4 | (0x1040 + TYPE) << 16, 0xff0000);
	function->bar_bytes[4] = BAR_BYTES;
	function->bar_64bit[4] = true;
	host_pci_set32(function, 0x20, BAR | 4);
	return 0;
}

static void good_capabilities(void)
{
	capability(0x40, 1, 4, 0, 0x38);
	capability(0x50, 3, 4, 0x1000, 1);
	capability(0x60, 4, 4, 0x2000, 0x100);
	capability(0x70, 2, 4, NOTIFY, 0x1000);
	host_pci_set32(function, 0x80, 4);
}

static void probe(void)
{
	bar_device = (struct host_device){ .base = BAR,
					   .bytes = BAR_BYTES,
					   .is_memory = true,
					   .read = read_bar,
					   .write = write_bar };
	host_io_add(&bar_device);
	host_pci_add(&sim);
	pci_probe(0, 0);
}

static void each_queue_has_its_message(void **state)
{
	(void)state;
	good_capabilities();
	messages(3);
	probe();
	assert_non_null(test.dev);
	assert_int_equal(device.status, 0xf);
	assert_int_equal(host_irq_messages(), 3);
	assert_int_equal(device.config_vector, 0);
	assert_int_equal(device.vectors[0], 1);
	assert_int_equal(device.vectors[1], 2);
	assert_true(device.enabled[0] && device.enabled[1] && !device.enabled[2]);
	host_irq_send(device.table[0] | (uint64_t)device.table[1] << 32, device.table[2]);
	assert_int_equal(test.config_changed, 1);
	assert_true(virtio_stop(test.dev));
	assert_int_equal(host_irq_messages(), 0);
}

static void queues_share_where_messages_are_few(void **state)
{
	(void)state;
	good_capabilities();
	messages(2);
	probe();
	assert_non_null(test.dev);
	assert_int_equal(device.vectors[0], 1);
	assert_int_equal(device.vectors[1], 0);
	/* The count of changes tells that this one is not about the configuration. */
	host_irq_send(device.table[0] | (uint64_t)device.table[1] << 32, device.table[2]);
	assert_int_equal(test.config_changed, 0);
	assert_true(virtio_stop(test.dev));
}

static void without_vectors_queues_share_or_use_the_line(void **state)
{
	(void)state;
	good_capabilities();
	messages(3);
	host_irq_limit_messages(1);
	function->config[0x3c] = 11;
	function->config[0x3d] = 1;
	probe();
	assert_int_equal(host_irq_messages(), 1);
	assert_int_equal(device.vectors[0], 0);
	assert_false(host_irq_attached(11));
	assert_true(virtio_stop(test.dev));
	set_up(NULL);
	good_capabilities();
	messages(3);
	host_irq_limit_messages(0);
	function->config[0x3c] = 11;
	function->config[0x3d] = 1;
	probe();
	assert_true(host_irq_attached(11));
	assert_false(test.dev->polled);
	device.isr = 2;
	host_irq_raise(11);
	assert_int_equal(device.isr, 0);
	assert_int_equal(test.config_changed, 1);
	host_irq_raise(11); /* another function's */
	assert_int_equal(test.config_changed, 1);
	assert_true(virtio_stop(test.dev));
}

static void without_any_interrupt_it_is_polled(void **state)
{
	(void)state;
	good_capabilities();
	probe();
	assert_true(test.dev->polled);
	assert_true(virtio_stop(test.dev));
}

static void a_device_that_takes_no_vector_is_not_used(void **state)
{
	(void)state;
	good_capabilities();
	messages(3);
	device.vectors_max = 0;
	probe();
	assert_int_equal(device.status, 0);
	assert_int_equal(host_irq_messages(), 0);
}

static void expect_none(void)
{
	probe();
	assert_null(test.dev);
	assert_int_equal(device.status, 0);
	set_up(NULL);
}

static void capabilities_without_sense_are_no_device(void **state)
{
	(void)state;
	expect_none(); /* none at all */
	good_capabilities();
	host_pci_set32(function, 0x40 + 8, BAR_BYTES - 0x30); /* over the BAR's end */
	expect_none();
	good_capabilities();
	host_pci_set32(function, 0x40 + 12, 0x37); /* too short */
	expect_none();
	good_capabilities();
	host_pci_set32(function, 0x40 + 8, UINT32_MAX);
	expect_none();
	good_capabilities();
	function->config[0x70 + 4] = 6; /* no such BAR */
	expect_none();
	good_capabilities();
	function->config[0x70 + 4] = 2; /* not implemented */
	expect_none();
	good_capabilities();
	function->config[0x40 + 1] = 0x70; /* a loop */
	function->config[0x40 + 3] = 99;
	expect_none();
}

static void the_first_good_one_of_each_kind_counts(void **state)
{
	(void)state;
	good_capabilities();
	capability(0x90, 1, 5, 0, 0x38); /* before all others, and bad */
	probe();
	assert_non_null(test.dev);
	assert_true(virtio_stop(test.dev));
}

static void a_notification_outside_of_its_registers_is_refused(void **state)
{
	(void)state;
	good_capabilities();
	device.notify_off = 0x400; /* times 4: just behind */
	probe();
	assert_int_equal(device.status, 0);
	set_up(NULL);
	good_capabilities();
	device.notify_off = UINT16_MAX;
	host_pci_set32(function, 0x80, UINT32_MAX);
	probe();
	assert_int_equal(device.status, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_queue_has_its_message, set_up),
		cmocka_unit_test_setup(queues_share_where_messages_are_few, set_up),
		cmocka_unit_test_setup(without_vectors_queues_share_or_use_the_line, set_up),
		cmocka_unit_test_setup(without_any_interrupt_it_is_polled, set_up),
		cmocka_unit_test_setup(a_device_that_takes_no_vector_is_not_used, set_up),
		cmocka_unit_test_setup(capabilities_without_sense_are_no_device, set_up),
		cmocka_unit_test_setup(the_first_good_one_of_each_kind_counts, set_up),
		cmocka_unit_test_setup(a_notification_outside_of_its_registers_is_refused, set_up),
	};

	assert_non_null(virtio_pci_driver.attach); /* links it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
