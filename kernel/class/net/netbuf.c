/* SPDX-License-Identifier: BSD-3-Clause */
/* Network buffers. See <class/netbuf.h>. A fragment with memory of its own is one block: the header, then the data. */
#include <class/netbuf.h>

#include "internal.h"

#include <base/assert.h>
#include <base/string.h>
#include <mm/alloc.h>

static_assert(sizeof(struct netbuf) <= 144, "a received frame and its header fit in half a page");

void netbuf_reset(struct netbuf *buf, size_t headroom)
{
	buf->next = NULL;
	buf->next_packet = NULL;
	buf->data = buf->start + headroom;
	buf->bytes = 0;
	buf->refs = 1;
	buf->packet_bytes = 0;
	buf->flags = 0;
	buf->gso_type = NETBUF_GSO_NONE;
}

static void free_block(struct netbuf *buf)
{
	mem_free(buf);
}

struct netbuf *netbuf_alloc(size_t headroom, size_t room)
{
	size_t bytes;
	struct netbuf *buf;

	if (add_overflows(headroom, room, &bytes) || bytes > UINT32_MAX)
		return NULL;
	buf = mem_alloc(sizeof *buf + bytes);
	if (unlikely(!buf))
		return NULL;
	buf->start = (uint8_t *)(buf + 1);
	buf->end = buf->start + bytes;
	buf->release = free_block;
	buf->owner = NULL;
	netbuf_reset(buf, headroom);
	return buf;
}

struct netbuf *netbuf_wrap(const void *data, size_t bytes, void (*release)(struct netbuf *buf),
			   void *owner)
{
	struct netbuf *buf = bytes <= UINT32_MAX ? mem_alloc(sizeof *buf) : NULL;

	if (!buf)
		return NULL;
	buf->start = (uint8_t *)(uintptr_t)data;
	buf->end = buf->start + bytes;
	buf->release = release;
	buf->owner = owner;
	netbuf_reset(buf, 0);
	buf->bytes = buf->packet_bytes = (uint32_t)bytes;
	return buf;
}

void netbuf_free_header(struct netbuf *buf)
{
	mem_free(buf);
}

void netbuf_put(struct netbuf *buf)
{
	if (!buf)
		return;
	/* The only owner needs no atomic subtraction. */
	if (likely(__atomic_load_n(&buf->refs, __ATOMIC_ACQUIRE) == 1) ||
	    !__atomic_sub_fetch(&buf->refs, 1, __ATOMIC_ACQ_REL))
		buf->release(buf);
}

void netbuf_put_chain(struct netbuf *packet)
{
	while (packet) {
		struct netbuf *next = packet->next;

		netbuf_put(packet);
		packet = next;
	}
}

bool netbuf_copy_out(const struct netbuf *packet, size_t offset, void *dst, size_t bytes)
{
	uint8_t *to = dst;

	for (; packet && bytes; packet = packet->next) {
		size_t count;

		if (offset >= packet->bytes) {
			offset -= packet->bytes;
			continue;
		}
		count = min(packet->bytes - offset, bytes);
		memcpy(to, packet->data + offset, count);
		to += count;
		bytes -= count;
		offset = 0;
	}
	return !bytes;
}

struct netbuf *netbuf_copy(const struct netbuf *packet, size_t headroom)
{
	struct netbuf *copy = netbuf_alloc(headroom, packet->packet_bytes);

	if (!copy)
		return NULL;
	if (!netbuf_copy_out(packet, 0, copy->data, packet->packet_bytes)) {
		netbuf_put(copy);
		return NULL;
	}
	copy->bytes = copy->packet_bytes = packet->packet_bytes;
	copy->flags = packet->flags;
	copy->csum_start = packet->csum_start;
	copy->csum_offset = packet->csum_offset;
	copy->gso_bytes = packet->gso_bytes;
	copy->header_bytes = packet->header_bytes;
	copy->gso_type = packet->gso_type;
	return copy;
}
