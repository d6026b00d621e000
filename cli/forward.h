/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hands what reaches the published ports on to a machine at a tap, for VMMs that have no network of their own: bytes of TCP
 * connections, their ends and resets, and datagrams of UDP with their answers.
 */
#pragma once

#include "network.h"

struct forward {
	const struct network *network; /* with the machine's address, if any port is published */
	const int *ports; /* a socket for each published port, in order; TCP ones listen */
	int alive_fd;     /* at its end forwarding ends */
};

/** Returns when alive_fd has ended; what is on its way is lost. */
void forward_run(const struct forward *f);
