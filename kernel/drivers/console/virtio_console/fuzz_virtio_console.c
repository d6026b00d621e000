/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A console that uses any buffer with any length at any time, and fails. The driver never says that it read or wrote more than it was
 * asked to, and leaves nothing behind.
 */
#include "regs.h"

#include "../../test_virtio.h"

#include <class/console.h>

extern const struct virtio_driver virtio_console_driver;

static struct console_device *device;
static struct {
	const uint8_t *data;
	size_t bytes;
} script;

void console_set_device(struct console_device *new_device)
{
	device = new_device;
}

void console_lose_device(struct console_device *lost)
{
	if (device == lost)
		device = NULL;
}

bool console_present(void)
{
	return device;
}

void console_input(struct console_device *which)
{
	assert(which == device);
}

/* Time passes quickly: the driver waits in vain more often than not. */
uint64_t cpu_cycles(void)
{
	static uint64_t cycles;

	return cycles += (uint64_t)1 << 24;
}

static uint8_t next(void)
{
	if (!script.bytes)
		return 0;
	script.bytes--;
	return *script.data++;
}

static void use(struct virtio_queue *queue)
{
	struct test_buffer *buffer = test_device_take(queue);

	if (!buffer)
		return;
	test_device_use(queue, buffer, next() * 3u);
	if (next() & 1)
		test_device_notify(queue);
}

static void act(void)
{
	static uint8_t bytes[20000];
	size_t count = (size_t)next() * 77;

	switch (next() % 7) {
	case 0:
	case 1:
		use(test_dev.queues[VIRTIO_CONSOLE_RECEIVEQ]);
		break;
	case 2:
		use(test_dev.queues[VIRTIO_CONSOLE_TRANSMITQ]);
		break;
	case 3:
		assert(device->ops->write(device, bytes, count) <= count);
		break;
	case 4:
		assert(device->ops->read(device, bytes, count) <= count);
		break;
	case 5:
		device->ops->pause_input(device);
		break;
	default:
		device->ops->resume_input(device);
		assert(device->ops->read(device, bytes, 1) <= 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	script.data = data;
	script.bytes = size;
	device = NULL;
	test_device_reset(&virtio_console_driver, VIRTIO_F_VERSION_1 | next());
	if (test_device_attach())
		abort();
	device->ops->start_input(device);
	while (script.bytes)
		act();
	device->ops->flush(device);
	test_device_fail();
	test_queues_free();
	if (device || host_allocations())
		abort();
	return 0;
}
