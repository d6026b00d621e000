/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_VSOCK: sockets between machines on one host, and within this one. Needs no device for the latter. */
#pragma once

/** Takes what socket devices receive from here on. Once, before they are found. */
void vsock_start(void);
