/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory devices (mem(4), full(4), random(4)), found by their numbers wherever their nodes are. Thread context. */
#include <base/bits.h>
#include <base/errno.h>
#include <core/random.h>
#include <fs/root.h>
#include <hal/user.h>
#include <mm/space.h>

#include "internal.h"

/* Numbers as in Linux's admin-guide/devices.txt */
enum { MAJOR_MEMORY = 1, MAJOR_TTY = 5 };
enum { MINOR_NULL = 3, MINOR_ZERO = 5, MINOR_FULL = 7, MINOR_RANDOM = 8, MINOR_URANDOM = 9 };

static ssize_t read_nothing(struct file *file, struct uio *uio, uint64_t *position)
{
	(void)file;
	(void)uio;
	(void)position;
	return 0;
}

static ssize_t read_zeros(struct file *file, struct uio *uio, uint64_t *position)
{
	(void)file;
	(void)position;
	return uio_put_zeros(uio, uio->left);
}

static ssize_t read_random(struct file *file, struct uio *uio, uint64_t *position)
{
	uint8_t bytes[256];
	ssize_t count = 0, total = 0;

	(void)file;
	(void)position;
	while (uio->left && count >= 0) {
		const struct uio before = *uio;
		size_t step = min(uio->left, sizeof bytes);
		unsigned renewals = random_renewals();

		random_bytes(bytes, step);
		count = uio_put(uio, bytes, step);
		/* Another machine that went on from here has the same ones: so once more. */
		if (renewals != random_renewals())
			*uio = before;
		else
			total += max(count, (ssize_t)0);
	}
	return total ? total : count;
}

static ssize_t write_nowhere(struct file *file, struct uio *uio, uint64_t *position)
{
	(void)file;
	(void)position;
	return (ssize_t)uio->left;
}

static ssize_t write_full(struct file *file, struct uio *uio, uint64_t *position)
{
	(void)file;
	(void)uio;
	(void)position;
	return -ENOSPC;
}

static ssize_t write_random(struct file *file, struct uio *uio, uint64_t *position)
{
	uint8_t bytes[256];
	ssize_t count = 0, total = 0;

	(void)file;
	(void)position;
	while (uio->left && count >= 0) {
		count = uio_get(uio, bytes, min(uio->left, sizeof bytes));
		if (count > 0)
			random_add(bytes, (size_t)count);
		total += max(count, (ssize_t)0);
	}
	return total ? total : count;
}

static int64_t seek_nowhere(struct file *file, int64_t offset, int whence)
{
	(void)file;
	(void)offset;
	(void)whence;
	return 0;
}

/* Private: anonymous memory. Shared: a file of its own, larger than any mapping. */
static int map_zeros(struct file *file, unsigned prot, unsigned area_flags, struct vm_object **out)
{
	struct inode *inode;
	int error;

	(void)file;
	(void)prot;
	*out = NULL;
	if (!(area_flags & AREA_SHARED))
		return 0;
	error = root_create_file(INT64_MAX, &inode);
	if (!error)
		*out = &inode->pages; /* the reference goes with it */
	return error;
}

static const struct file_ops null_ops = { .read = read_nothing,
					  .write = write_nowhere,
					  .seek = seek_nowhere };
static const struct file_ops zero_ops = {
	.read = read_zeros, .write = write_nowhere, .seek = seek_nowhere, .map = map_zeros
};
static const struct file_ops full_ops = { .read = read_zeros,
					  .write = write_full,
					  .seek = seek_nowhere };
static const struct file_ops random_ops = { .read = read_random,
					    .write = write_random,
					    .seek = seek_nowhere };

static const struct file_ops *memory_ops(uint32_t minor)
{
	switch (minor) {
	case MINOR_NULL:
		return &null_ops;
	case MINOR_ZERO:
		return &zero_ops;
	case MINOR_FULL:
		return &full_ops;
	case MINOR_RANDOM:
	case MINOR_URANDOM:
		return &random_ops;
	default:
		return NULL;
	}
}

int device_open(struct inode *inode, struct file *file)
{
	struct inode_attr attr;
	int error = inode_getattr(inode, &attr);

	if (error)
		return error;
	if (attr.rdev >> 32 == MAJOR_TTY)
		return tty_device_open(inode, file);
	if (attr.rdev >> 32 == MAJOR_MEMORY)
		file->ops = memory_ops((uint32_t)attr.rdev);
	if (attr.rdev == DEVICE(MAJOR_MISC, MINOR_VSOCK))
		file->ops = &vsock_device_ops;
	return file->ops ? 0 : -ENXIO;
}
