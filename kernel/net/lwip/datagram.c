/* SPDX-License-Identifier: BSD-3-Clause */
/* UDP and raw endpoints on lwIP's. A datagram that waits is a chain of fragments; where it came from is in the first one's `stack` area. */
#include "endpoint.h"

#include <base/errno.h>
#include <base/string.h>
#include <core/time.h>

#include <lwip/icmp6.h>
#include <lwip/igmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/mld6.h>

#include <hooks.h>

enum {
	PORT_FIRST = 32768, /* of those that are given, as Linux */
	PORT_LAST = 60999,
	UDP_PAYLOAD_MAX = 65507,
	QUEUE_BYTES = 212992, /* kept for a receiver, as Linux's rmem_default */
};

/* In netbuf.stack, of a datagram that waits. */
struct origin {
	uint64_t time_ns;
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
	uint8_t is_v6, interface, ttl, tos;
};
static_assert(sizeof(struct origin) <= NETBUF_STACK_BYTES, "fits");

/* Receiving */

/* Of the packet that lwIP looks at, while its headers are there. */
static struct origin current_origin(const struct stack_endpoint *ep, uint16_t from_port,
				    uint16_t to_port)
{
	bool v6 = ip_current_is_v6();
	struct origin origin = {
		.time_ns = ep->timestamps ? time_wall() : 0,
		.from_port = from_port,
		.to_port = to_port,
		.is_v6 = v6,
		.interface = (uint8_t)interface_index_of(ip_current_input_netif()),
		.ttl = v6 ? IP6H_HOPLIM(ip6_current_header()) : IPH_TTL(ip4_current_header()),
		.tos = v6 ? (uint8_t)IP6H_TC(ip6_current_header()) : IPH_TOS(ip4_current_header()),
	};

	if (v6) {
		memcpy(origin.from, ip6_current_src_addr()->addr, 16);
		memcpy(origin.to, ip6_current_dest_addr()->addr, 16);
	} else {
		memcpy(origin.from, &ip4_current_src_addr()->addr, 4);
		memcpy(origin.to, &ip4_current_dest_addr()->addr, 4);
	}
	return origin;
}

/* An empty datagram is one too: it needs a fragment. */
static struct netbuf *take_datagram(struct pbuf *p)
{
	struct netbuf *chain;

	if (p->tot_len)
		return packet_take(p);
	pbuf_free(p);
	chain = netbuf_alloc(0, 0);
	return chain;
}

static size_t kept_by(const struct netbuf *chain)
{
	size_t kept = 0;

	for (; chain; chain = chain->next)
		kept += netbuf_kept(chain);
	return kept;
}

static size_t queue_limit(const struct stack_endpoint *ep)
{
	return ep->receive_fixed ? max(ep->receive_buffer, 2u * PAGE_SIZE) : QUEUE_BYTES;
}

static void enqueue(struct stack_endpoint *ep, struct pbuf *p, uint16_t from_port, uint16_t to_port)
{
	struct origin origin = current_origin(ep, from_port, to_port);
	struct netbuf *chain;
	size_t kept;

	if (ep->kept >= queue_limit(ep) || ep->read_shut) {
		pbuf_free(p);
		return;
	}
	chain = take_datagram(p);
	if (!chain)
		return;
	memcpy(chain->stack, &origin, sizeof origin);
	kept = kept_by(chain);
	ep->kept += kept;
	packets.received += kept;
	ep->bytes += chain->packet_bytes;
	chain->next_packet = NULL;
	if (ep->first)
		ep->last->next_packet = chain;
	else
		ep->first = chain;
	ep->last = chain;
	endpoint_ready(ep, STACK_READABLE);
}

static void udp_received(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
			 uint16_t port)
{
	(void)from;
	enqueue(arg, p, port, pcb->local_port);
}

bool endpoint_is_udp(const struct udp_pcb *pcb)
{
	return pcb->recv == udp_received;
}

/* Raw endpoints get a copy; what is for lwIP too (echo requests) goes on. IPv6's are without the IP header, as on Linux. */
static u8_t raw_received(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_RAM, p);

	(void)from;
	if (!copy)
		return 0;
	if (IP_HDR_GET_VERSION(p->payload) == 6)
		pbuf_remove_header(copy, ip_current_header_tot_len());
	enqueue(arg, copy, 0, pcb->protocol);
	return 0;
}

static struct net_address origin_address(const struct stack_endpoint *ep,
					 const struct origin *origin, const uint8_t *bytes,
					 uint16_t port)
{
	struct ip_address ip = { .family = origin->is_v6 ? AF_INET6 : AF_INET };
	ip_addr_t lwip;

	memcpy(ip.bytes, bytes, sizeof ip.bytes);
	lwip = to_lwip(&ip, origin->interface);
	return endpoint_address(&lwip, port, ep->family);
}

static void tell_origin(const struct stack_endpoint *ep, const struct netbuf *chain,
			struct stack_datagram *out)
{
	const struct origin *origin = (const struct origin *)chain->stack;

	*out = (struct stack_datagram){
		.from = origin_address(ep, origin, origin->from, origin->from_port),
		.to = origin_address(ep, origin, origin->to, origin->to_port),
		.interface = origin->interface,
		.ttl = origin->ttl,
		.tos = origin->tos,
		.time_ns = origin->time_ns,
	};
}

static struct netbuf *reference_chain(struct netbuf *chain)
{
	struct netbuf *first = NULL, **link = &first;
	uint32_t bytes = chain->packet_bytes;

	for (; chain; chain = chain->next) {
		*link = netbuf_part(chain, chain->data, chain->bytes);
		if (!*link) {
			netbuf_put_chain(first);
			return NULL;
		}
		link = &(*link)->next;
	}
	first->packet_bytes = bytes;
	return first;
}

int datagram_receive(struct stack_endpoint *ep, struct netbuf **out,
		     struct stack_datagram *datagram, bool peek)
{
	struct netbuf *chain = ep->first;
	size_t kept;

	*out = NULL;
	if (ep->error)
		return endpoint_take_error(ep);
	if (!chain)
		return ep->read_shut ? 0 : -EAGAIN;
	if (datagram)
		tell_origin(ep, chain, datagram);
	if (peek) {
		*out = reference_chain(chain);
		return *out ? 0 : -ENOBUFS;
	}
	ep->first = chain->next_packet;
	chain->next_packet = NULL;
	kept = kept_by(chain);
	ep->kept -= kept;
	packets.received -= kept;
	ep->bytes -= chain->packet_bytes;
	*out = chain;
	return 0;
}

/* The endpoint that sent a datagram to `to` from this port. */
static struct stack_endpoint *sender_of(uint16_t port, const ip_addr_t *to, uint16_t to_port)
{
	for (struct udp_pcb *pcb = *udp_list(port); pcb; pcb = pcb->next) {
		struct stack_endpoint *ep = pcb->recv_arg;

		if (pcb->local_port == port && pcb->remote_port == to_port &&
		    endpoint_is_udp(pcb) && ep->connected && ip_addr_eq(&pcb->remote_ip, to))
			return ep;
	}
	return NULL;
}

/* lwIP has checked ICMPv6's sum. */
static bool is_intact(const struct pbuf *p, bool v6)
{
	return v6 || !(ip_current_input_netif()->chksum_flags & NETIF_CHECKSUM_CHECK_ICMP) ||
	       !inet_chksum_pbuf((struct pbuf *)p);
}

/** lwIP's: an ICMP message that something of ours was not delivered. Who is connected to that port is told (udp(7)). */
void datagram_unreachable(const struct pbuf *p, bool v6)
{
	enum { CODE_PORT4 = 3, CODE_PORT6 = 4, ICMP_BYTES = 8, PROTOCOL_UDP = 17 };
	uint8_t code = pbuf_get_at(p, 1), header[40], ports[4];
	uint16_t bytes = v6 ? 40 : 20;
	ip_addr_t to = { 0 };

	if (code != (v6 ? CODE_PORT6 : CODE_PORT4) || !is_intact(p, v6) ||
	    pbuf_copy_partial(p, header, bytes, ICMP_BYTES) != bytes ||
	    header[v6 ? 6 : 9] != PROTOCOL_UDP)
		return;
	if (!v6)
		bytes = (uint16_t)(header[0] & 15) * 4;
	if (pbuf_copy_partial(p, ports, sizeof ports, ICMP_BYTES + bytes) != sizeof ports)
		return;
	IP_SET_TYPE_VAL(to, v6 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);
	memcpy(v6 ? (void *)ip_2_ip6(&to)->addr : (void *)&ip_2_ip4(&to)->addr,
	       header + (v6 ? 24 : 16), v6 ? 16 : 4);
	if (v6)
		ip6_addr_assign_zone(ip_2_ip6(&to), IP6_UNKNOWN, ip_current_input_netif());
	struct stack_endpoint *ep = sender_of((uint16_t)(ports[0] << 8 | ports[1]), &to,
					      (uint16_t)(ports[2] << 8 | ports[3]));
	if (ep)
		endpoint_fail(ep, ECONNREFUSED);
}

size_t datagram_pending(const struct stack_endpoint *ep)
{
	return ep->first ? ep->first->packet_bytes : 0;
}

/* Life */

int datagram_open(struct stack_endpoint *ep, unsigned number)
{
	uint8_t type = ep->family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_ANY;

	if (ep->protocol == STACK_UDP) {
		ep->udp = udp_new_ip_type(type);
		if (!ep->udp)
			return -ENOMEM;
		udp_recv(ep->udp, udp_received, ep);
		udp_set_flags(ep->udp, UDP_FLAGS_MULTICAST_LOOP);
		udp_set_multicast_ttl(ep->udp, 1);
		return 0;
	}
	if (number > UINT8_MAX)
		return -EPROTONOSUPPORT;
	ep->raw = raw_new_ip_type(ep->family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_V6,
				  (uint8_t)number);
	if (!ep->raw)
		return -ENOMEM;
	raw_recv(ep->raw, raw_received, ep);
	raw_set_flags(ep->raw, RAW_FLAGS_MULTICAST_LOOP);
	if (ep->family == AF_INET6 && number == IP6_NEXTH_ICMP6) {
		ep->raw->chksum_reqd = 1; /* RFC 3542, 3.1 */
		ep->raw->chksum_offset = 2;
	}
	return 0;
}

void datagram_close(struct stack_endpoint *ep)
{
	memberships_drop(ep);
	if (ep->protocol == STACK_UDP)
		udp_remove(ep->udp);
	else
		raw_remove(ep->raw);
}

static bool udp_overlap(const ip_addr_t *a, const ip_addr_t *b)
{
	if (IP_IS_ANY_TYPE_VAL(*a) || IP_IS_ANY_TYPE_VAL(*b))
		return true;
	return IP_GET_TYPE(a) == IP_GET_TYPE(b) &&
	       (ip_addr_isany(a) || ip_addr_isany(b) || ip_addr_eq(a, b));
}

static bool udp_port_free(const struct udp_pcb *pcb, const ip_addr_t *address, uint16_t port)
{
	for (struct udp_pcb *other = *udp_list(port); other; other = other->next) {
		if (other != pcb && other->local_port == port &&
		    udp_overlap(&other->local_ip, address) &&
		    !(other->so_options & pcb->so_options & (SOF_REUSEADDR | SOF_REUSEPORT)))
			return false;
	}
	return true;
}

static uint16_t udp_free_port(const struct udp_pcb *pcb, const ip_addr_t *address)
{
	uint16_t start = (uint16_t)(PORT_FIRST + lwip_random() % (PORT_LAST - PORT_FIRST + 1));
	uint16_t port = start;

	do {
		if (udp_port_free(pcb, address, port))
			return port;
		port = port == PORT_LAST ? PORT_FIRST : (uint16_t)(port + 1);
	} while (port != start);
	return 0;
}

static void link_udp(struct udp_pcb *pcb)
{
	struct udp_pcb **list = udp_list(pcb->local_port);

	pcb->next = *list;
	*list = pcb;
}

int datagram_bind(struct stack_endpoint *ep, const ip_addr_t *address, uint16_t port)
{
	ep->bound = true;
	if (ep->protocol == STACK_RAW)
		return error_of(raw_bind(ep->raw, address));
	ep->bound = false;
	if (!port)
		port = udp_free_port(ep->udp, address);
	else if (!udp_port_free(ep->udp, address, port))
		return -EADDRINUSE;
	if (!port)
		return -EADDRINUSE;
	ep->udp->local_ip = *address;
	ep->udp->local_port = port;
	link_udp(ep->udp);
	ep->bound = true;
	return 0;
}

/* Binds to any address, where sending or connecting needs a port. */
static int bind_if_need_be(struct stack_endpoint *ep)
{
	struct net_address any = { .ip.family = (uint16_t)ep->family };
	ip_addr_t address = endpoint_bind_address(ep, &any);

	return ep->bound || ep->protocol != STACK_UDP ? 0 : datagram_bind(ep, &address, 0);
}

static void disconnect(struct stack_endpoint *ep)
{
	if (ep->connected && ep->protocol == STACK_UDP)
		udp_disconnect(ep->udp);
	else if (ep->connected)
		raw_disconnect(ep->raw);
	if (ep->source_chosen && ep->protocol == STACK_UDP)
		ep->udp->local_ip = ep->local_before;
	ep->source_chosen = ep->connected = false;
}

int datagram_connect(struct stack_endpoint *ep, const struct net_address *peer)
{
	ip_addr_t remote, source;
	struct netif *netif;
	int error;

	if (peer->ip.family == AF_UNSPEC) {
		disconnect(ep);
		return 0;
	}
	remote = destination_of(peer);
	if (ep->family == AF_INET && IP_IS_V6_VAL(remote))
		return -EAFNOSUPPORT;
	disconnect(ep);
	error = bind_if_need_be(ep);
	if (!error)
		error = endpoint_route(ep, &ep->pcb->local_ip, &remote, &netif, &source);
	if (error)
		return error;
	ep->connected = true;
	if (ep->protocol == STACK_RAW)
		return error_of(raw_connect(ep->raw, &remote));
	if (ip_addr_isany(&ep->udp->local_ip)) {
		ep->source_chosen = true;
		ep->local_before = ep->udp->local_ip;
		ep->udp->local_ip = source;
	}
	ep->udp->remote_ip = remote;
	ep->udp->remote_port = peer->port;
	ep->udp->flags |= UDP_FLAGS_CONNECTED;
	return 0;
}

/* Sending */

static int find_peer(const struct stack_endpoint *ep, const struct net_address *to,
		     ip_addr_t *remote, uint16_t *port)
{
	if (!to) {
		if (!ep->connected)
			return -EDESTADDRREQ;
		*remote = ep->pcb->remote_ip;
		*port = ep->protocol == STACK_UDP ? ep->udp->remote_port : 0;
		return 0;
	}
	*remote = destination_of(to);
	*port = to->port;
	if (ep->family == AF_INET && IP_IS_V6_VAL(*remote))
		return -EAFNOSUPPORT;
	if (ep->v6_only && IP_IS_V4_VAL(*remote))
		return -ENETUNREACH;
	return ep->protocol == STACK_UDP && !to->port ? -EINVAL : 0;
}

/* A device sums up what is sent in one piece only. */
static bool will_be_cut(const struct netif *netif, const ip_addr_t *remote, uint16_t bytes)
{
	uint32_t headers = UDP_HLEN + (IP_IS_V6(remote) ? IP6_HLEN : IP_HLEN);

	return netif->mtu && bytes + headers > netif->mtu;
}

static err_t send_udp(struct stack_endpoint *ep, struct pbuf *p, const ip_addr_t *remote,
		      uint16_t port, struct netif *netif, const ip_addr_t *source)
{
	uint16_t flags = netif->chksum_flags;
	err_t error;

	if (will_be_cut(netif, remote, p->tot_len) && netif != &loopback->netif)
		netif->chksum_flags |= NETIF_CHECKSUM_GEN_UDP;
	error = udp_sendto_if_src(ep->udp, p, remote, port, netif, source);
	netif->chksum_flags = flags;
	return error;
}

static int send_packet(struct stack_endpoint *ep, struct pbuf *p, const ip_addr_t *remote,
		       uint16_t port, const struct net_address *from)
{
	ip_addr_t source, local = from ? to_lwip(&from->ip, from->scope) : ep->pcb->local_ip;
	ip_addr_t to = *remote;
	struct netif *netif;
	err_t error;
	int failed = endpoint_route(ep, &local, &to, &netif, &source);

	if (failed)
		return failed;
	if (IP_IS_V4(&to) && ip4_addr_isbroadcast(ip_2_ip4(&to), netif) &&
	    !ip_get_option(ep->pcb, SOF_BROADCAST))
		return -EACCES;
	if (ep->protocol == STACK_UDP)
		error = send_udp(ep, p, &to, port, netif, &source);
	else
		error = raw_sendto_if_src(ep->raw, p, &to, netif, &source);
	/* A packet that is lost on its way is no error. */
	return error == ERR_IF || error == ERR_MEM ? 0 : error_of(error);
}

int datagram_send(struct stack_endpoint *ep, const struct stack_send *request)
{
	uint32_t bytes = request->data ? request->data->packet_bytes : 0;
	struct netbuf *data = request->data;
	ip_addr_t remote;
	uint16_t port = 0;
	struct pbuf *p;
	int error;

	if (ep->error)
		error = endpoint_take_error(ep);
	else if (ep->write_shut)
		error = -EPIPE;
	else
		error = find_peer(ep, request->to, &remote, &port);
	if (!error && bytes > UDP_PAYLOAD_MAX)
		error = -EMSGSIZE;
	if (!error)
		error = bind_if_need_be(ep);
	if (error) {
		netbuf_put_chain(data);
		return error;
	}
	p = data ? packet_to_send(data) : pbuf_alloc(PBUF_TRANSPORT, 0, PBUF_RAM);
	if (!p)
		return -ENOBUFS;
	error = send_packet(ep, p, &remote, port, request->from);
	pbuf_free(p);
	return error;
}
