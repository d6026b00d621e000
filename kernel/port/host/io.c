/* SPDX-License-Identifier: BSD-3-Clause */
/* Routed registers. See io.h. */
#include "io.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <hal/io.h>

#include "host.h"

static struct host_device *devices;
static uint64_t accesses;

void host_io_add(struct host_device *device)
{
	device->next = devices;
	devices = device;
}

void host_io_remove(struct host_device *device)
{
	struct host_device **at = &devices;

	while (*at && *at != device)
		at = &(*at)->next;
	assert(*at);
	*at = device->next;
}

void host_io_remove_all(void)
{
	devices = NULL;
	accesses = 0;
}

uint64_t host_io_accesses(void)
{
	return accesses;
}

static struct host_device *find(const struct io_region *io, uint32_t offset, unsigned bytes)
{
	assert(range_fits(offset, bytes, io->bytes));
	accesses++;
	for (struct host_device *d = devices; d; d = d->next) {
		if (d->is_memory == !!io->is_memory && io->base + offset >= d->base &&
		    range_fits(io->base + offset - d->base, bytes, d->bytes))
			return d;
	}
	return NULL;
}

static uint64_t read(const struct io_region *io, uint32_t offset, unsigned bytes)
{
	struct host_device *d = find(io, offset, bytes);

	if (!d || !d->read)
		return UINT64_MAX;
	return d->read(d->context, (uint32_t)(io->base + offset - d->base), bytes);
}

static void write(const struct io_region *io, uint32_t offset, unsigned bytes, uint64_t value)
{
	struct host_device *d = find(io, offset, bytes);

	if (d && d->write)
		d->write(d->context, (uint32_t)(io->base + offset - d->base), bytes, value);
}

struct io_region io_ports(uint16_t base, uint16_t count)
{
	return (struct io_region){ .base = base, .bytes = count };
}

int io_map(struct io_region *out, phys_t base, uint32_t bytes)
{
	if (host_allocation_must_fail())
		return -ENOMEM;
	*out = (struct io_region){ .base = base.raw, .bytes = bytes, .is_memory = 1 };
	return 0;
}

uint8_t io_read8(const struct io_region *io, uint32_t offset)
{
	return (uint8_t)read(io, offset, 1);
}

uint16_t io_read16(const struct io_region *io, uint32_t offset)
{
	return (uint16_t)read(io, offset, 2);
}

uint32_t io_read32(const struct io_region *io, uint32_t offset)
{
	return (uint32_t)read(io, offset, 4);
}

uint64_t io_read64(const struct io_region *io, uint32_t offset)
{
	return read(io, offset, 8);
}

void io_write8(const struct io_region *io, uint32_t offset, uint8_t value)
{
	write(io, offset, 1, value);
}

void io_write16(const struct io_region *io, uint32_t offset, uint16_t value)
{
	write(io, offset, 2, value);
}

void io_write32(const struct io_region *io, uint32_t offset, uint32_t value)
{
	write(io, offset, 4, value);
}

void io_write8_repeated(const struct io_region *io, uint32_t offset, const void *bytes,
			size_t count)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < count; i++)
		write(io, offset, 1, p[i]);
}
