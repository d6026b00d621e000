/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the host is told without being given anything: figures about memory (virtio 1.2, 5.5.6.3), and which free blocks hold nothing
 * that is needed (5.5.6.7), whose memory it may take until they are touched again.
 */
#include "virtio_balloon.h"

#include <base/assert.h>
#include <core/time.h>

enum { REPORT_DELAY_MS = 2000 }; /* what was freed is often soon used again */

/* Statistics: the device keeps the buffer until it wants new ones. */

void balloon_tell_stats(struct balloon *balloon)
{
	const struct virtio_segment segment = { balloon->stat, sizeof balloon->stat };
	struct pages_stats stats;
	uint32_t written;

	if (!balloon->stats ||
	    (balloon->stats_sent && !virtio_queue_take(balloon->stats, &written)))
		return;
	stats = pages_stats();
	balloon->stat[0] = (struct virtio_balloon_stat){ le16(VIRTIO_BALLOON_S_MEMFREE),
							 le64(stats.free_bytes) };
	balloon->stat[1] = (struct virtio_balloon_stat){ le16(VIRTIO_BALLOON_S_MEMTOT),
							 le64(stats.total_bytes) };
	balloon->stat[2] = (struct virtio_balloon_stat){ le16(VIRTIO_BALLOON_S_AVAIL),
							 le64(stats.free_bytes) };
	balloon->stats_sent = !virtio_queue_add(balloon->stats, &segment, 1, 0, balloon);
	virtio_queue_kick(balloon->stats);
	if (!virtio_queue_enable(balloon->stats))
		balloon_wake(balloon);
}

/* Reporting */

void balloon_report_wanted(const struct pages_report *report)
{
	struct balloon *balloon = container_of(report, struct balloon, reporting);

	__atomic_store_n(&balloon->report_wanted, true, __ATOMIC_RELEASE);
	balloon_wake(balloon);
}

/* False: the device works no more, or not now. */
static bool report_block(struct balloon *balloon, struct page *page)
{
	const struct virtio_segment segment = { page_virt(page),
						(uint32_t)(PAGE_SIZE << page->order) };
	uint32_t written;

	if (virtio_queue_add(balloon->report, &segment, 0, 1, page))
		return false;
	virtio_queue_kick(balloon->report);
	while (balloon_works(balloon)) {
		if (virtio_queue_take(balloon->report, &written))
			return true;
		if (virtio_queue_enable(balloon->report))
			balloon_wait(balloon, TIME_NEVER);
	}
	return false;
}

static void report_all(struct balloon *balloon)
{
	struct page *page;

	while (balloon_works(balloon) && (page = page_report_take()) != NULL) {
		if (report_block(balloon, page))
			page_report_done(page);
		else
			page_put(page);
	}
	/* What else there was to wake for while it waited here. */
	balloon_wake(balloon);
}

void balloon_report(struct balloon *balloon)
{
	if (!balloon->report)
		return;
	if (__atomic_exchange_n(&balloon->report_wanted, false, __ATOMIC_ACQ_REL))
		balloon->report_ns = time_now() + REPORT_DELAY_MS * NS_PER_MS;
	if (balloon->report_ns == TIME_NEVER || time_now() < balloon->report_ns)
		return;
	balloon->report_ns = TIME_NEVER;
	report_all(balloon);
}
