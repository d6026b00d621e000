/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a connection: how it begins, how it ends, and how long either may take. Under net_mutex, but where said otherwise. */
#include <net/vsock.h>

#include <base/errno.h>
#include <mm/alloc.h>
#include <mm/pages.h>

#include "vsock.h"

enum {
	WINDOW_PENDING = 16384,   /* of a connection that nobody has accepted */
	PENDING_BYTES = 65536,    /* what such a one may cost, at most */
	PENDING_MEMORY_PART = 16, /* of memory is for all of them */
	CLOSING_MEMORY_PART =
		64, /* of memory is for connections that wait for the peer to confirm their end */
	WINDOW_MEMORY_PART = 8, /* of memory is the largest window */
};
/* How long the peer has to confirm the end, as on Linux. */
#define CLOSE_TIMEOUT_NS (8 * NS_PER_S)

/* One network in the machine. */
static struct {
	struct spinlock lock;
	struct list_node expired; /* [lock] struct vsock.expired */
	struct poller poller;     /* for what the timers start */
	bool begun;               /* [net_mutex] there was a socket */
	unsigned pending;         /* [net_mutex] connections that nobody has accepted */
	unsigned closing;         /* [net_mutex] those to other machines without a socket */
} engine = { .expired = { &engine.expired, &engine.expired } };

/* --- time --- */

static void timer_fired(struct timer *timer)
{
	struct vsock *vsock = container_of(timer, struct vsock, timer);

	spin_lock(&engine.lock);
	if (!list_linked(&vsock->expired))
		list_insert_before(&engine.expired, &vsock->expired);
	spin_unlock(&engine.lock);
	poller_schedule(&engine.poller);
}

static void stop_timer(struct vsock *vsock) REQUIRES(net_mutex)
{
	timer_cancel(&vsock->timer);
	spin_lock(&engine.lock);
	list_remove(&vsock->expired);
	spin_unlock(&engine.lock);
}

/* What stays in the machine is answered at once. */
static void start_timer(struct vsock *vsock, uint64_t timeout_ns) REQUIRES(net_mutex)
{
	if (!vsock->loops)
		timer_arm(&vsock->timer, time_now() + timeout_ns);
}

static struct vsock *take_expired(void)
{
	struct list_node *node;

	spin_lock(&engine.lock);
	node = list_pop_front(&engine.expired);
	spin_unlock(&engine.lock);
	return node ? list_entry(node, struct vsock, expired) : NULL;
}

static unsigned poll_expired(struct poller *poller, unsigned budget) REQUIRES(net_mutex)
{
	struct vsock *vsock;
	unsigned count = 0;

	(void)poller;
	while (count < budget && (vsock = take_expired()) != NULL) {
		count++;
		if (vsock->state == VSOCK_CONNECTING)
			vsock_refused(vsock, -ETIMEDOUT);
		vsock_control(vsock, VSOCK_UNSENT_RST);
	}
	vsock_settle();
	return count;
}

static bool none_expired(struct poller *poller)
{
	bool none;

	(void)poller;
	spin_lock(&engine.lock);
	none = list_empty(&engine.expired);
	spin_unlock(&engine.lock);
	return none;
}

/* --- one --- */

struct vsock *vsock_create(void)
{
	struct vsock *vsock = mem_zalloc(sizeof *vsock);

	if (!vsock)
		return NULL;
	vsock->local = vsock->remote = (struct vsock_address){ VSOCK_CID_ANY, VSOCK_PORT_ANY };
	list_init(&vsock->starved);
	list_init(&vsock->expired);
	list_init(&vsock->pending);
	list_init(&vsock->link);
	timer_init(&vsock->timer, timer_fired);
	return vsock;
}

static void forget_pending(struct vsock *vsock) REQUIRES(net_mutex)
{
	if (!vsock->listener)
		return;
	list_remove(&vsock->link);
	vsock->listener->pending_count--;
	vsock->listener = NULL;
	engine.pending--;
}

static void set_closing(struct vsock *vsock) REQUIRES(net_mutex)
{
	if (vsock->state != VSOCK_CLOSING && !vsock->loops)
		engine.closing++;
	vsock->state = VSOCK_CLOSING;
}

void vsock_destroy(struct vsock *vsock)
{
	if (vsock->state == VSOCK_CLOSING && !vsock->loops)
		engine.closing--;
	stop_timer(vsock);
	forget_pending(vsock);
	vsock_unlist(vsock);
	vsock_unbind(vsock);
	vsock_drop_queue(vsock);
	list_remove(&vsock->starved);
	mem_free(vsock);
}

void vsock_set_window(struct vsock *vsock)
{
	uint64_t most = min(pages_stats().total_bytes / WINDOW_MEMORY_PART, (uint64_t)INT32_MAX);
	uint32_t before = vsock->window;

	if (vsock->listener)
		most = WINDOW_PENDING;
	vsock->window = (uint32_t)min(vsock->buffer_bytes, most);
	vsock->window_most = max(vsock->window_most, vsock->window);
	if (vsock->state == VSOCK_CONNECTED && vsock->window != before)
		vsock_control(vsock, VSOCK_UNSENT_CREDIT_UPDATE);
}

/* --- beginning --- */

static void begin(struct vsock *vsock) REQUIRES(net_mutex)
{
	vsock->loops = vsock_is_own(vsock->remote.cid);
	vsock->error = 0;
	vsock->shut = vsock->peer_shut = 0;
	vsock->received = vsock->forwarded = vsock->told = 0;
	vsock->sent = vsock->peer_forwarded = vsock->peer_window = 0;
	vsock->credit_asked = vsock->connect_told = false;
	vsock->window_most = 0;
	vsock_set_window(vsock);
}

int vsock_start_connect(struct vsock *vsock, struct vsock_address to)
{
	const struct vsock_address any = { VSOCK_CID_ANY, VSOCK_PORT_ANY };
	int error = 0;

	if (!vsock_is_own(to.cid) && !vsock_device())
		return -ENODEV;
	if (!vsock->is_bound)
		error = vsock_bind(vsock, any);
	if (error)
		return error;
	vsock->remote = to;
	begin(vsock);
	error = vsock_list(vsock);
	if (error)
		return error;
	vsock->unsent = 0; /* of an attempt before */
	vsock->state = VSOCK_CONNECTING;
	start_timer(vsock, vsock->connect_timeout_ns);
	vsock_control(vsock, VSOCK_UNSENT_REQUEST);
	return 0;
}

void vsock_established(struct vsock *vsock)
{
	stop_timer(vsock);
	vsock->state = VSOCK_CONNECTED;
	vsock_wake(vsock, VSOCK_WRITABLE);
}

static bool may_have_pending(const struct vsock *listener) REQUIRES(net_mutex)
{
	uint64_t most = pages_stats().total_bytes / PENDING_MEMORY_PART / PENDING_BYTES;

	return listener->pending_count <= listener->backlog && engine.pending < most;
}

struct vsock *vsock_add_pending(struct vsock *listener, const struct vsock_packet *request)
{
	struct vsock *vsock = may_have_pending(listener) ? vsock_create() : NULL;

	if (!vsock)
		return NULL;
	vsock->buffer_bytes = listener->buffer_bytes;
	vsock->buffer_min = listener->buffer_min;
	vsock->buffer_max = listener->buffer_max;
	vsock->connect_timeout_ns = listener->connect_timeout_ns;
	vsock->local = request->to;
	vsock->remote = request->from;
	if (vsock_list(vsock)) {
		vsock_destroy(vsock);
		return NULL;
	}
	vsock->listener = listener;
	list_insert_before(&listener->pending, &vsock->link);
	listener->pending_count++;
	engine.pending++;
	begin(vsock);
	vsock->peer_window = min(request->buf_alloc, (uint32_t)INT32_MAX);
	vsock->connect_told = true;
	vsock->state = VSOCK_CONNECTED;
	return vsock;
}

struct vsock *vsock_take_pending(struct vsock *listener)
{
	struct vsock *vsock;

	if (list_empty(&listener->pending))
		return NULL;
	vsock = list_entry(listener->pending.next, struct vsock, link);
	forget_pending(vsock);
	vsock_set_window(vsock);
	return vsock;
}

int vsock_begin(void)
{
	static const struct poller_ops ops = { .poll = poll_expired, .rearm = none_expired };
	struct vsock_dev *dev;
	int error = 0;

	mutex_lock(&net_mutex);
	dev = vsock_device();
	if (dev && !engine.begun) {
		engine.poller.ops = &ops;
		error = poller_start(&engine.poller);
		engine.begun = !error;
		dev->ops->open(dev);
	}
	mutex_unlock(&net_mutex);
	return error;
}

/* --- the end --- */

/* Nothing more comes for it, or goes. */
static void end(struct vsock *vsock, enum vsock_state state) REQUIRES(net_mutex)
{
	stop_timer(vsock);
	vsock_unlist(vsock);
	vsock->unsent &= VSOCK_UNSENT_RST;
	vsock->state = state;
	vsock_wake(vsock, WAKE_ANY);
}

void vsock_refused(struct vsock *vsock, int error)
{
	vsock->error = error;
	end(vsock, VSOCK_IDLE);
}

void vsock_over(struct vsock *vsock)
{
	vsock->peer_shut = VSOCK_SHUT_BOTH;
	end(vsock, VSOCK_OVER);
}

void vsock_break(struct vsock *vsock)
{
	vsock->error = -ECONNRESET;
	vsock->peer_shut = VSOCK_SHUT_BOTH;
	vsock_drop_queue(vsock);
	end(vsock, VSOCK_BROKEN);
}

/* Ends one that has no socket. */
static void reset(struct vsock *vsock) REQUIRES(net_mutex)
{
	forget_pending(vsock);
	vsock_drop_queue(vsock);
	set_closing(vsock);
	vsock_control(vsock, VSOCK_UNSENT_RST);
}

/* Where a flood of connections is accepted and closed, the peers of most are not waited for. */
static bool may_wait_for_end(void) REQUIRES(net_mutex)
{
	return engine.closing <
	       pages_stats().total_bytes / CLOSING_MEMORY_PART / sizeof(struct vsock);
}

static void close_connection(struct vsock *vsock) REQUIRES(net_mutex)
{
	if (vsock->peer_shut == VSOCK_SHUT_BOTH || !may_wait_for_end()) {
		reset(vsock);
		return;
	}
	vsock_drop_queue(vsock);
	set_closing(vsock);
	vsock->shut = VSOCK_SHUT_BOTH;
	start_timer(vsock, CLOSE_TIMEOUT_NS);
	vsock_control(vsock, VSOCK_UNSENT_SHUTDOWN);
}

void vsock_close(struct vsock *vsock)
{
	vsock->socket = NULL;
	vsock_unbind(vsock);
	while (!list_empty(&vsock->pending))
		reset(list_entry(vsock->pending.next, struct vsock, link));
	if (vsock->state == VSOCK_CONNECTED)
		close_connection(vsock);
	else if (vsock->state == VSOCK_CONNECTING || vsock->unsent)
		reset(vsock);
	else
		vsock_destroy(vsock);
}

bool vsock_is_unfinished(void)
{
	struct vsock_dev *dev = vsock_device();

	return dev && engine.begun && (engine.closing || dev->ops->is_sending(dev));
}

/* --- the device --- */

static void device_receive(struct vsock_dev *dev, struct netbuf *data) REQUIRES(net_mutex)
{
	struct vsock_packet packet;

	if (vsock_parse(data, &packet) && packet.to.cid == dev->cid &&
	    !vsock_is_own(packet.from.cid))
		vsock_arrive(&packet, data);
	else
		netbuf_put(data);
}

/* What was begun with the device before is forgotten there; listeners live on. */
static void device_reset(void) REQUIRES(net_mutex)
{
	struct vsock *vsock = vsock_next_connection(NULL), *next;

	for (; vsock; vsock = next) {
		next = vsock_next_connection(vsock);
		if (vsock->loops)
			continue;
		vsock->unsent = 0;
		if (vsock->state == VSOCK_CLOSING || vsock->listener)
			vsock_destroy(vsock);
		else if (vsock->state == VSOCK_CONNECTING)
			vsock_refused(vsock, -ECONNRESET);
		else
			vsock_break(vsock);
	}
	vsock_transmit_ready();
	vsock_settle();
}

void vsock_start(void)
{
	static const struct vsock_upper upper = {
		.receive = device_receive,
		.reset = device_reset,
		.transmit_ready = vsock_transmit_ready,
		.polled = vsock_settle,
	};

	vsock_set_upper(&upper);
}
