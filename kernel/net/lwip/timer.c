/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time for the stack. One timer of the kernel's is set to what comes next, so that a machine that does nothing is not woken: lwIP's
 * protocols have functions that want to be called every so often, but only while they have something to wait for. Where one slept
 * it is called as often as it would have been, up to a bound, when it is needed again.
 *
 * The timer's interrupt makes the loopback device want to be polled, so the work is done by whoever polls.
 */
#include "internal.h"

#include <core/time.h>
#include <core/timer.h>

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/igmp.h>
#include <lwip/ip4_frag.h>
#include <lwip/ip6_frag.h>
#include <lwip/mld6.h>
#include <lwip/nd6.h>
#include <lwip/priv/nd6_priv.h>
#include <lwip/prot/dhcp.h>
#include <lwip/sys.h>

enum {
	TICK_MS = TCP_SLOW_INTERVAL,
	SECOND_MS = 1000,
	IDLE_ND6_MS = 30000, /* between looks at lifetimes */
};

/* One network in the machine. */
static struct {
	struct timer timer;
	uint32_t now_ms;
	uint64_t now_ns;
	uint64_t armed_ns;    /* 0: not set */
	uint64_t periodic_ns; /* when periodic work is due; UINT64_MAX: never */
	uint32_t looked_ms;   /* when that was found out */
	bool look;            /* it may be wrong */
} clock;

uint32_t sys_now(void)
{
	return clock.now_ms;
}

void stack_tick(void)
{
	clock.now_ns = time_now();
	clock.now_ms = (uint32_t)(clock.now_ns / NS_PER_MS);
	tcp_ticks = (uint32_t)(clock.now_ns / (TICK_MS * NS_PER_MS));
}

/* What protocols wait for */

static bool dhcp_asks(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		struct dhcp *dhcp = netif_dhcp_data(netif);

		if (dhcp && dhcp->state != DHCP_STATE_OFF && dhcp->state != DHCP_STATE_BOUND)
			return true;
	}
	return false;
}

static bool dhcp_has_lease(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		if (netif_dhcp_data(netif) && netif_dhcp_data(netif)->state != DHCP_STATE_OFF)
			return true;
	}
	return false;
}

static bool igmp_waits(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		for (struct igmp_group *group = netif_igmp_data(netif); group;
		     group = group->next) {
			if (group->timer)
				return true;
		}
	}
	return false;
}

static bool mld6_waits(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		for (struct mld_group *group = netif_mld6_data(netif); group; group = group->next) {
			if (group->timer)
				return true;
		}
	}
	return false;
}

static bool nd6_interface_waits(const struct netif *netif)
{
	if (!netif_is_up(netif) || !netif_is_link_up(netif))
		return false;
	if (netif->rs_count)
		return true;
	for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
		if (ip6_addr_istentative(netif_ip6_addr_state(netif, i)))
			return true;
	}
	return false;
}

static bool nd6_waits(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	{
		if (nd6_interface_waits(netif))
			return true;
	}
	for (int i = 0; i < LWIP_ND6_NUM_NEIGHBORS; i++) {
		uint8_t state = neighbor_cache[i].state;

		if (state == ND6_INCOMPLETE || state == ND6_DELAY || state == ND6_PROBE)
			return true;
	}
	return false;
}

static bool nd6_has_lifetimes(void)
{
	for (int i = 0; i < LWIP_ND6_NUM_ROUTERS; i++) {
		if (default_router_list[i].neighbor_entry)
			return true;
	}
	for (int i = 0; i < LWIP_ND6_NUM_PREFIXES; i++) {
		if (prefix_list[i].netif)
			return true;
	}
	return false;
}

/* Periodic work */

struct periodic {
	void (*run)(void);
	bool (*waits)(void);  /* needs its interval */
	bool (*sleeps)(void); /* is content with `idle_ms` */
	uint32_t interval_ms, idle_ms;
	unsigned catch_up; /* calls */
};

/* Indices of those that are told when they are needed (stack_timer_want()). */
static const struct periodic periodics[] = {
	[STACK_TIMER_ARP] = { etharp_tmr, NULL, NULL, ARP_TMR_INTERVAL, 0, 300 },
	[STACK_TIMER_REASSEMBLY4] = { ip_reass_tmr, NULL, NULL, IP_TMR_INTERVAL, 0, 60 },
	[STACK_TIMER_REASSEMBLY6] = { ip6_reass_tmr, NULL, NULL, IP6_REASS_TMR_INTERVAL, 0, 60 },
	{ dhcp_fine_tmr, dhcp_asks, NULL, DHCP_FINE_TIMER_MSECS, 0, 1 },
	{ dhcp_coarse_tmr, dhcp_has_lease, NULL, DHCP_COARSE_TIMER_MSECS, 0, 1440 },
	{ igmp_tmr, igmp_waits, NULL, IGMP_TMR_INTERVAL, 0, 1 },
	{ mld6_tmr, mld6_waits, NULL, MLD6_TMR_INTERVAL, 0, 1 },
	{ nd6_tmr, nd6_waits, nd6_has_lifetimes, ND6_TMR_INTERVAL, IDLE_ND6_MS, 1800 },
};

/* [net_mutex] */
static struct {
	uint32_t last_ms;
	uint32_t wanted_until_ms;
	bool wanted;
} states[countof(periodics)];

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* The interval of what it waits for now; 0: nothing. */
static uint32_t interval_of(unsigned i)
{
	const struct periodic *periodic = &periodics[i];

	if (!periodic->waits)
		return states[i].wanted ? periodic->interval_ms : 0;
	if (periodic->waits())
		return periodic->interval_ms;
	return periodic->sleeps && periodic->sleeps() ? periodic->idle_ms : 0;
}

static void run_periodic(unsigned i)
{
	const struct periodic *periodic = &periodics[i];
	uint32_t passed = clock.now_ms - states[i].last_ms;
	unsigned calls = passed / periodic->interval_ms;

	states[i].last_ms = clock.now_ms - passed % periodic->interval_ms;
	for (calls = min(calls, periodic->catch_up); calls; calls--)
		periodic->run();
	if (states[i].wanted && before(states[i].wanted_until_ms, clock.now_ms))
		states[i].wanted = false;
}

static void run_periodics(void)
{
	for (unsigned i = 0; i < countof(periodics); i++) {
		uint32_t interval = interval_of(i);

		if (interval && clock.now_ms - states[i].last_ms >= interval)
			run_periodic(i);
	}
}

void stack_timer_want(enum stack_timer which, uint32_t seconds)
{
	uint32_t until = clock.now_ms + seconds * SECOND_MS;

	if (!states[which].wanted || before(states[which].wanted_until_ms, until))
		states[which].wanted_until_ms = until;
	states[which].wanted = true;
	clock.look = true;
}

/* The kernel's timer */

static void fired(struct timer *timer)
{
	(void)timer;
	loopback_wake();
}

static uint64_t next_periodic_ns(void)
{
	uint64_t next = UINT64_MAX;

	clock.look = false;
	clock.looked_ms = clock.now_ms;
	for (unsigned i = 0; i < countof(periodics); i++) {
		uint32_t interval = interval_of(i), passed = clock.now_ms - states[i].last_ms;

		if (interval)
			next = min(next,
				   clock.now_ns +
					   (passed < interval ? interval - passed : 1) * NS_PER_MS);
	}
	return next;
}

void stack_timers_look(void)
{
	clock.look = true;
}

void stack_timers_update(void)
{
	uint64_t next;
	uint32_t tick;

	if (clock.look || clock.now_ms - clock.looked_ms >= SECOND_MS)
		clock.periodic_ns = next_periodic_ns();
	next = clock.periodic_ns;

	if (tcp_timers_next(&tick)) {
		int32_t ticks = max((int32_t)(tick - tcp_ticks), 1);

		next = min(next, clock.now_ns + (uint64_t)ticks * TICK_MS * NS_PER_MS);
	}
	if (next == UINT64_MAX || (clock.armed_ns && clock.armed_ns <= next))
		return;
	clock.armed_ns = next;
	timer_arm(&clock.timer, next);
}

void stack_timers_run(void)
{
	if (clock.armed_ns && clock.now_ns >= clock.armed_ns)
		clock.armed_ns = 0;
	tcp_timers_run();
	if (clock.now_ns < clock.periodic_ns)
		return;
	run_periodics();
	clock.look = true;
}

void stack_timers_init(void)
{
	timer_init(&clock.timer, fired);
	clock.look = true;
	stack_tick();
	for (unsigned i = 0; i < countof(periodics); i++)
		states[i].last_ms = clock.now_ms;
}
