/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A reader of EROFS images (Linux Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h), in memory as a whole or read
 * through a source. It keeps no state and takes no memory; of an image in memory it copies nothing: results point into it.
 * Uncompressed images of one device, blocks of 512 to 4096 bytes, extended attributes ignored. Every offset is checked where it is
 * used: a corrupt image gives -EUCLEAN, a source's errors are handed on. Usable on the host. Any context that the source allows.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** What an image is read through that does not lie in memory. Only asked for what lies within it. 0 or -errno. */
struct erofs_source {
	int (*read)(void *context, uint64_t offset, void *out, size_t bytes);
	/** Bytes of one block, which stay for ever: of directories, whose names are pointed to. */
	int (*block)(void *context, uint64_t offset, size_t bytes, const void **out);
	void *context;
};

struct erofs {
	const uint8_t *image; /* NULL: read through the source */
	const struct erofs_source *source;
	uint64_t bytes;
	uint64_t meta; /* offset of inode 0 */
	uint64_t root_nid;
	int64_t build_seconds;
	uint32_t build_nanoseconds;
	uint32_t unsupported; /* feature bits that -EOPNOTSUPP is about */
	uint8_t block_bits;
	bool summed; /* has a checksum */
};

struct erofs_inode {
	uint64_t nid, size;
	uint32_t mode, nlink, uid, gid;
	uint32_t major, minor; /* device nodes */
	int64_t mtime_seconds;
	uint32_t mtime_nanoseconds;
	uint32_t layout;   /* private from here */
	uint32_t location; /* first block; or the format of chunks */
	uint64_t behind;   /* offset of what follows the inode and its attributes */
};

/** Bytes of a file that lie together. */
struct erofs_run {
	const void *data; /* NULL: a hole, or an image that is not in memory */
	uint64_t offset;  /* in the image; EROFS_HOLE: zeros */
	uint64_t bytes;
};
#define EROFS_HOLE UINT64_MAX

struct erofs_dirent {
	uint64_t nid;
	const char *name; /* not NUL-terminated */
	size_t length;    /* 1 to 255 */
	unsigned
		type; /* EROFS_FT_* = Linux's FT_*: 1 file, 2 directory, 3 chr, 4 blk, 5 fifo, 6 socket, 7 link */
};

/** -EINVAL: not an EROFS image; -EUCLEAN: a corrupt or truncated one; -EOPNOTSUPP: see `unsupported`. */
int must_check erofs_open(struct erofs *fs, const void *image, uint64_t bytes);
/** The same of an image of `bytes` behind a source, which lives as long as it. */
int must_check erofs_open_source(struct erofs *fs, const struct erofs_source *source,
				 uint64_t bytes);

/** Checks the superblock's block against its checksum, if it has one; 3 KiB to be summed. -EUCLEAN. */
int must_check erofs_verify(const struct erofs *fs);

int must_check erofs_load(const struct erofs *fs, uint64_t nid, struct erofs_inode *out);

/** What lies at `offset` < inode->size, up to where it is interrupted. */
int must_check erofs_map(const struct erofs *fs, const struct erofs_inode *inode, uint64_t offset,
			 struct erofs_run *out);

/** Copies; the count is short at the file's end only. */
ssize_t must_check erofs_read(const struct erofs *fs, const struct erofs_inode *inode,
			      uint64_t offset, void *buffer, size_t bytes);

/** -ENOENT; -ENOTDIR. */
int must_check erofs_lookup(const struct erofs *fs, const struct erofs_inode *dir, const char *name,
			    size_t length, struct erofs_dirent *out);

/** A block of an image, which stays for ever. */
int must_check erofs_block(const struct erofs *fs, uint64_t offset, size_t bytes, const void **out);

/** The entry ("." and ".." included) at *position, 0 at first, which is moved on. -ENOENT: no more. Positions are below
 * 2^60, and any value is safe. */
int must_check erofs_entry(const struct erofs *fs, const struct erofs_inode *dir,
			   uint64_t *position, struct erofs_dirent *out);
