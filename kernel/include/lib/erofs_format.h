/* SPDX-License-Identifier: BSD-3-Clause */
/* What lies in an EROFS image; the names are those of Linux's fs/erofs/erofs_fs.h. */
#pragma once

#include <base/assert.h>
#include <base/compiler.h>
#include <base/types.h>

enum { EROFS_SUPER_OFFSET = 1024, EROFS_SUPER_MAGIC = (int)0xe0f5e1e2, EROFS_ISLOTBITS = 5 };

enum erofs_feature_compat { EROFS_FEATURE_COMPAT_SB_CHKSUM = 1 };

/* The incompatible features that change nothing for who does not compress and skips attributes; all others are
 * refused. */
enum erofs_feature_incompat {
	EROFS_FEATURE_INCOMPAT_ZERO_PADDING = 0x01, /* of compressed clusters */
	EROFS_FEATURE_INCOMPAT_CHUNKED_FILE = 0x04,
	EROFS_FEATURE_INCOMPAT_XATTR_PREFIXES = 0x40,
	EROFS_ALL_FEATURE_INCOMPAT = 0x45,
};

struct erofs_super_block {
	le32_t magic;
	le32_t checksum;
	le32_t feature_compat;
	uint8_t blkszbits;
	uint8_t sb_extslots;
	le16_t root_nid;
	le64_t inos;
	le64_t build_time;
	le32_t build_time_nsec;
	le32_t blocks;
	le32_t meta_blkaddr;
	le32_t xattr_blkaddr;
	uint8_t uuid[16];
	uint8_t volume_name[16];
	le32_t feature_incompat;
	le16_t available_compr_algs;
	le16_t extra_devices;
	le16_t devt_slotoff;
	uint8_t dirblkbits;
	uint8_t reserved[37];
} packed;
static_assert(sizeof(struct erofs_super_block) == 128, "EROFS superblock");

/* i_format */
enum {
	EROFS_I_VERSION_EXTENDED = 1, /* bit 0 */
	EROFS_I_DATALAYOUT_SHIFT = 1,
	EROFS_I_DATALAYOUT_MASK = 7,
	EROFS_I_ALL = 0xf,
};

enum erofs_layout {
	EROFS_INODE_FLAT_PLAIN = 0,
	EROFS_INODE_COMPRESSED_FULL = 1,
	EROFS_INODE_FLAT_INLINE = 2,
	EROFS_INODE_COMPRESSED_COMPACT = 3,
	EROFS_INODE_CHUNK_BASED = 4,
};

struct erofs_inode_compact {
	le16_t i_format;
	le16_t i_xattr_icount;
	le16_t i_mode;
	le16_t i_nlink;
	le32_t i_size;
	le32_t i_reserved;
	le32_t i_u; /* raw_blkaddr, rdev, or the chunks' format */
	le32_t i_ino;
	le16_t i_uid;
	le16_t i_gid;
	le32_t i_reserved2;
} packed;
static_assert(sizeof(struct erofs_inode_compact) == 32, "EROFS compact inode");

struct erofs_inode_extended {
	le16_t i_format;
	le16_t i_xattr_icount;
	le16_t i_mode;
	le16_t i_reserved;
	le64_t i_size;
	le32_t i_u;
	le32_t i_ino;
	le32_t i_uid;
	le32_t i_gid;
	le64_t i_mtime;
	le32_t i_mtime_nsec;
	le32_t i_nlink;
	uint8_t i_reserved2[16];
} packed;
static_assert(sizeof(struct erofs_inode_extended) == 64, "EROFS extended inode");

enum { EROFS_XATTR_IBODY_HEADER = 12, EROFS_XATTR_ENTRY = 4 };

/* The chunks' format */
enum {
	EROFS_CHUNK_FORMAT_BLKBITS_MASK = 0x1f,
	EROFS_CHUNK_FORMAT_INDEXES = 0x20,
	EROFS_CHUNK_FORMAT_ALL = 0x3f,
};

struct erofs_inode_chunk_index {
	le16_t advise;
	le16_t device_id;
	le32_t blkaddr;
} packed;

#define EROFS_NULL_ADDR 0xffffffffu /* a hole */

struct erofs_dirent_disk {
	le64_t nid;
	le16_t nameoff;
	uint8_t file_type;
	uint8_t reserved;
} packed;
static_assert(sizeof(struct erofs_dirent_disk) == 12, "EROFS directory entry");
