/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP, raw sockets, and datagram sockets of ICMP, which are raw endpoints that see only the replies to their own requests (udp(7),
 * raw(7), icmp(7)). */
#include "inet.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <core/random.h>
#include <mm/alloc.h>

enum {
	ICMP_ECHO_REPLY = 0,
	ICMP_ECHO = 8,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP_TYPES_FILTERED = 32, /* ICMP_FILTER knows so many */
	IP_HEADER_MIN = 20,
	RAW_MAX = 65535,
};

/* ICMP echo (RFC 792, RFC 4443): in network byte order. */
struct icmp_echo {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
};
_Static_assert(sizeof(struct icmp_echo) == 8, "RFC 792");

static bool is_v6(const struct inet *inet)
{
	return inet->socket->family->number == AF_INET6;
}

static bool is_raw(const struct inet *inet)
{
	return inet->socket->type == SOCK_RAW || inet->ping;
}

/* --- what an ICMP socket does not want --- */

/* Where the message begins in a packet of a raw endpoint: IPv4's come with their header. False: it is none. */
static bool icmp_offset(const struct inet *inet, const struct netbuf *packet, size_t *offset)
{
	uint8_t first;

	*offset = 0;
	if (is_v6(inet))
		return true;
	if (!netbuf_copy_out(packet, 0, &first, 1))
		return false;
	*offset = (size_t)(first & 15) * 4;
	return *offset >= IP_HEADER_MIN;
}

static bool passes_filter(const struct inet *inet, uint8_t type)
{
	if (is_v6(inet))
		return !inet->icmp6_filter || !(inet->icmp6_filter[type / 32] >> type % 32 & 1);
	return type >= ICMP_TYPES_FILTERED || !(inet->icmp_filter >> type & 1);
}

static bool is_wanted(const struct inet *inet, const struct netbuf *packet)
{
	struct icmp_echo echo;
	size_t offset;

	if (!icmp_offset(inet, packet, &offset))
		return false;
	if (!inet->ping)
		return netbuf_copy_out(packet, offset, &echo.type, 1) &&
		       passes_filter(inet, echo.type);
	return netbuf_copy_out(packet, offset, &echo, sizeof echo) &&
	       echo.type == (is_v6(inet) ? ICMP6_ECHO_REPLY : ICMP_ECHO_REPLY) &&
	       swap16(echo.id) == inet->ping_id;
}

static bool is_filtered(const struct inet *inet)
{
	return inet->ping || inet->icmp_filter || inet->icmp6_filter;
}

void inet_drop_unwanted(struct inet *inet)
{
	struct netbuf *packet;

	/* An error is for who asks: looking would take it. */
	while (is_filtered(inet) && !(stack_events(inet->endpoint) & STACK_FAILED) &&
	       !stack_peek(inet->endpoint, 0, SIZE_MAX, &packet, NULL) && packet) {
		bool wanted = is_wanted(inet, packet);

		netbuf_put_chain(packet);
		if (wanted || stack_receive(inet->endpoint, SIZE_MAX, &packet, NULL))
			return;
		netbuf_put_chain(packet);
	}
}

/* --- receiving --- */

static int take(struct inet *inet, const struct socket_message *message, struct netbuf **out,
		struct stack_datagram *datagram)
{
	int error;

	mutex_lock(&net_mutex);
	error = message->flags & MSG_PEEK ? stack_peek(inet->endpoint, 0, SIZE_MAX, out, datagram)
					  : stack_receive(inet->endpoint, SIZE_MAX, out, datagram);
	if (error == -EAGAIN && inet->shut & STACK_SHUT_READ)
		error = 0;
	if (is_filtered(inet))
		inet_drop_unwanted(inet); /* what comes next */
	inet_refresh(inet);
	mutex_unlock(&net_mutex);
	return error;
}

/* How much of a packet's front the receiver does not see: a ping socket's IP header. */
static size_t hidden_bytes(const struct inet *inet, const struct netbuf *packet)
{
	size_t offset;

	return inet->ping && icmp_offset(inet, packet, &offset) ? offset : 0;
}

/* Copies a packet from `skip` bytes on; 0 or -EFAULT. */
static int copy_packet(struct uio *uio, const struct netbuf *packet, size_t skip)
{
	for (; packet && uio->left; packet = packet->next) {
		size_t here = min(skip, (size_t)packet->bytes);
		size_t bytes = min(packet->bytes - here, uio->left);

		skip -= here;
		if (bytes && uio_put(uio, packet->data + here, bytes) != (ssize_t)bytes)
			return -EFAULT;
	}
	return 0;
}

static int deliver(struct inet *inet, struct socket_message *message, const struct netbuf *packet,
		   const struct stack_datagram *datagram)
{
	size_t skip = hidden_bytes(inet, packet);
	size_t bytes = packet->packet_bytes - skip, room = message->uio->left;
	int error = copy_packet(message->uio, packet, skip);

	if (error)
		return error;
	if (bytes > room)
		message->result_flags |= MSG_TRUNC;
	if (message->address) {
		struct net_address from = datagram->from;

		if (is_raw(inet))
			from.port = 0;
		message->address_bytes = inet_write_address(inet, &from, message->address);
	}
	if (message->received)
		error = inet_add_control(inet, datagram, message->received);
	return error ? error : (int)(message->flags & MSG_TRUNC ? bytes : min(bytes, room));
}

static ssize_t datagram_receive(struct socket *socket, struct socket_message *message)
{
	struct inet *inet = inet_of(socket);
	struct stack_datagram datagram;
	struct netbuf *packet = NULL;
	int result;

	if (unlikely(message->flags & (MSG_OOB | MSG_ERRQUEUE)))
		return message->flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
	result = take(inet, message, &packet, &datagram);
	message->address_bytes = 0;
	if (result || !packet)
		return result;
	result = deliver(inet, message, packet, &datagram);
	netbuf_put_chain(packet);
	return result;
}

/* --- sending --- */

/* Where to; family AF_UNSPEC: to the peer. */
static int destination(const struct inet *inet, const struct socket_message *message,
		       struct net_address *to)
{
	int error;

	*to = (struct net_address){ 0 };
	if (!message->address_bytes)
		return inet->state == INET_CONNECTED ? 0 : -EDESTADDRREQ;
	error = inet_read_address(inet, message->address, message->address_bytes, to);
	if (error)
		return error;
	if (to->ip.family == AF_UNSPEC)
		return inet->state == INET_CONNECTED ? 0 : -EDESTADDRREQ;
	if (to->ip.family == AF_INET && inet->v6_only)
		return -ENETUNREACH;
	if (!to->port && !is_raw(inet))
		return -EINVAL;
	inet_resolve_any(to);
	return 0;
}

static uint16_t checksum(const struct netbuf *chain)
{
	uint64_t sum = 0;
	bool odd = false;

	for (; chain; chain = chain->next)
		for (uint32_t i = 0; i < chain->bytes; i++, odd = !odd)
			sum += odd ? (uint64_t)chain->data[i] << 8 : chain->data[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* A ping socket sends echo requests with an id of its own. */
static int prepare_ping(struct inet *inet, struct netbuf *packet) REQUIRES(net_mutex)
{
	struct icmp_echo echo;

	if (!netbuf_copy_out(packet, 0, &echo, sizeof echo) || echo.code ||
	    echo.type != (is_v6(inet) ? ICMP6_ECHO : ICMP_ECHO))
		return -EINVAL;
	while (!inet->ping_id)
		random_bytes(&inet->ping_id, sizeof inet->ping_id);
	echo.id = swap16(inet->ping_id);
	echo.checksum = 0;
	memcpy(packet->data, &echo, sizeof echo);
	if (!is_v6(inet)) { /* IPv6's has a pseudo header: the stack's */
		echo.checksum = checksum(packet);
		memcpy(packet->data, &echo, sizeof echo);
	}
	return 0;
}

/* An option for one packet: the value before, or -1 where nothing was changed. */
static int replace_option(struct inet *inet, enum stack_option option, int value)
	REQUIRES(net_mutex)
{
	int before;

	if (value < 0 || stack_get(inet->endpoint, option, &before) ||
	    stack_set(inet->endpoint, option, value))
		return -1;
	return before;
}

static void restore_option(struct inet *inet, enum stack_option option, int before)
	REQUIRES(net_mutex)
{
	if (before >= 0) {
		int error = stack_set(inet->endpoint, option, before);
		(void)error; /* it had this value */
	}
}

static int send_prepared(struct inet *inet, const struct stack_send *request,
			 const struct inet_ancillary *ancillary) REQUIRES(net_mutex)
{
	int ttl = replace_option(inet, STACK_TTL, ancillary->ttl);
	int tos = replace_option(inet, STACK_TOS, ancillary->tos);
	int error = stack_send(inet->endpoint, request);

	restore_option(inet, STACK_TTL, ttl);
	restore_option(inet, STACK_TOS, tos);
	return error;
}

static int send_locked(struct inet *inet, const struct stack_send *request,
		       const struct inet_ancillary *ancillary) REQUIRES(net_mutex)
{
	int error = 0;

	if (inet->shut & STACK_SHUT_WRITE)
		error = -EPIPE;
	else if (unlikely(inet->ping))
		error = prepare_ping(inet, request->data);
	if (!error && unlikely(!stack_send_room(inet->endpoint)))
		error = -EAGAIN;
	if (error) {
		netbuf_put_chain(request->data);
		return error;
	}
	error = send_prepared(inet, request, ancillary);
	inet_refresh(inet);
	return error;
}

static ssize_t datagram_send(struct socket *socket, struct socket_message *message)
{
	struct inet *inet = inet_of(socket);
	struct uio before = *message->uio;
	size_t bytes = before.left;
	struct inet_ancillary ancillary;
	struct net_address to;
	struct stack_send request = { 0 };
	int error;

	if (unlikely(message->flags & MSG_OOB))
		return -EOPNOTSUPP;
	if (bytes > (is_raw(inet) ? RAW_MAX : DATAGRAM_MAX))
		return -EMSGSIZE;
	error = destination(inet, message, &to);
	if (!error)
		error = inet_read_control(inet, message, &ancillary);
	if (!error)
		error = inet_gather(message->uio, bytes, &request.data);
	if (error)
		return error;
	request.to = to.ip.family == AF_UNSPEC ? NULL : &to;
	request.from = ancillary.from.ip.family == AF_UNSPEC ? NULL : &ancillary.from;
	mutex_lock(&net_mutex);
	error = send_locked(inet, &request, &ancillary);
	mutex_unlock(&net_mutex);
	if (error == -EAGAIN)
		*message->uio = before;
	return error ? error : (ssize_t)bytes;
}

/* --- connections and ends --- */

static int datagram_connect(struct socket *socket, const void *address, uint32_t bytes)
{
	struct inet *inet = inet_of(socket);
	struct net_address to;
	int error = inet_read_address(inet, address, bytes, &to);

	if (error)
		return error;
	if (to.ip.family == AF_INET && inet->v6_only)
		return -ENETUNREACH;
	if (to.ip.family != AF_UNSPEC)
		inet_resolve_any(&to);
	mutex_lock(&net_mutex);
	error = stack_connect(inet->endpoint, &to);
	if (!error)
		inet->state = to.ip.family == AF_UNSPEC ? INET_IDLE : INET_CONNECTED;
	inet_refresh(inet);
	mutex_unlock(&net_mutex);
	return error;
}

static int datagram_shutdown(struct socket *socket, bool read, bool write)
{
	struct inet *inet = inet_of(socket);
	int error;

	mutex_lock(&net_mutex);
	inet->shut |= (uint8_t)((read ? STACK_SHUT_READ : 0) | (write ? STACK_SHUT_WRITE : 0));
	/* As on Linux, it also takes effect where it fails. */
	error = inet->state == INET_CONNECTED ? 0 : -ENOTCONN;
	inet_refresh(inet);
	mutex_unlock(&net_mutex);
	socket_wake(socket, WAKE_ANY);
	return error;
}

static void datagram_release(struct socket *socket)
{
	mutex_lock(&net_mutex);
	stack_close(inet_of(socket)->endpoint, false);
	mutex_unlock(&net_mutex);
	inet_free(socket);
}

const struct socket_ops inet_datagram_ops = {
	.bind = inet_bind,
	.connect = datagram_connect,
	.name = inet_name,
	.send = datagram_send,
	.receive = datagram_receive,
	.shutdown = datagram_shutdown,
	.set_option = inet_set_option,
	.get_option = inet_get_option,
	.ioctl = inet_ioctl,
	.poll = inet_poll,
	.take_error = inet_take_error,
	.release = datagram_release,
};
