/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of AF_INET and AF_INET6 share. An inet socket is an endpoint of the stack, and what poll() tells of it, which is kept up
 * to date under net_mutex whenever the endpoint was touched, so that poll() itself takes no lock. User memory is only touched
 * without net_mutex.
 */
#pragma once

#include <net/socket.h>
#include <net/stack.h>

enum {
	IPPROTO_IP = 0,
	IPPROTO_ICMP = 1,
	IPPROTO_TCP = 6,
	IPPROTO_UDP = 17,
	IPPROTO_IPV6 = 41,
	IPPROTO_ICMPV6 = 58,
	IPPROTO_RAW = 255,
	SOL_RAW = 255,
};

enum { PORT_MAX = 65535, DATAGRAM_MAX = 65507 };

/** struct sockaddr_in and sockaddr_in6 of Linux; ports and addresses in network byte order. */
struct sockaddr_in {
	uint16_t family, port;
	uint8_t address[4];
	uint8_t zero[8];
};
_Static_assert(sizeof(struct sockaddr_in) == 16, "Linux's struct sockaddr_in");

struct sockaddr_in6 {
	uint16_t family, port;
	uint32_t flow;
	uint8_t address[16];
	uint32_t scope;
};
_Static_assert(sizeof(struct sockaddr_in6) == 28, "Linux's struct sockaddr_in6");
enum { SOCKADDR_IN6_MIN = 24 }; /* without the scope, as RFC 2133 had it */

enum inet_state { INET_IDLE, INET_LISTENING, INET_CONNECTING, INET_CONNECTED };

/** What a receiver wants to be told by control messages, and other switches of single options. */
enum inet_wish {
	WISH_PKTINFO = BIT(0),
	WISH_TTL = BIT(1),
	WISH_TOS = BIT(2),
	WISH_ORIGINAL_DESTINATION = BIT(3),
	WISH_PKTINFO6 = BIT(4),
	WISH_HOPLIMIT6 = BIT(5),
	WISH_TCLASS6 = BIT(6),
	WISH_RECVERR = BIT(7),
	WISH_RECVERR6 = BIT(8),
	WISH_FREEBIND = BIT(9),
	WISH_TRANSPARENT = BIT(10),
	WISH_MULTICAST_ALL = BIT(11),
	WISH_HEADER = BIT(12), /* IP_HDRINCL */
	WISH_FLOWINFO_SEND = BIT(13),
	WISH_BIND_NO_PORT = BIT(14),
	WISH_OPTIONS = BIT(15), /* the stack keeps none of a packet's: there is nothing to tell */
	WISH_RETURN_OPTIONS = BIT(16),
};

struct inet {
	struct stack_owner owner;
	struct socket *socket;
	struct stack_endpoint *endpoint; /* [net_mutex] */
	uint32_t events;                 /* atomic; POLL*, as of the last refresh */
	uint32_t room; /* atomic; of a stream: bytes that may be sent, as of the last refresh */
	uint32_t unreported; /* atomic; bytes of a stream that were read, for stack_consumed() */
	uint32_t wishes;     /* enum inet_wish */
	uint8_t state;       /* [net_mutex] enum inet_state */
	uint8_t shut;        /* [net_mutex] STACK_SHUT_* */
	bool connect_told;   /* [net_mutex] connect(2) has returned 0 */
	bool v6_only;
	bool ping;              /* a datagram socket of ICMP */
	uint16_t ping_id;       /* [net_mutex] the port of such a one; 0: none yet */
	uint32_t icmp_filter;   /* of raw ICMP: types that are not wanted */
	uint32_t *icmp6_filter; /* [owned] 8 words, of raw ICMPv6; NULL: all are wanted */
};

static inline struct inet *inet_of(const struct socket *socket)
{
	return socket->private;
}

extern const struct socket_ops inet_stream_ops, inet_datagram_ops;

/** Brings `events` and `room` up to date after anything that the endpoint was asked to do. */
void inet_refresh(struct inet *inet) REQUIRES(net_mutex);

/** The same for less, after a stream was read, or so many bytes of it were sent. */
void inet_refresh_readable(struct inet *inet) REQUIRES(net_mutex);
void inet_refresh_sent(struct inet *inet, uint32_t bytes) REQUIRES(net_mutex);

/** Takes off the queue of an ICMP socket what it does not want, up to the first packet that it does. */
void inet_drop_unwanted(struct inet *inet) REQUIRES(net_mutex);

/** An inet socket's private part with an endpoint; sets socket->private. -ENOMEM, -EPROTONOSUPPORT. */
int must_check inet_open(struct socket *socket, enum stack_protocol protocol, unsigned number);

/** Gives the socket a new endpoint, as if just opened, in place of its own, which is reset. -ENOMEM: it keeps the old one. */
int must_check inet_reopen(struct inet *inet) REQUIRES(net_mutex);

void inet_free(struct socket *socket);

/* --- addresses (address.c) --- */

/** Reads a program's address for a socket: v4-mapped ones become AF_INET. -EINVAL: too short; -EAFNOSUPPORT. `*out` has family
 * AF_UNSPEC where that is what it says. */
int must_check inet_read_address(const struct inet *inet, const void *address, uint32_t bytes,
				 struct net_address *out);

/** As the socket's family shows it; returns its length. */
uint32_t inet_write_address(const struct inet *inet, const struct net_address *address, void *out);

bool ip_is_any(const struct ip_address *ip);
bool ip_is_multicast(const struct ip_address *ip);
struct ip_address ip_from_v4(const void *bytes);

/** The IPv6 form: v4-mapped where it is IPv4; zeros for AF_UNSPEC. */
void ip_to_v6(const struct ip_address *ip, uint8_t out[16]);

static inline uint16_t swap16(uint16_t v)
{
	return __builtin_bswap16(v);
}

/* --- what both kinds of sockets do alike (inet.c) --- */

int inet_bind(struct socket *socket, const void *address, uint32_t bytes);
int inet_name(struct socket *socket, void *address, enum socket_name which);
unsigned inet_poll(struct socket *socket);
int inet_take_error(struct socket *socket);

/** How much is queued. -ENOTTY: asks for something else. */
long inet_ioctl(struct socket *socket, unsigned cmd, uintptr_t arg);

/** Where a connection to no address in particular goes: to this machine. */
void inet_resolve_any(struct net_address *to);

/** A chain of `bytes` from the program, with room for headers. -ENOBUFS, -EFAULT. */
int must_check inet_gather(struct uio *uio, size_t bytes, struct netbuf **out);

/** Copies a chain out; returns how much, or -EFAULT where nothing could be. */
ssize_t must_check inet_scatter(struct uio *uio, const struct netbuf *chain);

/* --- options.c, tcp_options.c, multicast.c --- */

int inet_set_option(struct socket *socket, int level, int name, const void *value, uint32_t bytes);
int inet_get_option(struct socket *socket, int level, int name, void *value, uint32_t *bytes);
int inet_set_tcp_option(struct inet *inet, int name, const void *value, uint32_t bytes);
int inet_get_tcp_option(struct inet *inet, int name, void *value, uint32_t *bytes);

/** Joining and leaving groups, and their interface. -ENOPROTOOPT: none of these. */
int inet_set_multicast(struct inet *inet, int level, int name, const void *value, uint32_t bytes);

/* --- control.c --- */

/** What the sender's control messages ask for. */
struct inet_ancillary {
	struct net_address from; /* family AF_UNSPEC: not told */
	int ttl, tos;            /* -1: not told */
};
int must_check inet_read_control(const struct inet *inet, const struct socket_message *message,
				 struct inet_ancillary *out);

/** Tells the receiver what it wants to know. */
int must_check inet_add_control(const struct inet *inet, const struct stack_datagram *datagram,
				struct control_list *list);
