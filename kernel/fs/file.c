/* SPDX-License-Identifier: BSD-3-Clause */
/* Open files: references, checks, positions. Thread context. */
#include <fs/file.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <fs/lock.h>
#include <fs/notify.h>
#include <mm/alloc.h>
#include <mm/space.h>

#include "internal.h"

/* O_PATH: nothing can be done with it. */
static const struct file_ops path_only_ops = {};

static struct file *create(unsigned flags)
{
	enum { CREATION = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC };
	struct file *file = mem_zalloc(sizeof *file);

	if (!file)
		return NULL;
	file->refs = 1;
	file->flags = flags & ~((unsigned)CREATION | FILE_NO_WRITER);
	mutex_init(&file->position_lock);
	list_init(&file->watches);
	return file;
}

struct file *file_create(const struct file_ops *ops, unsigned flags, void *private)
{
	struct file *file = create(flags);

	if (!file)
		return NULL;
	file->ops = ops;
	file->private = private;
	return file;
}

static int open_ops(struct inode *inode, struct file *file)
{
	if (file->flags & O_PATH) {
		file->ops = &path_only_ops;
		return 0;
	}
	if (inode->ops->open)
		return inode->ops->open(inode, file);
	switch (inode->mode & S_IFMT) {
	case S_IFDIR:
		file->ops = &dir_file_ops;
		return 0;
	case S_IFCHR:
		return device_open(inode, file);
	case S_IFBLK:
		return block_device_open(inode, file);
	case S_IFIFO:
		return pipe_open(inode, file);
	case S_IFLNK:
		return -ELOOP;
	default:
		return -ENXIO; /* sockets */
	}
}

/* Adds `step` to the inode's count of writers unless it counts the contrary. */
static bool count_writer(struct inode *inode, int32_t step)
{
	int32_t count = __atomic_load_n(&inode->writers, __ATOMIC_RELAXED);

	do {
		if (step > 0 ? count < 0 : count > 0)
			return false;
	} while (!__atomic_compare_exchange_n(&inode->writers, &count, count + step, true,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return true;
}

static void uncount_writer(struct file *file)
{
	if (file->writes)
		__atomic_fetch_sub(&file->inode->writers, 1, __ATOMIC_RELEASE);
	if (file->denies_write)
		__atomic_fetch_add(&file->inode->writers, 1, __ATOMIC_RELEASE);
}

int file_open_inode(struct inode *inode, unsigned flags, struct file **out)
{
	struct file *file = create(flags);
	int error = 0;

	if (!file)
		return -ENOMEM;
	file->inode = inode;
	if (file_may_write(file) && (inode->mode & S_IFMT) == S_IFREG &&
	    !(flags & FILE_NO_WRITER)) {
		file->writes = count_writer(inode, 1);
		error = file->writes ? 0 : -ETXTBSY;
	}
	if (!error)
		error = open_ops(inode, file);
	if (error) {
		uncount_writer(file);
		mem_free(file);
		return error;
	}
	inode_get(inode);
	*out = file;
	return 0;
}

int file_deny_write(struct file *file)
{
	if (!file->denies_write)
		file->denies_write = count_writer(file->inode, -1);
	return file->denies_write ? 0 : -ETXTBSY;
}

struct file *file_get(struct file *file)
{
	uint32_t before = __atomic_fetch_add(&file->refs, 1, __ATOMIC_RELAXED);

	assert(before);
	return file;
}

void file_put(struct file *file)
{
	if (!file || __atomic_sub_fetch(&file->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (file->unwatch)
		file->unwatch(file);
	if (file->ops->release)
		file->ops->release(file);
	uncount_writer(file);
	if (file->inode && unlikely(file->inode->locks))
		file_locks_drop(file->inode, file);
	if (!(file->flags & O_PATH))
		notify_inode(file->inode,
			     file_may_write(file) ? NOTIFY_CLOSE_WRITE : NOTIFY_CLOSE_NOWRITE);
	inode_put(file->inode);
	mem_free(file->path);
	mem_free(file);
}

typedef ssize_t transfer_fn(struct file *file, struct uio *uio, uint64_t *position);

/* Whether a transfer ends at a position that a file can have. */
static bool is_in_range(const struct uio *uio, uint64_t position)
{
	return range_fits(position, uio->left, INT64_MAX);
}

/* Only what can be positioned is serialised: a stream may block for ever, and others use it meanwhile. */
static ssize_t transfer(struct file *file, struct uio *uio, transfer_fn *fn)
{
	ssize_t count;

	if (!fn)
		return -EINVAL;
	if (file->flags & O_NONBLOCK)
		uio->nonblocking = true;
	if (!file->ops->seek)
		return fn(file, uio, &file->position);
	mutex_lock(&file->position_lock);
	count = is_in_range(uio, file->position) ? fn(file, uio, &file->position) : -EINVAL;
	mutex_unlock(&file->position_lock);
	return count;
}

static ssize_t told(struct file *file, ssize_t count, unsigned mask)
{
	if (count > 0)
		notify_inode(file->inode, mask);
	return count;
}

ssize_t file_read(struct file *file, struct uio *uio)
{
	if (!file_may_read(file))
		return -EBADF;
	return told(file, transfer(file, uio, file->ops->read), NOTIFY_ACCESS);
}

ssize_t file_write(struct file *file, struct uio *uio)
{
	if (!file_may_write(file))
		return -EBADF;
	return told(file, transfer(file, uio, file->ops->write), NOTIFY_MODIFY);
}

static ssize_t transfer_at(struct file *file, struct uio *uio, uint64_t position, transfer_fn *fn)
{
	if (!file->ops->seek && !(file->inode && (file->inode->mode & S_IFMT) == S_IFDIR))
		return -ESPIPE;
	if (!is_in_range(uio, position))
		return -EINVAL;
	return fn ? fn(file, uio, &position) : -EINVAL;
}

ssize_t file_read_at(struct file *file, struct uio *uio, uint64_t position)
{
	if (!file_may_read(file))
		return -EBADF;
	return told(file, transfer_at(file, uio, position, file->ops->read), NOTIFY_ACCESS);
}

ssize_t file_write_at(struct file *file, struct uio *uio, uint64_t position)
{
	if (!file_may_write(file))
		return -EBADF;
	return told(file, transfer_at(file, uio, position, file->ops->write), NOTIFY_MODIFY);
}

int file_getattr(struct file *file, struct inode_attr *out)
{
	if (file->ops->getattr)
		return file->ops->getattr(file, out);
	if (file->inode)
		return inode_getattr(file->inode, out);
	*out = (struct inode_attr){ .mode = 0600, .nlink = 1 }; /* as Linux's anon_inode */
	return 0;
}

int64_t file_seek(struct file *file, int64_t offset, int whence)
{
	int64_t position;

	if (file->flags & O_PATH)
		return -EBADF;
	if (!file->ops->seek)
		return -ESPIPE;
	if (whence < FILE_SEEK_SET || whence > FILE_SEEK_HOLE)
		return -EINVAL;
	if (whence == FILE_SEEK_SET && offset < 0)
		return -EINVAL;
	mutex_lock(&file->position_lock);
	position = file->ops->seek(file, offset, whence);
	if (position < 0 && (whence == FILE_SEEK_CUR || whence == FILE_SEEK_END) &&
	    position != -EOVERFLOW && position != -EISDIR)
		position = -EINVAL; /* before the start */
	if (position >= 0)
		file->position = (uint64_t)position;
	mutex_unlock(&file->position_lock);
	return position;
}

int file_iterate(struct file *file, struct dir_sink *sink)
{
	int error;

	if (file->flags & O_PATH)
		return -EBADF;
	if (!file->ops->iterate)
		return -ENOTDIR;
	mutex_lock(&file->position_lock);
	error = file->ops->iterate(file, sink);
	mutex_unlock(&file->position_lock);
	if (!error)
		notify_inode(file->inode, NOTIFY_ACCESS);
	return error;
}

long file_ioctl(struct file *file, unsigned cmd, uintptr_t arg)
{
	if (file->flags & O_PATH)
		return -EBADF;
	return file->ops->ioctl ? file->ops->ioctl(file, cmd, arg) : -ENOTTY;
}

unsigned file_poll(struct file *file, struct waitq **queue)
{
	*queue = NULL;
	if (file->flags & O_PATH)
		return POLLNVAL;
	if (file->ops->poll)
		return file->ops->poll(file, queue);
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

int file_truncate(struct file *file, uint64_t size)
{
	if (file->flags & O_PATH)
		return -EBADF;
	if (!file_may_write(file) || size > INT64_MAX || !file->ops->truncate)
		return -EINVAL;
	int error = file->ops->truncate(file, size);
	if (!error)
		notify_inode(file->inode, NOTIFY_MODIFY);
	return error;
}

/* Checks in the order of Linux's fs/open.c, vfs_fallocate(). */
static int check_fallocate(const struct file *file, int mode, uint64_t offset, uint64_t bytes)
{
	enum { KNOWN = FALLOCATE_KEEP_SIZE | FALLOCATE_PUNCH_HOLE | FALLOCATE_ZERO_RANGE };
	uint32_t type = file->inode ? file->inode->mode & S_IFMT : 0;
	uint64_t end;

	if (offset > INT64_MAX || bytes > INT64_MAX || !bytes)
		return -EINVAL;
	if (mode & ~KNOWN || (mode & FALLOCATE_PUNCH_HOLE && !(mode & FALLOCATE_KEEP_SIZE)) ||
	    (mode & FALLOCATE_PUNCH_HOLE && mode & FALLOCATE_ZERO_RANGE))
		return -EOPNOTSUPP;
	if (!file_may_write(file))
		return -EBADF;
	if (type == S_IFIFO)
		return -ESPIPE;
	if (type == S_IFDIR)
		return -EISDIR;
	if (type != S_IFREG && type != S_IFBLK)
		return -ENODEV;
	if (add_overflows(offset, bytes, &end) || end > INT64_MAX)
		return -EFBIG;
	return file->ops->fallocate ? 0 : -EOPNOTSUPP;
}

int file_fallocate(struct file *file, int mode, uint64_t offset, uint64_t bytes)
{
	int error = check_fallocate(file, mode, offset, bytes);

	if (!error)
		error = file->ops->fallocate(file, mode, offset, bytes);
	if (!error)
		notify_inode(file->inode, NOTIFY_MODIFY);
	return error;
}

int file_sync(struct file *file, bool data_only)
{
	if (file->flags & O_PATH)
		return -EBADF;
	if (file->ops->sync)
		return file->ops->sync(file, data_only);
	return file->ops->seek || !file->inode || (file->inode->mode & S_IFMT) == S_IFDIR ? 0
											  : -EINVAL;
}

int file_map(struct file *file, unsigned prot, unsigned area_flags, struct vm_object **out)
{
	struct inode *inode = file->inode;

	if (file->flags & O_PATH)
		return -EBADF;
	if (!file_may_read(file))
		return -EACCES;
	if (area_flags & AREA_SHARED && prot & SPACE_WRITE && !file_may_write(file))
		return -EACCES;
	if (file->ops->map)
		return file->ops->map(file, prot, area_flags, out);
	if (!inode || !inode->pages.ops)
		return -ENODEV;
	inode->pages.ops->get(&inode->pages);
	*out = &inode->pages;
	return 0;
}
