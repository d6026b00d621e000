/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtio functions of PCI, and their interrupts: a message for the configuration and one for each queue while there are enough; the
 * queues that are left share the first one. Without messages the line, which may be shared with other functions; without a
 * line the device is polled.
 */
#include "pci.h"

#include <base/errno.h>
#include <base/log.h>
#include <mm/alloc.h>

enum {
	VENDOR_VIRTIO = 0x1af4,
	ID_TRANSITIONAL = 0x1000,
	ID_MODERN = 0x1040,
	ID_END = 0x1080,
	ISR_CONFIG = 2,
};

/* Interrupts */

static void queue_message(void *context)
{
	struct virtio_queue *queue = context;

	if (!queue->ring.broken && virtq_has_used(&queue->ring))
		virtio_queue_arrived(queue);
}

/** Queues interrupt often and the configuration does not: where they share a message, its count of changes tells. */
static bool config_may_have_changed(struct virtio_pci_dev *p)
{
	uint32_t now;

	if (!p->queues_on_first || !p->dev.transport->generation)
		return true;
	if (p->dev.transport->status_read(&p->dev) & VIRTIO_NEEDS_RESET)
		return true;
	now = p->dev.transport->generation(&p->dev);
	if (now == p->generation)
		return false;
	p->generation = now;
	return true;
}

static void first_message(void *context)
{
	struct virtio_pci_dev *p = context;

	if (p->queues_on_first)
		virtio_dev_queues_arrived(&p->dev);
	if (config_may_have_changed(p))
		virtio_dev_config_changed(&p->dev);
}

/** Reading the status acknowledges. It says nothing of which queue; and it is 0 for another function's interrupt. */
static void line_interrupt(void *context)
{
	struct virtio_pci_dev *p = context;
	uint8_t isr = p->read_isr(p);

	virtio_dev_queues_arrived(&p->dev);
	if (isr & ISR_CONFIG)
		virtio_dev_config_changed(&p->dev);
}

void virtio_pci_poll(struct virtio_dev *dev)
{
	line_interrupt(virtio_pci_of(dev));
}

static int start_messages(struct virtio_pci_dev *p)
{
	int error;

	p->message_count = pci_messages_start(p->pci);
	if (!p->message_count)
		return -ENODEV;
	error = pci_message_attach(p->pci, 0, first_message, p, &p->first);
	if (error) {
		pci_messages_stop(p->pci);
		p->message_count = 0;
		return error;
	}
	if (p->set_config_vector(p, 0) == VIRTIO_PCI_NO_VECTOR)
		log_warning("%s: the device will not tell of changes to its configuration",
			    p->dev.device->name);
	return 0;
}

void virtio_pci_interrupts_start(struct virtio_dev *dev)
{
	struct virtio_pci_dev *p = virtio_pci_of(dev);

	dev->polled = start_messages(p) && pci_line_attach(p->pci, line_interrupt, p);
}

void virtio_pci_interrupts_stop(struct virtio_dev *dev)
{
	struct virtio_pci_dev *p = virtio_pci_of(dev);

	if (!p->message_count) {
		pci_line_detach(p->pci, line_interrupt, p);
		return;
	}
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		if (p->messages[i].address)
			pci_message_detach(p->pci, i + 1, &p->messages[i]);
		p->messages[i].address = 0;
	}
	pci_message_detach(p->pci, 0, &p->first);
	pci_messages_stop(p->pci);
}

/** Its own message, if there is one. */
static bool own_message(struct virtio_pci_dev *p, struct virtio_queue *queue)
{
	unsigned vector = queue->index + 1;
	struct irq_message *message = &p->messages[queue->index];

	if (vector >= p->message_count ||
	    pci_message_attach(p->pci, vector, queue_message, queue, message))
		return false;
	if (p->set_queue_vector(p, (uint16_t)vector) == vector)
		return true;
	pci_message_detach(p->pci, vector, message);
	message->address = 0;
	return false;
}

int virtio_pci_queue_interrupt(struct virtio_queue *queue)
{
	struct virtio_pci_dev *p = virtio_pci_of(queue->dev);

	if (!p->message_count)
		return 0;
	if (!queue->arrived) {
		p->set_queue_vector(p, VIRTIO_PCI_NO_VECTOR);
		return 0;
	}
	if (own_message(p, queue))
		return 0;
	p->queues_on_first = true;
	return p->set_queue_vector(p, 0) ? -EIO : 0;
}

/* Functions */

static bool matches(const struct pci_dev *dev)
{
	return dev->vendor == VENDOR_VIRTIO && dev->id >= ID_TRANSITIONAL && dev->id < ID_END;
}

static int attach(struct pci_dev *pci)
{
	struct virtio_pci_dev *p = mem_zalloc(sizeof(*p));
	int error;

	if (!p)
		return -ENOMEM;
	p->pci = pci;
	p->dev.device = &pci->device;
	p->dev.vendor = pci->subsystem_vendor;
	p->dev.type = pci->id >= ID_MODERN ? pci->id - ID_MODERN : pci->subsystem;
	error = virtio_pci_modern_start(p);
	if (error == -ENODEV && pci->id < ID_MODERN)
		error = virtio_pci_legacy_start(p);
	if (!error)
		error = virtio_dev_attach(&p->dev);
	if (error)
		mem_free(p);
	else
		pci->driver_data = p;
	return error;
}

const struct pci_driver virtio_pci_driver = {
	.name = "virtio-pci",
	.matches = matches,
	.attach = attach,
};
PCI_DRIVER(virtio_pci_driver);
