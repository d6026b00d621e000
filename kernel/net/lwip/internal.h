/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this folder share: our side of lwIP. Everything runs under net_mutex, in thread context, but for the timer's
 * function. Nobody outside of this folder includes lwIP's headers.
 */
#pragma once

#include <base/assert.h>
#include <base/bits.h>
#include <base/compiler.h>
#include <base/types.h>
#include <class/net.h>
#include <class/netbuf.h>
#include <net/address.h>
#include <net/interface.h>
#include <net/stack.h>

#include <lwip/netif.h>
#include <lwip/pbuf.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/raw.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

/* limits.c: how much memory the network may take, after the machine's. */

struct stack_limits {
	uint32_t window_first; /* of a new TCP connection, to send and to receive */
	uint32_t send_max;     /* of one connection */
	uint64_t received_max; /* bytes of buffers that wait to be read, of all endpoints */
	uint64_t queued_max;   /* bytes of buffers that wait to be sent or acknowledged */
	unsigned connections_max;
	unsigned opening_max;  /* connections in SYN-RECEIVED */
	unsigned timewait_max; /* connections in TIME-WAIT */
};
extern struct stack_limits limits;
void limits_init(void);

/*
 * packet.c: each pbuf lives in the `stack` area of a netbuf, whose data it describes, and holds one reference to it. Exceptions are
 * the fragments that lwIP makes of a packet to send.
 */

/** Turns a received packet into pbufs, whose owner is the caller. Its size is at most 64 KiB. */
struct pbuf *packet_received(struct netbuf *packet);

/** The same of buffers to send, whose data does not change any more. The chain is gone, also on failure. NULL: no memory. */
struct pbuf *packet_to_send(struct netbuf *chain);

/** Turns pbufs (one reference to them, which is gone) back into netbufs. NULL: empty, or no memory. */
struct netbuf *packet_take(struct pbuf *p);

/** References for a device. The pbufs stay their owner's. NULL: no memory. */
struct netbuf *packet_for_device(struct pbuf *p);

/** A reference to what one pbuf has from `offset` on, without a copy: it must not change any more. NULL: no memory. */
struct netbuf *packet_share(struct pbuf *p, uint16_t offset);

/** Whether a device still has the packet. */
bool packet_busy(const struct pbuf *p);

/** A fragment that stands for a part of another, whose data it keeps. NULL: no memory. */
struct netbuf *netbuf_part(struct netbuf *of, const void *data, size_t bytes);

/** A pbuf for a part of another one's data, which it keeps. NULL: no memory. */
struct pbuf *packet_part(const struct pbuf *p, uint16_t offset, uint16_t bytes);

/** Makes two pbufs of one, without a copy: returns the first, in place of `p` in a chain (tot_len is the caller's). NULL: no memory,
 * nothing has changed. */
struct pbuf *packet_cut(struct pbuf *p, uint16_t at, struct pbuf **rest);

/** Bytes that may be written in front of the data; 0 where somebody else has it too. */
size_t packet_headroom(const struct pbuf *p);

/** Copies bytes behind the data of a chain's last pbuf; false: no room there. */
bool packet_extend(struct pbuf *p, const void *data, uint16_t bytes);

/** To be sent as segments with so much payload each. */
void packet_set_segment(struct pbuf *p, uint16_t bytes);

/** Memory that a fragment keeps. */
static inline uint32_t netbuf_kept(const struct netbuf *buf)
{
	return (uint32_t)(buf->end - buf->start) + (uint32_t)sizeof *buf;
}

/* Buffers that wait to be read: accounts. */
struct packet_account {
	uint64_t received; /* bytes kept */
	uint64_t queued;
};
extern struct packet_account packets;

/** Length of the prefix that a netmask (network byte order) stands for. */
static inline uint8_t prefix_of_mask(uint32_t mask)
{
	return mask ? (uint8_t)(32 - __builtin_ctz(lwip_htonl(mask))) : 0;
}

/* address.c */

ip_addr_t to_lwip(const struct ip_address *address, uint32_t scope);
struct ip_address from_lwip(const ip_addr_t *address);
/** As an endpoint of that family sees it: IPv4 addresses mapped into IPv6. */
struct net_address endpoint_address(const ip_addr_t *address, uint16_t port, unsigned family);
int error_of(err_t error);

/* timer.c */

/** Reads the clock, which then stands still for lwIP. Before anything that starts or looks at a timer. */
void stack_tick(void);

/** Something may be due earlier than what the timer is set to. */
void stack_timers_update(void);

/** A protocol other than TCP and UDP was at work: it may wait for something now. */
void stack_timers_look(void);

/** Does what is due at the time of the last stack_tick(). */
void stack_timers_run(void);
void stack_timers_init(void);

/** Work that goes on for some time after something has happened. */
enum stack_timer { STACK_TIMER_ARP, STACK_TIMER_REASSEMBLY4, STACK_TIMER_REASSEMBLY6 };
void stack_timer_want(enum stack_timer which, uint32_t seconds);

/* tcp_timer.c */

/** Sends what touched connections (tcp_touch()) have to send, and sets their timers. */
void tcp_flush(void);
void tcp_timer_set(struct tcp_pcb *pcb);
void tcp_timer_remove(struct tcp_pcb *pcb);

/** Connections whose segments a device had no room for. */
void tcp_resend(void);

/** Does what is due. */
void tcp_timers_run(void);

/** When something is due next; false: never. */
bool tcp_timers_next(uint32_t *tick);

/* tcp_table.c */

#define SOF_REUSEPORT 0x80U /* of ip_pcb.so_options, beside lwIP's */

struct tcp_pcb *tcp_find(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
			 uint16_t remote_port);

/** Whether a control block with such SOF_* options may be bound there. */
bool tcp_port_free(const ip_addr_t *address, uint16_t port, uint8_t options);

/** Whether nobody else listens where this one is bound. */
bool tcp_may_listen(const struct tcp_pcb *pcb);

/** A port to bind to; to connect from. 0: none is free. */
uint16_t tcp_free_port(const ip_addr_t *address);
uint16_t tcp_choose_port(const ip_addr_t *local, const ip_addr_t *remote, uint16_t remote_port);

/** Makes room for one more connection; false: there is none. */
bool tcp_room_to_open(void);

/** Not in SYN-RECEIVED any more. */
void tcp_opened(struct tcp_pcb *pcb);

/* tcp_secret.c */

/** A hash of both ends' addresses and of two words more, under a secret that no other machine has. */
uint64_t tcp_secret_hash(const ip_addr_t *local, const ip_addr_t *remote, const uint64_t said[2]);

/* tcp_send.c */

/** Appends buffers, which are gone in any case. -ENOMEM: part of them may be queued. */
int must_check tcp_append(struct tcp_pcb *pcb, struct pbuf *p, bool push);

/** Bytes that are not acknowledged yet. */
size_t tcp_queued_bytes(const struct tcp_pcb *pcb);

/** Payload of a segment on the wire. */
uint16_t tcp_payload_max(const struct tcp_pcb *pcb);

/** Cuts an unsent or unacknowledged segment in two. ERR_MEM: nothing has changed. */
err_t tcp_split_segment(struct tcp_pcb *pcb, struct tcp_seg *segment, uint16_t at);

/** What is acknowledged of a queue's first segment, which no device has, goes: lwIP lets go of whole ones only. */
void tcp_drop_acknowledged(struct tcp_pcb *pcb, struct tcp_seg **queue);

/* tcp_recovery.c */

/** Forgets what options have told. */
void tcp_options_begin(void);

/** After a time-out: all that is unacknowledged goes again. False: nothing is to be sent, or a device still has some of it. */
bool must_check tcp_requeue_all(struct tcp_pcb *pcb);

/** Of the unsent segments the first ones, as far as the other end has them: only their acknowledgement is waited for. */
void tcp_skip_sacked(struct tcp_pcb *pcb);

/* interfaces.c */

struct interface {
	struct netif netif;
	struct netdev *dev; /* NULL: loopback */
	char name[INTERFACE_NAME_BYTES];
	bool unflushed;            /* the device is yet to be told of what was handed to it */
	bool pending;              /* stack_wait_ready() waits for its address */
	struct netdev_stats stats; /* of loopback */
	uint16_t checks;           /* NETIF_CHECKSUM_*: what the device does not do */
};

static inline struct interface *interface_of(const struct netif *netif)
{
	return netif->state;
}

static inline uint32_t interface_index_of(const struct netif *netif)
{
	return netif_get_index(netif);
}

/** NULL: there is none. */
struct interface *interface_by_index(uint32_t index);

/** Makes an interface of a device, or of none. NULL: no memory. */
struct interface *interface_create(const char *name, struct netdev *dev, netif_init_fn init);

/** Payload of the largest TCP segment that it cuts by itself; 0: it does not. */
uint32_t interface_segment_max(const struct netif *netif, bool ip6);

/** The end of a call of the stack's, or of a round: sends, and sets timers. */
void stack_flush(void);

/** Takes back from all devices what they have sent: before looking whether one still has a segment. */
void stack_reclaim(void);

/** Starts lwIP, once, when something needs it. -ENOMEM. */
int must_check stack_use(void) REQUIRES(net_mutex);

/** A device's packet goes up. */
void interface_input(struct interface *interface, struct netbuf *packet);

extern const struct netdev_upper stack_upper;

/* loopback.c */
void loopback_start(void) REQUIRES(net_mutex);
void loopback_wake(void);
/** Brings what is on its way. Before somebody is told that nothing has come: on Linux, what is sent to oneself arrives at once. */
void loopback_deliver(void) REQUIRES(net_mutex);
extern struct interface *loopback;

void route_interface_gone(uint32_t index);

/* alias.c: an interface's IPv4 addresses but the first, which is lwIP's. */

struct alias {
	struct list_node link;
	const struct netif *netif;
	ip4_addr_t address, mask;
};

/** The one that an address shares a subnet with, the smallest; NULL: none. */
const struct alias *alias_on_subnet(const struct netif *netif, const ip4_addr_t *address);

/** NULL: there are not so many. */
const struct alias *alias_nth(const struct netif *netif, unsigned nth);

/** -EEXIST, -ENOSPC, -ENOMEM. */
int must_check alias_add(struct netif *netif, const ip4_addr_t *address, const ip4_addr_t *mask);

/** -EADDRNOTAVAIL. */
int must_check alias_remove(const struct netif *netif, const ip4_addr_t *address);
void alias_interface_gone(const struct netif *netif);

/* config.c */
void config_start(struct interface *interface);
void config_stop(struct interface *interface);

/* tcp.c */

/** The window that a SYN announces: of its endpoint, or the listener's, which callback_arg still is. */
void tcp_set_syn_window(struct tcp_pcb *pcb);

/** A connection's control block is about to go, or in TIME-WAIT: its endpoint, if any, goes on without, with an error (0: none). */
void tcp_detach(struct tcp_pcb *pcb, int error);
