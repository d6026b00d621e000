/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets with plain buffers. See sockets.h. */
#include "sockets.h"

#include <base/errno.h>
#include <base/string.h>
#include <core/thread.h>
#include <fs/file.h>

enum { BACKLOG = 8 };

union socket_address address_inet(const uint8_t ip[4], uint16_t port)
{
	union socket_address address = { .bytes = { 0 } };

	address.inet.family = AF_INET;
	address.inet.port[0] = (uint8_t)(port >> 8);
	address.inet.port[1] = (uint8_t)port;
	memcpy(address.inet.ip, ip, 4);
	return address;
}

union socket_address address_vsock(uint32_t cid, uint32_t port)
{
	union socket_address address = { .bytes = { 0 } };

	address.vsock.family = AF_VSOCK;
	address.vsock.port = port;
	address.vsock.cid = cid;
	return address;
}

static void limit_waits(struct socket *socket, uint64_t timeout_ns)
{
	socket->receive_timeout_ns = socket->send_timeout_ns = timeout_ns;
}

int socket_make(unsigned family, int type, int protocol, uint64_t timeout_ns, struct socket **out)
{
	struct file *file;
	int error = socket_open(family, type, protocol, 0, &file);

	if (error)
		return error;
	*out = socket_of(file);
	limit_waits(*out, timeout_ns);
	return 0;
}

void socket_close(struct socket *socket)
{
	file_put(socket->file);
}

int socket_listen_at(struct socket *socket, const union socket_address *address)
{
	int error = socket->ops->bind(socket, address, SOCKET_ADDRESS_BYTES);

	if (!error)
		error = socket->ops->listen(socket, BACKLOG);
	return error;
}

int socket_next_connection(struct socket *listener, uint64_t timeout_ns, struct socket **out)
{
	struct file *file;
	int error = socket_accept(listener, 0, &file);

	if (error)
		return error;
	*out = socket_of(file);
	limit_waits(*out, timeout_ns);
	return 0;
}

int socket_send_all(struct socket *socket, const void *bytes, size_t count,
		    const union socket_address *to)
{
	union socket_address address;
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio };
	ssize_t sent;

	if (to) {
		address = *to;
		message.address = address.bytes;
		message.address_bytes = SOCKET_ADDRESS_BYTES;
	}
	uio_init_kernel(&uio, &segment, (void *)(uintptr_t)bytes, count);
	sent = socket_send(socket, &message);
	if (sent < 0)
		return (int)sent;
	return (size_t)sent == count ? 0 : -EIO;
}

ssize_t socket_receive_some(struct socket *socket, void *bytes, size_t count,
			    union socket_address *from)
{
	struct uio_segment segment;
	struct uio uio;
	struct socket_message message = { .uio = &uio, .address = from ? from->bytes : NULL };

	uio_init_kernel(&uio, &segment, bytes, count);
	return socket_receive(socket, &message);
}

int socket_receive_all(struct socket *socket, void *bytes, size_t count)
{
	for (size_t done = 0; done < count;) {
		ssize_t got = socket_receive_some(socket, (char *)bytes + done, count - done, NULL);

		if (got <= 0)
			return got ? (int)got : -EPIPE;
		done += (size_t)got;
	}
	return 0;
}
