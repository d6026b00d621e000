/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of inet sockets: which of the stack's, or of our own switches, each name means, and what values it takes. */
#include "options.h"

#include "../internal.h"
#include "inet.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>
#include <net/interface.h>

enum option_kind { KIND_STACK, KIND_WISH };

enum option_of { OF_ALL, OF_TCP, OF_DATAGRAM };

/* One option with a number as its value. */
struct option {
	uint8_t level, name;
	uint8_t kind, of;
	uint32_t target; /* enum stack_option, or enum inet_wish */
	int32_t least, most;
	int32_t standard; /* what -1 means; with least 0 and no such meaning: -1 */
};

static const struct option options[] = {
	{ SOL_SOCKET, SO_REUSEADDR, KIND_STACK, OF_ALL, STACK_REUSE_ADDRESS, 0, 1, -1 },
	{ SOL_SOCKET, SO_REUSEPORT, KIND_STACK, OF_ALL, STACK_REUSE_PORT, 0, 1, -1 },
	{ SOL_SOCKET, SO_KEEPALIVE, KIND_STACK, OF_TCP, STACK_KEEPALIVE, 0, 1, -1 },
	{ SOL_SOCKET, SO_BROADCAST, KIND_STACK, OF_ALL, STACK_BROADCAST, 0, 1, -1 },

	{ IPPROTO_IP, IP_TOS, KIND_STACK, OF_ALL, STACK_TOS, 0, 255, -1 },
	{ IPPROTO_IP, IP_TTL, KIND_STACK, OF_ALL, STACK_TTL, 1, 255, 64 },
	{ IPPROTO_IP, IP_MULTICAST_TTL, KIND_STACK, OF_DATAGRAM, STACK_MULTICAST_TTL, 0, 255, 1 },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, KIND_STACK, OF_ALL, STACK_MULTICAST_LOOP, 0, 1, -1 },
	{ IPPROTO_IP, IP_PKTINFO, KIND_WISH, OF_ALL, WISH_PKTINFO, 0, 1, -1 },
	{ IPPROTO_IP, IP_RECVTTL, KIND_WISH, OF_ALL, WISH_TTL, 0, 1, -1 },
	{ IPPROTO_IP, IP_RECVTOS, KIND_WISH, OF_ALL, WISH_TOS, 0, 1, -1 },
	{ IPPROTO_IP, IP_RECVOPTS, KIND_WISH, OF_ALL, WISH_OPTIONS, 0, 1, -1 },
	{ IPPROTO_IP, IP_RETOPTS, KIND_WISH, OF_ALL, WISH_RETURN_OPTIONS, 0, 1, -1 },
	{ IPPROTO_IP, IP_RECVORIGDSTADDR, KIND_WISH, OF_ALL, WISH_ORIGINAL_DESTINATION, 0, 1, -1 },
	{ IPPROTO_IP, IP_RECVERR, KIND_WISH, OF_ALL, WISH_RECVERR, 0, 1, -1 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, KIND_WISH, OF_ALL, WISH_BIND_NO_PORT, 0, 1, -1 },

	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, KIND_STACK, OF_ALL, STACK_TTL, 0, 255, 64 },
	{ IPPROTO_IPV6, IPV6_TCLASS, KIND_STACK, OF_ALL, STACK_TOS, 0, 255, 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, KIND_STACK, OF_DATAGRAM, STACK_MULTICAST_TTL, 0, 255,
	  1 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP, KIND_STACK, OF_ALL, STACK_MULTICAST_LOOP, 0, 1, -1 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_IF, KIND_STACK, OF_DATAGRAM, STACK_MULTICAST_INTERFACE, 0,
	  INT32_MAX, -1 },
	{ IPPROTO_IPV6, IPV6_RECVPKTINFO, KIND_WISH, OF_ALL, WISH_PKTINFO6, 0, 1, -1 },
	{ IPPROTO_IPV6, IPV6_RECVHOPLIMIT, KIND_WISH, OF_ALL, WISH_HOPLIMIT6, 0, 1, -1 },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, KIND_WISH, OF_ALL, WISH_TCLASS6, 0, 1, -1 },
	{ IPPROTO_IPV6, IPV6_RECVERR, KIND_WISH, OF_ALL, WISH_RECVERR6, 0, 1, -1 },

	{ IPPROTO_TCP, TCP_NODELAY, KIND_STACK, OF_TCP, STACK_TCP_NODELAY, 0, 1, -1 },
	{ IPPROTO_TCP, TCP_CORK, KIND_STACK, OF_TCP, STACK_TCP_CORK, 0, 1, -1 },
	{ IPPROTO_TCP, TCP_QUICKACK, KIND_STACK, OF_TCP, STACK_TCP_QUICKACK, 0, 1, -1 },
	{ IPPROTO_TCP, TCP_MAXSEG, KIND_STACK, OF_TCP, STACK_TCP_MAXSEG, 88, 32767, -1 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, KIND_STACK, OF_TCP, STACK_TCP_KEEPIDLE, 1, 32767, -1 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, KIND_STACK, OF_TCP, STACK_TCP_KEEPINTVL, 1, 32767, -1 },
	{ IPPROTO_TCP, TCP_KEEPCNT, KIND_STACK, OF_TCP, STACK_TCP_KEEPCNT, 1, 127, -1 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, KIND_STACK, OF_TCP, STACK_TCP_USER_TIMEOUT, 0, INT32_MAX,
	  -1 },
	{ IPPROTO_TCP, TCP_DEFER_ACCEPT, KIND_STACK, OF_TCP, STACK_TCP_DEFER_ACCEPT, 0, INT32_MAX,
	  -1 },
};

static const struct option *find_option(const struct inet *inet, int level, int name)
{
	enum option_of of = inet->socket->type == SOCK_STREAM ? OF_TCP : OF_DATAGRAM;

	for (size_t i = 0; i < countof(options); i++)
		if (options[i].level == level && options[i].name == name)
			return options[i].of == OF_ALL || options[i].of == of ? &options[i] : NULL;
	return NULL;
}

static bool is_switch(const struct option *option)
{
	return !option->least && option->most == 1;
}

/* IPPROTO_IP takes a single byte as well (ip(7)). */
static int read_number(int level, const void *value, uint32_t bytes, int *out)
{
	if (level == IPPROTO_IP && bytes >= 1 && bytes < sizeof(int)) {
		*out = *(const uint8_t *)value;
		return 0;
	}
	return socket_option_int(value, bytes, out);
}

static int set_listed(struct inet *inet, const struct option *option, const void *value,
		      uint32_t bytes)
{
	int number, error = read_number(option->level, value, bytes, &number);

	if (error)
		return error;
	if (is_switch(option))
		number = number != 0;
	else if (number == -1 && option->standard >= 0)
		number = option->standard;
	if (number < option->least || number > option->most)
		return -EINVAL;
	if (option->kind == KIND_WISH) {
		inet->wishes = number ? inet->wishes | option->target
				      : inet->wishes & ~option->target;
		return 0;
	}
	mutex_lock(&net_mutex);
	error = stack_set(inet->endpoint, (enum stack_option)option->target, number);
	inet_refresh(inet);
	mutex_unlock(&net_mutex);
	return error;
}

static int stack_number(struct inet *inet, enum stack_option option, int *out)
{
	int error;

	mutex_lock(&net_mutex);
	error = stack_get(inet->endpoint, option, out);
	mutex_unlock(&net_mutex);
	return error;
}

static int put_number(void *value, uint32_t *bytes, int number)
{
	return socket_option_put(value, bytes, &number, sizeof number);
}

static int get_listed(struct inet *inet, const struct option *option, void *value, uint32_t *bytes)
{
	int number = (inet->wishes & option->target) != 0;
	int error = option->kind == KIND_WISH
			    ? 0
			    : stack_number(inet, (enum stack_option)option->target, &number);

	return error ? error : put_number(value, bytes, number);
}

/* --- SOL_SOCKET --- */

/* What the common code keeps, and the stack has to know then. */
static int set_kept(struct inet *inet, int name, const void *value, uint32_t bytes)
{
	struct socket *socket = inet->socket;
	int error = socket_set_common(socket, name, value, bytes);

	if (error)
		return error;
	mutex_lock(&net_mutex);
	/* What Linux doubles for its own needs is the program's once. */
	if (name == SO_SNDBUF || name == SO_SNDBUFFORCE)
		error = stack_set(inet->endpoint, STACK_SEND_BUFFER,
				  (int)(socket->send_buffer / 2));
	else if (name == SO_RCVBUF || name == SO_RCVBUFFORCE)
		error = stack_set(inet->endpoint, STACK_RECEIVE_BUFFER,
				  (int)(socket->receive_buffer / 2));
	else if (name != SO_RCVLOWAT && socket->type != SOCK_STREAM)
		error = stack_set(inet->endpoint, STACK_TIMESTAMPS, 1);
	inet_refresh(inet);
	mutex_unlock(&net_mutex);
	return error;
}

static int bind_to_device(struct inet *inet, const void *value, uint32_t bytes)
{
	char name[INTERFACE_NAME_BYTES] = { 0 };
	uint32_t index;
	int error;

	memcpy(name, value, min(bytes, (uint32_t)sizeof name - 1));
	mutex_lock(&net_mutex);
	index = name[0] ? interface_index(name) : 0;
	error = name[0] && !index ? -ENODEV
				  : stack_set(inet->endpoint, STACK_BIND_TO_DEVICE, (int)index);
	mutex_unlock(&net_mutex);
	return error;
}

static int bound_device(struct inet *inet, void *value, uint32_t *bytes)
{
	struct interface_info info;
	int index = 0, error = -ENOENT;

	mutex_lock(&net_mutex);
	if (!stack_get(inet->endpoint, STACK_BIND_TO_DEVICE, &index) && index)
		for (unsigned nth = 0; !(error = interface_info(nth, &info)); nth++)
			if (info.index == (uint32_t)index)
				break;
	mutex_unlock(&net_mutex);
	if (error) {
		*bytes = 0;
		return 0;
	}
	if (*bytes < sizeof info.name)
		return -EINVAL;
	return socket_option_put(value, bytes, info.name, (uint32_t)strlen(info.name) + 1);
}

static int bind_to_index(struct inet *inet, const void *value, uint32_t bytes)
{
	int index, error = socket_option_int(value, bytes, &index);

	if (error || index < 0)
		return error ? error : -EINVAL;
	mutex_lock(&net_mutex);
	error = stack_set(inet->endpoint, STACK_BIND_TO_DEVICE, index);
	mutex_unlock(&net_mutex);
	return error;
}

static int set_socket_option(struct inet *inet, int name, const void *value, uint32_t bytes)
{
	switch (name) {
	case SO_BINDTODEVICE:
		return bind_to_device(inet, value, bytes);
	case SO_BINDTOIFINDEX:
		return bind_to_index(inet, value, bytes);
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
	case SO_RCVLOWAT:
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
		return set_kept(inet, name, value, bytes);
	default:
		return -ENOPROTOOPT;
	}
}

/* --- single ones --- */

static int set_v6_only(struct inet *inet, const void *value, uint32_t bytes)
{
	int on, error = socket_option_int(value, bytes, &on);

	if (error)
		return error;
	mutex_lock(&net_mutex);
	error = stack_set(inet->endpoint, STACK_V6_ONLY, on != 0);
	mutex_unlock(&net_mutex);
	if (!error)
		inet->v6_only = on != 0;
	return error;
}

static int set_icmp_filter(struct inet *inet, const void *value, uint32_t bytes)
{
	memcpy(&inet->icmp_filter, value, min(bytes, (uint32_t)sizeof inet->icmp_filter));
	return 0;
}

static int set_icmp6_filter(struct inet *inet, const void *value, uint32_t bytes)
{
	enum { FILTER_BYTES = 32 };

	if (!inet->icmp6_filter)
		inet->icmp6_filter = mem_zalloc(FILTER_BYTES);
	if (!inet->icmp6_filter)
		return -ENOMEM;
	memcpy(inet->icmp6_filter, value, min(bytes, (uint32_t)FILTER_BYTES));
	return 0;
}

static bool is_raw_icmp(const struct inet *inet, int protocol)
{
	return inet->socket->type == SOCK_RAW && inet->socket->protocol == protocol;
}

/* Path MTU discovery is always on: what asks for that, or asks what it does anyhow, is granted. */
static int set_mtu_discovery(const void *value, uint32_t bytes, int level)
{
	enum { PMTUDISC_OMIT = 5 };
	int mode, error = read_number(level, value, bytes, &mode);

	return error ? error : mode >= 0 && mode <= PMTUDISC_OMIT ? 0 : -EINVAL;
}

static int set_ip_option(struct inet *inet, int name, const void *value, uint32_t bytes)
{
	switch (name) {
	case IP_MTU_DISCOVER:
		return set_mtu_discovery(value, bytes, IPPROTO_IP);
	case IP_MULTICAST_ALL:
	case IP_FREEBIND:
		return 0;
	default:
		return inet_set_multicast(inet, IPPROTO_IP, name, value, bytes);
	}
}

static int set_ipv6_option(struct inet *inet, int name, const void *value, uint32_t bytes)
{
	if (inet->socket->family->number != AF_INET6)
		return -ENOPROTOOPT;
	switch (name) {
	case IPV6_V6ONLY:
		return set_v6_only(inet, value, bytes);
	case IPV6_MTU_DISCOVER:
		return set_mtu_discovery(value, bytes, IPPROTO_IPV6);
	case IPV6_MULTICAST_ALL:
	case IPV6_AUTOFLOWLABEL:
	case IPV6_DONTFRAG:
	case IPV6_FREEBIND:
		return 0;
	default:
		return inet_set_multicast(inet, IPPROTO_IPV6, name, value, bytes);
	}
}

int inet_set_option(struct socket *socket, int level, int name, const void *value, uint32_t bytes)
{
	struct inet *inet = inet_of(socket);
	const struct option *option = find_option(inet, level, name);

	if (level == IPPROTO_IPV6 && socket->family->number != AF_INET6)
		return -ENOPROTOOPT;
	if (option)
		return set_listed(inet, option, value, bytes);
	if (level == SOL_SOCKET)
		return set_socket_option(inet, name, value, bytes);
	if (level == IPPROTO_IP)
		return set_ip_option(inet, name, value, bytes);
	if (level == IPPROTO_IPV6)
		return set_ipv6_option(inet, name, value, bytes);
	if (level == IPPROTO_TCP && socket->type == SOCK_STREAM)
		return inet_set_tcp_option(inet, name, value, bytes);
	if (level == SOL_RAW && name == ICMP_FILTER && is_raw_icmp(inet, IPPROTO_ICMP))
		return set_icmp_filter(inet, value, bytes);
	if (level == IPPROTO_ICMPV6 && name == ICMP6_FILTER && is_raw_icmp(inet, IPPROTO_ICMPV6))
		return set_icmp6_filter(inet, value, bytes);
	return -ENOPROTOOPT;
}

static int get_mtu(struct inet *inet, void *value, uint32_t *bytes)
{
	struct interface_info info;
	int index = 0, error = -ENOTCONN;

	mutex_lock(&net_mutex);
	if (inet->state == INET_CONNECTED) {
		/* Of the device it is bound to, else of the first that is not the loopback. */
		if (stack_get(inet->endpoint, STACK_BIND_TO_DEVICE, &index))
			index = 0;
		error = interface_info(1, &info);
		if (error)
			error = interface_info(0, &info);
	}
	mutex_unlock(&net_mutex);
	return error ? error : put_number(value, bytes, (int)info.mtu);
}

static int get_single(struct inet *inet, int level, int name, void *value, uint32_t *bytes)
{
	enum { PMTUDISC_WANT = 1 };
	bool v6 = level == IPPROTO_IPV6;

	if (level == SOL_RAW && name == ICMP_FILTER && is_raw_icmp(inet, IPPROTO_ICMP))
		return socket_option_put(value, bytes, &inet->icmp_filter,
					 sizeof inet->icmp_filter);
	if (level != IPPROTO_IP && !v6)
		return -ENOPROTOOPT;
	if (v6 && name == IPV6_V6ONLY)
		return put_number(value, bytes, inet->v6_only);
	if (name == (v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER))
		return put_number(value, bytes, PMTUDISC_WANT);
	if (name == (v6 ? IPV6_MTU : IP_MTU))
		return get_mtu(inet, value, bytes);
	if (name == (v6 ? IPV6_MULTICAST_ALL : IP_MULTICAST_ALL))
		return put_number(value, bytes, 1);
	if (!v6 && name == IP_OPTIONS) {
		*bytes = 0;
		return 0;
	}
	return -ENOPROTOOPT;
}

int inet_get_option(struct socket *socket, int level, int name, void *value, uint32_t *bytes)
{
	struct inet *inet = inet_of(socket);
	const struct option *option = find_option(inet, level, name);

	if (level == IPPROTO_IPV6 && socket->family->number != AF_INET6)
		return -ENOPROTOOPT;
	if (option)
		return get_listed(inet, option, value, bytes);
	if (level == SOL_SOCKET)
		return name == SO_BINDTODEVICE ? bound_device(inet, value, bytes) : -ENOPROTOOPT;
	if (level == IPPROTO_TCP && socket->type == SOCK_STREAM)
		return inet_get_tcp_option(inet, name, value, bytes);
	return get_single(inet, level, name, value, bytes);
}
