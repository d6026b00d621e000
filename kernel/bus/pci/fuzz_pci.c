/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration space that says anything: each read of a register takes the next bytes of the input. Whatever is found, the scan
 * ends, and what drivers ask for is within bounds.
 */
#include <base/assert.h>
#include <core/params.h>

#include "../../port/host/host.h"
#include "../../port/host/io.h"
#include "pci.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct {
	const uint8_t *at, *end;
	uint32_t address;
	unsigned reads;
} input;

static uint64_t read_address(void *context, uint32_t offset, unsigned bytes)
{
	(void)context;
	(void)offset;
	(void)bytes;
	return input.address;
}

static void write_address(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	(void)context;
	(void)offset;
	(void)bytes;
	input.address = (uint32_t)value;
}

static uint64_t read_data(void *context, uint32_t offset, unsigned bytes)
{
	uint64_t value = 0;
	size_t left = (size_t)(input.end - input.at);

	(void)context;
	(void)offset;
	input.reads++;
	if (left < bytes)
		return UINT64_MAX;
	memcpy(&value, input.at, bytes);
	input.at += bytes;
	return value;
}

static struct host_device address_port = {
	.base = 0xcf8, .bytes = 4, .read = read_address, .write = write_address
};
static struct host_device data_port = { .base = 0xcfc, .bytes = 4, .read = read_data };

static bool matches(const struct pci_dev *dev)
{
	return dev->vendor & 1;
}

static void handle(void *context)
{
	(void)context;
}

static int attach(struct pci_dev *dev)
{
	struct irq_message message;
	struct io_region io;
	uint32_t at = 0;
	unsigned messages;

	for (unsigned i = 0; i < 64; i++) {
		at = pci_find_capability(dev, PCI_CAP_VENDOR, at, 16);
		if (!at)
			break;
		assert(at >= 0x40 && at + 16 <= 256);
	}
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &dev->bars[i];

		assert(!bar->bytes || is_pow2(bar->bytes));
		assert(!bar->address || is_aligned(bar->address, bar->bytes));
		if (!pci_map_bar(dev, i, 16, 16, &io))
			assert(io.base >= bar->address &&
			       io.base + io.bytes <= bar->address + bar->bytes);
	}
	messages = pci_messages_start(dev);
	if (messages && !pci_message_attach(dev, messages - 1, handle, dev, &message))
		pci_message_detach(dev, messages - 1, &message);
	if (messages)
		pci_messages_stop(dev);
	return 0;
}

static const struct pci_driver driver = { .name = "fuzz", .matches = matches, .attach = attach };
PCI_DRIVER(driver);

static void start(void)
{
	static char memory[256];
	static const char line[] = "acpi=off";

	assert(params_memory_bytes(line, sizeof(line) - 1) <= sizeof(memory));
	params_parse(line, sizeof(line) - 1, memory);
	host_io_add(&address_port);
	host_io_add(&data_port);
	host_set_log_level(0);
}

static void forget(void)
{
	struct list_node *node;
	struct pci_root *root = NULL;

	while ((node = list_pop_front(&pci_devices)) != NULL) {
		struct pci_dev *dev = list_entry(node, struct pci_dev, link);

		root = dev->root;
		device_remove(&dev->device);
		free(dev);
	}
	if (root) {
		device_remove(&root->device);
		free(root);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (!address_port.next && !data_port.next)
		start();
	input.at = data;
	input.end = data + bytes;
	input.reads = 0;
	pci_probe(0, 0);
	/* A read that finds nothing costs one; what is there comes from the input. */
	assert(input.reads < 100000 + 64 * bytes);
	forget();
	return 0;
}
