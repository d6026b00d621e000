/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine's network: what the options say, what QEMU is told, and what the kernel is told (Linux's ip= parameter,
 * Documentation/admin-guide/nfs/nfsroot.rst). Without any of the options there is no network device.
 */
#pragma once

#include "text.h"

#include <base/compiler.h>

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum network_kind {
	NETWORK_NONE, /* no device */
	NETWORK_USER, /* QEMU's own: no rights needed, outward connections and published ports */
	NETWORK_TAP,  /* an interface of the host, which may be made for the machine */
};

struct publish {
	struct in_addr host; /* INADDR_ANY: all */
	uint16_t host_port, guest_port;
	bool udp;
};

struct network {
	enum network_kind kind;
	bool kind_given, dhcp;
	const char *tap;                         /* its name; NULL: to be made */
	char made[IFNAMSIZ];                     /* the name of the one that was made */
	struct in_addr address, gateway, dns[2]; /* 0: not given */
	unsigned prefix;
	const char *mac;  /* NULL: not given */
	const char *pcap; /* file for a copy of all frames; NULL: none */
	struct publish *published;
	size_t published_count;
};

/* One option's value each, which has to stay. false, nothing reported: it is not as it has to be. */
must_check bool network_take_kind(struct network *n, const char *word);
must_check bool network_take_publish(struct network *n, const char *word);
must_check bool network_take_address(struct network *n, const char *word);
must_check bool network_take_mac(struct network *n, const char *word);
void network_free(struct network *n);

/** Whether one of the options wants a network. */
bool network_wanted(const struct network *n);

/** To be called once all options and the VMM are known, which may have a network of its own: fills in what follows from
 * them. NULL, or what contradicts what. */
const char *network_finish(struct network *n, enum network_kind preferred);

/** Whether a tap has to be made. */
bool network_makes_tap(const struct network *n);

/** Gives machine and host addresses of the `number`th network of those for taps, where --ip gives none. False: there are
 * no more. */
must_check bool network_choose(struct network *n, unsigned number);
struct in_addr network_mask(const struct network *n);
/** The tap's name; NULL: there is no tap. */
const char *network_tap(const struct network *n);

/** The machine's hardware address for a tap: the one given, or a random one. */
void network_add_mac(const struct network *n, struct text *out);

/** A listening or bound socket for each published port, in their order, in `fds`. 0 or a negative errno, reported; then
 * none is open. */
must_check int network_take_ports(const struct network *n, int *fds);

/** Whether the published ports can be had: 0 or a negative errno, reported. */
must_check int network_check(const struct network *n);

/** QEMU's words for device and network; `device` is "virtio-net-device" or "virtio-net-pci,...". */
void network_add_argv(const struct network *n, struct strings *argv, const char *device);

/** The kernel's word, "ip=...", or nothing. */
void network_add_words(const struct network *n, struct text *line);
