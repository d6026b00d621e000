/* SPDX-License-Identifier: BSD-3-Clause */
/* One UART; for the driver's tests. */
#pragma once

#include <base/compiler.h>
#include <class/console.h>
#include <hal/io.h>

struct uart16550 {
	struct console_device device;
	struct io_region io;
	int isa_irq;         /* -1: not known */
	uint8_t burst_bytes; /* what fits when the transmitter says that it is empty */
	bool worked;         /* it has been ready to send at least once */
	bool stuck;          /* it was not when last waited for */
};

/** Sets up the UART at `io`. False: there is none. */
bool uart16550_init(struct uart16550 *uart, const struct io_region *io, int isa_irq);

extern const struct console_driver uart16550_driver;
