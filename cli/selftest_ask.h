/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions to the services that the kernel's self-test offers (docs/selftest.md). Each waits, some seconds at most. */
#pragma once

#include <base/compiler.h>

#include <netinet/in.h>
#include <stdbool.h>

enum { SELFTEST_ECHO = 7, SELFTEST_HTTP = 80 };

/** Whether what is sent comes back. */
must_check bool ask_tcp_echo(const struct sockaddr_in *service);
must_check bool ask_udp_echo(const struct sockaddr_in *service);

/** The same through a VMM's Unix socket for AF_VSOCK: "CONNECT PORT", to which it answers "OK" and a number. */
must_check bool ask_vsock_echo(const char *path);

/** Whether this page is there; by TCP, and through the Unix socket. */
must_check bool ask_page(const struct sockaddr_in *service, const char *page);
must_check bool ask_vsock_page(const char *path, const char *page);
