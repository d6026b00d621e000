/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a virtio device (virtio 1.2, 2.1, 2.2, 2.5, 3.1): reset, one status bit after the other, features, configuration,
 * and the driver that goes with it.
 */
#include <base/assert.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <core/time.h>
#include <hal/cpu.h>

#include "transport.h"

/* A VMM's device is reset at once, or within a few milliseconds of its threads; a read takes a microsecond and more. */
enum { RESET_READS_MAX = 100000, CONFIG_READS_MAX = 16 };

#define POLL_INTERVAL_NS NS_PER_MS

/* What the rings and transports can do, and the bits that are the device's own (6). */
#define RING_FEATURES                                                                             \
	(VIRTIO_F_ANY_LAYOUT | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_VERSION_1 | \
	 VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_RING_PACKED | VIRTIO_F_ORDER_PLATFORM)
#define OWN_FEATURES (~(BIT64(50) - BIT64(24)))

/* Weak: on the host there may be no driver at all. */
extern const struct virtio_driver *const __start_drivers_virtio[] __attribute__((weak));
extern const struct virtio_driver *const __stop_drivers_virtio[] __attribute__((weak));

const char *virtio_type_name(uint32_t type)
{
	switch (type) {
	case VIRTIO_NET:
		return "network";
	case VIRTIO_BLOCK:
		return "block";
	case VIRTIO_CONSOLE:
		return "console";
	case VIRTIO_ENTROPY:
		return "entropy";
	case VIRTIO_BALLOON:
		return "balloon";
	case VIRTIO_VSOCK:
		return "socket";
	default:
		return "other";
	}
}

void virtio_set_driver_data(struct virtio_dev *dev, void *data)
{
	dev->driver_data = data;
}

void *virtio_driver_data(const struct virtio_dev *dev)
{
	return dev->driver_data;
}

struct device *virtio_device(struct virtio_dev *dev)
{
	return dev->device;
}

bool virtio_is_legacy(const struct virtio_dev *dev)
{
	return !(dev->features & VIRTIO_F_VERSION_1);
}

bool virtio_has_failed(const struct virtio_dev *dev)
{
	return __atomic_load_n(&dev->failed, __ATOMIC_ACQUIRE);
}

/* Status */

/** Adds one bit: there are devices that take no other step (Firecracker). */
static void add_status(struct virtio_dev *dev, uint8_t bit)
{
	dev->status |= bit;
	dev->transport->status_write(dev, dev->status);
}

/** Writing 0 resets; the device is done when it reads 0 (4.1.4.3.1, 4.2.2.1). */
static bool reset(struct virtio_dev *dev)
{
	dev->status = 0;
	dev->transport->status_write(dev, 0);
	for (unsigned i = 0; i < RESET_READS_MAX; i++) {
		if (!dev->transport->status_read(dev))
			return true;
		cpu_relax();
	}
	return false;
}

bool virtio_stop(struct virtio_dev *dev)
{
	bool stopped = reset(dev);

	if (dev->interrupts_started && !dev->polled)
		dev->transport->interrupts_stop(dev);
	if (dev->interrupts_started && dev->polled)
		timer_cancel(&dev->poll_timer);
	dev->interrupts_started = false;
	return stopped;
}

/* Features */

static uint64_t acceptable(const struct virtio_dev *dev, uint64_t wanted)
{
	uint64_t features = (wanted & OWN_FEATURES) | RING_FEATURES;

	return dev->legacy ? features & UINT32_MAX : features;
}

uint64_t virtio_offered(struct virtio_dev *dev)
{
	return dev->transport->features_read(dev) & OWN_FEATURES;
}

int virtio_negotiate(struct virtio_dev *dev, uint64_t wanted, uint64_t *out)
{
	uint64_t offered = dev->transport->features_read(dev);

	dev->features = offered & acceptable(dev, wanted);
	if (wanted & VIRTIO_F_VERSION_1 & ~dev->features) {
		log_error("%s: the device is too old for its driver", dev->device->name);
		return -ENODEV;
	}
	dev->transport->features_write(dev, dev->features);
	*out = dev->features;
	if (virtio_is_legacy(dev))
		return 0;
	add_status(dev, VIRTIO_FEATURES_OK);
	if (dev->transport->status_read(dev) & VIRTIO_FEATURES_OK)
		return 0;
	log_error("%s: the device refuses features that it offers (%#lx of %#lx)",
		  dev->device->name, dev->features, offered);
	return -ENODEV;
}

int virtio_start(struct virtio_dev *dev)
{
	if (virtio_has_failed(dev))
		return -EIO;
	add_status(dev, VIRTIO_DRIVER_OK);
	return 0;
}

/* Configuration */

static unsigned access_bytes(uint32_t offset, uint32_t left)
{
	if (left >= 4 && !(offset & 3))
		return 4;
	return left >= 2 && !(offset & 1) ? 2 : 1;
}

/** Fields are little-endian, as is the CPU. */
static void read_config(struct virtio_dev *dev, uint32_t offset, uint8_t *out, uint32_t bytes)
{
	/* A field at once; a row of bytes (an address) byte by byte. */
	bool is_field = bytes == 2 || bytes == 4 || bytes == 8;

	while (bytes) {
		unsigned n = is_field ? access_bytes(offset, bytes) : 1;
		uint32_t value = dev->transport->config_read(dev, offset, n);

		memcpy(out, &value, n);
		out += n;
		offset += n;
		bytes -= n;
	}
}

/** Where the device counts its changes, as one of them (2.5.3). */
static bool read_generation(struct virtio_dev *dev, uint32_t offset, void *out, uint32_t bytes)
{
	uint32_t before = dev->transport->generation(dev);

	read_config(dev, offset, out, bytes);
	return dev->transport->generation(dev) == before;
}

bool virtio_config_read(struct virtio_dev *dev, uint32_t offset, void *out, uint32_t bytes)
{
	if (!range_fits(offset, bytes, dev->config_bytes) || virtio_has_failed(dev))
		return false;
	if (!dev->transport->generation) {
		read_config(dev, offset, out, bytes);
		return true;
	}
	for (unsigned i = 0; i < CONFIG_READS_MAX; i++) {
		if (read_generation(dev, offset, out, bytes))
			return true;
	}
	virtio_fail(dev, "its configuration does not stop changing");
	return false;
}

bool virtio_config_write(struct virtio_dev *dev, uint32_t offset, const void *in, uint32_t bytes)
{
	bool is_field = bytes == 2 || bytes == 4 || bytes == 8;
	const uint8_t *from = in;

	if (!range_fits(offset, bytes, dev->config_bytes) || virtio_has_failed(dev))
		return false;
	while (bytes) {
		unsigned n = is_field ? access_bytes(offset, bytes) : 1;
		uint32_t value = 0;

		memcpy(&value, from, n);
		dev->transport->config_write(dev, offset, n, value);
		from += n;
		offset += n;
		bytes -= n;
	}
	return true;
}

/* Interrupts */

void virtio_queue_arrived(struct virtio_queue *queue)
{
	if (queue->arrived)
		queue->arrived(queue->context);
}

void virtio_dev_queues_arrived(struct virtio_dev *dev)
{
	for (unsigned i = 0; i < dev->queue_count; i++) {
		struct virtio_queue *queue = dev->queues[i];

		if (queue && !queue->ring.broken && virtq_has_used(&queue->ring))
			virtio_queue_arrived(queue);
	}
}

void virtio_dev_config_changed(struct virtio_dev *dev)
{
	if (virtio_has_failed(dev) || !dev->attached)
		return;
	if (dev->transport->status_read(dev) & VIRTIO_NEEDS_RESET)
		virtio_fail(dev, "it asks to be reset");
	else if (dev->driver->config_changed)
		dev->driver->config_changed(dev);
}

static void poll(struct timer *timer)
{
	struct virtio_dev *dev = container_of(timer, struct virtio_dev, poll_timer);

	dev->transport->poll(dev);
	timer_arm(timer, time_now() + POLL_INTERVAL_NS);
}

void virtio_dev_start_interrupts(struct virtio_dev *dev)
{
	if (dev->interrupts_started)
		return;
	dev->transport->interrupts_start(dev);
	dev->interrupts_started = true;
	if (!dev->polled)
		return;
	log_info("%s: no interrupts, polled", dev->device->name);
	timer_init(&dev->poll_timer, poll);
	timer_arm(&dev->poll_timer, time_now() + POLL_INTERVAL_NS);
}

/* Attaching */

static const struct virtio_driver *find_driver(uint32_t type)
{
	for (const struct virtio_driver *const *driver = __start_drivers_virtio;
	     driver < __stop_drivers_virtio; driver++) {
		if ((*driver)->type == type)
			return *driver;
	}
	return NULL;
}

int virtio_dev_attach(struct virtio_dev *dev)
{
	int error;

	dev->driver = find_driver(dev->type);
	if (!dev->driver)
		return -ENODEV;
	if (!reset(dev)) {
		log_error("%s: the device does not come out of its reset", dev->device->name);
		__atomic_store_n(&dev->device->failed, true, __ATOMIC_RELAXED);
		return -EIO;
	}
	add_status(dev, VIRTIO_ACKNOWLEDGE);
	add_status(dev, VIRTIO_DRIVER_FOUND);
	error = dev->driver->attach(dev);
	if (error) {
		log_error("%s: %s cannot use the device: error %d", dev->device->name,
			  dev->driver->name, -error);
		__atomic_store_n(&dev->device->failed, true, __ATOMIC_RELAXED);
		/* The driver has done so where it gave the device anything of its own. */
		if (virtio_stop(dev))
			virtio_queues_close(dev);
		return error;
	}
	dev->device->driver = dev->driver->name;
	virtio_dev_attached(dev);
	return 0;
}
