/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AF_VSOCK (vsock(7); virtio 1.2, 5.10): what its parts share. All state is under net_mutex, user memory is only touched without it.
 *
 * A connection (struct vsock) goes on without its socket until the peer has confirmed its end, and begins without one, until it is
 * accepted. What the peer can make it cost is bounded: received bytes by the credit that it was given, what they lie in by
 * vsock_queue(), connections that nobody has accepted by the backlog and by memory, control packets that wait for room by a bit for
 * each kind. A peer that breaks the protocol loses its connection.
 */
#pragma once

#include <base/list.h>
#include <base/rbtree.h>
#include <class/vsock.h>
#include <core/time.h>
#include <core/timer.h>
#include <net/socket.h>

enum { VSOCK_PORT_RESERVED_MAX = 1023 };
#define VSOCK_PORT_ANY UINT32_MAX

#define VSOCK_CONNECT_TIMEOUT_NS (2 * NS_PER_S) /* where the program says none */

enum { VSOCK_SHUT_BOTH = VSOCK_SHUT_RECEIVE | VSOCK_SHUT_SEND };

/** What arrival and room wake. */
enum { VSOCK_READABLE = POLLIN | POLLRDNORM, VSOCK_WRITABLE = POLLOUT | POLLWRNORM };

/** struct sockaddr_vm of Linux */
struct sockaddr_vm {
	uint16_t family, reserved;
	uint32_t port, cid;
	uint8_t flags, zero[3];
};
_Static_assert(sizeof(struct sockaddr_vm) == 16, "Linux's struct sockaddr_vm");

struct vsock_address {
	uint32_t cid, port;
};

enum vsock_state {
	VSOCK_IDLE,
	VSOCK_LISTENING,
	VSOCK_CONNECTING,
	VSOCK_CONNECTED,
	VSOCK_OVER,    /* the peer has ended it; what it sent may still be read */
	VSOCK_BROKEN,  /* the device has forgotten it, or the peer broke the protocol */
	VSOCK_CLOSING, /* its socket is closed, the peer has not confirmed yet */
};

/** Control packets that are to be sent, in this order. */
enum vsock_unsent {
	VSOCK_UNSENT_REQUEST = BIT(0),
	VSOCK_UNSENT_RESPONSE = BIT(1),
	VSOCK_UNSENT_CREDIT_UPDATE = BIT(2),
	VSOCK_UNSENT_CREDIT_REQUEST = BIT(3),
	VSOCK_UNSENT_SHUTDOWN = BIT(4),
	VSOCK_UNSENT_RST = BIT(5), /* the last of all: the connection is gone with it */
};

/** A packet's header, read once, with the range of each field known. */
struct vsock_packet {
	struct vsock_address from, to;
	uint32_t bytes; /* of payload that should be there */
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
};

/** A socket and its connection. All fields are [net_mutex]; poll() reads some without. */
struct vsock {
	struct socket *socket; /* NULL: not accepted yet, or closed */
	enum vsock_state state;
	struct vsock_address local, remote;
	bool is_bound, is_listed; /* in the tree of names, of connections */
	bool loops;               /* both ends are in this machine */
	bool connect_told;        /* connect(2) has returned 0 */
	struct rb_node name, connection;
	int error;                      /* to be told once; 0 or -errno */
	uint8_t shut, peer_shut;        /* VSOCK_SHUT_* */
	uint8_t unsent;                 /* enum vsock_unsent */
	struct list_node starved;       /* waits for the device's room */
	struct timer timer;             /* while connecting or closing */
	struct list_node expired;       /* [expired_lock] */
	struct list_node pending, link; /* a listener's: connections to accept, by `link` */
	struct vsock *listener;         /* of one that nobody has accepted */
	unsigned pending_count, backlog;

	/* Receiving. Counters are those of the protocol and wrap. */
	struct netbuf *first, *last;  /* by next_packet */
	uint32_t queued;              /* bytes in them */
	size_t held;                  /* memory that they take */
	uint32_t received, forwarded; /* bytes so far, and those that were read */
	uint32_t window,
		window_most; /* bytes that the peer may have sent; the largest it was told */
	uint32_t told;       /* `forwarded`, as the peer knows it */

	/* Sending */
	uint32_t sent, peer_forwarded, peer_window;
	bool credit_asked;

	/* Options */
	uint64_t buffer_bytes, buffer_min, buffer_max;
	uint64_t connect_timeout_ns;
};

static inline struct vsock *vsock_of(const struct socket *socket)
{
	return socket->private;
}

/* --- socket.c --- */

/** Wakes who waits for one of `events`. */
void vsock_wake(struct vsock *vsock, unsigned events) REQUIRES(net_mutex);

/* --- table.c --- */

/** Whether an address is one of this machine's. */
bool vsock_is_own(uint32_t cid) REQUIRES(net_mutex);

/** Gives a socket its name; port VSOCK_PORT_ANY: a free one. -EADDRINUSE, -EADDRNOTAVAIL. */
int must_check vsock_bind(struct vsock *vsock, struct vsock_address address) REQUIRES(net_mutex);
void vsock_unbind(struct vsock *vsock) REQUIRES(net_mutex);

/** The socket that is bound to this address; NULL: none. */
struct vsock *vsock_find_bound(struct vsock_address address) REQUIRES(net_mutex);

/** Lists a connection by its remote address and local port. -EADDRINUSE: there is one. */
int must_check vsock_list(struct vsock *vsock) REQUIRES(net_mutex);
void vsock_unlist(struct vsock *vsock) REQUIRES(net_mutex);
struct vsock *vsock_find_connection(struct vsock_address remote, uint32_t local_port)
	REQUIRES(net_mutex);

/** All connections: NULL first, NULL last. The one given may not have been taken out. */
struct vsock *vsock_next_connection(const struct vsock *vsock) REQUIRES(net_mutex);

/* --- packet.c --- */

/** Reads the header in front of a packet, and cuts the payload to what it says. False: it makes no sense. Any context. */
bool must_check vsock_parse(struct netbuf *packet, struct vsock_packet *out);

/** Sends control packets: now, or when there is room. After VSOCK_UNSENT_RST the connection may be gone. */
void vsock_control(struct vsock *vsock, unsigned unsent) REQUIRES(net_mutex);

/** Sends a packet of data, which is gone when 0 is returned: one fragment with headroom for the header, or an empty one with it and the
 * data behind. -EAGAIN: no room, it will be woken; -ENODEV. */
int must_check vsock_send_data(struct vsock *vsock, struct netbuf *data) REQUIRES(net_mutex);

/** Answers a packet that belongs to no connection. */
void vsock_refuse(const struct vsock_packet *packet) REQUIRES(net_mutex);

/** There is room again: sends what waits. */
void vsock_transmit_ready(void) REQUIRES(net_mutex);

/** Handles what this machine sent to itself, and notifies the device: before net_mutex is released. */
void vsock_settle(void) REQUIRES(net_mutex);
void vsock_unlock(void) RELEASE(net_mutex);

/* --- arrival.c --- */

/** Handles a packet, which is its own from here on. */
void vsock_arrive(const struct vsock_packet *packet, struct netbuf *data) REQUIRES(net_mutex);

/** Bytes that the peer takes. */
uint32_t vsock_credit(const struct vsock *vsock);

/** Puts a packet behind what is to be read. -ENOMEM: it is gone. */
int must_check vsock_queue(struct vsock *vsock, struct netbuf *data) REQUIRES(net_mutex);
void vsock_drop_queue(struct vsock *vsock) REQUIRES(net_mutex);

/** What a fragment takes of memory. */
size_t vsock_memory_of(const struct netbuf *buf);

/** Drops a list of packets by next_packet. NULL allowed. */
void vsock_put_list(struct netbuf *list);

/* --- connection.c --- */

/** One in its first state; NULL: no memory. */
struct vsock *vsock_create(void);

/** Frees it, with all that refers to it. */
void vsock_destroy(struct vsock *vsock) REQUIRES(net_mutex);

/** Room for what the socket receives; tells the peer of a connection. */
void vsock_set_window(struct vsock *vsock) REQUIRES(net_mutex);

int must_check vsock_start_connect(struct vsock *vsock, struct vsock_address to)
	REQUIRES(net_mutex);

/** A connection that a listener got, for accept(). NULL: no memory, or too many wait. */
struct vsock *vsock_add_pending(struct vsock *listener, const struct vsock_packet *request)
	REQUIRES(net_mutex);
struct vsock *vsock_take_pending(struct vsock *listener) REQUIRES(net_mutex);

/** The connection has come about, was refused (`error`), was ended by the peer, or is broken. */
void vsock_established(struct vsock *vsock) REQUIRES(net_mutex);
void vsock_refused(struct vsock *vsock, int error) REQUIRES(net_mutex);
void vsock_over(struct vsock *vsock) REQUIRES(net_mutex);
void vsock_break(struct vsock *vsock) REQUIRES(net_mutex);

/** Its socket is closed: ends the connection, or lets it end. */
void vsock_close(struct vsock *vsock) REQUIRES(net_mutex);

/** Once there is a socket: has the device prepared. -ENOMEM. */
int must_check vsock_begin(void);

/** Whether something that was sent has yet to arrive. */
bool vsock_is_unfinished(void) REQUIRES(net_mutex);

/* --- transfer.c, options.c --- */

ssize_t vsock_send(struct socket *socket, struct socket_message *message);
ssize_t vsock_receive(struct socket *socket, struct socket_message *message);
ssize_t vsock_send_pages(struct socket *socket, struct netbuf *pages, bool more);
ssize_t vsock_send_room(struct socket *socket);

int vsock_set_option(struct socket *socket, int level, int name, const void *value, uint32_t bytes);
int vsock_get_option(struct socket *socket, int level, int name, void *value, uint32_t *bytes);
long vsock_ioctl(struct socket *socket, unsigned cmd, uintptr_t arg);
