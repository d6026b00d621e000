/* SPDX-License-Identifier: BSD-3-Clause */
/* A socket device of the test, whose other side does what it is told. One thread. */
#pragma once

#include <class/vsock.h>

enum { SIM_CID = 3, SIM_SENT_MAX = 128 };

struct sim_vsock {
	struct vsock_dev dev;
	struct netbuf *sent[SIM_SENT_MAX];
	unsigned count, flushes;
	unsigned room; /* packets that the ring takes yet */
	bool opened, refused;
};
extern struct sim_vsock sim_vsock;

/** A device of this address, with room for everything, that is in use from here on. */
void sim_vsock_attach(void);

/** It goes away, with all that it has. */
void sim_vsock_detach(void);

/** A packet from another machine: the header as it is, then `bytes` of data. */
void sim_vsock_arrive(const struct vsock_header *header, const void *data, size_t bytes);

/** Takes the oldest packet that was sent: its header, and at most `room` bytes of data, whose count is *bytes. False: there is none. */
bool sim_vsock_take(struct vsock_header *header, void *data, size_t room, size_t *bytes);

/** The ring takes so many packets more, after it was full. */
void sim_vsock_give_room(unsigned packets);

/** The device's address becomes another, and it has forgotten all. */
void sim_vsock_reset(uint32_t cid);

/** Lets time pass, and what the timers start happen. */
void sim_vsock_wait(uint64_t ns);
