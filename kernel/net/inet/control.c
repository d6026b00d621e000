/* SPDX-License-Identifier: BSD-3-Clause */
/* Control messages of datagrams: IP_PKTINFO, IPV6_PKTINFO, IP_TTL, IP_TOS, SO_TIMESTAMP and so on (ip(7), ipv6(7), RFC 3542). */
#include "inet.h"

#include "options.h"

#include <base/errno.h>
#include <base/string.h>
#include <core/time.h>

struct in_pktinfo {
	int32_t interface;
	uint8_t source[4], destination[4];
};
_Static_assert(sizeof(struct in_pktinfo) == 12, "Linux's struct in_pktinfo");

struct in6_pktinfo {
	uint8_t address[16];
	int32_t interface;
};
_Static_assert(sizeof(struct in6_pktinfo) == 20, "Linux's struct in6_pktinfo");

/* --- from the sender --- */

static int read_pktinfo(const struct control_item *item, struct net_address *from)
{
	struct in_pktinfo info;

	if (item->bytes != sizeof info)
		return -EINVAL;
	memcpy(&info, item->data, sizeof info);
	from->ip = ip_from_v4(info.source);
	from->scope = (uint32_t)info.interface;
	return 0;
}

static int read_pktinfo6(const struct control_item *item, struct net_address *from)
{
	struct in6_pktinfo info;

	if (item->bytes < sizeof info)
		return -EINVAL;
	memcpy(&info, item->data, sizeof info);
	from->ip.family = AF_INET6;
	memcpy(from->ip.bytes, info.address, sizeof info.address);
	from->scope = (uint32_t)info.interface;
	return 0;
}

/* A number in [least, 255]; IP_TOS may also be a single byte. */
static int read_number(const struct control_item *item, int least, int *out)
{
	uint8_t byte;

	if (item->bytes == sizeof byte && item->type == IP_TOS) {
		memcpy(&byte, item->data, sizeof byte);
		*out = byte;
		return 0;
	}
	if (item->bytes != sizeof *out)
		return -EINVAL;
	memcpy(out, item->data, sizeof *out);
	return *out < least || *out > 255 ? -EINVAL : 0;
}

static int read_ip_item(const struct control_item *item, struct inet_ancillary *out)
{
	switch (item->type) {
	case IP_PKTINFO:
		return read_pktinfo(item, &out->from);
	case IP_TTL:
		return read_number(item, 1, &out->ttl);
	case IP_TOS:
		return read_number(item, 0, &out->tos);
	default:
		return -EINVAL;
	}
}

static int read_ipv6_item(const struct control_item *item, struct inet_ancillary *out)
{
	switch (item->type) {
	case IPV6_PKTINFO:
		return read_pktinfo6(item, &out->from);
	case IPV6_HOPLIMIT:
		return read_number(item, -1, &out->ttl);
	case IPV6_TCLASS:
		return read_number(item, -1, &out->tos);
	default:
		return -EINVAL;
	}
}

int inet_read_control(const struct inet *inet, const struct socket_message *message,
		      struct inet_ancillary *out)
{
	struct control_item item;
	size_t offset = 0;
	int more, error = 0;

	*out = (struct inet_ancillary){ .ttl = -1, .tos = -1 };
	while (!error && message->control_bytes) {
		more = control_next(message->control, message->control_bytes, &offset, &item);
		if (more <= 0)
			return more;
		if (item.level == IPPROTO_IP)
			error = read_ip_item(&item, out);
		else if (item.level == IPPROTO_IPV6 && inet->socket->family->number == AF_INET6)
			error = read_ipv6_item(&item, out);
		else if (item.level == SOL_SOCKET && item.type != SO_MARK &&
			 item.type != SCM_RIGHTS && item.type != SCM_CREDENTIALS)
			error = -EINVAL;
	}
	/* Without an address it only names an interface, which the route knows as well. */
	if (out->from.ip.family != AF_UNSPEC && ip_is_any(&out->from.ip))
		out->from.ip.family = AF_UNSPEC;
	return error;
}

/* --- to the receiver --- */

static int add_timestamp(const struct inet *inet, const struct stack_datagram *datagram,
			 struct control_list *list)
{
	uint64_t ns = datagram->time_ns ? datagram->time_ns : time_wall();
	bool nano = socket_switch(inet->socket, SO_TIMESTAMPNS);
	int64_t stamp[2] = {
		(int64_t)(ns / NS_PER_S),
		(int64_t)(ns % NS_PER_S / (nano ? 1 : NS_PER_US)),
	};

	return control_add(list, SOL_SOCKET, nano ? SO_TIMESTAMPNS : SO_TIMESTAMP, stamp,
			   sizeof stamp);
}

static int add_pktinfo(const struct stack_datagram *datagram, struct control_list *list)
{
	struct in_pktinfo info = { .interface = (int32_t)datagram->interface };

	memcpy(info.source, datagram->to.ip.bytes, sizeof info.source);
	memcpy(info.destination, datagram->to.ip.bytes, sizeof info.destination);
	return control_add(list, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}

static int add_pktinfo6(const struct stack_datagram *datagram, struct control_list *list)
{
	struct in6_pktinfo info = { .interface = (int32_t)datagram->interface };

	ip_to_v6(&datagram->to.ip, info.address);
	return control_add(list, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static int add_number(struct control_list *list, int level, int type, int number)
{
	return control_add(list, level, type, &number, sizeof number);
}

static int add_v4(const struct inet *inet, const struct stack_datagram *datagram,
		  struct control_list *list)
{
	int error = 0;

	if (inet->wishes & WISH_PKTINFO)
		error = add_pktinfo(datagram, list);
	if (!error && inet->wishes & WISH_TTL)
		error = add_number(list, IPPROTO_IP, IP_TTL, datagram->ttl);
	if (!error && inet->wishes & WISH_TOS)
		error = control_add(list, IPPROTO_IP, IP_TOS, &datagram->tos, 1);
	if (!error && inet->wishes & WISH_ORIGINAL_DESTINATION) {
		struct sockaddr_in to = { .family = AF_INET, .port = swap16(datagram->to.port) };

		memcpy(to.address, datagram->to.ip.bytes, sizeof to.address);
		error = control_add(list, IPPROTO_IP, IP_RECVORIGDSTADDR, &to, sizeof to);
	}
	return error;
}

static int add_v6(const struct inet *inet, const struct stack_datagram *datagram,
		  struct control_list *list)
{
	int error = 0;

	if (inet->wishes & WISH_PKTINFO6)
		error = add_pktinfo6(datagram, list);
	if (!error && inet->wishes & WISH_HOPLIMIT6)
		error = add_number(list, IPPROTO_IPV6, IPV6_HOPLIMIT, datagram->ttl);
	if (!error && inet->wishes & WISH_TCLASS6)
		error = add_number(list, IPPROTO_IPV6, IPV6_TCLASS, datagram->tos);
	return error;
}

int inet_add_control(const struct inet *inet, const struct stack_datagram *datagram,
		     struct control_list *list)
{
	int error = 0;

	if (socket_switch(inet->socket, SO_TIMESTAMP) ||
	    socket_switch(inet->socket, SO_TIMESTAMPNS))
		error = add_timestamp(inet, datagram, list);
	if (!error && datagram->from.ip.family == AF_INET)
		error = add_v4(inet, datagram, list);
	if (!error && inet->socket->family->number == AF_INET6)
		error = add_v6(inet, datagram, list);
	return error;
}
