/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtio over PCI (virtio 1.2, 4.1): what the registers of version 1 and those of before have in common. */
#pragma once

#include <bus/pci.h>

#include "transport.h"

enum { VIRTIO_PCI_NO_VECTOR = 0xffff };

struct virtio_pci_dev {
	struct virtio_dev dev;
	struct pci_dev *pci;

	/* Of version 1; of before that, only `common`. */
	struct io_region common, notify, isr, config;
	uint32_t notify_multiplier;

	/** Sets a vector, and tells what the device has made of it. */
	uint16_t (*set_config_vector)(struct virtio_pci_dev *p, uint16_t vector);
	uint16_t (*set_queue_vector)(struct virtio_pci_dev *p,
				     uint16_t vector); /* selected queue's */
	uint8_t (*read_isr)(struct virtio_pci_dev *p);

	/* pci.c's */
	unsigned message_count;   /* 0: the line, or polled */
	bool queues_on_first;     /* the first message is also that of queues */
	uint32_t generation;      /* seen last */
	struct irq_message first; /* the configuration's */
	struct irq_message messages[VIRTIO_QUEUES_MAX]; /* address 0: none */
};

extern const struct pci_driver virtio_pci_driver;

static inline struct virtio_pci_dev *virtio_pci_of(struct virtio_dev *dev)
{
	return container_of(dev, struct virtio_pci_dev, dev);
}

/** Finds the registers and sets `p` up for them. -ENODEV: there are none. */
int must_check virtio_pci_modern_start(struct virtio_pci_dev *p);
int must_check virtio_pci_legacy_start(struct virtio_pci_dev *p);

/* Of struct virtio_transport. */
void virtio_pci_interrupts_start(struct virtio_dev *dev);
void virtio_pci_interrupts_stop(struct virtio_dev *dev);
void virtio_pci_poll(struct virtio_dev *dev);

/** Decides how the selected queue interrupts. -EIO: the device takes no vector for it. */
int must_check virtio_pci_queue_interrupt(struct virtio_queue *queue);
