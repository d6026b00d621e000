/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The narrow interface to a TCP/IP stack: endpoints for the socket layer. Nothing above knows which stack it is.
 *
 * All functions need net_mutex, so they never sleep and never touch user memory; data comes and goes in netbufs. An endpoint tells
 * its owner by ready(), under net_mutex, what may have become possible; the owner asks again. Errors are Linux's. An endpoint of
 * AF_INET6 that is not STACK_V6_ONLY takes AF_INET addresses as well, and tells IPv4 peers with AF_INET. A connection that was accepted
 * has the options of its listener. After a failed connect, stack_connect() may be called again.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/types.h>
#include <class/net.h>
#include <net/address.h>

enum stack_protocol { STACK_TCP, STACK_UDP, STACK_RAW };

struct stack_endpoint;

enum stack_event {
	STACK_READABLE = BIT(
		0), /* data, a datagram, a connection to accept, or the end of the stream */
	STACK_WRITABLE = BIT(1), /* room to send; connected */
	STACK_ENDED = BIT(2),    /* an error is pending, or both directions are closed */
	/* With STACK_READABLE: the peer sends no more of the stream; some of it may be unread yet (POLLRDHUP). */
	STACK_PEER_ENDED = BIT(3),
	STACK_FAILED = BIT(
		4), /* with STACK_ENDED: an error is pending, stack_error() tells which */
};

struct stack_owner {
	void (*ready)(struct stack_owner *owner, unsigned events /* enum stack_event */);
};

/** `family` AF_INET or AF_INET6; `number` the IP protocol of a raw endpoint (ICMP, ICMPV6), 0 otherwise. -ENOMEM, -EPROTONOSUPPORT. */
int must_check stack_open(unsigned family, enum stack_protocol protocol, unsigned number,
			  struct stack_owner *owner, struct stack_endpoint **out)
	REQUIRES(net_mutex);

/** Done with it: a TCP connection's remaining data is sent, within the stack's limits, without an owner. `abort`: by a reset. */
void stack_close(struct stack_endpoint *ep, bool abort) REQUIRES(net_mutex);

/** -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL (bound already). Port 0: a free one. */
int must_check stack_bind(struct stack_endpoint *ep, const struct net_address *address)
	REQUIRES(net_mutex);

/** TCP. At most `backlog` connections, and one more as on Linux, wait for stack_accept(), further ones are not answered. Called again: changes the backlog. Binds when
 * not bound. */
int must_check stack_listen(struct stack_endpoint *ep, unsigned backlog) REQUIRES(net_mutex);

/** The next connection: its new owner is `owner`. -EAGAIN: none waits. */
int must_check stack_accept(struct stack_endpoint *listener, struct stack_owner *owner,
			    struct stack_endpoint **out) REQUIRES(net_mutex);

/** TCP: starts to connect, -EINPROGRESS; ready() follows and stack_error() tells. UDP, raw: sets the peer; family AF_UNSPEC: none.
 * -ENETUNREACH, -EHOSTUNREACH, -EADDRNOTAVAIL, -EISCONN, -EALREADY. */
int must_check stack_connect(struct stack_endpoint *ep, const struct net_address *address)
	REQUIRES(net_mutex);

/** What is possible now. */
unsigned stack_events(const struct stack_endpoint *ep) REQUIRES(net_mutex);

/** The pending error, 0 or -errno, which is taken by this. */
int stack_error(struct stack_endpoint *ep) REQUIRES(net_mutex);

/** How many bytes stack_send() takes now; of datagrams: whether one of any size goes (its largest size). */
size_t stack_send_room(const struct stack_endpoint *ep) REQUIRES(net_mutex);

/** Sends a chain, which is the stack's from here on, also on error; a fragment has less than 64 KiB. TCP: at most stack_send_room() bytes; `more` puts off a
 * segment that is not full (MSG_MORE, TCP_CORK). Datagrams: to `to`, or the peer (NULL). -EPIPE, -ENOTCONN, -EDESTADDRREQ, -EMSGSIZE, -ENETUNREACH,
 * -EHOSTUNREACH, -ENOBUFS, the pending error. */
struct stack_send {
	struct netbuf *data;
	const struct net_address *to;
	const struct net_address *from; /* IP_PKTINFO of the sender's choice; NULL: as bound */
	bool more;
};
int must_check stack_send(struct stack_endpoint *ep, const struct stack_send *request)
	REQUIRES(net_mutex);

/** Takes received data off the queue: of a stream at most `bytes` in a chain that is the caller's (a fragment that does not fit is split), of
 * datagrams one, whole. `*out` NULL, 0 returned: the end of the stream. -EAGAIN: nothing there; the pending error; -ENOTCONN. */
struct stack_datagram {
	struct net_address from, to; /* `to` as in the packet */
	uint32_t interface;          /* index it came by */
	uint8_t ttl, tos;
	uint64_t time_ns; /* wall clock of its arrival; 0: not asked for */
};
int must_check stack_receive(struct stack_endpoint *ep, size_t bytes, struct netbuf **out,
			     struct stack_datagram *datagram) REQUIRES(net_mutex);

/** The same, leaving it there: references that the caller must not change (MSG_PEEK), from `skip` bytes on. */
int must_check stack_peek(struct stack_endpoint *ep, size_t skip, size_t bytes, struct netbuf **out,
			  struct stack_datagram *datagram) REQUIRES(net_mutex);

/** Puts back what a stream's reader could not take (a bad address), in front. */
void stack_unreceive(struct stack_endpoint *ep, struct netbuf *data) REQUIRES(net_mutex);

/** So many bytes of a stream were consumed: the window opens. */
void stack_consumed(struct stack_endpoint *ep, size_t bytes) REQUIRES(net_mutex);

/** Bytes to read; of datagrams: of the next one. Bytes not yet acknowledged, and not yet sent. */
size_t stack_pending_receive(const struct stack_endpoint *ep) REQUIRES(net_mutex);
size_t stack_pending_send(const struct stack_endpoint *ep) REQUIRES(net_mutex);

enum { STACK_SHUT_READ = 1, STACK_SHUT_WRITE = 2 };
int must_check stack_shutdown(struct stack_endpoint *ep, unsigned how) REQUIRES(net_mutex);

/** -ENOTCONN: no peer. */
int must_check stack_local(const struct stack_endpoint *ep, struct net_address *out)
	REQUIRES(net_mutex);
int must_check stack_peer(const struct stack_endpoint *ep, struct net_address *out)
	REQUIRES(net_mutex);

/** Options: values as Linux's socket options of these names have them; times in seconds. */
enum stack_option {
	STACK_REUSE_ADDRESS,
	STACK_REUSE_PORT,
	STACK_KEEPALIVE,
	STACK_BROADCAST,
	STACK_V6_ONLY,
	STACK_BIND_TO_DEVICE, /* interface index; 0: any */
	STACK_SEND_BUFFER,    /* bytes */
	STACK_RECEIVE_BUFFER,
	STACK_TTL,
	STACK_TOS,
	STACK_MULTICAST_TTL,
	STACK_MULTICAST_LOOP,
	STACK_MULTICAST_INTERFACE, /* index */
	STACK_TIMESTAMPS,          /* of datagrams */
	STACK_TCP_NODELAY,
	STACK_TCP_MAXSEG,
	STACK_TCP_CORK,
	STACK_TCP_KEEPIDLE,
	STACK_TCP_KEEPINTVL,
	STACK_TCP_KEEPCNT,
	STACK_TCP_USER_TIMEOUT, /* milliseconds */
	STACK_TCP_DEFER_ACCEPT,
	STACK_TCP_QUICKACK,
	STACK_LINGER, /* seconds + 1; 0: off */
};
/** -ENOPROTOOPT, -EINVAL. */
int must_check stack_set(struct stack_endpoint *ep, enum stack_option option, int value)
	REQUIRES(net_mutex);
int must_check stack_get(const struct stack_endpoint *ep, enum stack_option option, int *value)
	REQUIRES(net_mutex);

/** Multicast groups. `interface` 0: by the route. -EADDRINUSE, -EADDRNOTAVAIL, -ENODEV. */
int must_check stack_group(struct stack_endpoint *ep, const struct ip_address *group,
			   uint32_t interface, bool join) REQUIRES(net_mutex);

/** What TCP_INFO tells. */
struct stack_tcp_info {
	uint8_t state; /* Linux's TCP_ESTABLISHED = 1 ... */
	uint8_t send_scale, receive_scale;
	bool timestamps, sack, scaling;
	uint32_t retransmit_timeout_us, rtt_us, rtt_variance_us;
	uint32_t send_mss, receive_mss, congestion_window, slow_start_threshold;
	uint32_t unacknowledged, retransmits;
};
int must_check stack_tcp_info(const struct stack_endpoint *ep, struct stack_tcp_info *out)
	REQUIRES(net_mutex);

/** Calls fn for every endpoint (/proc/net/tcp); false stops. */
struct stack_endpoint_info {
	enum stack_protocol protocol;
	struct net_address local, peer;
	uint8_t state; /* as stack_tcp_info */
	size_t pending_send, pending_receive;
};
void stack_each(bool (*fn)(void *context, const struct stack_endpoint_info *info), void *context)
	REQUIRES(net_mutex);

/** What has gone through a protocol since the start, modulo 2^32 (/proc/net/snmp). TCP and UDP are those of IPv4 and IPv6 together. */
enum stack_counted {
	STACK_COUNT_IP4,
	STACK_COUNT_FRAGMENTS4,
	STACK_COUNT_ICMP4,
	STACK_COUNT_IP6,
	STACK_COUNT_FRAGMENTS6,
	STACK_COUNT_ICMP6,
	STACK_COUNT_TCP,
	STACK_COUNT_UDP,
	STACK_COUNTED,
};
struct stack_count {
	uint32_t received, sent;
	uint32_t dropped;                 /* of those received, for any reason */
	uint32_t checksum, length, wrong; /* with errors: sum, length, other */
	uint32_t unknown;                 /* for a protocol or port that nobody has */
	uint32_t no_route;                /* to send */
};
void stack_counts(struct stack_count out[STACK_COUNTED]) REQUIRES(net_mutex);

/** Starts the stack: the loopback interface, the devices' as they come, set up as the command line says (ip=). Does not wait.
 * Cheap where there is no network device. Once, at start, thread context. */
void stack_start(void);

/** Waits until an address is there (DHCP), or the documented time is over; says so then. Thread context. */
void stack_wait_ready(void);
