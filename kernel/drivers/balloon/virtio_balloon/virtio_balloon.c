/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory balloon (virtio 1.2, 5.5): attaching it, and its thread, which does all the work but that of giving memory back when
 * there is none left (pages.c).
 */
#include "virtio_balloon.h"

#include <base/errno.h>
#include <mm/alloc.h>
#include <mm/stack.h>

enum {
	ENTRIES = 8,
	REPORT_ORDER = 9, /* 2 MiB: what a host can take without splitting its large pages */
};

#define WANTED                                                         \
	(VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_DEFLATE_ON_OOM | \
	 VIRTIO_BALLOON_F_FREE_PAGE_HINT | VIRTIO_BALLOON_F_PAGE_REPORTING)

/* The thread */

void balloon_wake(struct balloon *balloon)
{
	__atomic_store_n(&balloon->woken, true, __ATOMIC_RELEASE);
	waitq_wake_events(&balloon->wanted, WAKE_ANY);
}

void balloon_wait(struct balloon *balloon, uint64_t deadline_ns)
{
	struct waiter waiter;
	struct waiter *waiters[] = { &waiter };

	waiter_init(&waiter);
	waitq_add(&balloon->wanted, &waiter);
	if (!__atomic_load_n(&balloon->woken, __ATOMIC_ACQUIRE))
		(void)!thread_wait(waiters, 1, deadline_ns, WAIT_UNINTERRUPTIBLE);
	waitq_remove(&balloon->wanted, &waiter);
	__atomic_store_n(&balloon->woken, false, __ATOMIC_RELEASE);
}

bool balloon_works(const struct balloon *balloon)
{
	return !__atomic_load_n(&balloon->gone, __ATOMIC_ACQUIRE);
}

static void forget_buffers(struct virtio_queue *queue)
{
	while (queue && virtio_queue_detach(queue))
		;
}

static void run(void *arg)
{
	struct balloon *balloon = arg;

	while (balloon_works(balloon)) {
		bool more = balloon_adjust(balloon);

		balloon_tell_stats(balloon);
		balloon_hint(balloon);
		balloon_report(balloon);
		if (!more)
			balloon_wait(balloon, min(balloon->retry_ns, balloon->report_ns));
	}
	if (balloon->features & VIRTIO_BALLOON_F_DEFLATE_ON_OOM)
		pages_remove_reclaimer(&balloon->reclaimer);
	if (balloon->hint || balloon->report)
		pages_set_report(NULL);
	forget_buffers(balloon->inflate);
	forget_buffers(balloon->deflate);
	forget_buffers(balloon->stats);
	forget_buffers(balloon->hint);
	forget_buffers(balloon->report);
	balloon_release(balloon);
}

static void ended(struct thread *thread)
{
	struct balloon *balloon = container_of(thread, struct balloon, thread);

	stack_destroy(thread->stack_base);
	mem_free(balloon);
}

/* Interrupts */

static void arrived(void *context)
{
	balloon_wake(context);
}

static void config_changed(struct virtio_dev *virtio)
{
	struct balloon *balloon = virtio_driver_data(virtio);

	__atomic_store_n(&balloon->config_changed, true, __ATOMIC_RELEASE);
	__atomic_store_n(&balloon->hint_changed, true, __ATOMIC_RELEASE);
	balloon_wake(balloon);
}

/* Attaching */

static int open_queue(struct balloon *balloon, unsigned index, struct virtio_queue **out)
{
	const struct virtio_queue_request request = { .index = index,
						      .entries = ENTRIES,
						      .segments = 1,
						      .arrived = arrived,
						      .context = balloon };

	return virtio_queue_open(balloon->virtio, &request, out);
}

/* Which number a queue has depends on what is offered, not on what is wanted of it. */
static int open_queues(struct balloon *balloon, uint64_t offered)
{
	unsigned index = VIRTIO_BALLOON_OTHERQS;
	int error = open_queue(balloon, VIRTIO_BALLOON_INFLATEQ, &balloon->inflate);

	if (!error)
		error = open_queue(balloon, VIRTIO_BALLOON_DEFLATEQ, &balloon->deflate);
	if (!error && offered & VIRTIO_BALLOON_F_STATS_VQ)
		error = open_queue(balloon, index++, &balloon->stats);
	if (!error && offered & VIRTIO_BALLOON_F_FREE_PAGE_HINT)
		error = open_queue(balloon, index++, &balloon->hint);
	if (!error && offered & VIRTIO_BALLOON_F_PAGE_REPORTING)
		error = open_queue(balloon, index, &balloon->report);
	return error;
}

static int prepare(struct balloon *balloon)
{
	uint64_t offered = virtio_offered(balloon->virtio);
	int error = virtio_negotiate(balloon->virtio, WANTED, &balloon->features);

	if (!error)
		error = open_queues(balloon, offered);
	return error ? error : virtio_start(balloon->virtio);
}

static void describe(const struct device *device, struct device_text *text)
{
	struct balloon *balloon = device->class_device;
	uint32_t actual;

	spin_lock(&balloon->lock);
	actual = balloon->actual;
	spin_unlock(&balloon->lock);
	device_print(text, "the host has %u KiB", actual << (VIRTIO_BALLOON_PFN_SHIFT - 10));
}

static void start(struct balloon *balloon, void *stack)
{
	balloon->reporting = (struct pages_report){ .order = REPORT_ORDER,
						    .wanted = balloon_report_wanted };
	balloon->reclaimer.reclaim = balloon_reclaim;
	balloon->retry_ns = balloon->report_ns = TIME_NEVER;
	balloon->hint_changed = balloon->report_wanted = true;
	if (balloon->hint || balloon->report)
		pages_set_report(&balloon->reporting);
	if (balloon->features & VIRTIO_BALLOON_F_DEFLATE_ON_OOM)
		pages_add_reclaimer(&balloon->reclaimer);
	thread_init(&balloon->thread, "balloon", stack, STACK_BYTES, run, balloon, ended);
	thread_start(&balloon->thread);
}

static int attach(struct virtio_dev *virtio)
{
	struct balloon *balloon = mem_zalloc(sizeof *balloon);
	void *stack = stack_create();
	int error = -ENOMEM;

	if (!balloon || !stack)
		goto err;
	balloon->virtio = virtio;
	spin_init(&balloon->lock);
	waitq_init(&balloon->wanted);
	error = prepare(balloon);
	if (error && !virtio_stop(virtio))
		balloon = NULL; /* left to it */
	if (error)
		goto err;
	virtio_set_driver_data(virtio, balloon);
	virtio_device(virtio)->class_device = balloon;
	virtio_device(virtio)->describe_class = describe;
	start(balloon, stack);
	return 0;
err:
	if (stack)
		stack_destroy(stack);
	mem_free(balloon);
	return error;
}

static void failed(struct virtio_dev *virtio)
{
	struct balloon *balloon = virtio_driver_data(virtio);

	virtio_device(virtio)->describe_class = NULL;
	/* Its thread ends, and frees it. */
	virtio_set_driver_data(virtio, NULL);
	__atomic_store_n(&balloon->gone, true, __ATOMIC_RELEASE);
	balloon_wake(balloon);
}

const struct virtio_driver virtio_balloon_driver = {
	.name = "virtio-balloon",
	.type = VIRTIO_BALLOON,
	.attach = attach,
	.failed = failed,
	.config_changed = config_changed,
};
VIRTIO_DRIVER(virtio_balloon_driver);
