/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's virtio devices: disks, network, vsock, in the order in which Firecracker attaches them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "virtio.h"

unsigned devices_count(const struct devices_plan *plan)
{
	return plan->block_count + plan->net + plan->vsock;
}

static struct virtio_device *add(struct devices *devices, struct ram *ram, struct machine *machine)
{
	struct virtio_device *device = &devices->list[devices->count];

	*device = virtio_place(devices->count++, ram, machine);
	return device;
}

void devices_create(struct devices *out, const struct devices_plan *plan, struct ram *ram,
		    struct machine *machine)
{
	*out = (struct devices){ .count = 0 };
	if (devices_count(plan) > DEVICES_MAX)
		die("more than %d devices", DEVICES_MAX);
	for (unsigned i = 0; i < plan->block_count; i++)
		block_init(add(out, ram, machine), &plan->blocks[i]);
	if (plan->net) {
		out->net = add(out, ram, machine);
		net_init(out->net, plan->net_silent);
	}
	if (plan->vsock) {
		out->vsock = add(out, ram, machine);
		vsock_init(out->vsock);
	}
}

/* What stands behind " -- " stays at the end, as with linux-loader. */
char *devices_cmdline(const struct devices_plan *plan, const char *cmdline)
{
	const char *arguments = strstr(cmdline, " -- ");
	size_t room = strlen(cmdline) + 1 + DEVICES_MAX * 48;
	char *line = malloc(room);
	unsigned count = plan->no_words ? 0 : devices_count(plan);
	size_t length;

	if (!line)
		die("no memory");
	if (!arguments)
		arguments = cmdline + strlen(cmdline);
	length = (size_t)(arguments - cmdline);
	memcpy(line, cmdline, length);
	for (unsigned slot = 0; slot < count; slot++)
		length += (size_t)snprintf(
			line + length, room - length, " virtio_mmio.device=4K@0x%llx:%u",
			(unsigned long long)VIRTIO_SLOTS_GPA + slot * VIRTIO_SLOT_BYTES,
			VIRTIO_GSI_FIRST + slot);
	snprintf(line + length, room - length, "%s", arguments);
	return line;
}

bool devices_access(struct devices *devices, uint64_t gpa, uint8_t *data, uint32_t bytes,
		    bool write)
{
	for (unsigned i = 0; i < devices->count; i++)
		if (virtio_access(&devices->list[i], gpa, data, bytes, write))
			return true;
	return false;
}

void devices_ask(struct devices *devices)
{
	if (devices->asked)
		return;
	devices->asked = true;
	if (devices->net)
		net_ask(devices->net);
	if (devices->vsock)
		vsock_ask(devices->vsock);
}

bool devices_all_answered(struct devices *devices)
{
	if (!devices->asked || devices->told)
		return false;
	devices->told = (!devices->net || net_answered(devices->net)) &&
			(!devices->vsock || vsock_answered(devices->vsock));
	return devices->told;
}
