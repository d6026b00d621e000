/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AF_UNIX (unix(7)): what its parts share. One mutex guards all of it: a call touches at least two sockets, and what one does with
 * another is short. User memory is touched under it. Files are never put under it, as that may close another socket: they are
 * buried (garbage.c).
 *
 * An end point lives as long as somebody counts on it: its socket, its peer, messages that it sent and nobody has read yet.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/list.h>
#include <base/rbtree.h>
#include <base/types.h>
#include <core/lock.h>
#include <net/socket.h>

enum {
	UNIX_PATH_OFFSET = 2, /* of sun_path in struct sockaddr_un */
	UNIX_PATH_BYTES = 108,
	UNIX_ADDRESS_MAX = UNIX_PATH_OFFSET + UNIX_PATH_BYTES,
	UNIX_QUEUE_MAX =
		10, /* datagrams for one who is not connected to their sender: net.unix.max_dgram_qlen */
};

/* What a write, a message that came and a change of state wake. */
#define UNIX_WRITABLE (POLLOUT | POLLWRNORM | 0x200 /* POLLWRBAND */)
#define UNIX_READABLE (POLLIN | POLLPRI | POLLRDNORM | 0x80 /* POLLRDBAND */)

extern struct mutex unix_mutex;

/** Where an end point is bound; shared by a listener and what it accepts. [unix_mutex] */
struct unix_name {
	uint32_t refs;
	struct inode *inode; /* [reference] of a path; NULL: abstract */
	uint32_t bytes;
	uint8_t address[UNIX_ADDRESS_MAX]; /* struct sockaddr_un; `bytes` of it count */
};

enum unix_state { UNIX_CLOSED, UNIX_LISTENING, UNIX_CONNECTED };

/** One end. All fields are [unix_mutex]; poll() reads some without. */
struct unix_end {
	uint32_t refs;
	int type;
	enum unix_state state;
	struct socket *socket; /* NULL: not accepted yet, or closed */
	bool dead;
	bool shut_read, shut_write;
	int error;              /* to be told once; 0 or -errno */
	struct unix_end *peer;  /* [reference] */
	struct unix_name *name; /* [reference] NULL: has none */
	struct rb_node bound;   /* in the tree of names, if `is_bound` */
	bool is_bound;
	struct list_node messages; /* struct unix_message.link, to be read */
	unsigned message_count;
	size_t charged;           /* of what it sent: counts against its send buffer */
	struct list_node pending; /* a listener's: ends not accepted yet, by `link` */
	struct list_node link;
	unsigned pending_count, backlog;
	struct list_node starved; /* waits for room at another end */
	struct socket_credentials own, of_peer;
	/* garbage.c */
	unsigned in_flight; /* references to its file in messages */
	struct list_node flying, gray;
	unsigned unexplained;
	bool is_candidate, is_reachable;
};

struct unix_message {
	struct list_node link;
	struct unix_end *from; /* [reference] */
	size_t bytes, consumed;
	size_t charge;
	struct socket_credentials credentials;
	struct file **files; /* [owned, with references] */
	unsigned file_count;
	void **pages; /* [owned] what is over the first UNIX_INLINE_BYTES, a page each */
	uint8_t data[];
};

static inline struct unix_end *unix_end(const struct socket *socket)
{
	return socket->private;
}

static inline bool unix_is_stream(const struct unix_end *end)
{
	return end->type == SOCK_STREAM;
}

/* Ends (end.c) */
struct unix_end *unix_end_create(int type);
struct unix_end *unix_end_get(struct unix_end *end) REQUIRES(unix_mutex);
void unix_end_put(struct unix_end *end) REQUIRES(unix_mutex); /* NULL allowed */
void unix_wake(struct unix_end *end, unsigned events) REQUIRES(unix_mutex);

/** Closes one for good: its peer is told, what waits in it goes; `unread` of a connection that nobody accepted. */
enum unix_close { UNIX_CLOSE, UNIX_CLOSE_UNACCEPTED };
void unix_end_close(struct unix_end *end, enum unix_close how) REQUIRES(unix_mutex);

/** Marks one as waiting for room elsewhere, and wakes those that do. */
void unix_starve(struct unix_end *end) REQUIRES(unix_mutex);
void unix_feed(void) REQUIRES(unix_mutex);

/** Whether an end takes no more from who is not its peer. */
bool unix_is_full(const struct unix_end *end);

/* Names (name.c) */
int must_check unix_bind(struct socket *socket, const void *address, uint32_t bytes);

/** Binds to a free abstract name, where there is no name yet. */
int must_check unix_bind_auto(struct socket *socket);

/** The end bound there, with a reference. -EINVAL, -ECONNREFUSED, -EPROTOTYPE, and what walking the path says. */
int must_check unix_find(const void *address, uint32_t bytes, int type, struct unix_end **out);
void unix_name_put(struct unix_name *name) REQUIRES(unix_mutex); /* NULL allowed */
void unix_unbind(struct unix_end *end) REQUIRES(unix_mutex);

/** Writes an end's address, the family alone where it has none; its length. */
uint32_t unix_name_copy(const struct unix_end *end, void *address) REQUIRES(unix_mutex);

/* Messages (message.c) */
enum { UNIX_INLINE_BYTES = 3776, UNIX_CHUNK_BYTES = UNIX_INLINE_BYTES + 8 * PAGE_SIZE };

/** A message with `bytes` from the uio. -ENOMEM, -EFAULT, -ETOOMANYREFS; needs to be queued or freed. */
int must_check unix_message_create(struct unix_end *from, struct socket_message *message,
				   size_t bytes, struct unix_message **out) REQUIRES(unix_mutex);

/** Copies `bytes` from `offset` on; fewer where the program's memory ends. */
ssize_t must_check unix_message_copy(const struct unix_message *m, size_t offset, struct uio *uio,
				     size_t bytes);

/** Takes it off its queue and off the books of its sender; unix_unlock() frees it, or, where it has no files, this. */
void unix_message_drop(struct unix_message *m) REQUIRES(unix_mutex);

/** Puts the files and frees the memory of a message that is off the books. Without the mutex, or without files. */
void unix_message_destroy(struct unix_message *m);

/** Reads SCM_CREDENTIALS from what the program sends, else tells the caller's. -EINVAL, -EPERM. */
int must_check unix_credentials(const struct socket_message *message,
				struct socket_credentials *out, bool *given);

/* Sending and receiving (transfer.c) */
ssize_t must_check unix_send(struct socket *socket, struct socket_message *message);
ssize_t must_check unix_receive(struct socket *socket, struct socket_message *message);

/* Connections (connect.c) */
int must_check unix_listen(struct socket *socket, int backlog);
int must_check unix_connect(struct socket *socket, const void *address, uint32_t bytes);
int must_check unix_accept(struct socket *socket, struct socket *accepted);
int must_check unix_pair(struct socket *a, struct socket *b);
int must_check unix_shutdown(struct socket *socket, bool read, bool write);

/** Breaks the link of a datagram socket to its peer; `peer` is the new one, with a reference, or NULL. */
void unix_set_peer(struct unix_end *end, struct unix_end *peer) REQUIRES(unix_mutex);

/* Files in flight (garbage.c) */

/** A file has come into a message, or out of one. */
void unix_fly(struct file *file) REQUIRES(unix_mutex);
void unix_land(struct file *file) REQUIRES(unix_mutex);

/** Leaves a message to unix_unlock(). */
void unix_bury(struct unix_message *m) REQUIRES(unix_mutex);

/** Takes out of the queues what only messages in flight refer to. */
void unix_collect(void) REQUIRES(unix_mutex);

/** The same, where so many are in flight that it is worth while. */
void unix_limit_flights(void) REQUIRES(unix_mutex);

/** Releases the mutex and destroys what is buried. */
void unix_unlock(void) RELEASE(unix_mutex);
