/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Room for connections that wait at QEMU's published ports. Its user network lets one wait (libslirp listens with a backlog of 1);
 * the host's TCP tries what is over that again after ever longer, which clients see as a machine that stands still.
 */
#pragma once

#include "network.h"

#include <sys/types.h>

/**
 * Waits until the process `vm`, a child, listens at the published TCP ports, five seconds at most, and lets as many wait there as
 * the host allows. Where the host does not let it at the child's sockets (pidfd_getfd(2): Linux 5.6, and a ptrace's rights) all stays
 * as it is, which is no error.
 */
void backlog_widen(pid_t vm, const struct network *n);
