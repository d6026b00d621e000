/* SPDX-License-Identifier: BSD-3-Clause */
/* <hal/io.h>: ports by IN and OUT, memory through the direct map. */
#include <hal/io.h>

#include "instructions.h"

#include <base/assert.h>
#include <base/bits.h>
#include <hal/memory.h>

struct io_region io_ports(uint16_t base, uint16_t count)
{
	return (struct io_region){ .base = base, .bytes = count };
}

int io_map(struct io_region *out, phys_t base, uint32_t bytes)
{
	uint64_t start = align_down(base.raw, PAGE_SIZE);
	uint64_t end = align_up(base.raw + bytes, PAGE_SIZE);
	int error = mmu_map_direct(phys(start), end - start, MMU_READ | MMU_WRITE | MMU_UNCACHED);

	*out = (struct io_region){
		.base = base.raw, .bytes = bytes, .is_memory = true, .mapped = phys_to_virt(base)
	};
	return error;
}

static volatile void *register_at(const struct io_region *io, uint32_t offset, uint32_t width)
{
	assert(range_fits(offset, width, io->bytes));
	return (volatile char *)io->mapped + offset;
}

static uint16_t port_at(const struct io_region *io, uint32_t offset, uint32_t width)
{
	assert(range_fits(offset, width, io->bytes));
	return (uint16_t)(io->base + offset);
}

#define DEFINE_IO(bits)                                                                        \
	uint##bits##_t io_read##bits(const struct io_region *io, uint32_t offset)              \
	{                                                                                      \
		if (io->is_memory)                                                             \
			return *(volatile uint##bits##_t *)register_at(io, offset, bits / 8);  \
		return in##bits(port_at(io, offset, bits / 8));                                \
	}                                                                                      \
	void io_write##bits(const struct io_region *io, uint32_t offset, uint##bits##_t value) \
	{                                                                                      \
		if (io->is_memory)                                                             \
			*(volatile uint##bits##_t *)register_at(io, offset, bits / 8) = value; \
		else                                                                           \
			out##bits(port_at(io, offset, bits / 8), value);                       \
	}

DEFINE_IO(8)
DEFINE_IO(16)
DEFINE_IO(32)

uint64_t io_read64(const struct io_region *io, uint32_t offset)
{
	assert(io->is_memory);
	return *(volatile uint64_t *)register_at(io, offset, 8);
}

void io_write8_repeated(const struct io_region *io, uint32_t offset, const void *bytes,
			size_t count)
{
	const uint8_t *from = bytes;

	if (io->is_memory) {
		for (size_t i = 0; i < count; i++)
			io_write8(io, offset, from[i]);
		return;
	}
	asm volatile("rep outsb"
		     : "+S"(from), "+c"(count)
		     : "d"(port_at(io, offset, 1))
		     : "memory");
}
