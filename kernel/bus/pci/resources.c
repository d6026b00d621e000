/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What functions decode: sizes of their BARs (PCI Local Bus 3.0, 6.2.5.1), addresses where no firmware gave any, and the windows
 * of bridges (PCI-to-PCI Bridge Architecture 1.2, 3.2.5). Only functions with a driver are looked at.
 */
#include "pci.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/log.h>

enum {
	BAR_PORTS = 1 << 0,
	BAR_TYPE = 3 << 1,
	BAR_TYPE_64 = 2 << 1,
	BRIDGE_BARS = 2,
	DECODE = PCI_COMMAND_PORTS | PCI_COMMAND_MEMORY,
	BRIDGE_PORTS_ALIGN = 4096,
	BRIDGE_MEMORY_ALIGN = 1 << 20,
	PORTS_END = 0x10000,
};

#define ADDRESS_END BIT64(46)

static unsigned bar_count(const struct pci_dev *dev)
{
	return dev->header & 0x7f ? BRIDGE_BARS : PCI_BARS;
}

static uint32_t bar_offset(unsigned index)
{
	return PCI_BAR0 + 4 * index;
}

/** Which bits of a BAR can be set; it keeps its value. */
static uint32_t writable_bits(const struct pci_dev *dev, unsigned index, uint32_t value)
{
	uint32_t bits;

	pci_write32(dev, bar_offset(index), UINT32_MAX);
	bits = pci_read32(dev, bar_offset(index));
	pci_write32(dev, bar_offset(index), value);
	return bits;
}

/** A size is a power of two, and what lies where it cannot counts as not assigned. */
static void check_bar(struct pci_bar *bar, uint64_t end)
{
	if (!is_pow2(bar->bytes) || bar->bytes > end)
		*bar = (struct pci_bar){ 0 };
	else if (!is_aligned(bar->address, bar->bytes) ||
		 !range_fits(bar->address, bar->bytes, end))
		bar->address = 0;
}

static void size_ports(struct pci_bar *bar, uint32_t value, uint32_t bits)
{
	bits = (bits & ~3u) | (bits >> 16 ? 0 : 0xffff0000);
	bar->is_ports = true;
	bar->address = value & 0xfffc;
	bar->bytes = bits & 0xfffc ? (uint32_t)(~bits + 1) : 0;
	check_bar(bar, PORTS_END);
}

/** How many BARs it takes. */
static unsigned size_bar(struct pci_dev *dev, unsigned index)
{
	struct pci_bar *bar = &dev->bars[index];
	uint32_t value = pci_read32(dev, bar_offset(index));
	uint32_t bits = writable_bits(dev, index, value), high, high_bits;

	*bar = (struct pci_bar){ 0 };
	if (!bits)
		return 1;
	if (value & BAR_PORTS) {
		size_ports(bar, value, bits);
		return 1;
	}
	bar->is_64bit = (value & BAR_TYPE) == BAR_TYPE_64 && index + 1 < bar_count(dev);
	bar->address = value & ~0xfu;
	if (!bar->is_64bit) {
		bar->bytes = (uint32_t)(~(bits & ~0xfu) + 1);
		check_bar(bar, BIT64(32));
		return 1;
	}
	high = pci_read32(dev, bar_offset(index + 1));
	high_bits = writable_bits(dev, index + 1, high);
	bar->address |= (uint64_t)high << 32;
	bar->bytes = ~((uint64_t)high_bits << 32 | (bits & ~0xfu)) + 1;
	check_bar(bar, ADDRESS_END);
	dev->bars[index + 1] = (struct pci_bar){ 0 };
	return 2;
}

void pci_size_bars(struct pci_dev *dev)
{
	uint16_t command = pci_read16(dev, PCI_COMMAND);

	/* Sizing moves what is decoded. */
	pci_write16(dev, PCI_COMMAND, (uint16_t)(command & ~DECODE));
	for (unsigned i = 0; i < bar_count(dev); i += size_bar(dev, i))
		;
	pci_write16(dev, PCI_COMMAND, command);
}

int pci_map_bar(const struct pci_dev *dev, unsigned index, uint64_t offset, uint32_t bytes,
		struct io_region *out)
{
	const struct pci_bar *bar = &dev->bars[index < PCI_BARS ? index : 0];

	if (index >= PCI_BARS || !bytes || !bar->address || !range_fits(offset, bytes, bar->bytes))
		return -EINVAL;
	if (!bar->is_ports)
		return io_map(out, phys(bar->address + offset), bytes);
	*out = io_ports((uint16_t)(bar->address + offset), (uint16_t)bytes);
	return 0;
}

/* Assigning */

static bool lacks_address(const struct pci_dev *dev)
{
	for (unsigned i = 0; dev->driver && i < bar_count(dev); i++) {
		if (dev->bars[i].bytes && !dev->bars[i].address)
			return true;
	}
	return false;
}

static bool is_behind(const struct pci_dev *dev, const struct pci_dev *bridge)
{
	while (dev && dev != bridge)
		dev = dev->bridge;
	return dev;
}

static bool lacks_address_behind(const struct pci_dev *bridge)
{
	list_for_each(node, &pci_devices) {
		const struct pci_dev *dev = list_entry(node, struct pci_dev, link);

		if (dev != bridge && is_behind(dev, bridge) && lacks_address(dev))
			return true;
	}
	return false;
}

/** 0: no room. */
static uint64_t take(struct pci_window *window, uint64_t bytes)
{
	uint64_t start = align_up(window->next, bytes);

	if (start < window->next || !range_fits(start, bytes, window->end))
		return 0;
	window->next = start + bytes;
	return start;
}

static void assign_bar(struct pci_dev *dev, unsigned index, struct pci_windows *windows)
{
	struct pci_bar *bar = &dev->bars[index];
	uint32_t offset = bar_offset(index);

	bar->address = take(bar->is_ports ? &windows->ports : &windows->memory, bar->bytes);
	if (!bar->address && bar->is_64bit)
		bar->address = take(&windows->high_memory, bar->bytes);
	if (!bar->address) {
		log_warning("%s: no addresses are left for BAR %u", dev->device.name, index);
		return;
	}
	pci_write32(dev, offset, (uint32_t)bar->address);
	if (bar->is_64bit)
		pci_write32(dev, offset + 4, (uint32_t)(bar->address >> 32));
}

static void assign_function(struct pci_dev *dev, struct pci_windows *windows)
{
	if (!lacks_address(dev))
		return;
	pci_disable(dev);
	for (unsigned i = 0; i < bar_count(dev); i++) {
		if (dev->bars[i].bytes && !dev->bars[i].address)
			assign_bar(dev, i, windows);
	}
}

/** A window is open where its base is not above its limit; at first all are 0, which means the first MiB: as good as closed. */
static bool is_open(const struct pci_dev *bridge)
{
	uint32_t memory = pci_read32(bridge, PCI_BRIDGE_MEMORY);
	uint16_t ports = pci_read16(bridge, PCI_BRIDGE_PORTS);

	return (memory && (memory & 0xfff0) <= memory >> 20 << 4) ||
	       ((ports & 0xf0f0) && (ports & 0xf0) <= (ports >> 8 & 0xf0));
}

/** From `start` to what has been taken since, or closed. */
static void open_bridge(struct pci_dev *bridge, const struct pci_windows *start,
			const struct pci_windows *taken)
{
	uint64_t low = start->memory.next, high = taken->memory.next - 1;
	bool has_memory = taken->memory.next > low;
	uint64_t first = start->ports.next, last = taken->ports.next - 1;
	bool has_ports = taken->ports.next > first;

	pci_write32(bridge, PCI_BRIDGE_MEMORY,
		    has_memory ? (uint32_t)((high >> 16 & 0xfff0) << 16 | (low >> 16 & 0xfff0))
			       : 0x0000fff0);
	pci_write32(bridge, PCI_BRIDGE_PREFETCH, 0x0000fff0);
	pci_write16(bridge, PCI_BRIDGE_PORTS,
		    has_ports ? (uint16_t)((last >> 8 & 0xf0) << 8 | (first >> 8 & 0xf0)) : 0x00f0);
	pci_write32(bridge, PCI_BRIDGE_PORTS_HIGH, 0);
}

static void assign_below(struct pci_dev *bridge, struct pci_windows *windows);

static void assign_behind(struct pci_dev *bridge, struct pci_windows *windows)
{
	struct pci_windows start, inner;

	if (!lacks_address_behind(bridge))
		return;
	if (is_open(bridge)) {
		log_warning("%s: firmware has left functions behind this bridge without addresses",
			    bridge->device.name);
		return;
	}
	start = *windows;
	start.memory.next = align_up(start.memory.next, BRIDGE_MEMORY_ALIGN);
	start.ports.next = align_up(start.ports.next, BRIDGE_PORTS_ALIGN);
	start.high_memory.end = 0;
	inner = start;
	assign_below(bridge, &inner);
	inner.memory.next = align_up(inner.memory.next, BRIDGE_MEMORY_ALIGN);
	inner.ports.next = align_up(inner.ports.next, BRIDGE_PORTS_ALIGN);
	open_bridge(bridge, &start, &inner);
	windows->memory.next = inner.memory.next;
	windows->ports.next = inner.ports.next;
}

/** Bridges lie at most DEPTH_MAX (scan.c) deep. */
static void assign_below(struct pci_dev *bridge, struct pci_windows *windows)
{
	list_for_each(node, &pci_devices) {
		struct pci_dev *dev = list_entry(node, struct pci_dev, link);

		if (dev->bridge != bridge)
			continue;
		assign_function(dev, windows);
		if (dev->secondary)
			assign_behind(dev, windows);
	}
}

bool pci_lacks_addresses(void)
{
	list_for_each(node, &pci_devices) {
		if (lacks_address(list_entry(node, struct pci_dev, link)))
			return true;
	}
	return false;
}

void pci_assign(struct pci_windows *windows)
{
	assign_below(NULL, windows);
}

/* Switching on */

static void change_command(struct pci_dev *dev, uint16_t clear, uint16_t set)
{
	uint16_t command = pci_read16(dev, PCI_COMMAND);
	uint16_t wanted = (uint16_t)((command & ~clear) | set);

	if (wanted != command)
		pci_write16(dev, PCI_COMMAND, wanted);
}

void pci_enable(struct pci_dev *dev)
{
	uint16_t bits = PCI_COMMAND_MASTER;

	for (struct pci_dev *up = dev->bridge; up; up = up->bridge)
		change_command(up, 0, DECODE | PCI_COMMAND_MASTER);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		if (dev->bars[i].address)
			bits |= dev->bars[i].is_ports ? PCI_COMMAND_PORTS : PCI_COMMAND_MEMORY;
	}
	change_command(dev, 0, bits);
}

void pci_disable(struct pci_dev *dev)
{
	change_command(dev, DECODE | PCI_COMMAND_MASTER, 0);
}
