/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions of ours that lwIP calls: through its hooks (lwipopts.h) and by our patches. */
#pragma once

#include <base/types.h>

#include <lwip/err.h>
#include <lwip/ip_addr.h>

struct netif;
struct pbuf;
struct tcp_hdr;
struct tcp_pcb;
struct tcp_pcb_listen;
struct tcp_seg;

/* tcp_table.c: in place of walking lists. */
void tcp_register(struct tcp_pcb **list, struct tcp_pcb *pcb);
void tcp_unregister(struct tcp_pcb **list, struct tcp_pcb *pcb);
struct tcp_pcb *tcp_demux(uint16_t local_port, uint16_t remote_port, uint32_t sequence,
			  uint8_t flags);
struct tcp_pcb_listen *tcp_demux_listener(uint16_t local_port, uint16_t remote_port);
bool tcp_listener_takes(struct tcp_pcb_listen *listener);
bool tcp_too_many_open(void);
uint32_t tcp_initial_sequence(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
			      uint16_t remote_port);

/* tcp_send.c: segments larger than the other end's maximum. */
void tcp_fit_segment(struct tcp_pcb *pcb, uint32_t window, struct netif *netif);
void tcp_fit_retransmission(struct tcp_pcb *pcb);
void tcp_mark_large(struct tcp_pcb *pcb, struct tcp_seg *segment);
bool tcp_holds_back(const struct tcp_pcb *pcb);

/* tcp_recovery.c */
void tcp_option_sack(const uint8_t *block);
void tcp_duplicate_ack(struct tcp_pcb *pcb, bool plain);
void tcp_new_ack(struct tcp_pcb *pcb, uint32_t acknowledged, bool partial);
uint32_t tcp_send_window(struct tcp_pcb *pcb);

/* tcp_check.c */
bool tcp_options_usual(const void *options, uint16_t bytes, const void *rest);
void tcp_option_timestamp(uint32_t value);
bool tcp_segment_counts(struct tcp_pcb *pcb, uint32_t sequence, uint32_t acknowledged,
			uint8_t flags, uint16_t length);

/* tcp_cookie.c */
void tcp_cookie_answer(const struct tcp_pcb_listen *listener, const struct tcp_hdr *header,
		       const struct tcp_pcb *request);
bool tcp_cookie_open(struct tcp_pcb_listen *listener, const struct tcp_hdr *header,
		     uint16_t option_bytes, struct tcp_pcb **out);

/* tcp_timer.c */
void tcp_touch(struct tcp_pcb *pcb);
void tcp_round_trip(struct tcp_pcb *pcb, uint32_t ticks);

/* datagram.c */
void datagram_unreachable(const struct pbuf *p, bool v6);

/* alias.c */
bool alias_is_of(const struct netif *netif, const ip4_addr_t *address);
const ip4_addr_t *alias_source(const struct netif *netif, const ip4_addr_t *neighbour);

/* loopback.c */
void loopback_multicast(struct netif *netif, const struct pbuf *p);

/* packet.c */
bool packet_busy(const struct pbuf *p);
bool packet_is_large(const struct pbuf *p);

/* ip6_check.c */
bool ip6_extension_fits(uint8_t type, const struct pbuf *p);

/* route.c */
struct netif *route_ip4(const ip4_addr_t *src, const ip4_addr_t *dest);
const ip4_addr_t *route_gateway4(struct netif *netif, const ip4_addr_t *dest);
struct netif *route_ip6(const ip6_addr_t *src, const ip6_addr_t *dest);
const ip6_addr_t *route_gateway6(struct netif *netif, const ip6_addr_t *dest);

/* config.c: in place of lwIP's resolver. */
void dns_setserver(uint8_t number, const ip_addr_t *server);
const ip_addr_t *dns_getserver(uint8_t number);
