/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The 16550A UART, as PCs have it and VMMs imitate it (PC16550D data sheet): output polled, input
 * by interrupt.
 *
 * The imitations differ: on some a transfer never has to be waited for, on others (QEMU) the
 * transmitter stays full for as long as the host does not take the output; some do not raise the
 * interrupt when it is enabled with data waiting. A port where nothing is reads as ones, as zeroes,
 * or as what was last written to any port.
 */
#include "uart16550.h"

#include "regs.h"

#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/cpu.h>
#include <hal/irq.h>

enum {
	POLLS_MAX = 20000, /* 20 ms or more, ten times what 16 bytes take at 115200 baud */
	PROBE_PATTERN = 0xa5,
	INPUT_MAX = 4096, /* bytes taken in one go: a device that always has one more must not hold
			     the CPU */
};

static uint8_t read_reg(const struct uart16550 *uart, enum uart16550_register reg)
{
	return io_read8(&uart->io, reg);
}

static void write_reg(const struct uart16550 *uart, enum uart16550_register reg, unsigned value)
{
	io_write8(&uart->io, reg, (uint8_t)value);
}

/* Output */

static bool wait_for_status(struct uart16550 *uart, uint8_t bits)
{
	/* Once it was found stuck, ask once a time: messages must not cost 20 ms each. */
	unsigned polls = uart->stuck ? 1 : POLLS_MAX;

	while (!(read_reg(uart, UART_LSR) & bits)) {
		if (!--polls) {
			uart->stuck = true;
			return false;
		}
		cpu_relax();
	}
	uart->stuck = false;
	uart->worked = true;
	return true;
}

static size_t uart16550_write(struct console_device *device, const void *bytes, size_t count)
{
	struct uart16550 *uart = container_of(device, struct uart16550, device);
	size_t done = 0;

	while (done < count && wait_for_status(uart, UART_LSR_THRE)) {
		size_t burst = min(count - done, (size_t)uart->burst_bytes);

		io_write8_repeated(&uart->io, UART_THR, (const char *)bytes + done, burst);
		done += burst;
	}
	/* Nobody can hold back what was never ready: it is broken, and output to it is lost. */
	return uart->worked ? done : count;
}

static bool uart16550_flush(struct console_device *device)
{
	struct uart16550 *uart = container_of(device, struct uart16550, device);

	return wait_for_status(uart, UART_LSR_TEMT) || !uart->worked;
}

/* Input */

static size_t uart16550_read(struct console_device *device, void *bytes, size_t count)
{
	struct uart16550 *uart = container_of(device, struct uart16550, device);
	uint8_t *out = bytes;
	size_t n = 0;

	for (unsigned tries = 0; n < count && tries < INPUT_MAX; tries++) {
		uint8_t status = read_reg(uart, UART_LSR);
		uint8_t byte;

		/* All ones: the device is gone. */
		if (!(status & UART_LSR_DR) || status == 0xff)
			break;
		byte = read_reg(uart, UART_RBR);
		if (!(status & UART_LSR_BI))
			out[n++] = byte;
	}
	return n;
}

static void handle_interrupt(void *context)
{
	struct uart16550 *uart = context;

	console_input(&uart->device);
}

static void uart16550_resume_input(struct console_device *device)
{
	write_reg(container_of(device, struct uart16550, device), UART_IER, UART_IER_ERBFI);
}

static void uart16550_pause_input(struct console_device *device)
{
	write_reg(container_of(device, struct uart16550, device), UART_IER, 0);
}

static int uart16550_start_input(struct console_device *device)
{
	struct uart16550 *uart = container_of(device, struct uart16550, device);
	enum irq_trigger trigger;
	unsigned line;
	int error;

	if (uart->isa_irq < 0)
		return -ENODEV;
	line = irq_isa((unsigned)uart->isa_irq, &trigger);
	error = irq_attach(line, trigger, handle_interrupt, uart);
	if (!error)
		uart16550_resume_input(device);
	return error;
}

static const struct console_ops ops = {
	.write = uart16550_write,
	.flush = uart16550_flush,
	.read = uart16550_read,
	.start_input = uart16550_start_input,
	.pause_input = uart16550_pause_input,
	.resume_input = uart16550_resume_input,
};

/* Finding and setting up */

/** Whether a register keeps what is written to it, while something else is written elsewhere. */
static bool is_there(const struct uart16550 *uart)
{
	uint8_t value;

	write_reg(uart, UART_LCR, UART_LCR_8N1); /* DLAB off: register 1 is IER */
	write_reg(uart, UART_IER, UART_IER_ELSI);
	write_reg(uart, UART_SCR, PROBE_PATTERN);
	value = read_reg(uart, UART_IER);
	write_reg(uart, UART_IER, 0);
	return value != 0xff && (value & UART_IER_BITS) == UART_IER_ELSI;
}

bool uart16550_init(struct uart16550 *uart, const struct io_region *io, int isa_irq)
{
	*uart = (struct uart16550){ .device.ops = &ops, .io = *io, .isa_irq = isa_irq };
	if (!is_there(uart))
		return false;
	write_reg(uart, UART_LCR, UART_LCR_8N1 | UART_LCR_DLAB);
	write_reg(uart, UART_DLL, UART_DIVISOR_115200);
	write_reg(uart, UART_DLM, 0);
	write_reg(uart, UART_LCR, UART_LCR_8N1);
	/* Enabling the FIFOs empties the receiver. Reading it first does not help: the next byte
	 * comes at once. So where there is input already, the FIFOs stay as they are. */
	if (!(read_reg(uart, UART_LSR) & UART_LSR_DR))
		write_reg(uart, UART_FCR, UART_FCR_ENABLE | UART_FCR_TRIGGER14);
	write_reg(uart, UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
	uart->burst_bytes = (read_reg(uart, UART_IIR) & UART_IIR_FIFOS) == UART_IIR_FIFOS
				    ? UART_FIFO_BYTES
				    : 1;
	return true;
}

/* Numbers from the command line: "0x3f8", as Linux takes them for console=uart,io,ADDRESS. */
static bool parse_address(const char *text, uint64_t *out)
{
	uint64_t value = 0;
	unsigned digits = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	for (; *text && *text != ','; text++, digits++) {
		unsigned c = (unsigned char)*text | 0x20u;
		unsigned digit = c >= 'a' ? c - 'a' + 10 : c - '0';

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
			return false;
		value = value << 4 | digit;
	}
	*out = value;
	return digits && digits <= 16;
}

static bool starts_with(const char **text, const char *prefix)
{
	size_t length = strlen(prefix);

	if (strncmp(*text, prefix, length))
		return false;
	*text += length;
	return true;
}

/* COM1 to COM4, as every PC has them; the interrupts are 4 and 3 in turn. */
static const uint16_t line_ports[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };

static bool init_line(struct uart16550 *uart, unsigned line)
{
	struct io_region io = io_ports(line_ports[line], UART_REGISTERS);

	return uart16550_init(uart, &io, line % 2 ? 3 : 4);
}

/** "uart,io,0x3f8" and "uart,mmio,0xfedc9000"; "uart8250" is the same. Behind a further comma comes
 * what is fixed here. */
static bool init_address(struct uart16550 *uart, const char *spec)
{
	struct io_region io;
	uint64_t address;

	if (starts_with(&spec, "io,")) {
		if (!parse_address(spec, &address) || address > UINT16_MAX - UART_REGISTERS)
			return false;
		for (unsigned line = 0; line < countof(line_ports); line++) {
			if (address == line_ports[line])
				return init_line(uart, line); /* its interrupt is known */
		}
		io = io_ports((uint16_t)address, UART_REGISTERS);
		return uart16550_init(uart, &io, -1);
	}
	return starts_with(&spec, "mmio,") && parse_address(spec, &address) &&
	       !io_map(&io, phys(address), UART_REGISTERS) && uart16550_init(uart, &io, -1);
}

static bool init_spec(struct uart16550 *uart, const char *spec)
{
	if (starts_with(&spec, "ttyS"))
		return spec[0] >= '0' && spec[0] < '0' + (char)countof(line_ports) &&
		       (!spec[1] || spec[1] == ',') && init_line(uart, (unsigned)(spec[0] - '0'));
	if (starts_with(&spec, "uart8250,") || starts_with(&spec, "uart,"))
		return init_address(uart, spec);
	return false;
}

static struct console_device *uart16550_probe(const char *spec)
{
	/* There is one console in a machine, and it is wanted before there is memory. */
	static struct uart16550 console_uart;
	struct uart16550 uart;
	bool found = spec && init_spec(&uart, spec);

	for (unsigned line = 0; !spec && !found && line < countof(line_ports); line++)
		found = init_line(&uart, line);
	if (!found)
		return NULL;
	console_uart = uart;
	return &console_uart.device;
}

const struct console_driver uart16550_driver = {
	.name = "16550",
	.probe = uart16550_probe,
};
CONSOLE_DRIVER(uart16550_driver);
