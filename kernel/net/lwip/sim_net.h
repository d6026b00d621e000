/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Networks for tests, on which packets are lost, doubled and put out of order as told: the loopback interface with the MTU of Ethernet,
 * and an Ethernet device behind which a mirror lives. What is sent to 10.0.0.2 comes back as if 10.0.0.2 had sent it to us, so that the
 * stack talks to itself by way of a device, which does what its features say. Time is the simulated machine's, and passes only
 * here.
 */
#pragma once

#include <net/stack.h>

struct sim_net {
	unsigned loss, duplication, reordering; /* of 1,000 packets */
	unsigned delay_ms;
	unsigned sent, lost; /* packets so far */
	unsigned large;      /* that the device has cut into segments */
	int buffer_bytes;    /* of the ends that are connected; 0: as they come */
};
extern struct sim_net sim_net;

/** An owner that counts. */
struct sim_owner {
	struct stack_owner owner;
	unsigned calls;
	unsigned events; /* all that were told */
};

/** Starts the stack; the link is perfect. */
void sim_net_start(void);

/** From now on packets of loopback go through the link. */
void sim_net_use_link(void);

/** Makes the device, as 10.0.0.1, with these features. */
void sim_net_use_device(uint32_t features);
extern struct netdev sim_device;

/** Polls until nothing moves any more, without letting time pass. */
void sim_net_settle(void);

/** Lets time pass, a millisecond at a time, and everything happen. */
void sim_net_run(unsigned ms);

void sim_owner_init(struct sim_owner *owner);

/** 127.0.0.1 or ::1, or the mirror (family 0), with a port. */
struct net_address sim_local(unsigned family, uint16_t port);

/** A chain of one fragment with these bytes, as the socket layer would make it. */
struct netbuf *sim_data(const void *data, size_t bytes);

/** Two ends of a connection; the listener stays. */
struct sim_pair {
	struct stack_endpoint *listener, *client, *server;
	struct sim_owner listener_owner, client_owner, server_owner;
};
void sim_pair_connect(struct sim_pair *pair, unsigned family, uint16_t port);
void sim_pair_close(struct sim_pair *pair);
