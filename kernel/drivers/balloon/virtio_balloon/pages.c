/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inflating and deflating (virtio 1.2, 5.5.6). The thread does one batch after the other and waits for the device each time; when
 * memory has run out whoever finds that takes some back, without waiting: the device need not have seen it (5.5.6.1, without
 * MUST_TELL_HOST).
 */
#include "virtio_balloon.h"

#include <base/assert.h>
#include <base/errno.h>
#include <core/time.h>
#include <hal/cpu.h>

enum {
	BLOCK_ORDER = 4,
	BLOCK_FRAMES = 1 << BLOCK_ORDER,
	RESERVE_BYTES = 2 << 20, /* the kernel keeps these at least */
	RECLAIM_SPINS = 10000,   /* for the device to have taken the batch before */
	RETRY_MS = 1000,
};

static_assert(BALLOON_BATCH % BLOCK_FRAMES == 0, "a batch can be full of blocks");

/* Batches */

static void batch_add(struct balloon_batch *batch, struct page *page)
{
	uint64_t frame = page_phys(page).raw >> VIRTIO_BALLOON_PFN_SHIFT;

	page->owner = batch->pages;
	batch->pages = page;
	for (unsigned i = 0; i < 1u << page->order; i++)
		batch->frames[batch->count++] = le32((uint32_t)(frame + i));
}

static bool batch_send(struct virtio_queue *queue, struct balloon_batch *batch)
{
	const struct virtio_segment segment = { batch->frames,
						batch->count * (uint32_t)sizeof(le32_t) };

	if (virtio_queue_add(queue, &segment, 1, 0, batch))
		return false;
	batch->sent = true;
	virtio_queue_kick(queue);
	return true;
}

static void put_pages(struct page *pages)
{
	while (pages) {
		struct page *next = pages->owner;

		page_put(pages);
		pages = next;
	}
}

/* Takes back what the device has done with. */
static void collect(struct virtio_queue *queue)
{
	struct balloon_batch *batch;
	uint32_t written;

	do {
		while ((batch = virtio_queue_take(queue, &written)) != NULL)
			batch->sent = false;
	} while (!virtio_queue_enable(queue));
}

static bool is_sent(struct balloon *balloon, struct virtio_queue *queue)
{
	bool sent;

	spin_lock(&balloon->lock);
	collect(queue);
	sent = balloon->batch.sent;
	spin_unlock(&balloon->lock);
	return sent;
}

/* Sends the thread's batch and waits until the device has done with it. False: the device works no more. */
static bool batch_done(struct balloon *balloon, struct virtio_queue *queue)
{
	bool sent;

	spin_lock(&balloon->lock);
	sent = batch_send(queue, &balloon->batch);
	spin_unlock(&balloon->lock);
	while (sent && balloon_works(balloon) && is_sent(balloon, queue))
		balloon_wait(balloon, TIME_NEVER);
	return sent && balloon_works(balloon);
}

/* Inflating */

static struct page *page_to_give(unsigned order)
{
	struct page *page;

	if (pages_stats().free_bytes < RESERVE_BYTES + (PAGE_SIZE << order))
		return NULL;
	page = page_alloc(order, PAGE_IF_FREE);
	if (page && page_phys(page).raw >> VIRTIO_BALLOON_PFN_SHIFT > UINT32_MAX) {
		page_put(page); /* it has no number to tell */
		return NULL;
	}
	return page;
}

static void fill_batch(struct balloon_batch *batch, uint32_t wanted)
{
	struct page *page;

	batch->count = 0;
	batch->pages = NULL;
	wanted = min(wanted, (uint32_t)BALLOON_BATCH);
	while (wanted - batch->count >= BLOCK_FRAMES && (page = page_to_give(BLOCK_ORDER)) != NULL)
		batch_add(batch, page);
	while (batch->count < wanted && (page = page_to_give(0)) != NULL)
		batch_add(batch, page);
}

static void keep(struct balloon *balloon, struct page *pages)
{
	spin_lock(&balloon->lock);
	while (pages) {
		struct page *next = pages->owner, **list;

		list = pages->order ? &balloon->blocks : &balloon->singles;
		pages->owner = *list;
		*list = pages;
		pages = next;
	}
	balloon->actual += balloon->batch.count;
	spin_unlock(&balloon->lock);
}

/* False: there is nothing to give now. */
static bool inflate(struct balloon *balloon, uint32_t wanted)
{
	struct balloon_batch *batch = &balloon->batch;

	fill_batch(batch, wanted);
	if (!batch->count) {
		balloon->retry_ns = time_now() + RETRY_MS * NS_PER_MS;
		return false;
	}
	if (batch_done(balloon, balloon->inflate))
		keep(balloon, batch->pages);
	else
		put_pages(batch->pages); /* the device was reset */
	return true;
}

/* Deflating */

static struct page *pop(struct page **list)
{
	struct page *page = *list;

	*list = page->owner;
	return page;
}

/* Fills a batch with what the host has: so many frames at most, or where they are fewer than a block and it has nothing else, one
 * block. */
static void take_from_host(struct balloon *balloon, struct balloon_batch *batch, uint32_t wanted)
	REQUIRES(balloon->lock)
{
	batch->count = 0;
	batch->pages = NULL;
	wanted = min(wanted, (uint32_t)BALLOON_BATCH);
	while (balloon->blocks && wanted - batch->count >= BLOCK_FRAMES)
		batch_add(batch, pop(&balloon->blocks));
	while (balloon->singles && batch->count < wanted)
		batch_add(batch, pop(&balloon->singles));
	if (!batch->count && balloon->blocks)
		batch_add(batch, pop(&balloon->blocks));
	balloon->actual -= batch->count;
}

static void deflate(struct balloon *balloon, uint32_t wanted)
{
	struct balloon_batch *batch = &balloon->batch;

	spin_lock(&balloon->lock);
	take_from_host(balloon, batch, wanted);
	spin_unlock(&balloon->lock);
	if (!batch->count)
		return;
	batch_done(balloon, balloon->deflate);
	put_pages(batch->pages);
}

bool balloon_reclaim(struct pages_reclaimer *reclaimer)
{
	struct balloon *balloon = container_of(reclaimer, struct balloon, reclaimer);
	struct balloon_batch *batch = &balloon->reclaimed;
	struct page *pages = NULL;

	spin_lock(&balloon->lock);
	collect(balloon->deflate);
	for (unsigned i = 0; batch->sent && i < RECLAIM_SPINS; i++) {
		cpu_relax();
		collect(balloon->deflate);
	}
	if (!batch->sent) {
		take_from_host(balloon, batch, BALLOON_BATCH);
		pages = batch->pages;
		if (batch->count)
			batch_send(balloon->deflate, batch);
		balloon->gave_back = true;
	}
	spin_unlock(&balloon->lock);
	put_pages(pages);
	if (pages)
		balloon_wake(balloon);
	return pages;
}

/* Both */

static void tell_actual(struct balloon *balloon, uint32_t actual)
{
	le32_t value = le32(actual);

	if (actual == balloon->told_actual)
		return;
	balloon->told_actual = actual;
	virtio_config_write(balloon->virtio, VIRTIO_BALLOON_CONFIG_ACTUAL, &value, sizeof value);
}

bool balloon_adjust(struct balloon *balloon)
{
	bool changed = __atomic_exchange_n(&balloon->config_changed, false, __ATOMIC_ACQ_REL);
	uint32_t actual, target;
	bool gave_back;
	le32_t value;

	if (!virtio_config_read(balloon->virtio, VIRTIO_BALLOON_CONFIG_NUM_PAGES, &value,
				sizeof value))
		return false;
	target = le32_get(value);
	spin_lock(&balloon->lock);
	if (changed)
		balloon->gave_back = false;
	gave_back = balloon->gave_back;
	actual = balloon->actual;
	spin_unlock(&balloon->lock);
	tell_actual(balloon, actual);
	balloon->retry_ns = TIME_NEVER;
	if (actual > target) {
		deflate(balloon, actual - target);
		return true;
	}
	return actual < target && !gave_back && inflate(balloon, target - actual);
}

void balloon_release(struct balloon *balloon)
{
	struct page *singles, *blocks;

	spin_lock(&balloon->lock);
	singles = balloon->singles;
	blocks = balloon->blocks;
	balloon->singles = balloon->blocks = NULL;
	balloon->actual = 0;
	spin_unlock(&balloon->lock);
	put_pages(singles);
	put_pages(blocks);
}
