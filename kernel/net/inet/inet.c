/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_INET and AF_INET6: making and ending sockets, their addresses, and what poll() tells (ip(7), ipv6(7), tcp(7), udp(7), icmp(7)). */
#include "inet.h"

#include <base/assert.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/user.h>
#include <mm/alloc.h>

enum { POLL_IN = POLLIN | POLLRDNORM, POLL_OUT = POLLOUT | POLLWRNORM };
/* What a connection shows that is over (tcp_poll() of Linux). */
enum { POLL_OVER = POLL_IN | POLL_OUT | POLLRDHUP | POLLHUP };

/* --- what poll() tells --- */

static bool has_enough(const struct inet *inet) REQUIRES(net_mutex)
{
	uint32_t low = inet->socket->receive_low;

	return low <= 1 || stack_pending_receive(inet->endpoint) >= low;
}

static unsigned connection_events(const struct inet *inet, unsigned now) REQUIRES(net_mutex)
{
	bool no_more = now & STACK_PEER_ENDED || inet->shut & STACK_SHUT_READ;
	unsigned events = 0;

	if (now & STACK_ENDED)
		return POLL_OVER | (now & STACK_FAILED ? POLLERR : 0);
	if (no_more)
		events |= POLL_IN | POLLRDHUP;
	else if (now & STACK_READABLE && has_enough(inet))
		events |= POLL_IN;
	if (inet->shut & STACK_SHUT_WRITE)
		events |= POLL_OUT | (no_more ? POLLHUP : 0);
	else if (now & STACK_WRITABLE)
		events |= POLL_OUT;
	return events;
}

static unsigned stream_events(const struct inet *inet, unsigned now) REQUIRES(net_mutex)
{
	switch (inet->state) {
	case INET_LISTENING:
		return now & STACK_READABLE ? POLL_IN : 0;
	case INET_CONNECTING:
		return now & STACK_ENDED ? POLL_OVER | POLLERR : 0;
	case INET_CONNECTED:
		return connection_events(inet, now);
	default:
		return POLL_OUT | POLLHUP;
	}
}

static unsigned datagram_events(const struct inet *inet, unsigned now)
{
	unsigned events = 0;

	if (now & STACK_READABLE)
		events |= POLL_IN;
	if (now & STACK_WRITABLE || inet->shut & STACK_SHUT_WRITE)
		events |= POLL_OUT;
	if (now & STACK_FAILED)
		events |= POLLERR;
	if (inet->shut & STACK_SHUT_READ)
		events |= POLL_IN | POLLRDHUP | (inet->shut & STACK_SHUT_WRITE ? POLLHUP : 0);
	return events;
}

void inet_refresh(struct inet *inet)
{
	unsigned now = stack_events(inet->endpoint);
	bool stream = inet->socket->type == SOCK_STREAM;

	if (inet->state == INET_CONNECTING && now & STACK_WRITABLE && !(now & STACK_ENDED))
		inet->state = INET_CONNECTED;
	__atomic_store_n(&inet->events,
			 stream ? stream_events(inet, now) : datagram_events(inet, now),
			 __ATOMIC_RELAXED);
	if (stream)
		__atomic_store_n(&inet->room,
				 inet->state == INET_CONNECTED && !(now & STACK_ENDED) &&
						 !(inet->shut & STACK_SHUT_WRITE)
					 ? (uint32_t)stack_send_room(inet->endpoint)
					 : 0,
				 __ATOMIC_RELAXED);
}

void inet_refresh_readable(struct inet *inet)
{
	uint32_t events = inet->events;

	if (events & (POLLRDHUP | POLLHUP | POLLERR) || inet->state != INET_CONNECTED) {
		inet_refresh(inet);
		return;
	}
	events &= ~(uint32_t)POLL_IN;
	if (stack_pending_receive(inet->endpoint) >= max(inet->socket->receive_low, 1u))
		events |= POLL_IN;
	__atomic_store_n(&inet->events, events, __ATOMIC_RELAXED);
}

void inet_refresh_sent(struct inet *inet, uint32_t bytes)
{
	/* While most of the room is left, poll() need not be told anything else. */
	if (inet->events & POLLOUT && bytes <= inet->room / 2)
		__atomic_store_n(&inet->room, inet->room - bytes, __ATOMIC_RELAXED);
	else
		inet_refresh(inet);
}

/* Wakes for what is new; for data each time, since an edge-triggered epoll counts arrivals. */
static void ready(struct stack_owner *owner, unsigned stack_events) REQUIRES(net_mutex)
{
	struct inet *inet = container_of(owner, struct inet, owner);
	uint32_t before = inet->events, wake;

	/* Most acknowledgements: there was room, and there is more of it now. */
	if (stack_events == STACK_WRITABLE && before & POLLOUT)
		return;
	if (inet->socket->type != SOCK_STREAM)
		inet_drop_unwanted(inet);
	inet_refresh(inet);
	wake = inet->events & ~before;
	if (stack_events & STACK_READABLE)
		wake |= inet->events & (POLL_IN | POLLRDHUP);
	if (wake)
		socket_wake(inet->socket, wake);
}

unsigned inet_poll(struct socket *socket)
{
	return __atomic_load_n(&inet_of(socket)->events, __ATOMIC_RELAXED);
}

/* --- life --- */

static int open_endpoint(struct inet *inet, enum stack_protocol protocol, unsigned number)
	REQUIRES(net_mutex)
{
	return stack_open(inet->socket->family->number, protocol, number, &inet->owner,
			  &inet->endpoint);
}

static struct inet *inet_new(struct socket *socket)
{
	struct inet *inet = mem_zalloc(sizeof *inet);

	if (!inet)
		return NULL;
	inet->owner.ready = ready;
	inet->socket = socket;
	inet->wishes = WISH_MULTICAST_ALL;
	socket->private = inet;
	return inet;
}

int inet_open(struct socket *socket, enum stack_protocol protocol, unsigned number)
{
	struct inet *inet = inet_new(socket);
	int error;

	if (!inet)
		return -ENOMEM;
	mutex_lock(&net_mutex);
	error = open_endpoint(inet, protocol, number);
	if (!error)
		inet_refresh(inet);
	mutex_unlock(&net_mutex);
	if (error)
		mem_free(inet);
	return error;
}

int inet_reopen(struct inet *inet)
{
	struct stack_endpoint *old = inet->endpoint;
	int error = open_endpoint(inet, STACK_TCP, 0);

	if (error) {
		inet->endpoint = old;
		return error;
	}
	stack_close(old, true);
	inet->state = INET_IDLE;
	inet->shut = 0;
	inet->connect_told = false;
	inet->socket->listening = false;
	inet_refresh(inet);
	return 0;
}

void inet_free(struct socket *socket)
{
	struct inet *inet = inet_of(socket);

	mem_free(inet->icmp6_filter);
	mem_free(inet);
}

static int create_stream(struct socket *socket, int protocol)
{
	if (protocol && protocol != IPPROTO_TCP)
		return -EPROTONOSUPPORT;
	socket->protocol = IPPROTO_TCP;
	socket->ops = &inet_stream_ops;
	/* Linux's net.ipv4.tcp_wmem and tcp_rmem. */
	socket->send_buffer = 16384;
	socket->receive_buffer = 131072;
	return inet_open(socket, STACK_TCP, 0);
}

static int create_datagram(struct socket *socket, int protocol)
{
	int icmp = socket->family->number == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	int error;

	socket->ops = &inet_datagram_ops;
	if (protocol == icmp) {
		error = inet_open(socket, STACK_RAW, (unsigned)icmp);
		if (!error)
			inet_of(socket)->ping = true;
		return error;
	}
	if (protocol && protocol != IPPROTO_UDP)
		return -EPROTONOSUPPORT;
	socket->protocol = IPPROTO_UDP;
	return inet_open(socket, STACK_UDP, 0);
}

static int create_raw(struct socket *socket, int protocol)
{
	if (protocol <= 0 || protocol > 255)
		return -EPROTONOSUPPORT;
	socket->ops = &inet_datagram_ops;
	return inet_open(socket, STACK_RAW, (unsigned)protocol);
}

static int create(struct socket *socket, int type, int protocol)
{
	if (protocol < 0 || protocol > 262 /* IPPROTO_MPTCP, the largest of Linux */)
		return -EINVAL;
	switch (type) {
	case SOCK_STREAM:
		return create_stream(socket, protocol);
	case SOCK_DGRAM:
		return create_datagram(socket, protocol);
	case SOCK_RAW:
		return create_raw(socket, protocol);
	default:
		return -ESOCKTNOSUPPORT;
	}
}

static const struct socket_family inet_family = { AF_INET, "inet", create };
static const struct socket_family inet6_family = { AF_INET6, "inet6", create };
SOCKET_FAMILY(inet_family);
SOCKET_FAMILY(inet6_family);

/* --- addresses --- */

/* AF_UNSPEC means the family's own where no address is given with it (ip(7), NOTES). */
static int bind_family(const struct inet *inet, const void *address, uint32_t bytes,
		       struct net_address *to)
{
	struct sockaddr_in in;

	if (to->ip.family != AF_UNSPEC)
		return 0;
	if (inet->socket->family->number != AF_INET)
		return -EAFNOSUPPORT;
	if (bytes < sizeof in)
		return -EINVAL;
	memcpy(&in, address, sizeof in);
	to->ip = ip_from_v4(in.address);
	to->port = swap16(in.port);
	return ip_is_any(&to->ip) ? 0 : -EAFNOSUPPORT;
}

int inet_bind(struct socket *socket, const void *address, uint32_t bytes)
{
	struct inet *inet = inet_of(socket);
	struct net_address to;
	int error = inet_read_address(inet, address, bytes, &to);

	if (!error)
		error = bind_family(inet, address, bytes, &to);
	if (error)
		return error;
	if (inet->v6_only && to.ip.family == AF_INET)
		return -EINVAL;
	mutex_lock(&net_mutex);
	if (inet->ping) {
		inet->ping_id = to.port;
		to.port = 0;
	}
	error = inet->state == INET_IDLE ? stack_bind(inet->endpoint, &to) : -EINVAL;
	mutex_unlock(&net_mutex);
	return error;
}

/* Whether nothing is left of a connection, as Linux has it: not even TIME_WAIT is the socket's. */
static bool is_over(const struct inet *inet) REQUIRES(net_mutex)
{
	enum { TIME_WAIT = 6, CLOSE = 7 };
	struct stack_tcp_info info;

	return !stack_tcp_info(inet->endpoint, &info) &&
	       (info.state == TIME_WAIT || info.state == CLOSE);
}

static int peer_of(const struct inet *inet, enum socket_name which, struct net_address *out)
	REQUIRES(net_mutex)
{
	if (inet->state != INET_CONNECTED || (which == SOCKET_NAME_PEER && is_over(inet)))
		return -ENOTCONN;
	return stack_peer(inet->endpoint, out);
}

int inet_name(struct socket *socket, void *address, enum socket_name which)
{
	struct inet *inet = inet_of(socket);
	bool peer = which != SOCKET_NAME_OWN;
	struct net_address at = { 0 };
	int error;

	mutex_lock(&net_mutex);
	error = peer ? peer_of(inet, which, &at) : stack_local(inet->endpoint, &at);
	if (inet->ping && !peer)
		at.port = inet->ping_id;
	mutex_unlock(&net_mutex);
	if (error)
		return error;
	if (at.ip.family == AF_INET && ip_is_any(&at.ip))
		at.ip.family = AF_UNSPEC; /* shown as :: by AF_INET6 */
	return (int)inet_write_address(inet, &at, address);
}

void inet_resolve_any(struct net_address *to)
{
	if (!ip_is_any(&to->ip))
		return;
	if (to->ip.family == AF_INET)
		to->ip = ip_from_v4((const uint8_t[]){ 127, 0, 0, 1 });
	else if (to->ip.family == AF_INET6)
		to->ip.bytes[15] = 1;
}

int inet_take_error(struct socket *socket)
{
	struct inet *inet = inet_of(socket);
	int error;

	mutex_lock(&net_mutex);
	error = stack_error(inet->endpoint);
	if (inet->socket->type != SOCK_STREAM)
		inet_drop_unwanted(inet); /* it could not while there was the error */
	inet_refresh(inet);
	mutex_unlock(&net_mutex);
	return error;
}

long inet_ioctl(struct socket *socket, unsigned cmd, uintptr_t arg)
{
	enum { FIONREAD = 0x541b, SIOCOUTQ = 0x5411, SIOCATMARK = 0x8905, SIOCOUTQNSD = 0x894b };
	struct inet *inet = inet_of(socket);
	int32_t bytes = 0;

	if (cmd != FIONREAD && cmd != SIOCOUTQ && cmd != SIOCOUTQNSD && cmd != SIOCATMARK)
		return -ENOTTY;
	if (inet->state == INET_LISTENING)
		return -EINVAL;
	mutex_lock(&net_mutex);
	if (cmd == FIONREAD)
		bytes = (int32_t)stack_pending_receive(inet->endpoint);
	else if (cmd != SIOCATMARK)
		bytes = (int32_t)stack_pending_send(inet->endpoint);
	mutex_unlock(&net_mutex);
	return user_write(arg, &bytes, sizeof bytes);
}
