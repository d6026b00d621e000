/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sim_uart16550.h"
#include "uart16550.h"

#include "regs.h"

#include <base/errno.h>
#include <hal/irq.h>

#include <string.h>

static struct sim_uart16550 sim;
static uint8_t received[256];
static size_t received_count, room;

static int start(void **state)
{
	(void)state;
	host_io_remove_all();
	host_irq_forget();
	received_count = 0;
	room = sizeof received;
	return 0;
}

static struct console_device *probe(enum sim_uart_kind kind)
{
	sim_uart16550_add(&sim, 0x3f8, 4, kind);
	return uart16550_driver.probe(NULL);
}

/** What the terminal does: takes what it has room for, and holds back the rest. */
static void input_ready(void *context)
{
	struct console_device *device = context;
	size_t n = device->ops->read(device, received + received_count, room - received_count);

	received_count += n;
	if (received_count == room)
		device->ops->pause_input(device);
}

static struct console_device *probe_with_input(enum sim_uart_kind kind)
{
	struct console_device *device = probe(kind);

	console_set_device(device);
	assert_int_equal(console_start_input(input_ready, device), 0);
	return device;
}

static void probe_finds_every_kind_of_uart(void **state)
{
	for (enum sim_uart_kind kind = SIM_UART_QEMU; kind <= SIM_UART_8250; kind++) {
		start(state);
		assert_non_null(probe(kind));
		assert_int_equal(sim.lcr, UART_LCR_8N1);
		assert_int_equal(sim.dll | sim.dlm << 8, 1);
		assert_int_equal(sim.ier, 0);
		assert_int_equal(sim.output_count, 0);
	}
}

static void probe_finds_nothing_where_nothing_is(void **state)
{
	for (enum sim_uart_kind kind = SIM_UART_ONES; kind <= SIM_UART_LAST; kind++) {
		start(state);
		assert_null(probe(kind));
	}
	start(state);
	assert_null(uart16550_driver.probe(NULL));
}

static void probe_goes_on_to_the_next_port(void **state)
{
	(void)state;
	sim_uart16550_add(&sim, 0x2f8, 3, SIM_UART_QEMU);
	assert_non_null(uart16550_driver.probe(NULL));
}

static void probe_understands_linux_names(void **state)
{
	static const char *const good[] = { "ttyS1", "ttyS1,115200n8", "uart,io,0x2f8",
					    "uart8250,io,2F8,9600" };
	static const char *const bad[] = { "ttyS0",
					   "ttyS4",
					   "ttyS",
					   "ttyS10",
					   "hvc0",
					   "",
					   "uart,io,",
					   "uart,io,0x2g8",
					   "uart,io,0xfffc",
					   "uart,mmio,0x1",
					   "uart,io,0x2f8x",
					   "uart",
					   "uart,io,0x100000000000002f8" };

	(void)state;
	sim_uart16550_add(&sim, 0x2f8, 3, SIM_UART_QEMU);
	for (unsigned i = 0; i < sizeof good / sizeof *good; i++)
		assert_non_null(uart16550_driver.probe(good[i]));
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_null(uart16550_driver.probe(bad[i]));
}

static void probe_takes_registers_in_memory(void **state)
{
	(void)state;
	sim_uart16550_add(&sim, 0, 4, SIM_UART_QEMU);
	sim.port.base = 0xfedc9000;
	sim.port.is_memory = true;
	assert_non_null(uart16550_driver.probe("uart,mmio,0xfedc9000,115200n8"));
}

static void output_never_overruns_the_fifo(void **state)
{
	char text[200];

	memset(text, 'x', sizeof text);
	for (enum sim_uart_kind kind = SIM_UART_QEMU; kind <= SIM_UART_8250; kind++) {
		struct console_device *device;

		start(state);
		device = probe(kind);
		sim.busy_polls = 5;
		assert_int_equal(device->ops->write(device, text, sizeof text), sizeof text);
		assert_int_equal(sim.overruns, 0);
		assert_int_equal(sim.output_count, sizeof text);
		assert_true(device->ops->flush(device));
	}
}

static void output_takes_one_status_read_for_16_bytes(void **state)
{
	struct console_device *device = probe(SIM_UART_VMM);
	uint64_t before = host_io_accesses();

	(void)state;
	assert_int_equal(device->ops->write(device, "0123456789abcdefg", 17), 17);
	assert_string_equal(sim.output, "0123456789abcdefg");
	assert_int_equal(host_io_accesses() - before, 2 + 17);
}

static void held_back_output_is_not_lost(void **state)
{
	struct console_device *device = probe(SIM_UART_QEMU);
	uint64_t before;

	(void)state;
	assert_int_equal(device->ops->write(device, "a", 1), 1);
	sim.stuck = true;
	assert_int_equal(device->ops->write(device, "bc", 2), 0);
	assert_false(device->ops->flush(device));
	before = host_io_accesses();
	assert_int_equal(device->ops->write(device, "bc", 2), 0);
	assert_int_equal(host_io_accesses() - before, 1);
	sim.stuck = false;
	assert_int_equal(device->ops->write(device, "bc", 2), 2);
	assert_string_equal(sim.output, "abc");
}

static void broken_uart_swallows_output_without_hanging(void **state)
{
	struct console_device *device = probe(SIM_UART_QEMU);

	(void)state;
	sim.stuck = true;
	assert_int_equal(device->ops->write(device, "abc", 3), 3);
	assert_true(device->ops->flush(device));
	assert_int_equal(sim.output_count, 0);
}

static void input_arrives_by_interrupt(void **state)
{
	for (enum sim_uart_kind kind = SIM_UART_QEMU; kind <= SIM_UART_8250; kind++) {
		start(state);
		probe_with_input(kind);
		assert_int_equal(sim_uart16550_receive(&sim, "x", 1), 1);
		assert_int_equal(received_count, 1);
		assert_int_equal(received[0], 'x');
	}
}

static void input_from_before_the_driver_is_not_lost(void **state)
{
	for (enum sim_uart_kind kind = SIM_UART_QEMU; kind <= SIM_UART_8250; kind++) {
		struct console_device *device;
		unsigned count;

		start(state);
		sim_uart16550_add(&sim, 0x3f8, 4, kind);
		count = sim_uart16550_receive(&sim, "early", 5);
		assert_int_equal(count, kind == SIM_UART_VMM ? 5 : 1);
		device = uart16550_driver.probe(NULL);
		console_set_device(device);
		assert_int_equal(console_start_input(input_ready, device), 0);
		sim_uart16550_receive(&sim, "X", 1);
		assert_int_equal(received_count, count + 1);
		assert_memory_equal(received, "early", count);
		assert_int_equal(received[count], 'X');
	}
}

static void input_that_nobody_takes_stays_in_the_device(void **state)
{
	struct console_device *device = probe_with_input(SIM_UART_VMM);

	(void)state;
	room = 3;
	assert_int_equal(sim_uart16550_receive(&sim, "abcde", 5), 5);
	assert_int_equal(received_count, 3);
	assert_int_equal(sim.ier, 0);
	assert_int_equal(sim_uart16550_receive(&sim, "f", 1), 1);
	assert_int_equal(received_count, 3);
	room = sizeof received;
	device->ops->resume_input(device);
	input_ready(device);
	assert_int_equal(received_count, 6);
	assert_memory_equal(received, "abcdef", 6);
	assert_int_equal(sim.ier, UART_IER_ERBFI);
}

static void break_is_no_input(void **state)
{
	(void)state;
	probe_with_input(SIM_UART_QEMU);
	sim.break_next = true;
	sim_uart16550_receive(&sim, "\0a", 2);
	assert_int_equal(received_count, 1);
	assert_int_equal(received[0], 'a');
}

static void uart_that_goes_away_gives_no_input(void **state)
{
	struct console_device *device = probe_with_input(SIM_UART_QEMU);

	(void)state;
	sim.kind = SIM_UART_ONES;
	assert_int_equal(device->ops->read(device, received, sizeof received), 0);
	assert_int_equal(device->ops->write(device, "x", 1), 1);
}

static void uart_without_interrupt_is_polled(void **state)
{
	struct console_device *device;

	(void)state;
	sim_uart16550_add(&sim, 0x1000, 0, SIM_UART_QEMU);
	device = uart16550_driver.probe("uart,io,0x1000");
	assert_non_null(device);
	assert_int_equal(device->ops->start_input(device), -ENODEV);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(probe_finds_every_kind_of_uart),
		TEST(probe_finds_nothing_where_nothing_is),
		TEST(probe_goes_on_to_the_next_port),
		TEST(probe_understands_linux_names),
		TEST(probe_takes_registers_in_memory),
		TEST(output_never_overruns_the_fifo),
		TEST(output_takes_one_status_read_for_16_bytes),
		TEST(held_back_output_is_not_lost),
		TEST(broken_uart_swallows_output_without_hanging),
		TEST(input_arrives_by_interrupt),
		TEST(input_from_before_the_driver_is_not_lost),
		TEST(input_that_nobody_takes_stays_in_the_device),
		TEST(break_is_no_input),
		TEST(uart_that_goes_away_gives_no_input),
		TEST(uart_without_interrupt_is_polled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
