/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration space: by ports (PCI Local Bus 3.0, 3.2.2.3.2), or memory mapped (PCI Express Base 5.0, 7.2.2), which is preferred:
 * one access instead of two, and 4096 bytes a function.
 */
#include "pci.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/log.h>
#include <core/lock.h>
#include <mm/alloc.h>

enum {
	ADDRESS_PORT = 0xcf8,
	DATA_PORT = 0xcfc,
	PORT_BYTES = 4,
	PORT_SPACE_BYTES = 256,
	ECAM_SPACE_BYTES = 4096,
	BUS_SHIFT = 20,
	CHUNK_BYTES = 2 << BUS_SHIFT,
};

#define ADDRESS_ENABLE ((uint32_t)1 << 31)
#define ECAM_END_MAX BIT64(46)

/* The pair of ports is one, whatever there is behind. */
static struct spinlock ports_lock = SPINLOCK_INIT;

/* By ports */

static uint32_t port_address(const struct pci_place *place, uint32_t offset)
{
	return ADDRESS_ENABLE | (uint32_t)place->bus << 16 | (uint32_t)place->slot << 11 |
	       (uint32_t)place->function << 8 | (offset & 0xfc);
}

static void select_register(const struct pci_place *place, uint32_t offset)
{
	struct io_region address = io_ports(ADDRESS_PORT, PORT_BYTES);

	io_write32(&address, 0, port_address(place, offset));
}

static uint32_t ports_read(const struct pci_place *place, uint32_t offset, unsigned bytes)
{
	struct io_region data = io_ports(DATA_PORT, PORT_BYTES);
	uint32_t value;

	spin_lock(&ports_lock);
	select_register(place, offset);
	value = io_read(&data, offset & 3, bytes);
	spin_unlock(&ports_lock);
	return value;
}

static void ports_write(const struct pci_place *place, uint32_t offset, unsigned bytes,
			uint32_t value)
{
	struct io_region data = io_ports(DATA_PORT, PORT_BYTES);

	spin_lock(&ports_lock);
	select_register(place, offset);
	io_write(&data, offset & 3, bytes, value);
	spin_unlock(&ports_lock);
}

/** Whether the address register keeps what it is given. */
static bool has_ports(void)
{
	struct io_region address = io_ports(ADDRESS_PORT, PORT_BYTES);

	io_write32(&address, 0, ADDRESS_ENABLE);
	return io_read32(&address, 0) == ADDRESS_ENABLE;
}

/* By memory. A chunk is two buses, since that is what one large page maps. */

static const struct io_region *chunk_of(struct pci_root *root, uint8_t bus)
{
	struct io_region *chunk = &root->chunks[bus / 2];
	uint64_t base = root->ecam + (uint64_t)(bus / 2) * CHUNK_BYTES;

	if (!chunk->bytes && io_map(chunk, phys(base), CHUNK_BYTES))
		chunk->bytes = 0;
	return chunk->bytes ? chunk : NULL;
}

static uint32_t chunk_offset(const struct pci_place *place, uint32_t offset)
{
	return (uint32_t)(place->bus & 1) << BUS_SHIFT | (uint32_t)place->slot << 15 |
	       (uint32_t)place->function << 12 | offset;
}

/* Either */

uint32_t pci_config_read(const struct pci_place *place, uint32_t offset, unsigned bytes)
{
	const struct io_region *chunk;

	assert(is_aligned(offset, bytes) && offset < ECAM_SPACE_BYTES);
	if (!place->root->ecam)
		return offset < PORT_SPACE_BYTES ? ports_read(place, offset, bytes) : UINT32_MAX;
	chunk = chunk_of(place->root, place->bus);
	return chunk ? io_read(chunk, chunk_offset(place, offset), bytes) : UINT32_MAX;
}

void pci_config_write(const struct pci_place *place, uint32_t offset, unsigned bytes,
		      uint32_t value)
{
	const struct io_region *chunk;

	assert(is_aligned(offset, bytes) && offset < ECAM_SPACE_BYTES);
	if (!place->root->ecam) {
		if (offset < PORT_SPACE_BYTES)
			ports_write(place, offset, bytes, value);
		return;
	}
	chunk = chunk_of(place->root, place->bus);
	if (chunk)
		io_write(chunk, chunk_offset(place, offset), bytes, value);
}

static struct pci_place place_of(const struct pci_dev *dev)
{
	return (struct pci_place){ dev->root, dev->bus, dev->slot, dev->function };
}

uint8_t pci_read8(const struct pci_dev *dev, uint32_t offset)
{
	struct pci_place place = place_of(dev);

	return (uint8_t)pci_config_read(&place, offset, 1);
}

uint16_t pci_read16(const struct pci_dev *dev, uint32_t offset)
{
	struct pci_place place = place_of(dev);

	return (uint16_t)pci_config_read(&place, offset, 2);
}

uint32_t pci_read32(const struct pci_dev *dev, uint32_t offset)
{
	struct pci_place place = place_of(dev);

	return pci_config_read(&place, offset, 4);
}

void pci_write8(const struct pci_dev *dev, uint32_t offset, uint8_t value)
{
	struct pci_place place = place_of(dev);

	pci_config_write(&place, offset, 1, value);
}

void pci_write16(const struct pci_dev *dev, uint32_t offset, uint16_t value)
{
	struct pci_place place = place_of(dev);

	pci_config_write(&place, offset, 2, value);
}

void pci_write32(const struct pci_dev *dev, uint32_t offset, uint32_t value)
{
	struct pci_place place = place_of(dev);

	pci_config_write(&place, offset, 4, value);
}

/* Segments */

/** What the first function says it is: the host bridge, on all machines that there are. 0: nothing answers. */
static uint32_t host_bridge(struct pci_root *root)
{
	struct pci_place place = { .root = root, .bus = root->first_bus };
	uint32_t id = pci_config_read(&place, PCI_VENDOR, 4);

	return id == UINT32_MAX ? 0 : id;
}

/** VMMs tell of ECAM that is not there; and of a wrong one the ports may know better. */
static bool try_ecam(struct pci_root *root, unsigned index)
{
	struct acpi_ecam ecam;
	uint32_t seen, by_ports;

	if (acpi_read_ecam(index, &ecam) || !ecam.address ||
	    !is_aligned(ecam.address, (uint64_t)1 << BUS_SHIFT) || ecam.address >= ECAM_END_MAX)
		return false;
	root->segment = ecam.segment;
	root->first_bus = ecam.start_bus;
	root->last_bus = ecam.end_bus;
	root->ecam = ecam.address;
	seen = host_bridge(root);
	if (!seen || ecam.segment || ecam.start_bus || !has_ports())
		return seen;
	root->ecam = 0;
	by_ports = host_bridge(root);
	root->ecam = ecam.address;
	return !by_ports || by_ports == seen;
}

static bool try_ports(struct pci_root *root)
{
	*root = (struct pci_root){ .last_bus = PCI_BUSES - 1 };
	return has_ports() && host_bridge(root);
}

int pci_root_create(unsigned index, struct pci_root **out)
{
	struct acpi_ecam ignored;
	struct pci_root *root;
	bool known = !acpi_read_ecam(index, &ignored);

	/* Nothing is allocated for a machine without PCI. */
	if (!known && (index || !has_ports()))
		return -ENOENT;
	root = mem_zalloc(sizeof(*root));
	if (!root)
		return -ENOMEM;
	if (!(known && try_ecam(root, index)) && !(!index && try_ports(root))) {
		mem_free(root);
		return known ? -ENODEV : -ENOENT;
	}
	root->highest_bus = root->first_bus;
	root->device.bus = "pci";
	format(root->device.name, sizeof(root->device.name), "%04x:%02x", root->segment,
	       root->first_bus);
	*out = root;
	return 0;
}
