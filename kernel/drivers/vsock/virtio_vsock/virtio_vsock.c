/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtio socket device (virtio 1.2, 5.10): a ring of packets in, one of packets out, and one of events. Interrupts have it
 * polled, and all work is done there, under net_mutex. Header and payload are two descriptors each way, as all devices take them.
 */
#include "regs.h"

#include <base/errno.h>
#include <base/log.h>
#include <base/string.h>
#include <bus/device.h>
#include <bus/virtio.h>
#include <class/vsock.h>
#include <mm/alloc.h>
#include <mm/pages.h>

enum {
	ENTRIES = 128,
	EVENT_ENTRIES = 4,
	ROOM = 8192 - sizeof(struct netbuf), /* of a receive buffer: with its header, two pages */
	RING_CLOSED = 4,                     /* receive buffers before anybody uses sockets */
	RING_MIN = 16,
	RING_MAX = 64,
	RING_MEMORY_SHIFT = 20, /* a receive buffer for each MiB of RAM */
	POOL_RINGS = 2,         /* buffers that there may be, in full rings */
};

struct virtio_vsock {
	struct vsock_dev dev;
	struct virtio_dev *virtio;
	struct virtio_queue *receive, *transmit, *events;
	struct netbuf_pool *pool;
	unsigned ring;      /* receive buffers that the device should have */
	unsigned posted;    /* those that it has */
	bool unshown;       /* some of them it has not been told of */
	unsigned in_flight; /* packets that it has to send */
	bool full;          /* transmit() found no room, and an interrupt tells when there is */
	struct virtio_vsock_event event[EVENT_ENTRIES]; /* shared with the device */
};

static struct virtio_vsock *vsock_of(struct vsock_dev *dev)
{
	return container_of(dev, struct virtio_vsock, dev);
}

/* Interrupts */

static void receive_arrived(void *context)
{
	struct virtio_vsock *vsock = context;

	virtio_queue_disable(vsock->receive);
	poller_schedule(&vsock->dev.poller);
}

static void transmit_arrived(void *context)
{
	struct virtio_vsock *vsock = context;

	virtio_queue_disable(vsock->transmit);
	poller_schedule(&vsock->dev.poller);
}

static void event_arrived(void *context)
{
	struct virtio_vsock *vsock = context;

	virtio_queue_disable(vsock->events);
	poller_schedule(&vsock->dev.poller);
}

/* Receiving */

static bool post(struct virtio_vsock *vsock, struct netbuf *buf)
{
	const struct virtio_segment segments[] = {
		{ buf->start, VSOCK_HEADER_BYTES },
		{ buf->start + VSOCK_HEADER_BYTES, ROOM - VSOCK_HEADER_BYTES },
	};

	return !virtio_queue_add(vsock->receive, segments, 0, countof(segments), buf);
}

static void fill(struct virtio_vsock *vsock)
{
	while (vsock->posted < vsock->ring) {
		struct netbuf *buf = netbuf_pool_get(vsock->pool);

		if (!buf)
			break;
		if (!post(vsock, buf)) {
			netbuf_put(buf);
			break;
		}
		vsock->posted++;
		vsock->unshown = true;
	}
}

static void show(struct virtio_vsock *vsock)
{
	if (!vsock->unshown)
		return;
	vsock->unshown = false;
	virtio_queue_kick(vsock->receive);
}

/* The packet, or, where the device runs out of buffers because too many are held above, a copy of it; without memory for one its
 * header alone, so that the device always has some. */
static struct netbuf *kept_or_copied(struct virtio_vsock *vsock, struct netbuf *packet)
{
	struct netbuf *copy;

	if (likely(vsock->posted >= vsock->ring / 2))
		return packet;
	fill(vsock);
	if (vsock->posted >= vsock->ring / 2)
		return packet;
	copy = netbuf_alloc(VSOCK_HEADER_BYTES, packet->bytes);
	if (!copy) {
		packet->bytes = packet->packet_bytes = 0;
		return packet;
	}
	memcpy(copy->start, packet->start, VSOCK_HEADER_BYTES + packet->bytes);
	copy->bytes = copy->packet_bytes = packet->bytes;
	netbuf_put(packet);
	return copy;
}

static void receive_one(struct virtio_vsock *vsock, struct netbuf *buf, uint32_t written)
	REQUIRES(net_mutex)
{
	vsock->posted--;
	if (unlikely(written < VSOCK_HEADER_BYTES)) {
		netbuf_put(buf);
		return;
	}
	buf->data = buf->start + VSOCK_HEADER_BYTES;
	buf->bytes = buf->packet_bytes = written - VSOCK_HEADER_BYTES;
	vsock_dev_receive(&vsock->dev, kept_or_copied(vsock, buf));
}

static unsigned receive(struct virtio_vsock *vsock, unsigned budget) REQUIRES(net_mutex)
{
	unsigned count = 0;
	uint32_t written;
	struct netbuf *buf;

	while (count < budget && (buf = virtio_queue_take(vsock->receive, &written)) != NULL) {
		receive_one(vsock, buf, written);
		count++;
	}
	if (vsock->posted <= vsock->ring - vsock->ring / 4)
		fill(vsock);
	show(vsock);
	return count;
}

/* Events */

static void post_event(struct virtio_vsock *vsock, struct virtio_vsock_event *event)
{
	const struct virtio_segment segment = { event, sizeof *event };

	/* It fails only where the device has. */
	if (!virtio_queue_add(vsock->events, &segment, 0, 1, event))
		virtio_queue_kick(vsock->events);
}

/* False: the device has none that is a machine's. */
static bool read_cid(struct virtio_vsock *vsock)
{
	uint64_t cid;

	if (!virtio_config_read(vsock->virtio, VIRTIO_VSOCK_CONFIG_GUEST_CID, &cid, sizeof cid) ||
	    !vsock_cid_is_machine(cid))
		return false;
	vsock->dev.cid = (uint32_t)cid;
	return true;
}

static void handle_event(struct virtio_vsock *vsock, const struct virtio_vsock_event *event,
			 uint32_t written) REQUIRES(net_mutex)
{
	if (written < sizeof *event || le32_get(event->id) != VIRTIO_VSOCK_EVENT_TRANSPORT_RESET)
		return;
	if (read_cid(vsock))
		vsock_dev_reset(&vsock->dev);
	else
		virtio_fail(vsock->virtio, "it has no CID");
}

static unsigned take_events(struct virtio_vsock *vsock) REQUIRES(net_mutex)
{
	struct virtio_vsock_event *event;
	unsigned count = 0;
	uint32_t written;

	/* Bounded: a device could put each back at once. */
	while (count < EVENT_ENTRIES &&
	       (event = virtio_queue_take(vsock->events, &written)) != NULL) {
		handle_event(vsock, event, written);
		post_event(vsock, event);
		count++;
	}
	return count;
}

/* Transmitting */

static void reclaim(struct virtio_vsock *vsock)
{
	struct netbuf *packet;
	uint32_t written;

	while (vsock->in_flight &&
	       (packet = virtio_queue_take(vsock->transmit, &written)) != NULL) {
		vsock->in_flight--;
		netbuf_put_chain(packet);
	}
}

/* After -ENOSPC. True: try again. */
static bool make_room(struct virtio_vsock *vsock)
{
	unsigned before = vsock->in_flight;

	virtio_queue_kick(vsock->transmit);
	reclaim(vsock);
	if (vsock->in_flight < before)
		return true;
	vsock->full = true;
	if (virtio_queue_enable_late(vsock->transmit))
		return false;
	reclaim(vsock);
	return vsock->in_flight < before;
}

static int transmit(struct vsock_dev *dev, struct netbuf *packet)
{
	struct virtio_vsock *vsock = vsock_of(dev);
	const struct netbuf *payload = packet->next ? packet->next : packet;
	const struct virtio_segment segments[] = {
		{ packet->data - VSOCK_HEADER_BYTES, VSOCK_HEADER_BYTES },
		{ payload->data, payload->bytes },
	};
	int error;

	if (vsock->in_flight >= ENTRIES / 4)
		reclaim(vsock);
	do {
		error = virtio_queue_add(vsock->transmit, segments, payload->bytes ? 2 : 1, 0,
					 packet);
	} while (error == -ENOSPC && make_room(vsock));
	if (!error)
		vsock->in_flight++;
	return error == -ENOSPC ? -ENOBUFS : error;
}

static void flush(struct vsock_dev *dev)
{
	virtio_queue_kick(vsock_of(dev)->transmit);
}

static bool is_sending(struct vsock_dev *dev)
{
	struct virtio_vsock *vsock = vsock_of(dev);

	reclaim(vsock);
	return vsock->in_flight;
}

/* Half of the ring, so that those who wait do not get it packet by packet. */
static bool has_room(const struct virtio_vsock *vsock)
{
	return virtio_queue_room(vsock->transmit) >= virtio_queue_entries(vsock->transmit) / 2;
}

/* As a socket device */

static unsigned poll(struct poller *poller, unsigned budget) REQUIRES(net_mutex)
{
	struct virtio_vsock *vsock = container_of(poller, struct virtio_vsock, dev.poller);
	unsigned count;

	if (virtio_has_failed(vsock->virtio))
		return 0;
	reclaim(vsock);
	/* First: packets behind a reset are of other connections than those before. */
	count = take_events(vsock);
	if (unlikely(vsock->full) && has_room(vsock)) {
		vsock->full = false;
		virtio_queue_disable(vsock->transmit);
		vsock_dev_transmit_ready(&vsock->dev);
	}
	count += receive(vsock, budget);
	vsock_dev_polled(&vsock->dev);
	return count;
}

static bool rearm(struct poller *poller) REQUIRES(net_mutex)
{
	struct virtio_vsock *vsock = container_of(poller, struct virtio_vsock, dev.poller);
	bool armed;

	if (virtio_has_failed(vsock->virtio))
		return true;
	armed = virtio_queue_enable(vsock->receive);
	armed = virtio_queue_enable(vsock->events) && armed;
	if (unlikely(vsock->full))
		armed = virtio_queue_enable_late(vsock->transmit) && armed;
	return armed;
}

static unsigned open_ring(void)
{
	uint64_t buffers = pages_stats().total_bytes >> RING_MEMORY_SHIFT;

	return (unsigned)min(max(buffers, (uint64_t)RING_MIN), (uint64_t)RING_MAX);
}

static void open(struct vsock_dev *dev)
{
	struct virtio_vsock *vsock = vsock_of(dev);

	vsock->ring = max(min(open_ring(), virtio_queue_entries(vsock->receive) / 2), 1u);
	fill(vsock);
	show(vsock);
}

static const struct vsock_dev_ops ops = {
	.transmit = transmit,
	.flush = flush,
	.open = open,
	.is_sending = is_sending,
};
static const struct poller_ops poller_ops = { .poll = poll, .rearm = rearm };

/* Attaching */

static int open_queues(struct virtio_vsock *vsock)
{
	struct virtio_queue_request request = { .index = VIRTIO_VSOCK_RX,
						.entries = ENTRIES,
						.segments = 2,
						.arrived = receive_arrived,
						.context = vsock };
	int error = virtio_queue_open(vsock->virtio, &request, &vsock->receive);

	if (error)
		return error;
	request.index = VIRTIO_VSOCK_TX;
	request.arrived = transmit_arrived;
	error = virtio_queue_open(vsock->virtio, &request, &vsock->transmit);
	if (error)
		return error;
	request.index = VIRTIO_VSOCK_EVENT;
	request.entries = EVENT_ENTRIES;
	request.segments = 1;
	request.arrived = event_arrived;
	return virtio_queue_open(vsock->virtio, &request, &vsock->events);
}

static int prepare(struct virtio_vsock *vsock)
{
	uint64_t features;
	int error = virtio_negotiate(vsock->virtio, VIRTIO_F_VERSION_1 | VIRTIO_VSOCK_F_STREAM,
				     &features);

	if (!error && !read_cid(vsock))
		error = -ENXIO;
	if (!error)
		error = open_queues(vsock);
	if (!error)
		error = netbuf_pool_create(ROOM, RING_CLOSED, POOL_RINGS * open_ring(),
					   &vsock->pool);
	if (!error)
		error = virtio_start(vsock->virtio);
	/* The last that can fail: from here on the device has buffers. */
	return error ? error : vsock_dev_register(&vsock->dev);
}

static void describe(const struct device *device, struct device_text *text)
{
	const struct vsock_dev *dev = device->class_device;

	device_print(text, "vsock cid %u", dev->cid);
}

static void start(struct virtio_vsock *vsock)
{
	vsock->dev.device->class_device = &vsock->dev;
	vsock->dev.device->describe_class = describe;
	mutex_lock(&net_mutex);
	virtio_queue_disable(vsock->transmit);
	for (unsigned i = 0; i < min((unsigned)EVENT_ENTRIES, virtio_queue_entries(vsock->events));
	     i++)
		post_event(vsock, &vsock->event[i]);
	vsock->ring = RING_CLOSED;
	fill(vsock);
	show(vsock);
	mutex_unlock(&net_mutex);
}

static int attach(struct virtio_dev *virtio)
{
	struct virtio_vsock *vsock = mem_zalloc(sizeof *vsock);
	int error;

	if (!vsock)
		return -ENOMEM;
	vsock->virtio = virtio;
	vsock->dev.ops = &ops;
	vsock->dev.poller.ops = &poller_ops;
	vsock->dev.device = virtio_device(virtio);
	virtio_set_driver_data(virtio, vsock);
	error = prepare(vsock);
	if (!error) {
		start(vsock);
		return 0;
	}
	if (!virtio_stop(virtio))
		return error;
	virtio_set_driver_data(virtio, NULL);
	netbuf_pool_close(vsock->pool);
	mem_free(vsock);
	return error;
}

static void failed(struct virtio_dev *virtio)
{
	struct virtio_vsock *vsock = virtio_driver_data(virtio);
	struct netbuf *buf;

	mutex_lock(&net_mutex);
	vsock_dev_failed(&vsock->dev);
	while ((buf = virtio_queue_detach(vsock->receive)) != NULL)
		netbuf_put(buf);
	while ((buf = virtio_queue_detach(vsock->transmit)) != NULL)
		netbuf_put_chain(buf);
	while (virtio_queue_detach(vsock->events))
		;
	netbuf_pool_close(vsock->pool);
	vsock->pool = NULL;
	mutex_unlock(&net_mutex);
}

const struct virtio_driver virtio_vsock_driver = {
	.name = "virtio-vsock",
	.type = VIRTIO_VSOCK,
	.attach = attach,
	.failed = failed,
};
VIRTIO_DRIVER(virtio_vsock_driver);
