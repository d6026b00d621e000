/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtio devices on memory-mapped registers (virtio 1.2, 4.2), of version 2 and of the older version 1. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <hal/irq.h>

/** Where a device may be. */
struct virtio_mmio_place {
	phys_t base;
	uint32_t bytes;
	unsigned line; /* global interrupt */
	enum irq_trigger trigger;
};

/** Looks for a device, adds it to the tree and attaches its driver. -ENODEV: none is there, or none that has a driver; -EINVAL:
 * this can be no device's place; -ENOMEM, or what its driver said. Thread context. */
int must_check virtio_mmio_probe(const struct virtio_mmio_place *place);
