/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partition tables that say anything. The input is the disk, repeated as far as the disk is long; sums of GPT are made right when the
 * last byte is odd, so that what is behind them is reached.
 */
#include <base/assert.h>
#include <base/bits.h>
#include <lib/crc32.h>

#include "../../port/host/host.h"
#include "internal.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { DISK_BLOCKS = 300, READS_MAX = 2000 };

static struct {
	const uint8_t *data;
	size_t bytes;
	unsigned reads, found;
	bool seal;
} input;

static struct block_dev disk = { .name = "vda", .block_bytes = 512, .bytes = DISK_BLOCKS * 512 };

static uint8_t byte_at(uint64_t offset)
{
	return input.data[offset % input.bytes];
}

static void copy(uint64_t offset, uint8_t *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		out[i] = byte_at(offset + i);
}

static uint32_t table_sum(const uint8_t *header)
{
	static uint8_t table[DISK_BLOCKS * 512];
	uint64_t first, bytes;
	uint32_t count, entry;

	memcpy(&first, header + 72, 8);
	memcpy(&count, header + 80, 4);
	memcpy(&entry, header + 84, 4);
	bytes = (uint64_t)count * entry;
	if (first >= DISK_BLOCKS || bytes > disk.bytes - first * 512)
		return 0;
	copy(first * 512, table, bytes);
	return crc32(0, table, bytes);
}

static void make_good(uint64_t offset, uint8_t *block)
{
	uint32_t header_bytes, sum = table_sum(block);
	uint64_t number = offset / 512;

	memcpy(&header_bytes, block + 12, 4);
	if (header_bytes > 512)
		return;
	memcpy(block + 24, &number, 8);
	memcpy(block + 88, &sum, 4);
	memset(block + 16, 0, 4);
	sum = crc32(0, block, header_bytes);
	memcpy(block + 16, &sum, 4);
}

static int read_input(void *context, uint64_t offset, void *out, size_t bytes)
{
	(void)context;
	assert(range_fits(offset, bytes, disk.bytes) && ++input.reads < READS_MAX);
	copy(offset, out, bytes);
	if (input.seal && bytes == 512 && !memcmp(out, "EFI PART", 8))
		make_good(offset, out);
	return 0;
}

static int found(void *context, const struct partition *partition)
{
	(void)context;
	assert(partition->number && partition->bytes && partition->start);
	assert(range_fits(partition->start, partition->bytes, disk.bytes));
	assert(strlen(partition->uuid) < sizeof(partition->uuid));
	assert(++input.found <= BLOCK_PARTITIONS_MAX);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	int error;

	if (!bytes)
		return 0;
	host_set_log_level(0);
	input.data = data;
	input.bytes = bytes;
	input.reads = input.found = 0;
	input.seal = data[bytes - 1] & 1;
	error = partitions_find(&disk, read_input, NULL, found);
	assert(!error);
	return 0;
}
