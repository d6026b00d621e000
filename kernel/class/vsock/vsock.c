/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket device in use, and the layer above it. See <class/vsock.h>. */
#include <class/vsock.h>

#include <base/errno.h>
#include <base/log.h>

/* One address in the machine. */
static struct {
	struct vsock_dev *dev; /* [net_mutex] */
	const struct vsock_upper *upper;
} vsock;

int vsock_dev_register(struct vsock_dev *dev)
{
	int error = -EBUSY;

	mutex_lock(&net_mutex);
	if (!vsock.dev)
		error = poller_start(&dev->poller);
	if (!error)
		vsock.dev = dev;
	mutex_unlock(&net_mutex);
	if (!error)
		log_info("vsock: this machine has CID %u", dev->cid);
	return error;
}

void vsock_set_upper(const struct vsock_upper *upper)
{
	vsock.upper = upper;
}

struct vsock_dev *vsock_device(void)
{
	return vsock.dev;
}

void vsock_dev_receive(struct vsock_dev *dev, struct netbuf *packet)
{
	if (vsock.upper)
		vsock.upper->receive(dev, packet);
	else
		netbuf_put(packet);
}

void vsock_dev_reset(struct vsock_dev *dev)
{
	log_info("vsock: all connections are reset, this machine has CID %u", dev->cid);
	if (vsock.upper)
		vsock.upper->reset();
}

void vsock_dev_transmit_ready(struct vsock_dev *dev)
{
	(void)dev;
	if (vsock.upper)
		vsock.upper->transmit_ready();
}

void vsock_dev_polled(struct vsock_dev *dev)
{
	if (vsock.upper)
		vsock.upper->polled();
	else
		dev->ops->flush(dev);
}

void vsock_dev_failed(struct vsock_dev *dev)
{
	poller_stop(&dev->poller);
	if (vsock.dev != dev)
		return;
	vsock.dev = NULL;
	if (vsock.upper)
		vsock.upper->reset();
}
