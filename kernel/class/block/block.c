/* SPDX-License-Identifier: BSD-3-Clause */
/* The registry of block devices, and waiting for a request. See <class/block.h>. */
#include <class/block.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/log.h>
#include <base/string.h>
#include <core/thread.h>

#include "internal.h"

enum { BLOCK_BYTES_MIN = 512, BLOCK_BYTES_MAX = 4096, LETTERS = 26 };

/* The machine's. Devices stay for ever: who has found one may keep it. */
static struct {
	struct spinlock lock;
	struct list_node devices; /* [lock] struct block_dev.link; never removed from */
	unsigned disks;           /* [lock] */
} block = { .devices = { &block.devices, &block.devices } };

/* Names */

/** a to z, aa to zz, ... */
static void letters(unsigned index, char out[8])
{
	char reversed[8];
	unsigned count = 0;

	do {
		reversed[count++] = (char)('a' + index % LETTERS);
		index /= LETTERS;
	} while (index-- && count < sizeof(reversed) - 1);
	for (unsigned i = 0; i < count; i++)
		out[i] = reversed[count - 1 - i];
	out[count] = 0;
}

static void name_disk(struct block_dev *dev)
{
	unsigned index = 0;
	char suffix[8];

	list_for_each(node, &block.devices) {
		const struct block_dev *other = list_entry(node, struct block_dev, link);

		index += !other->partition && !strcmp(other->prefix, dev->prefix);
	}
	letters(index, suffix);
	format(dev->name, sizeof(dev->name), "%s%s", dev->prefix, suffix);
}

/** What a driver tells may come from a device: it must be something that requests can be cut to. */
static bool limits_are_sane(const struct block_dev *dev)
{
	return is_pow2(dev->block_bytes) && dev->block_bytes >= BLOCK_BYTES_MIN &&
	       dev->block_bytes <= BLOCK_BYTES_MAX && dev->segments_max &&
	       dev->segment_bytes_max >= dev->block_bytes &&
	       dev->request_bytes_max >= dev->block_bytes && dev->bytes <= INT64_MAX;
}

int block_register(struct block_dev *dev)
{
	if (!limits_are_sane(dev))
		return -EINVAL;
	dev->bytes = align_down(dev->bytes, dev->block_bytes);
	dev->segment_bytes_max = (uint32_t)align_down(dev->segment_bytes_max, dev->block_bytes);
	dev->request_bytes_max = align_down(dev->request_bytes_max, dev->block_bytes);
	dev->discard_bytes_max = align_down(dev->discard_bytes_max, dev->block_bytes);
	if (!dev->discard_bytes_max)
		dev->flags &= ~(unsigned)(BLOCK_CAN_DISCARD | BLOCK_CAN_ZERO);
	spin_lock(&block.lock);
	name_disk(dev);
	dev->disk = block.disks++;
	list_insert_before(&block.devices, &dev->link);
	spin_unlock(&block.lock);
	return 0;
}

void block_add_partition(struct block_dev *partition)
{
	struct list_node *at = &partition->whole->link;

	spin_lock(&block.lock);
	/* Behind the disk and those of lower numbers. */
	while (at->next != &block.devices) {
		const struct block_dev *next = list_entry(at->next, struct block_dev, link);

		if (next->whole != partition->whole || next->partition > partition->partition)
			break;
		at = at->next;
	}
	list_insert_after(at, &partition->link);
	spin_unlock(&block.lock);
}

struct block_dev *block_next(struct block_dev *dev)
{
	struct list_node *next = dev ? dev->link.next : block.devices.next;

	return next == &block.devices ? NULL : list_entry(next, struct block_dev, link);
}

void block_scan_all(void)
{
	for (struct block_dev *dev = block_next(NULL); dev; dev = block_next(dev))
		if (!dev->partition)
			block_scan(dev);
}

/* Finding */

static char lower_case(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_uuid(const char *a, const char *b)
{
	while (*a && lower_case(*a) == lower_case(*b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static struct block_dev *find_uuid(const char *uuid)
{
	block_scan_all();
	for (struct block_dev *dev = block_next(NULL); dev; dev = block_next(dev))
		if (dev->partition && *dev->uuid && same_uuid(dev->uuid, uuid))
			return dev;
	return NULL;
}

static struct block_dev *find_name(const char *name)
{
	for (struct block_dev *dev = block_next(NULL); dev; dev = block_next(dev))
		if (!strcmp(dev->name, name))
			return dev;
	return NULL;
}

/** The disk of which this may be a partition's name. */
static struct block_dev *disk_of_name(const char *name)
{
	for (struct block_dev *dev = block_next(NULL); dev; dev = block_next(dev)) {
		size_t length = strlen(dev->name);

		if (!dev->partition && !strncmp(dev->name, name, length) && name[length])
			return dev;
	}
	return NULL;
}

struct block_dev *block_find(const char *name)
{
	static const char dev_path[] = "/dev/", uuid_word[] = "PARTUUID=";
	struct block_dev *found, *disk;

	if (!strncmp(name, uuid_word, sizeof(uuid_word) - 1))
		return find_uuid(name + sizeof(uuid_word) - 1);
	if (!strncmp(name, dev_path, sizeof(dev_path) - 1))
		name += sizeof(dev_path) - 1;
	found = find_name(name);
	disk = found ? NULL : disk_of_name(name);
	if (!disk)
		return found;
	block_scan(disk);
	return find_name(name);
}

/* Changes */

void block_resized(struct block_dev *dev, uint64_t bytes)
{
	__atomic_store_n(&dev->bytes, align_down(bytes, dev->block_bytes), __ATOMIC_RELEASE);
	log_info("%s: now %lu KiB", dev->name, bytes >> 10);
}

void block_failed(struct block_dev *dev)
{
	__atomic_store_n(&dev->failed, true, __ATOMIC_RELEASE);
}

void block_text(const struct block_dev *dev, char text[BLOCK_TEXT_BYTES])
{
	uint64_t kib = dev->bytes >> 10;
	bool in_mib = kib >= 10240;

	format(text, BLOCK_TEXT_BYTES, "%s %lu %s%s%s", dev->name, in_mib ? kib >> 10 : kib,
	       in_mib ? "MiB" : "KiB", dev->flags & BLOCK_READ_ONLY ? " read-only" : "",
	       block_is_failed(dev) ? " failed" : "");
}

/* Waiting */

struct transfer {
	struct block_request request;
	struct spinlock lock;
	struct waitq queue;
	bool done; /* [lock] */
	int status;
};

static void transfer_done(struct block_request *request, int status)
{
	struct transfer *t = container_of(request, struct transfer, request);

	spin_lock(&t->lock);
	t->status = status;
	t->done = true;
	/* Under the lock: who waits takes it once more before this memory goes. */
	waitq_wake_all(&t->queue);
	spin_unlock(&t->lock);
}

int block_transfer(struct block_dev *dev, enum block_op op, uint64_t offset, void *data,
		   uint64_t bytes)
{
	struct block_segment segment = { .data = data, .bytes = (uint32_t)bytes };
	struct transfer t = {
		.request = { .op = op,
			     .offset = offset,
			     .bytes = bytes,
			     .segments = &segment,
			     .segment_count = data ? 1 : 0,
			     .complete = transfer_done },
	};

	if (data && bytes > UINT32_MAX)
		return -EINVAL;
	spin_init(&t.lock);
	waitq_init(&t.queue);
	block_submit(dev, &t.request);
	spin_lock(&t.lock);
	while (!t.done) {
		int ignored = waitq_wait(&t.queue, &t.lock, TIME_NEVER, WAIT_UNINTERRUPTIBLE);

		(void)ignored;
	}
	spin_unlock(&t.lock);
	return t.status;
}
