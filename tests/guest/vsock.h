/* SPDX-License-Identifier: BSD-3-Clause */
/* What programs know of AF_VSOCK; musl's headers lack it. */
#pragma once

#include "check.h"

#include <sys/socket.h>
#include <sys/time.h>

#ifndef AF_VSOCK
#define AF_VSOCK 40
#endif

struct vm_address {
	uint16_t family, reserved;
	uint32_t port, cid;
	uint8_t flags, zero[3];
};

enum { CID_LOCAL = 1, CID_HOST = 2 };
#define CID_ANY UINT32_MAX
#define PORT_ANY UINT32_MAX

enum { BUFFER_SIZE = 0, BUFFER_MIN_SIZE = 1, BUFFER_MAX_SIZE = 2, CONNECT_TIMEOUT = 6 };
enum { GET_LOCAL_CID = 0x7b9 };

static inline int vm_socket(int flags)
{
	return socket(AF_VSOCK, SOCK_STREAM | flags, 0);
}

static inline int vm_bind(int fd, uint32_t cid, uint32_t port)
{
	struct vm_address at = { .family = AF_VSOCK, .cid = cid, .port = port };

	return bind(fd, (struct sockaddr *)&at, sizeof at);
}

static inline int vm_connect(int fd, uint32_t cid, uint32_t port)
{
	struct vm_address at = { .family = AF_VSOCK, .cid = cid, .port = port };

	return connect(fd, (struct sockaddr *)&at, sizeof at);
}

static inline struct vm_address vm_name(int fd)
{
	struct vm_address at = { 0 };
	socklen_t bytes = sizeof at;

	CHECK_EQ(getsockname(fd, (struct sockaddr *)&at, &bytes), 0);
	CHECK_EQ(bytes, sizeof at);
	CHECK_EQ(at.family, AF_VSOCK);
	return at;
}

/** A socket that listens at a port of its own choice. */
static inline int vm_listen(uint32_t cid, int backlog, uint32_t *port)
{
	int fd = vm_socket(0);

	REQUIRE(fd >= 0);
	CHECK_EQ(vm_bind(fd, cid, PORT_ANY), 0);
	CHECK_EQ(listen(fd, backlog), 0);
	*port = vm_name(fd).port;
	return fd;
}

static inline int vm_error(int fd)
{
	int error = -1;
	socklen_t bytes = sizeof error;

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &bytes), 0);
	return error;
}
