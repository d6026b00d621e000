/* SPDX-License-Identifier: BSD-3-Clause */
/* AF_UNIX sockets: sending and receiving. An operation does what it can now; net/socket.c waits. */
#include <base/errno.h>
#include <mm/alloc.h>

#include "unix.h"

enum { NOBODY = 65534 }; /* the uid and gid of who did not say */
enum { DATAGRAM_MARGIN = 32, CHUNK_MARGIN = 64 };

/* --- sending --- */

/* What goes with a message: the sender's own credentials only where one of both wants any. */
static void set_credentials(struct unix_message *m, const struct unix_end *to,
			    const struct socket_credentials *credentials, bool given)
{
	const struct socket *a = m->from->socket, *b = to->socket;

	if (given || socket_switch(a, SO_PASSCRED) || (b && socket_switch(b, SO_PASSCRED)))
		m->credentials = *credentials;
	else
		m->credentials = (struct socket_credentials){ 0, NOBODY, NOBODY };
}

struct sending {
	struct unix_end *from, *to;
	struct socket_message *message;
	struct socket_credentials credentials;
	bool credentials_given;
};

static ssize_t queue(const struct sending *s, size_t bytes) REQUIRES(unix_mutex)
{
	struct unix_message *m;
	int error;

	if (s->message->file_count)
		unix_limit_flights();
	error = unix_message_create(s->from, s->message, bytes, &m);
	if (error)
		return error;
	set_credentials(m, s->to, &s->credentials, s->credentials_given);
	list_insert_before(&s->to->messages, &m->link);
	s->to->message_count++;
	unix_wake(s->to, UNIX_READABLE);
	return (ssize_t)bytes;
}

static bool is_out_of_buffer(const struct unix_end *end)
{
	return end->charged >= end->socket->send_buffer;
}

/* A send that is refused after it had room to begin with. As on Linux, where the room was taken and is given back, this is an edge
 * for who waits to write. */
static ssize_t refuse(struct unix_end *from, int error) REQUIRES(unix_mutex)
{
	if (from->charged * 4 <= from->socket->send_buffer)
		unix_wake(from, UNIX_WRITABLE);
	return error;
}

static ssize_t send_stream(const struct sending *s) REQUIRES(unix_mutex)
{
	struct unix_end *from = s->from;
	const struct unix_end *to = s->to;
	size_t bytes = s->message->uio->left;

	if (!to)
		return -ENOTCONN;
	if (from->shut_write)
		return -EPIPE;
	if (!bytes)
		return 0;
	if (is_out_of_buffer(from))
		return -EAGAIN;
	if (to->dead || to->shut_read)
		return refuse(from, -EPIPE);
	bytes = min(bytes, from->socket->send_buffer / 2 - CHUNK_MARGIN);
	return queue(s, min(bytes, (size_t)UNIX_CHUNK_BYTES));
}

static int take_error(struct unix_end *end) REQUIRES(unix_mutex)
{
	int error = end->error;

	end->error = 0;
	return error;
}

/* Whether the other end takes it. A dead one is forgotten. */
static int check_target(const struct sending *s) REQUIRES(unix_mutex)
{
	struct unix_end *from = s->from, *to = s->to;

	if (to->peer && to->peer != from)
		return -EPERM;
	if (to->dead && from->type == SOCK_SEQPACKET)
		return -EPIPE;
	if (to->dead) {
		if (from->peer == to)
			unix_set_peer(from, NULL);
		return -ECONNREFUSED;
	}
	if (to->shut_read)
		return -EPIPE;
	if (to == from || to->peer == from || !unix_is_full(to))
		return 0;
	unix_starve(from);
	return -EAGAIN;
}

static ssize_t send_datagram(const struct sending *s) REQUIRES(unix_mutex)
{
	struct unix_end *from = s->from;
	size_t bytes = s->message->uio->left;
	int error;

	if (bytes > from->socket->send_buffer - DATAGRAM_MARGIN)
		return -EMSGSIZE;
	error = take_error(from);
	if (error)
		return error;
	if (from->shut_write)
		return -EPIPE;
	if (is_out_of_buffer(from))
		return -EAGAIN;
	error = s->to ? check_target(s) : -ENOTCONN;
	if (error)
		return refuse(from, error);
	return queue(s, bytes);
}

static ssize_t send_locked(struct sending *s) REQUIRES(unix_mutex)
{
	if (!s->to)
		s->to = s->from->peer;
	switch (s->from->type) {
	case SOCK_STREAM:
		return send_stream(s);
	case SOCK_SEQPACKET:
		return s->from->state == UNIX_CONNECTED ? send_datagram(s) : -ENOTCONN;
	default:
		return send_datagram(s);
	}
}

/* An address is for datagrams; sockets with a connection have the other end already. */
static int find_target(struct sending *s)
{
	const struct socket_message *message = s->message;

	if (!message->address_bytes || s->from->type == SOCK_SEQPACKET)
		return 0;
	if (s->from->type == SOCK_STREAM)
		return s->from->state == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	return unix_find(message->address, message->address_bytes, s->from->type, &s->to);
}

ssize_t unix_send(struct socket *socket, struct socket_message *message)
{
	struct sending s = { .from = unix_end(socket), .message = message };
	struct unix_end *found;
	ssize_t result = unix_credentials(message, &s.credentials, &s.credentials_given);

	if (!result && message->flags & MSG_OOB)
		result = -EOPNOTSUPP;
	if (!result && s.from->type == SOCK_DGRAM && socket_switch(socket, SO_PASSCRED))
		result = unix_bind_auto(socket);
	if (!result)
		result = find_target(&s);
	if (result)
		return result;
	found = s.to;
	mutex_lock(&unix_mutex);
	result = send_locked(&s);
	unix_end_put(found);
	unix_unlock();
	return result;
}

/* --- receiving --- */

struct receiving {
	struct unix_end *end;
	struct socket_message *message;
	struct control_list unwanted; /* where what the program has no room for goes */
	bool peeks, has_credentials, has_files;
	bool found; /* a message, of which the program may have wanted no byte */
	struct socket_credentials credentials; /* of what was taken first */
};

/* Whether a message may follow what was taken already: not from another sender, where that is told. */
static bool may_follow(const struct receiving *r, const struct unix_message *m)
{
	return !r->has_credentials || (m->credentials.pid == r->credentials.pid &&
				       m->credentials.uid == r->credentials.uid &&
				       m->credentials.gid == r->credentials.gid);
}

static int give_credentials(struct receiving *r, const struct unix_message *m)
{
	struct control_list *list = r->message->received;

	if (r->has_credentials || !socket_switch(r->end->socket, SO_PASSCRED))
		return 0;
	r->has_credentials = true;
	r->credentials = m->credentials;
	return list ? control_add(list, SOL_SOCKET, SCM_CREDENTIALS, &m->credentials,
				  sizeof(m->credentials))
		    : 0;
}

/* Hands over the files of a message, or references to them where it stays. */
static int give_files(struct receiving *r, struct unix_message *m) REQUIRES(unix_mutex)
{
	struct control_list *list = r->message->received ? r->message->received : &r->unwanted;
	struct file **files = m->files;
	unsigned count = m->file_count;

	if (!count)
		return 0;
	r->has_files = true;
	if (r->peeks) {
		files = mem_alloc(count * sizeof(*files));
		if (!files)
			return -ENOMEM;
		for (unsigned i = 0; i < count; i++)
			files[i] = file_get(m->files[i]);
	} else {
		for (unsigned i = 0; i < count; i++)
			unix_land(files[i]);
		m->files = NULL;
		m->file_count = 0;
	}
	control_add_files(list, files, count);
	return 0;
}

static void give_address(const struct receiving *r, const struct unix_message *m)
	REQUIRES(unix_mutex)
{
	struct socket_message *message = r->message;

	if (!message->address)
		return;
	message->address_bytes = m->from->name ? unix_name_copy(m->from, message->address) : 0;
}

static void remove_message(struct unix_end *end, struct unix_message *m) REQUIRES(unix_mutex)
{
	bool was_full = unix_is_full(end);

	end->message_count--;
	unix_message_drop(m);
	if (was_full || end->type == SOCK_DGRAM)
		unix_feed();
}

static struct unix_message *first_message(const struct unix_end *end) REQUIRES(unix_mutex)
{
	return list_empty(&end->messages)
		       ? NULL
		       : list_entry(end->messages.next, struct unix_message, link);
}

/* Copies from one message of a stream. 1: go on with the next; 0: this was the last; a negative errno. */
static int take_part(struct receiving *r, struct unix_message *m, size_t skip, size_t *total)
	REQUIRES(unix_mutex)
{
	size_t start = m->consumed + skip, bytes = min(m->bytes - start, r->message->uio->left);
	ssize_t count = unix_message_copy(m, start, r->message->uio, bytes);
	int error;

	if (count < 0)
		return (int)count;
	*total += (size_t)count;
	error = give_credentials(r, m);
	if (!error)
		error = give_files(r, m);
	if (error)
		return error;
	if (!r->peeks) {
		m->consumed += (size_t)count;
		if (m->consumed == m->bytes)
			remove_message(r->end, m);
	}
	return (size_t)count == bytes && r->message->uio->left && !r->has_files;
}

static ssize_t take_stream(struct receiving *r) REQUIRES(unix_mutex)
{
	size_t skip = r->peeks ? r->message->peek_offset : 0, total = 0;
	int more = 1;

	list_for_each(node, &r->end->messages) {
		struct unix_message *m = list_entry(node, struct unix_message, link);
		size_t left = m->bytes - m->consumed;

		if (skip >= left) {
			skip -= left;
			continue;
		}
		if (!may_follow(r, m))
			break;
		r->found = true;
		if (!total)
			give_address(r, m);
		more = take_part(r, m, skip, &total);
		skip = 0;
		if (more <= 0)
			break;
	}
	return total ? (ssize_t)total : more < 0 ? more : 0;
}

static ssize_t receive_stream(struct receiving *r) REQUIRES(unix_mutex)
{
	struct unix_end *end = r->end;
	const struct control_list *list = r->message->received;
	ssize_t count;

	if (end->state != UNIX_CONNECTED)
		return -EINVAL;
	/* A call that goes on (MSG_WAITALL) ends behind files, and where another sender may begin. */
	if (list && (list->files || list->bytes))
		return 0;
	count = take_stream(r);
	if (count || r->found)
		return count;
	int error = take_error(end);
	if (error)
		return error;
	return end->shut_read ? 0 : -EAGAIN;
}

static bool is_nonblocking(const struct receiving *r)
{
	return r->message->uio->nonblocking || r->message->flags & MSG_DONTWAIT ||
	       r->end->socket->file->flags & O_NONBLOCK;
}

/* What there is to say when no datagram waits. */
static ssize_t nothing_received(const struct receiving *r) REQUIRES(unix_mutex)
{
	const struct unix_end *end = r->end;

	if (end->shut_read && (end->type == SOCK_SEQPACKET || !is_nonblocking(r)))
		return 0;
	return -EAGAIN;
}

static ssize_t receive_datagram(struct receiving *r) REQUIRES(unix_mutex)
{
	struct unix_end *end = r->end;
	struct socket_message *message = r->message;
	struct unix_message *m = first_message(end);
	int error;

	if (end->type == SOCK_SEQPACKET && end->state != UNIX_CONNECTED)
		return -ENOTCONN;
	error = take_error(end);
	if (error)
		return error;
	if (!m)
		return nothing_received(r);
	size_t bytes = min(m->bytes, message->uio->left), whole = m->bytes;
	ssize_t count = unix_message_copy(m, 0, message->uio, bytes);
	if (count != (ssize_t)bytes) {
		if (!r->peeks)
			remove_message(end, m);
		return -EFAULT;
	}
	give_address(r, m);
	error = give_credentials(r, m);
	if (!error)
		error = give_files(r, m);
	if (!r->peeks)
		remove_message(end, m);
	if (bytes < whole)
		message->result_flags |= MSG_TRUNC;
	return error ? error : (ssize_t)(message->flags & MSG_TRUNC ? whole : bytes);
}

ssize_t unix_receive(struct socket *socket, struct socket_message *message)
{
	struct receiving r = {
		.end = unix_end(socket),
		.message = message,
		.peeks = message->flags & MSG_PEEK,
	};
	ssize_t count;

	if (message->flags & MSG_OOB)
		return unix_is_stream(r.end) ? -EINVAL : -EOPNOTSUPP;
	mutex_lock(&unix_mutex);
	count = unix_is_stream(r.end) ? receive_stream(&r) : receive_datagram(&r);
	unix_unlock();
	control_fini(&r.unwanted);
	return count;
}
