/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI and PCI Express (PCI Local Bus 3.0; PCI Express Base 5.0, chapter 7). Functions are found once, at start; a driver registers
 * with PCI_DRIVER and is called for those that it matches. What a function says is checked: capability lists end, BARs are of a
 * size that can be, tables lie within them.
 *
 * Thread context, but for reading and writing configuration space: any.
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>
#include <bus/device.h>
#include <hal/io.h>
#include <hal/irq.h>

enum { PCI_BARS = 6 };

enum pci_register {
	PCI_VENDOR = 0x00,
	PCI_DEVICE = 0x02,
	PCI_COMMAND = 0x04,
	PCI_STATUS = 0x06,
	PCI_REVISION = 0x08,
	PCI_CLASS = 0x08, /* in the upper 24 bits */
	PCI_HEADER_TYPE = 0x0e,
	PCI_BAR0 = 0x10,
	PCI_SUBSYSTEM_VENDOR = 0x2c,
	PCI_SUBSYSTEM = 0x2e,
	PCI_CAPABILITIES = 0x34,
	PCI_INTERRUPT_LINE = 0x3c,
	PCI_INTERRUPT_PIN = 0x3d,
};

enum pci_command {
	PCI_COMMAND_PORTS = 1 << 0,
	PCI_COMMAND_MEMORY = 1 << 1,
	PCI_COMMAND_MASTER = 1 << 2,
	PCI_COMMAND_NO_INTX = 1 << 10,
};

enum pci_capability {
	PCI_CAP_POWER = 0x01,
	PCI_CAP_MSI = 0x05,
	PCI_CAP_VENDOR = 0x09,
	PCI_CAP_EXPRESS = 0x10,
	PCI_CAP_MSIX = 0x11
};

struct pci_bar {
	uint64_t address, bytes; /* bytes 0: there is none */
	bool is_ports, is_64bit;
};

struct pci_driver;
struct pci_root;

struct pci_dev {
	struct device device;
	struct list_node link;
	struct pci_root *root;
	struct pci_dev *bridge; /* NULL: on a root bus */
	uint8_t bus, slot, function;
	uint8_t header; /* 0: a device; 1: a bridge */
	uint16_t vendor, id, subsystem_vendor, subsystem;
	uint32_t class; /* class, subclass, interface: 24 bits */
	uint8_t revision;
	uint8_t secondary, subordinate; /* of a bridge: the first and last bus behind it; 0: none */
	const struct pci_driver *driver;
	void *driver_data;
	struct pci_bar bars[PCI_BARS]; /* of a function with a driver */

	/* interrupt.c's */
	struct io_region msix_table;
	uint32_t msix_capability, msix_entries;
};

struct pci_driver {
	const char *name;
	bool (*matches)(const struct pci_dev *dev);
	/** Decoding and bus mastering are on. 0, or -errno with everything undone: the function is then switched off. */
	int (*attach)(struct pci_dev *dev);
};

/** Registers a `const struct pci_driver`. */
#define PCI_DRIVER(driver)                                          \
	static const struct pci_driver *const driver##_registration \
		__attribute__((section("drivers_pci"), used)) = &(driver)

/** Configuration space; offsets aligned, below 256 (4096 where there is ECAM: else all ones). */
uint8_t pci_read8(const struct pci_dev *dev, uint32_t offset);
uint16_t pci_read16(const struct pci_dev *dev, uint32_t offset);
uint32_t pci_read32(const struct pci_dev *dev, uint32_t offset);
void pci_write8(const struct pci_dev *dev, uint32_t offset, uint8_t value);
void pci_write16(const struct pci_dev *dev, uint32_t offset, uint16_t value);
void pci_write32(const struct pci_dev *dev, uint32_t offset, uint32_t value);

/** The next capability of this kind behind that at `after` (0: the first): its offset, with `bytes` of it within configuration
 * space; 0: none. */
uint32_t pci_find_capability(const struct pci_dev *dev, enum pci_capability id, uint32_t after,
			     uint32_t bytes);

/** Maps a part of a BAR. -EINVAL: it has no such part; -ENOMEM. */
int must_check pci_map_bar(const struct pci_dev *dev, unsigned bar, uint64_t offset, uint32_t bytes,
			   struct io_region *out);

/* Interrupts. A function uses either messages, or its line. */

/** How many messages the function can send (MSI-X); turns them on, all masked. 0: none. Once. */
unsigned pci_messages_start(struct pci_dev *dev);
/** Gives message `index` a handler. -ENODEV, -ENOSPC: no vector. */
int must_check pci_message_attach(struct pci_dev *dev, unsigned index, irq_handler *fn,
				  void *context, struct irq_message *out);
void pci_message_detach(struct pci_dev *dev, unsigned index, const struct irq_message *message);
void pci_messages_stop(struct pci_dev *dev);

/** Its line, shared with others, level-triggered. -ENODEV: it has none that firmware has told. */
int must_check pci_line_attach(struct pci_dev *dev, irq_handler *fn, void *context);
void pci_line_detach(struct pci_dev *dev, irq_handler *fn, void *context);

/** Finds all functions and attaches drivers. `low_memory_end` is the end of RAM below 4 GiB, `memory_end` of all: behind them
 * there is room for devices that no firmware gave addresses. With `pci=off` there is nothing. Once, at start. */
void pci_probe(uint64_t low_memory_end, uint64_t memory_end);
