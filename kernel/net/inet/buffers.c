/* SPDX-License-Identifier: BSD-3-Clause */
/* The one copy that a payload makes: between the program and network buffers. */
#include "inet.h"

#include <base/errno.h>

/* A fragment with its header is a block of memory of at most this: four pages together, so that a full segment of 64 KiB has few of
 * them and memory that has come to pieces still serves. */
enum { BLOCK_BYTES = 16384 };

static size_t fragment_room(size_t headroom, size_t wanted)
{
	return min(wanted, BLOCK_BYTES - sizeof(struct netbuf) - headroom);
}

int inet_gather(struct uio *uio, size_t bytes, struct netbuf **out)
{
	struct netbuf *first = NULL, **link = &first, *buf;
	size_t headroom = NETBUF_HEADROOM, done = 0;
	int error = -EFAULT;

	do {
		size_t room = fragment_room(headroom, bytes - done);

		buf = netbuf_alloc(headroom, room);
		if (!buf) {
			error = -ENOBUFS;
			goto err_chain;
		}
		*link = buf;
		link = &buf->next;
		if (room && uio_get(uio, buf->data, room) != (ssize_t)room)
			goto err_chain;
		buf->bytes = (uint32_t)room;
		done += room;
		headroom = 0;
	} while (done < bytes);
	first->packet_bytes = (uint32_t)bytes;
	*out = first;
	return 0;
err_chain:
	netbuf_put_chain(first);
	return error;
}

ssize_t inet_scatter(struct uio *uio, const struct netbuf *chain)
{
	size_t total = 0;

	for (; chain && uio->left; chain = chain->next) {
		size_t wanted = min((size_t)chain->bytes, uio->left);
		ssize_t count = uio_put(uio, chain->data, wanted);

		if (count < 0)
			return total ? (ssize_t)total : count;
		total += (size_t)count;
		if ((size_t)count < wanted)
			break;
	}
	return (ssize_t)total;
}
