/* SPDX-License-Identifier: BSD-3-Clause */
/* EROFS: superblock, inodes, and where their data lies. Directories are in dir.c. Any context. */
#include <lib/erofs.h>

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <lib/crc32c.h>

#include <lib/erofs_format.h>

enum {
	BLOCK_BITS_MIN = 9,
	BLOCK_BITS_MAX = 12,
	MODE_TYPE = 0170000,
	MODE_CHR = 0020000,
	MODE_BLK = 0060000
};

/** The range, where it lies or in `scratch`, which has room for it. */
static int fetch(const struct erofs *fs, uint64_t offset, size_t bytes, void *scratch,
		 const void **out)
{
	if (!range_fits(offset, bytes, fs->bytes))
		return -EUCLEAN;
	*out = fs->image ? fs->image + offset : scratch;
	return fs->image ? 0 : fs->source->read(fs->source->context, offset, scratch, bytes);
}

int erofs_block(const struct erofs *fs, uint64_t offset, size_t bytes, const void **out)
{
	if (!range_fits(offset, bytes, fs->bytes))
		return -EUCLEAN;
	if (!fs->image)
		return fs->source->block(fs->source->context, offset, bytes, out);
	*out = fs->image + offset;
	return 0;
}

/* The range as a run. */
static int run_at(const struct erofs *fs, uint64_t offset, uint64_t bytes, struct erofs_run *out)
{
	if (!range_fits(offset, bytes, fs->bytes))
		return -EUCLEAN;
	*out = (struct erofs_run){ .data = fs->image ? fs->image + offset : NULL,
				   .offset = offset,
				   .bytes = bytes };
	return 0;
}

static int open_super(struct erofs *fs)
{
	struct erofs_super_block scratch;
	const struct erofs_super_block *super;
	const void *at;
	int error = fetch(fs, EROFS_SUPER_OFFSET, sizeof scratch, &scratch, &at);

	if (error)
		return error == -EUCLEAN ? -EINVAL : error;
	super = at;
	if (le32_get(super->magic) != (uint32_t)EROFS_SUPER_MAGIC)
		return -EINVAL;
	fs->unsupported = le32_get(super->feature_incompat) & ~(uint32_t)EROFS_ALL_FEATURE_INCOMPAT;
	if (fs->unsupported)
		return -EOPNOTSUPP;
	fs->block_bits = super->blkszbits;
	if (fs->block_bits < BLOCK_BITS_MIN || fs->block_bits > BLOCK_BITS_MAX || super->dirblkbits)
		return -EOPNOTSUPP;
	if ((uint64_t)le32_get(super->blocks) << fs->block_bits > fs->bytes)
		return -EUCLEAN;
	fs->meta = (uint64_t)le32_get(super->meta_blkaddr) << fs->block_bits;
	fs->root_nid = le16_get(super->root_nid);
	fs->build_seconds = (int64_t)le64_get(super->build_time);
	fs->build_nanoseconds = le32_get(super->build_time_nsec) % 1000000000;
	fs->summed = le32_get(super->feature_compat) & EROFS_FEATURE_COMPAT_SB_CHKSUM;
	return 0;
}

int erofs_open(struct erofs *fs, const void *image, uint64_t bytes)
{
	*fs = (struct erofs){ .image = image, .bytes = bytes };
	return open_super(fs);
}

int erofs_open_source(struct erofs *fs, const struct erofs_source *source, uint64_t bytes)
{
	*fs = (struct erofs){ .source = source, .bytes = bytes };
	return open_super(fs);
}

int erofs_verify(const struct erofs *fs)
{
	static const uint8_t no_checksum[sizeof(le32_t)];
	const size_t before = offsetof(struct erofs_super_block, feature_compat);
	size_t bytes = (size_t)1 << fs->block_bits;
	const struct erofs_super_block *super;
	const void *at;
	uint32_t crc;
	int error;

	if (!fs->summed)
		return 0;
	if (bytes > EROFS_SUPER_OFFSET)
		bytes -= EROFS_SUPER_OFFSET; /* to the end of the block it lies in */
	error = erofs_block(fs, EROFS_SUPER_OFFSET, bytes, &at);
	if (error)
		return error;
	super = at;
	crc = crc32c(UINT32_MAX, super, offsetof(struct erofs_super_block, checksum));
	crc = crc32c(crc, no_checksum, sizeof no_checksum);
	crc = crc32c(crc, (const uint8_t *)super + before, bytes - before);
	return crc == le32_get(super->checksum) ? 0 : -EUCLEAN;
}

static size_t load_compact(const struct erofs *fs, const struct erofs_inode_compact *disk,
			   struct erofs_inode *out)
{
	out->mode = le16_get(disk->i_mode);
	out->nlink = le16_get(disk->i_nlink);
	out->size = le32_get(disk->i_size);
	out->location = le32_get(disk->i_u);
	out->uid = le16_get(disk->i_uid);
	out->gid = le16_get(disk->i_gid);
	out->mtime_seconds = fs->build_seconds;
	out->mtime_nanoseconds = fs->build_nanoseconds;
	return sizeof *disk;
}

static size_t load_extended(const struct erofs_inode_extended *disk, struct erofs_inode *out)
{
	out->mode = le16_get(disk->i_mode);
	out->nlink = le32_get(disk->i_nlink);
	out->size = le64_get(disk->i_size);
	out->location = le32_get(disk->i_u);
	out->uid = le32_get(disk->i_uid);
	out->gid = le32_get(disk->i_gid);
	out->mtime_seconds = (int64_t)le64_get(disk->i_mtime);
	out->mtime_nanoseconds = le32_get(disk->i_mtime_nsec) % 1000000000;
	return sizeof *disk;
}

static int check_layout(const struct erofs_inode *inode)
{
	if (inode->size > INT64_MAX)
		return -EUCLEAN;
	switch (inode->layout) {
	case EROFS_INODE_FLAT_PLAIN:
	case EROFS_INODE_FLAT_INLINE:
		return 0;
	case EROFS_INODE_CHUNK_BASED:
		return inode->location & ~(uint32_t)EROFS_CHUNK_FORMAT_ALL ? -EOPNOTSUPP : 0;
	default:
		return -EOPNOTSUPP;
	}
}

int erofs_load(const struct erofs *fs, uint64_t nid, struct erofs_inode *out)
{
	uint64_t offset = fs->meta + (nid << EROFS_ISLOTBITS);
	struct erofs_inode_extended scratch;
	const struct erofs_inode_compact *compact;
	unsigned format, attributes;
	const void *at;
	int error;

	if (nid > fs->bytes >> EROFS_ISLOTBITS) /* the shift could lose bits */
		return -EUCLEAN;
	error = fetch(fs, offset, sizeof *compact, &scratch, &at);
	if (error)
		return error;
	compact = at;
	format = le16_get(compact->i_format);
	attributes = le16_get(compact->i_xattr_icount);
	if (format & ~EROFS_I_ALL)
		return -EOPNOTSUPP;
	out->nid = nid;
	out->layout = (format >> EROFS_I_DATALAYOUT_SHIFT) & EROFS_I_DATALAYOUT_MASK;
	if (format & EROFS_I_VERSION_EXTENDED) {
		error = fetch(fs, offset, sizeof scratch, &scratch, &at);
		if (error)
			return error;
		offset += load_extended(at, out);
	} else {
		offset += load_compact(fs, compact, out);
	}
	if (attributes)
		offset += EROFS_XATTR_IBODY_HEADER + EROFS_XATTR_ENTRY * (attributes - 1);
	out->behind = offset;
	out->major = out->minor = 0;
	if ((out->mode & MODE_TYPE) == MODE_CHR || (out->mode & MODE_TYPE) == MODE_BLK) {
		out->major = (out->location >> 8) & 0xfff; /* Linux's new_decode_dev() */
		out->minor = (out->location & 0xff) | ((out->location >> 12) & 0xfff00);
		out->size = 0;
	}
	return check_layout(out);
}

/* All blocks lie together, but for the last one of an inline inode, which lies behind it, in the inode's block. */
static int map_flat(const struct erofs *fs, const struct erofs_inode *inode, uint64_t offset,
		    struct erofs_run *out)
{
	uint64_t block = (uint64_t)1 << fs->block_bits, tail = inode->size;
	uint64_t start = (uint64_t)inode->location << fs->block_bits;

	if (inode->layout == EROFS_INODE_FLAT_INLINE)
		tail = align_down(inode->size - 1, block);
	if (offset < tail)
		return add_overflows(start, offset, &start) ? -EUCLEAN
							    : run_at(fs, start, tail - offset, out);
	if ((inode->behind & (block - 1)) + (inode->size - tail) > block)
		return -EUCLEAN;
	return run_at(fs, inode->behind + (offset - tail), inode->size - offset, out);
}

static int map_chunk(const struct erofs *fs, const struct erofs_inode *inode, uint64_t offset,
		     struct erofs_run *out)
{
	unsigned bits = fs->block_bits + (inode->location & EROFS_CHUNK_FORMAT_BLKBITS_MASK);
	bool indexed = inode->location & EROFS_CHUNK_FORMAT_INDEXES;
	uint64_t unit = indexed ? sizeof(struct erofs_inode_chunk_index) : sizeof(le32_t);
	uint64_t within = offset & (((uint64_t)1 << bits) - 1), number = offset >> bits;
	uint64_t left = min(((uint64_t)1 << bits) - within, inode->size - offset);
	struct erofs_inode_chunk_index scratch;
	const struct erofs_inode_chunk_index *index;
	const void *slot;
	uint32_t block;
	int error;

	if (number > fs->bytes)
		return -EUCLEAN;
	error = fetch(fs, align_up(inode->behind, unit) + unit * number, unit, &scratch, &slot);
	if (error)
		return error;
	if (indexed) {
		index = slot;
		if (le16_get(index->device_id))
			return -EOPNOTSUPP;
		block = le32_get(index->blkaddr);
	} else {
		memcpy(&block, slot, sizeof block);
	}
	if (block != EROFS_NULL_ADDR)
		return run_at(fs, ((uint64_t)block << fs->block_bits) + within, left, out);
	*out = (struct erofs_run){ .offset = EROFS_HOLE, .bytes = left };
	return 0;
}

int erofs_map(const struct erofs *fs, const struct erofs_inode *inode, uint64_t offset,
	      struct erofs_run *out)
{
	if (offset >= inode->size)
		return -EINVAL;
	if (inode->layout == EROFS_INODE_CHUNK_BASED)
		return map_chunk(fs, inode, offset, out);
	return map_flat(fs, inode, offset, out);
}

static int copy_run(const struct erofs *fs, const struct erofs_run *run, void *to)
{
	if (run->offset == EROFS_HOLE)
		memset(to, 0, run->bytes);
	else if (run->data)
		memcpy(to, run->data, run->bytes);
	else
		return fs->source->read(fs->source->context, run->offset, to, run->bytes);
	return 0;
}

ssize_t erofs_read(const struct erofs *fs, const struct erofs_inode *inode, uint64_t offset,
		   void *buffer, size_t bytes)
{
	uint8_t *to = buffer;
	struct erofs_run run;
	int error;

	while (bytes && offset < inode->size) {
		error = erofs_map(fs, inode, offset, &run);
		run.bytes = min(run.bytes, (uint64_t)bytes);
		if (!error)
			error = copy_run(fs, &run, to);
		if (error)
			return error;
		to += run.bytes;
		offset += run.bytes;
		bytes -= run.bytes;
	}
	return to - (uint8_t *)buffer;
}
