/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP endpoints on lwIP's control blocks. lwIP tells of events by lwip_tcp_event(); a control block knows its endpoint by callback_arg,
 * and either may go first: closed endpoints leave the control block to lwIP, and tcp_detach() tells an endpoint that its control block
 * goes.
 */
#include "endpoint.h"

#include <base/errno.h>
#include <base/string.h>

#include <hooks.h>

enum {
	WINDOW_UNSCALED = UINT16_MAX,
	BYTES_PER_FRAGMENT = 512, /* a send buffer holds no more, and smaller, fragments */
	FRAGMENTS_LEAST = 64,
	FRAGMENTS_MOST = 32768,
};

/* Ending */

/* lwIP forgets the port before the control block goes; the endpoint keeps it. */
static void keep_addresses(struct stack_endpoint *ep, const struct tcp_pcb *pcb)
{
	if (!pcb->local_port && ep->local.port)
		return;
	ep->local = endpoint_address(&pcb->local_ip, pcb->local_port, ep->family);
	ep->peer = endpoint_address(&pcb->remote_ip, pcb->remote_port, ep->family);
}

void tcp_detach(struct tcp_pcb *pcb, int error)
{
	struct stack_endpoint *ep = pcb->callback_arg;

	if (!ep || ep->listening || ep->tcp != pcb)
		return;
	keep_addresses(ep, pcb);
	pcb->callback_arg = NULL;
	ep->tcp = NULL;
	ep->connecting = false;
	ep->peer_closed = true;
	endpoint_fail(ep, error);
}

static void leave_accept_queue(struct stack_endpoint *ep)
{
	struct stack_endpoint *listener = ep->listener;

	if (!listener)
		return;
	list_remove(&ep->accept_link);
	if (ep->awaits_data)
		listener->deferred--;
	else
		listener->waiting--;
	ep->listener = NULL;
}

static void close_listener(struct stack_endpoint *ep)
{
	struct list_node *node;

	while ((node = list_pop_front(&ep->accept_queue)) != NULL) {
		struct stack_endpoint *child = list_entry(node, struct stack_endpoint, accept_link);

		child->listener = NULL;
		tcp_endpoint_close(child, true);
		endpoint_free(child);
	}
	ep->tcp_listener->callback_arg = NULL;
	(void)tcp_close((struct tcp_pcb *)ep->tcp_listener);
}

void tcp_endpoint_close(struct stack_endpoint *ep, bool abort)
{
	struct tcp_pcb *pcb = ep->tcp;
	/* STACK_LINGER of no time */
	abort = abort || ep->first || ep->linger == 1;
	leave_accept_queue(ep);
	if (!pcb)
		return;
	if (ep->listening) {
		close_listener(ep);
		return;
	}
	pcb->callback_arg = NULL;
	ep->tcp = NULL;
	if (abort) {
		tcp_abort(pcb);
		return;
	}
	pcb->ext.orphan = true;
	pcb->ext.more = pcb->ext.corked = false;
	/* lwIP would take a smaller window for data that nobody has read. */
	pcb->rcv_wnd = TCP_WND_MAX(pcb);
	if (pcb->state != CLOSED)
		tcp_touch(pcb);
	pcb->tmr = tcp_ticks;
	(void)tcp_close(pcb);
}

/* Beginning */

void tcp_apply_options(const struct stack_endpoint *ep, struct tcp_pcb *pcb)
{
	const struct tcp_options *options = &ep->tcp_options;

	if (options->no_delay)
		tcp_nagle_disable(pcb);
	else
		tcp_nagle_enable(pcb);
	pcb->keep_idle = options->keep_idle_seconds * 1000;
	pcb->keep_intvl = options->keep_interval_seconds * 1000;
	pcb->keep_cnt = options->keep_count;
	pcb->ext.user_timeout = options->user_timeout_ms / TCP_SLOW_INTERVAL;
	pcb->ext.corked = options->corked;
}

int tcp_endpoint_open(struct stack_endpoint *ep)
{
	ep->tcp = tcp_new_ip_type(ep->family == AF_INET ? IPADDR_TYPE_V4 : IPADDR_TYPE_ANY);
	if (!ep->tcp)
		return -ENOMEM;
	ep->tcp->callback_arg = ep;
	tcp_apply_options(ep, ep->tcp);
	return 0;
}

int tcp_endpoint_bind(struct stack_endpoint *ep, const ip_addr_t *address, uint16_t port)
{
	struct tcp_pcb *pcb = ep->tcp;

	if (ep->listening)
		return -EINVAL;
	if (!port)
		port = tcp_free_port(address);
	else if (!tcp_port_free(address, port, pcb->so_options))
		return -EADDRINUSE;
	if (!port)
		return -EADDRINUSE;
	pcb->local_ip = *address;
	pcb->local_port = port;
	tcp_register(&tcp_bound_pcbs, pcb);
	ep->bound = true;
	return 0;
}

int stack_listen(struct stack_endpoint *ep, unsigned backlog)
{
	struct tcp_pcb *pcb = ep->tcp, *listener;
	uint8_t options;
	err_t error;

	if (ep->protocol != STACK_TCP)
		return -EOPNOTSUPP;
	ep->backlog = backlog;
	if (ep->listening)
		return 0;
	if (!pcb || ep->connecting || ep->connected)
		return -EINVAL;
	if (!ep->bound) {
		struct net_address any = { .ip.family = (uint16_t)ep->family };
		int bind_error = stack_bind(ep, &any);

		if (bind_error)
			return bind_error;
	}
	if (!tcp_may_listen(pcb))
		return -EADDRINUSE;
	options = pcb->so_options;
	/* lwIP would walk all listeners to check what tcp_may_listen() has; and it frees this control block. */
	ip_reset_option(pcb, SOF_REUSEADDR);
	ep->tcp = NULL;
	listener = tcp_listen_with_backlog_and_err(pcb, UINT8_MAX, &error);
	if (!listener) {
		pcb->so_options = options;
		ep->tcp = pcb;
		return error_of(error);
	}
	listener->so_options = options;
	ep->tcp_listener = (struct tcp_pcb_listen *)listener;
	ep->listening = true;
	return 0;
}

/* As Linux: whoever waits to accept is told that it is none any more. */
static int stop_listening(struct stack_endpoint *ep)
{
	close_listener(ep);
	ep->pcb = NULL;
	ep->listening = ep->bound = false;
	return 0;
}

bool tcp_listener_takes(struct tcp_pcb_listen *listener)
{
	const struct stack_endpoint *ep = listener->callback_arg;

	/* As Linux, one more than the backlog says. */
	return ep && ep->waiting + ep->deferred <= ep->backlog && tcp_room_to_open();
}

void tcp_set_syn_window(struct tcp_pcb *pcb)
{
	const struct stack_endpoint *ep = pcb->callback_arg;

	if (ep)
		pcb->rcv_wnd = pcb->rcv_ann_wnd = min(ep->receive_buffer,
						      (uint32_t)WINDOW_UNSCALED);
}

/* What a new connection may send before it is known to need more. */
static void first_window(struct stack_endpoint *ep, struct tcp_pcb *pcb)
{
	/* The SYN could announce 16 bits of it. */
	pcb->rcv_wnd = pcb->rcv_ann_wnd = min(ep->receive_buffer, (uint32_t)TCP_WND_MAX(pcb));
	pcb->rcv_ann_right_edge = pcb->rcv_nxt + min(pcb->rcv_wnd, (uint32_t)WINDOW_UNSCALED);
	ep->receive_buffer = pcb->rcv_wnd;
}

static void inherit(struct stack_endpoint *child, struct tcp_pcb *pcb,
		    const struct stack_endpoint *parent)
{
	child->v6_only = parent->v6_only;
	child->send_fixed = parent->send_fixed;
	child->receive_fixed = parent->receive_fixed;
	child->send_buffer = parent->send_buffer;
	child->receive_buffer = parent->receive_buffer;
	child->linger = parent->linger;
	child->tcp_options = parent->tcp_options;
	child->bound = child->connected = true;
	pcb->so_options = parent->tcp_listener->so_options;
	pcb->ttl = parent->tcp_listener->ttl;
	pcb->tos = parent->tcp_listener->tos;
	tcp_apply_options(child, pcb);
}

static void child_is_ready(struct stack_endpoint *child)
{
	struct stack_endpoint *listener = child->listener;

	if (!child->awaits_data)
		return;
	child->awaits_data = false;
	listener->deferred--;
	listener->waiting++;
	endpoint_ready(listener, STACK_READABLE);
}

static err_t accepted(struct tcp_pcb *pcb)
{
	struct stack_endpoint *listener = pcb ? pcb->listener->callback_arg : NULL, *child;

	if (!listener)
		return ERR_VAL;
	if (endpoint_create(listener->family, STACK_TCP, NULL, &child))
		return ERR_MEM;
	inherit(child, pcb, listener);
	tcp_opened(pcb);
	pcb->callback_arg = child;
	child->tcp = pcb;
	first_window(child, pcb);
	child->listener = listener;
	list_insert_before(&listener->accept_queue, &child->accept_link);
	child->awaits_data = listener->defer_seconds > 0;
	if (child->awaits_data) {
		listener->deferred++;
		return ERR_OK;
	}
	listener->waiting++;
	endpoint_ready(listener, STACK_READABLE);
	return ERR_OK;
}

int stack_accept(struct stack_endpoint *listener, struct stack_owner *owner,
		 struct stack_endpoint **out)
{
	if (!listener->listening)
		return -EINVAL;
	list_for_each(node, &listener->accept_queue) {
		struct stack_endpoint *child = list_entry(node, struct stack_endpoint, accept_link);

		if (child->awaits_data)
			continue;
		leave_accept_queue(child);
		child->owner = owner;
		*out = child;
		return 0;
	}
	return -EAGAIN;
}

/* Connecting */

static int choose_local(struct stack_endpoint *ep, const ip_addr_t *remote, uint16_t port,
			const ip_addr_t *source)
{
	struct tcp_pcb *pcb = ep->tcp;

	if (!ep->bound) {
		uint16_t chosen = tcp_choose_port(source, remote, port);

		if (!chosen)
			return -EADDRNOTAVAIL;
		pcb->local_ip = *source;
		pcb->local_port = chosen;
		tcp_register(&tcp_bound_pcbs, pcb);
		ep->bound = true;
		return 0;
	}
	pcb->local_ip = *source;
	return tcp_find(source, pcb->local_port, remote, port) ? -EADDRNOTAVAIL : 0;
}

static int start_connecting(struct stack_endpoint *ep, const ip_addr_t *remote, uint16_t port)
{
	struct tcp_pcb *pcb = ep->tcp;
	uint8_t options = pcb->so_options;
	err_t error;

	/* lwIP would walk all connections to check what choose_local() has. */
	ip_reset_option(pcb, SOF_REUSEADDR);
	error = tcp_connect(pcb, remote, port, NULL);
	pcb->so_options = options;
	if (error != ERR_OK)
		return error_of(error);
	ep->connecting = true;
	return -EINPROGRESS;
}

int tcp_endpoint_connect(struct stack_endpoint *ep, const struct net_address *peer)
{
	ip_addr_t remote = destination_of(peer), source;
	struct netif *netif;
	int error;

	if (ep->listening || ep->connected)
		return -EISCONN;
	if (ep->connecting)
		return -EALREADY;
	if (!ep->tcp) { /* a failed one may try again */
		error = tcp_endpoint_open(ep);
		if (error)
			return error;
		ep->bound = ep->peer_closed = false;
	}
	if (ep->family == AF_INET && IP_IS_V6_VAL(remote))
		return -EAFNOSUPPORT;
	if (!peer->port)
		return -ECONNREFUSED;
	if (ip_addr_ismulticast(&remote) || (ep->v6_only && IP_IS_V4_VAL(remote)))
		return -ENETUNREACH;
	error = endpoint_route(ep, &ep->tcp->local_ip, &remote, &netif, &source);
	if (!error)
		error = choose_local(ep, &remote, peer->port, &source);
	return error ? error : start_connecting(ep, &remote, peer->port);
}

/* Events */

static void append_received(struct stack_endpoint *ep, struct netbuf *chain)
{
	struct netbuf *last = chain;

	for (;; last = last->next) {
		ep->kept += netbuf_kept(last);
		packets.received += netbuf_kept(last);
		if (!last->next)
			break;
	}
	ep->bytes += chain->packet_bytes;
	if (ep->first)
		ep->last->next = chain;
	else
		ep->first = chain;
	ep->last = last;
}

static err_t received(struct stack_endpoint *ep, struct tcp_pcb *pcb, struct pbuf *p)
{
	uint16_t bytes = p ? p->tot_len : 0;
	struct netbuf *chain;

	if (!p) {
		if (ep)
			ep->peer_closed = true;
	} else if (!ep) {
		pbuf_free(p); /* lwIP resets connections that nobody has; see TF_RXCLOSED */
		return ERR_OK;
	} else {
		chain = packet_take(p);
		if (!chain && bytes) { /* acknowledged, and lost for want of memory */
			tcp_abort(pcb);
			return ERR_ABRT;
		}
		if (chain)
			append_received(ep, chain);
	}
	if (!ep)
		return ERR_OK;
	if (ep->listener)
		child_is_ready(ep);
	endpoint_ready(ep, STACK_READABLE);
	return ERR_OK;
}

static bool is_writable(const struct stack_endpoint *ep)
{
	return tcp_endpoint_room(ep) >= ep->send_buffer / 3;
}

static void failed(struct stack_endpoint *ep, err_t error)
{
	if (ep->tcp)
		keep_addresses(ep, ep->tcp);
	if (error == ERR_RST)
		endpoint_fail(ep, ep->connecting    ? ECONNREFUSED
				  : ep->peer_closed ? EPIPE
						    : ECONNRESET);
	else
		endpoint_fail(ep, error == ERR_CLSD ? 0 : ECONNABORTED);
}

/** lwIP's: everything that happens to a connection. */
err_t lwip_tcp_event(void *arg, struct tcp_pcb *pcb, enum lwip_event event, struct pbuf *p,
		     u16_t bytes, err_t error)
{
	struct stack_endpoint *ep = arg;

	(void)bytes;
	switch (event) {
	case LWIP_EVENT_ACCEPT:
		return accepted(pcb);
	case LWIP_EVENT_RECV:
		return received(ep, pcb, p);
	case LWIP_EVENT_SENT:
		if (ep && is_writable(ep))
			endpoint_ready(ep, STACK_WRITABLE);
		return ERR_OK;
	case LWIP_EVENT_CONNECTED:
		if (pcb->rttest) /* of the SYN: lwIP would go on until data is acknowledged */
			tcp_round_trip(pcb, tcp_ticks - pcb->rttest);
		pcb->rttest = 0;
		if (!ep)
			return ERR_OK;
		ep->connecting = false;
		ep->connected = true;
		first_window(ep, pcb);
		endpoint_ready(ep, STACK_WRITABLE);
		return ERR_OK;
	case LWIP_EVENT_ERR:
		if (ep)
			failed(ep, error);
		return ERR_OK;
	default:
		return ERR_OK;
	}
}

unsigned tcp_endpoint_events(const struct stack_endpoint *ep)
{
	unsigned events = 0;

	if (ep->listening)
		return ep->waiting ? STACK_READABLE : 0;
	if (ep->error)
		return STACK_READABLE | STACK_WRITABLE | STACK_ENDED | STACK_FAILED |
		       STACK_PEER_ENDED;
	if (ep->connecting)
		return 0;
	if (!ep->connected)
		return STACK_WRITABLE | STACK_ENDED;
	if (ep->first || ep->peer_closed || ep->read_shut)
		events |= STACK_READABLE;
	if (ep->write_shut || !ep->tcp || is_writable(ep))
		events |= STACK_WRITABLE;
	if (!ep->tcp || (ep->peer_closed && ep->write_shut))
		events |= STACK_ENDED;
	if (ep->peer_closed)
		events |= STACK_PEER_ENDED;
	return events;
}

/* Sending */

static uint32_t send_limit(const struct stack_endpoint *ep)
{
	if (ep->send_fixed)
		return ep->send_buffer;
	/* Twice what may be on its way, so that it does not stop while the program comes. */
	return max(ep->send_buffer,
		   (uint32_t)min((uint64_t)ep->tcp->cwnd * 2, (uint64_t)limits.send_max));
}

static unsigned fragment_limit(uint32_t bytes)
{
	return max(min(bytes / BYTES_PER_FRAGMENT, (unsigned)FRAGMENTS_MOST),
		   (unsigned)FRAGMENTS_LEAST);
}

static bool may_send(const struct tcp_pcb *pcb)
{
	return pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT;
}

size_t tcp_endpoint_room(const struct stack_endpoint *ep)
{
	size_t queued;
	uint32_t limit;

	if (ep->listening || !ep->tcp || !may_send(ep->tcp))
		return 0;
	limit = send_limit(ep);
	queued = tcp_queued_bytes(ep->tcp);
	if (queued >= limit || ep->tcp->snd_queuelen >= fragment_limit(limit))
		return 0;
	return limit - queued;
}

static int sending_error(struct stack_endpoint *ep)
{
	if (ep->error)
		return endpoint_take_error(ep);
	if (ep->write_shut || (ep->connected && (!ep->tcp || !may_send(ep->tcp))))
		return -EPIPE;
	return ep->connected ? 0 : -ENOTCONN;
}

int tcp_endpoint_send(struct stack_endpoint *ep, const struct stack_send *request)
{
	struct tcp_pcb *pcb = ep->tcp;
	int error = sending_error(ep);
	struct pbuf *p;

	if (error) {
		netbuf_put_chain(request->data);
		return error;
	}
	p = packet_to_send(request->data);
	if (!p)
		return request->data ? -ENOBUFS : 0;
	tcp_touch(pcb);
	pcb->ext.more = request->more;
	if (tcp_append(pcb, p, !request->more)) {
		/* What is queued of it may end anywhere. */
		tcp_abort(pcb);
		return -ENOBUFS;
	}
	return 0; /* stack_flush() sends */
}

int tcp_endpoint_shutdown(struct stack_endpoint *ep, unsigned how)
{
	if (ep->listening) {
		if (how & STACK_SHUT_READ)
			return stop_listening(ep);
		return 0;
	}
	if (!ep->connected)
		return -ENOTCONN;
	if (how & STACK_SHUT_READ)
		ep->read_shut = true;
	if (!(how & STACK_SHUT_WRITE) || ep->write_shut)
		return 0;
	ep->write_shut = true;
	if (!ep->tcp)
		return 0;
	ep->tcp->ext.more = ep->tcp->ext.corked = false;
	tcp_touch(ep->tcp);
	if (may_send(ep->tcp))
		(void)tcp_shutdown(ep->tcp, 0, 1);
	return 0;
}

/* Receiving */

static int nothing_to_receive(struct stack_endpoint *ep)
{
	/* A stream that has ended stays so, whatever its sender runs into (EPIPE). */
	if (ep->error && ep->error != EPIPE)
		return endpoint_take_error(ep);
	if (ep->peer_closed || ep->read_shut)
		return 0;
	return ep->connected ? -EAGAIN : -ENOTCONN;
}

/* Takes the first fragment off, or a part of it. */
static struct netbuf *take_fragment(struct stack_endpoint *ep, size_t bytes)
{
	struct netbuf *buf = ep->first, *part;

	if (buf->bytes > bytes) {
		part = netbuf_part(buf, buf->data, bytes);
		if (!part)
			return NULL;
		buf->data += bytes;
		buf->bytes -= (uint32_t)bytes;
		return part;
	}
	ep->first = buf->next;
	buf->next = NULL;
	ep->kept -= netbuf_kept(buf);
	packets.received -= netbuf_kept(buf);
	return buf;
}

int tcp_endpoint_receive(struct stack_endpoint *ep, size_t bytes, struct netbuf **out)
{
	struct netbuf *chain = NULL, **link = &chain;
	size_t left = min(bytes, ep->bytes);

	*out = NULL;
	if (!ep->first)
		return nothing_to_receive(ep);
	while (left) {
		struct netbuf *buf = take_fragment(ep, left);

		if (!buf)
			break;
		left -= buf->bytes;
		*link = buf;
		link = &buf->next;
	}
	bytes = min(bytes, ep->bytes) - left;
	ep->bytes -= bytes;
	if (!chain)
		return left ? -ENOBUFS : 0;
	chain->packet_bytes = (uint32_t)bytes;
	*out = chain;
	return 0;
}

int tcp_endpoint_peek(struct stack_endpoint *ep, size_t skip, size_t bytes, struct netbuf **out)
{
	struct netbuf *chain = NULL, **link = &chain;
	uint32_t total = 0;

	*out = NULL;
	if (skip >= ep->bytes)
		return nothing_to_receive(ep);
	for (struct netbuf *buf = ep->first; buf && bytes; buf = buf->next) {
		size_t count;

		if (skip >= buf->bytes) {
			skip -= buf->bytes;
			continue;
		}
		count = min((size_t)buf->bytes - skip, bytes);
		*link = netbuf_part(buf, buf->data + skip, count);
		if (!*link)
			break;
		link = &(*link)->next;
		total += (uint32_t)count;
		bytes -= count;
		skip = 0;
	}
	if (!chain)
		return -ENOBUFS;
	chain->packet_bytes = total;
	*out = chain;
	return 0;
}

void stack_unreceive(struct stack_endpoint *ep, struct netbuf *data)
{
	struct netbuf *last = data;

	if (!data)
		return;
	for (;; last = last->next) {
		ep->kept += netbuf_kept(last);
		packets.received += netbuf_kept(last);
		ep->bytes += last->bytes;
		if (!last->next)
			break;
	}
	last->next = ep->first;
	if (!ep->first)
		ep->last = last;
	ep->first = data;
}

/* A reader that keeps up with all that the window lets come gets a larger one. */
static uint32_t enlarge(struct stack_endpoint *ep, size_t bytes)
{
	uint32_t more;

	ep->consumed += (uint32_t)min(bytes, (size_t)TCP_WND);
	if (ep->receive_fixed || ep->consumed < 2 * ep->receive_buffer ||
	    !(ep->tcp->flags & TF_WND_SCALE) || packets.received > limits.received_max / 2)
		return 0;
	more = min(ep->receive_buffer, TCP_WND - min(ep->receive_buffer, TCP_WND));
	ep->consumed = 0;
	ep->receive_buffer += more;
	return more;
}

void stack_consumed(struct stack_endpoint *ep, size_t bytes)
{
	struct tcp_pcb *pcb = ep->tcp;
	uint32_t grown, gained;

	if (ep->protocol != STACK_TCP || ep->listening || !pcb || ep->peer_closed)
		return;
	grown = enlarge(ep, bytes);
	pcb->rcv_wnd = min(pcb->rcv_wnd + (uint32_t)bytes + grown, (uint32_t)TCP_WND_MAX(pcb));
	/* Told now when it is a good part of the window, else with the next segment. lwIP would wait for a maximum segment, which may be
	 * more than the window. */
	gained = pcb->rcv_nxt + pcb->rcv_wnd - pcb->rcv_ann_right_edge;
	if (gained > INT32_MAX ||
	    gained < min(max(ep->receive_buffer / 4, 2u * pcb->mss), ep->receive_buffer / 2))
		return;
	pcb->rcv_ann_wnd = pcb->rcv_wnd;
	stack_tick();
	tcp_touch(pcb);
	tcp_ack_now(pcb);
	stack_flush();
}
