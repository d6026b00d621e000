/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading and writing open files: read(2), readv(2), pread(2), sendfile(2), lseek(2) and their families. */
#include <base/assert.h>
#include <base/string.h>
#include <fs/uio.h>
#include <linux/signal.h>
#include <mm/alloc.h>
#include <net/socket.h>

#include "calls.h"
#include "io.h"

enum { IOV_MAX = 1024, IOV_FEW = 8 };
enum { RWF_HIPRI = 1, RWF_DSYNC = 2, RWF_SYNC = 4, RWF_NOWAIT = 8, RWF_APPEND = 16 };

typedef ssize_t transfer_fn(struct file *file, struct uio *uio, uint64_t position);

/* What is done with the buffers, and what of it is for this call alone. */
struct transfer {
	transfer_fn *fn;
	uint64_t position;
	bool nonblocking, append;
};

static ssize_t do_read(struct file *file, struct uio *uio, uint64_t position)
{
	(void)position;
	return file_read(file, uio);
}

static ssize_t do_write(struct file *file, struct uio *uio, uint64_t position)
{
	(void)position;
	return file_write(file, uio);
}

static ssize_t do_read_at(struct file *file, struct uio *uio, uint64_t position)
{
	return file_read_at(file, uio, position);
}

static ssize_t do_write_at(struct file *file, struct uio *uio, uint64_t position)
{
	return file_write_at(file, uio, position);
}

/* The result for the program: a broken pipe is told by a signal as well. */
long finish_transfer(long result)
{
	if (result == -EPIPE)
		signal_post_process(process_current(), SIGPIPE);
	return restartable(result);
}

static bool is_regular(const struct file *file)
{
	return file->inode && (file->inode->mode & S_IFMT) == S_IFREG;
}

/* What sendfile(2) reads from: a file or a disk. */
static bool has_pages(const struct file *file)
{
	return is_regular(file) || (file->inode && (file->inode->mode & S_IFMT) == S_IFBLK);
}

/* RLIMIT_FSIZE: a write stops at the limit; one that begins there fails, and a signal says why. */
static int limit_write(struct file *file, struct uio *uio, uint64_t position)
{
	uint64_t limit = process_current()->limits[RLIMIT_FSIZE].current;
	struct inode_attr attr;

	if ((file->flags & O_APPEND || uio->append) && !file_getattr(file, &attr))
		position = attr.size;
	if (position >= limit) {
		signal_post_process(process_current(), SIGXFSZ);
		return -EFBIG;
	}
	uio->left = min(uio->left, limit - position);
	return 0;
}

static long transfer(struct file *file, const struct transfer *t,
		     const struct uio_segment *segments, unsigned count, size_t total)
{
	bool writes = t->fn == do_write || t->fn == do_write_at;
	struct uio uio;

	uio_init_user(&uio, segments, count, total);
	uio.nonblocking = t->nonblocking || file->flags & O_NONBLOCK;
	uio.append = t->append;
	if (unlikely(process_current()->limits[RLIMIT_FSIZE].current != RLIM_INFINITY) && total &&
	    writes && is_regular(file)) {
		int err = limit_write(file, &uio, t->fn == do_write ? file->position : t->position);

		if (err)
			return err;
	}

	long result = t->fn(file, &uio, t->position);
	return result == -EINTR && uio.no_restart ? result : finish_transfer(result);
}

static long one_buffer(long fd, long buffer, long bytes, transfer_fn *fn, uint64_t position)
{
	const struct uio_segment segment = {
		.base = (uintptr_t)buffer,
		.bytes = min((size_t)bytes, TRANSFER_MAX),
	};
	const struct transfer t = { .fn = fn, .position = position };
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	long result = !range_fits(segment.base, segment.bytes, USER_MAX)
			      ? -EFAULT
			      : transfer(file, &t, &segment, 1, segment.bytes);
	file_put(file);
	return result;
}

long sys_read(long fd, long buffer, long bytes)
{
	return one_buffer(fd, buffer, bytes, do_read, 0);
}

long sys_write(long fd, long buffer, long bytes)
{
	return one_buffer(fd, buffer, bytes, do_write, 0);
}

long sys_pread64(long fd, long buffer, long bytes, long position)
{
	return position < 0 ? -EINVAL
			    : one_buffer(fd, buffer, bytes, do_read_at, (uint64_t)position);
}

long sys_pwrite64(long fd, long buffer, long bytes, long position)
{
	return position < 0 ? -EINVAL
			    : one_buffer(fd, buffer, bytes, do_write_at, (uint64_t)position);
}

ssize_t user_read_vector(long vector, unsigned count, struct uio_segment *segments)
{
	size_t total = 0;

	static_assert(sizeof(struct uio_segment) == sizeof(struct linux_iovec), "both are pairs");
	if (user_read(segments, (uintptr_t)vector, count * sizeof(*segments)))
		return -EFAULT;
	for (unsigned i = 0; i < count; i++) {
		struct uio_segment *s = &segments[i];

		if ((ssize_t)s->bytes < 0)
			return -EINVAL;
		if (!range_fits(s->base, s->bytes, USER_MAX))
			return -EFAULT;
		s->bytes = min(s->bytes, TRANSFER_MAX - total);
		total += s->bytes;
	}
	return (ssize_t)total;
}

static long vectored(long fd, long vector, long count, const struct transfer *t)
{
	struct uio_segment few[IOV_FEW], *segments = few;
	struct file *file = fd_file(fd);
	long result = -EINVAL;

	if (!file)
		return -EBADF;
	if (count < 0 || count > IOV_MAX)
		goto out;
	if (count > IOV_FEW) {
		segments = mem_alloc((size_t)count * sizeof(*segments));
		result = -ENOMEM;
		if (!segments)
			goto out;
	}
	result = user_read_vector(vector, (unsigned)count, segments);
	if (result >= 0)
		result = transfer(file, t, segments, (unsigned)count, (size_t)result);
	if (segments != few)
		mem_free(segments);
out:
	file_put(file);
	return result;
}

long transfer_vector(long fd, long vector, long count, bool writes, bool nonblocking)
{
	return vectored(fd, vector, count,
			&(struct transfer){ .fn = writes ? do_write : do_read,
					    .nonblocking = nonblocking });
}

long sys_readv(long fd, long vector, long count)
{
	return vectored(fd, vector, count, &(struct transfer){ .fn = do_read });
}

long sys_writev(long fd, long vector, long count)
{
	return vectored(fd, vector, count, &(struct transfer){ .fn = do_write });
}

/* The calls with a position take it as two halves, of which the first holds all 64 bits here. */
long sys_preadv(long fd, long vector, long count, long position)
{
	const struct transfer t = { .fn = do_read_at, .position = (uint64_t)position };

	return position < 0 ? -EINVAL : vectored(fd, vector, count, &t);
}

long sys_pwritev(long fd, long vector, long count, long position)
{
	const struct transfer t = { .fn = do_write_at, .position = (uint64_t)position };

	return position < 0 ? -EINVAL : vectored(fd, vector, count, &t);
}

/* All data is in memory: the flags about waiting for a disk change nothing. */
static int check_flags(long position, unsigned flags, bool write)
{
	const unsigned known = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT |
			       (write ? RWF_APPEND : 0);

	if (position < -1)
		return -EINVAL;
	return flags & ~known ? -EOPNOTSUPP : 0;
}

long sys_preadv2(long fd, long vector, long count, long position, long high, long flags)
{
	const struct transfer t = { .fn = position == -1 ? do_read : do_read_at,
				    .position = (uint64_t)position,
				    .nonblocking = flags & RWF_NOWAIT };
	int err = check_flags(position, (unsigned)flags, false);

	(void)high;
	return err ? err : vectored(fd, vector, count, &t);
}

long sys_pwritev2(long fd, long vector, long count, long position, long high, long flags)
{
	const struct transfer t = { .fn = position == -1 ? do_write : do_write_at,
				    .position = (uint64_t)position,
				    .nonblocking = flags & RWF_NOWAIT,
				    .append = flags & RWF_APPEND };
	int err = check_flags(position, (unsigned)flags, true);

	(void)high;
	return err ? err : vectored(fd, vector, count, &t);
}

long sys_lseek(long fd, long offset, long whence)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	int64_t result = file_seek(file, offset, (int)whence);
	file_put(file);
	return result;
}

/* --- from file to file --- */

struct copy {
	struct file *from, *to;
	uint64_t *from_at, *to_at; /* NULL: the file's own position */
};

static ssize_t copy_chunk(const struct copy *c, char *buffer, size_t bytes)
{
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, buffer, bytes);
	uio.nonblocking = c->from->flags & O_NONBLOCK;
	ssize_t got = c->from_at ? file_read_at(c->from, &uio, *c->from_at)
				 : file_read(c->from, &uio);
	if (got <= 0)
		return got;

	uio_init_kernel(&uio, &segment, buffer, (size_t)got);
	uio.nonblocking = c->to->flags & O_NONBLOCK;
	ssize_t put = c->to_at ? file_write_at(c->to, &uio, *c->to_at) : file_write(c->to, &uio);
	size_t moved = put < 0 ? 0 : (size_t)put;

	if (c->from_at)
		*c->from_at += moved;
	else if (moved < (size_t)got && c->from->ops->seek) {
		/* What was read but not taken is there for the next call. */
		mutex_lock(&c->from->position_lock);
		c->from->position -= (size_t)got - moved;
		mutex_unlock(&c->from->position_lock);
	}
	if (c->to_at)
		*c->to_at += moved;
	return put;
}

/* To a socket that takes a file's pages as they are. */
static long send_pages(const struct copy *c, struct socket *socket, size_t bytes)
{
	uint64_t position = c->from_at ? *c->from_at : c->from->position;

	if ((c->from->flags & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	ssize_t sent = socket_send_file(socket, c->from, position, min(bytes, TRANSFER_MAX));

	if (sent < 0)
		return finish_transfer(sent);
	if (c->from_at) {
		*c->from_at += (uint64_t)sent;
	} else {
		mutex_lock(&c->from->position_lock);
		c->from->position = position + (uint64_t)sent;
		mutex_unlock(&c->from->position_lock);
	}
	return sent;
}

static long copy_files(const struct copy *c, size_t bytes)
{
	enum { CHUNK = 16384 };
	struct socket *socket = socket_of(c->to);

	if (socket && socket->ops->send_pages && c->from->inode->pages.ops)
		return send_pages(c, socket, bytes);
	size_t done = 0;
	ssize_t n = 0;
	char *buffer = mem_alloc(CHUNK);

	if (!buffer)
		return -ENOMEM;
	bytes = min(bytes, TRANSFER_MAX);
	while (done < bytes && !signal_is_pending()) {
		n = copy_chunk(c, buffer, min(bytes - done, (size_t)CHUNK));
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	mem_free(buffer);
	if (done)
		return (long)done;
	return n ? finish_transfer(n) : bytes && signal_is_pending() ? -ERESTARTSYS : 0;
}

int read_position(long address, uint64_t *value)
{
	if (!address)
		return 0;
	if (user_read(value, (uintptr_t)address, sizeof(*value)))
		return -EFAULT;
	return (int64_t)*value < 0 ? -EINVAL : 0;
}

long sys_sendfile(long out_fd, long in_fd, long offset_address, long bytes)
{
	uint64_t offset = 0;
	struct copy c = { .from_at = offset_address ? &offset : NULL };
	long result = read_position(offset_address, &offset);

	if (result)
		return result;
	c.from = fd_file(in_fd);
	c.to = fd_file(out_fd);
	if (!c.from || !c.to || !file_may_read(c.from) || !file_may_write(c.to))
		result = -EBADF;
	else if (!has_pages(c.from) || c.to->flags & O_APPEND || bytes < 0)
		result = -EINVAL;
	else
		result = copy_files(&c, (size_t)bytes);
	file_put(c.from);
	file_put(c.to);
	if (result > 0 && offset_address &&
	    user_write((uintptr_t)offset_address, &offset, sizeof(offset)))
		return -EFAULT;
	return result;
}

static int check_copy_range(const struct copy *c, unsigned flags)
{
	if (!c->from || !c->to)
		return -EBADF;
	if (!c->from->inode || !c->to->inode)
		return -EINVAL;
	if ((c->from->inode->mode & S_IFMT) == S_IFDIR || (c->to->inode->mode & S_IFMT) == S_IFDIR)
		return -EISDIR;
	if (flags || (c->from->inode->mode & S_IFMT) != S_IFREG ||
	    (c->to->inode->mode & S_IFMT) != S_IFREG)
		return -EINVAL;
	bool may = file_may_read(c->from) && file_may_write(c->to) && !(c->to->flags & O_APPEND);
	return may ? 0 : -EBADF;
}

long sys_copy_file_range(long in_fd, long in_offset, long out_fd, long out_offset, long bytes,
			 long flags)
{
	uint64_t from_at = 0, to_at = 0;
	struct copy c = { .from_at = in_offset ? &from_at : NULL,
			  .to_at = out_offset ? &to_at : NULL };
	long result = read_position(in_offset, &from_at);

	if (!result)
		result = read_position(out_offset, &to_at);
	if (result)
		return result;
	c.from = fd_file(in_fd);
	c.to = fd_file(out_fd);
	result = check_copy_range(&c, (unsigned)flags);
	if (!result)
		result = copy_files(&c, (size_t)bytes);
	file_put(c.from);
	file_put(c.to);
	if (result > 0 && in_offset && user_write((uintptr_t)in_offset, &from_at, sizeof(from_at)))
		return -EFAULT;
	if (result > 0 && out_offset && user_write((uintptr_t)out_offset, &to_at, sizeof(to_at)))
		return -EFAULT;
	return result;
}
