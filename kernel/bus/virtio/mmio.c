/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtio over memory-mapped registers (virtio 1.2, 4.2.2; version 1: 4.2.4). All registers are 32 bits wide. */
#include <bus/virtio_mmio.h>

#include <base/errno.h>
#include <base/format.h>
#include <base/log.h>
#include <hal/io.h>
#include <mm/alloc.h>

#include "transport.h"

enum mmio_register {
	MAGIC_VALUE = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	VENDOR_ID = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	GUEST_PAGE_SIZE = 0x028, /* version 1 */
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_ALIGN = 0x03c, /* version 1 */
	QUEUE_PFN = 0x040,   /* version 1 */
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080,
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};

enum { MAGIC = 0x74726976, INTERRUPT_CONFIG = 2, WINDOW_BYTES_MAX = 1 << 20 };

struct mmio_dev {
	struct virtio_dev dev;
	struct device device;
	struct io_region registers;
	struct virtio_mmio_place place;
};

static struct mmio_dev *mmio_of(struct virtio_dev *dev)
{
	return container_of(dev, struct mmio_dev, dev);
}

static uint32_t get(struct virtio_dev *dev, uint32_t offset)
{
	return io_read32(&mmio_of(dev)->registers, offset);
}

static void set(struct virtio_dev *dev, uint32_t offset, uint32_t value)
{
	io_write32(&mmio_of(dev)->registers, offset, value);
}

static uint8_t status_read(struct virtio_dev *dev)
{
	return (uint8_t)get(dev, STATUS);
}

static void status_write(struct virtio_dev *dev, uint8_t status)
{
	set(dev, STATUS, status);
	if (!status && dev->legacy)
		set(dev, GUEST_PAGE_SIZE, PAGE_SIZE);
}

static uint64_t features_read(struct virtio_dev *dev)
{
	uint64_t low;

	set(dev, DEVICE_FEATURES_SEL, 0);
	low = get(dev, DEVICE_FEATURES);
	set(dev, DEVICE_FEATURES_SEL, 1);
	return low | (uint64_t)get(dev, DEVICE_FEATURES) << 32;
}

static void features_write(struct virtio_dev *dev, uint64_t features)
{
	set(dev, DRIVER_FEATURES_SEL, 0);
	set(dev, DRIVER_FEATURES, (uint32_t)features);
	set(dev, DRIVER_FEATURES_SEL, 1);
	set(dev, DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static uint32_t generation(struct virtio_dev *dev)
{
	return get(dev, CONFIG_GENERATION);
}

static uint32_t config_read(struct virtio_dev *dev, uint32_t offset, unsigned bytes)
{
	return io_read(&mmio_of(dev)->registers, CONFIG + offset, bytes);
}

static void config_write(struct virtio_dev *dev, uint32_t offset, unsigned bytes, uint32_t value)
{
	io_write(&mmio_of(dev)->registers, CONFIG + offset, bytes, value);
}

static unsigned queue_entries(struct virtio_dev *dev, unsigned index)
{
	set(dev, QUEUE_SEL, index);
	return get(dev, QUEUE_NUM_MAX);
}

static void set_address(struct virtio_dev *dev, uint32_t offset, uint64_t address)
{
	set(dev, offset, (uint32_t)address);
	set(dev, offset + 4, (uint32_t)(address >> 32));
}

static int queue_start_legacy(struct virtio_queue *queue)
{
	uint64_t frame = virtio_queue_descriptors(queue) / PAGE_SIZE;

	if (frame > UINT32_MAX)
		return -EIO;
	set(queue->dev, QUEUE_ALIGN, PAGE_SIZE);
	set(queue->dev, QUEUE_PFN, (uint32_t)frame);
	return 0;
}

static int queue_start(struct virtio_queue *queue)
{
	struct virtio_dev *dev = queue->dev;

	set(dev, QUEUE_SEL, queue->index);
	set(dev, QUEUE_NUM, queue->ring.entries);
	if (dev->legacy)
		return queue_start_legacy(queue);
	set_address(dev, QUEUE_DESC, virtio_queue_descriptors(queue));
	set_address(dev, QUEUE_DRIVER, virtio_queue_driver_area(queue));
	set_address(dev, QUEUE_DEVICE, virtio_queue_device_area(queue));
	set(dev, QUEUE_READY, 1);
	return 0;
}

static void notify(struct virtio_queue *queue)
{
	set(queue->dev, QUEUE_NOTIFY, queue->index);
}

/** Acknowledges, then looks at all queues whatever the status says: it may be 0 after a race, and says nothing of which. */
static void interrupt(void *context)
{
	struct virtio_dev *dev = context;
	uint32_t status = get(dev, INTERRUPT_STATUS);

	if (status)
		set(dev, INTERRUPT_ACK, status);
	virtio_dev_queues_arrived(dev);
	if (status & INTERRUPT_CONFIG)
		virtio_dev_config_changed(dev);
}

static void interrupts_start(struct virtio_dev *dev)
{
	const struct virtio_mmio_place *place = &mmio_of(dev)->place;

	dev->polled = irq_attach(place->line, place->trigger, interrupt, dev) != 0;
}

static void interrupts_stop(struct virtio_dev *dev)
{
	irq_detach(mmio_of(dev)->place.line, interrupt, dev);
}

static void poll(struct virtio_dev *dev)
{
	interrupt(dev);
}

static const struct virtio_transport modern = {
	.status_read = status_read,
	.status_write = status_write,
	.features_read = features_read,
	.features_write = features_write,
	.generation = generation,
	.config_read = config_read,
	.config_write = config_write,
	.queue_entries = queue_entries,
	.queue_start = queue_start,
	.notify = notify,
	.interrupts_start = interrupts_start,
	.interrupts_stop = interrupts_stop,
	.poll = poll,
};

static const struct virtio_transport legacy = {
	.status_read = status_read,
	.status_write = status_write,
	.features_read = features_read,
	.features_write = features_write,
	.config_read = config_read,
	.config_write = config_write,
	.queue_entries = queue_entries,
	.queue_start = queue_start,
	.notify = notify,
	.interrupts_start = interrupts_start,
	.interrupts_stop = interrupts_stop,
	.poll = poll,
};

/* Probing */

static void describe(const struct device *device, struct device_text *text)
{
	const struct mmio_dev *mmio = container_of(device, struct mmio_dev, device);

	device_print(text, "irq %u %s [%u:%08x] version %u", mmio->place.line,
		     virtio_type_name(mmio->dev.type), mmio->dev.type, mmio->dev.vendor,
		     mmio->dev.legacy ? 1 : 2);
}

/** Whether a device of a version that we know answers there, and not an empty slot. */
static bool identify(struct mmio_dev *mmio)
{
	struct virtio_dev *dev = &mmio->dev;
	uint32_t version;

	if (get(dev, MAGIC_VALUE) != MAGIC)
		return false;
	version = get(dev, VERSION);
	dev->type = get(dev, DEVICE_ID);
	dev->vendor = get(dev, VENDOR_ID);
	dev->legacy = version == 1;
	dev->transport = dev->legacy ? &legacy : &modern;
	dev->config_bytes = mmio->place.bytes - CONFIG;
	return dev->type && (version == 1 || version == 2);
}

int virtio_mmio_probe(const struct virtio_mmio_place *place)
{
	struct mmio_dev *mmio;
	int error;

	if (place->bytes < CONFIG || place->bytes > WINDOW_BYTES_MAX || place->base.raw & 3)
		return -EINVAL;
	mmio = mem_zalloc(sizeof(*mmio));
	if (!mmio)
		return -ENOMEM;
	mmio->place = *place;
	error = io_map(&mmio->registers, place->base, place->bytes);
	if (!error && !identify(mmio))
		error = -ENODEV;
	if (error) {
		mem_free(mmio);
		return error;
	}
	mmio->device.bus = "virtio-mmio";
	mmio->device.describe = describe;
	format(mmio->device.name, sizeof(mmio->device.name), "%#lx", place->base.raw);
	mmio->dev.device = &mmio->device;
	device_add(&mmio->device);
	return virtio_dev_attach(&mmio->dev);
}
