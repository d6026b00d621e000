/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A disk (virtio 1.2, 5.2) as Firecracker's: a request is a header, exactly one piece of data (none for a flush) and a status; no
 * features but write-back and read-only, so a driver must not believe in more.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "virtio.h"

enum { SECTOR_BYTES = 512, HEADER_BYTES = 16, ID_BYTES = 20 };
enum { REQUEST_IN = 0, REQUEST_OUT = 1, REQUEST_FLUSH = 4, REQUEST_GET_ID = 8 };
enum { STATUS_OK = 0, STATUS_IOERR = 1, STATUS_UNSUPP = 2 };
#define F_RO ((uint64_t)1 << 5)
#define F_FLUSH ((uint64_t)1 << 9)

struct block {
	struct block_setup setup;
	uint8_t *bytes;
	uint64_t length;
	struct virtio_model model;
};

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

static uint8_t transfer(const struct block *block, const struct header *header,
			const struct virtio_segment *data)
{
	bool in = header->type == REQUEST_IN;
	uint64_t start = header->sector * SECTOR_BYTES;

	if (!data || data->writable != in || !data->bytes || data->bytes % SECTOR_BYTES)
		die("block: a request without one piece of whole sectors");
	if (header->sector > block->length / SECTOR_BYTES || data->bytes > block->length - start)
		return STATUS_IOERR;
	if (in)
		memcpy(data->data, block->bytes + start, data->bytes);
	else if (block->setup.read_only)
		return STATUS_IOERR;
	else if (block->setup.fault != BLOCK_FAULT_FORGETS)
		memcpy(block->bytes + start, data->data, data->bytes);
	return STATUS_OK;
}

static uint8_t perform(const struct block *block, const struct header *header,
		       const struct virtio_segment *data)
{
	static const char id[ID_BYTES] = "scratch";

	switch (header->type) {
	case REQUEST_IN:
	case REQUEST_OUT:
		return transfer(block, header, data);
	case REQUEST_FLUSH:
		return STATUS_OK;
	case REQUEST_GET_ID:
		if (!data || !data->writable || data->bytes < ID_BYTES)
			return STATUS_IOERR;
		memcpy(data->data, id, ID_BYTES);
		return STATUS_OK;
	default:
		return STATUS_UNSUPP;
	}
}

static void notified(struct virtio_device *device, unsigned queue)
{
	const struct block *block = device->state;
	struct virtio_chain chain;

	while (virtio_take(device, queue, &chain)) {
		const struct virtio_segment *last = &chain.segments[chain.count - 1];
		const struct virtio_segment *data = chain.count == 3 ? &chain.segments[1] : NULL;
		uint32_t written = 1;
		struct header header;

		if (chain.count < 2 || chain.count > 3 || chain.segments[0].bytes != HEADER_BYTES ||
		    !virtio_copy_out(&chain, 0, &header, sizeof header) || !last->writable ||
		    last->bytes != 1)
			die("block: a request of %u pieces", chain.count);
		*last->data = perform(block, &header, data);
		if (data && data->writable)
			written += data->bytes;
		if (block->setup.fault == BLOCK_FAULT_LIES)
			chain.head = VIRTIO_ENTRIES_MAX;
		virtio_give(device, queue, &chain, written);
	}
}

void block_init(struct virtio_device *device, const struct block_setup *setup)
{
	struct block *block = calloc(1, sizeof *block);
	int fd = open(setup->path, (setup->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	uint64_t sectors;
	struct stat st;

	if (!block || fd < 0 || fstat(fd, &st))
		die("cannot open %s: %s", setup->path, strerror(errno));
	block->setup = *setup;
	block->length = (uint64_t)st.st_size;
	block->bytes = mmap(NULL, block->length, PROT_READ | (setup->read_only ? 0 : PROT_WRITE),
			    MAP_SHARED, fd, 0);
	if (block->bytes == MAP_FAILED)
		die("cannot map %s: %s", setup->path, strerror(errno));
	close(fd);
	block->model = (struct virtio_model){
		.name = "block",
		.type = 2,
		.features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | F_FLUSH |
			    (setup->read_only ? F_RO : 0),
		.queues = 1,
		.notified = notified,
	};
	device->model = &block->model;
	device->state = block;
	sectors = block->length / SECTOR_BYTES;
	memcpy(device->config, &sectors, sizeof sectors);
}
