/* SPDX-License-Identifier: BSD-3-Clause */
/* The messages about ports: three to the device, and room for the first ones from it, which stay unread. */
#include "ports.h"

#include <base/errno.h>
#include <mm/alloc.h>

enum {
	MESSAGES = 3,
	ROOMS = 4, /* from the device, of the size of ... */
	ROOM_MESSAGES =
		8, /* ... so many without a text: one with a port's name is longer than one without */
};

static const uint16_t said[MESSAGES] = {
	VIRTIO_CONSOLE_DEVICE_READY,
	VIRTIO_CONSOLE_PORT_READY,
	VIRTIO_CONSOLE_PORT_OPEN,
};

int ports_create(struct ports *ports, struct virtio_dev *virtio)
{
	const struct virtio_queue_request receive = { .index = VIRTIO_CONSOLE_CONTROL_RECEIVEQ,
						      .entries = ROOMS,
						      .segments = 1 };
	const struct virtio_queue_request transmit = { .index = VIRTIO_CONSOLE_CONTROL_TRANSMITQ,
						       .entries = ROOMS,
						       .segments = 1 };

	ports->memory = mem_zalloc((MESSAGES + ROOMS * ROOM_MESSAGES) * sizeof *ports->memory);
	if (!ports->memory)
		return -ENOMEM;
	int error = virtio_queue_open(virtio, &receive, &ports->receive);
	return error ? error : virtio_queue_open(virtio, &transmit, &ports->transmit);
}

void ports_destroy(struct ports *ports)
{
	mem_free(ports->memory);
}

/* Adding fails only where the device has failed: there is room for all. */
static void add(struct virtio_queue *queue, struct virtio_console_control *message, uint32_t count,
		bool to_device)
{
	const struct virtio_segment segment = { message, count * (uint32_t)sizeof *message };

	(void)!virtio_queue_add(queue, &segment, to_device, !to_device, message);
}

void ports_start(struct ports *ports)
{
	struct virtio_console_control *message = ports->memory;

	if (!message)
		return;
	virtio_queue_disable(ports->receive);
	virtio_queue_disable(ports->transmit);
	for (unsigned i = 0; i < MESSAGES; i++, message++) {
		*message = (struct virtio_console_control){ .event = le16(said[i]),
							    .value = le16(1) };
		add(ports->transmit, message, 1, true);
	}
	for (unsigned i = 0; i < ROOMS; i++, message += ROOM_MESSAGES)
		add(ports->receive, message, ROOM_MESSAGES, false);
	virtio_queue_kick(ports->receive);
	virtio_queue_kick(ports->transmit);
}

void ports_stop(struct ports *ports)
{
	if (!ports->memory)
		return;
	while (virtio_queue_detach(ports->receive) || virtio_queue_detach(ports->transmit))
		;
}
