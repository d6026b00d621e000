/* SPDX-License-Identifier: BSD-3-Clause */
/* See sim_net.h. */
#include "sim_net.h"

#include "internal.h"

#include <base/errno.h>
#include <core/thread.h>
#include <core/time.h>

#include <stdlib.h>
#include <string.h>

#include "../../port/host/host.h"
#include "../../port/host/io.h"

#include <lwip/ip.h>

enum { LINK_MTU = 1500, FLYING_MAX = 65536 };

struct sim_net sim_net;

static char boot_stack[4096];

/* On its way: a packet and when it arrives. */
static struct {
	struct {
		struct netbuf *packet;
		uint64_t due_ns, order;
	} flying[FLYING_MAX];
	unsigned count;
	uint64_t order, random;
} air;

static unsigned chance(void)
{
	air.random = air.random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(air.random >> 33) % 1000;
}

static void fly(struct pbuf *p)
{
	struct netbuf *packet = netbuf_alloc(0, p->tot_len);
	uint64_t delay = sim_net.delay_ms * NS_PER_MS;

	pbuf_copy_partial(p, packet->data, p->tot_len, 0);
	packet->bytes = packet->packet_bytes = p->tot_len;
	if (chance() < sim_net.reordering)
		delay += 2 * NS_PER_MS;
	assert(air.count < FLYING_MAX);
	air.flying[air.count].packet = packet;
	air.flying[air.count].order = air.order++;
	air.flying[air.count++].due_ns = time_now() + delay;
}

static err_t send(struct pbuf *p)
{
	sim_net.sent++;
	if (chance() < sim_net.loss) {
		sim_net.lost++;
		return ERR_OK;
	}
	fly(p);
	if (chance() < sim_net.duplication)
		fly(p);
	return ERR_OK;
}

static err_t send4(struct netif *netif, struct pbuf *p, const ip4_addr_t *address)
{
	(void)netif;
	(void)address;
	return send(p);
}

static err_t send6(struct netif *netif, struct pbuf *p, const ip6_addr_t *address)
{
	(void)netif;
	(void)address;
	return send(p);
}

static int next_arrival(void)
{
	int best = -1;

	for (unsigned i = 0; i < air.count; i++) {
		if (air.flying[i].due_ns > time_now())
			continue;
		if (best < 0 || air.flying[i].due_ns < air.flying[best].due_ns ||
		    (air.flying[i].due_ns == air.flying[best].due_ns &&
		     air.flying[i].order < air.flying[best].order))
			best = (int)i;
	}
	return best;
}

static bool arrive(void)
{
	bool any = false;
	int i;

	while ((i = next_arrival()) >= 0) {
		struct pbuf *p = packet_received(air.flying[i].packet);

		air.flying[i] = air.flying[--air.count];
		mutex_lock(&net_mutex);
		stack_tick();
		p->if_idx = netif_get_index(&loopback->netif);
		ip_input(p, &loopback->netif);
		mutex_unlock(&net_mutex);
		any = true;
	}
	if (any) {
		mutex_lock(&net_mutex);
		stack_upper.polled();
		mutex_unlock(&net_mutex);
	}
	return any;
}

void sim_net_settle(void)
{
	for (bool more = true; more;) {
		more = netdev_poll_now();
		more = arrive() || more;
	}
}

void sim_net_run(unsigned ms)
{
	for (; ms; ms--) {
		host_advance_time(NS_PER_MS);
		if (host_timer_deadline() <= time_now())
			host_timer_fire();
		sim_net_settle();
	}
}

void sim_net_start(void)
{
	static bool started;

	if (!started)
		threads_start(boot_stack, sizeof boot_stack);
	started = true;
	stack_start();
	memset(&sim_net, 0, sizeof sim_net);
	air.random = 1;
	mutex_lock(&net_mutex);
	assert(!stack_use());
	mutex_unlock(&net_mutex);
}

void sim_net_use_link(void)
{
	loopback->netif.output = send4;
	loopback->netif.output_ip6 = send6;
	loopback->netif.mtu = LINK_MTU;
	loopback->netif.chksum_flags = NETIF_CHECKSUM_ENABLE_ALL;
}

static void ready(struct stack_owner *owner, unsigned events)
{
	struct sim_owner *sim = container_of(owner, struct sim_owner, owner);

	sim->calls++;
	sim->events |= events;
}

void sim_owner_init(struct sim_owner *owner)
{
	*owner = (struct sim_owner){ .owner.ready = ready };
}

struct net_address sim_local(unsigned family, uint16_t port)
{
	struct net_address address = { .ip.family = (uint16_t)family, .port = port };

	if (family == AF_INET)
		memcpy(address.ip.bytes, (uint8_t[]){ 127, 0, 0, 1 }, 4);
	else
		address.ip.bytes[15] = 1;
	return address;
}

struct netbuf *sim_data(const void *data, size_t bytes)
{
	struct netbuf *buf = netbuf_alloc(NETBUF_HEADROOM, bytes);

	memcpy(buf->data, data, bytes);
	buf->bytes = buf->packet_bytes = (uint32_t)bytes;
	return buf;
}

void sim_pair_connect(struct sim_pair *pair, unsigned family, uint16_t port)
{
	struct net_address address = sim_local(family, port);

	memset(pair, 0, sizeof *pair);
	sim_owner_init(&pair->listener_owner);
	sim_owner_init(&pair->client_owner);
	sim_owner_init(&pair->server_owner);
	mutex_lock(&net_mutex);
	assert(!stack_open(family, STACK_TCP, 0, &pair->listener_owner.owner, &pair->listener));
	assert(!stack_bind(pair->listener, &address));
	assert(!stack_listen(pair->listener, 16));
	assert(!stack_open(family, STACK_TCP, 0, &pair->client_owner.owner, &pair->client));
	assert(stack_connect(pair->client, &address) == -EINPROGRESS);
	mutex_unlock(&net_mutex);
	for (int i = 0; i < 20000 && !pair->server; i++) {
		sim_net_run(1);
		mutex_lock(&net_mutex);
		if (stack_accept(pair->listener, &pair->server_owner.owner, &pair->server))
			pair->server = NULL;
		mutex_unlock(&net_mutex);
	}
	assert(pair->server);
}

void sim_pair_close(struct sim_pair *pair)
{
	mutex_lock(&net_mutex);
	stack_close(pair->client, false);
	stack_close(pair->server, false);
	stack_close(pair->listener, false);
	mutex_unlock(&net_mutex);
}
