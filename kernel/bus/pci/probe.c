/* SPDX-License-Identifier: BSD-3-Clause */
/* From the machine's segments to attached drivers. */
#include "pci.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <core/params.h>

enum { POWER_BYTES = 6, POWER_STATUS = 4, POWER_STATE = 3, SEGMENTS_MAX = 64 };

/* Where there is no RAM below 4 GiB, VMMs have device memory from here on; above are I/O APICs and firmware. */
#define LOW_WINDOW_START ((uint64_t)0xc0000000)
#define LOW_WINDOW_END ((uint64_t)0xfe000000)
#define HIGH_WINDOW_ALIGN ((uint64_t)1 << 30)
#define HIGH_WINDOW_END BIT64(46)

/* Weak: on the host there may be no driver at all. */
extern const struct pci_driver *const __start_drivers_pci[] __attribute__((weak));
extern const struct pci_driver *const __stop_drivers_pci[] __attribute__((weak));

static const struct pci_driver *find_driver(const struct pci_dev *dev)
{
	for (const struct pci_driver *const *driver = __start_drivers_pci;
	     driver < __stop_drivers_pci; driver++) {
		if ((*driver)->matches(dev))
			return *driver;
	}
	return NULL;
}

static void wake(struct pci_dev *dev)
{
	uint32_t at = pci_find_capability(dev, PCI_CAP_POWER, 0, POWER_BYTES);
	uint16_t status = at ? pci_read16(dev, at + POWER_STATUS) : 0;

	if (status & POWER_STATE)
		pci_write16(dev, at + POWER_STATUS, (uint16_t)(status & ~POWER_STATE));
}

static void match(struct pci_dev *dev)
{
	dev->driver = find_driver(dev);
	if (!dev->driver)
		return;
	wake(dev);
	pci_size_bars(dev);
}

static void attach(struct pci_dev *dev)
{
	int error;

	pci_enable(dev);
	error = dev->driver->attach(dev);
	if (!error)
		return;
	if (error != -ENODEV)
		log_error("%s: %s cannot use it: error %d", dev->device.name, dev->driver->name,
			  -error);
	pci_disable(dev);
}

static bool scan_all(void)
{
	bool any = false;

	for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
		struct pci_root *root;
		int error = pci_root_create(i, &root);

		if (error == -ENODEV)
			continue;
		if (!error)
			error = pci_scan(root);
		if (error == -ENOENT)
			break;
		if (error)
			log_error("PCI: no memory for all of its functions");
		any = true;
	}
	return any;
}

/** ECAM lies in the same hole. */
static uint64_t low_window_end(void)
{
	uint64_t end = LOW_WINDOW_END;
	struct acpi_ecam ecam;

	for (unsigned i = 0; !acpi_read_ecam(i, &ecam); i++) {
		if (ecam.address >= LOW_WINDOW_START && ecam.address < end)
			end = ecam.address;
	}
	return end;
}

static void assign(uint64_t low_memory_end, uint64_t memory_end)
{
	struct pci_windows windows = {
		.memory = { max(LOW_WINDOW_START, align_up(low_memory_end, HIGH_WINDOW_ALIGN >> 6)),
			    low_window_end() },
		.high_memory = { align_up(max(memory_end, BIT64(32)), HIGH_WINDOW_ALIGN),
				 HIGH_WINDOW_END },
		.ports = { 0xc000, 0x10000 },
	};

	pci_assign(&windows);
}

void pci_probe(uint64_t low_memory_end, uint64_t memory_end)
{
	const char *pci = params_get("pci");

	if ((pci && !strcmp(pci, "off")) || !scan_all())
		return;
	list_for_each(node, &pci_devices)
		match(list_entry(node, struct pci_dev, link));
	if (pci_lacks_addresses())
		assign(low_memory_end, memory_end);
	list_for_each(node, &pci_devices) {
		struct pci_dev *dev = list_entry(node, struct pci_dev, link);

		if (dev->driver)
			attach(dev);
	}
}
