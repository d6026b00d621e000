/* SPDX-License-Identifier: BSD-3-Clause */
/* Registers of the 16550A UART (National Semiconductor PC16550D, June 1995), by its names. */
#pragma once

enum uart16550_register {
	UART_RBR = 0, /* read: receiver buffer */
	UART_THR = 0, /* write: transmitter holding */
	UART_DLL = 0, /* with LCR.DLAB: divisor latch, low byte */
	UART_IER = 1, /* interrupt enable */
	UART_DLM = 1, /* with LCR.DLAB: divisor latch, high byte */
	UART_IIR = 2, /* read: interrupt identification */
	UART_FCR = 2, /* write: FIFO control */
	UART_LCR = 3, /* line control */
	UART_MCR = 4, /* modem control */
	UART_LSR = 5, /* line status */
	UART_MSR = 6, /* modem status */
	UART_SCR = 7, /* scratch */
	UART_REGISTERS = 8,
};

enum uart16550_bit {
	UART_IER_ERBFI = 0x01, /* received data available */
	UART_IER_ELSI = 0x04,  /* receiver line status */
	UART_IER_BITS = 0x0f,  /* the others are of later chips */
	UART_IIR_FIFOS = 0xc0, /* both set: FIFOs enabled, and working (16550A) */
	UART_FCR_ENABLE = 0x01,
	UART_FCR_TRIGGER14 = 0xc0, /* interrupt at 14 bytes, or when no more come */
	UART_LCR_8N1 = 0x03,
	UART_LCR_DLAB = 0x80,
	UART_MCR_DTR = 0x01,
	UART_MCR_RTS = 0x02,
	UART_MCR_OUT2 = 0x08, /* on a PC: lets the interrupt through */
	UART_LSR_DR = 0x01,   /* data ready */
	UART_LSR_BI = 0x10,   /* break */
	UART_LSR_THRE = 0x20, /* transmitter holding register, or its FIFO, empty */
	UART_LSR_TEMT = 0x40, /* transmitter empty */
};

enum { UART_FIFO_BYTES = 16, UART_DIVISOR_115200 = 1 };
