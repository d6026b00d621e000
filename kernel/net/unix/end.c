/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_UNIX sockets as sockets: their ends, the family and its operations. */
#include <base/errno.h>
#include <base/string.h>
#include <hal/user.h>
#include <mm/alloc.h>

#include "unix.h"

enum { SIOCOUTQ = 0x5411, SIOCINQ = 0x541b };

/* Those that wait for room at another end; seldom any, so all of them are woken. [unix_mutex] */
static struct list_node starved_ends = { &starved_ends, &starved_ends };

struct unix_end *unix_end_create(int type)
{
	struct unix_end *end = mem_zalloc(sizeof *end);

	if (!end)
		return NULL;
	end->refs = 1;
	end->type = type;
	list_init(&end->messages);
	list_init(&end->pending);
	list_init(&end->link);
	list_init(&end->starved);
	list_init(&end->flying);
	list_init(&end->gray);
	end->of_peer = (struct socket_credentials){ 0, UINT32_MAX, UINT32_MAX };
	return end;
}

struct unix_end *unix_end_get(struct unix_end *end)
{
	end->refs++;
	return end;
}

void unix_end_put(struct unix_end *end)
{
	if (!end || --end->refs)
		return;
	unix_name_put(end->name);
	mem_free(end);
}

void unix_wake(struct unix_end *end, unsigned events)
{
	if (end->socket)
		socket_wake(end->socket, events);
}

void unix_starve(struct unix_end *end)
{
	if (!list_linked(&end->starved))
		list_insert_before(&starved_ends, &end->starved);
}

void unix_feed(void)
{
	struct list_node *node;

	while ((node = list_pop_front(&starved_ends)))
		unix_wake(list_entry(node, struct unix_end, starved), UNIX_WRITABLE);
}

bool unix_is_full(const struct unix_end *end)
{
	return end->state == UNIX_LISTENING ? end->pending_count > end->backlog
					    : end->message_count > UNIX_QUEUE_MAX;
}

/* Bytes that wait, of a datagram socket those of the next one. */
static size_t unread(const struct unix_end *end) REQUIRES(unix_mutex)
{
	size_t bytes = 0;

	list_for_each(node, &end->messages) {
		const struct unix_message *m = list_entry(node, struct unix_message, link);

		bytes += m->bytes - m->consumed;
		if (end->type == SOCK_DGRAM)
			break;
	}
	return bytes;
}

static void tell_peer(struct unix_end *end, enum unix_close how) REQUIRES(unix_mutex)
{
	struct unix_end *peer = end->peer;

	if (!peer || end->type == SOCK_DGRAM)
		return;
	peer->shut_read = peer->shut_write = true;
	if (unread(end) || how == UNIX_CLOSE_UNACCEPTED)
		peer->error = -ECONNRESET;
	unix_wake(peer, WAKE_ANY);
}

void unix_end_close(struct unix_end *end, enum unix_close how)
{
	struct list_node *node;

	unix_unbind(end);
	end->dead = true;
	end->state = UNIX_CLOSED;
	end->shut_read = end->shut_write = true;
	end->socket = NULL;
	tell_peer(end, how);
	unix_end_put(end->peer);
	end->peer = NULL;
	list_remove(&end->starved);
	while ((node = end->messages.next) != &end->messages)
		unix_message_drop(list_entry(node, struct unix_message, link));
	end->message_count = 0;
	while ((node = list_pop_front(&end->pending)))
		unix_end_close(list_entry(node, struct unix_end, link), UNIX_CLOSE_UNACCEPTED);
	end->pending_count = 0;
	unix_feed();
	unix_end_put(end);
}

static void unix_release(struct socket *socket)
{
	mutex_lock(&unix_mutex);
	unix_end_close(unix_end(socket), UNIX_CLOSE);
	unix_collect();
	unix_unlock();
}

static bool has_room(const struct unix_end *end)
{
	return end->state != UNIX_LISTENING && end->charged * 4 <= end->socket->send_buffer;
}

/* Whether a connected datagram socket's peer takes something: asked by who wants to write. */
static bool peer_has_room(struct unix_end *end)
{
	bool full;

	if (unix_is_stream(end) || !end->peer)
		return true;
	mutex_lock(&unix_mutex);
	full = end->peer && end->peer->peer != end && unix_is_full(end->peer);
	if (full)
		unix_starve(end);
	unix_unlock();
	return !full;
}

/* Mostly without the mutex: a change that comes after this wakes. */
static unsigned unix_poll(struct socket *socket)
{
	struct unix_end *end = unix_end(socket);
	unsigned events = end->error ? POLLERR : 0;

	if (end->shut_read && end->shut_write)
		events |= POLLHUP;
	if (end->shut_read)
		events |= POLLRDHUP | POLLIN | POLLRDNORM;
	if (!list_empty(&end->messages) || !list_empty(&end->pending))
		events |= POLLIN | POLLRDNORM;
	if (end->type != SOCK_DGRAM && end->state == UNIX_CLOSED)
		events |= POLLHUP;
	if (has_room(end) && peer_has_room(end))
		events |= UNIX_WRITABLE;
	return events;
}

static int unix_take_error(struct socket *socket)
{
	struct unix_end *end = unix_end(socket);
	int error;

	mutex_lock(&unix_mutex);
	error = end->error;
	end->error = 0;
	unix_unlock();
	return error;
}

static int unix_name_of(struct socket *socket, void *address, enum socket_name which)
{
	struct unix_end *end = unix_end(socket);
	int result = -ENOTCONN;

	mutex_lock(&unix_mutex);
	if (which != SOCKET_NAME_OWN)
		end = end->peer;
	if (end)
		result = (int)unix_name_copy(end, address);
	unix_unlock();
	return result;
}

static int unix_get_option(struct socket *socket, int level, int name, void *value, uint32_t *bytes)
{
	struct unix_end *end = unix_end(socket);
	struct socket_credentials credentials;

	if (level != SOL_SOCKET || name != SO_PEERCRED)
		return -ENOPROTOOPT;
	mutex_lock(&unix_mutex);
	credentials = end->of_peer;
	unix_unlock();
	return socket_option_put(value, bytes, &credentials, sizeof credentials);
}

static long unix_ioctl(struct socket *socket, unsigned cmd, uintptr_t arg)
{
	struct unix_end *end = unix_end(socket);
	int count;

	if (cmd != SIOCINQ && cmd != SIOCOUTQ)
		return -ENOTTY;
	mutex_lock(&unix_mutex);
	count = (int)(cmd == SIOCINQ ? unread(end) : end->charged);
	bool listening = end->state == UNIX_LISTENING;
	unix_unlock();
	return listening && cmd == SIOCINQ ? -EINVAL : user_write(arg, &count, sizeof count);
}

static const struct socket_ops stream_ops = {
	.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.name = unix_name_of,
	.send = unix_send,
	.receive = unix_receive,
	.shutdown = unix_shutdown,
	.get_option = unix_get_option,
	.ioctl = unix_ioctl,
	.poll = unix_poll,
	.take_error = unix_take_error,
	.pair = unix_pair,
	.release = unix_release,
};

static const struct socket_ops datagram_ops = {
	.bind = unix_bind,
	.connect = unix_connect,
	.name = unix_name_of,
	.send = unix_send,
	.receive = unix_receive,
	.shutdown = unix_shutdown,
	.get_option = unix_get_option,
	.ioctl = unix_ioctl,
	.poll = unix_poll,
	.take_error = unix_take_error,
	.pair = unix_pair,
	.release = unix_release,
};

static int unix_create(struct socket *socket, int type, int protocol)
{
	struct unix_end *end;

	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = socket->type = SOCK_DGRAM; /* as BSD had it */
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	end = unix_end_create(type);
	if (!end)
		return -ENOMEM;
	end->socket = socket;
	socket->protocol = 0;
	socket->private = end;
	socket->ops = type == SOCK_DGRAM ? &datagram_ops : &stream_ops;
	return 0;
}

static const struct socket_family unix_family = {
	.number = AF_UNIX,
	.name = "UNIX",
	.create = unix_create,
};
SOCKET_FAMILY(unix_family);
