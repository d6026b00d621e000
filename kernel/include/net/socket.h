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

enum { SOL_SOCKET = 1, SCM_RIGHTS = 1, SCM_CREDENTIALS = 2, SCM_FILES_MAX = 253 };

/* SOL_SOCKET's options */
enum {
	SO_DEBUG = 1,
	SO_REUSEADDR,
	SO_TYPE,
	SO_ERROR,
	SO_DONTROUTE,
	SO_BROADCAST,
	SO_SNDBUF,
	SO_RCVBUF,
	SO_KEEPALIVE,
	SO_OOBINLINE,
	SO_NO_CHECK,
	SO_PRIORITY,
	SO_LINGER,
	SO_BSDCOMPAT,
	SO_REUSEPORT,
	SO_PASSCRED,
	SO_PEERCRED,
	SO_RCVLOWAT,
	SO_SNDLOWAT,
	SO_RCVTIMEO,
	SO_SNDTIMEO,
	SO_BINDTODEVICE = 25,
	SO_ATTACH_FILTER,
	SO_DETACH_FILTER,
	SO_PEERNAME,
	SO_TIMESTAMP,
	SO_ACCEPTCONN,
	SO_PEERSEC,
	SO_SNDBUFFORCE,
	SO_RCVBUFFORCE,
	SO_PASSSEC,
	SO_TIMESTAMPNS,
	SO_MARK,
	SO_TIMESTAMPING,
	SO_PROTOCOL,
	SO_DOMAIN,
	SO_RXQ_OVFL,
	SO_WIFI_STATUS,
	SO_PEEK_OFF,
	SO_NOFCS,
	SO_LOCK_FILTER,
	SO_SELECT_ERR_QUEUE,
	SO_BUSY_POLL,
	SO_MAX_PACING_RATE,
	SO_BPF_EXTENSIONS,
	SO_INCOMING_CPU,
	SO_ATTACH_BPF,
	SO_ATTACH_REUSEPORT_CBPF = 51,
	SO_ATTACH_REUSEPORT_EBPF,
	SO_CNX_ADVICE,
	SO_MEMINFO = 55,
	SO_INCOMING_NAPI_ID,
	SO_COOKIE,
	SO_PEERGROUPS = 59,
	SO_ZEROCOPY,
	SO_TXTIME,
	SO_BINDTOIFINDEX,
	SO_TIMESTAMP_NEW,
	SO_TIMESTAMPNS_NEW,
	SO_TIMESTAMPING_NEW,
	SO_RCVTIMEO_NEW,
	SO_SNDTIMEO_NEW,
};

/** Who sends, connects or listens: Linux's struct ucred. */
struct socket_credentials {
	int32_t pid;
	uint32_t uid, gid;
};
_Static_assert(sizeof(struct socket_credentials) == 12, "Linux's struct ucred");

/** Header of a control message; the next one starts at the following multiple of 8. */
struct control_header {
	uint64_t bytes; /* with this header */
	int32_t level, type;
};
_Static_assert(sizeof(struct control_header) == 16, "Linux's struct cmsghdr");

/** One control message that the program sends. */
struct control_item {
	int level, type;
	const void *data; /* may be unaligned */
	size_t bytes;
};

/** Reads the message at `*offset` of a program's control data, which was copied, and moves the offset to the next one. 1: there
 * is one; 0: no more; -EINVAL: malformed. */
int must_check control_next(const void *control, size_t bytes, size_t *offset,
			    struct control_item *out);

/** Control messages for the program, as they will lie in its memory; what has no room there is cut off (MSG_CTRUNC). */
struct control_list {
	uint8_t *data; /* [owned] */
	size_t bytes, allocated;
	size_t room; /* msg_controllen: at most so many bytes */
	bool truncated;
	/* SCM_RIGHTS, behind all others: descriptors are made when the call ends. */
	struct file **files; /* [owned, with a reference to each] */
	unsigned file_count;
};

/** One message. Addresses are struct sockaddr_* as the program gave them, in kernel memory. */
struct socket_message {
	struct uio *uio;
	/* To send: `address_bytes` as the program gave it, 0: none. To receive: SOCKET_ADDRESS_MAX bytes of room, NULL: not
	 * wanted; `address_bytes` is set, 0: there is none. */
	uint8_t *address;
	uint32_t address_bytes;
	unsigned flags;        /* MSG_* of the call */
	unsigned result_flags; /* receiving: MSG_TRUNC, MSG_EOR, MSG_ERRQUEUE, ... of what came */
	const void *control;   /* to send: the program's control data, copied; control_next() */
	size_t control_bytes;
	struct file *const
		*files; /* to send: those of SCM_RIGHTS; the family takes references of its own */
	unsigned file_count;
	struct control_list *received; /* to receive: control_add() to it; NULL: not wanted */
	size_t peek_offset;            /* MSG_PEEK of a stream: leave out so many bytes */
};

/** Adds a control message to what the program will get, as far as it has room. -ENOMEM. */
int must_check control_add(struct control_list *list, int level, int type, const void *data,
			   size_t bytes);

/** Adds SCM_RIGHTS, once; the list takes over the array (of mem_alloc()) and the references, also on error. */
void control_add_files(struct control_list *list, struct file **files, unsigned count);

/** Frees what the list owns. */
void control_fini(struct control_list *list);

/** Whose address. A peer that has gone is none for getpeername(2), but accept(2) tells it. */
enum socket_name { SOCKET_NAME_OWN, SOCKET_NAME_PEER, SOCKET_NAME_ACCEPTED };

struct socket_ops {
	int (*bind)(struct socket *socket, const void *address, uint32_t bytes);
	/** -EINPROGRESS: started; the caller waits for POLLOUT, and asks take_error(). */
	int (*connect)(struct socket *socket, const void *address, uint32_t bytes);
	int (*listen)(struct socket *socket, int backlog);
	/** Fills a fresh socket of the same family and type. */
	int (*accept)(struct socket *socket, struct socket *accepted);
	/** Returns the address's length; at most SOCKET_ADDRESS_MAX are written. */
	int (*name)(struct socket *socket, void *address, enum socket_name which);
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
	/** Pages of a file without copying (sendfile): all of the chain, which is gone also on error. -EAGAIN: no room for it.
	 * NULL: the caller copies. */
	ssize_t (*send_pages)(struct socket *socket, struct netbuf *pages, bool more);
	/** With send_pages: how many bytes it takes now; -EAGAIN, -EPIPE, ... */
	ssize_t (*send_room)(struct socket *socket);
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
	uint64_t
		switches; /* SOL_SOCKET's yes/no options that are on, a bit each: socket_switch() */
	uint32_t send_buffer, receive_buffer; /* bytes, as getsockopt() tells them: doubled */
	uint32_t receive_low;                 /* SO_RCVLOWAT */
	uint32_t priority, mark;
	uint64_t number; /* SO_COOKIE, and the inode's number; from 1 */
};

/** Whether a yes/no option of SOL_SOCKET (SO_PASSCRED and so on) is on. */
static inline bool socket_switch(const struct socket *socket, int name)
{
	return socket->switches >> name & 1;
}

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

/** Reserves what socketpair() needs of both: two open sockets that are connected. -EOPNOTSUPP. */
int must_check socket_open_pair(unsigned family, int type, int protocol, unsigned file_flags,
				struct file *out[2]);

/** getsockopt and setsockopt: the family's, then SOL_SOCKET's. `value` is kernel memory of SOCKET_OPTION_MAX bytes; *bytes is what the
 * program has room for (at most that) and becomes what there is. */
enum { SOCKET_OPTION_MAX = 272 };
int must_check socket_set_option(struct socket *socket, int level, int name, const void *value,
				 uint32_t bytes);
int must_check socket_get_option(struct socket *socket, int level, int name, void *value,
				 uint32_t *bytes);

/** The number in `value`, as most options take it: -EINVAL where there are less than four bytes. */
int must_check socket_option_int(const void *value, uint32_t bytes, int *out);

/** Puts a number into `value`, cut off at *bytes. */
int must_check socket_option_put(void *value, uint32_t *bytes, const void *data, uint32_t size);

/** Calls that block as their file's flags, MSG_DONTWAIT and the timeouts say. -EINTR means: nothing was done. */
ssize_t must_check socket_send(struct socket *socket, struct socket_message *message);
ssize_t must_check socket_receive(struct socket *socket, struct socket_message *message);
/** Sends pages of a file from `position` on (sendfile(2)), without copying them, to a socket that has send_pages: how many bytes, 0 at the
 * file's end. */
ssize_t must_check socket_send_file(struct socket *socket, struct file *file, uint64_t position,
				    size_t bytes);
int must_check socket_connect(struct socket *socket, const void *address, uint32_t bytes);
int must_check socket_accept(struct socket *socket, unsigned file_flags, struct file **out);

/** Says that poll() now gives `events` (POLLIN and so on, all that may be new); wakes who waits for one of them. Any context. */
void socket_wake(struct socket *socket, unsigned events);

/** For who is about to sleep until a socket changes (socket.c's own waits, poll, epoll): packets that have arrived are handled here and
 * now, which saves an interrupt and a switch of threads. True: something came, look again. Thread context. */
bool socket_before_sleep(void);

/* What families need to know of the calling task; kernel/linux has these. The kernel's own threads are root, without a place. */
struct path_context;
void socket_caller(struct socket_credentials *out);
const struct path_context *socket_caller_paths(void);

/** Registers /proc/net and /proc/sys/net. Once. -ENOMEM. */
int must_check network_show(void);

/** At the program's end, when its sockets are closed: waits, a few seconds at most, until other machines have what was sent. */
void network_finish(void);
