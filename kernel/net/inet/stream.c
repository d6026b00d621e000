/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP (tcp(7)). Data is copied without a lock held, so that a fault may be resolved: sending copies first and then looks again whether
 * there is room, receiving takes off the queue first and puts back what the program's memory did not take. */
#include "inet.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <core/time.h>
#include <mm/alloc.h>

/* --- connections --- */

static int begin_connect(struct inet *inet, const struct net_address *to) REQUIRES(net_mutex)
{
	int error = stack_connect(inet->endpoint, to);

	if (!error || error == -EINPROGRESS) {
		inet->state = INET_CONNECTING;
		inet->shut = 0;
		inet->connect_told = false;
		inet_refresh(inet);
	}
	if (inet->state == INET_CONNECTED) {
		inet->connect_told = true;
		return 0;
	}
	return error ? error : -EINPROGRESS;
}

/* What has become of a connect that was begun. */
static int ask_connect(struct inet *inet) REQUIRES(net_mutex)
{
	int error;

	inet_refresh(inet);
	if (inet->state == INET_CONNECTED) {
		inet->connect_told = true;
		return 0;
	}
	if (!(stack_events(inet->endpoint) & STACK_ENDED))
		return -EALREADY;
	error = stack_error(inet->endpoint);
	inet->state = INET_IDLE;
	inet_refresh(inet);
	return error ? error : -ECONNABORTED;
}

static int connect_locked(struct inet *inet, const struct net_address *to) REQUIRES(net_mutex)
{
	if (to->ip.family == AF_UNSPEC)
		return inet_reopen(inet);
	switch (inet->state) {
	case INET_IDLE:
		return begin_connect(inet, to);
	case INET_CONNECTING:
		return ask_connect(inet);
	case INET_CONNECTED:
		return inet->connect_told ? -EISCONN : ask_connect(inet);
	default:
		return -EISCONN;
	}
}

static int stream_connect(struct socket *socket, const void *address, uint32_t bytes)
{
	struct inet *inet = inet_of(socket);
	struct net_address to;
	int error = inet_read_address(inet, address, bytes, &to);

	if (error)
		return error;
	if (to.ip.family == AF_INET && inet->v6_only)
		return -ENETUNREACH;
	if (to.ip.family != AF_UNSPEC && ip_is_multicast(&to.ip))
		return -ENETUNREACH;
	inet_resolve_any(&to);
	mutex_lock(&net_mutex);
	error = connect_locked(inet, &to);
	mutex_unlock(&net_mutex);
	return error;
}

static int stream_listen(struct socket *socket, int backlog)
{
	struct inet *inet = inet_of(socket);
	int error = -EINVAL;

	mutex_lock(&net_mutex);
	if (inet->state == INET_IDLE || inet->state == INET_LISTENING)
		error = stack_listen(inet->endpoint, (unsigned)backlog);
	if (!error) {
		inet->state = INET_LISTENING;
		socket->listening = true;
		inet_refresh(inet);
	}
	mutex_unlock(&net_mutex);
	return error;
}

static int accept_locked(struct inet *listener, struct inet *inet) REQUIRES(net_mutex)
{
	int error = listener->state == INET_LISTENING
			    ? stack_accept(listener->endpoint, &inet->owner, &inet->endpoint)
			    : -EINVAL;

	inet_refresh(listener);
	if (error)
		return error;
	inet->state = INET_CONNECTED;
	inet->connect_told = true;
	inet_refresh(inet);
	return 0;
}

static int stream_accept(struct socket *socket, struct socket *accepted)
{
	struct inet *listener = inet_of(socket);
	struct inet *inet = mem_alloc(sizeof *inet);
	int error;

	if (!inet)
		return -ENOMEM;
	*inet = (struct inet){
		.owner = listener->owner,
		.socket = accepted,
		.wishes = listener->wishes,
		.v6_only = listener->v6_only,
	};
	accepted->private = inet;
	accepted->ops = &inet_stream_ops;
	mutex_lock(&net_mutex);
	error = accept_locked(listener, inet);
	mutex_unlock(&net_mutex);
	if (error)
		mem_free(inet);
	return error;
}

/* --- receiving --- */

/* Tells the stack that its window may open, but not for every few bytes. */
static void report_consumed(struct inet *inet, size_t bytes)
{
	uint32_t threshold = min(inet->socket->receive_buffer / 8, 4096u);
	uint32_t unreported = __atomic_add_fetch(&inet->unreported, bytes, __ATOMIC_RELAXED);

	if (unreported < threshold)
		return;
	mutex_lock(&net_mutex);
	unreported = __atomic_exchange_n(&inet->unreported, 0, __ATOMIC_RELAXED);
	if (unreported)
		stack_consumed(inet->endpoint, unreported);
	mutex_unlock(&net_mutex);
}

/* Cuts the first `bytes` off a chain, which has more. */
static struct netbuf *cut_front(struct netbuf *chain, size_t bytes)
{
	uint32_t left = chain->packet_bytes - (uint32_t)bytes;

	while (bytes >= chain->bytes) {
		struct netbuf *next = chain->next;

		bytes -= chain->bytes;
		netbuf_put(chain);
		chain = next;
	}
	chain->data += bytes;
	chain->bytes -= (uint32_t)bytes;
	chain->packet_bytes = left;
	return chain;
}

static void put_back(struct inet *inet, struct netbuf *rest)
{
	mutex_lock(&net_mutex);
	stack_unreceive(inet->endpoint, rest);
	inet_refresh(inet);
	mutex_unlock(&net_mutex);
}

/* 0 with *out NULL: the end of the stream. Who wants nothing waits all the same, as on Linux, and takes nothing. */
static int take(struct inet *inet, const struct socket_message *message, struct netbuf **out)
{
	size_t wanted = message->uio->left;
	int error = -ENOTCONN;

	*out = NULL;
	mutex_lock(&net_mutex);
	switch (inet->state) {
	case INET_CONNECTED:
	case INET_CONNECTING:
		error = message->flags & MSG_PEEK || !wanted
				? stack_peek(inet->endpoint, message->peek_offset,
					     max(wanted, (size_t)1), out, NULL)
				: stack_receive(inet->endpoint, wanted, out, NULL);
		/* While it connects, -ENOTCONN means not yet. */
		if (error == -ENOTCONN && inet->state == INET_CONNECTING)
			error = -EAGAIN;
		if (error == -EAGAIN && inet->shut & STACK_SHUT_READ)
			error = 0;
		inet_refresh_readable(inet);
		break;
	default:
		break;
	}
	mutex_unlock(&net_mutex);
	return error;
}

/* MSG_TRUNC of a stream throws the bytes away (tcp(7)). */
static ssize_t discard(struct uio *uio, const struct netbuf *chain)
{
	uio->left -= chain->packet_bytes;
	return chain->packet_bytes;
}

static ssize_t stream_receive(struct socket *socket, struct socket_message *message)
{
	struct inet *inet = inet_of(socket);
	struct netbuf *chain;
	ssize_t count;
	int error;

	if (unlikely(message->flags & (MSG_OOB | MSG_ERRQUEUE)))
		return message->flags & MSG_OOB ? -EINVAL : -EAGAIN;
	message->address_bytes = 0;
	error = take(inet, message, &chain);
	if (error || !chain)
		return error;
	if (unlikely(!message->uio->left)) {
		netbuf_put_chain(chain);
		return 0;
	}
	count = message->flags & MSG_TRUNC ? discard(message->uio, chain)
					   : inet_scatter(message->uio, chain);
	if (message->flags & MSG_PEEK) {
		netbuf_put_chain(chain);
		return count;
	}
	if (unlikely(count < (ssize_t)chain->packet_bytes))
		put_back(inet, cut_front(chain, count < 0 ? 0 : (size_t)count));
	else
		netbuf_put_chain(chain);
	if (count > 0)
		report_consumed(inet, (size_t)count);
	return count;
}

/* --- sending --- */

/* Why nothing can be sent now. */
static int send_refusal(struct inet *inet) REQUIRES(net_mutex)
{
	int error;

	inet_refresh(inet);
	error = inet->state == INET_LISTENING ? 0 : stack_error(inet->endpoint);
	if (error) {
		inet_refresh(inet);
		return error;
	}
	if (inet->shut & STACK_SHUT_WRITE)
		return -EPIPE;
	switch (inet->state) {
	case INET_CONNECTING:
		return inet->events & POLLHUP ? -EPIPE : -EAGAIN;
	case INET_CONNECTED:
		return inet->events & POLLHUP ? -EPIPE : inet->room ? 0 : -EAGAIN;
	default:
		return -EPIPE;
	}
}

/* Bytes that may be sent, or why none. */
static ssize_t send_room(struct inet *inet)
{
	size_t room = __atomic_load_n(&inet->room, __ATOMIC_RELAXED);
	int error;

	if (likely(room))
		return (ssize_t)room;
	mutex_lock(&net_mutex);
	error = send_refusal(inet);
	room = inet->room;
	mutex_unlock(&net_mutex);
	return error ? error : (ssize_t)room;
}

/* Hands the chain over, if there still is room: another thread may have sent meanwhile. */
static int hand_over(struct inet *inet, struct netbuf *chain, bool more)
{
	const struct stack_send request = { .data = chain, .more = more };
	const uint32_t bytes = chain->packet_bytes;
	int error = -EAGAIN;

	mutex_lock(&net_mutex);
	if (likely(bytes <= inet->room)) {
		error = stack_send(inet->endpoint, &request);
		inet_refresh_sent(inet, error ? UINT32_MAX : bytes);
	} else {
		netbuf_put_chain(chain);
		inet_refresh(inet);
	}
	mutex_unlock(&net_mutex);
	return error;
}

static ssize_t stream_send(struct socket *socket, struct socket_message *message)
{
	struct inet *inet = inet_of(socket);
	struct uio before = *message->uio;
	struct netbuf *chain;
	ssize_t room, bytes;
	int error;

	if (unlikely(message->flags & MSG_OOB))
		return -EOPNOTSUPP;
	do {
		room = send_room(inet);
		if (room < 0)
			return room;
		bytes = (ssize_t)min((size_t)room, message->uio->left);
		if (!bytes)
			return 0;
		error = inet_gather(message->uio, (size_t)bytes, &chain);
		if (!error)
			error = hand_over(inet, chain, message->flags & MSG_MORE);
		if (error)
			*message->uio = before;
	} while (error == -EAGAIN);
	return error ? error : bytes;
}

static ssize_t stream_send_pages(struct socket *socket, struct netbuf *pages, bool more)
{
	ssize_t bytes = pages->packet_bytes;
	int error = hand_over(inet_of(socket), pages, more);

	return error ? error : bytes;
}

static ssize_t stream_send_room(struct socket *socket)
{
	return send_room(inet_of(socket));
}

/* --- ending --- */

/* A listener that is shut for reading listens no more, but keeps its address, unless connections have it still. */
static int stop_listening(struct inet *inet) REQUIRES(net_mutex)
{
	struct net_address local;
	int error = stack_local(inet->endpoint, &local);

	if (!error)
		error = inet_reopen(inet);
	if (!error && stack_bind(inet->endpoint, &local))
		return 0; /* listen(2) will find another */
	return error;
}

static int shutdown_locked(struct inet *inet, unsigned how) REQUIRES(net_mutex)
{
	int error;

	inet_refresh(inet);
	switch (inet->state) {
	case INET_LISTENING:
		return how & STACK_SHUT_READ ? stop_listening(inet) : 0;
	case INET_CONNECTING:
		return inet_reopen(inet);
	case INET_CONNECTED:
		break;
	default:
		return -ENOTCONN;
	}
	if (inet->events & POLLHUP)
		return -ENOTCONN;
	error = stack_shutdown(inet->endpoint, how);
	inet->shut |= (uint8_t)how;
	inet_refresh(inet);
	return error;
}

static int stream_shutdown(struct socket *socket, bool read, bool write)
{
	struct inet *inet = inet_of(socket);
	unsigned how = (read ? STACK_SHUT_READ : 0) | (write ? STACK_SHUT_WRITE : 0);
	int error;

	mutex_lock(&net_mutex);
	error = shutdown_locked(inet, how);
	mutex_unlock(&net_mutex);
	if (!error)
		socket_wake(socket, WAKE_ANY);
	return error;
}

/* SO_LINGER with a time: the data's way is waited for. Nobody else has the socket any more. */
static void linger(struct socket *socket, struct inet *inet)
{
	uint64_t deadline = time_now() + (uint64_t)socket->linger * NS_PER_S;
	struct waiter waiter;
	struct waiter *waiters[] = { &waiter };
	bool pending;
	int error;

	mutex_lock(&net_mutex);
	error = stack_shutdown(inet->endpoint, STACK_SHUT_WRITE);
	mutex_unlock(&net_mutex);
	waiter_init(&waiter);
	waitq_add(&socket->waitq, &waiter);
	while (!error) {
		mutex_lock(&net_mutex);
		pending = !(stack_events(inet->endpoint) & STACK_ENDED) &&
			  stack_pending_send(inet->endpoint);
		mutex_unlock(&net_mutex);
		if (!pending)
			break;
		if (!socket_before_sleep())
			error = thread_wait(waiters, 1, deadline, WAIT_INTERRUPTIBLE);
		waiter.woken = false;
	}
	waitq_remove(&socket->waitq, &waiter);
}

/* Whether the connection is reset instead of closed: nobody will read what has come (RFC 1122, 4.2.2.13). */
static bool must_reset(const struct inet *inet) REQUIRES(net_mutex)
{
	if (inet->state == INET_CONNECTING || !inet->socket->linger)
		return true;
	return inet->state == INET_CONNECTED && stack_pending_receive(inet->endpoint);
}

static void stream_release(struct socket *socket)
{
	struct inet *inet = inet_of(socket);

	if (socket->linger > 0 && inet->state == INET_CONNECTED)
		linger(socket, inet);
	mutex_lock(&net_mutex);
	if (inet->unreported)
		stack_consumed(inet->endpoint, inet->unreported);
	stack_close(inet->endpoint, must_reset(inet));
	mutex_unlock(&net_mutex);
	inet_free(socket);
}

const struct socket_ops inet_stream_ops = {
	.bind = inet_bind,
	.connect = stream_connect,
	.listen = stream_listen,
	.accept = stream_accept,
	.name = inet_name,
	.send = stream_send,
	.receive = stream_receive,
	.shutdown = stream_shutdown,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.ioctl = inet_ioctl,
	.poll = inet_poll,
	.take_error = inet_take_error,
	.send_pages = stream_send_pages,
	.send_room = stream_send_room,
	.release = stream_release,
};
