/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices that break their contract. Whoever notices is in any context, perhaps within the driver; the reset, and telling the
 * driver, are done by a thread, which is started for it: there is none while all is well.
 */
#include <base/list.h>
#include <base/log.h>
#include <core/lock.h>
#include <core/thread.h>
#include <core/time.h>
#include <mm/stack.h>

#include "transport.h"

enum { RETRY_MS = 100 };

/* One bus of virtio devices in the machine. */
static struct {
	struct spinlock lock;
	struct list_node failed; /* [lock] struct virtio_dev.failed_link */
	bool has_thread;         /* [lock] */
	struct thread thread;
	struct timer retry;
} failing = { .failed = { &failing.failed, &failing.failed } };

static struct virtio_dev *next_failed(void)
{
	struct list_node *node;

	spin_lock(&failing.lock);
	node = list_pop_front(&failing.failed);
	spin_unlock(&failing.lock);
	return node ? list_entry(node, struct virtio_dev, failed_link) : NULL;
}

void virtio_handle_failures(void)
{
	struct virtio_dev *dev;

	while ((dev = next_failed()) != NULL) {
		/* Who waits for an answer must get one all the same; it may write to memory that is in other use by then. */
		if (!virtio_stop(dev))
			log_error("%s: the device does not come out of its reset",
				  dev->device->name);
		if (dev->driver->failed)
			dev->driver->failed(dev);
	}
}

static void run(void *arg)
{
	(void)arg;
	virtio_handle_failures();
}

static void start_thread(void);

/** Only now may the thread's memory be used again. */
static void ended(struct thread *thread)
{
	bool again;

	stack_destroy(thread->stack_base);
	spin_lock(&failing.lock);
	again = !list_empty(&failing.failed);
	failing.has_thread = again;
	spin_unlock(&failing.lock);
	if (again)
		start_thread();
}

static void retry(struct timer *timer)
{
	(void)timer;
	start_thread();
}

static void start_thread(void)
{
	void *stack = stack_create();

	if (stack) {
		thread_init(&failing.thread, "virtio", stack, STACK_BYTES, run, NULL, ended);
		thread_start(&failing.thread);
		return;
	}
	timer_init(&failing.retry, retry);
	timer_arm(&failing.retry, time_now() + RETRY_MS * NS_PER_MS);
}

static void schedule(struct virtio_dev *dev)
{
	bool has_thread;

	spin_lock(&failing.lock);
	has_thread = failing.has_thread;
	failing.has_thread = true;
	list_insert_before(&failing.failed, &dev->failed_link);
	spin_unlock(&failing.lock);
	if (!has_thread)
		start_thread();
}

void virtio_fail(struct virtio_dev *dev, const char *why)
{
	if (__atomic_exchange_n(&dev->failed, true, __ATOMIC_ACQ_REL))
		return;
	log_error("%s (%s): %s: the device is shut down", dev->device->name,
		  virtio_type_name(dev->type), why);
	__atomic_store_n(&dev->device->failed, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < dev->queue_count; i++) {
		if (dev->queues[i])
			dev->queues[i]->ring.broken = why;
	}
	if (dev->attached)
		schedule(dev);
}

/** While the driver attaches, a failure is only noted: what it goes on to do fails, or is undone here. */
void virtio_dev_attached(struct virtio_dev *dev)
{
	dev->attached = true;
	if (virtio_has_failed(dev))
		schedule(dev);
}
