/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_UNIX sockets: connecting, listening, accepting, shutting down. */
#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>

#include "unix.h"

int unix_listen(struct socket *socket, int backlog)
{
	struct unix_end *end = unix_end(socket);
	int error = 0;

	mutex_lock(&unix_mutex);
	if (!end->name || end->state == UNIX_CONNECTED) {
		error = -EINVAL;
	} else {
		end->state = UNIX_LISTENING;
		end->backlog = (unsigned)backlog;
		socket_caller(&end->own);
		socket->listening = true;
		unix_feed();
	}
	unix_unlock();
	return error;
}

int unix_accept(struct socket *socket, struct socket *accepted)
{
	struct unix_end *listener = unix_end(socket), *end;
	struct list_node *first;
	int error = 0;

	mutex_lock(&unix_mutex);
	first = list_pop_front(&listener->pending);
	if (first) {
		listener->pending_count--;
		end = list_entry(first, struct unix_end, link);
		end->socket = accepted;
		accepted->private = end;
		accepted->ops = socket->ops;
		unix_feed();
	} else {
		error = listener->shut_read ? -EINVAL : -EAGAIN;
	}
	unix_unlock();
	return error;
}

/* --- streams --- */

static void join(struct unix_end *a, struct unix_end *b) REQUIRES(unix_mutex)
{
	a->peer = unix_end_get(b);
	b->peer = unix_end_get(a);
	a->state = b->state = UNIX_CONNECTED;
}

static int check_listener(struct unix_end *end, const struct unix_end *listener)
	REQUIRES(unix_mutex)
{
	if (listener->state != UNIX_LISTENING || listener->shut_read)
		return -ECONNREFUSED;
	if (unix_is_full(listener)) {
		unix_starve(end);
		return -EAGAIN;
	}
	if (end->state != UNIX_CLOSED)
		return end->state == UNIX_CONNECTED ? -EISCONN : -EINVAL;
	return 0;
}

/* Gives the listener an end that is joined with this one. */
static int reach_listener(struct unix_end *end, struct unix_end *listener) REQUIRES(unix_mutex)
{
	struct unix_end *other;
	int error = check_listener(end, listener);

	if (error)
		return error;
	other = unix_end_create(end->type);
	if (!other)
		return -ENOMEM;
	join(end, other);
	other->name = listener->name;
	other->name->refs++;
	socket_caller(&other->of_peer);
	end->of_peer = listener->own;
	list_insert_before(&listener->pending, &other->link);
	listener->pending_count++;
	unix_wake(listener, UNIX_READABLE);
	return 0;
}

static int connect_stream(struct unix_end *end, const void *address, uint32_t bytes)
{
	struct unix_end *listener;
	int error = unix_find(address, bytes, end->type, &listener);

	if (error)
		return error;
	mutex_lock(&unix_mutex);
	error = reach_listener(end, listener);
	unix_end_put(listener);
	unix_unlock();
	return error;
}

/* --- datagrams --- */

/* What came from the former peer, and others, is lost; a peer that is connected to this end is told. */
static void lose_messages(struct unix_end *end, struct unix_end *peer) REQUIRES(unix_mutex)
{
	struct list_node *node;

	if (list_empty(&end->messages))
		return;
	while ((node = end->messages.next) != &end->messages)
		unix_message_drop(list_entry(node, struct unix_message, link));
	end->message_count = 0;
	unix_feed();
	if (peer->dead || peer->peer != end)
		return;
	peer->error = -ECONNRESET;
	unix_wake(peer, POLLERR);
}

void unix_set_peer(struct unix_end *end, struct unix_end *peer)
{
	struct unix_end *before = end->peer;

	end->peer = peer;
	end->state = peer ? UNIX_CONNECTED : UNIX_CLOSED;
	if (before && before != peer)
		lose_messages(end, before);
	unix_end_put(before);
}

static int connect_datagram(struct unix_end *end, const void *address, uint32_t bytes)
{
	struct unix_end *peer = NULL;
	uint16_t family;
	int error = 0;

	if (bytes < sizeof family)
		return -EINVAL;
	memcpy(&family, address, sizeof family);
	if (family != AF_UNSPEC)
		error = unix_find(address, bytes, end->type, &peer);
	if (error)
		return error;
	mutex_lock(&unix_mutex);
	if (peer && peer->peer && peer->peer != end) {
		error = -EPERM;
		unix_end_put(peer);
	} else {
		unix_set_peer(end, peer);
	}
	unix_unlock();
	return error;
}

int unix_connect(struct socket *socket, const void *address, uint32_t bytes)
{
	struct unix_end *end = unix_end(socket);
	int error = 0;

	/* Who wants credentials is to be answered. */
	if (socket_switch(socket, SO_PASSCRED) && end->state == UNIX_CLOSED)
		error = unix_bind_auto(socket);
	if (error)
		return error;
	return end->type == SOCK_DGRAM ? connect_datagram(end, address, bytes)
				       : connect_stream(end, address, bytes);
}

int unix_pair(struct socket *a, struct socket *b)
{
	struct unix_end *one = unix_end(a), *other = unix_end(b);

	mutex_lock(&unix_mutex);
	join(one, other);
	socket_caller(&one->of_peer);
	other->of_peer = one->of_peer;
	unix_unlock();
	return 0;
}

int unix_shutdown(struct socket *socket, bool read, bool write)
{
	struct unix_end *end = unix_end(socket), *peer;

	mutex_lock(&unix_mutex);
	end->shut_read |= read;
	end->shut_write |= write;
	unix_wake(end, WAKE_ANY);
	peer = end->peer;
	if (peer && end->type != SOCK_DGRAM) {
		peer->shut_write |= read;
		peer->shut_read |= write;
		unix_wake(peer, WAKE_ANY);
	}
	unix_unlock();
	return 0;
}
