/* SPDX-License-Identifier: BSD-3-Clause */
/* pbufs in netbufs: see internal.h. The pbuf_alloc() here stands in for that of lwIP's pbuf.c, which is weak. */
#include "internal.h"

#include <base/string.h>

#include <hooks.h>

struct packet_account packets;

/* What lies in netbuf.stack. */
struct packet {
	struct pbuf_custom custom;
	uint32_t kept; /* counted in packets.received; 0: not */
	uint16_t
		segment; /* payload of each segment that a device makes of the packet; 0: it is one */
};
static_assert(sizeof(struct packet) <= NETBUF_STACK_BYTES, "a netbuf has room for its pbuf");
static_assert(offsetof(struct packet, custom.pbuf) == 0, "netbuf_at() casts");

static struct packet *packet_in(struct netbuf *buf)
{
	return (struct packet *)buf->stack;
}

static struct netbuf *netbuf_at(const struct pbuf *p)
{
	return (struct netbuf *)((uintptr_t)p - offsetof(struct netbuf, stack));
}

static void release_packet(struct pbuf *p)
{
	struct netbuf *buf = netbuf_at(p);

	packets.received -= packet_in(buf)->kept;
	netbuf_put(buf);
}

/* NULL: a pbuf of lwIP's own. */
static struct netbuf *netbuf_of(const struct pbuf *p)
{
	const struct packet *packet = (const struct packet *)p;

	if (!(p->flags & PBUF_FLAG_IS_CUSTOM) ||
	    packet->custom.custom_free_function != release_packet)
		return NULL;
	return netbuf_at(p);
}

/* Data behind the header can be preceded by more; other data cannot (see pbuf_add_header()). */
static pbuf_type type_of(const struct netbuf *buf)
{
	return buf->start == (const uint8_t *)(buf + 1) ? PBUF_RAM : PBUF_ROM;
}

static struct pbuf *pbuf_in(struct netbuf *buf)
{
	struct packet *packet = packet_in(buf);
	struct pbuf *p = &packet->custom.pbuf;

	*p = (struct pbuf){
		.payload = buf->data,
		.tot_len = (uint16_t)buf->bytes,
		.len = (uint16_t)buf->bytes,
		.type_internal = (uint8_t)type_of(buf),
		.flags = PBUF_FLAG_IS_CUSTOM,
		.ref = 1,
		.if_idx = NETIF_NO_INDEX,
	};
	packet->custom.custom_free_function = release_packet;
	packet->kept = 0;
	packet->segment = 0;
	return p;
}

void packet_set_segment(struct pbuf *p, uint16_t bytes)
{
	struct netbuf *buf = netbuf_of(p);

	if (buf)
		packet_in(buf)->segment = bytes;
}

/** lwIP's: a buffer in one piece, whatever the type. */
struct pbuf *pbuf_alloc(pbuf_layer layer, u16_t length, pbuf_type type)
{
	struct netbuf *buf;

	if (type == PBUF_ROM || type == PBUF_REF)
		return pbuf_alloc_reference(NULL, length, type);
	buf = netbuf_alloc(align_up((size_t)layer, 8), length);
	if (!buf)
		return NULL;
	buf->bytes = length;
	return pbuf_in(buf);
}

struct pbuf *packet_received(struct netbuf *packet)
{
	struct pbuf *first = NULL, *last = NULL;
	uint32_t left = 0;

	for (struct netbuf *buf = packet; buf; buf = buf->next)
		left += buf->bytes;
	assert(left <= UINT16_MAX);
	for (struct netbuf *buf = packet; buf;) {
		struct netbuf *next = buf->next;
		struct pbuf *p = pbuf_in(buf);

		packet_in(buf)->kept = netbuf_kept(buf);
		packets.received += netbuf_kept(buf);
		p->tot_len = (uint16_t)left;
		left -= buf->bytes;
		if (last)
			last->next = p;
		else
			first = p;
		last = p;
		buf = next;
	}
	return first;
}

static void release_part(struct netbuf *part)
{
	netbuf_put(part->owner);
	netbuf_free_header(part);
}

struct netbuf *netbuf_part(struct netbuf *of, const void *data, size_t bytes)
{
	struct netbuf *whole = of->release == release_part ? of->owner : of;
	struct netbuf *part = netbuf_wrap(data, bytes, release_part, whole);

	if (part)
		netbuf_get(whole);
	return part;
}

/* A fragment of which nobody else has a reference, for the same bytes; the reference given is gone. */
static struct netbuf *own_fragment(struct netbuf *buf)
{
	struct netbuf *part;

	if (likely(__atomic_load_n(&buf->refs, __ATOMIC_RELAXED) == 1))
		return buf;
	part = netbuf_part(buf, buf->data, buf->bytes);
	netbuf_put(buf);
	return part;
}

struct pbuf *packet_part(const struct pbuf *p, uint16_t offset, uint16_t bytes)
{
	struct netbuf *buf = netbuf_of(p), *part;

	assert(buf);
	part = netbuf_part(buf, (const uint8_t *)p->payload + offset, bytes);
	return part ? pbuf_in(part) : NULL;
}

struct pbuf *packet_cut(struct pbuf *p, uint16_t at, struct pbuf **rest)
{
	struct netbuf *buf = netbuf_of(p);
	struct pbuf *first = p;

	*rest = packet_part(p, at, (uint16_t)(p->len - at));
	if (!*rest)
		return NULL;
	/* Of what parts refer to no pbuf remains: its netbuf would look as if a device had it. */
	if (buf->release != release_part) {
		first = packet_part(p, 0, at);
		if (!first) {
			pbuf_free(*rest);
			return NULL;
		}
		first->next = p->next;
		p->next = NULL;
		pbuf_free(p);
	}
	first->len = at;
	return first;
}

size_t packet_headroom(const struct pbuf *p)
{
	const struct netbuf *buf = netbuf_of(p);

	if (!buf || type_of(buf) != PBUF_RAM || packet_busy(p))
		return 0;
	return (size_t)((const uint8_t *)p->payload - buf->start);
}

bool packet_extend(struct pbuf *p, const void *data, uint16_t bytes)
{
	struct netbuf *buf = netbuf_of(p);
	uint8_t *end = (uint8_t *)p->payload + p->len;

	if (!buf || type_of(buf) != PBUF_RAM || packet_busy(p) || (size_t)(buf->end - end) < bytes)
		return false;
	memcpy(end, data, bytes);
	p->len = (uint16_t)(p->len + bytes);
	p->tot_len = (uint16_t)(p->tot_len + bytes);
	return true;
}

struct pbuf *packet_to_send(struct netbuf *chain)
{
	struct pbuf *first = NULL, *last = NULL;

	while (chain) {
		struct netbuf *next = chain->next, *buf = own_fragment(chain);
		struct pbuf *p;

		chain = next;
		if (!buf) {
			netbuf_put_chain(chain);
			if (first)
				pbuf_free(first);
			return NULL;
		}
		p = pbuf_in(buf);
		if (last)
			last->next = p;
		else
			first = p;
		last = p;
		for (struct pbuf *q = first; q != p; q = q->next)
			q->tot_len = (uint16_t)(q->tot_len + p->len);
	}
	return first;
}

/* A copy of what several have references to. */
static struct netbuf *copy_of(struct pbuf *p)
{
	struct netbuf *copy = netbuf_alloc(0, p->len);

	if (copy) {
		memcpy(copy->data, p->payload, p->len);
		copy->bytes = p->len;
	}
	return copy;
}

/* The fragment of one pbuf, whose reference is gone. */
static struct netbuf *take_one(struct pbuf *p)
{
	struct netbuf *buf = netbuf_of(p);

	p->next = NULL;
	if (unlikely(!buf || p->ref != 1 || !p->len)) {
		buf = p->len ? copy_of(p) : NULL;
		pbuf_free(p);
		return buf;
	}
	packets.received -= packet_in(buf)->kept;
	buf->data = p->payload;
	buf->bytes = p->len;
	buf->next = NULL;
	return buf;
}

struct netbuf *packet_take(struct pbuf *p)
{
	struct netbuf *first = NULL, **link = &first;
	uint32_t bytes = 0;

	while (p) {
		struct pbuf *next = p->next;
		uint32_t len = p->len;
		struct netbuf *buf = take_one(p);

		p = next;
		if (unlikely(!buf && len)) {
			if (p)
				pbuf_free(p);
			netbuf_put_chain(first);
			return NULL;
		}
		if (!buf)
			continue;
		bytes += buf->bytes;
		*link = buf;
		link = &buf->next;
	}
	if (first)
		first->packet_bytes = bytes;
	return first;
}

bool packet_busy(const struct pbuf *p)
{
	const struct netbuf *buf = netbuf_of(p);

	return p->ref != 1 || (buf && __atomic_load_n(&buf->refs, __ATOMIC_ACQUIRE) != 1);
}

/** Whether a device makes segments of it, so that IP need not make fragments. */
bool packet_is_large(const struct pbuf *p)
{
	struct netbuf *buf = netbuf_of(p);

	return buf && packet_in(buf)->segment;
}

static void release_reference(struct netbuf *buf)
{
	pbuf_free(buf->owner);
	netbuf_free_header(buf);
}

static struct netbuf *reference_to(struct pbuf *p)
{
	struct netbuf *buf = netbuf_of(p);

	if (likely(buf && __atomic_load_n(&buf->refs, __ATOMIC_ACQUIRE) == 1)) {
		buf->data = p->payload;
		buf->bytes = p->len;
		return netbuf_get(buf);
	}
	if (buf) /* what else has it may not see it change */
		return copy_of(p);
	buf = netbuf_wrap(p->payload, p->len, release_reference, p);
	if (buf)
		pbuf_ref(p);
	return buf;
}

struct netbuf *packet_share(struct pbuf *p, uint16_t offset)
{
	struct netbuf *buf = netbuf_of(p), *part;

	if (buf)
		return netbuf_part(buf, (uint8_t *)p->payload + offset, (size_t)(p->len - offset));
	part = netbuf_wrap((uint8_t *)p->payload + offset, (size_t)(p->len - offset),
			   release_reference, p);
	if (part)
		pbuf_ref(p);
	return part;
}

struct netbuf *packet_for_device(struct pbuf *p)
{
	struct netbuf *first = NULL, **link = &first;
	uint16_t segment = netbuf_of(p) ? packet_in(netbuf_of(p))->segment : 0;
	uint32_t bytes = 0;

	for (; p; p = p->next) {
		struct netbuf *buf;

		if (!p->len)
			continue;
		buf = reference_to(p);
		if (!buf) {
			netbuf_put_chain(first);
			return NULL;
		}
		bytes += buf->bytes;
		buf->next = NULL;
		*link = buf;
		link = &buf->next;
	}
	if (first) {
		first->packet_bytes = bytes;
		first->flags = 0;
		first->gso_type = NETBUF_GSO_NONE;
		first->gso_bytes = segment;
	}
	return first;
}
