/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine's network: what the options say, what QEMU is told, and what the kernel is told (Linux's ip= parameter,
 * Documentation/admin-guide/nfs/nfsroot.rst). Without any of the options there is no network device.
 */
#pragma once

#include "text.h"

#include <base/compiler.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum network_kind {
	NETWORK_NONE, /* no device */
	NETWORK_USER, /* QEMU's own: no rights needed, outward connections and published ports */
	NETWORK_TAP,  /* an interface of the host */
};

struct publish {
	struct in_addr host; /* INADDR_ANY: all */
	uint16_t host_port, guest_port;
	bool udp;
};

struct network {
	enum network_kind kind;
	bool kind_given, dhcp;
	const char *tap;
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

/** To be called once all options are known: fills in what follows from them. NULL, or what contradicts what. */
const char *network_finish(struct network *n);

/** Whether the published ports can be had: 0 or a negative errno, reported. */
must_check int network_check(const struct network *n);

/** QEMU's words for device and network; `device` is "virtio-net-device" or "virtio-net-pci,...". */
void network_add_argv(const struct network *n, struct strings *argv, const char *device);

/** The kernel's word, "ip=...", or nothing. */
void network_add_words(const struct network *n, struct text *line);
