/* SPDX-License-Identifier: BSD-3-Clause */
/* Moving data between files without the program's memory: splice(2), tee(2), vmsplice(2). sendfile(2) is in io.c. */
#include <base/string.h>
#include <fs/pipe.h>
#include <fs/uio.h>
#include <linux/signal.h>

#include "calls.h"
#include "io.h"

enum { SPLICE_MOVE = 1, SPLICE_NONBLOCK = 2, SPLICE_MORE = 4, SPLICE_GIFT = 8, SPLICE_ALL = 15 };

/* The side of a splice that is no pipe. */
struct end {
	struct file *file;
	uint64_t *position; /* NULL: the file's own */
	bool again;         /* it has moved something: more only if it need not wait */
};

static ssize_t into_file(void *context, const void *data, size_t bytes)
{
	struct end *end = context;
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, (void *)data, bytes);
	uio.nonblocking = end->again;
	ssize_t count = end->position ? file_write_at(end->file, &uio, *end->position)
				      : file_write(end->file, &uio);
	end->again = true;
	if (count > 0 && end->position)
		*end->position += (uint64_t)count;
	return count;
}

static ssize_t from_file(void *context, void *data, size_t bytes)
{
	struct end *end = context;
	struct uio_segment segment;
	struct uio uio;

	uio_init_kernel(&uio, &segment, data, bytes);
	uio.nonblocking = end->again;
	ssize_t count = end->position ? file_read_at(end->file, &uio, *end->position)
				      : file_read(end->file, &uio);
	end->again = true;
	if (count > 0 && end->position)
		*end->position += (uint64_t)count;
	return count;
}

struct splice {
	struct file *from, *to;
	uint64_t from_at, to_at;
	bool has_from_at, has_to_at;
	unsigned flags;
};

/* In the order of Linux's fs/splice.c, do_splice(). */
static int check(const struct splice *s)
{
	bool from_pipe = pipe_is(s->from), to_pipe = pipe_is(s->to);

	if (!file_may_read(s->from) || !file_may_write(s->to))
		return -EBADF;
	if ((from_pipe && s->has_from_at) || (to_pipe && s->has_to_at))
		return -ESPIPE;
	if (!from_pipe && !to_pipe)
		return -EINVAL;
	if ((s->has_from_at && !s->from->ops->seek) || (s->has_to_at && !s->to->ops->seek))
		return -EINVAL;
	if (!from_pipe && s->from->inode && (s->from->inode->mode & S_IFMT) == S_IFDIR)
		return -EINVAL;
	return !to_pipe && s->to->flags & O_APPEND ? -EINVAL : 0;
}

static ssize_t splice(struct splice *s, size_t bytes)
{
	bool waits_not = s->flags & SPLICE_NONBLOCK;
	struct end end = { .file = s->to, .position = s->has_to_at ? &s->to_at : NULL };

	if (pipe_is(s->from) && pipe_is(s->to))
		return pipe_pass(s->from, s->to, bytes,
				 waits_not || (s->from->flags | s->to->flags) & O_NONBLOCK,
				 PIPE_MOVE);
	if (pipe_is(s->from))
		return pipe_drain(s->from, bytes, waits_not || s->from->flags & O_NONBLOCK,
				  into_file, &end);
	end = (struct end){ .file = s->from, .position = s->has_from_at ? &s->from_at : NULL };
	return pipe_fill(s->to, bytes, waits_not || s->to->flags & O_NONBLOCK, from_file, &end);
}

static int write_back(long address, bool has, uint64_t value)
{
	return has && user_write((uintptr_t)address, &value, sizeof(value)) ? -EFAULT : 0;
}

static long splice_files(struct splice *s, const long addresses[2], size_t bytes)
{
	int err = check(s);

	if (!err && s->has_from_at)
		err = read_position(addresses[0], &s->from_at);
	if (!err && s->has_to_at)
		err = read_position(addresses[1], &s->to_at);
	if (err)
		return err;
	long result = finish_transfer(splice(s, min(bytes, TRANSFER_MAX)));
	if (result <= 0)
		return result;
	if (write_back(addresses[0], s->has_from_at, s->from_at) ||
	    write_back(addresses[1], s->has_to_at, s->to_at))
		return -EFAULT;
	return result;
}

long sys_splice(long in_fd, long in_offset, long out_fd, long out_offset, long bytes, long flags)
{
	struct splice s = { .has_from_at = in_offset,
			    .has_to_at = out_offset,
			    .flags = (unsigned)flags };

	if (s.flags & ~(unsigned)SPLICE_ALL)
		return -EINVAL;
	if (!bytes)
		return 0;
	s.from = fd_file(in_fd);
	s.to = fd_file(out_fd);
	long result = -EBADF;
	if (s.from && s.to)
		result = splice_files(&s, (const long[]){ in_offset, out_offset }, (size_t)bytes);
	file_put(s.from);
	file_put(s.to);
	return result;
}

long sys_tee(long in_fd, long out_fd, long bytes, long flags)
{
	struct file *from = fd_file(in_fd), *to = fd_file(out_fd);
	long result = -EINVAL;

	if ((unsigned)flags & ~(unsigned)SPLICE_ALL)
		goto out;
	result = 0;
	if (!bytes)
		goto out;
	if (!from || !to || !file_may_read(from) || !file_may_write(to))
		result = -EBADF;
	else if (!pipe_is(from) || !pipe_is(to))
		result = -EINVAL;
	else
		result = finish_transfer(
			pipe_pass(from, to, min((size_t)bytes, TRANSFER_MAX),
				  flags & SPLICE_NONBLOCK || (from->flags | to->flags) & O_NONBLOCK,
				  PIPE_COPY));
out:
	file_put(from);
	file_put(to);
	return result;
}

/* Pages are copied, not given: the program sees no difference but in its own later changes, which it must not make. */
long sys_vmsplice(long fd, long vector, long count, long flags)
{
	struct file *file = fd_file(fd);

	if (!file)
		return -EBADF;
	bool pipe = pipe_is(file), writes = file_may_write(file);
	file_put(file);
	if ((unsigned)flags & ~(unsigned)SPLICE_ALL)
		return -EINVAL;
	if (!pipe)
		return -EBADF;
	return transfer_vector(fd, vector, count, writes, flags & SPLICE_NONBLOCK);
}
