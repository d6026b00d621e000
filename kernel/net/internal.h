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
