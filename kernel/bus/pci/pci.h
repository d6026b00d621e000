/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of the PCI bus. */
#pragma once

#include <bus/acpi.h>
#include <bus/pci.h>

enum {
	PCI_SLOTS = 32,
	PCI_FUNCTIONS = 8,
	PCI_BUSES = 256,
	PCI_BRIDGE_BUSES = 0x18, /* primary, secondary, subordinate, latency */
	PCI_BRIDGE_PORTS = 0x1c,
	PCI_BRIDGE_MEMORY = 0x20,
	PCI_BRIDGE_PREFETCH = 0x24,
	PCI_BRIDGE_PREFETCH_HIGH = 0x28,
	PCI_BRIDGE_LIMIT_HIGH = 0x2c,
	PCI_BRIDGE_PORTS_HIGH = 0x30,
	PCI_ECAM_CHUNKS = PCI_BUSES / 2, /* of two buses: one large page */
};

/** A segment: how its configuration space is reached, and which buses it has. */
struct pci_root {
	struct device device;
	uint16_t segment;
	uint8_t first_bus, last_bus;
	uint64_t ecam;                            /* of bus 0; 0: by ports */
	struct io_region chunks[PCI_ECAM_CHUNKS]; /* mapped on use */
	uint8_t highest_bus;                      /* found or given out so far */
};

/* config.c: space of a function that has no struct yet. */

struct pci_place {
	struct pci_root *root;
	uint8_t bus, slot, function;
};

uint32_t pci_config_read(const struct pci_place *place, uint32_t offset, unsigned bytes);
void pci_config_write(const struct pci_place *place, uint32_t offset, unsigned bytes,
		      uint32_t value);

/** The `index`-th segment that answers: by ECAM if that does, else by ports. -ENOENT: no more; -ENOMEM. */
int must_check pci_root_create(unsigned index, struct pci_root **out);

/* scan.c */

extern struct list_node pci_devices; /* struct pci_dev.link; bridges before what is behind them */

/** Finds the functions of a segment, and of all buses behind its bridges. -ENOMEM: not all. */
int must_check pci_scan(struct pci_root *root);

/* resources.c */

struct pci_window {
	uint64_t next, end;
};

struct pci_windows {
	struct pci_window memory, high_memory, ports;
};

/** Reads addresses and sizes of all BARs of a function. */
void pci_size_bars(struct pci_dev *dev);

/** Whether there are functions with a driver that no firmware gave addresses. */
bool pci_lacks_addresses(void);

/** Gives addresses to their BARs, and opens the bridges above them. */
void pci_assign(struct pci_windows *windows);

/** Switches decoding and bus mastering on, on the bridges above too; off. */
void pci_enable(struct pci_dev *dev);
void pci_disable(struct pci_dev *dev);

/* names.c */

const char *pci_class_name(uint32_t class);
