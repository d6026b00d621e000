/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Set-up of interfaces: as `ip=` on the kernel's command line says (ip_param.c), by DHCP where it says nothing; IPv6 by router
 * advertisements besides. Name servers. And the wait for it all.
 */
#include "config.h"

#include <base/errno.h>
#include <base/format.h>
#include <base/log.h>
#include <base/string.h>
#include <core/params.h>
#include <core/thread.h>
#include <core/time.h>
#include <fs/root.h>
#include <mm/stack.h>

#include <hooks.h>
#include <lwip/dhcp.h>

enum {
	WAIT_SECONDS = 3, /* for DHCP, from the start of the first interface */
	SERVERS = 3,      /* of each source; as many as a resolver takes */
	ADDRESS_TEXT = 40,
};

enum server_source { FROM_PARAMETERS, FROM_DHCP, FROM_ROUTERS, SERVER_SOURCES };

/* [net_mutex] One network in the machine. */
static struct {
	struct ip_address servers[SERVER_SOURCES][SERVERS];
	char hostname[HOSTNAME_BYTES];
	unsigned pending;     /* atomic; interfaces without an address that somebody waits for */
	uint64_t deadline_ns; /* of that wait; 0: nothing was started */
	struct waitq changed;
} config = { .changed.waiters = { &config.changed.waiters, &config.changed.waiters } };

/* Name servers */

static void set_server(enum server_source source, unsigned number, const ip_addr_t *server)
{
	struct ip_address none = { .family = AF_UNSPEC };

	if (number < SERVERS)
		config.servers[source][number] = server && !ip_addr_isany(server)
							 ? from_lwip(server)
							 : none;
}

/** lwIP's: told by DHCP, or by a router. */
void dns_setserver(uint8_t number, const ip_addr_t *server)
{
	bool by_router = server ? IP_IS_V6(server) : true;

	set_server(by_router ? FROM_ROUTERS : FROM_DHCP, number, server);
}

const ip_addr_t *dns_getserver(uint8_t number)
{
	static ip_addr_t out;

	if (number >= SERVERS)
		return IP6_ADDR_ANY;
	out = to_lwip(&config.servers[FROM_ROUTERS][number], 0);
	return &out;
}

int name_server(unsigned nth, struct ip_address *out)
{
	for (unsigned i = 0; i < SERVER_SOURCES * SERVERS; i++) {
		const struct ip_address *server = &config.servers[i / SERVERS][i % SERVERS];

		if (server->family == AF_UNSPEC || nth--)
			continue;
		*out = *server;
		return 0;
	}
	return -ENOENT;
}

/* Waiting */

static void no_longer_pending(struct interface *interface)
{
	if (!interface->pending)
		return;
	interface->pending = false;
	config.pending--;
	waitq_wake_all(&config.changed);
}

/* lwIP's: an address, or up or down, has changed. */
static void status_changed(struct netif *netif)
{
	struct interface *interface = interface_of(netif);
	const uint8_t *ip = (const uint8_t *)&netif_ip4_addr(netif)->addr;

	stack_timers_look();
	if (ip4_addr_isany_val(*netif_ip4_addr(netif)))
		return;
	if (interface->pending)
		log_info("%s: %u.%u.%u.%u by DHCP", interface->name, ip[0], ip[1], ip[2], ip[3]);
	no_longer_pending(interface);
}

static unsigned pending(void)
{
	return __atomic_load_n(&config.pending, __ATOMIC_ACQUIRE);
}

/* Waits for an interface to get its address, or for the deadline: -ETIMEDOUT. */
static int wait_for_one(unsigned count, uint64_t deadline_ns)
{
	struct waiter waiter;
	struct waiter *waiters[] = { &waiter };
	int woken = 0;

	waiter_init(&waiter);
	waitq_add(&config.changed, &waiter);
	if (pending() == count)
		woken = thread_wait(waiters, 1, deadline_ns, WAIT_UNINTERRUPTIBLE);
	waitq_remove(&config.changed, &waiter);
	return woken;
}

static void wait_for_addresses(void)
{
	for (unsigned count; (count = pending()) > 0;) {
		if (wait_for_one(count, config.deadline_ns) == -ETIMEDOUT) {
			log_error("no DHCP server has answered in %d s; the program starts without "
				  "an address (ip=off asks for none)",
				  WAIT_SECONDS);
			return;
		}
	}
}

/* Text of an address (RFC 5952, but without "::"); its length. */
static int write_address(const struct ip_address *ip, char *out, size_t size)
{
	const uint8_t *b = ip->bytes;
	int length = 0;

	if (ip->family == AF_INET)
		return format(out, size, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	for (int i = 0; i < 16; i += 2)
		length += format(out + length, size - (size_t)length, "%s%x", i ? ":" : "",
				 b[i] << 8 | b[i + 1]);
	return length;
}

static size_t write_servers(char *out, size_t size)
{
	struct ip_address server;
	size_t length = 0;

	mutex_lock(&net_mutex);
	for (unsigned i = 0; i < SERVERS && !name_server(i, &server); i++) {
		char text[ADDRESS_TEXT];

		write_address(&server, text, sizeof text);
		length += (size_t)format(out + length, size - length, "nameserver %s\n", text);
	}
	mutex_unlock(&net_mutex);
	return length;
}

static void supply_servers(void)
{
	char text[SERVERS * (ADDRESS_TEXT + sizeof "nameserver \n")];
	size_t length = write_servers(text, sizeof text);

	if (length && root_supply_file("/etc/resolv.conf", text, length))
		log_warning("/etc/resolv.conf cannot be written");
}

static void wait_ended(struct thread *thread)
{
	stack_destroy(thread->stack_base);
}

static void wait_on(void *arg)
{
	(void)arg;
	for (unsigned count; (count = pending()) > 0;) {
		if (!wait_for_one(count, TIME_NEVER) || pending() != count)
			supply_servers();
	}
}

/* The program has started without an address: a thread waits for it. */
static void wait_behind(void)
{
	static struct thread thread;
	void *stack = stack_create();

	if (!stack)
		return;
	thread_init(&thread, "addresses", stack, STACK_BYTES, wait_on, NULL, wait_ended);
	thread_start(&thread);
}

void stack_wait_ready(void)
{
	if (!netdev_next(NULL))
		return;
	wait_for_addresses();
	supply_servers();
	if (pending())
		wait_behind();
}

/* Interfaces */

static void set_static4(struct netif *netif, const struct ip_setup *setup)
{
	ip_addr_t address = to_lwip(&setup->client, 0), gateway = { 0 };
	ip4_addr_t mask = { .addr = 0 };

	if (setup->gateway.family == AF_INET)
		gateway = to_lwip(&setup->gateway, 0);
	if (setup->prefix)
		mask.addr = lwip_htonl(UINT32_MAX << (32 - setup->prefix));
	netif_set_addr(netif, ip_2_ip4(&address), &mask, ip_2_ip4(&gateway));
}

static void set_static6(struct netif *netif, const struct ip_setup *setup) REQUIRES(net_mutex)
{
	struct interface_address address = { .ip = setup->client, .prefix = setup->prefix };
	struct route route = { .destination.family = AF_INET6,
			       .gateway = setup->gateway,
			       .interface = interface_index_of(netif) };

	if (interface_add_address(interface_index_of(netif), &address))
		log_error("%s: no room for one more IPv6 address", interface_of(netif)->name);
	if (setup->gateway.family == AF_INET6 && route_add(&route))
		log_error("%s: the IPv6 gateway cannot be used", interface_of(netif)->name);
}

static void use_names(const struct ip_setup *setup)
{
	for (unsigned i = 0; i < countof(setup->servers); i++) {
		if (setup->servers[i].family != AF_UNSPEC)
			config.servers[FROM_PARAMETERS][i] = setup->servers[i];
	}
	if (setup->hostname[0])
		memcpy(config.hostname, setup->hostname, sizeof config.hostname);
}

struct choice {
	struct interface *interface;
	bool is_first;
	bool dhcp, off, any;
};

static void apply(void *context, const char *value) NO_THREAD_SAFETY_ANALYSIS
{
	struct choice *choice = context;
	struct netif *netif = &choice->interface->netif;
	struct ip_setup setup;

	if (!ip_setup_parse(value, &setup)) {
		log_error("ip=%s is not understood: see docs/networking.md", value);
		return;
	}
	if (setup.device[0] ? strcmp(setup.device, choice->interface->name)
			    : setup.method == IP_STATIC && !choice->is_first)
		return;
	choice->any = true;
	use_names(&setup);
	if (setup.method == IP_OFF)
		choice->off = true;
	else if (setup.method == IP_DHCP)
		choice->dhcp = true;
	else if (setup.client.family == AF_INET6)
		set_static6(netif, &setup);
	else
		set_static4(netif, &setup);
}

static void start_dhcp(struct interface *interface)
{
	if (dhcp_start(&interface->netif) != ERR_OK) {
		log_error("%s: no memory for DHCP", interface->name);
		return;
	}
	if (!config.deadline_ns)
		config.deadline_ns = time_now() + WAIT_SECONDS * NS_PER_S;
	interface->pending = true;
	config.pending++;
}

void config_start(struct interface *interface)
{
	struct netif *netif = &interface->netif;
	struct choice choice = { .interface = interface,
				 .is_first = !strcmp(interface->name, "eth0") };

	netif_set_status_callback(netif, status_changed);
	params_each("ip", apply, &choice);
	netif_set_hostname(netif, config.hostname[0] ? config.hostname : "capuchin");
	if (choice.off) {
		netif->ip6_autoconfig_enabled = 0;
		return;
	}
	netif_set_up(netif);
	/* An IPv6 address by hand says nothing of IPv4. */
	if (choice.dhcp || !choice.any)
		start_dhcp(interface);
}

void config_stop(struct interface *interface)
{
	if (netif_dhcp_data(&interface->netif))
		dhcp_stop(&interface->netif);
	dhcp_cleanup(&interface->netif);
	no_longer_pending(interface);
	route_interface_gone(interface_index_of(&interface->netif));
	alias_interface_gone(&interface->netif);
}
