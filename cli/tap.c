/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes and removes tap interfaces, and keeps them meanwhile. */
#include <linux/if_tun.h> /* before <base/compiler.h>, whose `packed` is a word of it */

#include "tap.h"

#include "forward.h"
#include "report.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int refuse(const char *what, int err)
{
	const char *hint = "";

	if (err == EPERM || err == EACCES)
		hint = " (only root can; 'ip tuntap add dev NAME mode tap user USER' makes one for "
		       "--net tap=NAME)";
	if (err == ENOENT || err == ENODEV)
		hint = " (load the module tun)";
	report("cannot make a tap: %s: %s%s", what, strerror(err), hint);
	return -err;
}

/* --- the interface ------------------------------------------------------------------------------- */

/* It stays when the descriptor is closed: the VMM opens it by its name. -EEXIST: there is one of that name. */
static int create(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return refuse("/dev/net/tun", errno);
	strcpy(request.ifr_name, name);
	int err = ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETPERSIST, 1) ? errno : 0;
	close(fd);
	if (err == EBUSY || err == EEXIST)
		return -EEXIST;
	return err ? refuse(name, err) : 0;
}

/* By rtnetlink (RFC 3549), which removes it even while a VMM still has it open. */
static void destroy(const char *name)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg link;
	} request = {
		.header = {
			.nlmsg_len = sizeof request,
			.nlmsg_type = RTM_DELLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.link = { .ifi_index = (int)if_nametoindex(name) },
	};
	char answer[1024];
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return;
	if (request.link.ifi_index && send(fd, &request, sizeof request, 0) > 0)
		(void)!recv(fd, answer, sizeof answer, 0);
	close(fd);
}

static int set_address(int fd, const char *name, unsigned long what, struct in_addr address)
{
	struct sockaddr_in value = { .sin_family = AF_INET, .sin_addr = address };
	struct ifreq request = { 0 };

	strcpy(request.ifr_name, name);
	memcpy(&request.ifr_addr, &value, sizeof value);
	return ioctl(fd, what, &request) ? -errno : 0;
}

static int set_up(const char *name, const struct network *n)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = fd < 0 ? -errno : set_address(fd, name, SIOCSIFADDR, n->gateway);

	if (!err)
		err = set_address(fd, name, SIOCSIFNETMASK, network_mask(n));
	strcpy(request.ifr_name, name);
	if (!err && ioctl(fd, SIOCSIFFLAGS, &request))
		err = -errno;
	if (fd >= 0)
		close(fd);
	return err ? refuse(name, -err) : 0;
}

/* Whether an interface of the host has an address in the network. */
static bool is_taken(const struct network *n)
{
	struct ifaddrs *all;
	bool taken = false;

	if (getifaddrs(&all))
		return false;
	for (const struct ifaddrs *i = all; i && !taken; i = i->ifa_next) {
		const struct sockaddr_in *address = (const void *)i->ifa_addr;
		const struct sockaddr_in *mask = (const void *)i->ifa_netmask;

		if (!address || address->sin_family != AF_INET || !mask)
			continue;
		in_addr_t common = mask->sin_addr.s_addr & network_mask(n).s_addr;
		taken = (address->sin_addr.s_addr & common) == (n->address.s_addr & common);
	}
	freeifaddrs(all);
	return taken;
}

/* A name that is free, with a network that is. */
static int make_interface(struct network *n)
{
	const struct in_addr address = n->address, gateway = n->gateway;
	char name[IFNAMSIZ];

	for (unsigned number = 0;; number++) {
		n->address = address;
		n->gateway = gateway;
		if (!network_choose(n, number))
			return refuse("all names are taken", EEXIST);
		if (is_taken(n)) {
			if (!address.s_addr)
				continue;
			return refuse("the network of --ip is one of the host's already",
				      EADDRINUSE);
		}
		snprintf(name, sizeof name, "capuchin%u", number);
		int err = create(name);
		if (err == -EEXIST)
			continue;
		if (err)
			return err;
		strcpy(n->made, name);
		err = set_up(name, n);
		if (err)
			destroy(name);
		return err;
	}
}

/* Of an interface that is there: asked of its driver, since /sys may show the interfaces of another network namespace. */
static int check_given(const char *name)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&driver };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return refuse("a socket", errno);
	strcpy(request.ifr_name, name);
	int err = ioctl(fd, SIOCETHTOOL, &request) ? errno : 0;
	close(fd);
	if (!err && !strcmp(driver.driver, "tun") && !strcmp(driver.bus_info, "tap"))
		return 0;
	report("--net tap=%s: %s", name, err == ENODEV ? "no such interface" : "is not a tap");
	return -ENODEV;
}

/* --- the keeper ---------------------------------------------------------------------------------- */

static int keep(const void *arg)
{
	const struct forward *f = arg;

	forward_run(f);
	if (f->network->made[0])
		destroy(f->network->made);
	return 0;
}

static int start_keeper(struct tap_keeper *k, const struct network *n, const int *ports)
{
	int fds[2];
	size_t count = n->published_count;
	int *inherit = calloc(count + 1, sizeof *inherit);

	if (!inherit)
		report_out_of_memory();
	if (pipe2(fds, O_CLOEXEC)) {
		free(inherit);
		return refuse("a pipe", errno);
	}
	memcpy(inherit, ports, count * sizeof *inherit);
	inherit[count] = fds[0];
	const struct forward forward = { .network = n, .ports = ports, .alive_fd = fds[0] };
	const struct child_setup setup = {
		.run = keep,
		.arg = &forward,
		.in = -1,
		.out = -1,
		.inherit = inherit,
		.inherit_count = count + 1,
		.survives = true,
	};
	int err = child_start(&k->child, &setup);
	free(inherit);
	close(fds[0]);
	if (err)
		close(fds[1]);
	else
		k->alive_fd = fds[1];
	return err;
}

int tap_make(struct tap_keeper *k, struct network *n, bool verbose)
{
	int *ports = calloc(n->published_count + 1, sizeof *ports);
	char host[INET_ADDRSTRLEN], machine[INET_ADDRSTRLEN];

	*k = (struct tap_keeper){ .alive_fd = -1, .child = { .err_fd = -1 } };
	if (!ports)
		report_out_of_memory();
	int err = n->tap ? check_given(n->tap) : 0;
	if (!err)
		err = network_take_ports(n, ports);
	size_t taken = err ? 0 : n->published_count;
	if (!err && network_makes_tap(n))
		err = make_interface(n);
	if (!err && (n->made[0] || taken)) {
		err = start_keeper(k, n, ports);
		if (err && n->made[0])
			destroy(n->made);
	}
	for (size_t i = 0; i < taken; i++)
		close(ports[i]);
	free(ports);
	if (!err && verbose && n->made[0]) {
		inet_ntop(AF_INET, &n->gateway, host, sizeof host);
		inet_ntop(AF_INET, &n->address, machine, sizeof machine);
		report("tap %s: the host is %s, the machine %s", n->made, host, machine);
	}
	return err;
}

void tap_remove(struct tap_keeper *k)
{
	if (k->alive_fd < 0)
		return;
	close(k->alive_fd);
	k->alive_fd = -1;
	child_reap(&k->child);
}
