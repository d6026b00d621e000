/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of SOL_SOCKET that all families have in common (socket(7)). Thread context. */
#include <net/socket.h>

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <core/time.h>

#include "internal.h"

struct linger {
	int32_t on, seconds;
};

struct time_value {
	int64_t seconds, microseconds;
};
_Static_assert(sizeof(struct time_value) == 16, "Linux's struct timeval");

/* Options that are on or off, and mean nothing more here. */
#define SWITCHES                                                                                 \
	(BIT64(SO_DEBUG) | BIT64(SO_REUSEADDR) | BIT64(SO_DONTROUTE) | BIT64(SO_BROADCAST) |     \
	 BIT64(SO_KEEPALIVE) | BIT64(SO_OOBINLINE) | BIT64(SO_NO_CHECK) | BIT64(SO_REUSEPORT) |  \
	 BIT64(SO_PASSCRED) | BIT64(SO_TIMESTAMP) | BIT64(SO_TIMESTAMPNS) | BIT64(SO_RXQ_OVFL) | \
	 BIT64(SO_PASSSEC) | BIT64(SO_SELECT_ERR_QUEUE))

static bool is_switch(int name)
{
	return name > 0 && name < 64 && SWITCHES >> name & 1;
}

int socket_option_int(const void *value, uint32_t bytes, int *out)
{
	if (bytes < sizeof *out)
		return -EINVAL;
	memcpy(out, value, sizeof *out);
	return 0;
}

int socket_option_put(void *value, uint32_t *bytes, const void *data, uint32_t size)
{
	*bytes = min(*bytes, size);
	memcpy(value, data, *bytes);
	return 0;
}

static int put_int(void *value, uint32_t *bytes, int number)
{
	return socket_option_put(value, bytes, &number, sizeof number);
}

/* --- setting --- */

static int set_linger(struct socket *socket, const void *value, uint32_t bytes)
{
	struct linger linger;

	if (bytes < sizeof linger)
		return -EINVAL;
	memcpy(&linger, value, sizeof linger);
	socket->linger = !linger.on ? -1 : max(linger.seconds, 0);
	return 0;
}

static int set_timeout(uint64_t *timeout_ns, const void *value, uint32_t bytes)
{
	struct time_value time;

	if (bytes < sizeof time)
		return -EINVAL;
	memcpy(&time, value, sizeof time);
	if (time.microseconds < 0 || time.microseconds >= 1000000)
		return -EDOM;
	if (time.seconds < 0)
		*timeout_ns = 0; /* Linux: do not wait */
	else if (!time.seconds && !time.microseconds)
		*timeout_ns = TIME_NEVER;
	else
		*timeout_ns = min((uint64_t)time.seconds, (uint64_t)INT32_MAX) * NS_PER_S +
			      (uint64_t)time.microseconds * NS_PER_US;
	return 0;
}

/* The program's figure counts its bytes; Linux doubles it for what it needs beside them. */
static uint32_t doubled(int wanted, uint32_t least, uint32_t most)
{
	return max(2 * min((uint32_t)wanted, most), least);
}

static int set_switch(struct socket *socket, int name, bool on)
{
	uint64_t bit = BIT64(name);

	/* One format of time stamps at a time. */
	if (name == SO_TIMESTAMP || name == SO_TIMESTAMPNS)
		socket->switches &= ~(BIT64(SO_TIMESTAMP) | BIT64(SO_TIMESTAMPNS));
	socket->switches = on ? socket->switches | bit : socket->switches & ~bit;
	return 0;
}

static int set_number(struct socket *socket, int name, int number)
{
	switch (name) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		socket->send_buffer = doubled(number, SOCKET_SEND_MIN,
					      name == SO_SNDBUF ? SOCKET_BUFFER_MAX
								: INT32_MAX / 2);
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		socket->receive_buffer = doubled(number, SOCKET_RECEIVE_MIN,
						 name == SO_RCVBUF ? SOCKET_BUFFER_MAX
								   : INT32_MAX / 2);
		return 0;
	case SO_RCVLOWAT:
		socket->receive_low = number < 0 ? INT32_MAX : max((uint32_t)number, 1u);
		return 0;
	case SO_PRIORITY:
		socket->priority = (uint32_t)number;
		return 0;
	case SO_MARK:
		socket->mark = (uint32_t)number;
		return 0;
	case SO_INCOMING_CPU:
	case SO_BUSY_POLL:
	case SO_MAX_PACING_RATE:
		return 0; /* advice about speed */
	default:          /* among them SO_TYPE, SO_ERROR and others that cannot be set */
		return -ENOPROTOOPT;
	}
}

int socket_set_common(struct socket *socket, int name, const void *value, uint32_t bytes)
{
	int number, error = socket_option_int(value, bytes, &number);

	if (error)
		return error;
	if (name == SO_LINGER)
		return set_linger(socket, value, bytes);
	if (name == SO_RCVTIMEO || name == SO_RCVTIMEO_NEW)
		return set_timeout(&socket->receive_timeout_ns, value, bytes);
	if (name == SO_SNDTIMEO || name == SO_SNDTIMEO_NEW)
		return set_timeout(&socket->send_timeout_ns, value, bytes);
	return is_switch(name) ? set_switch(socket, name, number)
			       : set_number(socket, name, number);
}

int socket_set_option(struct socket *socket, int level, int name, const void *value, uint32_t bytes)
{
	int error = socket->ops->set_option
			    ? socket->ops->set_option(socket, level, name, value, bytes)
			    : -ENOPROTOOPT;

	if (error == -ENOPROTOOPT && level == SOL_SOCKET)
		error = socket_set_common(socket, name, value, bytes);
	return error;
}

/* --- getting --- */

static int get_linger(const struct socket *socket, void *value, uint32_t *bytes)
{
	struct linger linger = { socket->linger >= 0, max(socket->linger, 0) };

	return socket_option_put(value, bytes, &linger, sizeof linger);
}

static int get_timeout(uint64_t timeout_ns, void *value, uint32_t *bytes)
{
	struct time_value time = { 0 };

	if (timeout_ns != TIME_NEVER)
		time = (struct time_value){ (int64_t)(timeout_ns / NS_PER_S),
					    (int64_t)(timeout_ns % NS_PER_S / NS_PER_US) };
	return socket_option_put(value, bytes, &time, sizeof time);
}

static int get_number(struct socket *socket, int name, int *out)
{
	switch (name) {
	case SO_TYPE:
		*out = socket->type;
		return 0;
	case SO_PROTOCOL:
		*out = socket->protocol;
		return 0;
	case SO_DOMAIN:
		*out = (int)socket->family->number;
		return 0;
	case SO_ACCEPTCONN:
		*out = socket->listening;
		return 0;
	case SO_ERROR:
		*out = socket->ops->take_error ? -socket->ops->take_error(socket) : 0;
		return 0;
	case SO_SNDBUF:
		*out = (int)socket->send_buffer;
		return 0;
	case SO_RCVBUF:
		*out = (int)socket->receive_buffer;
		return 0;
	case SO_RCVLOWAT:
		*out = (int)socket->receive_low;
		return 0;
	case SO_SNDLOWAT:
		*out = 1;
		return 0;
	case SO_PRIORITY:
		*out = (int)socket->priority;
		return 0;
	case SO_MARK:
		*out = (int)socket->mark;
		return 0;
	case SO_INCOMING_CPU:
	case SO_BUSY_POLL:
	case SO_BPF_EXTENSIONS:
		*out = 0;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_common(struct socket *socket, int name, void *value, uint32_t *bytes)
{
	int number, error;

	switch (name) {
	case SO_LINGER:
		return get_linger(socket, value, bytes);
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
		return get_timeout(socket->receive_timeout_ns, value, bytes);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		return get_timeout(socket->send_timeout_ns, value, bytes);
	case SO_COOKIE:
		if (*bytes < sizeof socket->number)
			return -EINVAL;
		return socket_option_put(value, bytes, &socket->number, sizeof socket->number);
	default:
		break;
	}
	if (is_switch(name))
		return put_int(value, bytes, socket_switch(socket, name));
	error = get_number(socket, name, &number);
	return error ? error : put_int(value, bytes, number);
}

int socket_get_option(struct socket *socket, int level, int name, void *value, uint32_t *bytes)
{
	uint32_t room = *bytes;
	int error = socket->ops->get_option
			    ? socket->ops->get_option(socket, level, name, value, bytes)
			    : -ENOPROTOOPT;

	if (error != -ENOPROTOOPT || level != SOL_SOCKET)
		return error;
	*bytes = room;
	return get_common(socket, name, value, bytes);
}
