/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers of before version 1, in the first BAR (virtio 1.2, 4.1.4.10). */
#include <base/bits.h>
#include <base/errno.h>

#include "pci.h"

enum legacy_register {
	DEVICE_FEATURES = 0x00,
	DRIVER_FEATURES = 0x04,
	QUEUE_ADDRESS = 0x08, /* in pages */
	QUEUE_SIZE = 0x0c,
	QUEUE_SELECT = 0x0e,
	QUEUE_NOTIFY = 0x10,
	STATUS = 0x12,
	ISR = 0x13,
	CONFIG_VECTOR = 0x14, /* these two are there while messages are on */
	QUEUE_VECTOR = 0x16,
	CONFIG = 0x14,
	CONFIG_WITH_VECTORS = 0x18,
};

static const struct io_region *registers_of(struct virtio_dev *dev)
{
	return &virtio_pci_of(dev)->common;
}

static uint8_t status_read(struct virtio_dev *dev)
{
	return io_read8(registers_of(dev), STATUS);
}

static void status_write(struct virtio_dev *dev, uint8_t status)
{
	io_write8(registers_of(dev), STATUS, status);
}

static uint64_t features_read(struct virtio_dev *dev)
{
	return io_read32(registers_of(dev), DEVICE_FEATURES);
}

static void features_write(struct virtio_dev *dev, uint64_t features)
{
	io_write32(registers_of(dev), DRIVER_FEATURES, (uint32_t)features);
}

static uint32_t config_at(struct virtio_dev *dev, uint32_t offset)
{
	return offset + (virtio_pci_of(dev)->message_count ? CONFIG_WITH_VECTORS : CONFIG);
}

static uint32_t config_read(struct virtio_dev *dev, uint32_t offset, unsigned bytes)
{
	return io_read(registers_of(dev), config_at(dev, offset), bytes);
}

static void config_write(struct virtio_dev *dev, uint32_t offset, unsigned bytes, uint32_t value)
{
	io_write(registers_of(dev), config_at(dev, offset), bytes, value);
}

static unsigned queue_entries(struct virtio_dev *dev, unsigned index)
{
	io_write16(registers_of(dev), QUEUE_SELECT, (uint16_t)index);
	return io_read16(registers_of(dev), QUEUE_SIZE);
}

static int queue_start(struct virtio_queue *queue)
{
	uint64_t frame = virtio_queue_descriptors(queue) / PAGE_SIZE;
	const struct io_region *io = registers_of(queue->dev);

	if (frame > UINT32_MAX)
		return -EIO;
	io_write16(io, QUEUE_SELECT, (uint16_t)queue->index);
	io_write32(io, QUEUE_ADDRESS, (uint32_t)frame);
	return virtio_pci_queue_interrupt(queue);
}

static void notify(struct virtio_queue *queue)
{
	io_write16(registers_of(queue->dev), QUEUE_NOTIFY, (uint16_t)queue->index);
}

static uint16_t set_config_vector(struct virtio_pci_dev *p, uint16_t vector)
{
	io_write16(&p->common, CONFIG_VECTOR, vector);
	return io_read16(&p->common, CONFIG_VECTOR);
}

static uint16_t set_queue_vector(struct virtio_pci_dev *p, uint16_t vector)
{
	io_write16(&p->common, QUEUE_VECTOR, vector);
	return io_read16(&p->common, QUEUE_VECTOR);
}

static uint8_t read_isr(struct virtio_pci_dev *p)
{
	return io_read8(&p->common, ISR);
}

static const struct virtio_transport transport = {
	.status_read = status_read,
	.status_write = status_write,
	.features_read = features_read,
	.features_write = features_write,
	.config_read = config_read,
	.config_write = config_write,
	.queue_entries = queue_entries,
	.queue_start = queue_start,
	.notify = notify,
	.interrupts_start = virtio_pci_interrupts_start,
	.interrupts_stop = virtio_pci_interrupts_stop,
	.poll = virtio_pci_poll,
};

int virtio_pci_legacy_start(struct virtio_pci_dev *p)
{
	uint64_t bytes = min(p->pci->bars[0].bytes, (uint64_t)PAGE_SIZE);

	if (bytes <= CONFIG_WITH_VECTORS || pci_map_bar(p->pci, 0, 0, (uint32_t)bytes, &p->common))
		return -ENODEV;
	p->dev.transport = &transport;
	p->dev.legacy = true;
	p->dev.fixed_entries = true;
	p->dev.config_bytes = (uint32_t)bytes - CONFIG_WITH_VECTORS;
	p->set_config_vector = set_config_vector;
	p->set_queue_vector = set_queue_vector;
	p->read_isr = read_isr;
	return 0;
}
