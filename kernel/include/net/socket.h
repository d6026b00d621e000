/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets: what the system calls need of an address family. A family registers with SOCKET_FAMILY; its create() fills in the socket's
 * ops. A socket is the private part of a struct file. Blocking, timeouts, signals' EINTR and SIGPIPE are seen to by net/socket.c's wait helper and the
 * system calls; ops return -EAGAIN where they would block and the caller waits on socket->waitq.
 *
 * Ops run in thread context, without any lock held.
 */
#pragma once

#include <base/compiler.h>
#include <base/types.h>
#include <core/thread.h>
#include <fs/file.h>
#include <fs/uio.h>
#include <net/address.h>

struct netbuf;
struct socket;
struct socket_family;

enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_SEQPACKET = 5 };

/* MSG_* of Linux */
enum {
	MSG_OOB = 1,
	MSG_PEEK = 2,
	MSG_CTRUNC = 8,
	MSG_TRUNC = 0x20,
	MSG_DONTWAIT = 0x40,
	MSG_EOR = 0x80,
	MSG_WAITALL = 0x100,
	MSG_ERRQUEUE = 0x2000,
	MSG_NOSIGNAL = 0x4000,
	MSG_MORE = 0x8000,
	MSG_WAITFORONE = 0x10000,
	MSG_CMSG_CLOEXEC = 0x40000000,
};

enum { SOCKET_ADDRESS_MAX = 128 }; /* sizeof(struct sockaddr_storage) */

/** A control message, of a chain: header and data as cmsg(3) has it, in kernel memory. */
struct control_list;

/** One message. Addresses are struct sockaddr_* as the program gave them, in kernel memory. */
struct socket_message {
	struct uio *uio;
	uint8_t *address; /* SOCKET_ADDRESS_MAX bytes; NULL: none given, or not wanted */
	uint32_t address_bytes;
	const void *control; /* to send: the program's control data, copied */
	size_t control_bytes;
	struct control_list *received; /* to receive: control_add() to it; NULL: not wanted */
	unsigned flags;                /* in: MSG_*; out: MSG_TRUNC, MSG_CTRUNC, MSG_EOR */
};

/** Adds a control message to what the program will get. -ENOMEM. */
int must_check control_add(struct control_list *list, int level, int type, const void *data,
			   size_t bytes);

struct socket_ops {
	int (*bind)(struct socket *socket, const void *address, uint32_t bytes);
	/** -EINPROGRESS: started; the caller waits for POLLOUT, and asks take_error(). */
	int (*connect)(struct socket *socket, const void *address, uint32_t bytes);
	int (*listen)(struct socket *socket, int backlog);
	/** Fills a fresh socket of the same family and type. */
	int (*accept)(struct socket *socket, struct socket *accepted);
	/** Returns the address's length; at most SOCKET_ADDRESS_MAX are written. */
	int (*name)(struct socket *socket, void *address, bool peer);
	ssize_t (*send)(struct socket *socket, struct socket_message *message);
	ssize_t (*receive)(struct socket *socket, struct socket_message *message);
	int (*shutdown)(struct socket *socket, bool read, bool write);
	/** Options below SOL_SOCKET's common ones, and those of SOL_SOCKET that the family knows better. `value` is kernel memory.
	 * -ENOPROTOOPT: ask the common code. */
	int (*set_option)(struct socket *socket, int level, int name, const void *value,
			  uint32_t bytes);
	int (*get_option)(struct socket *socket, int level, int name, void *value, uint32_t *bytes);
	long (*ioctl)(struct socket *socket, unsigned cmd,
		      uintptr_t arg);                    /* -ENOTTY: the common ones */
	unsigned (*poll)(struct socket *socket);         /* POLL* */
	int (*take_error)(struct socket *socket);        /* SO_ERROR; 0 or -errno */
	int (*pair)(struct socket *a, struct socket *b); /* NULL: -EOPNOTSUPP */
	/** Pages of a file without copying (sendfile). NULL: the caller copies. */
	ssize_t (*send_pages)(struct socket *socket, struct netbuf *pages, bool more);
	void (*release)(
		struct socket
			*socket); /* the last descriptor is closed; frees what the family has */
};

struct socket {
	const struct socket_ops *ops;
	const struct socket_family *family;
	struct file *file; /* which it belongs to; not counted */
	int type, protocol;
	void *private;      /* of the family */
	struct waitq waitq; /* woken on any change of poll() */
	bool listening;
	uint64_t receive_timeout_ns, send_timeout_ns; /* TIME_NEVER: none */
	int linger;                                   /* seconds; -1: off */
};

struct socket_family {
	unsigned number; /* AF_* */
	const char *name;
	/** Checks type and protocol, fills ops and private. -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -ENOMEM. */
	int (*create)(struct socket *socket, int type, int protocol);
};

/** Registers a `const struct socket_family`. */
#define SOCKET_FAMILY(family)                                          \
	static const struct socket_family *const family##_registration \
		__attribute__((section("socket_families"), used)) = &(family)

/** An open file with a new socket; -EAFNOSUPPORT and create()'s errors. For accept(): a socket without create() (`bare`). */
int must_check socket_open(unsigned family, int type, int protocol, unsigned file_flags,
			   struct file **out);
int must_check socket_open_bare(const struct socket *like, unsigned file_flags, struct file **out);

/** The socket of a file; NULL: is none (ENOTSOCK). */
struct socket *socket_of(struct file *file);

/** Calls that block as their file's flags, MSG_DONTWAIT and the timeouts say. -EINTR means: nothing was done. */
ssize_t must_check socket_send(struct socket *socket, struct socket_message *message);
ssize_t must_check socket_receive(struct socket *socket, struct socket_message *message);
int must_check socket_connect(struct socket *socket, const void *address, uint32_t bytes);
int must_check socket_accept(struct socket *socket, unsigned file_flags, struct file **out);

/** Says that poll() may give something new. Any context. */
void socket_wake(struct socket *socket);
