/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the host is told without being given anything: figures about memory (virtio 1.2, 5.5.6.3), and which free blocks hold nothing
 * that is needed, when it asks (5.5.6.5) or as they come (5.5.6.7): it may take their memory until they are touched again.
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

/* Blocks */

/* Waits until the device has seen it. False: the device works no more. */
static bool hand_over(struct balloon *balloon, struct virtio_queue *queue,
		      const struct virtio_segment *segment, bool writable)
{
	uint32_t written;

	if (virtio_queue_add(queue, segment, !writable, writable, balloon))
		return false;
	virtio_queue_kick(queue);
	while (balloon_works(balloon)) {
		if (virtio_queue_take(queue, &written))
			return true;
		if (virtio_queue_enable(queue))
			balloon_wait(balloon, TIME_NEVER);
	}
	return false;
}

static void tell_block(struct balloon *balloon, struct virtio_queue *queue, struct page *page)
{
	const struct virtio_segment segment = { page_virt(page),
						(uint32_t)(PAGE_SIZE << page->order) };

	if (hand_over(balloon, queue, &segment, true))
		page_report_done(page);
	else
		page_put(page);
}

/* Hinting */

/* Read after the device has told of a change only: QEMU shows 0 while it takes the hints that it has asked for. */
static uint32_t read_command(struct balloon *balloon)
{
	le32_t value = le32(VIRTIO_BALLOON_CMD_ID_STOP);

	if (__atomic_exchange_n(&balloon->hint_changed, false, __ATOMIC_ACQ_REL)) {
		(void)!virtio_config_read(balloon->virtio,
					  VIRTIO_BALLOON_CONFIG_FREE_PAGE_HINT_CMD_ID, &value,
					  sizeof value);
		balloon->hint_command = le32_get(value);
	}
	return balloon->hint_command;
}

static bool tell_command(struct balloon *balloon, uint32_t command)
{
	const struct virtio_segment segment = { &balloon->hint_told, sizeof balloon->hint_told };

	balloon->hint_told = le32(command);
	return hand_over(balloon, balloon->hint, &segment, false);
}

/*
 * A block is the kernel's again as soon as the device has seen it, not only at the end of the round: nobody expects anything in it, as
 * with all free memory, which is what 5.5.6.5.1 asks for then. What has been told once, here or by reporting, is not told again.
 */
void balloon_hint(struct balloon *balloon)
{
	uint32_t command = balloon->hint ? read_command(balloon) : VIRTIO_BALLOON_CMD_ID_STOP;
	struct page *page;

	if (command == balloon->hint_begun)
		return;
	balloon->hint_begun = command;
	if (command == VIRTIO_BALLOON_CMD_ID_STOP || command == VIRTIO_BALLOON_CMD_ID_DONE ||
	    !tell_command(balloon, command))
		return;
	while (read_command(balloon) == command && (page = page_report_take()) != NULL)
		tell_block(balloon, balloon->hint, page);
	(void)tell_command(balloon, VIRTIO_BALLOON_CMD_ID_STOP);
	/* What this has left, and what else there was to wake for while it waited here. */
	__atomic_store_n(&balloon->report_wanted, true, __ATOMIC_RELEASE);
	balloon_wake(balloon);
}

/* Reporting */

void balloon_report_wanted(const struct pages_report *report)
{
	struct balloon *balloon = container_of(report, struct balloon, reporting);

	__atomic_store_n(&balloon->report_wanted, true, __ATOMIC_RELEASE);
	balloon_wake(balloon);
}

static void report_all(struct balloon *balloon)
{
	struct page *page;

	while (balloon_works(balloon) && (page = page_report_take()) != NULL)
		tell_block(balloon, balloon->report, page);
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
