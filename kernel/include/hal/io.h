/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Port and memory-mapped registers. A driver holds a `struct io_region` and does not know which of
 * the two it is; on the host it is routed to a simulated device. Offsets in bytes, within the
 * region (asserted). Any context.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

struct io_region {
	uint64_t base; /* port number, or physical address */
	uint32_t bytes;
	uint32_t is_memory;
	void *mapped; /* of memory: where its registers are mapped */
};

struct io_region io_ports(uint16_t base, uint16_t count);

/** Maps device registers, uncached. -ENOMEM. */
int must_check io_map(struct io_region *out, phys_t base, uint32_t bytes);

uint8_t io_read8(const struct io_region *io, uint32_t offset);
uint16_t io_read16(const struct io_region *io, uint32_t offset);
uint32_t io_read32(const struct io_region *io, uint32_t offset);
uint64_t io_read64(const struct io_region *io, uint32_t offset);
void io_write8(const struct io_region *io, uint32_t offset, uint8_t value);
void io_write16(const struct io_region *io, uint32_t offset, uint16_t value);
void io_write32(const struct io_region *io, uint32_t offset, uint32_t value);

/** A register of 1, 2 or 4 bytes. */
static inline uint32_t io_read(const struct io_region *io, uint32_t offset, unsigned bytes)
{
	if (bytes == 1)
		return io_read8(io, offset);
	return bytes == 2 ? io_read16(io, offset) : io_read32(io, offset);
}

static inline void io_write(const struct io_region *io, uint32_t offset, unsigned bytes,
			    uint32_t value)
{
	if (bytes == 1)
		io_write8(io, offset, (uint8_t)value);
	else if (bytes == 2)
		io_write16(io, offset, (uint16_t)value);
	else
		io_write32(io, offset, value);
}

/** Writes `count` bytes to one register; on a port, in one string instruction (one exit to the
 * VMM). */
void io_write8_repeated(const struct io_region *io, uint32_t offset, const void *bytes,
			size_t count);
