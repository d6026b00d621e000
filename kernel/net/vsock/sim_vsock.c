/* SPDX-License-Identifier: BSD-3-Clause */
/* A socket device of the test. See sim_vsock.h. */
#include "sim_vsock.h"

#include <base/assert.h>
#include <base/errno.h>
#include <class/net.h>
#include <core/time.h>

#include "../../port/host/host.h"
#include "../../port/host/io.h"

#include <string.h>

struct sim_vsock sim_vsock;

static int transmit(struct vsock_dev *dev, struct netbuf *packet)
{
	assert(dev == &sim_vsock.dev);
	assert(packet->data - packet->start >= VSOCK_HEADER_BYTES);
	if (!sim_vsock.room || sim_vsock.count == SIM_SENT_MAX) {
		sim_vsock.refused = true;
		return -ENOBUFS;
	}
	sim_vsock.room--;
	sim_vsock.sent[sim_vsock.count++] = packet;
	return 0;
}

static void flush(struct vsock_dev *dev)
{
	(void)dev;
	sim_vsock.flushes++;
}

static void open(struct vsock_dev *dev)
{
	(void)dev;
	sim_vsock.opened = true;
}

static bool is_sending(struct vsock_dev *dev)
{
	(void)dev;
	return sim_vsock.count;
}

static unsigned poll(struct poller *poller, unsigned budget)
{
	(void)poller, (void)budget;
	return 0;
}

static bool rearm(struct poller *poller)
{
	(void)poller;
	return true;
}

void sim_vsock_attach(void)
{
	static const struct vsock_dev_ops ops = {
		.transmit = transmit, .flush = flush, .open = open, .is_sending = is_sending
	};
	static const struct poller_ops poller_ops = { .poll = poll, .rearm = rearm };
	int error;

	sim_vsock = (struct sim_vsock){
		.dev = { .ops = &ops, .poller = { .ops = &poller_ops }, .cid = SIM_CID },
		.room = UINT32_MAX,
	};
	error = vsock_dev_register(&sim_vsock.dev);
	assert(!error);
}

void sim_vsock_detach(void)
{
	mutex_lock(&net_mutex);
	vsock_dev_failed(&sim_vsock.dev);
	mutex_unlock(&net_mutex);
	while (sim_vsock.count)
		netbuf_put_chain(sim_vsock.sent[--sim_vsock.count]);
}

void sim_vsock_arrive(const struct vsock_header *header, const void *data, size_t bytes)
{
	struct netbuf *packet = netbuf_alloc(VSOCK_HEADER_BYTES, bytes);

	if (!packet)
		return;
	memcpy(packet->start, header, VSOCK_HEADER_BYTES);
	if (bytes)
		memcpy(packet->data, data, bytes);
	packet->bytes = packet->packet_bytes = (uint32_t)bytes;
	mutex_lock(&net_mutex);
	vsock_dev_receive(&sim_vsock.dev, packet);
	vsock_dev_polled(&sim_vsock.dev);
	mutex_unlock(&net_mutex);
}

bool sim_vsock_take(struct vsock_header *header, void *data, size_t room, size_t *bytes)
{
	struct netbuf *packet = sim_vsock.sent[0];
	const struct netbuf *payload;

	if (!sim_vsock.count)
		return false;
	sim_vsock.count--;
	memmove(sim_vsock.sent, sim_vsock.sent + 1, sim_vsock.count * sizeof *sim_vsock.sent);
	memcpy(header, packet->data - VSOCK_HEADER_BYTES, VSOCK_HEADER_BYTES);
	payload = packet->next ? packet->next : packet;
	assert(le32_get(header->bytes) == payload->bytes);
	*bytes = payload->bytes < room ? payload->bytes : room;
	if (*bytes)
		memcpy(data, payload->data, *bytes);
	netbuf_put_chain(packet);
	return true;
}

void sim_vsock_give_room(unsigned packets)
{
	sim_vsock.room = packets;
	if (!sim_vsock.refused)
		return;
	sim_vsock.refused = false;
	mutex_lock(&net_mutex);
	vsock_dev_transmit_ready(&sim_vsock.dev);
	vsock_dev_polled(&sim_vsock.dev);
	mutex_unlock(&net_mutex);
}

void sim_vsock_reset(uint32_t cid)
{
	mutex_lock(&net_mutex);
	sim_vsock.dev.cid = cid;
	vsock_dev_reset(&sim_vsock.dev);
	mutex_unlock(&net_mutex);
}

void sim_vsock_wait(uint64_t ns)
{
	host_advance_time(ns);
	if (host_timer_deadline() <= time_now())
		host_timer_fire();
	netdev_poll_now();
}
