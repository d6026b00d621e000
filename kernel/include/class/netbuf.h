/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network buffers: the one type from driver to socket. A packet is a chain of fragments by `next`; its first fragment carries what is
 * true of the packet. Data lies in [data, data + bytes) within [start, end), so that a layer adds a header by moving `data`. A fragment has one
 * owner at a time; netbuf_get() makes more, who then must not write. Memory is in the direct map.
 *
 * Context: any, but where said otherwise. A buffer's release() must work in any context.
 */
#pragma once

#include <base/bits.h>
#include <base/compiler.h>
#include <base/types.h>

enum { NETBUF_STACK_BYTES = 64, NETBUF_HEADROOM = 128 };

enum netbuf_flags {
	/* Received: the checksums of TCP and UDP are known to be right. */
	NETBUF_CSUM_GOOD = BIT(0),
	/* To transmit, or received from a neighbour on the same host: the sum of the pseudo header is in its field, and the
	 * bytes from csum_start are yet to be summed into the field at csum_start + csum_offset. */
	NETBUF_CSUM_PARTIAL = BIT(1),
	NETBUF_BROADCAST = BIT(2), /* received: its address is a group's, or everybody's */
};

enum netbuf_gso { NETBUF_GSO_NONE, NETBUF_GSO_TCP4, NETBUF_GSO_TCP6 };

struct netbuf {
	struct netbuf *next;        /* the packet's next fragment */
	struct netbuf *next_packet; /* of the queue that the owner has it in */
	uint8_t *data;
	uint32_t bytes; /* of this fragment */
	uint32_t refs;  /* atomic */
	uint8_t *start, *end;
	void (*release)(struct netbuf *buf); /* the last reference is gone */
	void *owner;                         /* release()'s */

	/* Of the packet: in its first fragment. */
	uint32_t packet_bytes; /* of all fragments; kept by whoever changes the chain */
	uint16_t flags;
	uint16_t csum_start, csum_offset; /* from the packet's first byte; offset from csum_start */
	uint16_t gso_bytes;               /* payload of each segment; with gso_type */
	uint16_t header_bytes; /* to transmit, with gso_type: link to TCP header, all in the first
				  fragment */
	uint8_t gso_type;      /* enum netbuf_gso */

	/* For the layer that holds the buffer (a stack's own header for it). */
	_Alignas(8) uint8_t stack[NETBUF_STACK_BYTES];
};

/** Headroom and room that, together, fill a page. */
#define NETBUF_PAGE_ROOM (PAGE_SIZE - sizeof(struct netbuf))

/** An empty fragment with `headroom` bytes before data and `room` behind it, from kernel memory; NULL: none left. */
struct netbuf *netbuf_alloc(size_t headroom, size_t room);

/** A fragment that stands for memory it does not own; `release` is called with it when it is done, and frees the fragment with
 * netbuf_free_header(). NULL: no memory. */
struct netbuf *netbuf_wrap(const void *data, size_t bytes, void (*release)(struct netbuf *buf),
			   void *owner);
void netbuf_free_header(struct netbuf *buf);

static inline struct netbuf *netbuf_get(struct netbuf *buf)
{
	__atomic_fetch_add(&buf->refs, 1, __ATOMIC_RELAXED);
	return buf;
}

/** Drops a reference to one fragment (to each of a chain). NULL allowed. */
void netbuf_put(struct netbuf *buf);
void netbuf_put_chain(struct netbuf *packet);

/** Copies out of a chain; false: it is shorter. */
bool must_check netbuf_copy_out(const struct netbuf *packet, size_t offset, void *dst,
				size_t bytes);

/** One new fragment with the bytes of a chain, and what is said of the packet; the chain stays as it is. NULL: no memory. */
struct netbuf *netbuf_copy(const struct netbuf *packet, size_t headroom);

/*
 * Pools: fragments of one size for a device to receive into. Each comes back to its pool with its last reference, whoever
 * holds it; the pool's memory goes when it was closed and all are back.
 */
struct netbuf_pool;

/** `room` bytes each, up to 32 KiB less a header. `first` of them are made here, up to `most` later, as they are wanted. -ENOMEM. */
int must_check netbuf_pool_create(size_t room, unsigned first, unsigned most,
				  struct netbuf_pool **out);

/** An empty fragment; NULL: all are out. Its user serialises this, the next and netbuf_pool_close(). */
struct netbuf *netbuf_pool_get(struct netbuf_pool *pool);

/** NULL allowed. */
void netbuf_pool_close(struct netbuf_pool *pool);
