/* SPDX-License-Identifier: BSD-3-Clause */
/* Services with a thread each, and the question to an echo service. Thread context. */
#pragma once

#include <base/compiler.h>

#include "sockets.h"

struct service {
	const char *name;                         /* lives for ever */
	struct socket *socket;                    /* bound, and listening where there is serve() */
	void (*serve)(struct socket *connection); /* one connection; NULL: echo of datagrams */
};

/** Starts a thread that serves for ever; takes over the socket on success. -ENOMEM. */
int must_check service_start(const struct service *like);

/** Sends back what comes, until the peer ends or is silent for long. */
void serve_echo(struct socket *connection);

/** Answers one request by HTTP. */
void serve_page(struct socket *connection);

/** Connects to an echo service and asks it. -EBADMSG: the answer is another. */
int must_check ask_echo(struct socket *socket, const union socket_address *server);
