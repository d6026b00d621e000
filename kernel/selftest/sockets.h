/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets as the self-test uses them: the calls of <net/socket.h> with plain buffers. Thread context. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <net/address.h>
#include <net/socket.h>

enum { PORT_ECHO = 7, PORT_HTTP = 80 };

/** struct sockaddr_in and sockaddr_vm of Linux, as they lie in memory. */
union socket_address {
	uint16_t family;
	struct {
		uint16_t family;
		uint8_t port[2]; /* big-endian */
		uint8_t ip[4];
		uint8_t zero[8];
	} inet;
	struct {
		uint16_t family, reserved;
		uint32_t port, cid;
		uint8_t flags, zero[3];
	} vsock;
	uint8_t bytes[SOCKET_ADDRESS_MAX];
};
_Static_assert(sizeof(((union socket_address *)NULL)->inet) == 16, "Linux's struct sockaddr_in");
_Static_assert(sizeof(((union socket_address *)NULL)->vsock) == 16, "Linux's struct sockaddr_vm");

enum { SOCKET_ADDRESS_BYTES = 16 }; /* of both */

union socket_address address_inet(const uint8_t ip[4], uint16_t port);
union socket_address address_vsock(uint32_t cid, uint32_t port);

/** A socket whose calls wait for `timeout_ns` at most each (-EAGAIN then). */
int must_check socket_make(unsigned family, int type, int protocol, uint64_t timeout_ns,
			   struct socket **out);
void socket_close(struct socket *socket);

/** Listens at an address; accept() waits for ever. */
int must_check socket_listen_at(struct socket *socket, const union socket_address *address);

/** The next connection, with the time limit for its calls. */
int must_check socket_next_connection(struct socket *listener, uint64_t timeout_ns,
				      struct socket **out);

/** All bytes, or a negative errno. `to` NULL: the peer. */
int must_check socket_send_all(struct socket *socket, const void *bytes, size_t count,
			       const union socket_address *to);

/** What arrives next, at most `count` bytes; 0: the end of a stream. `from` may be NULL. */
ssize_t must_check socket_receive_some(struct socket *socket, void *bytes, size_t count,
				       union socket_address *from);

/** Exactly `count` bytes of a stream; -EPIPE: it ends before. */
int must_check socket_receive_all(struct socket *socket, void *bytes, size_t count);
