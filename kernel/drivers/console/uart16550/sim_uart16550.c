/* SPDX-License-Identifier: BSD-3-Clause */
/* See sim_uart16550.h. */
#include "sim_uart16550.h"

#include "regs.h"

#include <string.h>

static bool has_fifos(const struct sim_uart16550 *sim)
{
	return sim->kind != SIM_UART_8250 && sim->fcr & UART_FCR_ENABLE;
}

static unsigned fifo_bytes(const struct sim_uart16550 *sim)
{
	return has_fifos(sim) ? UART_FIFO_BYTES : 1;
}

static void raise_interrupt(const struct sim_uart16550 *sim)
{
	if (sim->ier & UART_IER_ERBFI && sim->mcr & UART_MCR_OUT2 && sim->input_count)
		host_irq_raise(sim->irq);
}

static uint8_t read_status(struct sim_uart16550 *sim)
{
	uint8_t status = 0;

	if (sim->busy_left && !sim->stuck && !--sim->busy_left)
		sim->in_fifo = 0;
	if (sim->input_count)
		status |= UART_LSR_DR;
	if (sim->input_count && sim->break_next)
		status |= UART_LSR_BI;
	if (!sim->in_fifo && !sim->stuck)
		status |= UART_LSR_THRE | UART_LSR_TEMT;
	return status;
}

static uint8_t read_input(struct sim_uart16550 *sim)
{
	uint8_t byte = sim->input[0];

	if (!sim->input_count)
		return 0;
	sim->break_next = false;
	memmove(sim->input, sim->input + 1, --sim->input_count);
	return byte;
}

static uint64_t sim_read(void *context, uint32_t offset, unsigned bytes)
{
	struct sim_uart16550 *sim = context;
	bool dlab = sim->lcr & UART_LCR_DLAB;

	(void)bytes;
	if (sim->kind == SIM_UART_ONES)
		return 0xff;
	if (sim->kind == SIM_UART_ZEROS)
		return 0;
	if (sim->kind == SIM_UART_LAST)
		return sim->last_written;
	switch (offset) {
	case UART_RBR:
		return dlab ? sim->dll : read_input(sim);
	case UART_IER:
		return dlab ? sim->dlm : sim->ier;
	case UART_IIR:
		return (has_fifos(sim) ? UART_IIR_FIFOS : 0) | 1;
	case UART_LCR:
		return sim->lcr;
	case UART_MCR:
		return sim->mcr;
	case UART_LSR:
		return read_status(sim);
	case UART_SCR:
		return sim->scr;
	default:
		return 0;
	}
}

static void write_output(struct sim_uart16550 *sim, uint8_t value)
{
	if (sim->in_fifo == fifo_bytes(sim)) {
		sim->overruns++;
		return;
	}
	if (sim->busy_polls || sim->stuck) {
		sim->in_fifo++;
		sim->busy_left = sim->busy_polls;
	}
	if (sim->output_count < SIM_UART_OUTPUT)
		sim->output[sim->output_count++] = (char)value;
	sim->output[sim->output_count] = 0;
}

static void write_enable(struct sim_uart16550 *sim, uint8_t value)
{
	sim->ier = value & UART_IER_BITS;
	if (sim->kind == SIM_UART_QEMU)
		raise_interrupt(sim);
}

static void write_fifo_control(struct sim_uart16550 *sim, uint8_t value)
{
	if ((sim->fcr ^ value) & UART_FCR_ENABLE && sim->kind != SIM_UART_VMM)
		sim->input_count = 0;
	sim->fcr = value;
}

static void sim_write(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	struct sim_uart16550 *sim = context;
	bool dlab = sim->lcr & UART_LCR_DLAB;
	uint8_t byte = (uint8_t)value;

	(void)bytes;
	sim->last_written = byte;
	if (offset == UART_THR && dlab)
		sim->dll = byte;
	else if (offset == UART_THR)
		write_output(sim, byte);
	else if (offset == UART_IER && dlab)
		sim->dlm = byte;
	else if (offset == UART_IER)
		write_enable(sim, byte);
	else if (offset == UART_FCR)
		write_fifo_control(sim, byte);
	else if (offset == UART_LCR)
		sim->lcr = byte;
	else if (offset == UART_MCR)
		sim->mcr = byte;
	else if (offset == UART_SCR)
		sim->scr = byte;
}

void sim_uart16550_add(struct sim_uart16550 *sim, uint16_t port, unsigned irq,
		       enum sim_uart_kind kind)
{
	memset(sim, 0, sizeof *sim);
	sim->kind = kind;
	sim->irq = irq;
	sim->port = (struct host_device){ .base = port,
					  .bytes = UART_REGISTERS,
					  .read = sim_read,
					  .write = sim_write,
					  .context = sim };
	host_io_add(&sim->port);
}

unsigned sim_uart16550_receive(struct sim_uart16550 *sim, const void *bytes, unsigned count)
{
	unsigned room = (sim->kind == SIM_UART_VMM ? SIM_UART_INPUT : fifo_bytes(sim)) -
			sim->input_count;
	unsigned taken = count < room ? count : room;

	memcpy(sim->input + sim->input_count, bytes, taken);
	sim->input_count += taken;
	if (taken)
		raise_interrupt(sim);
	return taken;
}
