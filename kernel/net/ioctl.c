/* SPDX-License-Identifier: BSD-3-Clause */
/* ioctl(2) of any socket: interfaces and routes (netdevice(7)), and its owner. The program's memory is touched without net_mutex. */
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/user.h>
#include <net/interface.h>

#include "internal.h"

enum {
	FIOSETOWN = 0x8901,
	SIOCSPGRP,
	FIOGETOWN,
	SIOCGPGRP,
	SIOCADDRT = 0x890b,
	SIOCDELRT = 0x890c,
	SIOCGIFNAME = 0x8910,
	SIOCGIFCONF = 0x8912,
	SIOCGIFFLAGS,
	SIOCSIFFLAGS,
	SIOCGIFADDR,
	SIOCSIFADDR,
	SIOCGIFDSTADDR,
	SIOCGIFBRDADDR = 0x8919,
	SIOCGIFNETMASK = 0x891b,
	SIOCSIFNETMASK,
	SIOCGIFMETRIC,
	SIOCGIFMTU = 0x8921,
	SIOCSIFMTU,
	SIOCGIFHWADDR = 0x8927,
	SIOCGIFINDEX = 0x8933,
	SIOCGIFTXQLEN = 0x8942,
};

enum { IFF_UP = 1, IFF_BROADCAST = 2, RTF_GATEWAY = 2, QUEUE_LENGTH = 1000 };

struct sockaddr_in {
	uint16_t family, port;
	uint8_t address[4];
	uint8_t zero[8];
};
_Static_assert(sizeof(struct sockaddr_in) == 16, "Linux's struct sockaddr_in");

/* struct ifreq: a name, and what it is about. */
struct interface_request {
	char name[INTERFACE_NAME_BYTES];
	union {
		struct sockaddr_in address;
		struct {
			uint16_t type;
			uint8_t mac[6];
		} hardware;
		int16_t flags;
		int32_t number;
		uint8_t all[24];
	};
};
_Static_assert(sizeof(struct interface_request) == 40, "Linux's struct ifreq");

struct interface_list {
	int32_t bytes, pad;
	uint64_t address;
};
_Static_assert(sizeof(struct interface_list) == 16, "Linux's struct ifconf");

struct route_request {
	uint64_t pad_1;
	struct sockaddr_in destination, gateway, mask;
	uint16_t flags;
	int16_t pad_2;
	uint32_t pad_2b;
	uint64_t pad_3;
	uint8_t tos, class;
	int16_t pad_4[3];
	int16_t metric, pad_5[3];
	uint64_t device;
	uint64_t mtu, window;
	uint16_t irtt, pad_6[3];
};
_Static_assert(sizeof(struct route_request) == 120, "Linux's struct rtentry");

static struct ip_address ip_from_v4(const uint8_t bytes[4])
{
	struct ip_address ip = { .family = AF_INET };

	memcpy(ip.bytes, bytes, 4);
	return ip;
}

/* --- interfaces by name --- */

static int find_interface(const char *name, struct interface_info *out) REQUIRES(net_mutex)
{
	for (unsigned nth = 0; !interface_info(nth, out); nth++)
		if (!strncmp(out->name, name, INTERFACE_NAME_BYTES))
			return 0;
	return -ENODEV;
}

/* The first IPv4 address. */
static int address_of(uint32_t index, struct interface_address *out) REQUIRES(net_mutex)
{
	for (unsigned nth = 0; !interface_address(index, nth, out); nth++)
		if (out->ip.family == AF_INET)
			return 0;
	return -EADDRNOTAVAIL;
}

static void mask_of(uint8_t prefix, uint8_t out[4])
{
	uint32_t mask = prefix ? UINT32_MAX << (32 - min(prefix, (uint8_t)32)) : 0;

	mask = __builtin_bswap32(mask);
	memcpy(out, &mask, sizeof mask);
}

/* -EINVAL: not a mask. */
static int prefix_of(const uint8_t mask[4], uint8_t *out)
{
	uint32_t bits;

	memcpy(&bits, mask, sizeof bits);
	bits = ~__builtin_bswap32(bits);
	if (bits & (bits + 1))
		return -EINVAL;
	*out = (uint8_t)(bits ? __builtin_clz(bits) : 32);
	return 0;
}

static int get_address(uint32_t index, unsigned cmd, bool broadcast, struct sockaddr_in *out)
	REQUIRES(net_mutex)
{
	struct interface_address has;
	uint8_t mask[4];
	int error = address_of(index, &has);

	if (error)
		return error;
	*out = (struct sockaddr_in){ .family = AF_INET };
	mask_of(has.prefix, mask);
	for (int i = 0; i < 4; i++) {
		uint8_t own = has.ip.bytes[i];

		if (cmd == SIOCGIFBRDADDR)
			own = broadcast ? (uint8_t)(own | ~mask[i]) : 0;
		out->address[i] = cmd == SIOCGIFNETMASK ? mask[i] : own;
	}
	return 0;
}

static int set_address(const struct interface_info *info, unsigned cmd,
		       const struct sockaddr_in *to) REQUIRES(net_mutex)
{
	struct interface_address before, after = { .ip = ip_from_v4(to->address), .prefix = 24 };
	int had = address_of(info->index, &before), error = 0;

	if (to->family != AF_INET)
		return -EINVAL;
	if (cmd == SIOCSIFNETMASK) {
		if (had)
			return had;
		after = before;
		error = prefix_of(to->address, &after.prefix);
	}
	if (!error && !had)
		error = interface_remove_address(info->index, &before);
	return error ? error : interface_add_address(info->index, &after);
}

/* Fills in, or does, what one request asks of its interface. */
static int serve(unsigned cmd, const struct interface_info *info, struct interface_request *r)
	REQUIRES(net_mutex)
{
	switch (cmd) {
	case SIOCGIFFLAGS:
		r->flags = (int16_t)info->flags;
		return 0;
	case SIOCSIFFLAGS:
		return interface_set_up(info->index, r->flags & IFF_UP);
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
		return get_address(info->index, cmd, info->flags & IFF_BROADCAST, &r->address);
	case SIOCSIFADDR:
	case SIOCSIFNETMASK:
		return set_address(info, cmd, &r->address);
	case SIOCGIFMTU:
		r->number = (int32_t)info->mtu;
		return 0;
	case SIOCSIFMTU:
		return interface_set_mtu(info->index, (uint32_t)r->number);
	case SIOCGIFHWADDR:
		memset(r->all, 0, sizeof r->all);
		r->hardware.type = info->type;
		memcpy(r->hardware.mac, info->mac, sizeof info->mac);
		return 0;
	case SIOCGIFINDEX:
		r->number = (int32_t)info->index;
		return 0;
	case SIOCGIFMETRIC:
		r->number = 0;
		return 0;
	case SIOCGIFTXQLEN:
		r->number = QUEUE_LENGTH;
		return 0;
	default:
		return -ENOTTY;
	}
}

static int find_name(struct interface_request *r) REQUIRES(net_mutex)
{
	struct interface_info info;

	for (unsigned nth = 0; !interface_info(nth, &info); nth++)
		if (info.index == (uint32_t)r->number) {
			memcpy(r->name, info.name, sizeof r->name);
			return 0;
		}
	return -ENODEV;
}

static long interface_ioctl(unsigned cmd, uintptr_t arg)
{
	struct interface_request request;
	struct interface_info info;
	int error;

	if (user_read(&request, arg, sizeof request))
		return -EFAULT;
	mutex_lock(&net_mutex);
	if (cmd == SIOCGIFNAME) {
		error = find_name(&request);
	} else {
		request.name[sizeof request.name - 1] = '\0';
		error = find_interface(request.name, &info);
		if (!error)
			error = serve(cmd, &info, &request);
	}
	mutex_unlock(&net_mutex);
	return error ? error : user_write(arg, &request, sizeof request);
}

/* --- all interfaces --- */

/* The nth interface that has an IPv4 address. */
static int list_entry_of(unsigned nth, struct interface_request *out)
{
	struct interface_info info;
	int error;

	*out = (struct interface_request){ 0 };
	mutex_lock(&net_mutex);
	error = interface_info(nth, &info);
	if (!error) {
		memcpy(out->name, info.name, sizeof out->name);
		error = get_address(info.index, SIOCGIFADDR, false, &out->address);
	}
	mutex_unlock(&net_mutex);
	return error;
}

static long interface_configuration(uintptr_t arg)
{
	struct interface_request entry;
	struct interface_list list;
	size_t bytes = 0;
	int error;

	if (user_read(&list, arg, sizeof list))
		return -EFAULT;
	for (unsigned nth = 0; (error = list_entry_of(nth, &entry)) != -ENOENT; nth++) {
		if (error)
			continue;
		if (list.address) {
			if (list.bytes < 0 || bytes + sizeof entry > (size_t)list.bytes)
				break;
			if (user_write(list.address + bytes, &entry, sizeof entry))
				return -EFAULT;
		}
		bytes += sizeof entry;
	}
	list.bytes = (int32_t)bytes;
	return user_write(arg, &list, sizeof list);
}

/* --- routes --- */

static long change_route(unsigned cmd, uintptr_t arg)
{
	char name[INTERFACE_NAME_BYTES] = "";
	struct route_request request;
	struct route route = { 0 };
	int error;

	if (user_read(&request, arg, sizeof request))
		return -EFAULT;
	if (request.device) {
		ssize_t length = user_read_string(name, request.device, sizeof name);

		if (length < 0)
			return length == -ENAMETOOLONG ? -ENODEV : length;
	}
	error = prefix_of(request.mask.address, &route.prefix);
	if (error)
		return error;
	route.destination = ip_from_v4(request.destination.address);
	if (request.flags & RTF_GATEWAY)
		route.gateway = ip_from_v4(request.gateway.address);
	mutex_lock(&net_mutex);
	route.interface = name[0] ? interface_index(name) : 0;
	if (name[0] && !route.interface)
		error = -ENODEV;
	else
		error = cmd == SIOCADDRT ? route_add(&route) : route_remove(&route);
	mutex_unlock(&net_mutex);
	return error;
}

/* --- any --- */

static long owner_ioctl(struct file *file, unsigned cmd, uintptr_t arg)
{
	int owner = file->owner;

	if (cmd == FIOGETOWN || cmd == SIOCGPGRP)
		return user_write(arg, &owner, sizeof owner);
	if (user_read(&owner, arg, sizeof owner))
		return -EFAULT;
	file->owner = owner;
	return 0;
}

long socket_common_ioctl(struct file *file, unsigned cmd, uintptr_t arg)
{
	switch (cmd) {
	case FIOSETOWN:
	case SIOCSPGRP:
	case FIOGETOWN:
	case SIOCGPGRP:
		return owner_ioctl(file, cmd, arg);
	case SIOCADDRT:
	case SIOCDELRT:
		return change_route(cmd, arg);
	case SIOCGIFCONF:
		return interface_configuration(arg);
	case SIOCGIFNAME:
	case SIOCGIFFLAGS:
	case SIOCSIFFLAGS:
	case SIOCGIFADDR:
	case SIOCSIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCSIFNETMASK:
	case SIOCGIFMETRIC:
	case SIOCGIFMTU:
	case SIOCSIFMTU:
	case SIOCGIFHWADDR:
	case SIOCGIFINDEX:
	case SIOCGIFTXQLEN:
		return interface_ioctl(cmd, arg);
	default:
		return -ENOTTY;
	}
}
