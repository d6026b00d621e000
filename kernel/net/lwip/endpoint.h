/* SPDX-License-Identifier: BSD-3-Clause */
/* Endpoints: what is behind struct stack_endpoint, shared by tcp.c, datagram.c and endpoint.c. */
#pragma once

#include "internal.h"

#include <base/list.h>

/** What outlives a control block: listeners hand it on. */
struct tcp_options {
	bool no_delay, corked;
	uint32_t keep_idle_seconds, keep_interval_seconds, keep_count;
	uint32_t user_timeout_ms;
};

/** A multicast group that an endpoint has joined. */
struct membership {
	struct list_node link;
	struct ip_address group;
	uint32_t interface;
};

struct stack_endpoint {
	enum stack_protocol protocol;
	unsigned family;
	struct stack_owner *owner; /* NULL: nobody any more, or not yet */
	union {
		struct ip_pcb *pcb;  /* common part; NULL: a connection that is over */
		struct tcp_pcb *tcp; /* unless `listening` */
		struct tcp_pcb_listen *tcp_listener;
		struct udp_pcb *udp;
		struct raw_pcb *raw;
	};
	int error; /* pending: positive; 0: none */

	/* What is to be read: of streams one chain, of datagrams one chain each, by next_packet. */
	struct netbuf *first, *last;
	size_t bytes; /* payload */
	size_t kept;  /* of packets.received */

	bool bound, connecting, connected, listening;
	bool peer_closed, read_shut, write_shut;
	bool v6_only, timestamps, multicast_loop;
	bool send_fixed, receive_fixed; /* buffer sizes are the program's choice */
	uint32_t send_buffer, receive_buffer;
	int linger; /* STACK_LINGER's */

	struct net_address local, peer; /* of a connection that is over */

	/* TCP */
	struct stack_endpoint *listener; /* whose accept queue it is in */
	struct list_node accept_link;
	struct list_node accept_queue;
	unsigned waiting;  /* in the queue, ready */
	unsigned deferred; /* in the queue, without data yet */
	unsigned backlog;
	bool awaits_data;
	int defer_seconds;
	struct tcp_options tcp_options;
	uint32_t consumed; /* bytes since the window was last enlarged */

	/* Datagrams */
	bool source_chosen; /* connect() has bound the address, which was */
	ip_addr_t local_before;
	struct list_node memberships;
	uint32_t multicast_interface;
};

/** Allocates; -ENOMEM. */
int must_check endpoint_create(unsigned family, enum stack_protocol protocol,
			       struct stack_owner *owner, struct stack_endpoint **out);
void endpoint_free(struct stack_endpoint *ep);

/** Tells the owner. */
void endpoint_ready(struct stack_endpoint *ep, unsigned events);
void endpoint_fail(struct stack_endpoint *ep, int error);

/** The pending error, 0 or -errno, which is taken by this. */
int endpoint_take_error(struct stack_endpoint *ep);

/** Frees what is to be read. */
void endpoint_drop_received(struct stack_endpoint *ep);

/** The address that packets to `remote` come from, and the interface they take; -ENETUNREACH. `remote` gets its zone. */
int must_check endpoint_route(const struct stack_endpoint *ep, const ip_addr_t *local,
			      ip_addr_t *remote, struct netif **netif, ip_addr_t *source);

/** As lwIP has the address of a peer; that of none is this machine. */
ip_addr_t destination_of(const struct net_address *peer);

/** Whether the machine has the address; any address counts. */
bool address_is_own(const ip_addr_t *address);

/** As lwIP has an address to bind to: the family's any address, or of both. */
ip_addr_t endpoint_bind_address(const struct stack_endpoint *ep, const struct net_address *address);

/* tcp.c */
int must_check tcp_endpoint_open(struct stack_endpoint *ep);
/** Brings a control block in line with what the program has chosen. */
void tcp_apply_options(const struct stack_endpoint *ep, struct tcp_pcb *pcb);
void tcp_endpoint_close(struct stack_endpoint *ep, bool abort);
int must_check tcp_endpoint_bind(struct stack_endpoint *ep, const ip_addr_t *address,
				 uint16_t port);
int must_check tcp_endpoint_connect(struct stack_endpoint *ep, const struct net_address *peer);
unsigned tcp_endpoint_events(const struct stack_endpoint *ep);
size_t tcp_endpoint_room(const struct stack_endpoint *ep);
int must_check tcp_endpoint_send(struct stack_endpoint *ep, const struct stack_send *request);
int must_check tcp_endpoint_receive(struct stack_endpoint *ep, size_t bytes, struct netbuf **out);
int must_check tcp_endpoint_peek(struct stack_endpoint *ep, size_t skip, size_t bytes,
				 struct netbuf **out);
int must_check tcp_endpoint_shutdown(struct stack_endpoint *ep, unsigned how);

/* datagram.c */
int must_check datagram_open(struct stack_endpoint *ep, unsigned number);
void datagram_close(struct stack_endpoint *ep);
int must_check datagram_bind(struct stack_endpoint *ep, const ip_addr_t *address, uint16_t port);
int must_check datagram_connect(struct stack_endpoint *ep, const struct net_address *peer);
int must_check datagram_send(struct stack_endpoint *ep, const struct stack_send *request);
int must_check datagram_receive(struct stack_endpoint *ep, struct netbuf **out,
				struct stack_datagram *datagram, bool peek);
size_t datagram_pending(const struct stack_endpoint *ep);

/** Whether it is an endpoint's, whose address is its recv_arg. */
bool endpoint_is_udp(const struct udp_pcb *pcb);

/* group.c */
void memberships_drop(struct stack_endpoint *ep);
