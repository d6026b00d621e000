/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding functions. Only buses behind bridges are looked at, each once, whatever the bridges say; a bridge without a bus gets
 * one (PCI-to-PCI Bridge Architecture 1.2, 3.2.5).
 */
#include "pci.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/log.h>
#include <mm/alloc.h>

enum {
	DEPTH_MAX = 16, /* of bridges behind bridges: the stack is small */
	CAPABILITIES_MAX = 48,
	SPACE_BYTES = 256,
	HEADER_BYTES = 0x40,
	MULTIFUNCTION = 0x80,
	STATUS_CAPABILITIES = 1 << 4,
	EXPRESS_FLAGS = 2,
	EXPRESS_ROOT_PORT = 4,
	EXPRESS_DOWNSTREAM_PORT = 6,
};

struct list_node pci_devices = { &pci_devices, &pci_devices };

uint32_t pci_find_capability(const struct pci_dev *dev, enum pci_capability id, uint32_t after,
			     uint32_t bytes)
{
	uint32_t at = after ? after + 1 : PCI_CAPABILITIES;

	if (!(pci_read16(dev, PCI_STATUS) & STATUS_CAPABILITIES))
		return 0;
	/* A list may have a loop; no list that has not is longer. */
	for (unsigned i = 0; i < CAPABILITIES_MAX; i++) {
		at = pci_read8(dev, at) & 0xfcu;
		if (at < HEADER_BYTES)
			return 0;
		if (pci_read8(dev, at) == id && range_fits(at, bytes, SPACE_BYTES))
			return at;
		at++;
	}
	return 0;
}

static void describe(const struct device *device, struct device_text *text)
{
	const struct pci_dev *dev = container_of(device, struct pci_dev, device);

	device_print(text, "%04x:%04x %s [%04x]", dev->vendor, dev->id, pci_class_name(dev->class),
		     dev->class >> 8);
	if (dev->revision)
		device_print(text, " rev %u", dev->revision);
}

static uint32_t read32(const struct pci_place *place, uint32_t offset)
{
	return pci_config_read(place, offset, 4);
}

/** Reads what the header tells. */
static struct pci_dev *create(const struct pci_place *place, struct pci_dev *bridge, uint32_t id)
{
	struct pci_dev *dev = mem_zalloc(sizeof(*dev));
	uint32_t class, subsystem;

	if (!dev)
		return NULL;
	dev->root = place->root;
	dev->bridge = bridge;
	dev->bus = place->bus;
	dev->slot = place->slot;
	dev->function = place->function;
	dev->vendor = (uint16_t)id;
	dev->id = (uint16_t)(id >> 16);
	class = read32(place, PCI_CLASS);
	dev->class = class >> 8;
	dev->revision = (uint8_t) class;
	dev->header = pci_read8(dev, PCI_HEADER_TYPE);
	subsystem = dev->header & ~MULTIFUNCTION ? 0 : read32(place, PCI_SUBSYSTEM_VENDOR);
	dev->subsystem_vendor = (uint16_t)subsystem;
	dev->subsystem = (uint16_t)(subsystem >> 16);
	dev->device.bus = "pci";
	dev->device.parent = bridge ? &bridge->device : &place->root->device;
	dev->device.describe = describe;
	format(dev->device.name, sizeof(dev->device.name), "%04x:%02x:%02x.%x",
	       place->root->segment, dev->bus, dev->slot, dev->function);
	return dev;
}

static bool is_bridge(const struct pci_dev *dev)
{
	return (dev->header & ~MULTIFUNCTION) == 1;
}

/** -ENODEV: there is no such function. */
static int scan_function(const struct pci_place *place, struct pci_dev *bridge,
			 struct pci_dev **out)
{
	uint32_t id = read32(place, PCI_VENDOR);
	struct pci_dev *dev;

	if ((uint16_t)id == UINT16_MAX || !(uint16_t)id)
		return -ENODEV;
	dev = create(place, bridge, id);
	if (!dev)
		return -ENOMEM;
	list_insert_before(&pci_devices, &dev->link);
	device_add(&dev->device);
	if (is_bridge(dev)) {
		uint32_t buses = pci_read32(dev, PCI_BRIDGE_BUSES);

		dev->secondary = (uint8_t)(buses >> 8);
		dev->subordinate = (uint8_t)(buses >> 16);
		if (dev->secondary)
			place->root->highest_bus = max(place->root->highest_bus, dev->subordinate);
	}
	*out = dev;
	return 0;
}

static int scan_slot(struct pci_place *place, struct pci_dev *bridge)
{
	struct pci_dev *dev;
	int error;

	place->function = 0;
	error = scan_function(place, bridge, &dev);
	if (error)
		return error == -ENODEV ? 0 : error;
	if (!(dev->header & MULTIFUNCTION))
		return 0;
	for (place->function = 1; place->function < PCI_FUNCTIONS; place->function++) {
		error = scan_function(place, bridge, &dev);
		if (error && error != -ENODEV)
			return error;
	}
	return 0;
}

/** Behind a port of PCI Express there is one slot. */
static unsigned slots_behind(const struct pci_dev *bridge)
{
	uint32_t at = bridge ? pci_find_capability(bridge, PCI_CAP_EXPRESS, 0, 4) : 0;
	unsigned kind = at ? pci_read16(bridge, at + EXPRESS_FLAGS) >> 4 & 0xf : 0;

	return kind == EXPRESS_ROOT_PORT || kind == EXPRESS_DOWNSTREAM_PORT ? 1 : PCI_SLOTS;
}

static int scan_slots(struct pci_root *root, uint8_t bus, struct pci_dev *bridge)
{
	struct pci_place place = { .root = root, .bus = bus };
	unsigned slots = slots_behind(bridge);

	for (unsigned slot = 0; slot < slots; slot++) {
		int error;

		place.slot = (uint8_t)slot;
		error = scan_slot(&place, bridge);
		if (error)
			return error;
	}
	return 0;
}

/* Bridges */

static unsigned depth_of(const struct pci_dev *dev)
{
	unsigned depth = 0;

	while ((dev = dev->bridge) != NULL)
		depth++;
	return depth;
}

static void write_buses(const struct pci_dev *dev, uint8_t subordinate)
{
	uint32_t latency = pci_read32(dev, PCI_BRIDGE_BUSES) & 0xff000000;

	pci_write32(dev, PCI_BRIDGE_BUSES,
		    latency | (uint32_t)subordinate << 16 | (uint32_t)dev->secondary << 8 |
			    dev->bus);
}

/** A bus for a bridge that firmware left without: behind all that are known, within what the bridge above passes on. */
static bool give_bus(struct pci_root *root, struct pci_dev *dev)
{
	uint8_t last = dev->bridge ? dev->bridge->subordinate : root->last_bus;

	if (root->highest_bus >= last)
		return false;
	dev->secondary = ++root->highest_bus;
	dev->subordinate = last;
	write_buses(dev, last);
	return true;
}

/** Whether the bus behind a bridge can be looked at, and has not been. */
static bool may_enter(const struct pci_root *root, const struct pci_dev *dev)
{
	const struct pci_dev *above = dev->bridge;

	if (dev->secondary <= dev->bus || dev->subordinate < dev->secondary ||
	    dev->subordinate > root->last_bus || depth_of(dev) >= DEPTH_MAX)
		return false;
	if (above && (dev->secondary > above->subordinate || dev->secondary <= above->secondary))
		return false;
	list_for_each(node, &pci_devices) {
		const struct pci_dev *other = list_entry(node, struct pci_dev, link);

		if (other->root == root && other->bus == dev->secondary)
			return false;
	}
	return true;
}

static int scan_bus(struct pci_root *root, uint8_t bus, struct pci_dev *bridge);

static int scan_behind(struct pci_root *root, struct pci_dev *dev)
{
	bool is_ours = !dev->secondary;
	int error;

	if ((is_ours && !give_bus(root, dev)) || !may_enter(root, dev)) {
		log_warning("%s: the buses behind this bridge cannot be used", dev->device.name);
		dev->secondary = 0;
		return 0;
	}
	error = scan_bus(root, dev->secondary, dev);
	if (is_ours) {
		dev->subordinate = root->highest_bus;
		write_buses(dev, dev->subordinate);
	}
	return error;
}

/** All of a bus, so that the buses that firmware gave out are known, then what is behind its bridges. */
static int scan_bus(struct pci_root *root, uint8_t bus, struct pci_dev *bridge)
{
	int error = scan_slots(root, bus, bridge);

	list_for_each(node, &pci_devices) {
		struct pci_dev *dev = list_entry(node, struct pci_dev, link);

		if (!error && dev->root == root && dev->bus == bus && is_bridge(dev))
			error = scan_behind(root, dev);
	}
	return error;
}

int pci_scan(struct pci_root *root)
{
	device_add(&root->device);
	return scan_bus(root, root->first_bus, NULL);
}
