/* SPDX-License-Identifier: BSD-3-Clause */
/* <net/stack.h>: endpoints, whatever their protocol. TCP is in tcp.c, the rest in datagram.c, options in options.c. */
#include "endpoint.h"

#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>

#include <hooks.h>
#include <lwip/ip.h>

int endpoint_create(unsigned family, enum stack_protocol protocol, struct stack_owner *owner,
		    struct stack_endpoint **out)
{
	struct stack_endpoint *ep = mem_zalloc(sizeof *ep);

	if (!ep)
		return -ENOMEM;
	ep->protocol = protocol;
	ep->family = family;
	ep->owner = owner;
	ep->send_buffer = ep->receive_buffer = limits.window_first;
	ep->multicast_loop = true;
	ep->tcp_options = (struct tcp_options){ .keep_idle_seconds = 7200,
						.keep_interval_seconds = 75,
						.keep_count = 9 };
	list_init(&ep->accept_queue);
	list_init(&ep->accept_link);
	list_init(&ep->memberships);
	*out = ep;
	return 0;
}

void endpoint_free(struct stack_endpoint *ep)
{
	endpoint_drop_received(ep);
	mem_free(ep);
}

void endpoint_drop_received(struct stack_endpoint *ep)
{
	while (ep->first) {
		struct netbuf *next = ep->first->next_packet;

		netbuf_put_chain(ep->first);
		ep->first = next;
	}
	packets.received -= ep->kept;
	ep->last = NULL;
	ep->bytes = ep->kept = 0;
}

void endpoint_ready(struct stack_endpoint *ep, unsigned events)
{
	if (ep->owner)
		ep->owner->ready(ep->owner, events);
}

void endpoint_fail(struct stack_endpoint *ep, int error)
{
	if (error)
		ep->error = error;
	endpoint_ready(ep, STACK_READABLE | STACK_WRITABLE | STACK_ENDED);
}

int endpoint_take_error(struct stack_endpoint *ep)
{
	int error = ep->error;

	ep->error = 0;
	return -error;
}

/* Addresses */

bool address_is_own(const ip_addr_t *address)
{
	struct netif *netif;

	if (ip_addr_isany(address) || ip_addr_ismulticast(address) ||
	    (IP_IS_V4(address) && (ip4_addr_isloopback(ip_2_ip4(address)) ||
				   ip_2_ip4(address)->addr == IPADDR_BROADCAST)))
		return true;
	NETIF_FOREACH(netif)
	{
		if (IP_IS_V6(address) ? netif_get_ip6_addr_match(netif, ip_2_ip6(address)) >= 0
				      : ip4_addr_eq(ip_2_ip4(address), netif_ip4_addr(netif)) ||
						alias_is_of(netif, ip_2_ip4(address)) ||
						ip4_addr_isbroadcast(ip_2_ip4(address), netif))
			return true;
	}
	return false;
}

ip_addr_t endpoint_bind_address(const struct stack_endpoint *ep, const struct net_address *address)
{
	ip_addr_t ip = to_lwip(&address->ip, address->scope);

	if (ep->family == AF_INET6 && address->ip.family == AF_INET6 && ip_addr_isany(&ip) &&
	    IP_IS_V6_VAL(ip) && !ep->v6_only)
		IP_SET_TYPE_VAL(ip, IPADDR_TYPE_ANY);
	return ip;
}

ip_addr_t destination_of(const struct net_address *peer)
{
	ip_addr_t remote = to_lwip(&peer->ip, peer->scope);

	if (!ip_addr_isany(&remote))
		return remote;
	if (IP_IS_V6_VAL(remote))
		ip6_addr_set_loopback(ip_2_ip6(&remote));
	else
		ip4_addr_set_loopback(ip_2_ip4(&remote));
	return remote;
}

static struct netif *netif_for(const struct stack_endpoint *ep, const ip_addr_t *local,
			       const ip_addr_t *remote)
{
	uint32_t index = ep->pcb ? ep->pcb->netif_idx : 0;
	struct interface *interface;

	if (!index && ip_addr_ismulticast(remote))
		index = ep->multicast_interface;
	if (!index)
		return ip_route(local, remote);
	interface = interface_by_index(index);
	return interface ? &interface->netif : NULL;
}

/* Of packets to one of this machine's own addresses: that address. */
static bool own_source(const ip_addr_t *remote, ip_addr_t *source)
{
	if (IP_IS_V4(remote) && ip4_addr_isloopback(ip_2_ip4(remote)))
		return false;
	*source = *remote;
	return true;
}

int endpoint_route(const struct stack_endpoint *ep, const ip_addr_t *local, ip_addr_t *remote,
		   struct netif **netif, ip_addr_t *source)
{
	const ip_addr_t *chosen;

	*netif = netif_for(ep, local, remote);
	if (!*netif)
		return -ENETUNREACH;
	if (IP_IS_V6(remote) && ip6_addr_lacks_zone(ip_2_ip6(remote), IP6_UNKNOWN))
		ip6_addr_assign_zone(ip_2_ip6(remote), IP6_UNKNOWN, *netif);
	if (!ip_addr_isany(local) && !ip_addr_ismulticast(local) &&
	    IP_GET_TYPE(local) == IP_GET_TYPE(remote)) {
		*source = *local;
		return 0;
	}
	if (*netif == &loopback->netif && own_source(remote, source))
		return 0;
	chosen = ip_netif_get_local_ip(*netif, remote);
	if (!chosen || ip_addr_isany(chosen))
		return -ENETUNREACH;
	*source = *chosen;
	if (IP_IS_V4(remote))
		ip_addr_copy_from_ip4(*source, *alias_source(*netif, ip_2_ip4(remote)));
	return 0;
}

/* The interface to sockets */

int stack_open(unsigned family, enum stack_protocol protocol, unsigned number,
	       struct stack_owner *owner, struct stack_endpoint **out)
{
	struct stack_endpoint *ep;
	int error;

	if (family != AF_INET && family != AF_INET6)
		return -EPROTONOSUPPORT;
	error = stack_use();
	if (!error)
		error = endpoint_create(family, protocol, owner, &ep);
	if (error)
		return error;
	error = protocol == STACK_TCP ? tcp_endpoint_open(ep) : datagram_open(ep, number);
	if (error) {
		endpoint_free(ep);
		return error;
	}
	*out = ep;
	return 0;
}

void stack_close(struct stack_endpoint *ep, bool abort)
{
	stack_tick();
	ep->owner = NULL;
	if (ep->protocol == STACK_TCP)
		tcp_endpoint_close(ep, abort);
	else
		datagram_close(ep);
	endpoint_free(ep);
	stack_flush();
}

int stack_bind(struct stack_endpoint *ep, const struct net_address *address)
{
	ip_addr_t ip = endpoint_bind_address(ep, address);

	if (ep->bound || ep->connecting || ep->connected || !ep->pcb)
		return -EINVAL;
	if (!address_is_own(&ip))
		return -EADDRNOTAVAIL;
	if (ep->v6_only && IP_IS_V4_VAL(ip))
		return -EINVAL;
	return ep->protocol == STACK_TCP ? tcp_endpoint_bind(ep, &ip, address->port)
					 : datagram_bind(ep, &ip, address->port);
}

int stack_connect(struct stack_endpoint *ep, const struct net_address *address)
{
	int error;

	stack_tick();
	error = ep->protocol == STACK_TCP ? tcp_endpoint_connect(ep, address)
					  : datagram_connect(ep, address);
	stack_flush();
	return error;
}

unsigned stack_events(const struct stack_endpoint *ep)
{
	unsigned events = STACK_WRITABLE;

	if (ep->protocol == STACK_TCP)
		return tcp_endpoint_events(ep);
	if (ep->first || ep->read_shut)
		events |= STACK_READABLE;
	if (ep->error)
		events |= STACK_FAILED;
	if (ep->read_shut && ep->write_shut)
		events |= STACK_ENDED;
	return events;
}

int stack_error(struct stack_endpoint *ep)
{
	return endpoint_take_error(ep);
}

size_t stack_send_room(const struct stack_endpoint *ep)
{
	enum { UDP_MAX = 65507, RAW_MAX = 65515 };

	if (ep->protocol == STACK_TCP)
		return tcp_endpoint_room(ep);
	return ep->protocol == STACK_UDP ? UDP_MAX : RAW_MAX;
}

int stack_send(struct stack_endpoint *ep, const struct stack_send *request)
{
	int error;

	stack_tick();
	if (ep->protocol == STACK_TCP)
		error = tcp_endpoint_send(ep, request);
	else
		error = datagram_send(ep, request);
	stack_flush();
	return error;
}

int stack_receive(struct stack_endpoint *ep, size_t bytes, struct netbuf **out,
		  struct stack_datagram *datagram)
{
	if (!ep->first)
		loopback_deliver();
	if (ep->protocol == STACK_TCP)
		return tcp_endpoint_receive(ep, bytes, out);
	return datagram_receive(ep, out, datagram, false);
}

int stack_peek(struct stack_endpoint *ep, size_t skip, size_t bytes, struct netbuf **out,
	       struct stack_datagram *datagram)
{
	if (!ep->first)
		loopback_deliver();
	if (ep->protocol == STACK_TCP)
		return tcp_endpoint_peek(ep, skip, bytes, out);
	return datagram_receive(ep, out, datagram, true);
}

size_t stack_pending_receive(const struct stack_endpoint *ep)
{
	return ep->protocol == STACK_TCP ? ep->bytes : datagram_pending(ep);
}

size_t stack_pending_send(const struct stack_endpoint *ep)
{
	if (ep->protocol != STACK_TCP || !ep->tcp || ep->listening)
		return 0;
	return tcp_queued_bytes(ep->tcp);
}

int stack_shutdown(struct stack_endpoint *ep, unsigned how)
{
	int error = 0;

	stack_tick();
	if (ep->protocol == STACK_TCP) {
		error = tcp_endpoint_shutdown(ep, how);
	} else if (!ep->connected) {
		error = -ENOTCONN;
	} else {
		ep->read_shut |= how & STACK_SHUT_READ;
		ep->write_shut |= (how & STACK_SHUT_WRITE) != 0;
	}
	stack_flush();
	if (!error)
		endpoint_ready(ep, STACK_READABLE | STACK_WRITABLE | STACK_ENDED);
	return error;
}

int stack_local(const struct stack_endpoint *ep, struct net_address *out)
{
	uint16_t port = 0;

	if (!ep->pcb) {
		*out = ep->local;
		return 0;
	}
	if (ep->protocol == STACK_TCP)
		port = ep->tcp->local_port; /* common to listeners */
	else if (ep->protocol == STACK_UDP)
		port = ep->udp->local_port;
	*out = endpoint_address(&ep->pcb->local_ip, port, ep->family);
	return 0;
}

int stack_peer(const struct stack_endpoint *ep, struct net_address *out)
{
	uint16_t port = 0;

	if (!ep->connected)
		return -ENOTCONN;
	if (!ep->pcb) {
		*out = ep->peer;
		return 0;
	}
	if (ep->protocol == STACK_TCP)
		port = ep->tcp->remote_port;
	else if (ep->protocol == STACK_UDP)
		port = ep->udp->remote_port;
	*out = endpoint_address(&ep->pcb->remote_ip, port, ep->family);
	return 0;
}
