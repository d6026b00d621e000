/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32C by a table of 16 entries, half a byte at a time: it is run over 3 KiB at most, on CPUs
 * without the instruction. */
#include <lib/crc32c.h>

#include <base/compiler.h>

/* The polynomial 0x1edc6f41, reflected: entry 8. */
static const uint32_t nibbles[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
	const uint8_t *p = data;

	while (bytes--) {
		crc ^= *p++;
		crc = (crc >> 4) ^ nibbles[crc & 15];
		crc = (crc >> 4) ^ nibbles[crc & 15];
	}
	return crc;
}

struct unaligned64 {
	uint64_t value;
} packed;

/* General registers only, so it needs nothing of the user's state. A function with a target of its
 * own would look for the stack protector's guard at the compiler's default place. */
__attribute__((target("crc32"), no_stack_protector)) uint32_t
crc32c_sse42(uint32_t crc, const void *data, size_t bytes)
{
	const struct unaligned64 *words = data;
	const uint8_t *p;
	uint64_t sum = crc;

	for (; bytes >= 4 * sizeof *words; bytes -= 4 * sizeof *words) {
		sum = __builtin_ia32_crc32di(sum, words[0].value);
		sum = __builtin_ia32_crc32di(sum, words[1].value);
		sum = __builtin_ia32_crc32di(sum, words[2].value);
		sum = __builtin_ia32_crc32di(sum, words[3].value);
		words += 4;
	}
	for (p = (const uint8_t *)words; bytes; bytes--)
		sum = __builtin_ia32_crc32qi((uint32_t)sum, *p++);
	return (uint32_t)sum;
}
