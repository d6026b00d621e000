/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What every network device has to do, whatever its driver: run by each driver's test on its simulated device. The layer above
 * is played here; the thread "net" runs in test_contract_settle().
 */
#pragma once

#include <class/net.h>
#include <core/thread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/** The device under test, as its driver's test plays it. */
struct test_contract {
	struct netdev *dev;
	unsigned ring; /* packets that it takes at least before it is full; 0: never full */
	/** A frame arrives at the device. False: it has no buffer for it. */
	bool (*arrive)(const void *frame, size_t bytes);
	/** The device works off what it was told of, and interrupts where it should. */
	void (*work)(void);
	/** The next frame that has left; its bytes, at most `room`; 0: none. */
	size_t (*left)(void *frame, size_t room);
};

enum { TEST_FRAME_MAX = 65549, TEST_KEPT = 2048 };

/* The layer above. */
static struct {
	unsigned received, polled, ready, link_changes, added, removed;
	uint8_t frame[TEST_FRAME_MAX]; /* the last one */
	size_t bytes;
	uint16_t flags, csum_start, csum_offset, gso_bytes;
	uint8_t gso_type;
	bool keep; /* what is received */
	struct netbuf *kept[TEST_KEPT];
	unsigned kept_count;
} upper;

static inline void upper_added(struct netdev *dev)
{
	(void)dev;
	upper.added++;
}

static inline void upper_removed(struct netdev *dev)
{
	(void)dev;
	upper.removed++;
}

static inline void upper_receive(struct netdev *dev, struct netbuf *packet)
{
	(void)dev;
	assert_true(packet->packet_bytes <= TEST_FRAME_MAX);
	assert_true(netbuf_copy_out(packet, 0, upper.frame, packet->packet_bytes));
	for (const struct netbuf *buf = packet; buf; buf = buf->next)
		assert_true(buf->data >= buf->start && buf->data + buf->bytes <= buf->end);
	upper.bytes = packet->packet_bytes;
	upper.flags = packet->flags;
	upper.csum_start = packet->csum_start;
	upper.csum_offset = packet->csum_offset;
	upper.gso_type = packet->gso_type;
	upper.gso_bytes = packet->gso_bytes;
	upper.received++;
	if (upper.keep && upper.kept_count < TEST_KEPT)
		upper.kept[upper.kept_count++] = packet;
	else
		netbuf_put_chain(packet);
}

static inline void upper_transmit_ready(struct netdev *dev)
{
	(void)dev;
	upper.ready++;
}

static inline void upper_link_changed(struct netdev *dev)
{
	(void)dev;
	upper.link_changes++;
}

static inline void upper_polled(void)
{
	upper.polled++;
}

static const struct netdev_upper test_upper = {
	.added = upper_added,
	.removed = upper_removed,
	.receive = upper_receive,
	.transmit_ready = upper_transmit_ready,
	.link_changed = upper_link_changed,
	.polled = upper_polled,
};

static inline void test_upper_release(void)
{
	while (upper.kept_count)
		netbuf_put_chain(upper.kept[--upper.kept_count]);
	upper.keep = false;
}

static inline void test_upper_reset(void)
{
	test_upper_release();
	memset(&upper, 0, sizeof upper);
}

/** Lets the thread "net" run until it waits. */
static inline void test_contract_settle(void)
{
	for (unsigned i = 0; i < 100; i++)
		thread_yield();
}

/** A frame of `bytes` to `mac`, whose payload tells it from others. */
static inline void test_frame(uint8_t *frame, const uint8_t *mac, size_t bytes, unsigned seed)
{
	for (size_t i = 0; i < bytes; i++)
		frame[i] = (uint8_t)(seed * 31 + i * 7 + (i >> 8));
	memcpy(frame, mac, 6);
}

/** The same as a packet in `count` fragments. */
static inline struct netbuf *test_packet(const uint8_t *frame, size_t bytes, unsigned count)
{
	struct netbuf *first = NULL, **link = &first;
	size_t done = 0;

	for (unsigned i = 0; i < count; i++) {
		size_t part = i + 1 == count ? bytes - done : bytes / count;

		*link = netbuf_alloc(NETDEV_HEADROOM, part);
		memcpy((*link)->data, frame + done, part);
		(*link)->bytes = (uint32_t)part;
		done += part;
		link = &(*link)->next;
	}
	first->packet_bytes = (uint32_t)bytes;
	return first;
}

static inline int test_transmit(struct netdev *dev, struct netbuf *packet)
{
	int error;

	mutex_lock(&net_mutex);
	error = netdev_transmit(dev, packet);
	netdev_flush(dev);
	mutex_unlock(&net_mutex);
	return error;
}

static inline void contract_transmits(const struct test_contract *c)
{
	static const uint8_t to[6] = { 2, 0, 0, 0, 0, 9 };
	uint8_t frame[1514], out[2000];

	for (unsigned count = 1; count <= NETDEV_SEGMENTS_MAX + 5; count++) {
		uint64_t packets = c->dev->stats.tx_packets;
		size_t bytes = count == 1 ? 60 : sizeof frame - count;

		test_frame(frame, to, bytes, count);
		assert_int_equal(test_transmit(c->dev, test_packet(frame, bytes, count)), 0);
		c->work();
		test_contract_settle();
		assert_int_equal(c->left(out, sizeof out), bytes);
		assert_memory_equal(out, frame, bytes);
		assert_int_equal(c->left(out, sizeof out), 0);
		assert_int_equal(c->dev->stats.tx_packets, packets + 1);
	}
}

static inline void contract_receives(const struct test_contract *c)
{
	uint8_t frame[1514];

	for (size_t bytes = 14; bytes <= sizeof frame; bytes += 50) {
		unsigned received = upper.received;

		test_frame(frame, c->dev->mac, bytes, (unsigned)bytes);
		assert_true(c->arrive(frame, bytes));
		c->work();
		test_contract_settle();
		assert_int_equal(upper.received, received + 1);
		assert_int_equal(upper.bytes, bytes);
		assert_memory_equal(upper.frame, frame, bytes);
	}
}

/** More than its ring holds goes out in order, once there is room. */
static inline void contract_queues_when_full(const struct test_contract *c)
{
	static const uint8_t to[6] = { 2, 0, 0, 0, 0, 9 };
	unsigned count = c->ring + 50, seen = 0;
	uint8_t frame[60], out[100];

	for (unsigned i = 0; i < count; i++) {
		test_frame(frame, to, sizeof frame, i);
		assert_int_equal(test_transmit(c->dev, test_packet(frame, sizeof frame, 1)), 0);
	}
	assert_true(c->dev->waiting.count > 0);
	for (unsigned round = 0; round < 100 && seen < count; round++) {
		c->work();
		test_contract_settle();
		while (c->left(out, sizeof out)) {
			test_frame(frame, to, sizeof frame, seen++);
			assert_memory_equal(out, frame, sizeof frame);
		}
	}
	assert_int_equal(seen, count);
	assert_null(c->dev->waiting.first);
}

/** Nothing that arrives is forgotten, however arrivals and polls fall together. */
static inline void contract_loses_nothing(const struct test_contract *c)
{
	uint8_t frame[60];
	unsigned before = upper.received, arrived = 0;
	uint32_t random = 1;

	for (unsigned i = 0; i < 3000; i++) {
		random = random * 1664525 + 1013904223;
		test_frame(frame, c->dev->mac, sizeof frame, i);
		arrived += c->arrive(frame, sizeof frame);
		if (random >> 30)
			c->work();
		if ((random >> 28 & 3) == 1)
			thread_yield();
		else if ((random >> 28 & 3) == 2)
			netdev_poll_now();
	}
	c->work();
	test_contract_settle();
	assert_int_equal(upper.received - before, arrived);
	assert_true(arrived >= 1000);
}

/** All that is kept above does not stop it: what comes meanwhile is received, or dropped and counted. */
static inline void contract_survives_hoarding(const struct test_contract *c)
{
	uint64_t dropped = c->dev->stats.rx_dropped;
	unsigned before = upper.received, arrived = 0;
	uint8_t frame[200];

	upper.keep = true;
	for (unsigned i = 0; i < TEST_KEPT; i++) {
		test_frame(frame, c->dev->mac, sizeof frame, i);
		arrived += c->arrive(frame, sizeof frame);
		c->work();
		test_contract_settle();
	}
	assert_int_equal(arrived, TEST_KEPT);
	assert_int_equal(upper.received - before + c->dev->stats.rx_dropped - dropped, arrived);
	test_upper_release();
	contract_receives(c);
}

static inline void test_contract_run(const struct test_contract *c)
{
	contract_transmits(c);
	contract_receives(c);
	if (c->ring)
		contract_queues_when_full(c);
	contract_loses_nothing(c);
	contract_survives_hoarding(c);
	contract_transmits(c);
}
