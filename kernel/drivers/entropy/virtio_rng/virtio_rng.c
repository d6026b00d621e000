/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio entropy device (virtio 1.2, 5.4): one buffer is with it at the start, and again whenever the kernel's generator has
 * handed out a lot. Nobody waits for it.
 */
#include <base/assert.h>
#include <base/errno.h>
#include <bus/virtio.h>
#include <core/lock.h>
#include <core/random.h>
#include <lib/wipe.h>
#include <mm/alloc.h>

enum { REQUESTQ = 0, ENTRIES = 8, BUFFER_BYTES = 64 };

struct virtio_rng {
	struct spinlock lock;
	struct virtio_queue *queue; /* [lock] */
	bool asked;                 /* [lock] the device has the buffer */
	uint8_t buffer[BUFFER_BYTES];
};

static void ask(void *context)
{
	struct virtio_rng *rng = context;
	const struct virtio_segment segment = { rng->buffer, BUFFER_BYTES };

	spin_lock(&rng->lock);
	if (!rng->asked && !virtio_queue_add(rng->queue, &segment, 0, 1, rng)) {
		rng->asked = true;
		virtio_queue_kick(rng->queue);
	}
	spin_unlock(&rng->lock);
}

static void arrived(void *context)
{
	struct virtio_rng *rng = context;
	uint8_t bytes[BUFFER_BYTES];
	uint32_t count = 0;

	spin_lock(&rng->lock);
	do {
		if (virtio_queue_take(rng->queue, &count)) {
			/* A copy: the device might still write. */
			__builtin_memcpy(bytes, rng->buffer, count);
			wipe(rng->buffer, BUFFER_BYTES);
			rng->asked = false;
		}
	} while (!virtio_queue_enable(rng->queue));
	spin_unlock(&rng->lock);
	random_add(bytes, count);
	wipe(bytes, sizeof bytes);
}

static int start(struct virtio_dev *virtio, struct virtio_rng *rng)
{
	const struct virtio_queue_request request = { .index = REQUESTQ,
						      .entries = ENTRIES,
						      .segments = 1,
						      .arrived = arrived,
						      .context = rng };
	uint64_t features;
	int error = virtio_negotiate(virtio, 0, &features);

	if (error)
		return error;
	error = virtio_queue_open(virtio, &request, &rng->queue);
	return error ? error : virtio_start(virtio);
}

static int attach(struct virtio_dev *virtio)
{
	struct virtio_rng *rng = mem_zalloc(sizeof *rng);
	int error;

	if (!rng)
		return -ENOMEM;
	spin_init(&rng->lock);
	error = start(virtio, rng);
	if (error) {
		if (virtio_stop(virtio))
			mem_free(rng);
		return error;
	}
	virtio_set_driver_data(virtio, rng);
	ask(rng);
	random_set_source(ask, rng);
	return 0;
}

static void failed(struct virtio_dev *virtio)
{
	struct virtio_rng *rng = virtio_driver_data(virtio);

	random_remove_source(rng);
	spin_lock(&rng->lock);
	virtio_queue_detach(rng->queue);
	rng->asked = false;
	spin_unlock(&rng->lock);
}

const struct virtio_driver virtio_rng_driver = {
	.name = "virtio-rng",
	.type = VIRTIO_ENTROPY,
	.attach = attach,
	.failed = failed,
};
VIRTIO_DRIVER(virtio_rng_driver);
