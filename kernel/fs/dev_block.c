/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Disks and partitions as files: /dev/vda, /dev/vda1. Reads and writes go through the device's cache, O_DIRECT ones too. Requests
 * of ioctl(2) as in Linux's linux/fs.h.
 */
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <fs/block_cache.h>
#include <hal/user.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "internal.h"

enum blk_request {
	BLKROGET = 0x125e,
	BLKRRPART = 0x125f,
	BLKGETSIZE = 0x1260,
	BLKFLSBUF = 0x1261,
	BLKRAGET = 0x1263,
	BLKSSZGET = 0x1268,
	BLKDISCARD = 0x1277,
	BLKIOMIN = 0x1278,
	BLKIOOPT = 0x1279,
	BLKALIGNOFF = 0x127a,
	BLKPBSZGET = 0x127b,
	BLKDISCARDZEROES = 0x127c,
	BLKROTATIONAL = 0x127e,
	BLKZEROOUT = 0x127f,
};
#define BLKBSZGET 0x80081270u
#define BLKGETSIZE64 0x80081272u

enum { ZERO_BYTES = 64 << 10, SECTOR_SHIFT = 9, READ_AHEAD_SECTORS = 256 };

/** The device by its number; NULL: none. */
static struct block_dev *device_of(uint64_t rdev)
{
	for (struct block_dev *dev = block_next(NULL); dev; dev = block_next(dev))
		if (block_device_number(dev) == rdev)
			return dev;
	return NULL;
}

uint64_t block_device_number(const struct block_dev *dev)
{
	return DEVICE(MAJOR_VIRTBLK, dev->disk * BLOCK_MINORS + dev->partition);
}

static struct block_cache *cache_of(const struct file *file)
{
	return file->private;
}

static struct block_dev *dev_of(const struct file *file)
{
	return block_cache_device(file->private);
}

static uint64_t size_of(const struct file *file)
{
	return __atomic_load_n(&dev_of(file)->bytes, __ATOMIC_ACQUIRE);
}

/* Reading and writing */

static ssize_t read_page(struct file *file, struct uio *uio, uint64_t at, size_t bytes)
{
	struct page *page;
	ssize_t count;
	int error = block_cache_get(cache_of(file), at >> PAGE_SHIFT, BLOCK_CACHE_DETECT, &page);

	if (error)
		return error;
	count = uio_put(uio, (char *)page_virt(page) + at % PAGE_SIZE, bytes);
	page_put(page);
	return count;
}

static ssize_t read_block(struct file *file, struct uio *uio, uint64_t *position)
{
	uint64_t size = size_of(file);
	ssize_t count = 0, total = 0;

	while (uio->left && *position < size) {
		size_t bytes = min(uio->left, PAGE_SIZE - *position % PAGE_SIZE);

		count = read_page(file, uio, *position, min((uint64_t)bytes, size - *position));
		if (count <= 0)
			break;
		*position += (uint64_t)count;
		total += count;
	}
	return total ? total : count;
}

static ssize_t fill_from_program(void *context, void *to, size_t bytes)
{
	return uio_get(context, to, bytes);
}

static bool is_synchronous(const struct file *file)
{
	return file->flags & (O_DSYNC | O_SYNC);
}

static ssize_t write_block(struct file *file, struct uio *uio, uint64_t *position)
{
	uint64_t size = size_of(file);
	ssize_t count;
	int error = 0;

	if (*position >= size)
		return uio->left ? -ENOSPC : 0;
	count = block_cache_write(cache_of(file), *position, min(uio->left, size - *position),
				  fill_from_program, uio);
	if (count > 0) {
		*position += (uint64_t)count;
		error = is_synchronous(file) ? block_cache_sync(cache_of(file)) : 0;
	}
	return error ? error : count;
}

static int64_t seek_block(struct file *file, int64_t offset, int whence)
{
	uint64_t size = size_of(file);

	switch (whence) {
	case FILE_SEEK_CUR:
		return add_overflows((int64_t)file->position, offset, &offset) ? -EOVERFLOW
									       : offset;
	case FILE_SEEK_END:
		return add_overflows((int64_t)size, offset, &offset) ? -EOVERFLOW : offset;
	case FILE_SEEK_DATA:
	case FILE_SEEK_HOLE:
		if (offset < 0 || (uint64_t)offset >= size)
			return -ENXIO;
		return whence == FILE_SEEK_DATA ? offset : (int64_t)size;
	default:
		return offset;
	}
}

static int sync_block(struct file *file, bool data_only)
{
	(void)data_only;
	return block_cache_sync(cache_of(file));
}

static int map_block(struct file *file, unsigned prot, unsigned area_flags, struct vm_object **out)
{
	(void)prot;
	(void)area_flags;
	*out = block_cache_object(cache_of(file)); /* lives for ever: no reference is counted */
	return 0;
}

/* Discarding, zeroing */

static int write_zeros(struct block_dev *dev, uint64_t offset, uint64_t bytes)
{
	int error = block_transfer(dev, BLOCK_WRITE_ZEROES, offset, NULL, bytes);
	void *zeros;

	if (error != -EOPNOTSUPP)
		return error;
	zeros = mem_zalloc(ZERO_BYTES);
	if (!zeros)
		return -ENOMEM;
	for (error = 0; bytes && !error;) {
		uint64_t step = min(bytes, (uint64_t)ZERO_BYTES);

		error = block_transfer(dev, BLOCK_WRITE, offset, zeros, step);
		offset += step;
		bytes -= step;
	}
	mem_free(zeros);
	return error;
}

/** What a change behind the cache's back needs: a good range, nothing left in the cache. */
static int prepare_range(struct file *file, uint64_t offset, uint64_t bytes)
{
	struct block_dev *dev = dev_of(file);

	if (!file_may_write(file))
		return -EBADF;
	if (!is_aligned(offset | bytes, dev->block_bytes) || !bytes ||
	    !range_fits(offset, bytes, size_of(file)))
		return -EINVAL;
	if (dev->flags & BLOCK_READ_ONLY)
		return -EROFS;
	return block_cache_drop(cache_of(file), offset >> PAGE_SHIFT,
				(offset + bytes + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

static int change_range(struct file *file, enum block_op op, uint64_t offset, uint64_t bytes)
{
	int error = prepare_range(file, offset, bytes);

	if (error)
		return error;
	if (op == BLOCK_DISCARD)
		return block_transfer(dev_of(file), BLOCK_DISCARD, offset, NULL, bytes);
	return write_zeros(dev_of(file), offset, bytes);
}

static int fallocate_block(struct file *file, int mode, uint64_t offset, uint64_t bytes)
{
	if (!(mode & (FALLOCATE_PUNCH_HOLE | FALLOCATE_ZERO_RANGE)))
		return -EOPNOTSUPP;
	return change_range(file, BLOCK_WRITE_ZEROES, offset, bytes);
}

/* ioctl(2) */

static long put_int(uintptr_t arg, int value)
{
	return user_write(arg, &value, sizeof(value));
}

static long put_long(uintptr_t arg, uint64_t value)
{
	return user_write(arg, &value, sizeof(value));
}

static long ioctl_range(struct file *file, enum block_op op, uintptr_t arg)
{
	uint64_t range[2];
	int error = user_read(range, arg, sizeof(range));

	return error ? error : change_range(file, op, range[0], range[1]);
}

static long ioctl_block(struct file *file, unsigned cmd, uintptr_t arg)
{
	const struct block_dev *dev = dev_of(file);

	switch (cmd) {
	case BLKGETSIZE64:
		return put_long(arg, size_of(file));
	case BLKGETSIZE:
		return put_long(arg, size_of(file) >> SECTOR_SHIFT);
	case BLKBSZGET:
		return put_int(arg, PAGE_SIZE);
	case BLKSSZGET:
	case BLKPBSZGET:
	case BLKIOMIN:
		return put_int(arg, (int)dev->block_bytes);
	case BLKROGET:
		return put_int(arg, !!(dev->flags & BLOCK_READ_ONLY));
	case BLKRAGET:
		return put_long(arg, READ_AHEAD_SECTORS);
	case BLKIOOPT:
	case BLKALIGNOFF:
	case BLKDISCARDZEROES:
		return put_int(arg, 0);
	case BLKROTATIONAL:
		return user_write(arg, &(uint16_t){ 0 }, sizeof(uint16_t));
	case BLKFLSBUF:
		return block_cache_drop(cache_of(file), 0, UINT64_MAX);
	case BLKDISCARD:
		return ioctl_range(file, BLOCK_DISCARD, arg);
	case BLKZEROOUT:
		return ioctl_range(file, BLOCK_WRITE_ZEROES, arg);
	case BLKRRPART:
		return dev->partition ? -EINVAL : 0;
	default:
		return -ENOTTY;
	}
}

static const struct file_ops block_ops = {
	.read = read_block,
	.write = write_block,
	.seek = seek_block,
	.ioctl = ioctl_block,
	.map = map_block,
	.sync = sync_block,
	.fallocate = fallocate_block,
};

int block_device_open(struct inode *inode, struct file *file)
{
	struct block_cache *cache;
	struct inode_attr attr;
	struct block_dev *dev;
	int error = inode_getattr(inode, &attr);

	if (error)
		return error;
	dev = device_of(attr.rdev);
	if (!dev)
		return -ENXIO;
	if (file_may_write(file) && (dev->flags & BLOCK_READ_ONLY))
		return -EROFS;
	error = block_cache_of(dev, &cache);
	if (error)
		return error;
	file->ops = &block_ops;
	file->private = cache;
	return 0;
}
