/* SPDX-License-Identifier: BSD-3-Clause */
/* For the guest programs about sockets: addresses on the loopback, pairs of connected sockets, waiting with a limit. */
#pragma once

#include "check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

static inline struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static inline struct sockaddr_in6 loopback6(int port)
{
	return (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
}

static inline int port_of(int fd)
{
	struct sockaddr_storage at;
	socklen_t bytes = sizeof at;

	REQUIRE(!getsockname(fd, (struct sockaddr *)&at, &bytes));
	return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
					      : ((struct sockaddr_in *)&at)->sin_port);
}

/* Bound to a free port of the loopback. */
static inline int bound(int type)
{
	struct sockaddr_in at = loopback(0);
	int fd = socket(AF_INET, type, 0);

	REQUIRE(fd >= 0);
	REQUIRE(!bind(fd, (struct sockaddr *)&at, sizeof at));
	return fd;
}

static inline int listener(int flags)
{
	int fd = bound(SOCK_STREAM | flags);

	REQUIRE(!listen(fd, 16));
	return fd;
}

static inline int connect_to(int fd, int port)
{
	struct sockaddr_in at = loopback(port);

	return connect(fd, (struct sockaddr *)&at, sizeof at);
}

/* Two ends of a TCP connection. */
static inline void tcp_pair(int fds[2])
{
	int l = listener(0);

	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	REQUIRE(fds[0] >= 0);
	REQUIRE(!connect_to(fds[0], port_of(l)));
	fds[1] = accept(l, NULL, NULL);
	REQUIRE(fds[1] >= 0);
	REQUIRE(!close(l));
}

/* Waits at most two seconds for any of the events; returns what there is of all. */
static inline int wait_for(int fd, int events)
{
	struct pollfd p = { .fd = fd, .events = (short)events };

	poll(&p, 1, 2000);
	return p.revents;
}

/* What poll() says of everything, now. */
static inline int poll_now(int fd)
{
	struct pollfd p = {
		.fd = fd,
		.events = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLWRNORM | POLLRDHUP,
	};

	poll(&p, 1, 0);
	return p.revents;
}

static inline int option(int fd, int level, int name)
{
	int value = -12345;
	socklen_t bytes = sizeof value;

	if (getsockopt(fd, level, name, &value, &bytes))
		return -errno;
	return value;
}

static inline int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof value);
}
