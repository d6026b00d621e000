/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver's own: what its files share. */
#pragma once

#include "regs.h"

#include <bus/virtio.h>
#include <core/lock.h>
#include <core/thread.h>
#include <mm/pages.h>

enum { BALLOON_BATCH = 256, BALLOON_STATS = 3 };

/** Page frame numbers on their way to the device, or none. */
struct balloon_batch {
	le32_t frames[BALLOON_BATCH];
	unsigned count;
	struct page *pages; /* they are of, linked by owner */
	bool sent;          /* the device has it */
};

struct balloon {
	struct virtio_dev *virtio;
	uint64_t features;
	struct thread thread;
	struct waitq wanted; /* the thread's */
	bool woken;          /* atomic */
	bool gone;           /* atomic: the device has failed, and was reset */

	/* Memory that the host has. Its pages are linked by owner. */
	struct spinlock lock;
	struct page *singles;           /* [lock] */
	struct page *blocks;            /* [lock] of several frames */
	uint32_t actual;                /* [lock] frames */
	bool gave_back;                 /* [lock] no more is wanted before the host says so */
	struct virtio_queue *deflate;   /* [lock] */
	struct balloon_batch reclaimed; /* [lock] */
	struct pages_reclaimer reclaimer;

	/* The thread's. */
	struct virtio_queue *inflate;
	struct virtio_queue *stats, *hint, *report; /* NULL: none */
	struct balloon_batch batch;
	uint32_t told_actual;
	uint64_t retry_ns, report_ns; /* TIME_NEVER: not */
	bool config_changed;          /* atomic */
	bool report_wanted;           /* atomic */
	bool stats_sent;
	struct virtio_balloon_stat stat[BALLOON_STATS];
	bool hint_changed;     /* atomic: its command may be another */
	uint32_t hint_command; /* the last one read */
	uint32_t hint_begun;   /* the last one obeyed */
	le32_t hint_told;      /* the one on its way to the device */
	struct pages_report reporting;
};

extern const struct virtio_driver virtio_balloon_driver;

/** Has the thread look again. Any context. */
void balloon_wake(struct balloon *balloon);

/** Waits until somebody wakes the thread. */
void balloon_wait(struct balloon *balloon, uint64_t deadline_ns);

/** False: the device was reset, and what it had is the kernel's again. */
bool balloon_works(const struct balloon *balloon);

/* pages.c */

/** Takes a step towards what the host wants. True: there is more to do at once. */
bool balloon_adjust(struct balloon *balloon);

/** pages_reclaimer.reclaim */
bool balloon_reclaim(struct pages_reclaimer *reclaimer);

/** Everything is the kernel's again. */
void balloon_release(struct balloon *balloon);

/* tell.c */

/** Tells the host what it has asked about memory. */
void balloon_tell_stats(struct balloon *balloon);

/** Hints at free blocks where the host has asked for that. */
void balloon_hint(struct balloon *balloon);

/** Reports free blocks when it is time to. */
void balloon_report(struct balloon *balloon);

/** pages_report.wanted */
void balloon_report_wanted(const struct pages_report *report);
