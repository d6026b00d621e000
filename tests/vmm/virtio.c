/* SPDX-License-Identifier: BSD-3-Clause */
/* Registers and rings. See virtio.h. */
#include "virtio.h"

#include <string.h>

enum {
	MAGIC = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	VENDOR_ID = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC_LOW = 0x080,
	QUEUE_DESC_HIGH = 0x084,
	QUEUE_DRIVER_LOW = 0x090,
	QUEUE_DRIVER_HIGH = 0x094,
	QUEUE_DEVICE_LOW = 0x0a0,
	QUEUE_DEVICE_HIGH = 0x0a4,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { INTERRUPT_USED = 1 };
enum { DESC_NEXT = 1, DESC_WRITE = 2, AVAIL_NO_INTERRUPT = 1 };
enum { REGISTER_BYTES = 4 };
#define MAGIC_VALUE 0x74726976u

struct descriptor {
	uint64_t gpa;
	uint32_t bytes;
	uint16_t flags, next;
};

struct virtio_device virtio_place(unsigned slot, struct ram *ram, struct machine *machine)
{
	return (struct virtio_device){
		.ram = ram,
		.machine = machine,
		.gpa = VIRTIO_SLOTS_GPA + (uint64_t)slot * VIRTIO_SLOT_BYTES,
		.gsi = VIRTIO_GSI_FIRST + slot,
	};
}

/* --- rings --- */

static void *at(struct virtio_device *device, uint64_t gpa, uint64_t bytes)
{
	void *memory = ram_at(device->ram, gpa, bytes);

	if (!memory)
		die("%s: the driver names %llu bytes at 0x%llx, where there is no memory",
		    device->model->name, (unsigned long long)bytes, (unsigned long long)gpa);
	return memory;
}

static uint16_t *driver_ring(struct virtio_device *device, const struct virtio_ring *ring)
{
	return at(device, ring->driver_gpa, 6 + 2 * (uint64_t)ring->entries);
}

static uint16_t *device_ring(struct virtio_device *device, const struct virtio_ring *ring)
{
	return at(device, ring->device_gpa, 6 + 8 * (uint64_t)ring->entries);
}

static bool runs(const struct virtio_device *device, unsigned queue)
{
	return device->now.status & DRIVER_OK && device->now.rings[queue].ready;
}

static void add_segment(struct virtio_device *device, struct virtio_chain *chain,
			const struct descriptor *d)
{
	bool writable = d->flags & DESC_WRITE;

	if (chain->count == VIRTIO_SEGMENTS_MAX)
		die("%s: a chain of descriptors has no end", device->model->name);
	if (d->flags & ~(DESC_NEXT | DESC_WRITE))
		die("%s: a descriptor has flags 0x%x", device->model->name, d->flags);
	if (!writable && chain->readable < chain->count)
		die("%s: what is read stands behind what is written", device->model->name);
	chain->segments[chain->count++] = (struct virtio_segment){
		.data = at(device, d->gpa, d->bytes),
		.bytes = d->bytes,
		.writable = writable,
	};
	chain->readable += !writable;
}

bool virtio_take(struct virtio_device *device, unsigned queue, struct virtio_chain *out)
{
	struct virtio_ring *ring = &device->now.rings[queue];
	const struct descriptor *table;
	uint16_t *avail;
	uint16_t index;

	if (!runs(device, queue))
		return false;
	avail = driver_ring(device, ring);
	if (device->now.accepted & VIRTIO_F_EVENT_IDX)
		memcpy((uint8_t *)device_ring(device, ring) + 4 + 8 * ring->entries, &ring->next,
		       2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&avail[1], __ATOMIC_ACQUIRE) == ring->next)
		return false;
	table = at(device, ring->descriptors_gpa, sizeof *table * ring->entries);
	index = avail[2 + ring->next % ring->entries];
	ring->next++;
	*out = (struct virtio_chain){ .head = index };
	for (;;) {
		if (index >= ring->entries)
			die("%s: descriptor %u of %u", device->model->name, index, ring->entries);
		add_segment(device, out, &table[index]);
		if (!(table[index].flags & DESC_NEXT))
			return true;
		index = table[index].next;
	}
}

void virtio_untake(struct virtio_device *device, unsigned queue)
{
	device->now.rings[queue].next--;
}

static void interrupt(struct virtio_device *device)
{
	device->now.interrupt |= INTERRUPT_USED;
	machine_set_line(device->machine, device->gsi, true);
	machine_set_line(device->machine, device->gsi, false);
}

static bool wants_interrupt(struct virtio_device *device, const struct virtio_ring *ring,
			    uint16_t before)
{
	const uint16_t *avail = driver_ring(device, ring);
	uint16_t event = avail[2 + ring->entries];

	if (device->now.accepted & VIRTIO_F_EVENT_IDX)
		return (uint16_t)(ring->used - event - 1) < (uint16_t)(ring->used - before);
	return !(avail[0] & AVAIL_NO_INTERRUPT);
}

void virtio_give(struct virtio_device *device, unsigned queue, const struct virtio_chain *chain,
		 uint32_t written)
{
	struct virtio_ring *ring = &device->now.rings[queue];
	uint16_t *used = device_ring(device, ring);
	uint32_t entry[2] = { chain->head, written };
	uint16_t before = ring->used;

	memcpy((uint8_t *)used + 4 + 8 * (ring->used % ring->entries), entry, sizeof entry);
	ring->used++;
	__atomic_store_n(&used[1], ring->used, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (wants_interrupt(device, ring, before))
		interrupt(device);
}

/* Calls for the parts of [offset, offset + bytes) in the segments from `first` to `end`; returns how many bytes there were. */
static size_t copy(const struct virtio_chain *chain, unsigned first, unsigned end, size_t offset,
		   void *to, const void *from, size_t bytes)
{
	size_t done = 0;

	for (unsigned i = first; i < end && done < bytes; i++) {
		const struct virtio_segment *segment = &chain->segments[i];
		size_t part = segment->bytes;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		part -= offset;
		if (part > bytes - done)
			part = bytes - done;
		if (to)
			memcpy((uint8_t *)to + done, segment->data + offset, part);
		else
			memcpy(segment->data + offset, (const uint8_t *)from + done, part);
		done += part;
		offset = 0;
	}
	return done;
}

bool virtio_copy_out(const struct virtio_chain *chain, size_t offset, void *to, size_t bytes)
{
	return copy(chain, 0, chain->readable, offset, to, NULL, bytes) == bytes;
}

size_t virtio_copy_in(const struct virtio_chain *chain, size_t offset, const void *from,
		      size_t bytes)
{
	return copy(chain, chain->readable, chain->count, offset, NULL, from, bytes);
}

static size_t count_bytes(const struct virtio_chain *chain, unsigned first, unsigned end)
{
	size_t bytes = 0;

	for (unsigned i = first; i < end; i++)
		bytes += chain->segments[i].bytes;
	return bytes;
}

size_t virtio_readable_bytes(const struct virtio_chain *chain)
{
	return count_bytes(chain, 0, chain->readable);
}

size_t virtio_writable_bytes(const struct virtio_chain *chain)
{
	return count_bytes(chain, chain->readable, chain->count);
}

/* --- registers --- */

/* Firecracker takes one step at a time, and ignores any other value. */
static void write_status(struct virtio_device *device, uint32_t value)
{
	static const uint8_t steps[][2] = {
		{ 0, ACKNOWLEDGE },
		{ ACKNOWLEDGE, ACKNOWLEDGE | DRIVER },
		{ ACKNOWLEDGE | DRIVER, ACKNOWLEDGE | DRIVER | FEATURES_OK },
		{ ACKNOWLEDGE | DRIVER | FEATURES_OK,
		  ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK },
	};

	if (!value) {
		device->now = (struct virtio_negotiated){ 0 };
		return;
	}
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		if (device->now.status != steps[i][0] || value != steps[i][1])
			continue;
		device->now.status = (uint8_t)value;
		return;
	}
	die("%s: the status goes from 0x%x to 0x%x", device->model->name, device->now.status,
	    value);
}

static void write_features(struct virtio_device *device, uint32_t value)
{
	if (device->now.status != (ACKNOWLEDGE | DRIVER))
		die("%s: features are written in status 0x%x", device->model->name,
		    device->now.status);
	if (device->now.driver_feature_word < 2)
		device->now.accepted |= (uint64_t)value << (32 * device->now.driver_feature_word);
	if (device->now.accepted & ~device->model->features)
		die("%s: the driver takes features that are not offered: 0x%llx",
		    device->model->name, (unsigned long long)device->now.accepted);
}

static void set_half(uint64_t *gpa, uint32_t value, bool high)
{
	if (high)
		*gpa = (*gpa & UINT32_MAX) | (uint64_t)value << 32;
	else
		*gpa = (*gpa & ~(uint64_t)UINT32_MAX) | value;
}

static void write_queue(struct virtio_device *device, uint32_t reg, uint32_t value)
{
	struct virtio_ring *ring = &device->now.rings[device->now.queue];

	if (device->now.queue >= device->model->queues)
		die("%s: there is no queue %u", device->model->name, device->now.queue);
	if (device->now.status != (ACKNOWLEDGE | DRIVER | FEATURES_OK))
		die("%s: a queue is set up in status 0x%x", device->model->name,
		    device->now.status);
	switch (reg) {
	case QUEUE_NUM:
		if (!value || value > VIRTIO_ENTRIES_MAX || value & (value - 1))
			die("%s: a queue of %u entries", device->model->name, value);
		ring->entries = (uint16_t)value;
		break;
	case QUEUE_READY:
		ring->ready = value & 1;
		break;
	case QUEUE_DESC_LOW:
	case QUEUE_DESC_HIGH:
		set_half(&ring->descriptors_gpa, value, reg == QUEUE_DESC_HIGH);
		break;
	case QUEUE_DRIVER_LOW:
	case QUEUE_DRIVER_HIGH:
		set_half(&ring->driver_gpa, value, reg == QUEUE_DRIVER_HIGH);
		break;
	case QUEUE_DEVICE_LOW:
	case QUEUE_DEVICE_HIGH:
		set_half(&ring->device_gpa, value, reg == QUEUE_DEVICE_HIGH);
		break;
	default:
		die("%s: register 0x%x is written", device->model->name, reg);
	}
}

static void write_register(struct virtio_device *device, uint32_t reg, uint32_t value)
{
	switch (reg) {
	case DEVICE_FEATURES_SEL:
		device->now.feature_word = value;
		break;
	case DRIVER_FEATURES_SEL:
		device->now.driver_feature_word = value;
		break;
	case DRIVER_FEATURES:
		write_features(device, value);
		break;
	case QUEUE_SEL:
		device->now.queue = value;
		break;
	case QUEUE_NOTIFY:
		if (value >= device->model->queues || !runs(device, value))
			die("%s: queue %u is notified, and does not run", device->model->name,
			    value);
		device->model->notified(device, value);
		break;
	case INTERRUPT_ACK:
		device->now.interrupt &= (uint8_t)~value;
		break;
	case STATUS:
		write_status(device, value);
		break;
	default:
		write_queue(device, reg, value);
	}
}

static uint32_t read_register(const struct virtio_device *device, uint32_t reg)
{
	bool has_queue = device->now.queue < device->model->queues;

	switch (reg) {
	case MAGIC:
		return MAGIC_VALUE;
	case VERSION:
		return 2;
	case DEVICE_ID:
		return device->model->type;
	case VENDOR_ID:
	case CONFIG_GENERATION:
		return 0;
	case DEVICE_FEATURES:
		return device->now.feature_word < 2 ? (uint32_t)(device->model->features >>
								 32 * device->now.feature_word)
						    : 0;
	case QUEUE_NUM_MAX:
		return has_queue ? VIRTIO_ENTRIES_MAX : 0;
	case QUEUE_READY:
		return has_queue && device->now.rings[device->now.queue].ready;
	case INTERRUPT_STATUS:
		return device->now.interrupt;
	case STATUS:
		return device->now.status;
	default:
		die("%s: register 0x%x is read", device->model->name, reg);
	}
}

static void access_config(struct virtio_device *device, uint32_t offset, uint8_t *data,
			  uint32_t bytes, bool write)
{
	if (write)
		die("%s: the configuration is written", device->model->name);
	if (offset > sizeof device->config || bytes > sizeof device->config - offset)
		die("%s: the configuration is read at %u", device->model->name, offset);
	memcpy(data, device->config + offset, bytes);
}

bool virtio_access(struct virtio_device *device, uint64_t gpa, uint8_t *data, uint32_t bytes,
		   bool write)
{
	uint64_t reg = gpa - device->gpa;
	uint32_t value;

	if (!device->model || reg >= VIRTIO_SLOT_BYTES)
		return false;
	if (reg >= CONFIG) {
		access_config(device, (uint32_t)reg - CONFIG, data, bytes, write);
		return true;
	}
	if (bytes != REGISTER_BYTES || reg % REGISTER_BYTES)
		die("%s: %u bytes at register 0x%llx", device->model->name, bytes,
		    (unsigned long long)reg);
	memcpy(&value, data, sizeof value);
	if (write)
		write_register(device, (uint32_t)reg, value);
	else
		value = read_register(device, (uint32_t)reg);
	memcpy(data, &value, sizeof value);
	return true;
}
