/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A tap interface of the host's, made for one machine (Linux, Documentation/networking/tuntap.rst), and the process that keeps
 * it: that one hands connections to the published ports on to the machine, and removes the tap when the command has ended,
 * however that was.
 */
#pragma once

#include "child.h"
#include "network.h"

#include <base/compiler.h>

struct tap_keeper {
	struct child child;
	int alive_fd; /* the command's end of a pipe: closed, it is the command's end; -1: none */
};

/**
 * Checks the tap that is given; makes one where one is to be made, chooses its addresses, and starts the keeper where there is something to keep: a tap,
 * or published ports to serve. 0 or a negative errno, reported. `k` is to be ended by tap_remove() in every case.
 */
must_check int tap_make(struct tap_keeper *k, struct network *n, bool verbose);

/** Ends the keeper; returns once the tap is gone. */
void tap_remove(struct tap_keeper *k);
