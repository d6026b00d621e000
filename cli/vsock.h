/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's end of the machine's AF_VSOCK (--vsock): a Unix socket at which "CONNECT PORT\n" leads to a port of the machine, and
 * sockets PATH_PORT beside it for those that the machine connects to. Firecracker and Cloud Hypervisor have them in themselves; for
 * QEMU another program does the same, vhost-device-vsock, to which QEMU lends the machine's memory.
 */
#pragma once

#include "child.h"
#include "options.h"

#include <base/compiler.h>

/** The machine's address: the lowest that is no one's. */
enum { VSOCK_GUEST_CID = 3 };

struct vsock_host {
	const char *path;   /* as given; NULL: there is none */
	char *program;      /* of the other program; NULL: needless */
	char *directory;    /* temporary, for `control` */
	char *control;      /* the socket between QEMU and it */
	struct child child; /* it */
};

/** Makes sure that the socket can be made, and finds what QEMU needs. A negative errno, reported; `h`, zeroed before, is to be ended
 * in every case. */
must_check int vsock_prepare(struct vsock_host *h, const struct options *o);

/** Starts it, where it is needed; vsock_wait() returns once it can be talked to. Negative errnos are reported. */
must_check int vsock_start(struct vsock_host *h);
must_check int vsock_wait(struct vsock_host *h);

/** Ends it, and removes the sockets. */
void vsock_end(struct vsock_host *h);
