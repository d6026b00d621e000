/* SPDX-License-Identifier: BSD-3-Clause */
/* A 16550 without FIFO delays (PC16550D data sheet, section 8): what is written is sent at once. */
#include "vmm.h"

enum { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };
enum { LCR_DLAB = 0x80 };
enum { IER_RECEIVED = 1, IER_TRANSMITTER = 2 };
enum { IIR_NONE = 1, IIR_TRANSMITTER = 2, IIR_RECEIVED = 4, IIR_FIFO = 0xc0 };
enum { LSR_DATA = 1, LSR_EMPTY = 0x60 };
enum { MSR_READY = 0xb0 }; /* carrier, data set ready, clear to send */

static uint8_t pending(const struct serial *serial)
{
	if ((serial->ier & IER_RECEIVED) && *serial->input)
		return IIR_RECEIVED;
	if ((serial->ier & IER_TRANSMITTER) && serial->transmit_pending)
		return IIR_TRANSMITTER;
	return IIR_NONE;
}

static void update_line(struct serial *serial)
{
	serial->set_line(serial->context, pending(serial) != IIR_NONE);
}

static uint8_t read_interrupt(struct serial *serial)
{
	uint8_t cause = pending(serial);

	if (cause == IIR_TRANSMITTER)
		serial->transmit_pending = false;
	return cause | IIR_FIFO;
}

static uint8_t read_data(struct serial *serial)
{
	return *serial->input ? (uint8_t)*serial->input++ : 0;
}

uint8_t serial_read(struct serial *serial, unsigned offset)
{
	uint8_t value = 0;

	if (offset <= IER && (serial->lcr & LCR_DLAB))
		return serial->divisor[offset];
	switch (offset) {
	case RBR_THR:
		value = read_data(serial);
		break;
	case IER:
		value = serial->ier;
		break;
	case IIR_FCR:
		value = read_interrupt(serial);
		break;
	case LCR:
		value = serial->lcr;
		break;
	case MCR:
		value = serial->mcr;
		break;
	case LSR:
		value = LSR_EMPTY | (*serial->input ? LSR_DATA : 0);
		break;
	case MSR:
		value = MSR_READY;
		break;
	case SCR:
		value = serial->scratch;
		break;
	}
	update_line(serial);
	return value;
}

void serial_write(struct serial *serial, unsigned offset, uint8_t value)
{
	if (offset <= IER && (serial->lcr & LCR_DLAB)) {
		serial->divisor[offset] = value;
		return;
	}
	switch (offset) {
	case RBR_THR:
		serial->output(serial->context, value);
		serial->transmit_pending = true;
		break;
	case IER:
		serial->transmit_pending |= !(serial->ier & IER_TRANSMITTER) &&
					    (value & IER_TRANSMITTER);
		serial->ier = value & 0xf;
		break;
	case LCR:
		serial->lcr = value;
		break;
	case MCR:
		serial->mcr = value;
		break;
	case SCR:
		serial->scratch = value;
		break;
	}
	update_line(serial);
}
