/* SPDX-License-Identifier: BSD-3-Clause */
/* What the common part of sockets shares with nobody else. */
#pragma once

#include <net/socket.h>

/* Linux's net.core.{rmem,wmem}_{default,max} and the least that a program can ask for. */
enum {
	SOCKET_BUFFER_DEFAULT = 212992,
	SOCKET_BUFFER_MAX = 212992,
	SOCKET_SEND_MIN = 4608,
	SOCKET_RECEIVE_MIN = 2304,
};
