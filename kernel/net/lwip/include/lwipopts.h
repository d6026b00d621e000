/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP's options. It runs without threads of its own, under net_mutex, by its raw interface with events (tcp.c), and with our memory,
 * buffers (packet.c) and timers (timer.c, tcp_timer.c): so mem.c, memp.c, timeouts.c and init.c are not built.
 */
#pragma once

#include "tcp_links.h"

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0

#define MEM_ALIGNMENT 8
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define PBUF_POOL_FREE_OOSEQ 0
#define PBUF_LINK_ENCAPSULATION_HLEN 16 /* NETDEV_HEADROOM */
#define LWIP_PBUF_REF_T u32_t
#define LWIP_SUPPORT_CUSTOM_PBUF 1

#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define MEM_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_CHECKSUM_ON_COPY 0
#define LWIP_CHKSUM checksum_of

/* Interfaces */
#define LWIP_HAVE_LOOPIF 0 /* loopback.c */
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_STATUS_CALLBACK 1
#define LWIP_ARP 1
#define ARP_TABLE_SIZE 120
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 16
#define LWIP_NETIF_HWADDRHINT 1

/* IPv4 */
#define LWIP_IPV4 1
#define IP_DEFAULT_TTL 64
#define IP_REASSEMBLY 1
#define IP_REASS_MAX_PBUFS 1024
#define IP_FRAG 1
#define LWIP_ICMP 1
#define LWIP_BROADCAST_PING 0
#define LWIP_IGMP 1
#define LWIP_MULTICAST_TX_OPTIONS 1
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0 /* it would wait */
#define LWIP_ACD 0
#define LWIP_AUTOIP 0
#define LWIP_DHCP_GET_NTP_SRV 0
#define LWIP_DNS 1 /* servers are told (config.c); dns.c is not built: the program resolves */
#define DNS_MAX_SERVERS 3
#define LWIP_DHCP_MAX_DNS_SERVERS 3

/* IPv6 */
#define LWIP_IPV6 1
#define IPV6_FRAG_COPYHEADER 1 /* pointers do not fit into the header */
#define LWIP_IPV6_NUM_ADDRESSES 6
#define LWIP_IPV6_MLD 1
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_REASS 1
#define LWIP_IPV6_FRAG 1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 1
#define LWIP_IPV6_SEND_ROUTER_SOLICIT 1
#define LWIP_ND6_NUM_NEIGHBORS 64
#define LWIP_ND6_NUM_DESTINATIONS 64
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 3

/* Options of endpoints */
#define SO_REUSE 1
#define SO_REUSE_RXTOALL 1
#define IP_SOF_BROADCAST 1
#define IP_SOF_BROADCAST_RECV 0
#define LWIP_RAW 1
#define LWIP_UDP 1

/* TCP. The size of windows and buffers is up to us: see limits.c. */
#define LWIP_TCP 1
#define LWIP_EVENT_API 1
#define LWIP_CALLBACK_API 0
#define LWIP_TCP_KEEPALIVE 1
#define TCP_LISTEN_BACKLOG 1
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 7
#define TCP_WND tcp_window_max
#define TCP_SND_BUF 0x40000000
#define TCP_SND_QUEUELEN 60000
#define TCP_SNDLOWAT 1
#define TCP_SNDQUEUELOWAT 1
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND / 4)
#define TCP_MSS 65495       /* of loopback; an interface's follows from its MTU */
#define TCP_MSS_LEAST 48    /* as Linux's; less would make too much of a few bytes */
#define TCP_ACK_SEGMENTS 8U /* within a round of polling */
#define TCP_QUEUE_OOSEQ 1
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_MAX_SACK_NUM 4
#define LWIP_TCP_TIMESTAMPS 1
#define TCP_OVERSIZE 0
#define TCP_MSL 30000UL /* TIME-WAIT of a minute, as Linux */
#define TCP_SYNMAXRTX 6
#define TCP_MAXRTX 12
#define LWIP_TCP_RTO_TIME 1000

/* Ticks of 10 ms: see tcp_timer.c. */
#define TCP_FAST_INTERVAL 10
#define TCP_SLOW_INTERVAL 10
#define TCP_TMR_INTERVAL 10

#define LWIP_HOOK_FILENAME "hooks.h"
#define LWIP_HOOK_TCP_ISN tcp_initial_sequence
#define LWIP_HOOK_IP4_ROUTE_SRC(src, dest) route_ip4(src, dest)
#define LWIP_HOOK_ETHARP_GET_GW(netif, dest) route_gateway4(netif, dest)
#define LWIP_HOOK_IP6_ROUTE(src, dest) route_ip6(src, dest)
#define LWIP_HOOK_ND6_GET_GW(netif, dest) route_gateway6(netif, dest)

extern uint32_t tcp_window_max;
