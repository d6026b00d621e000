/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * <bus/virtio.h> for tests of drivers: a device whose driver's side is the bus's contract, and whose other side is played by the test.
 * What the bus promises holds (lengths are within the buffer, tokens come back once); all else is for the test to lie about.
 * Included by one file of a test, in whose program the bus's own code then has no place.
 */
#pragma once

#include <base/assert.h>
#include <base/errno.h>
#include <bus/virtio.h>
#include <hal/cpu.h>
#include <mm/alloc.h>

#include "../port/host/host.h"

#include <stdlib.h>
#include <string.h>

enum { TEST_QUEUES = 6, TEST_SEGMENTS = 64, TEST_CONFIG = 64 };

/** A buffer that the driver has added. */
struct test_buffer {
	struct test_buffer *next;
	struct virtio_segment segments[TEST_SEGMENTS];
	unsigned readable, writable;
	void *token;
	uint32_t written;
};

struct test_list {
	struct test_buffer *first, **end;
	unsigned count;
};

enum test_interrupts { TEST_OFF, TEST_ON, TEST_LATE };

struct virtio_queue {
	struct virtio_dev *dev;
	unsigned entries, segments_used, segments_max;
	void (*arrived)(void *context);
	void *context;
	struct test_list added;   /* not shown to the device yet */
	struct test_list shown;   /* the device has them */
	struct test_list used;    /* the driver may take them */
	struct test_list working; /* taken out of `shown` by the test */
	enum test_interrupts interrupts;
	unsigned kicks;
	void *memory;
};

struct virtio_dev {
	struct device device;
	const struct virtio_driver *driver;
	void *driver_data;
	uint64_t offered, features;
	uint8_t config[TEST_CONFIG];
	unsigned config_bytes, entries_max;
	bool legacy, started, failed, told;
	bool refuses; /* FEATURES_OK */
	struct virtio_queue *queues[TEST_QUEUES];
	unsigned missing_queue; /* index + 1 of one that is not there; 0: none */
};

static struct virtio_dev test_dev;

static inline void test_list_init(struct test_list *list)
{
	*list = (struct test_list){ .end = &list->first };
}

static inline void test_list_add(struct test_list *list, struct test_buffer *buffer)
{
	buffer->next = NULL;
	*list->end = buffer;
	list->end = &buffer->next;
	list->count++;
}

static inline struct test_buffer *test_list_take(struct test_list *list)
{
	struct test_buffer *buffer = list->first;

	if (!buffer)
		return NULL;
	list->first = buffer->next;
	if (!list->first)
		list->end = &list->first;
	list->count--;
	return buffer;
}

static inline unsigned test_outstanding(const struct virtio_queue *queue)
{
	return queue->added.count + queue->shown.count + queue->used.count + queue->working.count;
}

/* The device's side */

/** The next buffer that was shown to the device; NULL: none. */
static inline struct test_buffer *test_device_take(struct virtio_queue *queue)
{
	struct test_buffer *buffer = test_list_take(&queue->shown);

	if (buffer)
		queue->working.count++;
	return buffer;
}

static inline void test_interrupt(struct virtio_queue *queue)
{
	bool were_on = cpu_irq_disable();

	if (queue->arrived)
		queue->arrived(queue->context);
	if (were_on)
		cpu_irq_enable();
}

/** Done with it; `written` is cut to what it could write. Without an interrupt. */
static inline void test_device_use(struct virtio_queue *queue, struct test_buffer *buffer,
				   uint32_t written)
{
	uint32_t room = 0;

	for (unsigned i = 0; i < buffer->writable; i++)
		room += buffer->segments[buffer->readable + i].bytes;
	buffer->written = min(written, room);
	queue->working.count--;
	test_list_add(&queue->used, buffer);
}

/** Interrupts, where the driver wants that. */
static inline void test_device_notify(struct virtio_queue *queue)
{
	if (!queue->used.first || queue->interrupts == TEST_OFF)
		return;
	if (queue->interrupts == TEST_LATE && queue->shown.count > queue->used.count / 2)
		return;
	test_interrupt(queue);
}

/** Writes into (reads from) the segments of a buffer; how many bytes there was room for. */
static inline size_t test_device_write(struct test_buffer *buffer, const void *from, size_t bytes)
{
	const uint8_t *at = from;
	size_t done = 0;

	for (unsigned i = 0; i < buffer->writable && done < bytes; i++) {
		const struct virtio_segment *segment = &buffer->segments[buffer->readable + i];
		size_t part = min(bytes - done, (size_t)segment->bytes);

		memcpy(segment->data, at + done, part);
		done += part;
	}
	return done;
}

static inline size_t test_device_read(const struct test_buffer *buffer, void *to, size_t room)
{
	uint8_t *at = to;
	size_t done = 0;

	for (unsigned i = 0; i < buffer->readable; i++) {
		const struct virtio_segment *segment = &buffer->segments[i];

		assert(segment->bytes <= room - done);
		memcpy(at + done, segment->data, segment->bytes);
		done += segment->bytes;
	}
	return done;
}

/** A device that offers `features`, not attached. */
static inline void test_device_reset(const struct virtio_driver *driver, uint64_t features)
{
	memset(&test_dev, 0, sizeof test_dev);
	test_dev.driver = driver;
	test_dev.offered = features;
	test_dev.config_bytes = TEST_CONFIG;
	test_dev.entries_max = 256;
}

static inline void test_queues_free(void)
{
	for (unsigned i = 0; i < TEST_QUEUES; i++) {
		struct virtio_queue *queue = test_dev.queues[i];

		if (!queue)
			continue;
		assert(!test_outstanding(queue));
		mem_free(queue->memory);
		free(queue);
		test_dev.queues[i] = NULL;
	}
}

/** As the bus does it. */
static inline int test_device_attach(void)
{
	int error = test_dev.driver->attach(&test_dev);

	if (error)
		test_queues_free();
	return error;
}

/** The bus's part after virtio_fail(), or of a device that goes away. */
static inline void test_device_fail(void)
{
	test_dev.failed = true;
	if (test_dev.driver->failed)
		test_dev.driver->failed(&test_dev);
	test_dev.told = true;
}

static inline void test_device_config_changed(void)
{
	bool were_on = cpu_irq_disable();

	test_dev.driver->config_changed(&test_dev);
	if (were_on)
		cpu_irq_enable();
}

/* The driver's side */

void virtio_set_driver_data(struct virtio_dev *dev, void *data)
{
	dev->driver_data = data;
}

void *virtio_driver_data(const struct virtio_dev *dev)
{
	return dev->driver_data;
}

struct device *virtio_device(struct virtio_dev *dev)
{
	return &dev->device;
}

uint64_t virtio_offered(struct virtio_dev *dev)
{
	return dev->offered;
}

int virtio_negotiate(struct virtio_dev *dev, uint64_t wanted, uint64_t *out)
{
	if (dev->refuses)
		return -ENODEV;
	wanted |= VIRTIO_F_VERSION_1 | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_INDIRECT_DESC |
		  VIRTIO_F_EVENT_IDX;
	*out = dev->features = dev->offered & wanted;
	return 0;
}

bool virtio_is_legacy(const struct virtio_dev *dev)
{
	return dev->legacy;
}

bool virtio_config_read(struct virtio_dev *dev, uint32_t offset, void *out, uint32_t bytes)
{
	if (dev->failed || !range_fits(offset, bytes, dev->config_bytes))
		return false;
	memcpy(out, dev->config + offset, bytes);
	return true;
}

bool virtio_config_write(struct virtio_dev *dev, uint32_t offset, const void *in, uint32_t bytes)
{
	if (dev->failed || !range_fits(offset, bytes, dev->config_bytes))
		return false;
	memcpy(dev->config + offset, in, bytes);
	return true;
}

int virtio_queue_open(struct virtio_dev *dev, const struct virtio_queue_request *request,
		      struct virtio_queue **out)
{
	struct virtio_queue *queue;
	void *memory;

	assert(!dev->started && request->segments && is_pow2(request->entries));
	if (request->index >= TEST_QUEUES || dev->missing_queue == request->index + 1)
		return -ENOENT;
	assert(!dev->queues[request->index]);
	memory = mem_alloc(1);
	if (!memory)
		return -ENOMEM;
	queue = calloc(1, sizeof *queue);
	*queue = (struct virtio_queue){ .dev = dev,
					.entries = min(request->entries, dev->entries_max),
					.arrived = request->arrived,
					.context = request->context,
					.segments_max = request->segments,
					.memory = memory,
					.interrupts = TEST_ON };
	test_list_init(&queue->added);
	test_list_init(&queue->shown);
	test_list_init(&queue->used);
	dev->queues[request->index] = queue;
	*out = queue;
	return 0;
}

int virtio_start(struct virtio_dev *dev)
{
	assert(!dev->started);
	dev->started = true;
	return 0;
}

bool virtio_stop(struct virtio_dev *dev)
{
	dev->started = false;
	return true;
}

void virtio_fail(struct virtio_dev *dev, const char *why)
{
	assert(why);
	dev->failed = true;
}

bool virtio_has_failed(const struct virtio_dev *dev)
{
	return dev->failed;
}

static inline unsigned test_cost(const struct virtio_queue *queue, unsigned segments)
{
	return queue->dev->features & VIRTIO_F_INDIRECT_DESC ? 1 : segments;
}

int virtio_queue_add(struct virtio_queue *queue, const struct virtio_segment *segments,
		     unsigned readable, unsigned writable, void *token)
{
	unsigned count = readable + writable;
	struct test_buffer *buffer;

	assert(queue->dev->started && token && count && count <= queue->segments_max);
	if (queue->dev->failed)
		return -EIO;
	if (queue->segments_used + test_cost(queue, count) > queue->entries)
		return -ENOSPC;
	queue->segments_used += test_cost(queue, count);
	buffer = calloc(1, sizeof *buffer);
	for (unsigned i = 0; i < count; i++)
		assert(segments[i].bytes);
	memcpy(buffer->segments, segments, count * sizeof *segments);
	buffer->readable = readable;
	buffer->writable = writable;
	buffer->token = token;
	test_list_add(&queue->added, buffer);
	return 0;
}

void virtio_queue_kick(struct virtio_queue *queue)
{
	struct test_buffer *buffer;

	queue->kicks++;
	while ((buffer = test_list_take(&queue->added)) != NULL)
		test_list_add(&queue->shown, buffer);
}

static inline void *test_give_back(struct virtio_queue *queue, struct test_buffer *buffer,
				   uint32_t *written)
{
	void *token = buffer->token;

	*written = buffer->written;
	queue->segments_used -= test_cost(queue, buffer->readable + buffer->writable);
	free(buffer);
	return token;
}

void *virtio_queue_take(struct virtio_queue *queue, uint32_t *written)
{
	struct test_buffer *buffer = queue->dev->failed ? NULL : test_list_take(&queue->used);

	return buffer ? test_give_back(queue, buffer, written) : NULL;
}

unsigned virtio_queue_room(const struct virtio_queue *queue)
{
	return queue->entries - queue->segments_used;
}

unsigned virtio_queue_entries(const struct virtio_queue *queue)
{
	return queue->entries;
}

void virtio_queue_disable(struct virtio_queue *queue)
{
	queue->interrupts = TEST_OFF;
}

bool virtio_queue_enable(struct virtio_queue *queue)
{
	queue->interrupts = TEST_ON;
	return !queue->used.first || queue->dev->failed;
}

bool virtio_queue_enable_late(struct virtio_queue *queue)
{
	queue->interrupts = TEST_LATE;
	return queue->used.count <= queue->shown.count || queue->dev->failed;
}

void *virtio_queue_detach(struct virtio_queue *queue)
{
	struct test_buffer *buffer;
	uint32_t written;

	assert(queue->dev->failed);
	buffer = test_list_take(&queue->used);
	if (!buffer)
		buffer = test_list_take(&queue->shown);
	if (!buffer)
		buffer = test_list_take(&queue->added);
	return buffer ? test_give_back(queue, buffer, &written) : NULL;
}

void device_print(struct device_text *text, const char *fmt, ...)
{
	(void)text;
	(void)fmt;
}
