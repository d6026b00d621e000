/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue (virtio 1.2, 5.1.6.5): which frames the device shall receive. Nobody waits for an answer: it is looked for whenever the
 * device is polled, and what has changed meanwhile is sent then.
 */
#include "virtio_net.h"

#include <base/log.h>

static void send(struct virtio_net *net, struct virtio_net_command *command)
{
	struct virtio_segment segments[] = { { &command->class, 2 },
					     { &command->value, 1 },
					     { &command->ack, 1 } };

	if (command->sent || !command->changed)
		return;
	command->changed = false;
	command->value = command->wanted;
	command->ack = VIRTIO_NET_ERR;
	if (virtio_queue_add(net->control, segments, 2, 1, command))
		return;
	command->sent = true;
	virtio_queue_kick(net->control);
}

static void want(struct virtio_net *net, struct virtio_net_command *command, bool value)
{
	command->wanted = value;
	command->changed = true;
	send(net, command);
}

void virtio_net_control_poll(struct virtio_net *net)
{
	struct virtio_net_command *command;
	uint32_t written;

	while ((command = virtio_queue_take(net->control, &written)) != NULL) {
		command->sent = false;
		if (!written || command->ack != VIRTIO_NET_OK)
			log_info("%s: the device does not take receive mode %u=%u", net->dev.name,
				 command->command, command->value);
		send(net, command);
	}
}

int virtio_net_set_multicast(struct netdev *dev, bool all)
{
	struct virtio_net *net = virtio_net_of(dev);

	if (net->control)
		want(net, &net->all_multicast, all);
	return 0;
}

void virtio_net_control_start(struct virtio_net *net)
{
	net->promiscuous.command = VIRTIO_NET_CTRL_RX_PROMISC;
	net->all_multicast.command = VIRTIO_NET_CTRL_RX_ALLMULTI;
	want(net, &net->promiscuous, false);
	want(net, &net->all_multicast, true);
}
