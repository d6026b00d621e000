/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of AF_UNIX sockets: their bytes, what they count for, credentials and files that go with them. */
#include <base/errno.h>
#include <base/string.h>
#include <mm/alloc.h>

#include "unix.h"

/* What a message counts against its sender's buffer is what Linux's buffer for it would take, as programs can see it: by when a
 * writer has to wait, and by SIOCOUTQ. */
enum {
	BUFFER_HEADER = 256,  /* struct sk_buff */
	BUFFER_TRAILER = 320, /* struct skb_shared_info */
	BUFFER_MIN = 512,
	DATAGRAM_LINEAR = 16384 - BUFFER_TRAILER,
	DATAGRAM_PAGES_MAX = 17 * PAGE_SIZE,
};

static size_t power_of_two(size_t bytes)
{
	size_t power = BUFFER_MIN;

	while (power < bytes)
		power *= 2;
	return power;
}

static size_t charge_of_stream(size_t bytes)
{
	size_t linear = min(bytes, (size_t)UNIX_INLINE_BYTES), rest = bytes - linear;
	size_t part = rest % PAGE_SIZE;

	return BUFFER_HEADER + power_of_two(linear + BUFFER_TRAILER) + (rest - part) +
	       (part ? power_of_two(part) : 0);
}

static size_t charge_of_datagram(size_t bytes)
{
	size_t paged = 0;

	if (bytes > DATAGRAM_LINEAR)
		paged = align_up(min(bytes - DATAGRAM_LINEAR, (size_t)DATAGRAM_PAGES_MAX),
				 PAGE_SIZE);
	size_t linear = bytes - min(bytes, paged);
	return BUFFER_HEADER + power_of_two(linear + BUFFER_TRAILER) + paged;
}

/* --- bytes --- */

static size_t page_count(size_t bytes)
{
	return bytes > UNIX_INLINE_BYTES
		       ? align_up(bytes - UNIX_INLINE_BYTES, PAGE_SIZE) / PAGE_SIZE
		       : 0;
}

void unix_message_destroy(struct unix_message *m)
{
	for (unsigned i = 0; i < m->file_count; i++)
		file_put(m->files[i]);
	mem_free(m->files);
	for (size_t i = 0; m->pages && i < page_count(m->bytes); i++)
		mem_free(m->pages[i]);
	mem_free(m->pages);
	mem_free(m);
}

static bool allocate_pages(struct unix_message *m)
{
	size_t count = page_count(m->bytes);

	if (!count)
		return true;
	m->pages = mem_zalloc(count * sizeof(*m->pages));
	if (!m->pages)
		return false;
	for (size_t i = 0; i < count; i++) {
		m->pages[i] = mem_alloc(PAGE_SIZE);
		if (!m->pages[i])
			return false;
	}
	return true;
}

static struct unix_message *allocate(size_t bytes)
{
	struct unix_message *m = mem_alloc(sizeof(*m) + min(bytes, (size_t)UNIX_INLINE_BYTES));

	if (!m)
		return NULL;
	*m = (struct unix_message){ .bytes = bytes };
	list_init(&m->link);
	if (allocate_pages(m))
		return m;
	unix_message_destroy(m);
	return NULL;
}

/* Where the byte at an offset lies, and how many of *bytes lie there together. */
static uint8_t *bytes_at(const struct unix_message *m, size_t offset, size_t *bytes)
{
	if (offset < UNIX_INLINE_BYTES) {
		*bytes = min(*bytes, UNIX_INLINE_BYTES - offset);
		return (uint8_t *)m->data + offset;
	}
	offset -= UNIX_INLINE_BYTES;
	*bytes = min(*bytes, PAGE_SIZE - offset % PAGE_SIZE);
	return (uint8_t *)m->pages[offset / PAGE_SIZE] + offset % PAGE_SIZE;
}

static int fill(struct unix_message *m, struct uio *uio)
{
	for (size_t done = 0; done < m->bytes;) {
		size_t piece = m->bytes - done;
		uint8_t *to = bytes_at(m, done, &piece);

		if (uio_get(uio, to, piece) != (ssize_t)piece)
			return -EFAULT;
		done += piece;
	}
	return 0;
}

ssize_t unix_message_copy(const struct unix_message *m, size_t offset, struct uio *uio,
			  size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		size_t piece = bytes - done;
		const uint8_t *from = bytes_at(m, offset + done, &piece);
		ssize_t count = uio_put(uio, from, piece);

		if (count < 0)
			return done ? (ssize_t)done : count;
		done += (size_t)count;
		if ((size_t)count < piece)
			break;
	}
	return (ssize_t)done;
}

/* --- the whole --- */

static int take_files(struct unix_message *m, const struct socket_message *message)
	REQUIRES(unix_mutex)
{
	if (!message->file_count)
		return 0;
	m->files = mem_alloc(message->file_count * sizeof(*m->files));
	if (!m->files)
		return -ENOMEM;
	m->file_count = message->file_count;
	for (unsigned i = 0; i < m->file_count; i++) {
		m->files[i] = file_get(message->files[i]);
		unix_fly(m->files[i]);
	}
	return 0;
}

int unix_message_create(struct unix_end *from, struct socket_message *message, size_t bytes,
			struct unix_message **out)
{
	struct unix_message *m = allocate(bytes);
	int error;

	if (!m)
		return -ENOMEM;
	error = fill(m, message->uio);
	if (!error)
		error = take_files(m, message);
	if (error) {
		unix_message_destroy(m);
		return error;
	}
	m->from = unix_end_get(from);
	m->charge = unix_is_stream(from) ? charge_of_stream(bytes) : charge_of_datagram(bytes);
	from->charged += m->charge;
	*out = m;
	return 0;
}

void unix_message_drop(struct unix_message *m)
{
	struct unix_end *from = m->from;

	list_remove(&m->link);
	for (unsigned i = 0; i < m->file_count; i++)
		unix_land(m->files[i]);
	from->charged -= m->charge;
	if (from->socket && from->charged * 4 <= from->socket->send_buffer)
		unix_wake(from, UNIX_WRITABLE);
	unix_end_put(from);
	if (m->file_count)
		unix_bury(m);
	else
		unix_message_destroy(m);
}

/* --- credentials --- */

static int check(const struct socket_credentials *given, const struct socket_credentials *caller)
{
	if (caller->uid == 0)
		return given->pid > 0 ? 0 : -EINVAL;
	return memcmp(given, caller, sizeof(*given)) ? -EPERM : 0;
}

int unix_credentials(const struct socket_message *message, struct socket_credentials *out,
		     bool *given)
{
	struct socket_credentials caller;
	struct control_item item;
	size_t offset = 0;
	int more;

	socket_caller(&caller);
	*out = caller;
	*given = false;
	while ((more = control_next(message->control, message->control_bytes, &offset, &item))) {
		if (more < 0)
			return more;
		if (item.level != SOL_SOCKET || item.type == SCM_RIGHTS)
			continue;
		if (item.type != SCM_CREDENTIALS || item.bytes != sizeof(*out))
			return -EINVAL;
		memcpy(out, item.data, sizeof(*out));
		*given = true;
		int error = check(out, &caller);
		if (error)
			return error;
	}
	return 0;
}
