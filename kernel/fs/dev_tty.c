/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The terminal as a file: /dev/console and /dev/tty. Where the host's side of a direction is no terminal, a file that is open
 * for that direction alone is to the program what it is on the host: a pipe.
 */
#include <base/bits.h>
#include <base/errno.h>
#include <class/tty.h>
#include <hal/user.h>

#include "internal.h"

enum { MINOR_TTY = 0, FIONREAD = 0x541b, CHUNK = 512 };

static bool is_terminal(const struct file *file)
{
	unsigned mode = file->flags & O_ACCMODE;

	return (mode == O_WRONLY || tty_stdin_is_terminal()) &&
	       (mode == O_RDONLY || tty_stdout_is_terminal());
}

/* One read of the terminal: what it has, at most, so that no line is waited for when there is one already. */
static ssize_t read_tty(struct file *file, struct uio *uio, uint64_t *position)
{
	uint8_t bytes[CHUNK];
	ssize_t count, done, total = 0;
	bool nonblocking = uio->nonblocking;

	(void)position;
	do {
		size_t wanted = min(uio->left, sizeof bytes);

		count = tty_read(file->private, bytes, wanted, nonblocking);
		if (count <= 0)
			break;
		done = uio_put(uio, bytes, (size_t)count);
		if (done < 0)
			return total ? total : done;
		total += done;
		nonblocking = true;
		/* Short, or a line's end: that was all, in canonical mode above all. */
		if ((size_t)count < wanted || bytes[count - 1] == '\n')
			break;
	} while (uio->left);
	return total ? total : count;
}

static ssize_t write_tty(struct file *file, struct uio *uio, uint64_t *position)
{
	uint8_t bytes[CHUNK];
	ssize_t wanted, count = 0, total = 0;

	(void)position;
	while (uio->left) {
		wanted = uio_get(uio, bytes, min(uio->left, sizeof bytes));
		if (wanted <= 0)
			return total ? total : wanted;
		count = tty_write(file->private, bytes, (size_t)wanted, uio->nonblocking);
		if (count < 0)
			break;
		total += count;
		if (count < wanted)
			break;
	}
	return total ? total : count;
}

static long ioctl_tty(struct file *file, unsigned cmd, uintptr_t arg)
{
	if (!is_terminal(file) && cmd != FIONREAD)
		return -ENOTTY;
	return tty_ioctl(file->private, cmd, arg);
}

static unsigned poll_tty(struct file *file, struct waitq **queue)
{
	return tty_poll(file->private, queue);
}

static int getattr_tty(struct file *file, struct inode_attr *out)
{
	int error = inode_getattr(file->inode, out);

	if (!error && !is_terminal(file)) {
		out->mode = S_IFIFO | 0600;
		out->rdev = 0;
	}
	return error;
}

static const struct file_ops tty_ops = {
	.read = read_tty,
	.write = write_tty,
	.ioctl = ioctl_tty,
	.poll = poll_tty,
	.getattr = getattr_tty,
};

int tty_device_open(struct inode *inode, struct file *file)
{
	struct inode_attr attr;
	int error = inode_getattr(inode, &attr);

	if (error)
		return error;
	if ((uint32_t)attr.rdev == MINOR_TTY && !tty_stdin_is_terminal() &&
	    !tty_stdout_is_terminal())
		return -ENXIO; /* no controlling terminal */
	if ((uint32_t)attr.rdev > 1)
		return -ENXIO;
	file->ops = &tty_ops;
	file->private = tty_console();
	return 0;
}
