/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending and receiving. Data is copied without net_mutex, so that a fault may be resolved: sending copies first and then looks again
 * whether there is room, receiving takes off the queue first and puts back what the program's memory did not take.
 */
#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>

#include "vsock.h"

/* A packet with its header is a block of memory of at most this, and a call gives the device so many at once. */
enum { BLOCK_BYTES = 16384, SEND_BYTES_MAX = 65536 };
static_assert((unsigned)BLOCK_BYTES <= (unsigned)VSOCK_PAYLOAD_MAX, "a device takes it");

/* --- sending --- */

/* Why nothing can be sent now; 0: something can. */
static int send_refusal(struct vsock *vsock) REQUIRES(net_mutex)
{
	int error = vsock->error;

	if (error) {
		vsock->error = 0;
		return error;
	}
	if (vsock->shut & VSOCK_SHUT_SEND || vsock->peer_shut & VSOCK_SHUT_RECEIVE)
		return -EPIPE;
	if (vsock->state != VSOCK_CONNECTED)
		return -ENOTCONN;
	if (list_linked(&vsock->starved))
		return -EAGAIN;
	if (vsock_credit(vsock))
		return 0;
	/* Once, in case that it has told us less than it has. */
	if (!vsock->credit_asked)
		vsock_control(vsock, VSOCK_UNSENT_CREDIT_REQUEST);
	vsock->credit_asked = true;
	return -EAGAIN;
}

ssize_t vsock_send_room(struct socket *socket)
{
	struct vsock *vsock = vsock_of(socket);
	ssize_t room;

	mutex_lock(&net_mutex);
	room = send_refusal(vsock);
	if (!room)
		room = vsock_credit(vsock);
	vsock_unlock();
	return room;
}

/* A list of packets, by next_packet, with `bytes` from the program. -ENOBUFS, -EFAULT. */
static int gather(struct uio *uio, size_t bytes, struct netbuf **out)
{
	const size_t room_max = BLOCK_BYTES - sizeof(struct netbuf) - VSOCK_HEADER_BYTES;
	struct netbuf **link = out;
	int error = -EFAULT;

	*out = NULL;
	while (bytes) {
		size_t room = min(bytes, room_max);
		struct netbuf *buf = netbuf_alloc(VSOCK_HEADER_BYTES, room);

		if (!buf) {
			error = -ENOBUFS;
			goto err_list;
		}
		*link = buf;
		link = &buf->next_packet;
		if (uio_get(uio, buf->data, room) != (ssize_t)room)
			goto err_list;
		buf->bytes = buf->packet_bytes = (uint32_t)room;
		bytes -= room;
	}
	return 0;
err_list:
	vsock_put_list(*out);
	return error;
}

/* Sends as many of the packets as there is room for; the rest is gone. Bytes, or why none. */
static ssize_t send_list(struct vsock *vsock, struct netbuf *list) REQUIRES(net_mutex)
{
	ssize_t done = 0;
	int error = 0;

	while (list) {
		struct netbuf *next = list->next_packet;
		uint32_t bytes = list->packet_bytes;

		error = send_refusal(vsock);
		if (!error && bytes > vsock_credit(vsock))
			error = -EAGAIN; /* another thread has sent meanwhile */
		if (!error)
			error = vsock_send_data(vsock, list);
		if (error)
			break;
		done += bytes;
		list = next;
	}
	vsock_put_list(list);
	return done ? done : error;
}

static int check_address(const struct vsock *vsock, const struct socket_message *message)
{
	if (message->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (!message->address_bytes)
		return 0;
	return vsock->state == VSOCK_CONNECTED ? -EISCONN : -EOPNOTSUPP;
}

ssize_t vsock_send(struct socket *socket, struct socket_message *message)
{
	struct vsock *vsock = vsock_of(socket);
	struct uio before = *message->uio;
	struct netbuf *list;
	ssize_t room, count = check_address(vsock, message);
	size_t bytes;

	if (unlikely(count))
		return count;
	do {
		room = vsock_send_room(socket);
		if (room < 0)
			return room;
		bytes = min(min((size_t)room, before.left), (size_t)SEND_BYTES_MAX);
		if (!bytes)
			return 0;
		count = gather(message->uio, bytes, &list);
		if (!count) {
			mutex_lock(&net_mutex);
			count = send_list(vsock, list);
			vsock_unlock();
		}
		if (unlikely(count != (ssize_t)bytes)) {
			*message->uio = before;
			if (count > 0)
				uio_skip(message->uio, (size_t)count);
		}
	} while (count == -EAGAIN);
	return count;
}

/* --- pages of a file --- */

/* A list of packets, each an empty fragment for the header and the page behind it. The chain is gone. -ENOBUFS. */
static int wrap_pages(struct netbuf *pages, struct netbuf **out)
{
	struct netbuf **link = out;

	*out = NULL;
	while (pages) {
		struct netbuf *packet = netbuf_alloc(VSOCK_HEADER_BYTES, 0);

		if (!packet) {
			netbuf_put_chain(pages);
			vsock_put_list(*out);
			return -ENOBUFS;
		}
		packet->next = pages;
		packet->packet_bytes = pages->bytes;
		pages = pages->next;
		packet->next->next = NULL;
		*link = packet;
		link = &packet->next_packet;
	}
	return 0;
}

ssize_t vsock_send_pages(struct socket *socket, struct netbuf *pages, bool more)
{
	struct netbuf *list;
	ssize_t count = wrap_pages(pages, &list);

	(void)more;
	if (count)
		return count;
	mutex_lock(&net_mutex);
	count = send_list(vsock_of(socket), list);
	vsock_unlock();
	return count;
}

/* --- receiving --- */

static void put_shared(struct netbuf *buf)
{
	netbuf_put(buf->owner);
	netbuf_free_header(buf);
}

/* A fragment that stands for a part of another, which it keeps. NULL: no memory. */
static struct netbuf *share(struct netbuf *buf, size_t offset, size_t bytes)
{
	struct netbuf *part = netbuf_wrap(buf->data + offset, bytes, put_shared, buf);

	if (likely(part))
		netbuf_get(buf);
	return part;
}

/* Takes so many bytes off the queue, as far as there are any, and no more: what another thread reads meanwhile is what follows. NULL: there
 * are none, or no memory for a part. */
static struct netbuf *detach(struct vsock *vsock, size_t wanted) REQUIRES(net_mutex)
{
	struct netbuf *list = NULL, **link = &list, *first;

	while (wanted && (first = vsock->first) != NULL && first->bytes <= wanted) {
		vsock->first = first->next_packet;
		vsock->held -= vsock_memory_of(first);
		vsock->queued -= first->bytes;
		wanted -= first->bytes;
		*link = first;
		link = &first->next_packet;
	}
	*link = NULL;
	if (!vsock->first) {
		vsock->last = NULL;
	} else if (wanted && (*link = share(vsock->first, 0, wanted)) != NULL) {
		vsock->first->data += wanted;
		vsock->first->bytes -= (uint32_t)wanted;
		vsock->queued -= (uint32_t)wanted;
	}
	return list;
}

/* The same bytes behind `skip` others, which stay in the queue. */
static struct netbuf *look(const struct vsock *vsock, size_t skip, size_t wanted)
	REQUIRES(net_mutex)
{
	struct netbuf *list = NULL, **link = &list;

	for (struct netbuf *buf = vsock->first; buf && wanted; buf = buf->next_packet) {
		size_t skipped = min(skip, (size_t)buf->bytes);
		size_t bytes = min(buf->bytes - skipped, wanted);

		skip -= skipped;
		if (!bytes)
			continue;
		*link = share(buf, skipped, bytes);
		if (!*link)
			break;
		link = &(*link)->next_packet;
		wanted -= bytes;
	}
	return list;
}

/* The opposite of detach(). */
static void put_back(struct vsock *vsock, struct netbuf *list) REQUIRES(net_mutex)
{
	struct netbuf *last = NULL;

	for (struct netbuf *buf = list; buf; buf = buf->next_packet) {
		vsock->queued += buf->bytes;
		vsock->held += vsock_memory_of(buf);
		last = buf;
	}
	if (!last)
		return;
	last->next_packet = vsock->first;
	vsock->first = list;
	if (!vsock->last)
		vsock->last = last;
	vsock_wake(vsock, VSOCK_READABLE);
}

/* 0 with *out NULL: the end of the stream. */
static int take(struct vsock *vsock, const struct socket_message *message, struct netbuf **out)
	REQUIRES(net_mutex)
{
	size_t skip = message->flags & MSG_PEEK ? message->peek_offset : 0;
	int error = vsock->error;

	*out = NULL;
	if (unlikely(error)) {
		vsock->error = 0;
		return error;
	}
	if (vsock->state != VSOCK_CONNECTED && vsock->state != VSOCK_OVER)
		return -ENOTCONN;
	if (vsock->shut & VSOCK_SHUT_RECEIVE)
		return 0;
	*out = message->flags & MSG_PEEK ? look(vsock, skip, message->uio->left)
					 : detach(vsock, message->uio->left);
	if (*out)
		return 0;
	if (unlikely(vsock->queued > skip))
		return -ENOMEM;
	return vsock->peer_shut & VSOCK_SHUT_SEND ? 0 : -EAGAIN;
}

/* Copies to the program: a count, or -EFAULT. */
static ssize_t scatter(struct uio *uio, const struct netbuf *list)
{
	size_t total = 0;

	for (; list && uio->left; list = list->next_packet) {
		size_t wanted = min((size_t)list->bytes, uio->left);
		ssize_t count = uio_put(uio, list->data, wanted);

		if (count < 0)
			return total ? (ssize_t)total : count;
		total += (size_t)count;
		if ((size_t)count < wanted)
			break;
	}
	return (ssize_t)total;
}

/* Lets go of the first `bytes` of a list; returns the rest. */
static struct netbuf *cut_front(struct netbuf *list, size_t bytes)
{
	while (list && bytes >= list->bytes) {
		struct netbuf *next = list->next_packet;

		bytes -= list->bytes;
		netbuf_put(list);
		list = next;
	}
	if (list) {
		list->data += bytes;
		list->bytes -= (uint32_t)bytes;
	}
	return list;
}

/* Tells the peer how much was read, but not each time: half of its window, or where the rest is too little for what the program
 * waits for (SO_RCVLOWAT). */
static void report(struct vsock *vsock, uint32_t bytes) REQUIRES(net_mutex)
{
	uint32_t unreported;

	vsock->forwarded += bytes;
	unreported = vsock->forwarded - vsock->told;
	if (vsock->state == VSOCK_CONNECTED && unreported &&
	    (unreported >= vsock->window / 2 || vsock->socket->receive_low > vsock->window / 2))
		vsock_control(vsock, VSOCK_UNSENT_CREDIT_UPDATE);
}

ssize_t vsock_receive(struct socket *socket, struct socket_message *message)
{
	struct vsock *vsock = vsock_of(socket);
	struct netbuf *list;
	ssize_t count;

	if (unlikely(message->flags & (MSG_OOB | MSG_ERRQUEUE)))
		return message->flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
	message->address_bytes = 0;
	if (unlikely(!message->uio->left))
		return 0;
	mutex_lock(&net_mutex);
	count = take(vsock, message, &list);
	mutex_unlock(&net_mutex);
	if (!list)
		return count;
	count = scatter(message->uio, list);
	if (message->flags & MSG_PEEK) {
		vsock_put_list(list);
		return count;
	}
	list = cut_front(list, count > 0 ? (size_t)count : 0);
	mutex_lock(&net_mutex);
	put_back(vsock, list);
	if (count > 0)
		report(vsock, (uint32_t)count);
	vsock_unlock();
	return count;
}
