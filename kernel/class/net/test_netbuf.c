/* SPDX-License-Identifier: BSD-3-Clause */
#include <class/netbuf.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <base/errno.h>

#include "../../port/host/host.h"

#include <string.h>

static unsigned released;

static struct netbuf *fragment(const char *text)
{
	struct netbuf *buf = netbuf_alloc(8, 32);

	memcpy(buf->data, text, strlen(text));
	buf->bytes = (uint32_t)strlen(text);
	return buf;
}

static struct netbuf *chain(const char *a, const char *b, const char *c)
{
	struct netbuf *packet = fragment(a);

	packet->next = fragment(b);
	packet->next->next = fragment(c);
	packet->packet_bytes = (uint32_t)(strlen(a) + strlen(b) + strlen(c));
	return packet;
}

static void fragment_has_head_and_tail_room(void **state)
{
	struct netbuf *buf = netbuf_alloc(100, 1000);

	(void)state;
	assert_int_equal(buf->data - buf->start, 100);
	assert_int_equal(buf->end - buf->data, 1000);
	memset(buf->start, 1, 1100);
	assert_int_equal(buf->refs, 1);
	assert_int_equal(buf->bytes, 0);
	netbuf_put(buf);
	netbuf_put(NULL);
	assert_int_equal(host_allocations(), 0);
}

static void impossible_sizes_are_refused(void **state)
{
	(void)state;
	assert_null(netbuf_alloc(SIZE_MAX, 2));
	assert_null(netbuf_alloc(0, (size_t)1 << 32));
	assert_null(netbuf_wrap("", (size_t)1 << 32, netbuf_free_header, NULL));
}

static void last_reference_releases(void **state)
{
	struct netbuf *buf = netbuf_alloc(0, 10);

	(void)state;
	netbuf_get(buf);
	netbuf_put(buf);
	assert_int_equal(host_allocations(), 1);
	netbuf_put(buf);
	assert_int_equal(host_allocations(), 0);
}

static void release(struct netbuf *buf)
{
	released += *(const unsigned *)buf->owner;
	netbuf_free_header(buf);
}

static void wrapped_memory_is_released_once(void **state)
{
	unsigned one = 1;
	static const char text[] = "not ours";
	struct netbuf *buf = netbuf_wrap(text, sizeof text, release, &one);

	(void)state;
	assert_ptr_equal(buf->data, text);
	assert_int_equal(buf->bytes, sizeof text);
	netbuf_get(buf);
	netbuf_put(buf);
	assert_int_equal(released, 0);
	netbuf_put(buf);
	assert_int_equal(released, 1);
	assert_int_equal(host_allocations(), 0);
}

static void copy_out_crosses_fragments(void **state)
{
	struct netbuf *packet = chain("abc", "", "defg");
	char out[8] = "";

	(void)state;
	assert_true(netbuf_copy_out(packet, 0, out, 7));
	assert_string_equal(out, "abcdefg");
	assert_true(netbuf_copy_out(packet, 2, out, 2));
	assert_memory_equal(out, "cd", 2);
	assert_true(netbuf_copy_out(packet, 3, out, 4));
	assert_memory_equal(out, "defg", 4);
	assert_true(netbuf_copy_out(packet, 7, out, 0));
	assert_false(netbuf_copy_out(packet, 4, out, 4));
	assert_false(netbuf_copy_out(packet, 100, out, 1));
	netbuf_put_chain(packet);
}

static void copy_is_one_fragment_of_the_same_packet(void **state)
{
	struct netbuf *packet = chain("abc", "de", "f"), *copy;

	(void)state;
	packet->flags = NETBUF_CSUM_PARTIAL;
	packet->csum_start = 3;
	packet->csum_offset = 1;
	packet->gso_type = NETBUF_GSO_TCP4;
	packet->gso_bytes = 1400;
	packet->header_bytes = 2;
	copy = netbuf_copy(packet, 16);
	assert_memory_equal(copy->data, "abcdef", 6);
	assert_int_equal(copy->bytes, 6);
	assert_int_equal(copy->packet_bytes, 6);
	assert_int_equal(copy->data - copy->start, 16);
	assert_int_equal(copy->flags, NETBUF_CSUM_PARTIAL);
	assert_int_equal(copy->csum_start, 3);
	assert_int_equal(copy->csum_offset, 1);
	assert_int_equal(copy->gso_type, NETBUF_GSO_TCP4);
	assert_int_equal(copy->gso_bytes, 1400);
	assert_int_equal(copy->header_bytes, 2);
	netbuf_put(copy);
	packet->packet_bytes++; /* a chain shorter than it says */
	assert_null(netbuf_copy(packet, 0));
	netbuf_put_chain(packet);
	assert_int_equal(host_allocations(), 0);
}

/* Pools */

static void pool_hands_out_at_most_its_number(void **state)
{
	struct netbuf *bufs[8];
	struct netbuf_pool *pool;

	(void)state;
	assert_int_equal(netbuf_pool_create(1600, 2, 8, &pool), 0);
	for (unsigned i = 0; i < 8; i++) {
		bufs[i] = netbuf_pool_get(pool);
		assert_true(bufs[i]->end - bufs[i]->data >= 1600);
		memset(bufs[i]->data, 0xff, (size_t)(bufs[i]->end - bufs[i]->data));
	}
	assert_null(netbuf_pool_get(pool));
	netbuf_put(bufs[3]);
	assert_ptr_equal(netbuf_pool_get(pool), bufs[3]);
	for (unsigned i = 0; i < 8; i++)
		netbuf_put(bufs[i]);
	netbuf_pool_close(pool);
	assert_int_equal(host_allocations(), 0);
}

static void pool_pieces_come_back_empty(void **state)
{
	struct netbuf_pool *pool;
	struct netbuf *buf;

	(void)state;
	assert_int_equal(netbuf_pool_create(3000, 1, 1, &pool), 0);
	buf = netbuf_pool_get(pool);
	buf->data += 12;
	buf->bytes = 77;
	buf->flags = NETBUF_CSUM_GOOD;
	buf->gso_type = NETBUF_GSO_TCP6;
	buf->next_packet = buf;
	netbuf_put(buf);
	assert_ptr_equal(netbuf_pool_get(pool), buf);
	assert_ptr_equal(buf->data, buf->start);
	assert_int_equal(buf->bytes, 0);
	assert_int_equal(buf->flags, 0);
	assert_int_equal(buf->gso_type, NETBUF_GSO_NONE);
	assert_null(buf->next_packet);
	netbuf_put(buf);
	netbuf_pool_close(pool);
}

static void closed_pool_waits_for_its_pieces(void **state)
{
	struct netbuf *a, *b;
	struct netbuf_pool *pool;

	(void)state;
	assert_int_equal(netbuf_pool_create(9000, 3, 4, &pool), 0);
	a = netbuf_pool_get(pool);
	b = netbuf_pool_get(pool);
	netbuf_put(a);
	netbuf_pool_close(pool);
	memset(b->data, 1, 9000);
	assert_true(host_allocations() > 0);
	netbuf_put(b);
	assert_int_equal(host_allocations(), 0);
	netbuf_pool_close(NULL);
}

static void pool_that_cannot_be_made_leaves_nothing(void **state)
{
	struct netbuf_pool *pool;

	(void)state;
	for (unsigned n = 0;; n++) {
		int error;

		host_fail_allocation_after(n);
		error = netbuf_pool_create(1600, 8, 16, &pool);
		if (!host_allocation_failed()) {
			assert_int_equal(error, 0);
			break;
		}
		assert_int_equal(error, -ENOMEM);
		assert_int_equal(host_allocations(), 0);
	}
	host_fail_allocation_after(HOST_NEVER);
	netbuf_pool_close(pool);
	assert_int_equal(host_allocations(), 0);
}

static void pool_that_cannot_grow_is_empty(void **state)
{
	struct netbuf_pool *pool;
	struct netbuf *buf;

	(void)state;
	assert_int_equal(netbuf_pool_create(3000, 1, 2, &pool), 0);
	buf = netbuf_pool_get(pool);
	host_fail_allocation_after(0);
	assert_null(netbuf_pool_get(pool));
	host_fail_allocation_after(HOST_NEVER);
	netbuf_put(buf);
	netbuf_pool_close(pool);
	assert_int_equal(host_allocations(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fragment_has_head_and_tail_room),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(last_reference_releases),
		cmocka_unit_test(wrapped_memory_is_released_once),
		cmocka_unit_test(copy_out_crosses_fragments),
		cmocka_unit_test(copy_is_one_fragment_of_the_same_packet),
		cmocka_unit_test(pool_hands_out_at_most_its_number),
		cmocka_unit_test(pool_pieces_come_back_empty),
		cmocka_unit_test(closed_pool_waits_for_its_pieces),
		cmocka_unit_test(pool_that_cannot_be_made_leaves_nothing),
		cmocka_unit_test(pool_that_cannot_grow_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
