/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pools of receive buffers. Each piece is a power of two: two to a page, or some pages; its header first, then the data, so
 * that one cache line or two tell all of a small packet.
 *
 * Pieces come back from any context onto a stack that is only ever pushed to, or taken as a whole by the pool's user: neither
 * needs a lock. A piece counts as a reference to the pool until it was pushed, so the last one finds all the others there.
 */
#include "internal.h"

#include <base/assert.h>
#include <base/errno.h>
#include <mm/alloc.h>
#include <mm/pages.h>

enum { PIECE_MIN = 2048, PIECE_MAX = 32768 };

struct netbuf_pool {
	struct netbuf *ready;    /* of the user's, by next_packet */
	struct netbuf *returned; /* atomic; by next_packet */
	uint32_t refs;           /* atomic; pieces that are out, and one while it is open */
	uint32_t piece_bytes;
	unsigned made, most;
};

static void free_piece(struct netbuf *piece)
{
	page_put(page_of(virt_to_phys((void *)align_down((uintptr_t)piece, PAGE_SIZE))));
}

static void free_pieces(struct netbuf *list)
{
	while (list) {
		struct netbuf *next = list->next_packet;

		free_piece(list);
		list = next;
	}
}

static struct netbuf *take_returned(struct netbuf_pool *pool)
{
	return __atomic_exchange_n(&pool->returned, NULL, __ATOMIC_ACQUIRE);
}

static void drop_reference(struct netbuf_pool *pool)
{
	if (__atomic_sub_fetch(&pool->refs, 1, __ATOMIC_ACQ_REL))
		return;
	free_pieces(take_returned(pool));
	mem_free(pool);
}

static void release_piece(struct netbuf *piece)
{
	struct netbuf_pool *pool = piece->owner;
	struct netbuf *head = __atomic_load_n(&pool->returned, __ATOMIC_RELAXED);

	do {
		piece->next_packet = head;
	} while (!__atomic_compare_exchange_n(&pool->returned, &head, piece, true, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	drop_reference(pool);
}

static void add_piece(struct netbuf_pool *pool, void *memory)
{
	struct netbuf *piece = memory;

	piece->start = (uint8_t *)(piece + 1);
	piece->end = (uint8_t *)memory + pool->piece_bytes;
	piece->release = release_piece;
	piece->owner = pool;
	piece->next_packet = pool->ready;
	pool->ready = piece;
	pool->made++;
}

/* Another block of pages, which each of its pieces holds. */
static bool grow(struct netbuf_pool *pool)
{
	unsigned order = pool->piece_bytes > PAGE_SIZE ? ilog2(pool->piece_bytes / PAGE_SIZE) : 0;
	struct page *page = pool->made < pool->most ? page_alloc(order, PAGE_PLAIN) : NULL;
	uint8_t *memory;

	if (!page)
		return false;
	memory = page_virt(page);
	add_piece(pool, memory);
	for (size_t at = pool->piece_bytes; at < PAGE_SIZE; at += pool->piece_bytes) {
		page_get(page);
		add_piece(pool, memory + at);
	}
	return true;
}

int netbuf_pool_create(size_t room, unsigned first, unsigned most, struct netbuf_pool **out)
{
	size_t bytes = max(room + sizeof(struct netbuf), (size_t)PIECE_MIN);
	struct netbuf_pool *pool = mem_zalloc(sizeof *pool);

	assert(room <= PIECE_MAX - sizeof(struct netbuf));
	if (!pool)
		return -ENOMEM;
	pool->refs = 1;
	pool->piece_bytes = 1u << (ilog2(bytes - 1) + 1);
	pool->most = most;
	while (pool->made < first) {
		if (!grow(pool)) {
			netbuf_pool_close(pool);
			return -ENOMEM;
		}
	}
	*out = pool;
	return 0;
}

struct netbuf *netbuf_pool_get(struct netbuf_pool *pool)
{
	struct netbuf *piece = pool->ready;

	if (!piece) {
		pool->ready = take_returned(pool);
		if (!pool->ready && !grow(pool))
			return NULL;
		piece = pool->ready;
	}
	pool->ready = piece->next_packet;
	__atomic_fetch_add(&pool->refs, 1, __ATOMIC_RELAXED);
	netbuf_reset(piece, 0);
	return piece;
}

void netbuf_pool_close(struct netbuf_pool *pool)
{
	if (!pool)
		return;
	free_pieces(pool->ready);
	pool->ready = NULL;
	drop_reference(pool);
}
