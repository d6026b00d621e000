/* SPDX-License-Identifier: BSD-3-Clause */
/* What the common part of sockets shares with the families, but not with others. */
#pragma once

#include <net/socket.h>

/* Linux's net.core.{rmem,wmem}_{default,max} and the least that a program can ask for. */
enum {
	SOCKET_BUFFER_DEFAULT = 212992,
	SOCKET_BUFFER_MAX = 212992,
	SOCKET_SEND_MIN = 4608,
	SOCKET_RECEIVE_MIN = 2304,
};

/** Sets an option of SOL_SOCKET as families have it that know nothing better. */
int must_check socket_set_common(struct socket *socket, int name, const void *value,
				 uint32_t bytes);

/** One call that may have to wait, several times over. */
struct socket_wait {
	struct socket *socket;
	unsigned events; /* that end the wait */
	enum wait_flags flags;
	bool nonblocking;
	uint64_t timeout_ns;
	/* from the first wait on */
	bool linked;
	uint64_t deadline_ns;
	struct waiter waiter;
};

/** After an operation that could do nothing. 0: try again; -EAGAIN: the time is over, or there is none; -EINTR. */
int must_check socket_wait_more(struct socket_wait *wait);
void socket_wait_end(struct socket_wait *wait);

/** O_NONBLOCK, or in `flags` MSG_DONTWAIT or what never waits. */
bool socket_is_nonblocking(const struct socket *socket, unsigned flags);

/** What any socket's ioctl(2) knows; -ENOTTY. */
long socket_common_ioctl(struct file *file, unsigned cmd, uintptr_t arg);

/** Adds /proc/net/snmp and snmp6. */
int must_check network_show_counts(void);
