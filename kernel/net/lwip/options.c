/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of endpoints, and what is told of them all. */
#include "endpoint.h"

#include <base/errno.h>
#include <base/string.h>

#include <hooks.h>

enum {
	BUFFER_LEAST = 4096,
	SEGMENT_LEAST = 88,     /* as Linux's TCP_MIN_MSS */
	KEEPALIVE_MOST = 32767, /* seconds, as Linux */
	KEEPALIVE_COUNT_MOST = 127,
};

static int set_flag(struct stack_endpoint *ep, uint8_t flag, int value)
{
	if (!ep->pcb)
		return 0;
	if (value)
		ip_set_option(ep->pcb, flag);
	else
		ip_reset_option(ep->pcb, flag);
	return 0;
}

static bool get_flag(const struct stack_endpoint *ep, uint8_t flag)
{
	return ep->pcb && ip_get_option(ep->pcb, flag);
}

static struct tcp_pcb *connection_of(const struct stack_endpoint *ep)
{
	return ep->protocol == STACK_TCP && !ep->listening ? ep->tcp : NULL;
}

static int set_buffer(struct stack_endpoint *ep, int value, bool send)
{
	uint32_t most = ep->protocol == STACK_TCP ? TCP_WND : (uint32_t)(limits.received_max / 4);
	uint32_t bytes = min((uint32_t)max(value, (int)BUFFER_LEAST), most);

	if (send) {
		ep->send_buffer = bytes;
		ep->send_fixed = true;
	} else {
		ep->receive_buffer = bytes;
		ep->receive_fixed = true;
	}
	return 0;
}

static int set_device(struct stack_endpoint *ep, int value)
{
	if (value && !interface_by_index((uint32_t)value))
		return -ENODEV;
	if (ep->pcb)
		ep->pcb->netif_idx = (uint8_t)value;
	return 0;
}

static int set_v6_only(struct stack_endpoint *ep, int value)
{
	if (ep->family != AF_INET6)
		return -ENOPROTOOPT;
	if (ep->bound || !ep->pcb)
		return -EINVAL;
	ep->v6_only = value;
	IP_SET_TYPE_VAL(ep->pcb->local_ip, value ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
	IP_SET_TYPE_VAL(ep->pcb->remote_ip, value ? IPADDR_TYPE_V6 : IPADDR_TYPE_ANY);
	return 0;
}

static int set_byte(uint8_t *field, int value, int fallback, int least)
{
	if (value == -1)
		value = fallback;
	if (value < least || value > (int)UINT8_MAX)
		return -EINVAL;
	if (field)
		*field = (uint8_t)value;
	return 0;
}

static int set_common(struct stack_endpoint *ep, enum stack_option option, int value)
{
	switch (option) {
	case STACK_REUSE_ADDRESS:
		return set_flag(ep, SOF_REUSEADDR, value);
	case STACK_REUSE_PORT:
		return set_flag(ep, SOF_REUSEPORT, value);
	case STACK_KEEPALIVE:
		return set_flag(ep, SOF_KEEPALIVE, value);
	case STACK_BROADCAST:
		return set_flag(ep, SOF_BROADCAST, value);
	case STACK_V6_ONLY:
		return set_v6_only(ep, value);
	case STACK_BIND_TO_DEVICE:
		return set_device(ep, value);
	case STACK_SEND_BUFFER:
	case STACK_RECEIVE_BUFFER:
		return set_buffer(ep, value, option == STACK_SEND_BUFFER);
	case STACK_TTL:
		return set_byte(ep->pcb ? &ep->pcb->ttl : NULL, value, 64, 1);
	case STACK_TOS:
		return set_byte(ep->pcb ? &ep->pcb->tos : NULL, value, 0, 0);
	case STACK_LINGER:
		ep->linger = value;
		return 0;
	case STACK_TIMESTAMPS:
		ep->timestamps = value;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static void set_multicast_loop(struct stack_endpoint *ep, bool loop)
{
	uint8_t *flags = ep->protocol == STACK_UDP ? &ep->udp->flags : &ep->raw->flags;
	uint8_t flag = ep->protocol == STACK_UDP ? UDP_FLAGS_MULTICAST_LOOP
						 : RAW_FLAGS_MULTICAST_LOOP;

	ep->multicast_loop = loop;
	*flags = (uint8_t)(loop ? *flags | flag : *flags & ~flag);
}

static int set_multicast(struct stack_endpoint *ep, enum stack_option option, int value)
{
	uint8_t *ttl = ep->protocol == STACK_UDP ? &ep->udp->mcast_ttl : &ep->raw->mcast_ttl;

	switch (option) {
	case STACK_MULTICAST_TTL:
		return set_byte(ttl, value, 1, 0);
	case STACK_MULTICAST_LOOP:
		set_multicast_loop(ep, value);
		return 0;
	case STACK_MULTICAST_INTERFACE:
		if (value && !interface_by_index((uint32_t)value))
			return -EADDRNOTAVAIL;
		ep->multicast_interface = (uint32_t)value;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_keepalive(struct stack_endpoint *ep, enum stack_option option, int value)
{
	struct tcp_options *options = &ep->tcp_options;
	int most = option == STACK_TCP_KEEPCNT ? KEEPALIVE_COUNT_MOST : KEEPALIVE_MOST;

	if (value < 1 || value > most)
		return -EINVAL;
	if (option == STACK_TCP_KEEPIDLE)
		options->keep_idle_seconds = (uint32_t)value;
	else if (option == STACK_TCP_KEEPINTVL)
		options->keep_interval_seconds = (uint32_t)value;
	else
		options->keep_count = (uint32_t)value;
	return 0;
}

static int set_mss(struct stack_endpoint *ep, int value)
{
	struct tcp_pcb *pcb = connection_of(ep);

	if (value && (value < SEGMENT_LEAST || value > TCP_MSS))
		return -EINVAL;
	if (pcb && ep->connected && value)
		pcb->mss = min(pcb->mss, (uint16_t)value);
	return 0;
}

static int set_tcp(struct stack_endpoint *ep, enum stack_option option, int value)
{
	struct tcp_options *options = &ep->tcp_options;

	switch (option) {
	case STACK_TCP_NODELAY:
		options->no_delay = value;
		return 0;
	case STACK_TCP_CORK:
		options->corked = value;
		return 0;
	case STACK_TCP_MAXSEG:
		return set_mss(ep, value);
	case STACK_TCP_KEEPIDLE:
	case STACK_TCP_KEEPINTVL:
	case STACK_TCP_KEEPCNT:
		return set_keepalive(ep, option, value);
	case STACK_TCP_USER_TIMEOUT:
		if (value < 0)
			return -EINVAL;
		options->user_timeout_ms = (uint32_t)value;
		return 0;
	case STACK_TCP_DEFER_ACCEPT:
		ep->defer_seconds = max(value, 0);
		return 0;
	case STACK_TCP_QUICKACK:
		return 0; /* an acknowledgement waits for 40 ms at most, and for the end of a round */
	default:
		return -ENOPROTOOPT;
	}
}

int stack_set(struct stack_endpoint *ep, enum stack_option option, int value)
{
	struct tcp_pcb *pcb = connection_of(ep);
	int error = set_common(ep, option, value);

	if (error == -ENOPROTOOPT && ep->protocol != STACK_TCP)
		error = set_multicast(ep, option, value);
	else if (error == -ENOPROTOOPT)
		error = set_tcp(ep, option, value);
	if (error || !pcb)
		return error;
	tcp_apply_options(ep, pcb);
	if (ep->connected) { /* what was held back may go now, and timers change */
		stack_tick();
		tcp_touch(pcb);
		stack_flush();
	}
	return 0;
}

static int get_common(const struct stack_endpoint *ep, enum stack_option option, int *value)
{
	switch (option) {
	case STACK_REUSE_ADDRESS:
		*value = get_flag(ep, SOF_REUSEADDR);
		return 0;
	case STACK_REUSE_PORT:
		*value = get_flag(ep, SOF_REUSEPORT);
		return 0;
	case STACK_KEEPALIVE:
		*value = get_flag(ep, SOF_KEEPALIVE);
		return 0;
	case STACK_BROADCAST:
		*value = get_flag(ep, SOF_BROADCAST);
		return 0;
	case STACK_V6_ONLY:
		*value = ep->v6_only;
		return 0;
	case STACK_BIND_TO_DEVICE:
		*value = ep->pcb ? ep->pcb->netif_idx : 0;
		return 0;
	case STACK_SEND_BUFFER:
		*value = (int)ep->send_buffer;
		return 0;
	case STACK_RECEIVE_BUFFER:
		*value = (int)ep->receive_buffer;
		return 0;
	case STACK_TTL:
		*value = ep->pcb ? ep->pcb->ttl : 64;
		return 0;
	case STACK_TOS:
		*value = ep->pcb ? ep->pcb->tos : 0;
		return 0;
	case STACK_LINGER:
		*value = ep->linger;
		return 0;
	case STACK_TIMESTAMPS:
		*value = ep->timestamps;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_multicast(const struct stack_endpoint *ep, enum stack_option option, int *value)
{
	switch (option) {
	case STACK_MULTICAST_TTL:
		*value = ep->protocol == STACK_UDP ? ep->udp->mcast_ttl : ep->raw->mcast_ttl;
		return 0;
	case STACK_MULTICAST_LOOP:
		*value = ep->multicast_loop;
		return 0;
	case STACK_MULTICAST_INTERFACE:
		*value = (int)ep->multicast_interface;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int get_tcp(const struct stack_endpoint *ep, enum stack_option option, int *value)
{
	const struct tcp_options *options = &ep->tcp_options;
	const struct tcp_pcb *pcb = connection_of(ep);

	switch (option) {
	case STACK_TCP_NODELAY:
		*value = options->no_delay;
		return 0;
	case STACK_TCP_CORK:
		*value = options->corked;
		return 0;
	case STACK_TCP_MAXSEG:
		*value = pcb ? tcp_mss(pcb) : 536;
		return 0;
	case STACK_TCP_KEEPIDLE:
		*value = (int)options->keep_idle_seconds;
		return 0;
	case STACK_TCP_KEEPINTVL:
		*value = (int)options->keep_interval_seconds;
		return 0;
	case STACK_TCP_KEEPCNT:
		*value = (int)options->keep_count;
		return 0;
	case STACK_TCP_USER_TIMEOUT:
		*value = (int)options->user_timeout_ms;
		return 0;
	case STACK_TCP_DEFER_ACCEPT:
		*value = ep->defer_seconds;
		return 0;
	case STACK_TCP_QUICKACK:
		*value = 1;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int stack_get(const struct stack_endpoint *ep, enum stack_option option, int *value)
{
	int error = get_common(ep, option, value);

	if (error != -ENOPROTOOPT)
		return error;
	return ep->protocol == STACK_TCP ? get_tcp(ep, option, value)
					 : get_multicast(ep, option, value);
}

/* Linux's TCP_ESTABLISHED and so on */
static uint8_t linux_state(enum tcp_state state)
{
	static const uint8_t states[] = {
		[CLOSED] = 7,      [LISTEN] = 10,    [SYN_SENT] = 2,   [SYN_RCVD] = 3,
		[ESTABLISHED] = 1, [FIN_WAIT_1] = 4, [FIN_WAIT_2] = 5, [CLOSE_WAIT] = 8,
		[CLOSING] = 11,    [LAST_ACK] = 9,   [TIME_WAIT] = 6,
	};

	return states[state];
}

int stack_tcp_info(const struct stack_endpoint *ep, struct stack_tcp_info *out)
{
	const struct tcp_pcb *pcb = connection_of(ep);
	const uint32_t tick_us = TCP_SLOW_INTERVAL * 1000;

	if (ep->protocol != STACK_TCP)
		return -ENOPROTOOPT;
	*out = (struct stack_tcp_info){ .state = linux_state(ep->listening ? LISTEN : CLOSED) };
	if (!pcb)
		return 0;
	*out = (struct stack_tcp_info){
		.state = linux_state(pcb->state),
		.send_scale = pcb->snd_scale,
		.receive_scale = pcb->rcv_scale,
		.timestamps = pcb->flags & TF_TIMESTAMP,
		.sack = pcb->flags & TF_SACK,
		.scaling = pcb->flags & TF_WND_SCALE,
		.retransmit_timeout_us = (uint32_t)pcb->rto * tick_us,
		.rtt_us = (uint32_t)(pcb->sa >> 3) * tick_us,
		.rtt_variance_us = (uint32_t)(pcb->sv >> 2) * tick_us,
		.send_mss = tcp_mss(pcb),
		.receive_mss = tcp_mss(pcb),
		.congestion_window = pcb->cwnd / max(pcb->mss, (uint16_t)1),
		.slow_start_threshold = pcb->ssthresh / max(pcb->mss, (uint16_t)1),
		.unacknowledged = pcb->snd_nxt - pcb->lastack,
		.retransmits = pcb->nrtx,
	};
	return 0;
}

/* Listing */

static bool tell_tcp(const struct tcp_pcb *pcb,
		     bool (*fn)(void *context, const struct stack_endpoint_info *info),
		     void *context)
{
	const struct stack_endpoint *ep = pcb->callback_arg;
	unsigned family = ep ? ep->family : (IP_IS_V6_VAL(pcb->local_ip) ? AF_INET6 : AF_INET);
	struct stack_endpoint_info info = {
		.protocol = STACK_TCP,
		.local = endpoint_address(&pcb->local_ip, pcb->local_port, family),
		.peer.ip.family = (uint16_t)family,
		.state = linux_state(pcb->state),
		.pending_receive = ep ? ep->bytes : 0,
	};

	if (pcb->state == LISTEN) {
		info.pending_receive = ep ? ep->waiting : 0;
	} else {
		info.peer = endpoint_address(&pcb->remote_ip, pcb->remote_port, family);
		info.pending_send = tcp_queued_bytes(pcb);
	}
	return fn(context, &info);
}

static bool tell_udp(const struct udp_pcb *pcb,
		     bool (*fn)(void *context, const struct stack_endpoint_info *info),
		     void *context)
{
	const struct stack_endpoint *ep = pcb->recv_arg;
	struct stack_endpoint_info info = { .protocol = STACK_UDP, .state = 7 };

	if (!endpoint_is_udp(pcb))
		return true; /* lwIP's own */
	info.local = endpoint_address(&pcb->local_ip, pcb->local_port, ep->family);
	info.peer = endpoint_address(&pcb->remote_ip, pcb->remote_port, ep->family);
	info.pending_receive = ep->bytes;
	if (ep->connected)
		info.state = 1;
	return fn(context, &info);
}

void stack_each(bool (*fn)(void *context, const struct stack_endpoint_info *info), void *context)
{
	static struct tcp_pcb **const lists[] = { &tcp_listen_pcbs.pcbs, &tcp_active_pcbs,
						  &tcp_tw_pcbs };

	for (unsigned i = 0; i < countof(lists); i++) {
		for (struct tcp_pcb *pcb = *lists[i]; pcb; pcb = pcb->next) {
			if (!tell_tcp(pcb, fn, context))
				return;
		}
	}
	for (unsigned i = 0; i < UDP_LISTS; i++) {
		for (struct udp_pcb *pcb = udp_lists[i]; pcb; pcb = pcb->next) {
			if (!tell_udp(pcb, fn, context))
				return;
		}
	}
}
