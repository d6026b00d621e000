/* SPDX-License-Identifier: BSD-3-Clause */
/* A 16550A for tests, and what may be found where there is none. */
#pragma once

#include <base/types.h>

#include "../../../port/host/io.h"

enum sim_uart_kind {
	SIM_UART_QEMU, /* 16-byte FIFOs; enabling the interrupt with data waiting raises it */
	SIM_UART_VMM,  /* as Rust VMMs have it: output at once, 64 bytes of input, an interrupt only
			  as data arrive */
	SIM_UART_8250, /* no FIFOs */
	SIM_UART_ONES, /* nothing: the bus floats */
	SIM_UART_ZEROS, /* nothing: reads give 0 */
	SIM_UART_LAST,  /* nothing: reads give what was last written to any port */
};

enum { SIM_UART_INPUT = 64, SIM_UART_OUTPUT = 4096 };

struct sim_uart16550 {
	struct host_device port;
	enum sim_uart_kind kind;
	unsigned irq;
	uint8_t ier, lcr, mcr, scr, fcr, dll, dlm, last_written;
	uint8_t input[SIM_UART_INPUT];
	unsigned input_count;
	bool break_next;     /* the next byte of input is a break */
	unsigned busy_polls; /* reads of LSR until a burst is sent; 0: at once */
	unsigned busy_left;
	unsigned in_fifo;  /* bytes of output waiting */
	bool stuck;        /* output is never sent */
	unsigned overruns; /* bytes written to a full FIFO */
	char output[SIM_UART_OUTPUT + 1];
	unsigned output_count;
};

void sim_uart16550_add(struct sim_uart16550 *sim, uint16_t port, unsigned irq,
		       enum sim_uart_kind kind);

/** Bytes from outside, as many as the FIFO takes; returns how many. */
unsigned sim_uart16550_receive(struct sim_uart16550 *sim, const void *bytes, unsigned count);
