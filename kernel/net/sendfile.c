/* SPDX-License-Identifier: BSD-3-Clause */
/* Sending a file's pages as they lie in the page cache, with a reference to each until it is acknowledged. Thread context. */
#include <base/bits.h>
#include <base/errno.h>
#include <class/netbuf.h>
#include <hal/memory.h>
#include <mm/pages.h>

#include "internal.h"

/* At most so many bytes are looked up before they are handed over, and are in one piece. */
enum { CHUNK_BYTES = 131072, PIECE_BYTES = 32768, RUN_PAGES = PIECE_BYTES >> PAGE_SHIFT };

static void release_page(struct netbuf *buf)
{
	page_put(buf->owner);
	netbuf_free_header(buf);
}

/* Frames of the boot image stay for ever. */
static void release_borrowed(struct netbuf *buf)
{
	netbuf_free_header(buf);
}

/* Frames that follow one another in memory, as one piece; 0: none do. */
static size_t run_bytes(struct vm_object *object, uint64_t index, phys_t *first)
{
	return object->ops->run ? object->ops->run(object, index, RUN_PAGES, first) << PAGE_SHIFT
				: 0;
}

/* One piece from `at` on, at most `bytes`; *out NULL: behind the end. */
static int wrap_piece(struct vm_object *object, uint64_t at, size_t bytes, struct netbuf **out)
{
	size_t within = at % PAGE_SIZE, run;
	struct vm_page page;
	phys_t first;
	int error;

	run = run_bytes(object, at >> PAGE_SHIFT, &first);
	if (run) {
		*out = netbuf_wrap((char *)phys_to_virt(first) + within, min(run - within, bytes),
				   release_borrowed, NULL);
		return *out ? 0 : -ENOBUFS;
	}
	error = object->ops->page(object, at >> PAGE_SHIFT, false, &page);
	if (error)
		return error;
	*out = netbuf_wrap((char *)phys_to_virt(page.frame) + within,
			   min(PAGE_SIZE - within, bytes),
			   page.borrowed ? release_borrowed : release_page,
			   page.borrowed ? NULL : page_of(page.frame));
	if (!*out && !page.borrowed)
		page_put(page_of(page.frame));
	return *out ? 0 : -ENOBUFS;
}

/* A chain of `bytes`, all of which the file has. */
static int wrap_pages(struct file *file, uint64_t position, size_t bytes, struct netbuf **out)
{
	struct netbuf *first = NULL, **link = &first;
	size_t done = 0;
	int error;

	while (done < bytes) {
		error = wrap_piece(&file->inode->pages, position + done, bytes - done, link);
		if (error) {
			netbuf_put_chain(first);
			return error;
		}
		done += (*link)->bytes;
		link = &(*link)->next;
	}
	first->packet_bytes = (uint32_t)done;
	*out = first;
	return 0;
}

/* What goes now: at most what the socket has room for. */
static ssize_t send_chunk(struct socket *socket, struct file *file, uint64_t position, size_t bytes)
{
	ssize_t room = socket->ops->send_room(socket);
	struct netbuf *chain;
	int error;

	if (room <= 0)
		return room ? room : -EAGAIN;
	bytes = min(min(bytes, (size_t)room), (size_t)CHUNK_BYTES);
	error = wrap_pages(file, position, bytes, &chain);
	return error ? error : socket->ops->send_pages(socket, chain, false);
}

ssize_t socket_send_file(struct socket *socket, struct file *file, uint64_t position, size_t bytes)
{
	struct socket_wait wait = {
		.socket = socket,
		.events = POLLOUT | POLLWRNORM,
		.nonblocking = socket_is_nonblocking(socket, 0),
		.timeout_ns = socket->send_timeout_ns,
	};
	struct inode_attr attr;
	size_t done = 0;
	ssize_t count = file_getattr(file, &attr);

	if (count)
		return count;
	bytes = position < attr.size ? min(bytes, attr.size - position) : 0;
	while (done < bytes) {
		count = send_chunk(socket, file, position + done, bytes - done);
		if (count == -EAGAIN)
			count = socket_wait_more(&wait);
		if (count < 0)
			break;
		done += (size_t)count;
	}
	socket_wait_end(&wait);
	return done ? (ssize_t)done : count;
}
