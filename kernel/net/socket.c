/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets as open files: their families, and the calls that wait. An operation that would block says -EAGAIN; the caller links itself to
 * the socket's queue, tries again, and only then sleeps, so that no wake-up is missed. Thread context.
 */
#include <net/socket.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <core/time.h>
#include <mm/alloc.h>

#include "internal.h"

extern const struct socket_family *const __start_socket_families[] __attribute__((weak));
extern const struct socket_family *const __stop_socket_families[] __attribute__((weak));

/* --- the file --- */

static ssize_t read(struct file *file, struct uio *uio, uint64_t *position)
{
	struct socket_message message = { .uio = uio };

	(void)position;
	if (!uio->left)
		return 0;
	return socket_receive(file->private, &message);
}

static ssize_t write(struct file *file, struct uio *uio, uint64_t *position)
{
	struct socket_message message = { .uio = uio };

	(void)position;
	return socket_send(file->private, &message);
}

static unsigned poll(struct file *file, struct waitq **queue)
{
	struct socket *socket = file->private;

	*queue = &socket->waitq;
	return socket->ops->poll(socket);
}

static long ioctl(struct file *file, unsigned cmd, uintptr_t arg)
{
	struct socket *socket = file->private;
	long result = socket->ops->ioctl ? socket->ops->ioctl(socket, cmd, arg) : -ENOTTY;

	return result == -ENOTTY ? socket_common_ioctl(file, cmd, arg) : result;
}

static int getattr(struct file *file, struct inode_attr *out)
{
	const struct socket *socket = file->private;

	*out = (struct inode_attr){ .ino = socket->number, .mode = S_IFSOCK | 0777, .nlink = 1 };
	return 0;
}

static void release(struct file *file)
{
	struct socket *socket = file->private;

	if (socket->ops)
		socket->ops->release(socket);
	mem_free(socket);
}

static const struct file_ops socket_file_ops = {
	.read = read,
	.write = write,
	.poll = poll,
	.ioctl = ioctl,
	.getattr = getattr,
	.release = release,
};

struct socket *socket_of(struct file *file)
{
	return file->ops == &socket_file_ops ? file->private : NULL;
}

/* --- opening --- */

static const struct socket_family *find_family(unsigned number)
{
	for (const struct socket_family *const *family = __start_socket_families;
	     family < __stop_socket_families; family++)
		if ((*family)->number == number)
			return *family;
	return NULL;
}

static struct socket *new_socket(const struct socket_family *family, unsigned file_flags)
{
	static uint64_t numbers; /* atomic; of the machine, as Linux's socket cookies and inodes */
	struct socket *socket = mem_zalloc(sizeof *socket);

	if (!socket)
		return NULL;
	socket->file = file_create(&socket_file_ops, O_RDWR | (file_flags & O_NONBLOCK), socket);
	if (!socket->file) {
		mem_free(socket);
		return NULL;
	}
	socket->family = family;
	waitq_init(&socket->waitq);
	socket->receive_timeout_ns = socket->send_timeout_ns = TIME_NEVER;
	socket->linger = -1;
	socket->send_buffer = socket->receive_buffer = SOCKET_BUFFER_DEFAULT;
	socket->receive_low = 1;
	socket->number = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
	return socket;
}

int socket_open(unsigned family_number, int type, int protocol, unsigned file_flags,
		struct file **out)
{
	const struct socket_family *family = find_family(family_number);
	struct socket *socket;
	int error;

	if (!family)
		return -EAFNOSUPPORT;
	socket = new_socket(family, file_flags);
	if (!socket)
		return -ENOMEM;
	socket->type = type;
	socket->protocol = protocol;
	error = family->create(socket, type, protocol);
	if (error) {
		socket->ops = NULL;
		file_put(socket->file);
		return error;
	}
	*out = socket->file;
	return 0;
}

int socket_open_bare(const struct socket *like, unsigned file_flags, struct file **out)
{
	struct socket *socket = new_socket(like->family, file_flags);

	if (!socket)
		return -ENOMEM;
	socket->type = like->type;
	socket->protocol = like->protocol;
	socket->receive_timeout_ns = like->receive_timeout_ns;
	socket->send_timeout_ns = like->send_timeout_ns;
	socket->linger = like->linger;
	socket->switches = like->switches;
	socket->send_buffer = like->send_buffer;
	socket->receive_buffer = like->receive_buffer;
	socket->receive_low = like->receive_low;
	socket->priority = like->priority;
	socket->mark = like->mark;
	*out = socket->file;
	return 0;
}

int socket_open_pair(unsigned family, int type, int protocol, unsigned file_flags,
		     struct file *out[2])
{
	struct socket *a, *b;
	int error = socket_open(family, type, protocol, file_flags, &out[0]);

	if (error)
		return error;
	error = socket_open(family, type, protocol, file_flags, &out[1]);
	if (error)
		goto err_first;
	a = socket_of(out[0]);
	b = socket_of(out[1]);
	error = a->ops->pair ? a->ops->pair(a, b) : -EOPNOTSUPP;
	if (!error)
		return 0;
	file_put(out[1]);
err_first:
	file_put(out[0]);
	return error;
}

/* --- calls --- */

typedef ssize_t transfer_fn(struct socket *socket, struct socket_message *message);

/* One part of a stream, or a datagram. */
static ssize_t transfer_waiting(transfer_fn *fn, struct socket_message *message,
				struct socket_wait *wait)
{
	ssize_t count;

	for (;;) {
		count = fn(wait->socket, message);
		if (count != -EAGAIN)
			return count;
		count = socket_wait_more(wait);
		if (count)
			return count;
	}
}

ssize_t socket_send(struct socket *socket, struct socket_message *message)
{
	struct uio *uio = message->uio;
	struct socket_wait wait = {
		.socket = socket,
		.events = POLLOUT | POLLWRNORM,
		.nonblocking = uio->nonblocking || socket_is_nonblocking(socket, message->flags),
		.timeout_ns = socket->send_timeout_ns,
	};
	ssize_t count, total = 0;

	uio->no_restart = socket->send_timeout_ns != TIME_NEVER;
	do {
		count = transfer_waiting(socket->ops->send, message, &wait);
		total += count > 0 ? count : 0;
		message->file_count = 0; /* they go with the first part */
	} while (count > 0 && uio->left && socket->type == SOCK_STREAM);
	socket_wait_end(&wait);
	return total ? total : count;
}

/* Whether a stream's receiver goes on after `total` bytes. */
static bool wants_more(const struct socket *socket, const struct socket_message *message,
		       size_t total)
{
	if (socket->type != SOCK_STREAM || !message->uio->left || message->flags & MSG_OOB)
		return false;
	if (message->flags & MSG_WAITALL)
		return true;
	return total < socket->receive_low;
}

ssize_t socket_receive(struct socket *socket, struct socket_message *message)
{
	struct uio *uio = message->uio;
	struct socket_wait wait = {
		.socket = socket,
		.events = POLLIN | POLLRDNORM | POLLRDHUP,
		.nonblocking = uio->nonblocking || socket_is_nonblocking(socket, message->flags),
		.timeout_ns = socket->receive_timeout_ns,
	};
	ssize_t count, total = 0;

	uio->no_restart = socket->receive_timeout_ns != TIME_NEVER;
	do {
		count = transfer_waiting(socket->ops->receive, message, &wait);
		total += count > 0 ? count : 0;
		if (message->flags & MSG_PEEK)
			message->peek_offset = (size_t)total;
	} while (count > 0 && wants_more(socket, message, (size_t)total));
	socket_wait_end(&wait);
	return total ? total : count;
}

int socket_connect(struct socket *socket, const void *address, uint32_t bytes)
{
	struct socket_wait wait = {
		.socket = socket,
		.events = POLLOUT | POLLWRNORM,
		.nonblocking = socket_is_nonblocking(socket, 0),
		.timeout_ns = socket->send_timeout_ns,
	};
	int error, waited, first = 0;

	if (!socket->ops->connect)
		return -EOPNOTSUPP;
	do {
		error = socket->ops->connect(socket, address, bytes);
		if (error != -EINPROGRESS && error != -EALREADY && error != -EAGAIN)
			break;
		first = first ? first : error;
		waited = socket_wait_more(&wait);
		error = waited == -EAGAIN ? first : waited;
	} while (!waited);
	socket_wait_end(&wait);
	return error;
}

static int accept_now(struct socket *socket, unsigned file_flags, struct file **out)
{
	int error;

	if (!(socket->ops->poll(socket) & (POLLIN | POLLERR | POLLHUP)))
		return socket->listening ? -EAGAIN : -EINVAL;
	error = socket_open_bare(socket, file_flags, out);
	if (error)
		return error;
	error = socket->ops->accept(socket, socket_of(*out));
	if (error) {
		socket_of(*out)->ops = NULL;
		file_put(*out);
	}
	return error;
}

int socket_accept(struct socket *socket, unsigned file_flags, struct file **out)
{
	struct socket_wait wait = {
		.socket = socket,
		.events = POLLIN | POLLRDNORM,
		.flags = WAIT_EXCLUSIVE,
		.nonblocking = socket_is_nonblocking(socket, 0),
		.timeout_ns = socket->receive_timeout_ns,
	};
	int error;

	if (!socket->ops->accept)
		return -EOPNOTSUPP;
	if (!socket->listening)
		return -EINVAL;
	do {
		error = accept_now(socket, file_flags, out);
		if (error != -EAGAIN)
			break;
		error = socket_wait_more(&wait);
	} while (!error);
	socket_wait_end(&wait);
	return error;
}
