/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A UART whose every register reads as the input says. Whatever it is, the driver returns, and
 * never says that it read or wrote more than it was asked to.
 */
#include "uart16550.h"

#include "regs.h"

#include "../../../port/host/io.h"

#include <stdlib.h>

static const uint8_t *script;
static size_t script_bytes;

/* Past the input's end it is a device that always has something and never takes anything: the
 * worst. */
static uint64_t read_any(void *context, uint32_t offset, unsigned bytes)
{
	(void)context;
	(void)offset;
	(void)bytes;
	if (!script_bytes)
		return UART_LSR_DR;
	script_bytes--;
	return *script++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct host_device port = { .base = 0x3f8, .bytes = 8, .read = read_any };
	struct io_region io = io_ports(0x3f8, UART_REGISTERS);
	struct console_device *device;
	struct uart16550 uart;
	uint8_t bytes[64];

	host_io_remove_all();
	host_io_add(&port);
	script = data;
	script_bytes = size;
	if (!uart16550_init(&uart, &io, 4))
		return 0;
	device = &uart.device;
	for (unsigned i = 0; i < 4; i++) {
		if (device->ops->read(device, bytes, sizeof bytes) > sizeof bytes)
			abort();
		if (device->ops->write(device, bytes, sizeof bytes) > sizeof bytes)
			abort();
		if (device->ops->read(device, bytes, 0))
			abort();
	}
	device->ops->flush(device);
	return 0;
}
