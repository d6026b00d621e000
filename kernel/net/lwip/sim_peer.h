/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer on an Ethernet that a test plays by hand: what the stack sends to 10.0.0.2 is kept until the test looks at it, and the test sends
 * the segments that it wants to. Use after sim_net_start(), in place of sim_net_use_device().
 */
#pragma once

#include "sim_net.h"

enum { SIM_FIN = 1, SIM_SYN = 2, SIM_RST = 4, SIM_PSH = 8, SIM_ACK = 16 };

/** A segment of TCP, sent or received, in host byte order. */
struct sim_segment {
	uint16_t from_port, to_port;
	uint32_t sequence, acknowledged;
	uint16_t window;
	uint8_t flags;
	uint8_t option_bytes; /* a multiple of 4 */
	uint8_t options[40];
	uint16_t bytes;
	uint8_t payload[1460];
};

/** The device, as 10.0.0.1; again: what was sent is forgotten. */
void sim_peer_start(void);

/** The next segment that the stack has sent; false: there is none. */
bool sim_peer_take(struct sim_segment *out);

/** How many the stack has sent that were not taken. */
unsigned sim_peer_waiting(void);

/** Sends it; the stack does what it does about it, in one round for all up to sim_peer_round(). */
void sim_peer_send(const struct sim_segment *segment);
void sim_peer_round(void);

/** One datagram of UDP to an address (NULL: 10.0.0.1) and port, from a port. */
void sim_peer_datagram(const uint8_t *to, uint16_t from_port, uint16_t to_port);

/** Asks by ARP who has an address; whether the stack says that it has. */
bool sim_peer_asks(const uint8_t address[4]);

/** A time stamp option in the usual form. */
void sim_add_timestamp(struct sim_segment *segment, uint32_t value, uint32_t echo);

/** Option `kind` with these bytes behind its length, and as many no-operations as it takes. */
void sim_add_option(struct sim_segment *segment, uint8_t kind, const void *data, size_t bytes);

/** Where an option of what was received begins; NULL: it is not there. */
const uint8_t *sim_option(const struct sim_segment *segment, uint8_t kind);

/** Four bytes as they are on the wire. */
uint32_t sim_get32(const uint8_t *at);

/** An end of a connection as the peer has it: fields of the next segment to send. */
struct sim_peer {
	struct sim_segment next;
	struct stack_endpoint *listener, *server; /* the stack's */
	struct sim_owner owner;
};

/** Listens at a port and connects the peer to it, from another; `syn` has options of the SYN. */
void sim_peer_connect(struct sim_peer *peer, uint16_t port, const struct sim_segment *syn);
void sim_peer_close(struct sim_peer *peer);

/** Sends `next` with so many bytes of data; its sequence number moves on. */
void sim_peer_say(struct sim_peer *peer, size_t bytes);
