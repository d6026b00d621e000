/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtio block device (virtio 1.2, 5.2). */
#pragma once

#include <base/assert.h>
#include <base/bits.h>
#include <base/types.h>

#define VIRTIO_BLK_F_SIZE_MAX BIT64(1)
#define VIRTIO_BLK_F_SEG_MAX BIT64(2)
#define VIRTIO_BLK_F_RO BIT64(5)
#define VIRTIO_BLK_F_BLK_SIZE BIT64(6)
#define VIRTIO_BLK_F_FLUSH BIT64(9)
#define VIRTIO_BLK_F_DISCARD BIT64(13)
#define VIRTIO_BLK_F_WRITE_ZEROES BIT64(14)

enum virtio_blk_config {
	VIRTIO_BLK_CAPACITY = 0x00, /* in sectors */
	VIRTIO_BLK_SIZE_MAX = 0x08,
	VIRTIO_BLK_SEG_MAX = 0x0c,
	VIRTIO_BLK_BLK_SIZE = 0x14,
	VIRTIO_BLK_MAX_DISCARD_SECTORS = 0x24,
	VIRTIO_BLK_MAX_WRITE_ZEROES_SECTORS = 0x30,
};

enum virtio_blk_type {
	VIRTIO_BLK_IN = 0,
	VIRTIO_BLK_OUT = 1,
	VIRTIO_BLK_FLUSH = 4,
	VIRTIO_BLK_DISCARD = 11,
	VIRTIO_BLK_WRITE_ZEROES = 13,
};

enum virtio_blk_status { VIRTIO_BLK_OK = 0, VIRTIO_BLK_IOERR = 1, VIRTIO_BLK_UNSUPP = 2 };

enum { VIRTIO_BLK_SECTOR_SHIFT = 9, VIRTIO_BLK_SECTOR = 1 << VIRTIO_BLK_SECTOR_SHIFT };

struct virtio_blk_header {
	le32_t type, reserved;
	le64_t sector;
};
static_assert(sizeof(struct virtio_blk_header) == 16, "5.2.6");

/** What DISCARD and WRITE_ZEROES have for data. */
struct virtio_blk_range {
	le64_t sector;
	le32_t sectors, flags;
};
static_assert(sizeof(struct virtio_blk_range) == 16, "5.2.6");
