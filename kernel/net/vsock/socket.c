/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_VSOCK sockets as sockets: the family and its operations (vsock(7)). Thread context. */
#include <base/errno.h>
#include <base/string.h>

#include "vsock.h"

enum { BUFFER_DEFAULT = 262144, BUFFER_MIN_DEFAULT = 128, BACKLOG_MAX = 4096 };
enum { FLAG_TO_HOST = 1 };

void vsock_wake(struct vsock *vsock, unsigned events)
{
	if (vsock->socket)
		socket_wake(vsock->socket, events);
}

/* --- what poll() tells --- */

static unsigned shut_events(const struct vsock *vsock)
{
	bool no_more = vsock->shut & VSOCK_SHUT_RECEIVE || vsock->peer_shut & VSOCK_SHUT_SEND;
	bool silent = vsock->shut & VSOCK_SHUT_SEND &&
		      (vsock->shut & VSOCK_SHUT_RECEIVE || vsock->peer_shut & VSOCK_SHUT_SEND);

	return (no_more ? VSOCK_READABLE | POLLRDHUP : 0) | (silent ? POLLHUP : 0);
}

static bool may_send(const struct vsock *vsock)
{
	switch (vsock->state) {
	case VSOCK_LISTENING:
	case VSOCK_CONNECTING:
		return false;
	case VSOCK_CONNECTED:
		return vsock_credit(vsock) && !list_linked(&vsock->starved);
	default:
		return true; /* and is told why not */
	}
}

/* Without net_mutex: a change that comes after this wakes. */
static unsigned poll(struct socket *socket)
{
	const struct vsock *vsock = vsock_of(socket);
	unsigned events = shut_events(vsock);

	if (vsock->error)
		events |= POLLERR;
	if (!list_empty(&vsock->pending))
		events |= VSOCK_READABLE;
	if (vsock->queued >= max(socket->receive_low, 1u))
		events |= VSOCK_READABLE;
	if (!(vsock->shut & VSOCK_SHUT_SEND) && may_send(vsock))
		events |= VSOCK_WRITABLE;
	return events;
}

/* --- addresses --- */

static int read_address(const void *address, uint32_t bytes, struct vsock_address *out)
{
	struct sockaddr_vm vm;

	if (bytes < sizeof vm)
		return -EINVAL;
	memcpy(&vm, address, sizeof vm);
	if (vm.family != AF_VSOCK || vm.flags & ~FLAG_TO_HOST)
		return -EINVAL;
	*out = (struct vsock_address){ vm.cid, vm.port };
	return 0;
}

static int bind(struct socket *socket, const void *address, uint32_t bytes)
{
	struct vsock *vsock = vsock_of(socket);
	struct socket_credentials caller;
	struct vsock_address at;
	int error = read_address(address, bytes, &at);

	if (error)
		return error;
	socket_caller(&caller);
	mutex_lock(&net_mutex);
	if (vsock->is_bound || vsock->state != VSOCK_IDLE)
		error = -EINVAL;
	else if (at.cid != VSOCK_CID_ANY && !vsock_is_own(at.cid))
		error = -EADDRNOTAVAIL;
	else if (at.port <= VSOCK_PORT_RESERVED_MAX && caller.uid)
		error = -EACCES;
	else
		error = vsock_bind(vsock, at);
	mutex_unlock(&net_mutex);
	return error;
}

static bool has_peer(const struct vsock *vsock)
{
	return (vsock->state == VSOCK_CONNECTED || vsock->state == VSOCK_OVER) && !vsock->shut;
}

static int name(struct socket *socket, void *address, enum socket_name which)
{
	const struct vsock *vsock = vsock_of(socket);
	struct vsock_address at;
	bool known;

	mutex_lock(&net_mutex);
	known = which != SOCKET_NAME_PEER || has_peer(vsock);
	at = which == SOCKET_NAME_OWN ? vsock->local : vsock->remote;
	mutex_unlock(&net_mutex);
	if (!known)
		return -ENOTCONN;
	memcpy(address, &(struct sockaddr_vm){ .family = AF_VSOCK, .cid = at.cid, .port = at.port },
	       sizeof(struct sockaddr_vm));
	return sizeof(struct sockaddr_vm);
}

/* --- connections --- */

static int take_error_locked(struct vsock *vsock) REQUIRES(net_mutex)
{
	int error = vsock->error;

	vsock->error = 0;
	return error;
}

/* Begins, or tells what has become of what was begun. */
static int connect_locked(struct vsock *vsock, struct vsock_address to) REQUIRES(net_mutex)
{
	int error = 0;

	if (vsock->state == VSOCK_IDLE && vsock->error)
		return take_error_locked(vsock);
	if (vsock->state == VSOCK_IDLE) {
		error = vsock_start_connect(vsock, to);
		if (error)
			return error;
		vsock_settle(); /* within this machine the answer is there now */
		if (vsock->state == VSOCK_IDLE)
			return take_error_locked(vsock);
		error = -EINPROGRESS;
	} else if (vsock->state == VSOCK_CONNECTING) {
		error = -EALREADY;
	}
	if (vsock->state == VSOCK_CONNECTED && !vsock->connect_told) {
		vsock->connect_told = true;
		return 0;
	}
	if (error)
		return error;
	return vsock->state == VSOCK_LISTENING || vsock->shut ? -EINVAL : -EISCONN;
}

static int connect(struct socket *socket, const void *address, uint32_t bytes)
{
	struct vsock_address to;
	int error = read_address(address, bytes, &to);

	if (error)
		return error;
	mutex_lock(&net_mutex);
	error = connect_locked(vsock_of(socket), to);
	vsock_unlock();
	return error;
}

static int listen(struct socket *socket, int backlog)
{
	struct vsock *vsock = vsock_of(socket);
	int error = -EINVAL;

	mutex_lock(&net_mutex);
	if (vsock->is_bound && (vsock->state == VSOCK_IDLE || vsock->state == VSOCK_LISTENING)) {
		vsock->state = VSOCK_LISTENING;
		vsock->backlog = min((unsigned)backlog, (unsigned)BACKLOG_MAX);
		socket->listening = true;
		error = 0;
	}
	mutex_unlock(&net_mutex);
	return error;
}

static int accept(struct socket *socket, struct socket *accepted)
{
	struct vsock *vsock;

	mutex_lock(&net_mutex);
	vsock = vsock_take_pending(vsock_of(socket));
	if (vsock) {
		vsock->socket = accepted;
		accepted->private = vsock;
		accepted->ops = socket->ops;
	}
	vsock_unlock();
	return vsock ? 0 : -EAGAIN;
}

static int shutdown_locked(struct vsock *vsock, unsigned how) REQUIRES(net_mutex)
{
	switch (vsock->state) {
	case VSOCK_CONNECTED:
		vsock->shut |= (uint8_t)how;
		vsock_control(vsock, VSOCK_UNSENT_SHUTDOWN);
		break;
	case VSOCK_OVER:
	case VSOCK_BROKEN:
		vsock->shut |= (uint8_t)how;
		break;
	case VSOCK_CONNECTING:
		vsock_refused(vsock, -ECONNRESET);
		vsock_control(vsock, VSOCK_UNSENT_RST);
		break;
	default:
		return -ENOTCONN;
	}
	vsock_wake(vsock, WAKE_ANY);
	return 0;
}

static int shutdown(struct socket *socket, bool read, bool write)
{
	int error;

	mutex_lock(&net_mutex);
	error = shutdown_locked(vsock_of(socket),
				(read ? VSOCK_SHUT_RECEIVE : 0) | (write ? VSOCK_SHUT_SEND : 0));
	vsock_unlock();
	return error;
}

static int take_error(struct socket *socket)
{
	int error;

	mutex_lock(&net_mutex);
	error = take_error_locked(vsock_of(socket));
	mutex_unlock(&net_mutex);
	return error;
}

/* --- life --- */

/* SO_LINGER with a time: that the peer confirms the end is waited for. Nobody else has the socket any more. */
static void linger(struct socket *socket, struct vsock *vsock)
{
	uint64_t deadline = time_now() + (uint64_t)socket->linger * NS_PER_S;
	struct waiter waiter;
	struct waiter *waiters[] = { &waiter };
	bool pending = true;
	int error = 0;

	waiter_init(&waiter);
	waitq_add(&socket->waitq, &waiter);
	shutdown(socket, true, true);
	while (!error && pending) {
		mutex_lock(&net_mutex);
		pending = vsock->state == VSOCK_CONNECTED;
		mutex_unlock(&net_mutex);
		if (pending && !socket_before_sleep())
			error = thread_wait(waiters, 1, deadline, WAIT_INTERRUPTIBLE);
		waiter.woken = false;
	}
	waitq_remove(&socket->waitq, &waiter);
}

static void release(struct socket *socket)
{
	struct vsock *vsock = vsock_of(socket);

	if (socket->linger > 0 && vsock->state == VSOCK_CONNECTED)
		linger(socket, vsock);
	mutex_lock(&net_mutex);
	vsock_close(vsock);
	vsock_unlock();
}

static const struct socket_ops ops = {
	.bind = bind,
	.connect = connect,
	.listen = listen,
	.accept = accept,
	.name = name,
	.send = vsock_send,
	.receive = vsock_receive,
	.shutdown = shutdown,
	.set_option = vsock_set_option,
	.get_option = vsock_get_option,
	.ioctl = vsock_ioctl,
	.poll = poll,
	.take_error = take_error,
	.send_pages = vsock_send_pages,
	.send_room = vsock_send_room,
	.release = release,
};

static int create(struct socket *socket, int type, int protocol)
{
	struct vsock *vsock;
	int error;

	if (protocol && protocol != AF_VSOCK)
		return -EPROTONOSUPPORT;
	if (type == SOCK_DGRAM)
		return -ENODEV; /* no device has them */
	if (type != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	error = vsock_begin();
	if (error)
		return error;
	vsock = vsock_create();
	if (!vsock)
		return -ENOMEM;
	vsock->socket = socket;
	vsock->buffer_bytes = vsock->buffer_max = BUFFER_DEFAULT;
	vsock->buffer_min = BUFFER_MIN_DEFAULT;
	vsock->connect_timeout_ns = VSOCK_CONNECT_TIMEOUT_NS;
	socket->private = vsock;
	socket->ops = &ops;
	return 0;
}

static const struct socket_family vsock_family = { AF_VSOCK, "vsock", create };
SOCKET_FAMILY(vsock_family);
