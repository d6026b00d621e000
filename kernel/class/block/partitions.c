/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Partition tables: GPT (UEFI 2.10, 5.3), whose copy at the disk's end serves where the first is damaged, and MBR (5.2) with the
 * chain of logical partitions in an extended one. What they say is checked: within the disk, in order, no endless chain.
 */
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/log.h>
#include <base/string.h>
#include <core/lock.h>
#include <lib/crc32.h>
#include <mm/alloc.h>

#include "internal.h"

enum {
	MBR_BYTES = 512,
	MBR_SIGNATURE = 0x1b8,
	MBR_ENTRIES = 0x1be,
	MBR_ENTRY_BYTES = 16,
	MBR_PRIMARY = 4,
	MBR_MAGIC = 0x1fe,
	TYPE_EMPTY = 0x00,
	TYPE_EXTENDED = 0x05,
	TYPE_EXTENDED_LBA = 0x0f,
	TYPE_EXTENDED_LINUX = 0x85,
	TYPE_GPT = 0xee,
	FIRST_LOGICAL = 5,
	GPT_HEADER_BYTES_MIN = 92,
	GPT_ENTRY_BYTES_MIN = 128,
	GPT_ENTRY_BYTES_MAX = 4096,
	GPT_TABLE_BYTES_MAX = 512 << 10,
};

struct scan {
	const struct block_dev *disk;
	block_read_fn *read;
	void *context;
	int (*found)(void *context, const struct partition *partition);
	uint64_t disk_bytes;
	uint32_t block_bytes;
	uint8_t *block; /* one block */
	unsigned count;
};

static uint32_t get32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static uint64_t get64(const uint8_t *p)
{
	uint64_t value;

	memcpy(&value, p, sizeof(value));
	return value;
}

static int read_block(struct scan *s, uint64_t number)
{
	if (number >= s->disk_bytes / s->block_bytes)
		return -EINVAL;
	return s->read(s->context, number * s->block_bytes, s->block, s->block_bytes);
}

/** Tells of a partition that lies within the disk; passes over others. */
static int tell(struct scan *s, struct partition *partition, uint64_t first, uint64_t blocks)
{
	uint64_t all = s->disk_bytes / s->block_bytes;

	if (!blocks || !first || first >= all || s->count >= BLOCK_PARTITIONS_MAX)
		return 0;
	if (blocks > all - first) {
		log_warning("%s: partition %u ends behind the disk", s->disk->name,
			    partition->number);
		blocks = all - first;
	}
	partition->start = first * s->block_bytes;
	partition->bytes = blocks * s->block_bytes;
	s->count++;
	return s->found(s->context, partition);
}

/* MBR */

struct mbr_entry {
	uint8_t type;
	uint32_t first, blocks;
};

static bool is_mbr(const uint8_t *block)
{
	return block[MBR_MAGIC] == 0x55 && block[MBR_MAGIC + 1] == 0xaa;
}

static struct mbr_entry mbr_entry(const uint8_t *block, unsigned index)
{
	const uint8_t *p = block + MBR_ENTRIES + index * MBR_ENTRY_BYTES;

	return (struct mbr_entry){ p[4], get32(p + 8), get32(p + 12) };
}

static bool is_extended(uint8_t type)
{
	return type == TYPE_EXTENDED || type == TYPE_EXTENDED_LBA || type == TYPE_EXTENDED_LINUX;
}

/** A boot sector's file system has no table, but may have the magic: flags of entries are 0 or 0x80 only. */
static bool has_table(const uint8_t *block)
{
	for (unsigned i = 0; i < MBR_PRIMARY; i++) {
		if (block[MBR_ENTRIES + i * MBR_ENTRY_BYTES] & 0x7f)
			return false;
	}
	return is_mbr(block);
}

static int tell_mbr(struct scan *s, unsigned number, uint32_t signature, uint64_t first,
		    uint64_t blocks)
{
	struct partition partition = { .number = number };

	if (signature)
		format(partition.uuid, sizeof(partition.uuid), "%08x-%02x", signature, number);
	return tell(s, &partition, first, blocks);
}

/** Each logical partition has a table of its own: itself, and where the next table is, counted from the extended one's start. */
static int find_logical(struct scan *s, uint32_t signature, const struct mbr_entry *extended)
{
	uint64_t at = extended->first;

	for (unsigned number = FIRST_LOGICAL; number < BLOCK_PARTITIONS_MAX; number++) {
		struct mbr_entry own, next;
		int error = read_block(s, at);

		if (error)
			return error == -EINVAL ? 0 : error;
		if (!has_table(s->block))
			return 0;
		own = mbr_entry(s->block, 0);
		next = mbr_entry(s->block, 1);
		if (own.type != TYPE_EMPTY && !is_extended(own.type)) {
			error = tell_mbr(s, number, signature, at + own.first, own.blocks);
			if (error)
				return error;
		}
		if (!is_extended(next.type) || !next.first || next.first >= extended->blocks)
			return 0;
		at = (uint64_t)extended->first + next.first;
	}
	return 0;
}

static int find_mbr(struct scan *s, const uint8_t *mbr)
{
	uint32_t signature = get32(mbr + MBR_SIGNATURE);
	struct mbr_entry entries[MBR_PRIMARY];
	int error = 0;

	for (unsigned i = 0; i < MBR_PRIMARY; i++)
		entries[i] = mbr_entry(mbr, i);
	for (unsigned i = 0; i < MBR_PRIMARY && !error; i++) {
		if (entries[i].type != TYPE_EMPTY)
			error = tell_mbr(s, i + 1, signature, entries[i].first, entries[i].blocks);
		if (!error && is_extended(entries[i].type))
			error = find_logical(s, signature, &entries[i]);
	}
	return error;
}

/* GPT */

struct gpt {
	uint64_t first_usable, last_usable, table;
	uint32_t entries, entry_bytes, table_crc;
};

/** The header in the scan's block, which was read from `number`. */
static bool parse_header(const struct scan *s, uint64_t number, struct gpt *out)
{
	const uint8_t *p = s->block;
	uint32_t bytes = get32(p + 12), sum = get32(p + 16);
	static const uint8_t no_sum[4];
	uint32_t crc;

	if (memcmp(p, "EFI PART", 8) || bytes < GPT_HEADER_BYTES_MIN || bytes > s->block_bytes)
		return false;
	crc = crc32(0, p, 16);
	crc = crc32(crc, no_sum, sizeof(no_sum));
	if (crc32(crc, p + 20, bytes - 20) != sum || get64(p + 24) != number)
		return false;
	*out = (struct gpt){ .first_usable = get64(p + 40),
			     .last_usable = get64(p + 48),
			     .table = get64(p + 72),
			     .entries = get32(p + 80),
			     .entry_bytes = get32(p + 84),
			     .table_crc = get32(p + 88) };
	return out->entry_bytes >= GPT_ENTRY_BYTES_MIN && out->entry_bytes <= GPT_ENTRY_BYTES_MAX &&
	       is_pow2(out->entry_bytes) && out->entries &&
	       out->entries <= GPT_TABLE_BYTES_MAX / out->entry_bytes;
}

static size_t table_bytes(const struct gpt *gpt)
{
	return (size_t)gpt->entries * gpt->entry_bytes;
}

/** The table, which the caller frees; -EINVAL: it is damaged. */
static int read_table(struct scan *s, const struct gpt *gpt, uint8_t **out)
{
	size_t bytes = align_up(table_bytes(gpt), s->block_bytes);
	int error = -EINVAL;
	uint8_t *table;

	if (gpt->table >= s->disk_bytes / s->block_bytes ||
	    bytes > s->disk_bytes - gpt->table * s->block_bytes)
		return -EINVAL;
	table = mem_alloc(bytes);
	if (!table)
		return -ENOMEM;
	error = s->read(s->context, gpt->table * s->block_bytes, table, bytes);
	if (!error && crc32(0, table, table_bytes(gpt)) != gpt->table_crc)
		error = -EINVAL;
	if (error)
		mem_free(table);
	else
		*out = table;
	return error;
}

static void format_uuid(const uint8_t *p, char out[37])
{
	format(out, 37, "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x", get32(p),
	       p[4] | p[5] << 8, p[6] | p[7] << 8, p[8], p[9], p[10], p[11], p[12], p[13], p[14],
	       p[15]);
}

static int tell_entry(struct scan *s, const struct gpt *gpt, const uint8_t *entry, unsigned number)
{
	static const uint8_t unused_type[16];
	struct partition partition = { .number = number };
	uint64_t first = get64(entry + 32), last = get64(entry + 40);

	if (!memcmp(entry, unused_type, sizeof(unused_type)))
		return 0;
	if (first < gpt->first_usable || last > gpt->last_usable || first > last) {
		log_warning("%s: partition %u lies where it cannot", s->disk->name, number);
		return 0;
	}
	format_uuid(entry + 16, partition.uuid);
	return tell(s, &partition, first, last - first + 1);
}

/** -EINVAL: there is no good header, or no good table, by this block. */
static int find_gpt_at(struct scan *s, uint64_t number)
{
	struct gpt gpt;
	uint8_t *table;
	int error = read_block(s, number);

	if (error || !parse_header(s, number, &gpt))
		return error ? error : -EINVAL;
	error = read_table(s, &gpt, &table);
	if (error)
		return error;
	for (unsigned i = 0; i < gpt.entries && i < BLOCK_PARTITIONS_MAX && !error; i++)
		error = tell_entry(s, &gpt, table + (size_t)i * gpt.entry_bytes, i + 1);
	mem_free(table);
	return error;
}

static int find_gpt(struct scan *s)
{
	int error = find_gpt_at(s, 1);

	if (error != -EINVAL)
		return error;
	log_warning("%s: the partition table is damaged; its copy is used", s->disk->name);
	error = find_gpt_at(s, s->disk_bytes / s->block_bytes - 1);
	return error == -EINVAL ? 0 : error;
}

static bool is_protective(const uint8_t *mbr)
{
	for (unsigned i = 0; i < MBR_PRIMARY; i++) {
		if (mbr_entry(mbr, i).type == TYPE_GPT)
			return true;
	}
	return false;
}

static int find_any(struct scan *s)
{
	uint8_t mbr[MBR_BYTES];
	int error = read_block(s, 0);

	if (error || !has_table(s->block))
		return error == -EINVAL ? 0 : error;
	memcpy(mbr, s->block, sizeof(mbr));
	return is_protective(mbr) ? find_gpt(s) : find_mbr(s, mbr);
}

int partitions_find(const struct block_dev *disk, block_read_fn *read, void *context,
		    int (*found)(void *context, const struct partition *partition))
{
	struct scan s = { .disk = disk,
			  .read = read,
			  .context = context,
			  .found = found,
			  .disk_bytes = disk->bytes,
			  .block_bytes = disk->block_bytes,
			  .block = mem_alloc(disk->block_bytes) };
	int error;

	if (!s.block)
		return -ENOMEM;
	error = find_any(&s);
	mem_free(s.block);
	return error;
}

/* Devices of them */

static int read_disk(void *context, uint64_t offset, void *out, size_t bytes)
{
	return block_transfer(context, BLOCK_READ, offset, out, bytes);
}

static int make_device(void *context, const struct partition *partition)
{
	struct block_dev *disk = context, *dev = mem_zalloc(sizeof(*dev));
	size_t length = strlen(disk->name);

	if (!dev)
		return -ENOMEM;
	*dev = (struct block_dev){
		.prefix = disk->prefix,
		.bytes = partition->bytes,
		.block_bytes = disk->block_bytes,
		.segments_max = disk->segments_max,
		.segment_bytes_max = disk->segment_bytes_max,
		.request_bytes_max = disk->request_bytes_max,
		.discard_bytes_max = disk->discard_bytes_max,
		.flags = disk->flags,
		.device = disk->device,
		.whole = disk,
		.start = partition->start,
		.partition = partition->number,
		.disk = disk->disk,
		.scanned = true,
	};
	memcpy(dev->uuid, partition->uuid, sizeof(dev->uuid));
	format(dev->name, sizeof(dev->name), "%s%s%u", disk->name,
	       disk->name[length - 1] >= '0' && disk->name[length - 1] <= '9' ? "p" : "",
	       partition->number);
	block_add_partition(dev);
	return 0;
}

/* Whoever comes while a disk is being read waits for what is found. */
static struct mutex scan_lock = { .waiters = { &scan_lock.waiters, &scan_lock.waiters } };

void block_scan(struct block_dev *disk)
{
	int error = 0;

	mutex_lock(&scan_lock);
	if (!disk->scanned)
		error = partitions_find(disk, read_disk, disk, make_device);
	disk->scanned = true;
	mutex_unlock(&scan_lock);
	if (error)
		log_warning("%s: its partitions cannot be read: error %d", disk->name, -error);
}
