/* SPDX-License-Identifier: BSD-3-Clause */
#include "pci.h"

#include <base/bits.h>

#include <assert.h>
#include <string.h>

enum { COMMAND = 0x04, BAR0 = 0x10, SECONDARY = 0x19, DECODE = 3, HEADER = 0x0e };

void host_pci_set16(struct host_pci_function *f, unsigned offset, uint16_t value)
{
	memcpy(f->config + offset, &value, sizeof(value));
}

void host_pci_set32(struct host_pci_function *f, unsigned offset, uint32_t value)
{
	memcpy(f->config + offset, &value, sizeof(value));
}

uint32_t host_pci_get32(const struct host_pci_function *f, unsigned offset)
{
	uint32_t value;

	memcpy(&value, f->config + offset, sizeof(value));
	return value;
}

struct host_pci_function *host_pci_function(struct host_pci *sim, struct host_pci_function *behind,
					    uint8_t slot, uint32_t ids, uint32_t class)
{
	struct host_pci_function *f = &sim->functions[sim->count++];

	assert(sim->count <= HOST_PCI_FUNCTIONS);
	f->behind = behind;
	f->slot = slot;
	host_pci_set32(f, 0, ids);
	host_pci_set32(f, 8, class << 8);
	return f;
}

struct host_pci_function *host_pci_bridge(struct host_pci *sim, struct host_pci_function *behind,
					  uint8_t slot)
{
	struct host_pci_function *f = host_pci_function(sim, behind, slot, 0x00011b36, 0x060400);

	f->config[HEADER] = 1;
	return f;
}

void host_pci_capability(struct host_pci_function *f, uint8_t at, uint8_t id)
{
	f->config[6] |= 1 << 4;
	f->config[at] = id;
	f->config[at + 1] = f->config[0x34];
	f->config[0x34] = at;
}

/* The bus that it is on, as the bridges are set now; 256: none. */
static unsigned bus_of(const struct host_pci_function *f)
{
	if (!f->behind)
		return 0;
	return f->behind->config[SECONDARY] ? f->behind->config[SECONDARY] : 256;
}

static struct host_pci_function *find(struct host_pci *sim)
{
	unsigned bus = sim->address >> 16 & 0xff, slot = sim->address >> 11 & 31;
	unsigned function = sim->address >> 8 & 7;

	for (unsigned i = 0; i < sim->count; i++) {
		struct host_pci_function *f = &sim->functions[i];

		if (f->slot == slot && f->function == function && bus_of(f) == bus)
			return f;
	}
	return NULL;
}

static uint64_t read_address(void *context, uint32_t offset, unsigned bytes)
{
	(void)offset;
	assert(bytes == 4);
	return ((struct host_pci *)context)->address;
}

static void write_address(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	(void)offset;
	assert(bytes == 4);
	((struct host_pci *)context)->address = (uint32_t)value;
}

static uint64_t read_data(void *context, uint32_t offset, unsigned bytes)
{
	struct host_pci *sim = context;
	const struct host_pci_function *f = find(sim);
	uint64_t value = 0;

	sim->reads++;
	if (!f)
		return UINT64_MAX;
	memcpy(&value, f->config + (sim->address & 0xfc) + offset, bytes);
	return value;
}

/* Which bits of a BAR's half can be written, and which are fixed. */
static void write_bar(struct host_pci_function *f, unsigned index, uint32_t value)
{
	uint64_t mask = ~(f->bar_bytes[index] - 1);
	uint32_t fixed = 0;

	if (host_pci_get32(f, BAR0 + 4 * index) != value && (f->config[COMMAND] & DECODE))
		f->writes_while_decoding++;
	if (!f->bar_bytes[index]) {
		if (!index || !f->bar_64bit[index - 1])
			return; /* not implemented */
		host_pci_set32(f, BAR0 + 4 * index,
			       value & (uint32_t)(~(f->bar_bytes[index - 1] - 1) >> 32));
		return;
	}
	if (f->bar_ports[index])
		fixed = 1;
	else if (f->bar_64bit[index])
		fixed = 4;
	host_pci_set32(f, BAR0 + 4 * index, (value & (uint32_t)mask & ~0xfu) | fixed);
}

static void write_data(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	struct host_pci *sim = context;
	struct host_pci_function *f = find(sim);
	unsigned at = (sim->address & 0xfc) + offset;
	unsigned bars = f && f->config[HEADER] & 0x7f ? 2 : HOST_PCI_BARS;

	if (!f)
		return;
	if (at >= BAR0 && at < BAR0 + 4 * bars)
		write_bar(f, (at - BAR0) / 4, (uint32_t)value);
	else
		memcpy(f->config + at, &value, bytes);
}

void host_pci_add(struct host_pci *sim)
{
	for (unsigned i = 0; i < sim->count; i++) {
		struct host_pci_function *f = &sim->functions[i];

		for (unsigned bar = 0; bar < HOST_PCI_BARS; bar++)
			if (f->bar_bytes[bar] && !host_pci_get32(f, BAR0 + 4 * bar))
				write_bar(f, bar, 0);
	}
	sim->address_port = (struct host_device){ .base = 0xcf8,
						  .bytes = 4,
						  .read = read_address,
						  .write = write_address,
						  .context = sim };
	sim->data_port = (struct host_device){
		.base = 0xcfc, .bytes = 4, .read = read_data, .write = write_data, .context = sim
	};
	host_io_add(&sim->address_port);
	host_io_add(&sim->data_port);
}

void host_pci_remove(struct host_pci *sim)
{
	host_io_remove(&sim->address_port);
	host_io_remove(&sim->data_port);
}
