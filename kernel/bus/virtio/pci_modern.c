/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers of version 1, found by capabilities (virtio 1.2, 4.1.4). */
#include <base/bits.h>
#include <base/errno.h>

#include "pci.h"

enum capability {
	CAP_BYTES = 16,
	CAP_NOTIFY_BYTES = 20,
	CAP_TYPE = 3,
	CAP_BAR = 4,
	CAP_OFFSET = 8,
	CAP_LENGTH = 12,
	CAP_NOTIFY_MULTIPLIER = 16,
	TYPE_COMMON = 1,
	TYPE_NOTIFY = 2,
	TYPE_ISR = 3,
	TYPE_CONFIG = 4,
};

enum common_register {
	DEVICE_FEATURE_SELECT = 0x00,
	DEVICE_FEATURE = 0x04,
	DRIVER_FEATURE_SELECT = 0x08,
	DRIVER_FEATURE = 0x0c,
	CONFIG_VECTOR = 0x10,
	NUM_QUEUES = 0x12,
	STATUS = 0x14,
	CONFIG_GENERATION = 0x15,
	QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY_OFF = 0x1e,
	QUEUE_DESC = 0x20,
	QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30,
	COMMON_BYTES = 0x38,
};

enum { NOTIFY_BYTES_MAX = 16 << 20, CONFIG_BYTES_MAX = 4096, CAPABILITIES_MAX = 48 };

static const struct io_region *common_of(struct virtio_dev *dev)
{
	return &virtio_pci_of(dev)->common;
}

static uint8_t status_read(struct virtio_dev *dev)
{
	return io_read8(common_of(dev), STATUS);
}

static void status_write(struct virtio_dev *dev, uint8_t status)
{
	io_write8(common_of(dev), STATUS, status);
}

static uint64_t features_read(struct virtio_dev *dev)
{
	const struct io_region *io = common_of(dev);
	uint64_t low;

	io_write32(io, DEVICE_FEATURE_SELECT, 0);
	low = io_read32(io, DEVICE_FEATURE);
	io_write32(io, DEVICE_FEATURE_SELECT, 1);
	return low | (uint64_t)io_read32(io, DEVICE_FEATURE) << 32;
}

static void features_write(struct virtio_dev *dev, uint64_t features)
{
	const struct io_region *io = common_of(dev);

	io_write32(io, DRIVER_FEATURE_SELECT, 0);
	io_write32(io, DRIVER_FEATURE, (uint32_t)features);
	io_write32(io, DRIVER_FEATURE_SELECT, 1);
	io_write32(io, DRIVER_FEATURE, (uint32_t)(features >> 32));
}

static uint32_t generation(struct virtio_dev *dev)
{
	return io_read8(common_of(dev), CONFIG_GENERATION);
}

static uint32_t config_read(struct virtio_dev *dev, uint32_t offset, unsigned bytes)
{
	return io_read(&virtio_pci_of(dev)->config, offset, bytes);
}

static void config_write(struct virtio_dev *dev, uint32_t offset, unsigned bytes, uint32_t value)
{
	io_write(&virtio_pci_of(dev)->config, offset, bytes, value);
}

static unsigned queue_entries(struct virtio_dev *dev, unsigned index)
{
	const struct io_region *io = common_of(dev);

	if (index >= io_read16(io, NUM_QUEUES))
		return 0;
	io_write16(io, QUEUE_SELECT, (uint16_t)index);
	return io_read16(io, QUEUE_SIZE);
}

/** In two halves, of which the device may take no more at once (4.1.3.1). */
static void set_address(const struct io_region *io, uint32_t offset, uint64_t address)
{
	io_write32(io, offset, (uint32_t)address);
	io_write32(io, offset + 4, (uint32_t)(address >> 32));
}

static int find_notification(struct virtio_pci_dev *p, struct virtio_queue *queue)
{
	uint64_t offset = (uint64_t)io_read16(&p->common, QUEUE_NOTIFY_OFF) * p->notify_multiplier;

	if (!range_fits(offset, sizeof(uint16_t), p->notify.bytes) || offset & 1)
		return -EIO;
	queue->notify_offset = (uint32_t)offset;
	return 0;
}

static int queue_start(struct virtio_queue *queue)
{
	struct virtio_pci_dev *p = virtio_pci_of(queue->dev);
	const struct io_region *io = &p->common;
	int error;

	io_write16(io, QUEUE_SELECT, (uint16_t)queue->index);
	error = find_notification(p, queue);
	if (error)
		return error;
	io_write16(io, QUEUE_SIZE, queue->ring.entries);
	set_address(io, QUEUE_DESC, virtio_queue_descriptors(queue));
	set_address(io, QUEUE_DRIVER, virtio_queue_driver_area(queue));
	set_address(io, QUEUE_DEVICE, virtio_queue_device_area(queue));
	error = virtio_pci_queue_interrupt(queue);
	if (error)
		return error;
	io_write16(io, QUEUE_ENABLE, 1);
	return 0;
}

static void notify(struct virtio_queue *queue)
{
	io_write16(&virtio_pci_of(queue->dev)->notify, queue->notify_offset,
		   (uint16_t)queue->index);
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
	return io_read8(&p->isr, 0);
}

static const struct virtio_transport transport = {
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
	.interrupts_start = virtio_pci_interrupts_start,
	.interrupts_stop = virtio_pci_interrupts_stop,
	.poll = virtio_pci_poll,
};

/* Capabilities: the first of each type that can be used counts. */

static bool map_part(struct virtio_pci_dev *p, uint32_t at, uint32_t least, uint32_t most,
		     struct io_region *out)
{
	uint32_t bytes = min(pci_read32(p->pci, at + CAP_LENGTH), most);

	if (out->bytes || bytes < least)
		return false;
	if (!pci_map_bar(p->pci, pci_read8(p->pci, at + CAP_BAR),
			 pci_read32(p->pci, at + CAP_OFFSET), bytes, out))
		return true;
	*out = (struct io_region){ 0 };
	return false;
}

static void look_at(struct virtio_pci_dev *p, uint32_t at)
{
	switch (pci_read8(p->pci, at + CAP_TYPE)) {
	case TYPE_COMMON:
		map_part(p, at, COMMON_BYTES, COMMON_BYTES, &p->common);
		break;
	case TYPE_NOTIFY:
		if (at + CAP_NOTIFY_BYTES <= 256 &&
		    map_part(p, at, sizeof(uint16_t), NOTIFY_BYTES_MAX, &p->notify))
			p->notify_multiplier = pci_read32(p->pci, at + CAP_NOTIFY_MULTIPLIER);
		break;
	case TYPE_ISR:
		map_part(p, at, 1, 1, &p->isr);
		break;
	case TYPE_CONFIG:
		map_part(p, at, 1, CONFIG_BYTES_MAX, &p->config);
		break;
	}
}

int virtio_pci_modern_start(struct virtio_pci_dev *p)
{
	uint32_t at = 0;

	/* The list may have a loop. */
	for (unsigned i = 0; i < CAPABILITIES_MAX; i++) {
		at = pci_find_capability(p->pci, PCI_CAP_VENDOR, at, CAP_BYTES);
		if (!at)
			break;
		look_at(p, at);
	}
	if (!p->common.bytes || !p->notify.bytes || !p->isr.bytes)
		return -ENODEV;
	p->dev.transport = &transport;
	p->dev.config_bytes = p->config.bytes;
	p->set_config_vector = set_config_vector;
	p->set_queue_vector = set_queue_vector;
	p->read_isr = read_isr;
	return 0;
}
