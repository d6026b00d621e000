/* SPDX-License-Identifier: BSD-3-Clause */
/* Finding functions, bridges, BARs, capabilities and messages on a simulated segment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <base/errno.h>
#include <core/params.h>

#include "../../port/host/host.h"
#include "../../port/host/pci.h"
#include "pci.h"

#include <stdlib.h>
#include <string.h>

enum { HOST_BRIDGE = 0x29c08086, OURS = 0x99991234, CLASS = 0x020000 };
#define LOW_WINDOW ((uint64_t)0xc0000000)

static struct host_pci sim;
static struct pci_dev *attached[4];
static unsigned attached_count;
static int attach_error;

static bool matches(const struct pci_dev *dev)
{
	return dev->vendor == 0x1234;
}

static int attach(struct pci_dev *dev)
{
	attached[attached_count++ % 4] = dev;
	return attach_error;
}

static const struct pci_driver driver = { .name = "test", .matches = matches, .attach = attach };
PCI_DRIVER(driver);

static void parse(const char *line)
{
	static char *memory;

	free(memory);
	memory = malloc(params_memory_bytes(line, strlen(line)));
	params_parse(line, strlen(line), memory);
}

/* Functions of the test before stay in memory, as they do on a machine, and are forgotten. */
static int set_up(void **state)
{
	(void)state;
	host_io_remove_all();
	host_irq_forget();
	memset(&sim, 0, sizeof(sim));
	attached_count = 0;
	attach_error = 0;
	list_init(&pci_devices);
	parse("acpi=off"); /* the host has no BIOS at 0xe0000 */
	host_pci_function(&sim, NULL, 0, HOST_BRIDGE, 0x060000);
	return 0;
}

static void probe(void)
{
	host_pci_add(&sim);
	pci_probe(0x8000000, 0x8000000);
}

static unsigned found(void)
{
	unsigned count = 0;

	list_for_each(node, &pci_devices)
		count++;
	return count;
}

static void functions_are_found_once(void **state)
{
	struct host_pci_function *multi, *second, *hidden;

	(void)state;
	host_pci_function(&sim, NULL, 2, OURS, CLASS);
	multi = host_pci_function(&sim, NULL, 3, 0x11118086, 0x060100);
	multi->config[0x0e] = 0x80;
	second = host_pci_function(&sim, NULL, 3, 0x22228086, 0x010600);
	second->function = 5;
	hidden = host_pci_function(&sim, NULL, 4, 0x33338086, 0x010600);
	hidden->function = 1; /* of a slot without function 0 */
	probe();
	assert_int_equal(found(), 4);
	assert_int_equal(attached_count, 1);
	assert_int_equal(attached[0]->slot, 2);
	assert_int_equal(attached[0]->class, CLASS);
	assert_in_range(sim.reads, 32, 120); /* one bus, and no more */
}

static void without_a_host_bridge_nothing_is_looked_for(void **state)
{
	(void)state;
	sim.count = 0;
	probe();
	assert_int_equal(found(), 0);
	assert_in_range(sim.reads, 0, 2);
}

static void without_ports_nothing_is_there(void **state)
{
	(void)state;
	pci_probe(0, 0);
	assert_int_equal(found(), 0);
}

static void pci_off_looks_at_nothing(void **state)
{
	uint64_t before = host_io_accesses();

	(void)state;
	parse("acpi=off pci=off");
	probe();
	assert_int_equal(found(), 0);
	assert_int_equal(host_io_accesses(), before);
}

static void buses_behind_bridges_are_given_numbers(void **state)
{
	struct host_pci_function *a, *b, *inner;

	(void)state;
	a = host_pci_bridge(&sim, NULL, 1);
	b = host_pci_bridge(&sim, NULL, 2);
	inner = host_pci_bridge(&sim, a, 0);
	host_pci_function(&sim, inner, 4, OURS, CLASS);
	host_pci_function(&sim, b, 5, OURS, CLASS);
	probe();
	assert_int_equal(attached_count, 2);
	assert_memory_equal(a->config + 0x18, "\0\1\2", 3);
	assert_memory_equal(inner->config + 0x18, "\1\2\2", 3);
	assert_memory_equal(b->config + 0x18, "\0\3\3", 3);
}

static void buses_that_firmware_gave_are_kept(void **state)
{
	struct host_pci_function *a, *b;

	(void)state;
	a = host_pci_bridge(&sim, NULL, 1);
	b = host_pci_bridge(&sim, NULL, 2);
	memcpy(b->config + 0x18, "\0\1\4", 3);
	host_pci_function(&sim, a, 0, OURS, CLASS);
	host_pci_function(&sim, b, 0, OURS, CLASS);
	probe();
	assert_int_equal(attached_count, 2);
	assert_memory_equal(a->config + 0x18, "\0\5\5", 3);
	assert_memory_equal(b->config + 0x18, "\0\1\4", 3);
}

static void bridges_that_lead_in_circles_are_not_entered(void **state)
{
	struct host_pci_function *a, *b, *c;

	(void)state;
	a = host_pci_bridge(&sim, NULL, 1);
	b = host_pci_bridge(&sim, NULL, 2);
	c = host_pci_bridge(&sim, a, 3);
	memcpy(a->config + 0x18, "\0\1\5", 3);
	memcpy(b->config + 0x18, "\0\1\5", 3); /* the same bus */
	memcpy(c->config + 0x18, "\1\1\5", 3); /* its own */
	host_pci_function(&sim, a, 0, OURS, CLASS);
	probe();
	assert_int_equal(attached_count, 1);
	assert_int_equal(found(), 5);
}

static void bars_are_sized_with_decoding_off(void **state)
{
	struct host_pci_function *f = host_pci_function(&sim, NULL, 2, OURS, CLASS);
	const struct pci_bar *bars;

	(void)state;
	f->bar_bytes[0] = 0x40;
	f->bar_ports[0] = true;
	host_pci_set32(f, 0x10, 0xc041);
	f->bar_bytes[1] = 0x1000;
	host_pci_set32(f, 0x14, 0xfebd0000);
	f->bar_bytes[2] = 0x80000;
	f->bar_64bit[2] = true;
	host_pci_set32(f, 0x18, 0x00080004);
	host_pci_set32(f, 0x1c, 0x40); /* 256 GiB */
	f->bar_bytes[4] = (uint64_t)1 << 33;
	f->bar_64bit[4] = true;
	host_pci_set32(f, 0x20, 0x4);
	host_pci_set32(f, 0x24, 0x3ffc); /* the top of 46 bits */
	host_pci_set16(f, 4, 3);
	probe();
	assert_int_equal(attached_count, 1);
	bars = attached[0]->bars;
	assert_true(bars[0].is_ports && bars[0].address == 0xc040 && bars[0].bytes == 0x40);
	assert_true(bars[1].address == 0xfebd0000 && bars[1].bytes == 0x1000);
	assert_true(bars[2].address == 0x4000080000 && bars[2].bytes == 0x80000);
	assert_true(bars[3].bytes == 0);
	assert_true(bars[4].address == 0x3ffc00000000 && bars[4].bytes == (uint64_t)1 << 33);
	assert_int_equal(f->writes_while_decoding, 0);
	assert_int_equal(host_pci_get32(f, 0x10), 0xc041);
	assert_int_equal(f->config[4], 7);
}

static void a_part_of_a_bar_must_lie_within_it(void **state)
{
	struct host_pci_function *f = host_pci_function(&sim, NULL, 2, OURS, CLASS);
	struct io_region io;

	(void)state;
	f->bar_bytes[1] = 0x1000;
	host_pci_set32(f, 0x14, 0xfebd0000);
	probe();
	assert_int_equal(pci_map_bar(attached[0], 1, 0x800, 0x800, &io), 0);
	assert_int_equal(io.base, 0xfebd0800);
	assert_int_equal(pci_map_bar(attached[0], 1, 0x800, 0x801, &io), -EINVAL);
	assert_int_equal(pci_map_bar(attached[0], 1, UINT64_MAX, 2, &io), -EINVAL);
	assert_int_equal(pci_map_bar(attached[0], 0, 0, 1, &io), -EINVAL);
	assert_int_equal(pci_map_bar(attached[0], 7, 0, 1, &io), -EINVAL);
}

static void what_firmware_left_gets_addresses(void **state)
{
	struct host_pci_function *f = host_pci_function(&sim, NULL, 2, OURS, CLASS), *bridge,
				 *behind;

	(void)state;
	f->bar_bytes[0] = 0x4000;
	f->bar_64bit[0] = true;
	f->bar_bytes[2] = 0x20;
	f->bar_ports[2] = true;
	bridge = host_pci_bridge(&sim, NULL, 3);
	behind = host_pci_function(&sim, bridge, 0, OURS, CLASS);
	behind->bar_bytes[1] = 0x2000;
	probe();
	assert_int_equal(attached_count, 2);
	assert_int_equal(attached[0]->bars[0].address, LOW_WINDOW);
	assert_int_equal(host_pci_get32(f, 0x10), LOW_WINDOW | 4);
	assert_int_equal(attached[0]->bars[2].address, 0xc000);
	assert_int_equal(attached[1]->bars[1].address, LOW_WINDOW + (1 << 20));
	assert_int_equal(host_pci_get32(bridge, 0x20), 0xc010c010); /* one MiB */
	assert_int_equal(bridge->config[0x1c] & 0xf0, 0xf0);        /* no ports: closed */
	assert_int_equal(bridge->config[4] & 7, 7);
	assert_int_equal(behind->config[4] & 7, 6);
}

static void what_does_not_fit_below_4_gib_goes_above(void **state)
{
	struct host_pci_function *f = host_pci_function(&sim, NULL, 2, OURS, CLASS);

	(void)state;
	f->bar_bytes[0] = (uint64_t)1 << 34;
	f->bar_64bit[0] = true;
	f->bar_bytes[2] = (uint64_t)1 << 31; /* nowhere */
	probe();
	assert_int_equal(attached[0]->bars[0].address, (uint64_t)1 << 34);
	assert_int_equal(attached[0]->bars[2].address, 0);
}

static void a_driver_that_cannot_leaves_the_function_off(void **state)
{
	struct host_pci_function *f = host_pci_function(&sim, NULL, 2, OURS, CLASS);

	(void)state;
	attach_error = -EIO;
	probe();
	assert_int_equal(attached_count, 1);
	assert_int_equal(f->config[4] & 7, 0);
}

static void lists_of_capabilities_end(void **state)
{
	struct host_pci_function *f = host_pci_function(&sim, NULL, 2, OURS, CLASS);
	uint32_t at;

	(void)state;
	host_pci_capability(f, 0x50, 9);
	host_pci_capability(f, 0x40, 9);
	host_pci_capability(f, 0xf8, 0x11);
	f->config[0x51] = 0x40; /* from the last back to the second */
	probe();
	at = pci_find_capability(attached[0], PCI_CAP_VENDOR, 0, 16);
	assert_int_equal(at, 0x40);
	at = pci_find_capability(attached[0], PCI_CAP_VENDOR, at, 16);
	assert_int_equal(at, 0x50);
	assert_int_equal(pci_find_capability(attached[0], PCI_CAP_MSI, 0, 4), 0);
	assert_int_equal(pci_find_capability(attached[0], PCI_CAP_MSIX, 0, 12), 0); /* cut off */
	assert_int_equal(pci_find_capability(attached[0], PCI_CAP_MSIX, 0, 8), 0xf8);
	f->config[0x34] = 0x04; /* into the header */
	assert_int_equal(pci_find_capability(attached[0], PCI_CAP_VENDOR, 0, 16), 0);
}

/* Messages: a table of two in BAR 1. */

static uint32_t table[8];
static unsigned handled;

static void write_table(void *context, uint32_t offset, unsigned bytes, uint64_t value)
{
	(void)context;
	assert_int_equal(bytes, 4);
	table[offset / 4] = (uint32_t)value;
}

static void handle(void *context)
{
	assert_ptr_equal(context, &handled);
	handled++;
}

static struct host_pci_function *with_messages(uint32_t table_register)
{
	static struct host_device device = {
		.base = 0xfebd0000, .bytes = sizeof(table), .is_memory = true, .write = write_table
	};
	struct host_pci_function *f = host_pci_function(&sim, NULL, 2, OURS, CLASS);

	f->bar_bytes[1] = 0x1000;
	host_pci_set32(f, 0x14, 0xfebd0000);
	host_pci_capability(f, 0x60, 0x11);
	host_pci_set16(f, 0x62, 1);
	host_pci_set32(f, 0x64, table_register);
	host_io_add(&device);
	handled = 0;
	return f;
}

static void messages_are_masked_until_they_have_a_handler(void **state)
{
	struct host_pci_function *f = with_messages(1);
	struct irq_message message;

	(void)state;
	probe();
	assert_int_equal(pci_messages_start(attached[0]), 2);
	assert_int_equal(f->config[0x63], 0x80);
	assert_int_equal(f->config[5] & 4, 4); /* its line is off */
	assert_int_equal(table[3] & table[7] & 1, 1);
	assert_int_equal(pci_message_attach(attached[0], 1, handle, &handled, &message), 0);
	assert_int_equal(table[3], 1);
	assert_int_equal(table[7], 0);
	host_irq_send(table[4] | (uint64_t)table[5] << 32, table[6]);
	assert_int_equal(handled, 1);
	pci_message_detach(attached[0], 1, &message);
	assert_int_equal(table[7], 1);
	assert_int_equal(host_irq_messages(), 0);
	pci_messages_stop(attached[0]);
	assert_int_equal(f->config[0x63] & 0x80, 0);
}

static void a_table_outside_of_its_bar_is_no_table(void **state)
{
	(void)state;
	with_messages(0xff8 | 1);
	probe();
	assert_int_equal(pci_messages_start(attached[0]), 0);
	host_pci_set32(&sim.functions[1], 0x64, 7);
	assert_int_equal(pci_messages_start(attached[0]), 0);
	host_pci_set32(&sim.functions[1], 0x64, 5);
	assert_int_equal(pci_messages_start(attached[0]), 0);
}

static void a_line_is_used_where_firmware_told_it(void **state)
{
	struct host_pci_function *f = host_pci_function(&sim, NULL, 2, OURS, CLASS);

	(void)state;
	probe();
	assert_int_equal(pci_line_attach(attached[0], handle, &handled), -ENODEV); /* no pin */
	f->config[0x3d] = 1;
	assert_int_equal(pci_line_attach(attached[0], handle, &handled), -ENODEV);
	f->config[0x3c] = 0xff;
	assert_int_equal(pci_line_attach(attached[0], handle, &handled), -ENODEV);
	f->config[0x3c] = 11;
	assert_int_equal(pci_line_attach(attached[0], handle, &handled), 0);
	handled = 0;
	host_irq_raise(11);
	assert_int_equal(handled, 1);
	pci_line_detach(attached[0], handle, &handled);
	assert_false(host_irq_attached(11));
	assert_int_equal(f->config[5] & 4, 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(functions_are_found_once, set_up),
		cmocka_unit_test_setup(without_a_host_bridge_nothing_is_looked_for, set_up),
		cmocka_unit_test_setup(without_ports_nothing_is_there, set_up),
		cmocka_unit_test_setup(pci_off_looks_at_nothing, set_up),
		cmocka_unit_test_setup(buses_behind_bridges_are_given_numbers, set_up),
		cmocka_unit_test_setup(buses_that_firmware_gave_are_kept, set_up),
		cmocka_unit_test_setup(bridges_that_lead_in_circles_are_not_entered, set_up),
		cmocka_unit_test_setup(bars_are_sized_with_decoding_off, set_up),
		cmocka_unit_test_setup(a_part_of_a_bar_must_lie_within_it, set_up),
		cmocka_unit_test_setup(what_firmware_left_gets_addresses, set_up),
		cmocka_unit_test_setup(what_does_not_fit_below_4_gib_goes_above, set_up),
		cmocka_unit_test_setup(a_driver_that_cannot_leaves_the_function_off, set_up),
		cmocka_unit_test_setup(lists_of_capabilities_end, set_up),
		cmocka_unit_test_setup(messages_are_masked_until_they_have_a_handler, set_up),
		cmocka_unit_test_setup(a_table_outside_of_its_bar_is_no_table, set_up),
		cmocka_unit_test_setup(a_line_is_used_where_firmware_told_it, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
