/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory balloon device (virtio 1.2, 5.5), by the specification's names. All its fields are little-endian, also a legacy device's. */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/types.h>

#define VIRTIO_BALLOON_F_STATS_VQ BIT64(1)
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM BIT64(2)
#define VIRTIO_BALLOON_F_FREE_PAGE_HINT BIT64(3)
#define VIRTIO_BALLOON_F_PAGE_REPORTING BIT64(5)

/** 5.5.2: the others follow, those whose feature is offered, in this order: statistics, hinting, reporting. */
enum { VIRTIO_BALLOON_INFLATEQ = 0, VIRTIO_BALLOON_DEFLATEQ = 1, VIRTIO_BALLOON_OTHERQS = 2 };

/** 5.5.4: offsets in the configuration. */
enum {
	VIRTIO_BALLOON_CONFIG_NUM_PAGES = 0,
	VIRTIO_BALLOON_CONFIG_ACTUAL = 4,
	VIRTIO_BALLOON_CONFIG_FREE_PAGE_HINT_CMD_ID = 8,
};

/** 5.5.6.5: commands of hinting; all others begin a round. */
enum { VIRTIO_BALLOON_CMD_ID_STOP = 0, VIRTIO_BALLOON_CMD_ID_DONE = 1 };

enum { VIRTIO_BALLOON_PFN_SHIFT = 12 };

/** 5.5.6.3 */
struct virtio_balloon_stat {
	le16_t tag;
	le64_t value;
} packed;

enum {
	VIRTIO_BALLOON_S_MEMFREE = 4,
	VIRTIO_BALLOON_S_MEMTOT = 5,
	VIRTIO_BALLOON_S_AVAIL = 6,
};
