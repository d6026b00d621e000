/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where TCP's control blocks are: lwIP's lists, doubly linked, and two hash tables. Connections (TIME-WAIT included) are found by both
 * ends' addresses; what listens, or is bound only, by its port. The hashes are keyed with random numbers, so nobody outside can
 * choose who collides.
 */
#include "internal.h"

#include <base/string.h>
#include <core/random.h>
#include <core/time.h>
#include <mm/alloc.h>

#include <hooks.h>

enum {
	FIRST_BUCKETS = 64,
	PORT_BUCKETS = 64,
	PORTS_PER_PAGE = 256,
	PORT_FIRST = 32768, /* of those that connections out are given, as Linux */
	PORT_LAST = 60999,
	PORT_TRIES = 64,
};

/* One TCP in the machine. */
static struct {
	struct tcp_pcb *first[FIRST_BUCKETS];
	struct tcp_pcb **buckets; /* connections */
	size_t mask;              /* number of buckets - 1 */
	size_t connections;
	struct tcp_pcb *ports[PORT_BUCKETS];    /* listening or bound */
	uint32_t *uses[65536 / PORTS_PER_PAGE]; /* how many connections have a local port */
	unsigned timewait, opening;
	struct tcp_pcb *timewait_oldest;
	uint64_t keys[4]; /* odd */
	bool keyed;
} table;

static void make_keys(void)
{
	random_bytes(table.keys, sizeof table.keys);
	for (unsigned i = 0; i < countof(table.keys); i++)
		table.keys[i] |= 1;
	table.buckets = table.first;
	table.mask = FIRST_BUCKETS - 1;
	table.keyed = true;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t address_word(const ip_addr_t *address)
{
	const uint32_t *words = ip_2_ip6(address)->addr;

	if (IP_IS_V4(address))
		return ip4_addr_get_u32(ip_2_ip4(address));
	return mix(words[0] ^ table.keys[2], words[1] ^ table.keys[3]) +
	       ((uint64_t)words[2] << 32 | words[3]);
}

static uint64_t hash_of(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
			uint16_t remote_port)
{
	uint64_t addresses = address_word(local) ^ address_word(remote) * table.keys[2];
	uint64_t ports = (uint64_t)local_port << 16 | remote_port;

	return mix(addresses ^ table.keys[0], ports + table.keys[1]);
}

static bool matches(const struct tcp_pcb *pcb, const ip_addr_t *local, uint16_t local_port,
		    const ip_addr_t *remote, uint16_t remote_port)
{
	return pcb->remote_port == remote_port && pcb->local_port == local_port &&
	       ip_addr_eq(&pcb->remote_ip, remote) && ip_addr_eq(&pcb->local_ip, local);
}

struct tcp_pcb *tcp_find(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
			 uint16_t remote_port)
{
	struct tcp_pcb *pcb;

	if (unlikely(!table.keyed))
		make_keys();
	pcb = table.buckets[hash_of(local, local_port, remote, remote_port) & table.mask];
	while (pcb && !matches(pcb, local, local_port, remote, remote_port))
		pcb = pcb->links.hash_next;
	return pcb;
}

/* Links */

static void hash_link(struct tcp_pcb **bucket, struct tcp_pcb *pcb)
{
	pcb->links.hash_next = *bucket;
	pcb->links.hash_previous = bucket;
	if (*bucket)
		(*bucket)->links.hash_previous = &pcb->links.hash_next;
	*bucket = pcb;
}

static void hash_unlink(struct tcp_pcb *pcb)
{
	*pcb->links.hash_previous = pcb->links.hash_next;
	if (pcb->links.hash_next)
		pcb->links.hash_next->links.hash_previous = pcb->links.hash_previous;
	pcb->links.hash_previous = NULL;
}

static struct tcp_pcb **bucket_of(const struct tcp_pcb *pcb)
{
	return &table.buckets[hash_of(&pcb->local_ip, pcb->local_port, &pcb->remote_ip,
				      pcb->remote_port) &
			      table.mask];
}

/* Without memory the chains get longer, and no more. */
static void grow(void)
{
	size_t old_count = table.mask + 1, count = old_count * 4;
	struct tcp_pcb **old = table.buckets, **larger = mem_zalloc(count * sizeof *larger);

	if (!larger)
		return;
	table.buckets = larger;
	table.mask = count - 1;
	for (size_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct tcp_pcb *pcb = old[i];

			hash_unlink(pcb);
			hash_link(bucket_of(pcb), pcb);
		}
	}
	if (old != table.first)
		mem_free(old);
}

/* Use of ports */

static void count_port(struct tcp_pcb *pcb)
{
	uint32_t **page = &table.uses[pcb->local_port / PORTS_PER_PAGE];

	if (!*page)
		*page = mem_zalloc(PORTS_PER_PAGE * sizeof **page);
	pcb->ext.counted = *page != NULL;
	if (*page)
		(*page)[pcb->local_port % PORTS_PER_PAGE]++;
}

static void uncount_port(struct tcp_pcb *pcb)
{
	if (pcb->ext.counted)
		table.uses[pcb->local_port / PORTS_PER_PAGE][pcb->local_port % PORTS_PER_PAGE]--;
	pcb->ext.counted = false;
}

static bool port_has_connections(uint16_t port)
{
	const uint32_t *page = table.uses[port / PORTS_PER_PAGE];

	return page && page[port % PORTS_PER_PAGE];
}

static struct tcp_pcb **port_bucket(uint16_t port)
{
	return &table.ports[port % PORT_BUCKETS];
}

static bool is_connection_list(struct tcp_pcb *const *list)
{
	return list == &tcp_active_pcbs || list == &tcp_tw_pcbs;
}

/* The one before it in its list; NULL: it is the first. */
static struct tcp_pcb *previous_of(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	return pcb->links.previous == list
		       ? NULL
		       : container_of(pcb->links.previous, struct tcp_pcb, next);
}

static void connection_added(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	hash_link(bucket_of(pcb), pcb);
	if (++table.connections > 2 * (table.mask + 1))
		grow();
	count_port(pcb);
	list_init(&pcb->ext.touched);
	pcb->ext.opening = false;
	pcb->ext.synced = tcp_ticks;
	if (pcb->state == SYN_SENT || pcb->state == SYN_RCVD)
		tcp_set_syn_window(pcb);
	if (list == &tcp_tw_pcbs) {
		table.timewait++;
		if (!pcb->next)
			table.timewait_oldest = pcb;
		pcb->tmr = tcp_ticks;
	} else if (pcb->state == SYN_RCVD) {
		pcb->callback_arg = NULL; /* the listener's, which may go before */
		table.opening++;
		pcb->ext.opening = true;
	}
	tcp_touch(pcb);
}

static void connection_removed(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	hash_unlink(pcb);
	table.connections--;
	uncount_port(pcb);
	tcp_timer_remove(pcb);
	tcp_opened(pcb);
	list_remove(&pcb->ext.touched);
	if (list == &tcp_tw_pcbs)
		table.timewait--;
	if (pcb == table.timewait_oldest)
		table.timewait_oldest = previous_of(list, pcb);
}

/** lwIP's TCP_REG. */
void tcp_register(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	if (unlikely(!table.keyed))
		make_keys();
	pcb->next = *list;
	pcb->links.previous = list;
	if (*list)
		(*list)->links.previous = &pcb->next;
	*list = pcb;
	if (is_connection_list(list))
		connection_added(list, pcb);
	else
		hash_link(port_bucket(pcb->local_port), pcb);
	if (list == &tcp_tw_pcbs && table.timewait > limits.timewait_max)
		tcp_abort(table.timewait_oldest);
}

/** lwIP's TCP_RMV. */
void tcp_unregister(struct tcp_pcb **list, struct tcp_pcb *pcb)
{
	if (is_connection_list(list))
		connection_removed(list, pcb);
	else
		hash_unlink(pcb);
	*pcb->links.previous = pcb->next;
	if (pcb->next)
		pcb->next->links.previous = pcb->links.previous;
	pcb->next = NULL;
}

void tcp_opened(struct tcp_pcb *pcb)
{
	if (!pcb->ext.opening)
		return;
	pcb->ext.opening = false;
	table.opening--;
}

bool tcp_room_to_open(void)
{
	if (table.connections >= limits.connections_max && !table.timewait)
		return false;
	if (table.connections >= limits.connections_max)
		tcp_abort(table.timewait_oldest);
	return true;
}

/** lwIP's: whether one more SYN is answered without a control block (tcp_cookie.c). */
bool tcp_too_many_open(void)
{
	return table.opening >= limits.opening_max;
}

/* Finding who gets a segment */

static bool comes_by(uint8_t interface)
{
	return interface == NETIF_NO_INDEX ||
	       interface == netif_get_index(ip_current_input_netif());
}

/* A new connection may take the place of one in TIME-WAIT, when its sequence numbers are beyond (RFC 1122, 4.2.2.13). */
static bool replaces_timewait(const struct tcp_pcb *pcb, uint32_t sequence, uint8_t flags)
{
	return pcb->state == TIME_WAIT && (flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
	       TCP_SEQ_GT(sequence, pcb->rcv_nxt);
}

/** The connection of the segment that lwIP looks at; NULL: none. */
struct tcp_pcb *tcp_demux(uint16_t local_port, uint16_t remote_port, uint32_t sequence,
			  uint8_t flags)
{
	struct tcp_pcb *pcb = tcp_find(ip_current_dest_addr(), local_port, ip_current_src_addr(),
				       remote_port);

	if (!pcb || !comes_by(pcb->netif_idx))
		return NULL;
	if (unlikely(replaces_timewait(pcb, sequence, flags))) {
		tcp_abort(pcb);
		return NULL;
	}
	return pcb;
}

enum { NO_MATCH, ANY_FAMILY, ANY_ADDRESS, THIS_ADDRESS };

static int quality(const struct tcp_pcb_listen *listener)
{
	if (!comes_by(listener->netif_idx))
		return NO_MATCH;
	if (IP_IS_ANY_TYPE_VAL(listener->local_ip))
		return ANY_FAMILY;
	if (!IP_ADDR_PCB_VERSION_MATCH_EXACT(listener, ip_current_dest_addr()))
		return NO_MATCH;
	if (ip_addr_eq(&listener->local_ip, ip_current_dest_addr()))
		return THIS_ADDRESS;
	return ip_addr_isany(&listener->local_ip) ? ANY_ADDRESS : NO_MATCH;
}

/** Who listens there; of several that share the port (SO_REUSEPORT) one by the other end's address. */
struct tcp_pcb_listen *tcp_demux_listener(uint16_t local_port, uint16_t remote_port)
{
	struct tcp_pcb_listen *best = NULL;
	int best_quality = NO_MATCH;
	uint32_t equals = 0;
	uint32_t choice = (uint32_t)(hash_of(ip_current_dest_addr(), local_port,
					     ip_current_src_addr(), remote_port) >>
				     32);

	for (struct tcp_pcb *pcb = *port_bucket(local_port); pcb; pcb = pcb->links.hash_next) {
		struct tcp_pcb_listen *listener = (struct tcp_pcb_listen *)pcb;
		int its;

		if (pcb->state != LISTEN || pcb->local_port != local_port)
			continue;
		its = quality(listener);
		if (its == NO_MATCH || its < best_quality)
			continue;
		equals = its > best_quality ? 1 : equals + 1;
		/* Each of n ends up with a chance of 1/n. */
		if (its > best_quality || choice % equals == 0)
			best = listener;
		best_quality = its;
	}
	return best;
}

/* Choosing and checking local ports */

static bool overlap(const ip_addr_t *a, const ip_addr_t *b)
{
	if (IP_IS_ANY_TYPE_VAL(*a) || IP_IS_ANY_TYPE_VAL(*b))
		return true;
	if (IP_GET_TYPE(a) != IP_GET_TYPE(b))
		return false;
	return ip_addr_isany(a) || ip_addr_isany(b) || ip_addr_eq(a, b);
}

static bool may_share(const struct tcp_pcb *other, uint8_t options)
{
	if (other->so_options & options & SOF_REUSEPORT)
		return true;
	return (other->so_options & options & SOF_REUSEADDR) && other->state != LISTEN;
}

bool tcp_port_free(const ip_addr_t *address, uint16_t port, uint8_t options)
{
	for (struct tcp_pcb *pcb = *port_bucket(port); pcb; pcb = pcb->links.hash_next) {
		if (pcb->local_port == port && overlap(&pcb->local_ip, address) &&
		    !may_share(pcb, options))
			return false;
	}
	return options & (SOF_REUSEADDR | SOF_REUSEPORT) || !port_has_connections(port);
}

bool tcp_may_listen(const struct tcp_pcb *pcb)
{
	for (struct tcp_pcb *other = *port_bucket(pcb->local_port); other;
	     other = other->links.hash_next) {
		if (other != pcb && other->state == LISTEN &&
		    other->local_port == pcb->local_port &&
		    overlap(&other->local_ip, &pcb->local_ip) &&
		    !(other->so_options & pcb->so_options & SOF_REUSEPORT))
			return false;
	}
	return true;
}

static uint16_t some_port(void)
{
	return (uint16_t)(PORT_FIRST + lwip_random() % (PORT_LAST - PORT_FIRST + 1));
}

uint16_t tcp_free_port(const ip_addr_t *address)
{
	uint16_t start = some_port(), port = start;

	do {
		if (tcp_port_free(address, port, 0))
			return port;
		port = port == PORT_LAST ? PORT_FIRST : (uint16_t)(port + 1);
	} while (port != start);
	return 0;
}

static bool may_connect_from(const ip_addr_t *local, uint16_t port, const ip_addr_t *remote,
			     uint16_t remote_port)
{
	return tcp_port_free(local, port, SOF_REUSEPORT) &&
	       !tcp_find(local, port, remote, remote_port);
}

uint16_t tcp_choose_port(const ip_addr_t *local, const ip_addr_t *remote, uint16_t remote_port)
{
	uint16_t start = some_port(), port = start;

	/* A port that nobody has, if one is found soon; else one that goes to other places. */
	for (unsigned i = 0; i < PORT_TRIES; i++) {
		uint16_t any = some_port();

		if (tcp_port_free(local, any, 0))
			return any;
	}
	do {
		if (may_connect_from(local, port, remote, remote_port))
			return port;
		port = port == PORT_LAST ? PORT_FIRST : (uint16_t)(port + 1);
	} while (port != start);
	return 0;
}

/** RFC 6528: a clock of 4 us and a hash of both ends under a secret. */
uint32_t tcp_initial_sequence(const ip_addr_t *local, uint16_t local_port, const ip_addr_t *remote,
			      uint16_t remote_port)
{
	const uint64_t words[2] = { (uint64_t)local_port << 16 | remote_port, UINT64_MAX };

	return (uint32_t)(tcp_secret_hash(local, remote, words) >> 32) +
	       (uint32_t)(time_now() / (4 * NS_PER_US));
}
