/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated PCI segment behind the ports 0xcf8 and 0xcfc: functions with registers, BARs that can be sized, bridges that route. */
#pragma once

#include <base/types.h>

#include "io.h"

enum { HOST_PCI_FUNCTIONS = 16, HOST_PCI_BARS = 6 };

struct host_pci_function {
	/* The test's. */
	uint8_t slot, function;
	struct host_pci_function *behind; /* NULL: on bus 0 */
	uint8_t config[256];
	uint64_t bar_bytes[HOST_PCI_BARS]; /* 0: no BAR; of a 64-bit one in its lower half */
	bool bar_64bit[HOST_PCI_BARS], bar_ports[HOST_PCI_BARS];
	unsigned writes_while_decoding; /* BARs that were changed with decoding on */
};

struct host_pci {
	struct host_pci_function functions[HOST_PCI_FUNCTIONS];
	unsigned count;
	unsigned reads; /* of configuration space */
	uint32_t address;
	struct host_device address_port, data_port;
};

void host_pci_add(struct host_pci *sim);
void host_pci_remove(struct host_pci *sim);

/** A function with these ids and class, header 0. */
struct host_pci_function *host_pci_function(struct host_pci *sim, struct host_pci_function *behind,
					    uint8_t slot, uint32_t ids, uint32_t class);
struct host_pci_function *host_pci_bridge(struct host_pci *sim, struct host_pci_function *behind,
					  uint8_t slot);

/** Puts a capability at `at`, the first of the list so far. */
void host_pci_capability(struct host_pci_function *f, uint8_t at, uint8_t id);

void host_pci_set16(struct host_pci_function *f, unsigned offset, uint16_t value);
void host_pci_set32(struct host_pci_function *f, unsigned offset, uint32_t value);
uint32_t host_pci_get32(const struct host_pci_function *f, unsigned offset);
